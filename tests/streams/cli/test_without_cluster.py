"""Without the cluster extra everything else runs, and a cluster command says in one line what is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

COMMAND = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"kafka", "faust", "mode", "aiokafka", "redis", "pydantic_settings", "cramjam"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from streams.cli import main
main()
"""


def run(*arguments):
    command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize(
    "arguments",
    [
        ("topics", "create", "--broker", "127.0.0.1:1"),
        ("topics", "lag", "--broker", "127.0.0.1:1"),
        ("topics", "tail", "desk", "--broker", "127.0.0.1:1"),
        ("dead-letters", "list", "--broker", "127.0.0.1:1"),
        ("feed", __file__, "--to", "kafka://127.0.0.1:1"),
        ("cluster", "down", "--dir", "nowhere"),
        ("worker", "--broker", "127.0.0.1:1", "--city", "config/chengdu"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_a_cluster_command_says_in_one_line_what_is_missing(arguments):
    found = run(*arguments)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.count("\n") == 1
    assert "onegrid[cluster]" in found.stderr


def test_all_other_commands_run(small_pack):
    assert run("--help").returncode == 0
    assert run("city", "check", small_pack, "--json").returncode == 0
