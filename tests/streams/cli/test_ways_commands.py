"""`onegrid accounts`, `keys`, `adapt`, `feed --adapter`, `sources` and `reconcile`, as a shell runs them."""

from __future__ import annotations

import json

import pytest
from exports import export_row, order, write_csv


def test_accounts_are_made_listed_and_disabled(onegrid, tmp_path, monkeypatch):
    monkeypatch.setenv("ONEGRID_PASSWORD", "a long password")
    code, out, err = onegrid(
        "accounts", "add", "W1", "--data", tmp_path, "--role", "worker", "--unit", "990101002-OF"
    )
    assert (code, "W1" in out) == (0, True), err
    assert onegrid("accounts", "disable", "W1", "--data", tmp_path)[0] == 0
    code, out, _ = onegrid("accounts", "list", "--data", tmp_path, "--json")
    (row,) = json.loads(out)["items"]
    assert (row["role"], row["unit"], row["disabled"]) == ("worker", "990101002-OF", True)


def test_a_key_is_shown_once_and_never_listed(onegrid, tmp_path):
    code, out, _ = onegrid("keys", "add", "hotline", "--data", tmp_path, "--system", "12345", "--json")
    key = json.loads(out)["key"]
    assert (code, key.startswith("og_hotline_")) == (0, True)
    _, out, _ = onegrid("keys", "list", "--data", tmp_path)
    assert "hotline" in out
    assert key not in out


@pytest.mark.parametrize(
    "given",
    [
        ("accounts", "add", "x", "--role", "king"),
        ("accounts", "add", "x", "--role", "street"),
        ("accounts", "disable", "nobody"),
        ("keys", "add", "x"),
        ("keys", "add", "a_b", "--system", "s"),
    ],
)
def test_what_can_not_be_is_said_with_what_was_expected(onegrid, tmp_path, monkeypatch, given):
    monkeypatch.setenv("ONEGRID_PASSWORD", "a long password")
    code, _, err = onegrid(*given, "--data", tmp_path)
    assert (code, "expected" in err or "needs" in err) == (2, True), err


def test_a_file_is_tried_before_anything_is_sent(onegrid, tmp_path):
    path = write_csv(tmp_path / "export.csv", [export_row(1), export_row(2, 上报时间="昨天")])
    code, out, _ = onegrid("adapt", "try", path, "--json")
    said = json.loads(out)
    assert (code, said["adapter"], said["rows"], said["reports"], said["not_understood"]) == (
        1, "city-management", 2, 1, 1,
    )  # fmt: skip
    code, out, _ = onegrid("adapt", "try", path)
    assert "行 row 3" in out
    (tmp_path / "x.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    assert onegrid("adapt", "try", tmp_path / "x.csv")[0] == 2


def test_a_mapping_is_drafted_and_a_file_converted_by_it(onegrid, tmp_path):
    path = write_csv(tmp_path / "hotline.csv", [order(1), order(2)])
    code, out, _ = onegrid("adapt", "mapping", path, "--out", tmp_path / "map.csv")
    assert code == 0
    assert "unused columns" in out
    code, out, _ = onegrid("adapt", "convert", path, "--map", tmp_path / "map.csv", "--out", tmp_path / "r.ndjson")
    assert code == 0
    lines = (tmp_path / "r.ndjson").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["system_no"] for line in lines] == ["B1", "B2"]
