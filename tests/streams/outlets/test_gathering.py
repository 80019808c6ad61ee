"""The history of several logs, as a cluster's partitions are: the same rows as of one, written on where it ended."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from hosted import kept
from measured import told
from scenes import Scene, when

from streams.ledger.chain import Chain
from streams.ledger.records import Claim
from streams.ledger.testing import MemoryLog
from streams.outlets import gathering
from streams.outlets.board.sqlite import SqliteBoard
from streams.outlets.gathering import gather
from streams.outlets.history import read_history, stand_of, write_history
from streams.outlets.measures.names import names_of
from streams.outlets.measures.registry import MeasureError

OWN = {"offset", "log_time", "partition"}
"""Columns that name the record a step stands in: how inputs are cut into records is each host's own."""


class Cluster:
    """The logs of a scene's desks, one for each."""

    def __init__(self, scene) -> None:
        self.scene, self.taken = scene, 0
        self.desks = list(scene.city.rules.places.desks)
        self.logs = [MemoryLog() for _ in self.desks]
        self.chains = [Chain() for _ in self.desks]
        self.last = [0] * len(self.desks)
        claim = Claim("a", when("03-02 08:00"))
        for log, chain in zip(self.logs, self.chains, strict=True):
            log.append(claim)
            chain.claimed(claim)

    def write(self, most=None):
        """Write what came of so many more inputs; after each what a writer from the past says."""
        for part in self.scene.parts[self.taken :][:most]:
            for desk, effects in part.items():
                n = self.desks.index(desk)
                record = self.chains[n].record(0, self.last[n] + 1, self.last[n] + 1, {desk: effects})
                self.chains[n].add(self.logs[n].append(record), record)
                self.logs[n].append(self.chains[n].record(9999, 1, 1, {desk: effects}))
                self.last[n] += 1
            self.taken += 1
        return self

    def reads(self, order=None):
        return {n: self.logs[n].read for n in order or range(len(self.logs))}


@pytest.fixture
def scene(manual_city):
    scene = Scene(manual_city)
    told(scene)
    return scene


@pytest.fixture
def names(manual_city):
    return names_of(manual_city.rules)


def rows(folder, name, own=()):
    """Return a table of a history as rows by month, in an order of their own."""
    found = []
    for path in sorted((folder / name).glob("month=*/*.parquet")):
        table = pq.ParquetFile(path).read()
        table = table.drop_columns([column for column in own if column in table.column_names])
        found += [(path.parent.name, *row.values()) for row in table.to_pylist()]
    return sorted(found, key=repr)


def same(one, other):
    for name in ("transitions", "cases", "clocks"):
        assert rows(one, name, OWN) == rows(other, name, OWN), name
    assert read_history(one)[0].now == read_history(other)[0].now


def test_several_logs_hold_the_same_rows_as_the_one_of_the_embedded_host(scene, manual_city, names, tmp_path):
    kept(scene, manual_city, tmp_path / "data").close()
    board = SqliteBoard(tmp_path / "data/onegrid.sqlite")
    write_history(board, names, tmp_path / "one")
    board.close()
    made = gather(Cluster(scene).write().reads(), names, tmp_path / "many")
    assert made.cases == len(rows(tmp_path / "many", "cases")) > 10
    same(tmp_path / "one", tmp_path / "many")


def test_a_history_that_was_written_bit_by_bit_is_the_one_that_was_written_at_once(scene, names, tmp_path):
    cluster = Cluster(scene)
    seen = 0
    while cluster.taken < len(scene.parts):
        cluster.write(7)
        seen += gather(cluster.reads(), names if not seen else None, tmp_path / "bits").read
    assert seen == sum(cluster.last)
    assert gather(cluster.reads(), None, tmp_path / "bits").read == 0
    gather(cluster.reads(list(reversed(range(len(cluster.logs))))), names, tmp_path / "whole")
    same(tmp_path / "bits", tmp_path / "whole")


def test_what_was_written_before_a_kill_is_not_there_twice(scene, names, tmp_path, monkeypatch):
    cluster = Cluster(scene).write(len(scene.parts) // 2)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(gathering, "ROWS", 5)
        patch.setattr(gathering, "_facts", killed)
        with pytest.raises(KeyboardInterrupt):
            gather(cluster.reads(), names, tmp_path / "killed")
    with monkeypatch.context() as patch:
        patch.setattr(gathering, "mark", killed)  # after the files, before it is said that they are there
        with pytest.raises(KeyboardInterrupt):
            gather(Cluster(scene).write().reads(), names, tmp_path / "first")
    gather(cluster.write().reads(), names, tmp_path / "killed")
    gather(cluster.reads(), names, tmp_path / "first")
    same(tmp_path / "killed", tmp_path / "first")


def test_a_history_is_asked_as_of_where_it_was_written(scene, names, tmp_path):
    cluster = Cluster(scene).write(len(scene.parts) // 2)
    then = gather(cluster.reads(), names, tmp_path).written
    facts = read_history(tmp_path)[0]
    gather(cluster.write().reads(), names, tmp_path)
    stand = stand_of(tmp_path, then.position)
    assert sorted(stand.cases) == sorted(facts.cases["case_no"].to_pylist())
    states = dict(zip(facts.cases["case_no"].to_pylist(), facts.cases["state"].to_pylist(), strict=True))
    assert {number: case.state for number, case in stand.cases.items()} == states
    assert stand.now == then.now
    with pytest.raises(MeasureError, match=f"expected one of {then.position}, "):
        stand_of(tmp_path, then.position + 1)


def test_another_clusters_history_and_another_logs_are_not_written_on(scene, manual_city, names, tmp_path):
    gather(Cluster(scene).write().reads(), names, tmp_path / "one")
    other = Scene(manual_city)
    other.report("03-03 09:00")
    told(other)
    with pytest.raises(MeasureError, match="expected the history of this log"):
        gather(Cluster(other).write().reads(), names, tmp_path / "one")
    kept(scene, manual_city, tmp_path / "data").close()
    board = SqliteBoard(tmp_path / "data/onegrid.sqlite")
    with pytest.raises(MeasureError, match="a cluster's history"):
        write_history(board, names, tmp_path / "one")
    board.close()


def test_a_new_history_needs_names_and_a_log_in_which_something_was_done(scene, names, tmp_path):
    with pytest.raises(MeasureError, match="expected --city"):
        gather(Cluster(scene).reads(), None, tmp_path)
    with pytest.raises(MeasureError, match="the logs hold nothing"):
        gather(Cluster(scene).reads(), names, tmp_path)
