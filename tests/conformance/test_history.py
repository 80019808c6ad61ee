"""One recorded inbox leads to the same history, on one machine and on workers of a cluster."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
from servers import clean_topics

from streams.cli import commands
from streams.hosts.embedded.store import FILE, Store
from streams.hosts.kafka.histories import bring_up
from streams.hosts.partition import Partition
from streams.outlets.board.sqlite import SqliteBoard
from streams.outlets.history import read_history, write_history
from streams.outlets.measures.asking import Asker, Question
from streams.outlets.measures.names import names_of
from tests.conformance.clusters import Workers, put, settled
from tests.conformance.recording import START, record

pytestmark = pytest.mark.cluster

REPORTS = 400

OWN = ["offset", "log_time", "partition"]
"""Columns that name the record a step stands in: how inputs are cut into records is each host's own."""


def on_one_machine(recorded, names, folder):
    """Write the history of the embedded host's file, its tables kept as it keeps them."""
    store = Store(folder)
    with store.transaction():
        store.add_inbox((item.desk, item.at, item.body) for item in recorded.items)
        zone = recorded.cities[0].zone
        partition = Partition("embedded", recorded.desks, store.log, store.snapshots, store, zone)
        partition.take_over(recorded.items[0].at)
        while items := store.inbox_after(partition.applied, 500):
            for done in partition.apply(items):
                store.keep(done)
    store.close()
    board = SqliteBoard(folder / FILE)
    write_history(board, names, folder / "history")
    board.close()
    return folder / "history"


def rows(folder, name):
    """Return a table of a history as rows by month, in an order of their own."""
    found = []
    for path in sorted((folder / name).glob("month=*/*.parquet")):
        table = pq.ParquetFile(path).read()
        table = table.drop_columns([column for column in OWN if column in table.column_names])
        found += [(path.parent.name, *row.values()) for row in table.to_pylist()]
    return sorted(found, key=repr)


def figures(folder, city):
    facts = read_history(folder)[0]
    asker, end = Asker(facts, city), facts.now.date()
    question = Question(START.date(), end, ("desk", "unit"))
    return [
        (one.measure, one.by, even(one.numerator), one.denominator, even(one.value)) for one in asker.ask(question)
    ]


def even(value):
    """Leave out what the order in which numbers are added up changes."""
    return value and round(value, 6)


def test_a_clusters_history_holds_the_rows_of_the_embedded_host_and_reads_only_what_is_new(
    kafka, onegrid_at, tmp_path
):
    recorded = record(tmp_path / "packs", REPORTS)
    names = names_of(recorded.cities[0].rules)
    one = on_one_machine(recorded, names, tmp_path / "one")
    settings, many = clean_topics(kafka, 2), tmp_path / "many"
    half = len(recorded.items) // 2
    with Workers(settings, recorded.packs, tmp_path, clock=START) as running:
        put(settings, recorded.items[:half])
        running.start(1)
        settled(settings, running)
        first = bring_up(settings, names, many)
        put(settings, recorded.items[half:])
        settled(settings, running)
        second = bring_up(settings, None, many)
    whole = bring_up(settings, names, tmp_path / "whole")
    assert bring_up(settings, None, many).read == 0
    assert first.read > 0
    assert first.read + second.read == whole.read
    for name in ("transitions", "cases", "clocks"):
        assert rows(many, name) == rows(one, name), name
        assert rows(tmp_path / "whole", name) == rows(one, name), name
    assert len(rows(one, "cases")) > REPORTS / 2
    assert {row[0] for row in rows(one, "transitions")} == {"month=2026-03"}
    city = recorded.cities[0].rules.form.adcode
    assert figures(many, city) == figures(one, city)
    said = onegrid_at("measures", "--broker", kafka, "--city", recorded.packs[0], "--json")
    here = onegrid_at("measures", "--data", one, "--json")
    assert here["now"] == said["now"]
    for row in (*said["rows"], *here["rows"]):
        row |= {"position": 0, "value": even(row["value"]), "numerator": even(row["numerator"])}
    assert said["rows"] == here["rows"]
    assert said["position"] == whole.written.position
    again = onegrid_at("history", "--broker", kafka, "--out", many, "--json")
    assert (again["records"], again["cases"]) == (0, len(rows(one, "cases")))


@pytest.fixture
def onegrid_at(capsys):
    """Run a command in this process and return what it says as JSON."""

    def run(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            commands()([str(one) for one in arguments])
        assert ended.value.code == 0
        return json.loads(capsys.readouterr().out)

    return run
