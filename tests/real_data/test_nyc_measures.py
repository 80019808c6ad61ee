"""Measures over a real city's requests: medians by agency are those that plain pandas gives on the same rows."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pyarrow as pa
import pytest

from streams.outlets.measures.asking import Asker, Question
from streams.outlets.measures.facts import CASES, CLOCKS, Facts
from tests.shared_data import shared

pytestmark = pytest.mark.real_data

SNAPSHOT = "nyc/requests/aug2026_snapshots/2026-08-05_b952b8e.parquet"


@pytest.fixture(scope="module")
def requests() -> pd.DataFrame:
    rows = pd.read_parquet(shared(SNAPSHOT))
    rows["created"] = pd.to_datetime(rows["created_date"])
    rows["closed"] = pd.to_datetime(rows["closed_date"])
    return rows


def as_facts(rows: pd.DataFrame) -> Facts:
    """Lay another system's requests out as facts, in the form that `onegrid history` writes."""
    empty = {"string": "", "bool": False, "int32": 0, "double": 0.0, "timestamp[us]": None}
    done = rows["closed"].notna()
    said = {
        "case_no": rows["unique_key"].astype(str), "matter": "INCIDENT", "unit": rows["agency"],
        "state": done.map({True: "CLOSED", False: "DISPATCHED"}), "closed": done,
        "opened_at": rows["created"], "reported_at": rows["created"], "closed_at": rows["closed"],
    }  # fmt: skip
    columns = {
        field.name: said.get(field.name, pd.Series([empty[str(field.type)]] * len(rows), rows.index))
        for field in CASES
    }
    table = pa.Table.from_pandas(pd.DataFrame(columns, rows.index), schema=CASES, preserve_index=False)
    return Facts(table, CLOCKS.empty_table(), rows["created"].max().to_pydatetime(), 0)


def test_median_hours_to_close_by_agency_are_those_of_plain_pandas(requests):
    closed = requests[requests["closed"].notna()]
    hours = (closed["closed"] - closed["created"]).dt.total_seconds() / 3600
    plain = hours.groupby(closed["agency"]).median().to_dict()
    asker = Asker(as_facts(requests), "NYC")
    question = Question(date(2000, 1, 1), date(2100, 1, 1), ("unit",), "", ("report_to_close_median",))
    found = {one.by["unit"]: (one.value or 0) / 60 for one in asker.ask(question)}
    print(
        f"\nmedian hours to close of {len(closed)} requests: { {k: round(v, 2) for k, v in sorted(found.items())} }"
    )
    assert len(found) >= 10
    assert found == pytest.approx(plain, rel=1e-12)


def test_the_ninth_decile_is_that_of_plain_pandas_by_week(requests):
    closed = requests[requests["closed"].notna()]
    hours = (closed["closed"] - closed["created"]).dt.total_seconds() / 3600
    plain = hours.groupby(closed["closed"].dt.strftime("%G-W%V")).quantile(0.9).to_dict()
    asker = Asker(as_facts(requests), "NYC")
    days = closed["closed"].dt.date
    question = Question(days.min(), days.max() + timedelta(days=1), (), "week", ("report_to_close_p90",))
    found = {one.window: one.value / 60 for one in asker.ask(question) if one.value is not None}
    assert found == pytest.approx(plain, rel=1e-9)
