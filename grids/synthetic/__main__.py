"""`python -m grids.synthetic OUT_DIR`: write the illustrative pack."""

from __future__ import annotations

import argparse
from pathlib import Path

from grids.synthetic.pack import DENSITIES, SEED, write_pack


def main() -> None:
    """Read the arguments and write the pack."""
    parser = argparse.ArgumentParser(prog="python -m grids.synthetic", description=__doc__)
    parser.add_argument("directory", type=Path, help="folder to write, such as config/chengdu")
    parser.add_argument("--density", choices=DENSITIES, default=DENSITIES[0])
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    write_pack(given.directory, given.density, given.seed)


if __name__ == "__main__":
    main()
