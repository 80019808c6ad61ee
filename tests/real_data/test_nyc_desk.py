"""A real day of a real city through intake, desk and embedded host: every row is accounted for."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import islice

import pytest

from grids.city import City, open_city
from grids.duties.proof import prove
from streams.hosts.embedded import EmbeddedHost
from streams.inlets.lines import read_line
from streams.outlets.board.sqlite import SqliteBoard
from streams.records import DeadLetter
from streams.stages.measures import figures
from tests.nyc import report_lines, write_nyc_pack
from tests.shared_data import shared

pytestmark = pytest.mark.real_data

SNAPSHOT = "nyc/requests/aug2026_snapshots/2026-08-05_b952b8e.parquet"
TAKEN = datetime(2026, 8, 6, 4, 0, tzinfo=UTC)
"""When the snapshot of 5 August was complete."""

ROWS = 30_990


@pytest.fixture(scope="module")
def nyc(tmp_path_factory) -> City:
    return open_city(write_nyc_pack(tmp_path_factory.mktemp("pack") / "nyc"))


def feed(host: EmbeddedHost, lines) -> None:
    lines = iter(lines)
    while batch := list(islice(lines, 2000)):
        read = [read_line(line, TAKEN) for line in batch]
        host.accept([one for one in read if not isinstance(one, DeadLetter)])
        host.refuse([one for one in read if isinstance(one, DeadLetter)])
        host.drain()


def test_the_duties_of_the_small_new_york_pack_prove_clean(nyc):
    proof = prove(nyc.rules.duties, nyc.rules.catalogue.leaves, nyc.cell_places)
    assert proof.holds
    assert proof.explicit + proof.backstop == proof.pairs == len(nyc.cells.codes) * 15


def test_every_row_of_the_snapshot_is_a_case_a_repeat_an_update_or_a_dead_letter(nyc, tmp_path):
    host = EmbeddedHost(nyc, tmp_path, TAKEN)
    feed(host, report_lines(shared(SNAPSHOT)))
    host.close()
    board = SqliteBoard(tmp_path / "onegrid.sqlite")
    counters, dead = board.counters(), board.dead_letter_reasons(of_reports=True)
    duplicates = sum(counters.get(name, 0) for name in ("repeats", "updates", "merged"))
    cases = [case for case in board.all_cases() if case.state != "MERGED"]
    print(f"\ncases {len(cases)}, duplicates {duplicates}, dead letters {dead}, of {ROWS} rows")
    assert len(cases) + duplicates + sum(dead.values()) == ROWS
    assert len({case.sources[0].system_no for case in cases}) == len(cases)
    outcomes = Counter(case.receipt.outcome for case in cases)
    without_place = [case for case in cases if case.placement.lon is None]
    print(f"outcomes {dict(outcomes)}; without coordinates {len(without_place)}")
    assert all(case.receipt.outcome == "NO_GRID" and case.desk == "NYCNYC" for case in without_place)
    assert len(without_place) > 400
    board.close()


def test_the_same_snapshot_fed_twice_opens_no_case_twice(nyc, tmp_path):
    host = EmbeddedHost(nyc, tmp_path, TAKEN)
    few = list(islice(report_lines(shared(SNAPSHOT)), 3000))
    feed(host, few)
    feed(host, few)
    host.close()
    board = SqliteBoard(tmp_path / "onegrid.sqlite")
    assert board.counters()["repeats"] == len(few) - board.dead_letter_reasons().get("FUTURE", 0)
    assert board.count("cases") == board.counters()["repeats"]
    board.close()


def test_earlier_snapshots_first_make_later_states_updates_and_not_cases(nyc, tmp_path):
    host = EmbeddedHost(nyc, tmp_path, TAKEN)
    days = ("2026-08-02_6e926a4", "2026-08-03_4eb97cb")
    rows = [list(report_lines(shared(f"nyc/requests/aug2026_snapshots/{day}.parquet"))) for day in days]
    for lines in rows:
        feed(host, lines)
    found = figures(host.store.cases(), TAKEN, TAKEN)
    host.close()
    board = SqliteBoard(tmp_path / "onegrid.sqlite")
    counters, dead = board.counters(), sum(board.dead_letter_reasons(of_reports=True).values())
    print(f"\ncases {found.cases}, repeats {counters['repeats']}, updates {counters.get('updates', 0)}, dead {dead}")
    assert found.cases + counters["repeats"] + counters.get("updates", 0) + dead == sum(map(len, rows))
    assert found.cases == len({line.split(b'"system_no": "')[1][:8] for lines in rows for line in lines}) - dead
    board.close()


DAYS = ("2026-08-02_6e926a4", "2026-08-03_4eb97cb", "2026-08-04_4151d90", "2026-08-05_b952b8e")


def final(nyc: City, folder, days: list[str]) -> dict[str, tuple[object, ...]]:
    """Feed snapshots in an order, and say what became of each request: nothing of it depends on when it was heard."""
    host = EmbeddedHost(nyc, folder, TAKEN)
    for day in days:
        feed(host, report_lines(shared(f"nyc/requests/aug2026_snapshots/{day}.parquet")))
    found: dict[str, tuple[object, ...]] = {}
    for case in host.store.cases():
        for source in case.sources:
            assert source.system_no not in found, "a request is one case"
            place = case.placement
            found[source.system_no] = (
                source.digest, source.status, source.updated_at, case.category, case.text, case.unit, case.desk,
                place.cell, place.lon, place.lat, case.receipt.lead, case.receipt.outcome, case.state,
            )  # fmt: skip
    host.close()
    return found


def test_snapshots_with_their_days_swapped_end_in_the_same_cases(nyc, tmp_path):
    in_order = final(nyc, tmp_path / "order", list(DAYS))
    swapped = final(nyc, tmp_path / "swapped", [DAYS[n] for n in (1, 0, 3, 2)])
    closed = sum(one[1] == "Closed" for one in in_order.values())
    print(f"\nrequests {len(in_order)}, of which the source says {closed} are closed; swapped {len(swapped)}")
    assert len(in_order) > 30_000
    assert in_order == swapped
