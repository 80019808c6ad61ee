"""Bodies that nobody would send, in any number, and what has to hold whatever comes.

    storm(send, healthy, count)      # count bodies by hypothesis; `send(body, kind) -> (status, answer)`

Two thirds are mutants of a good report: a field taken out, of another type, of another range, twice, unknown; a few
are several lines or an array; the rest are bytes and JSON of any form. What was acknowledged is returned.
"""

from __future__ import annotations

import json

from gates import body
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from scenes import make_report, when

KINDS = ["application/json", "application/x-ndjson", "text/plain", "application/xml", ""]
MAY = {202, 400, 408, 413, 422}

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
_FIELDS = st.sampled_from(sorted(make_report(when("03-02 09:00")).__struct_fields__))
_ODD = st.sampled_from(
    [
        float("nan"), float("inf"), 1e308, -1e308, 2**63, 10**40, "", " ", "\u0000", "\ud83d\ude00", "9" * 400,
        "2026-13-45T99:99:99Z", "0000-01-01T00:00:00+00:00", "2026-03-02T09:00:00+99:99", [], {}, [[]], None, True,
    ]
)  # fmt: skip


def _encoded(value) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


@st.composite
def _mutants(draw) -> bytes:
    report = body(system_no=f"S{draw(st.integers(0, 10**9))}")
    for name in draw(st.lists(_FIELDS, max_size=3)):
        if draw(st.booleans()):
            report[name] = draw(_ODD | _JSON)
        else:
            report.pop(name, None)
    if draw(st.integers(0, 5)) == 0:
        report[draw(st.text(max_size=12))] = draw(_JSON)
    text = _encoded(report)
    how = draw(st.integers(0, 9))
    if how == 0:
        return text[: int(draw(st.floats(0, 1)) * len(text))]
    if how == 1:
        where = int(draw(st.floats(0, 0.999)) * len(text))
        return text[:where] + draw(st.binary(min_size=1, max_size=3)) + text[where + 1 :]
    if how == 2:
        return b"\n".join([text, _encoded(body(system_no="S-0")), text])
    if how == 3:
        return b"[" + b",".join([text] * draw(st.integers(0, 3))) + b"]"
    if how == 4:
        depth = draw(st.integers(1, 2000))
        return _encoded(report)[:-1] + b', "attributes": {"a": ' + b"[" * depth + b"]" * depth + b"}}"
    return text


BODIES = st.one_of(_mutants(), _mutants(), st.binary(max_size=300), _JSON.map(_encoded))


def storm(send, count: int, number: int = 1) -> list[str]:
    """Send so many bodies; return the ids of the reports that were acknowledged."""
    acknowledged: list[str] = []

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(BODIES, st.sampled_from(KINDS))
    def one(content, kind):
        status, said = send(content, kind)
        assert status in MAY, (status, content)
        if status == 202:
            acknowledged.extend(one["report_id"] for one in said["results"] if "report_id" in one)
        else:
            assert said["status"] == status
            assert said["detail"]
            assert said["detail_zh"]

    one()
    return acknowledged
