"""A data folder that this program can't use is said in one line, not in a traceback."""

from __future__ import annotations

import sqlite3

import pytest

from streams import cli


def test_a_data_folder_of_a_newer_program_ends_run_with_one_line_and_exit_2(
    small_pack, tmp_path, monkeypatch, capsys
):
    db = sqlite3.connect(tmp_path / "onegrid.sqlite")
    db.execute("PRAGMA user_version = 99")
    db.close()
    monkeypatch.setenv("ONEGRID_CACHE", str(tmp_path / "cache"))
    arguments = ["onegrid", "run", "--city", str(small_pack), "--data", str(tmp_path), "--port", "0"]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    said = capsys.readouterr().err
    assert stopped.value.code == 2
    assert "schema version 99" in said
    assert "Traceback" not in said
