"""`make bench` prints the table and writes build/bench.json; `make bench ARGS=sustained` measures for minutes."""

from __future__ import annotations

import sys

from bench import link, sizes
from bench.rows import write

SUITES = {"link": link.rows, "sizes": sizes.rows, "sustained": link.sustained_rows}
DEFAULT = ("link", "sizes")


def main() -> None:
    """Run the suites named, or those that end within ten minutes."""
    for name in sys.argv[1:] or DEFAULT:
        if name not in SUITES:
            sys.exit(f"there is no suite {name!r}: {', '.join(SUITES)}")
        write(SUITES[name]())


if __name__ == "__main__":
    main()
