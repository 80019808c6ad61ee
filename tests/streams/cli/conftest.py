"""Running commands as a shell would."""

from __future__ import annotations

import sys

import pytest

from streams.cli import console, main


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """Compiled packs are kept for this module alone."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("ONEGRID_CACHE", str(folder))
        yield folder


@pytest.fixture
def onegrid(monkeypatch, capsys):
    """Run a command line; returns its exit code, and what it said on either channel."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["onegrid", *map(str, arguments)])
        for channel in (console.out, console.err):
            monkeypatch.setattr(channel, "_width", 1000)
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, " ".join(said.err.replace("│", " ").split())

    return run
