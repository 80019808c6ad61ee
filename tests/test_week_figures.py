"""The demo week's figures, computed again by plain pandas from the cases as JSON, and as Prometheus sees them."""

from __future__ import annotations

import bisect
import http.server
import json
import sqlite3
import threading
from datetime import date

import numpy as np
import pandas as pd
import pytest
from prometheus_server import Prometheus
from servers import need

from streams.outlets.board.sqlite import SqliteBoard
from streams.outlets.deskmetrics import _STAGE_MINUTES
from streams.outlets.measures.asking import Asker, Question
from streams.outlets.measures.folding import facts_at, names_in
from streams.outlets.measures.registry import registry

WEEK = (date(2026, 3, 2), date(2026, 3, 9))
ZONE = "Asia/Shanghai"
_FLAGS = ("extended", "reworked", "returned", "disputed", "reclassified", "self_handled", "repeat", "supervised",
          "reopened")  # fmt: skip
VOID = ("CANCELLED", "NOT_ACCEPTED", "NOT_FILED")


@pytest.fixture(scope="module")
def exact(heard_week):
    """Ask measures over the week's log."""
    board = SqliteBoard(heard_week.folder / "onegrid.sqlite")
    asker = Asker(facts_at(board, names_in(board)), "510100")
    yield asker
    board.close()


@pytest.fixture(scope="module")
def frames(heard_week):
    """Cases and clocks as pandas reads them from the file's JSON: nothing of ours but the field names."""
    db = sqlite3.connect(heard_week.folder / "onegrid.sqlite")
    raw = [json.loads(body) for (body,) in db.execute("SELECT body FROM cases")]
    db.close()
    cases = pd.DataFrame(raw)
    for name in ("opened_at", "reported_at", "dispatched_at", "finished_at", "closed_at"):
        cases[name] = pd.to_datetime(cases[name], utc=True, format="ISO8601").dt.tz_convert(ZONE)
    for name in _FLAGS:
        cases[name] = [(flags if isinstance(flags, dict) else {}).get(name, 0) for flags in cases["flags"]]
    cases["outcome"] = [receipt["outcome"] for receipt in cases["receipt"]]
    cases["closed"] = cases["state"].isin(["CLOSED", "EVALUATED"])
    cases["unit"] = cases["unit"].fillna("")
    clocks = pd.DataFrame([{"case_no": case["case_no"], **clock} for case in raw for clock in case.get("clocks", ())])
    for name in ("started", "ended", "due"):
        clocks[name] = pd.to_datetime(clocks[name], utc=True, format="ISO8601").dt.tz_convert(ZONE)
    clocks["overdue"] = clocks["overdue"].fillna(value=False).astype(bool)
    clocks["runs"] = [bool(spans) and spans[-1][1] is None for spans in clocks["spans"]]
    clocks["extra_s"] = clocks["extra_s"].fillna(0.0)
    return cases, clocks


def working_minutes(kind: str, begin: pd.Timestamp, end: pd.Timestamp) -> float:
    """Count minutes in the working periods of this week: Monday to Friday, 8-12 and 14-18; no holiday is in it."""
    if kind in ("URGENT_HOUR", "URGENT_MINUTE", "NATURAL_DAY"):
        return (end - begin).total_seconds() / 60
    total = 0.0
    for day in pd.date_range(begin.normalize(), end.normalize(), freq="D"):
        if day.day_of_week < 5:
            for opens, closes in ((8, 12), (14, 18)):
                low, high = max(begin, day + pd.Timedelta(hours=opens)), min(end, day + pd.Timedelta(hours=closes))
                total += max((high - low).total_seconds(), 0) / 60
    return total


def over_minutes(clock: pd.Series, now: pd.Timestamp) -> float:
    used = sum(
        working_minutes(
            clock["clock"], pd.Timestamp(begin).tz_convert(ZONE), pd.Timestamp(end).tz_convert(ZONE) if end else now
        )
        for begin, end in clock["spans"]
    )
    return max(used - (clock["limit_s"] + clock["extra_s"]) / 60, 0.0)


