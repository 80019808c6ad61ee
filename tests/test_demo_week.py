"""What the demo week's alerts say to whoever else reads CAP."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from cap_tools.models import Alert as OtherAlert
from cap_tools.models import Reference
from xsdata.formats.dataclass.context import XmlContext
from xsdata.formats.dataclass.parsers import XmlParser

from streams.cap.checking import advice, faults
from streams.hosts.embedded.store import FILE
from streams.outlets.board.sqlite import SqliteBoard

pytestmark = pytest.mark.whole

_ONEGRID = "from streams.cli import main; main()"


@pytest.fixture(scope="module")
def week(tmp_path_factory):
    """The data folder of a demo week."""
    folder = tmp_path_factory.mktemp("week")
    run = subprocess.run(
        [sys.executable, "-c", _ONEGRID, "demo", "--no-serve", "--json", "--data", str(folder)],
        env={**os.environ, "ONEGRID_CACHE": str(folder / "cache")}, capture_output=True, timeout=600, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr.decode()[-2000:]
    return folder, json.loads(run.stdout)


def test_every_document_of_the_demo_week_is_valid_and_another_project_reads_it(week):
    folder, said = week
    board, context = SqliteBoard(next(folder.rglob(FILE))), XmlContext()
    sent, kinds, after = {}, {}, ""
    while found := board.alerts(after=after, limit=1000):
        after = found[-1].alert_id
        for alert in found:
            assert faults(alert.cap.encode()) == [], alert.alert_id
            assert advice(alert.cap.encode()) == [], alert.alert_id
            read = XmlParser(context=context).from_string(alert.cap, OtherAlert)
            assert read.identifier == alert.alert_id
            sent[alert.alert_id] = (read.sender, read.sent)
            kinds.setdefault(read.msg_type.value, []).append((alert, read))
            for area in (area for info in read.infos for area in info.areas):
                for ring in area.polygons:
                    pairs = [tuple(map(float, pair.split(","))) for pair in ring.split()]
                    assert pairs[0] == pairs[-1]
                    assert all(30 < lat < 31.5 and 103 < lon < 105 for lat, lon in pairs), "lat,lon of Chengdu"
    for alert, read in kinds["Update"] + kinds["Cancel"]:
        for reference in (Reference.from_string(one) for one in read.references.split()):
            assert sent[reference.identifier] == (reference.sender, reference.sent), alert.alert_id
    assert set(kinds) == {"Alert", "Update", "Cancel"}
    assert len(sent) == said["alerts"]
    print(f"\n{len(sent)} documents: { {kind: len(many) for kind, many in kinds.items()} }")
