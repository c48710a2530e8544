"""`make bench` prints the table and writes build/bench.json.

`make bench ARGS=pages-million`, `ARGS=views-million`, `ARGS=sustained` or `ARGS=rehearsals` measures for minutes.
"""

from __future__ import annotations

import sys

from bench import accuracy, api, first, games, link, pages, rehearsals, sampling, sizes, streams, views
from bench.rows import write

SUITES = {
    "link": link.rows,
    "sizes": sizes.rows,
    "views": views.rows,
    "pages": pages.rows,
    "streams": streams.rows,
    "first": first.rows,
    "api": api.rows,
    "games": games.rows,
    "sampling": sampling.rows,
    "accuracy": accuracy.rows,
    "rehearsals": rehearsals.rows,
    "sustained": link.sustained_rows,
    "views-million": views.million_rows,
    "pages-million": pages.million_rows,
}
DEFAULT = ("link", "sizes", "views", "pages", "streams", "first", "games", "sampling", "accuracy")


def main() -> None:
    """Run the suites named, or those that end within ten minutes."""
    for name in sys.argv[1:] or DEFAULT:
        if name not in SUITES:
            sys.exit(f"there is no suite {name!r}: {', '.join(SUITES)}")
        write(SUITES[name]())


if __name__ == "__main__":
    main()
