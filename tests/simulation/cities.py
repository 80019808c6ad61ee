"""The packs of the simulated city: the small one, the same with every step left to people, and one drawn anew."""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grids.city import City

sys.path.append(str(Path(__file__).resolve().parent.parent))  # redrawn.py finds packs.py as tests do

from grids.city import City, open_city
from grids.rules import read_rules
from tests.packs import change, write_pack
from tests.redrawn import write_redrawn


@cache
def cities() -> tuple[City, City, City]:
    """Return the packs, fused once: everything automatic, everything by hand, another grid from July on.

    Their folder stays as long as the process: a city reads some of its files when it is first asked for them.
    """
    folder = Path(tempfile.mkdtemp(prefix="onegrid-simulation-"))
    atexit.register(shutil.rmtree, folder)
    small = open_city(write_pack(folder / "small"))
    redrawn = open_city(write_redrawn(folder / "redrawn"))
    by_hand = write_pack(folder / "by-hand")
    change(by_hand, "city.toml", 'mode = "auto"', 'mode = "manual"')
    return small, City(read_rules(by_hand), small.cells), redrawn
