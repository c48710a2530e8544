"""Where the boxes of a network stand: in layers from left to right, each right of all it comes after, and no two on one place.

A layer is the longest path to it from a beginning, but that what begins by itself stands right before what waits for it. Within a
layer boxes keep to their lane and are put in the order of their neighbours' middles (barycentre), back and forth, and the
order with the fewest crossings is kept. A way over several layers gets a place in each, so it runs between boxes and
never through one. Then each is drawn as near to its neighbours as the others let it (least squares in a given order).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

SWEEPS = 12
SETTLINGS = 10
BEND = 8.0  # px high: a place where a way passes a layer
APART, APART_BEND = 16.0, 12.0
LANE_TOP, LANE_APART = 26.0, 10.0


class Box(NamedTuple):
    """Something to be placed."""

    name: str
    height: float
    lane: int = 0


class Point(NamedTuple):
    """Where something is, px."""

    x: float
    y: float


class Way(NamedTuple):
    """A way from one box to another: between each pair of columns it goes from one y to the next."""

    ys: tuple[float, ...]  # at each layer from the first box to the last
    layer: int  # of the first


class Placed(NamedTuple):
    """The whole layout; a box stands at its top left corner."""

    layer: Mapping[str, int]
    top: Mapping[str, float]
    ways: Mapping[tuple[str, str], Way]
    lanes: tuple[tuple[float, float], ...]  # top and height of each
    height: float
    layers: int


def placed(boxes: Sequence[Box], edges: Iterable[tuple[str, str]], *, lanes: int = 1) -> Placed:
    """Return where boxes stand.

    Args:
        boxes: each with a name of its own and a lane below `lanes`.
        edges: (earlier, later), without a cycle.
        lanes: how many bands there are, one under the other; with one, it has no head.
    """
    found: list[tuple[int, float, Placed]] = []
    for of_lanes in (max, min) if lanes > 1 else (max,):  # a way between lanes runs in the one or the other
        layout = _Layout(boxes, sorted(set(edges)), lanes, of_lanes)
        layout.order()
        settled = layout.settled()
        found.append((layout.crossings(), settled.height, settled))
    return min(found, key=lambda one: one[:2])[2]


class _Layout:
    def __init__(
        self, boxes: Sequence[Box], edges: Sequence[tuple[str, str]], lanes: int, of_lanes: Callable[[int, int], int]
    ) -> None:
        self.of_lanes = of_lanes
        self.boxes = {box.name: box for box in boxes}
        self.edges, self.lanes = edges, lanes
        self.layer = layers_of([box.name for box in boxes], edges)
        self.depth = max(self.layer.values(), default=0) + 1
        self.columns: list[list[str]] = [[] for _ in range(self.depth)]
        self.left: dict[str, list[str]] = {}  # neighbours in the layer before
        self.right: dict[str, list[str]] = {}
        self.is_bend: set[str] = set()
        self.bends: dict[tuple[str, str], list[str]] = {}
        for box in boxes:
            self.columns[self.layer[box.name]].append(box.name)
            self.left[box.name], self.right[box.name] = [], []
        for earlier, later in edges:
            self._joined(earlier, later)

    def _joined(self, earlier: str, later: str) -> None:
        """Put a bend of the way in each layer that it passes."""
        passed = [f"\0{len(self.is_bend) + i}" for i in range(self.layer[later] - self.layer[earlier] - 1)]
        self.is_bend.update(passed)
        lane = self.of_lanes(self.boxes[earlier].lane, self.boxes[later].lane)
        for layer, bend in enumerate(passed, self.layer[earlier] + 1):
            self.boxes[bend] = Box(bend, BEND, lane)
            self.columns[layer].append(bend)
            self.left[bend], self.right[bend] = [], []
        self.bends[earlier, later] = passed
        for a, b in pairwise([earlier, *passed, later]):
            self.right[a].append(b)
            self.left[b].append(a)

    def order(self) -> None:
        """Sort each layer by its neighbours' middles, back and forth; keep the order with the fewest crossings."""
        for column in self.columns:
            column.sort(key=lambda name: self.boxes[name].lane)
        best, fewest = [list(column) for column in self.columns], self.crossings()
        for sweep in range(SWEEPS):
            if fewest == 0:
                break
            forward = sweep % 2 == 0
            for layer in range(1, self.depth) if forward else range(self.depth - 2, -1, -1):
                self._sort(layer, self.left if forward else self.right, layer - 1 if forward else layer + 1)
            crossings = self.crossings()
            if crossings < fewest:
                best, fewest = [list(column) for column in self.columns], crossings
        self.columns = best

    def _sort(self, layer: int, beside: Mapping[str, list[str]], other: int) -> None:
        rank = {name: i for i, name in enumerate(self.columns[other])}
        here = {name: i for i, name in enumerate(self.columns[layer])}

        def wanted(name: str) -> tuple[int, float, int]:
            ranks = [rank[one] for one in beside[name]]
            return self.boxes[name].lane, sum(ranks) / len(ranks) if ranks else here[name], here[name]

        self.columns[layer].sort(key=wanted)

    def crossings(self) -> int:
        """Return how many ways cross, in the order as it is."""
        total = 0
        for column, following in pairwise(self.columns):
            rank = {name: i for i, name in enumerate(following)}
            seen: list[int] = []
            for name in column:
                ends = sorted(rank[one] for one in self.right[name])
                total += sum(len(seen) - bisect_right(seen, end) for end in ends)
                for end in ends:
                    insort(seen, end)
        return total

    def settled(self) -> Placed:
        """Return every box as near to its neighbours as the others let it."""
        bands = self._bands()
        top: dict[str, float] = {}
        for column in self.columns:
            for lane, names in self._by_lane(column):
                y = bands[lane][0]
                for name, gap in zip(names, self._gaps(names), strict=True):
                    top[name] = y = y + gap
                    y += self.boxes[name].height
        for settling in range(SETTLINGS):
            forward = settling % 2 == 0
            for column in self.columns if forward else reversed(self.columns):
                for lane, names in self._by_lane(column):
                    self._settle(names, bands[lane], top, both=settling >= SETTLINGS - 2, forward=forward)
        names = [name for name in self.boxes if name not in self.is_bend]
        middles = {name: top[name] + self.boxes[name].height / 2 for name in self.boxes}
        ways = {
            (earlier, later): Way(tuple(middles[one] for one in (earlier, *passed, later)), self.layer[earlier])
            for (earlier, later), passed in self.bends.items()
        }
        low, tall = bands[-1]
        return Placed(self.layer, {name: top[name] for name in names}, ways, tuple(bands), low + tall, self.depth)

    def _by_lane(self, column: Sequence[str]) -> list[tuple[int, list[str]]]:
        lanes: dict[int, list[str]] = {}
        for name in column:
            lanes.setdefault(self.boxes[name].lane, []).append(name)
        return list(lanes.items())

    def _gaps(self, names: Sequence[str]) -> list[float]:
        """Return how far below the one before it each begins at least."""
        is_bend = [name in self.is_bend for name in names]
        return [0.0, *(APART_BEND if a or b else APART for a, b in pairwise(is_bend))]

    def _bands(self) -> list[tuple[float, float]]:
        """Return top and height of the space for boxes in each lane, as high as its fullest layer."""
        tall = [0.0] * self.lanes
        for column in self.columns:
            for lane, names in self._by_lane(column):
                tall[lane] = max(tall[lane], sum(self.boxes[name].height for name in names) + sum(self._gaps(names)))
        bands, y = [], 0.0
        for height in tall:
            y += LANE_TOP if self.lanes > 1 else 0.0
            bands.append((y, height))
            y += height + LANE_APART
        return bands

    def _settle(
        self, names: Sequence[str], band: tuple[float, float], top: dict[str, float], *, both: bool, forward: bool
    ) -> None:
        wanted, weights = [], []
        for name in names:
            box = self.boxes[name]
            near = (self.left[name] if both or forward else []) + (self.right[name] if both or not forward else [])
            middles = [top[one] + self.boxes[one].height / 2 for one in near]
            wanted.append(sum(middles) / len(middles) - box.height / 2 if middles else top[name])
            weights.append((4.0 if name in self.is_bend else 1.0) * (len(middles) or 0.1))
        offsets, y = [], 0.0
        for name, gap in zip(names, self._gaps(names), strict=True):
            y += gap
            offsets.append(y)
            y += self.boxes[name].height
        low, high = band[0], band[0] + band[1] - y
        for name, offset, found in zip(
            names, offsets, ascending([w - o for w, o in zip(wanted, offsets, strict=True)], weights), strict=True
        ):
            top[name] = min(max(found, low), max(high, low)) + offset


