"""Service requests as GeoReport shows them: cases, found by number, service, time and status."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from streams.identity.masking import mask_text
from streams.inlets.gateway.open311.services import MATTERS
from streams.stages.desk.lifecycle import ENDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from grids.rules import Rules
    from streams.identity.principals import Principal
    from streams.identity.sight import Sight
    from streams.outlets.board import Board
    from streams.records import Case

SPAN = timedelta(days=90)
MOST = 1000
_PAGE = 500
_CODES = {matter: code for code, (matter, _) in MATTERS.items()}


class QueryError(ValueError):
    """A question that can't be answered as it is put; the text names the parameter."""


class Query(NamedTuple):
    """Which requests are asked for; `ids` override everything else."""

    ids: tuple[str, ...]
    codes: frozenset[str]
    statuses: frozenset[str]
    start: datetime
    end: datetime


def query_of(said: Mapping[str, str], now: datetime) -> Query:
    """Read the parameters of a question. Raises QueryError."""
    statuses = frozenset(part.strip().lower() for part in said.get("status", "").split(",") if part.strip())
    if statuses - {"open", "closed"}:
        raise QueryError(f"status: {said['status']!r}; expected open, closed or both")
    start, end = _time(said, "start_date"), _time(said, "end_date")
    if start is None and end is None:
        end = now + timedelta(days=1)
    start = start or ((end or now) - SPAN)
    end = end or min(start + SPAN, now + timedelta(days=1))
    if end < start:
        raise QueryError("end_date is before start_date")
    if end - start > SPAN + timedelta(days=1):
        raise QueryError("start_date, end_date: over 90 days; expected at most 90")
    return Query(
        tuple(part.strip() for part in said.get("service_request_id", "").split(",") if part.strip()),
        frozenset(part.strip() for part in said.get("service_code", "").split(",") if part.strip()),
        statuses,
        start,
        end,
    )


def _time(said: Mapping[str, str], name: str) -> datetime | None:
    text = said.get(name, "").strip()
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))  # a + that nobody has escaped
    except ValueError:
        raise QueryError(f"{name}: {text!r}; expected a time such as 2026-03-02T08:15:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def find(board: Board, rules: Rules, user: Principal, sight: Sight, query: Query) -> list[Case]:
    """List what is asked for and may be seen, the newest first."""
    if query.ids:
        cases: Iterable[Case | None] = (board.case(number) for number in query.ids[:MOST])
        return [case for case in cases if case is not None and sight.sees(user, case)]
    found = [
        case
        for case in _between(board, rules, query.start, query.end)
        if sight.sees(user, case)
        and (not query.codes or code_of(case) in query.codes)
        and (not query.statuses or status_of(case) in query.statuses)
        and query.start <= (case.reported_at or case.opened_at) <= query.end
    ]
    found.sort(key=lambda case: (case.opened_at, case.case_no), reverse=True)
    return found[:MOST]


def _between(board: Board, rules: Rules, start: datetime, end: datetime) -> Iterator[Case]:
    """Yield the cases whose numbers' days may lie between two times: numbers begin with desk and day."""
    zone = rules.calendar.zone
    first, last = (
        (start - timedelta(days=1)).astimezone(zone).date(),
        (end + timedelta(days=1)).astimezone(zone).date(),
    )
    for desk in sorted(rules.places.desks):
        after, until = f"{desk}{first:%Y%m%d}", f"{desk}{last:%Y%m%d}99999"
        while page := board.cases(after=after, limit=_PAGE):
            for case in page:
                if case.case_no > until:
                    break
                yield case
            after = page[-1].case_no
            if len(page) < _PAGE or after > until:
                break


def code_of(case: Case) -> str:
    """Return the service code of a case."""
    return _CODES.get(case.matter, case.category)


def status_of(case: Case) -> str:
    """Return open or closed."""
    return "closed" if case.state in ENDS else "open"


def shown(rules: Rules, case: Case) -> dict[str, Any]:
    """Return a case as GeoReport has it. Whoever reported it is no part of it."""
    zone = rules.calendar.zone
    code = code_of(case)
    name = MATTERS[code][1] if code in MATTERS else ""
    if not name and code in rules.catalogue.leaves:
        category = rules.catalogue[code]
        name = f"{category.name_zh} {category.name_en}".strip()
    due = [clock.due for clock in case.clocks if clock.due is not None and clock.name in ("HANDLE", "ACCEPT")]
    unit = rules.units.by_code.get(case.unit)
    state = rules.form.states.get(case.state, {})
    area = rules.areas.get(case.placement.street)

    def when(moment: datetime | None) -> str | None:
        return moment.astimezone(zone).isoformat(timespec="seconds") if moment else None

    return {
        "service_request_id": case.case_no,
        "status": status_of(case),
        "status_notes": f"{case.state} {state.get('zh', '')} {state.get('en', '')}".strip(),
        "service_name": name,
        "service_code": code,
        "description": mask_text(case.text),
        "agency_responsible": f"{unit.name_zh} {unit.name_en}".strip() if unit else case.unit,
        "service_notice": None,
        "requested_datetime": when(case.reported_at or case.opened_at),
        "updated_datetime": when(case.moved_at or case.opened_at),
        "expected_datetime": when(max(due)) if due else None,
        "address": area.name_zh if area else None,
        "address_id": case.component_id,
        "zipcode": None,
        "lat": case.placement.lat,
        "long": case.placement.lon,
        "media_url": None,
    }
