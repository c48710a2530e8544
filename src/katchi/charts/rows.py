"""A layout that is wider than a page, folded: its layers in rows one under the other, each with the lanes that it needs.

What goes on from one row to the next leaves at the right edge and comes in at the left, under one number at both ends.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from katchi.charts.layers import BEND, LANE_APART, LANE_TOP, Placed, Point

FOLDS_ABOVE = 1_300.0  # px: up to this, a page of 1,280 px shows it whole and still to be read
ROW_MAX = 1_240.0  # px: what is folded is hardly shrunk there
ROW_APART = 16.0
OUT, IN = 34.0, 90.0  # px at the right and at the left edge, where ways go on
STEP = 20.0  # px narrower at each try to make rows alike


class Band(NamedTuple):
    """The part of a lane that one row shows."""

    lane: int
    top: float  # of its boxes
    height: float


class Rows(NamedTuple):
    """Where a layout's layers and heights stand on the drawing."""

    lefts: tuple[float, ...]  # of each layer
    firsts: tuple[int, ...]  # the first layer of each row
    bands: tuple[tuple[Band, ...], ...]  # of each row
    shifts: tuple[Mapping[int, float], ...]  # of each row: by how much a lane is moved down
    starts: tuple[float, ...]  # where each lane of the layout begins
    width: float
    height: float

    def row(self, layer: int) -> int:
        """Return the row that a layer is in."""
        return bisect_right(self.firsts, layer) - 1

    def at(self, layer: int, y: float) -> Point:
        """Return where a height of the layout stands in a layer."""
        lane = max(bisect_right(self.starts, y) - 1, 0)
        return Point(self.lefts[layer], y + self.shifts[self.row(layer)][lane])


def in_rows(layout: Placed, heights: Mapping[str, float], gaps: Sequence[float], *, box: float, margin: float) -> Rows:
    """Return a layout as it is drawn.

    Args:
        layout: of boxes.
        heights: px, of each box.
        gaps: px, the room after each layer.
        box: px, how wide one is.
        margin: px, around the drawing.
    """
    whole = _right(gaps, 0, layout.layers, margin, box)
    firsts = [0] if whole <= FOLDS_ABOVE else _alike(gaps, margin, box)
    lefts: list[float] = []
    for first, end in pairwise([*firsts, layout.layers]):
        x = margin + (IN if first else 0.0)
        for layer in range(first, end):
            lefts.append(x)
            x += box + gaps[layer]
    wide = max(left + box for left in lefts) + margin + (OUT if len(firsts) > 1 else 0.0)
    has_heads = len(layout.lanes) > 1
    starts = tuple(top - (LANE_TOP if has_heads else 0.0) for top, _height in layout.lanes)
    if len(firsts) == 1:
        bands = tuple(Band(lane, margin + top, height) for lane, (top, height) in enumerate(layout.lanes))
        shifts = dict.fromkeys(range(len(layout.lanes)), margin)
        return Rows(tuple(lefts), (0,), (bands,), (shifts,), starts, wide, margin + layout.height)
    found, moved, y = [], [], margin
    for first, end in pairwise([*firsts, layout.layers]):
        used = _used(layout, heights, starts, first, end)
        here: list[Band] = []
        for lane, (low, high) in sorted(used.items()):
            y += LANE_TOP if has_heads else 0.0
            here.append(Band(lane, y, high - low))
            y += high - low + LANE_APART
        found.append(tuple(here))
        moved.append({band.lane: band.top - used[band.lane][0] for band in here})
        y += ROW_APART
    return Rows(tuple(lefts), tuple(firsts), tuple(found), tuple(moved), starts, wide, y - LANE_APART - ROW_APART)


def _used(
    layout: Placed, heights: Mapping[str, float], starts: Sequence[float], first: int, end: int
) -> dict[int, tuple[float, float]]:
    """Return from where to where each lane is needed by what stands in some layers, or passes them."""
    used: dict[int, tuple[float, float]] = {}
    for top, bottom in _spans(layout, heights, first, end):
        lane = max(bisect_right(starts, (top + bottom) / 2) - 1, 0)
        low, high = used.get(lane, (top, bottom))
        used[lane] = min(low, top), max(high, bottom)
    return used


def _spans(layout: Placed, heights: Mapping[str, float], first: int, end: int) -> Iterator[tuple[float, float]]:
    for name, top in layout.top.items():
        if first <= layout.layer[name] < end:
            yield top, top + heights[name]
    for way in layout.ways.values():
        for layer, y in enumerate(way.ys, way.layer):
            if first <= layer < end:
                yield y - BEND / 2, y + BEND / 2


def _right(gaps: Sequence[float], first: int, end: int, margin: float, box: float) -> float:
    """Return how far right layers in one row go, with the margins."""
    return 2 * margin + (IN if first else 0.0) + box * (end - first) + sum(gaps[first : end - 1])


def _alike(gaps: Sequence[float], margin: float, box: float) -> list[int]:
    """Return the first layers of as few rows as there can be, about equally wide."""
    firsts, space = _filled(gaps, ROW_MAX, margin, box), ROW_MAX
    while space > STEP and len(closer := _filled(gaps, space - STEP, margin, box)) == len(firsts):
        firsts, space = closer, space - STEP
    return firsts


def _filled(gaps: Sequence[float], space: float, margin: float, box: float) -> list[int]:
    firsts = [0]
    for layer in range(1, len(gaps)):
        if _right(gaps, firsts[-1], layer + 1, margin, box) + OUT > space:
            firsts.append(layer)
    return firsts