def layers_of(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Return the layer of each: the longest path to it; what begins late stands right before the first that waits for it."""
    before: dict[str, list[str]] = {name: [] for name in names}
    after: dict[str, list[str]] = {name: [] for name in names}
    for earlier, later in edges:
        before[later].append(earlier)
        after[earlier].append(later)
    left = {name: len(earlier) for name, earlier in before.items()}
    free = [name for name in names if left[name] == 0]
    layer = dict.fromkeys(names, 0)
    for name in free:  # grows while it is walked
        for later in after[name]:
            layer[later] = max(layer[later], layer[name] + 1)
            left[later] -= 1
            if left[later] == 0:
                free.append(later)
    for name in names:
        if not before[name] and after[name]:
            layer[name] = min(layer[later] for later in after[name]) - 1
    return layer


def ascending(wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the numbers that never fall and are nearest to those wanted, by weighted least squares (pool adjacent violators)."""
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for value, weight in zip(wanted, weights, strict=True):
        mean, heavy, n = value, weight, 1
        while pools and pools[-1][0] > mean:
            other, other_weight, other_n = pools.pop()
            mean = (mean * heavy + other * other_weight) / (heavy + other_weight)
            heavy, n = heavy + other_weight, n + other_n
        pools.append((mean, heavy, n))
    return [mean for mean, _, n in pools for _ in range(n)]