def plain(cases: pd.DataFrame, clocks: pd.DataFrame, now: pd.Timestamp) -> dict[str, float]:
    """Work every measure out again."""
    incidents = cases[(cases["matter"] == "INCIDENT") & (cases["state"] != "MERGED")]
    live = incidents[~incidents["state"].isin(VOID)]
    handle = clocks[clocks["name"] == "HANDLE"].merge(live[["case_no", "unit"]], on="case_no", suffixes=("", "_held"))
    handle["mine"] = handle["unit"] == handle["unit_held"]
    last = handle.sort_values(["mine", "started"]).groupby("case_no").tail(1)
    last = last.rename(columns={"unit": "handle_unit"})
    due = last[(last["due"] <= now) & (last["runs"] | last["ended"].notna() | last["overdue"])]
    due = due[["case_no", "due", "ended", "overdue", "runs", "handle_unit"]].merge(live, on="case_no")
    due = due[due["self_handled"] == 0]
    done = due["ended"].notna() & (due["ended"] == due["finished_at"])
    late = due["overdue"] | (due["runs"] & (due["due"] < now))
    checks = clocks[(clocks["name"] == "CHECK") & clocks["overdue"]]["case_no"]
    early = clocks[clocks["name"].isin(["ACCEPT", "FILE"]) & clocks["overdue"]]["case_no"]
    has_limit = incidents[incidents["limit"].fillna("") != ""]["case_no"]
    filed_clocks = clocks[(clocks["name"] == "FILE") & clocks["ended"].notna() & clocks["case_no"].isin(has_limit)]
    filed = incidents[incidents["case_no"].isin(filed_clocks["case_no"]) & (incidents["self_handled"] == 0)]
    sent = incidents[incidents["dispatched_at"].notna() & (incidents["self_handled"] == 0)]
    ended = clocks[clocks["ended"].notna()].merge(live[["case_no", "finished_at"]], on="case_no")
    ended["minutes"] = (ended["ended"] - ended["started"]).dt.total_seconds() / 60
    finished = last[last["ended"].notna()].merge(live[["case_no", "finished_at"]], on="case_no")
    finished = finished[finished["ended"] == finished["finished_at"]]
    handled = (finished["ended"] - finished["started"]).dt.total_seconds() / 60
    to_dispatch = (sent["dispatched_at"] - sent["reported_at"]).dt.total_seconds() / 60
    closed = incidents[incidents["closed"] & (incidents["self_handled"] == 0)]
    to_close = (closed["closed_at"] - closed["reported_at"]).dt.total_seconds() / 60
    asked = live[live["self_handled"] == 0]
    waited = asked["dispatched_at"].fillna(now) - asked["opened_at"] > pd.Timedelta(minutes=15)
    known = asked["dispatched_at"].notna() | waited
    over = handle[(handle["overdue"] | (handle["runs"] & (handle["due"] < now))) & (handle["due"] <= now)]
    acks = clocks[(clocks["name"] == "ACK") & (clocks["due"] <= now) & clocks["case_no"].isin(live["case_no"])]
    acks = acks[acks["runs"] | acks["ended"].notna() | acks["overdue"]]
    ratio = {
        "handling_rate": done.mean(),
        "on_time_handling_rate": (done & ~late).mean(),
        "on_time_handling_rate_scored": (done & ~late).mean(),  # nobody appeals in the simulated city
        "overdue_open_rate": (late & ~done).mean(),
        "closing_rate": due["closed"].mean(),
        "on_time_closing_rate": (due["closed"] & ~late & ~due["case_no"].isin(checks)).mean(),
        "rework_rate": due["reworked"].mean(),
        "extension_rate": due["extended"].mean(),
        "escalation_rate": (due["supervised"] > 0).mean(),
        "reopen_rate": (due["reopened"] > 0).mean(),
        "filing_on_time_rate": (~filed["case_no"].isin(early)).mean(),
        "filing_accuracy": ((filed["reclassified"] == 0) & ~filed["state"].isin(VOID)).mean(),
        "dispute_rate": (filed["disputed"] > 0).mean(),
        "dispatch_accuracy": (sent["first_unit"] == sent["unit"]).mean(),
        "return_rate": (sent["returned"] > 0).mean(),
        "valid_report_rate": (
            ~cases[cases["matter"] == "INCIDENT"]["state"].isin(["NOT_ACCEPTED", "NOT_FILED"])
        ).mean(),
        "unassigned_rate": waited[known].mean(),
        "repeat_rate": (incidents["repeat"] > 0).mean(),
        "backstop_share": (
            incidents[incidents["outcome"].isin(["LEAD", "BACKSTOP"])]["outcome"] == "BACKSTOP"
        ).mean(),
        "ack_on_time_rate": (acks["ended"].notna() & ~acks["overdue"]).mean(),
        "cases": len(incidents),
        "overdue_minutes": sum(over_minutes(clock, now) for _, clock in over.iterrows()),
    }
    ratio["overdue_minutes_scored"] = ratio["overdue_minutes"]
    ratio["district_score"] = (
        30 * ratio["handling_rate"] + 20 * ratio["on_time_handling_rate"] + 20 * (1 - ratio["rework_rate"])
        + 20 * (1 - ratio["overdue_open_rate"]) + 10 * (1 - ratio["extension_rate"])
    )  # fmt: skip
    times = {"report_to_dispatch": to_dispatch, "report_to_close": to_close, "handle": handled}
    times |= {
        name.lower(): ended[ended["name"] == name]["minutes"] for name in ("ACCEPT", "SIGN", "CHECK", "DISPUTE")
    }
    for name, values in times.items():
        ratio[f"{name}_median"] = values.median()
        ratio[f"{name}_p90"] = np.quantile(values, 0.9) if len(values) else np.nan
    return ratio


