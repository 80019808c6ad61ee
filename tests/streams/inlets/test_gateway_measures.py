from __future__ import annotations

import pytest
from gates import Gate, body

from streams.inlets.gateway.measures import add_measures
from streams.outlets.measures.registry import registry


@pytest.fixture(scope="module")
def gate(small_city, tmp_path_factory):
    gate = Gate(small_city, tmp_path_factory.mktemp("gate"))
    add_measures(gate.app, gate.service.room)
    gate.post([body() for _ in range(3)])
    gate.settled(3)
    yield gate
    gate.service.stop()


def test_figures_are_asked_by_window_and_place(gate):
    found = gate.client.get("/v1/measures?from=2026-03-02&to=2026-03-09&by=desk&window=day&measure=cases").json()
    (item,) = found["items"]
    assert (item["measure"], item["window"], item["by"], item["value"]) == (
        "cases",
        "2026-03-02",
        {"desk": "990101"},
        3,
    )
    assert item["formula"]
    assert found["next"] is None


def test_without_days_the_last_week_is_meant_and_all_measures(gate):
    found = gate.client.get("/v1/measures").json()["items"]
    assert {one["measure"] for one in found} == set(registry())
    assert {one["window"] for one in found} == {"2026-02-24/2026-03-03"}


def test_a_figure_lists_its_cases_by_the_same_words(gate):
    asked = "/v1/measures/cases/cases?from=2026-03-02&to=2026-03-09"
    assert len(gate.client.get(asked + "&desk=990101").json()["items"]) == 3
    assert gate.client.get(asked + "&desk=990102").json()["items"] == []
    assert len(gate.client.get(asked + "&limit=2").json()["items"]) == 2


def test_the_registry_is_told_with_the_query_of_each(gate):
    found = gate.client.get("/v1/measures/registry").json()["items"]
    assert "SELECT" in found[0]["sql"]
    assert {"id", "version", "formula", "cohort", "zh", "en", "unit"} <= set(found[0])


def test_an_earlier_position_is_answered_too(gate):
    found = gate.client.get("/v1/measures?measure=cases&as_of=1000").json()["items"]
    assert found[0]["value"] == 3


@pytest.mark.parametrize(
    "query", ["by=planet", "window=hour", "measure=luck", "from=2026-03-09&to=2026-03-02"]
)  # fmt: skip
def test_a_question_that_cannot_be_asked_is_refused_with_what_can(gate, query):
    answer = gate.client.get(f"/v1/measures?{query}")
    assert answer.status_code == 422
    assert answer.json()["reason"] == "BAD_QUESTION"
    assert "expected" in answer.json()["detail"]


def test_what_is_asked_is_bound_and_never_part_of_a_query(gate):
    answer = gate.client.get("/v1/measures/cases/cases", params={"desk": "' OR 1=1 --"})
    assert answer.json()["items"] == []
    assert gate.client.get("/v1/measures/no;DROP TABLE cases/cases").status_code == 422
