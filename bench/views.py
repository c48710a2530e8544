"""What the screens' views cost as the record grows: each must stay flat, and well below what people notice."""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.filling import FAR, NEAR, Filler, state_of
from bench.nodes import pss_mib, seconds
from bench.rows import Row, row
from katchi.node.state import State
from katchi.node.views.consultation import consultation_page, consultation_view
from katchi.node.views.duty import duty_view
from katchi.node.views.held import heights_view, moments
from katchi.node.views.link import link_views
from katchi.node.views.record import record_view, verified_page
from katchi.node.views.rooms import room_views
from katchi.serve.questions import QUESTIONS, Asked
from katchi.testing.builders import NOON

SIZES = (1_000, 100_000)
MILLION = 1_000_000
TIMES = 60
AIM_MS = 15.0


def _views(state: State, openings: list[bytes], newest: int) -> dict[str, Callable[[], object]]:
    """Return each view with arguments drawn anew at each call."""
    room = next(iter(state.rooms.now.values()))
    chance = random.Random(7)
    asked = Asked(state, {})

    def any_opening() -> bytes:
        return chance.choice(openings)

    def any_time() -> int:
        return chance.randint(NOON, newest)

    def any_seq() -> int:
        return chance.randrange(state.chain(room.id, NEAR).length)

    def any_whole() -> object:
        found = state.consultation(any_opening())
        assert found is not None
        return consultation_view(state, found)

    return {
        "duty": lambda: duty_view(state, {}, newest),
        "consultations, newest 50": lambda: consultation_page(state),
        "consultations, any 50": lambda: consultation_page(state, before=any_opening()),
        "consultations, open": lambda: consultation_page(state, open_only=True),
        "one consultation": any_whole,
        "an id from 10 digits": lambda: QUESTIONS["resolve"](asked, {"id": any_opening().hex()[:10]}),
        "record, newest 50": lambda: record_view(state, room),
        "record, any 50": lambda: record_view(state, room, ally=FAR, start=any_seq()),
        "50 entries verified": lambda: verified_page(state, room, ally=FAR, start=any_seq()),
        "as of any time": lambda: heights_view(state, room, any_time()),
        "moments": lambda: moments(state, room),
        "rooms and links": lambda: (room_views(state), link_views(state, {})),
    }


def _measured(view: Callable[[], object]) -> tuple[float, float]:
    """Return the median and the 95th percentile, ms; the first call is among them."""
    spans = []
    for _ in range(TIMES):
        began = seconds()
        view()
        spans.append((seconds() - began) * 1000)
    spans.sort()
    return spans[TIMES // 2], spans[int(TIMES * 0.95)]


def _rows_at(size: int, directory: Path) -> list[Row]:
    path = directory / f"{size}.db"
    began = seconds()
    filler = Filler(path, size)
    filler.fill()
    found = [row(f"filling {size:,} entries", seconds() - began, "s")]
    began = seconds()
    state, store = state_of(path)
    found.append(row(f"state read from a store of {size:,} entries", (seconds() - began) * 1000, "ms"))
    for name, view in _views(state, filler.openings, filler.now).items():
        median, high = _measured(view)
        found.append(row(f"{name}: median at {size:,} entries", median, "ms"))
        found.append(row(f"{name}: p95 at {size:,} entries", high, "ms", "aim", AIM_MS))
    found.append(row(f"memory with all views of {size:,} entries", pss_mib("self"), "MiB PSS"))
    store.close()
    return found


def rows(sizes: tuple[int, ...] = SIZES) -> list[Row]:
    """Measure every view at each size."""
    with tempfile.TemporaryDirectory() as name:
        return [one for size in sizes for one in _rows_at(size, Path(name))]


def million_rows() -> list[Row]:
    """Measure every view at each size, to a million entries."""
    return rows((*SIZES, MILLION))


if __name__ == "__main__":
    for one in rows(tuple(map(int, sys.argv[1:])) or SIZES):
        print(f"{one.name:60} {one.value:10.2f} {one.unit}")
