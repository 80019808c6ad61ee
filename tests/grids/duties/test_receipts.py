from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grids.duties.receipts import CategoryStep, Receipt, ReceiptPlace, RowVerdict, Ruling, intact, sealed

PLACE = ReceiptPlace(
    cell="990101001001001",
    district="990101",
    street="990101001",
    community="990101001001",
    desk="990101",
    zones=("HT",),
    area_class="A",
    grid_version="7a40c9c7ba793044",
    method="POINT",
    lon=104.001,
    lat=30.605,
    datum="WGS84",
)
RULING = Ruling(
    row="R-990101-1",
    category="002-01",
    scope_type="CITY",
    scope_code="*",
    unit="990101002-OF",
    case_no="20260701-990101-000001",
    decided_by="990101-CC",
    basis="Rule 3",
    effective_from=date(2026, 7, 1),
)
RECEIPT = sealed(
    Receipt(
        at=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
        place=PLACE,
        category=CategoryStep("12345", "101", "E-01-10", "A"),
        duty_version="0123456789abcdef",
        lead="990101001-OF",
        cooperate=("990101001001-CM",),
        supervise=("990101-UM",),
        approve=(),
        enforce=(),
        outcome="LEAD",
        automation={"ACCEPT": "auto", "CLOSE": "suggest"},
        level="STREET",
        facts={"severity": 4, "urgency": "NORMAL", "hour": 17},
        rows=(RowVerdict("002-01", "LEAD", "990101001-OF", won=True, why="WON"),),
        ruling=RULING,
    )
)


def changed(value: object) -> object:
    """Return something else of the same kind."""
    if isinstance(value, msgspec.Struct):
        name = type(value).__struct_fields__[0]
        return msgspec.structs.replace(value, **{name: changed(getattr(value, name))})
    others = {
        bool: lambda: not value,
        str: lambda: value + "x",
        float: lambda: value + 1e-7,
        datetime: lambda: value + timedelta(seconds=1),
        tuple: lambda: (*value, value[0] if value else "x"),
        dict: lambda: {**value, "more": "x"},
    }
    return others[type(value)]()


def test_a_sealed_receipt_is_intact_under_a_name_of_32_hex_digits():
    assert intact(RECEIPT)
    assert len(RECEIPT.receipt_id) == 32
    assert int(RECEIPT.receipt_id, 16)


def test_sealing_again_changes_nothing():
    assert sealed(RECEIPT) == RECEIPT


def test_a_receipt_without_a_name_is_not_intact():
    assert not intact(msgspec.structs.replace(RECEIPT, receipt_id=""))


@pytest.mark.parametrize("name", Receipt.__struct_fields__)
def test_any_changed_field_breaks_a_receipt(name):
    assert not intact(msgspec.structs.replace(RECEIPT, **{name: changed(getattr(RECEIPT, name))}))


@pytest.mark.parametrize("name", ReceiptPlace.__struct_fields__)
def test_any_changed_field_of_the_place_breaks_a_receipt(name):
    place = msgspec.structs.replace(PLACE, **{name: changed(getattr(PLACE, name))})
    assert not intact(msgspec.structs.replace(RECEIPT, place=place))


@pytest.mark.parametrize("name", CategoryStep.__struct_fields__)
def test_any_changed_field_of_the_category_breaks_a_receipt(name):
    step = msgspec.structs.replace(RECEIPT.category, **{name: "x"})
    assert not intact(msgspec.structs.replace(RECEIPT, category=step))


@pytest.mark.parametrize("name", RowVerdict.__struct_fields__)
def test_any_changed_field_of_a_row_breaks_a_receipt(name):
    verdict = msgspec.structs.replace(RECEIPT.rows[0], **{name: changed(getattr(RECEIPT.rows[0], name))})
    assert not intact(msgspec.structs.replace(RECEIPT, rows=(verdict,)))


@pytest.mark.parametrize("name", ["lon", "lat"])
def test_a_position_that_is_taken_out_breaks_a_receipt(name):
    place = msgspec.structs.replace(PLACE, **{name: None})
    assert not intact(msgspec.structs.replace(RECEIPT, place=place))


def test_a_receipt_survives_being_written_and_read():
    read = msgspec.json.decode(msgspec.json.encode(RECEIPT), type=Receipt)
    assert read == RECEIPT
    assert intact(read)


def test_the_order_in_which_facts_were_put_does_not_matter():
    turned = msgspec.structs.replace(RECEIPT, facts=dict(reversed(RECEIPT.facts.items())))
    assert intact(turned)


@given(
    st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers(-9, 9), max_size=4), st.text(max_size=9)
)
def test_two_receipts_have_one_name_only_if_they_say_the_same(some_facts, lead):
    other = sealed(msgspec.structs.replace(RECEIPT, facts=some_facts, lead=lead))
    assert intact(other)
    same = (some_facts, lead) == (RECEIPT.facts, RECEIPT.lead)
    assert (other.receipt_id == RECEIPT.receipt_id) is same
