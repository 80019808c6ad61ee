"""`onegrid duties rulings`, as a shell would run it on a data folder."""

from __future__ import annotations

import csv
import json
from datetime import UTC

import msgspec
import pytest
from scenes import CENTRE, make_report, when

from streams.hosts.embedded.host import EmbeddedHost
from streams.records import Action
from streams.stages.acceptance import Accepted

ROW = "002-01,002,E-01,CITY,990100,,LEAD,@street-office,,STATUTORY,,办法第2条,,,"
TWIN = ROW.replace("002-01", "002-09").replace("@street-office", "@district:urban-management")
AT = when("03-02 09:00").astimezone(UTC)


@pytest.fixture(scope="module")
def data(bent_city, tmp_path_factory):
    """A data folder in which a tie was ruled on."""
    folder = tmp_path_factory.mktemp("data")
    manual = ("city.toml", 'mode = "auto"', 'mode = "manual"')
    host = EmbeddedHost(bent_city(("duties.csv", ROW, f"{ROW}\n{TWIN}"), manual), folder, AT)
    report = make_report(AT)
    host.accept([Accepted(report, AT, msgspec.json.encode(report))])
    number = host.drain()[-1].transitions[0].case_no
    asked = (("ACCEPT", {}), ("FILE", {}), ("RULE", {"unit": "990101-UM", "scope_type": "STREET"}))
    for verb, payload in asked:
        fields = {"verb": verb, "actor": "x", "actor_unit": CENTRE, "reason": "its street", "payload": payload}
        host.submit([(Action(action_id=verb, case_no=number, at=AT, **fields), AT)])
        host.drain()
    assert host.current(number).state == "DISPATCHED"
    host.close()
    return folder


def test_rulings_are_printed_as_rows_of_the_duty_list(onegrid, data, capsys):
    code, out, _ = onegrid("duties", "rulings", "--data", data)
    assert code == 0
    (row,) = csv.DictReader(out.splitlines())
    assert (row["category"], row["scope_type"], row["role"], row["unit"]) == (
        "E-01-10",
        "STREET",
        "LEAD",
        "990101-UM",
    )
    assert (row["decided_by"], row["effective_from"], row["supersedes"]) == (CENTRE, "2026-03-02", "")


def test_rulings_are_written_to_a_file(onegrid, data, tmp_path):
    code, out, _ = onegrid("duties", "rulings", "--data", data, "--out", tmp_path / "rulings.csv")
    assert code == 0
    assert "1" in out
    with (tmp_path / "rulings.csv").open(encoding="utf-8-sig") as file:
        assert len(list(csv.DictReader(file))) == 1


def test_machines_get_one_object(onegrid, data):
    code, out, _ = onegrid("duties", "rulings", "--data", data, "--json")
    (ruling,) = json.loads(out)["rulings"]
    assert (code, ruling["unit"], ruling.get("overrules", "")) == (0, "990101-UM", "")


def test_a_folder_without_data_is_bad_input(onegrid, tmp_path):
    code, _, said = onegrid("duties", "rulings", "--data", tmp_path)
    assert code == 2
    assert "expected a data folder" in said
