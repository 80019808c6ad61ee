"""One recorded inbox leads to the same bytes, desk by desk, on one machine and on any number of workers."""

from __future__ import annotations

import pytest
from servers import clean_topics

from tests.conformance.clusters import Workers, put, settled, told
from tests.conformance.outcomes import alone, differences
from tests.conformance.recording import START, record

pytestmark = pytest.mark.cluster

REPORTS = 2_000


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return record(tmp_path_factory.mktemp("packs"), REPORTS)


@pytest.fixture(scope="module")
def expected(recorded):
    return alone(recorded)


def test_the_record_holds_everything_that_can_come_into_an_inbox(recorded):
    kinds = recorded.kinds
    assert kinds["RoutedReport"] > 0.9 * REPORTS
    for kind in ("Action", "Ack", "Tick", "Transfer", "RULE", "TRANSFER", "MERGE", "CLOSE"):
        assert kinds[kind], kind
    assert kinds["PackActivated"] == 2 * len(recorded.cities[0].rules.places.desks)


def test_an_outcome_that_differs_is_told(recorded, expected):
    desk = next(iter(expected))
    one = alone(recorded)
    one[desk].steps[3] = one[desk].steps[4]
    one[desk].counters["items_Tick"] += 1
    assert [text.partition(":")[0] for text in differences(expected, one)] == [desk, desk]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_any_number_of_workers_lead_to_the_same_bytes(kafka, recorded, expected, workers, tmp_path):
    settings = clean_topics(kafka, 4)
    put(settings, recorded.items)
    with Workers(settings, recorded.packs, tmp_path, clock=START) as running:
        running.start(workers)
        settled(settings, running)
        for one in list(running.running):
            assert running.stop(one) == 0, running.logs()
    found, _ = told(settings)
    assert not differences(expected, found)