@pytest.mark.whole
def test_every_measure_of_the_week_is_what_plain_pandas_makes_of_it(exact, frames):
    cases, clocks = frames
    expected = plain(cases, clocks, pd.Timestamp(exact.facts.now, tz=ZONE))
    found = {one.measure: one for one in exact.ask(Question(*WEEK))}
    unrated = {"response_rate", "solution_rate", "satisfaction_rate"}  # nobody is called back in the simulated city
    assert set(expected) | unrated == set(registry())
    assert all(found[name].value is None for name in unrated)
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, rel=1e-9, abs=1e-9), name
    print(f"\n{len(expected)} measures over {found['cases'].denominator:.0f} incidents equal pandas'")


@pytest.mark.whole
def test_by_desk_and_by_day_the_week_is_what_plain_pandas_makes_of_it(exact, frames):
    cases, clocks = frames
    now = pd.Timestamp(exact.facts.now, tz=ZONE)
    for desk in sorted(cases["desk"].unique()):
        some = cases[cases["desk"] == desk]
        expected = plain(some, clocks[clocks["case_no"].isin(some["case_no"])], now)
        found = {one.measure: one.value for one in exact.ask(Question(*WEEK, ("desk",))) if one.by["desk"] == desk}
        for name in ("handling_rate", "on_time_handling_rate", "closing_rate", "handle_median", "district_score"):
            assert found[name] == pytest.approx(expected[name], rel=1e-9), (desk, name)
    opened = cases[(cases["matter"] == "INCIDENT") & (cases["state"] != "MERGED")]["opened_at"].dt.strftime(
        "%Y-%m-%d"
    )
    by_day = {one.window: one.value for one in exact.ask(Question(*WEEK, window="day", measures=("cases",)))}
    assert by_day == opened.value_counts().to_dict()


@pytest.fixture
def scraped(heard_week, tmp_path):
    """A real Prometheus that has scraped what the week told."""
    need("prometheus")
    page = heard_week.metrics.page()

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Prometheus(tmp_path / "prometheus", [f"127.0.0.1:{server.server_port}"]) as prometheus:
        prometheus.wait_for("onegrid_cases_total")
        yield prometheus
    server.shutdown()


@pytest.mark.prometheus
def test_prometheus_says_of_handling_time_and_on_time_share_what_the_measures_say(scraped, exact):
    """Handling time within one bucket of the exact one; the share within one bucket of a twentieth."""
    for measure, quantile in (("handle_median", 0.5), ("handle_p90", 0.9)):
        (found,) = exact.ask(Question(*WEEK, measures=(measure,)))
        said = scraped.value(f"histogram_quantile({quantile}, sum by (le) (onegrid_handling_minutes_bucket))")
        buckets = [bisect.bisect_left(_STAGE_MINUTES, value) for value in (found.value, said)]
        print(f"\n{measure}: exact {found.value:.1f}, Prometheus {said:.1f}, buckets {buckets}")
        assert abs(buckets[0] - buckets[1]) <= 1
    (share,) = exact.ask(Question(*WEEK, measures=("on_time_handling_rate",)))
    said = scraped.value('sum(onegrid_deadlines_total{in_time="yes"}) / sum(onegrid_deadlines_total)')
    print(f"on time: exact {share.value:.4f} of {share.denominator:.0f}, Prometheus {said:.4f} of "
          f"{scraped.value('sum(onegrid_deadlines_total)'):.0f}")  # fmt: skip
    assert abs(said - share.value) <= 0.05
    for desk in ("510104", "510106", "5101GX"):
        (exactly,) = [
            one
            for one in exact.ask(Question(*WEEK, ("desk",), measures=("on_time_handling_rate",)))
            if one.by == {"desk": desk}
        ]
        in_time = scraped.value(f'sum(onegrid_deadlines_total{{desk="{desk}", in_time="yes"}})')
        said = in_time / scraped.value(f'sum(onegrid_deadlines_total{{desk="{desk}"}})')
        assert abs(said - exactly.value) <= 0.05


@pytest.mark.prometheus
def test_prometheus_counts_what_the_board_counts(scraped, exact, heard_week):
    opened = exact.table("SELECT count(*) FROM cases WHERE matter = 'INCIDENT'")[0][0]
    assert scraped.value('sum(onegrid_cases_total{matter="INCIDENT"})') == opened
    is_open = exact.table("SELECT count(*) FROM cases WHERE is_open")[0][0]
    assert scraped.value("sum(onegrid_open_cases)") == is_open
    red = exact.table("SELECT count(*) FROM incidents, moment WHERE running AND due < now AND NOT self_handled")[0][0]
    assert abs(scraped.value('sum(onegrid_cases_by_light{light="RED"})') - red) <= 1
