"""Networks played side by side: the same run numbers of one seed in each, and sums of what differs from the first.

Pieces of PIECE runs are cut at fixed run numbers and their sums added in their order, so the answer is the same on any number
of threads; nothing of a single run is kept, so memory is flat.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from katchi.network.arrays import Arrays, compiled
from katchi.network.interpreter import Interpreter
from katchi.network.model import Network
from katchi.simulate import until

PIECE = until.FIRST  # runs at once; the looks of until.py are multiples of it
MINUTE_S = 60.0

Times = Callable[[Arrays, int, int, int], NDArray[np.float64]]


class Sums(NamedTuple):
    """What pieces add up to; arrays of shape (variants, questions), the scenario as it is first."""

    hits: NDArray[np.int64]
    finished: NDArray[np.int64]
    total_s: NDArray[np.float64]
    gained: NDArray[np.int64]  # runs in time with the change only
    lost: NDArray[np.int64]  # runs in time without it only
    differs: NDArray[np.int64]  # runs with another time, or another answer at the same time
    both: NDArray[np.int64]  # runs that finish with and without
    earlier_min: NDArray[np.float64]  # sum of the differences of those
    squares: NDArray[np.float64]  # and of their squares


class Variants(NamedTuple):
    """All networks that are compared: of each its arrays, and in which column each question of the first stands (-1: nowhere)."""

    arrays: Sequence[Arrays]
    columns: Sequence[Sequence[int]]
    by_s: NDArray[np.float64]  # (variants, questions)


def side_by_side(network: Network, others: Sequence[Network]) -> Variants:
    """Compile networks so that stages, bearers and factors of one name have the same chance in all of them."""
    every = [network, *others]
    columns, deadlines = [], []
    for one in every:
        place = {question.name: i for i, question in enumerate(one.questions)}
        columns.append([place.get(question.name, -1) for question in network.questions])
        deadlines.append([one.questions[column].by_s if column >= 0 else -1.0 for column in columns[-1]])
    arrays = [compiled(one, [other for other in every if other is not one]) for one in every]
    return Variants(arrays, columns, np.array(deadlines))


def player() -> tuple[Times, str]:
    """Return what plays runs and tells their times: the kernel, or the interpreter where numba is not installed."""
    try:
        from katchi.network import kernel
    except ImportError:
        return interpreted, "interpreter"
    return kernel.times_of, "kernel"


def interpreted(arrays: Arrays, seed: int, first: int, count: int) -> NDArray[np.float64]:
    """Return what `kernel.times_of` does, about a hundred times slower."""
    player = Interpreter(arrays)
    played = (player.run(seed, run).finished for run in range(first, first + count))
    return np.array([[finished[stage] for stage in arrays.asked] for finished in played])


def pieces(times: Times, variants: Variants, seed: int, first: int, end: int, threads: int) -> Iterator[tuple[int, Sums]]:
    """Yield (runs done, the sums of a piece) in their order; a few are in work ahead, so memory stays flat."""
    bounds = [first, *range((first // PIECE + 1) * PIECE, end, PIECE), end]
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[tuple[int, Future[Sums]]] = deque()
        try:
            for low, high in itertools.pairwise(bounds):
                ahead.append((high, pool.submit(_piece, times, variants, seed, low, high - low)))
                if len(ahead) > 2 * threads:
                    number, future = ahead.popleft()
                    yield number, future.result()
            while ahead:
                number, future = ahead.popleft()
                yield number, future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def add(total: Sums, piece: Sums) -> None:
    """Add a piece into a total."""
    for into, part in zip(total, piece, strict=True):
        np.add(into, part, out=into)


def no_sums(variants: Variants) -> Sums:
    """Return the sums of no runs."""
    whole = [np.zeros(variants.by_s.shape, np.int64) for _ in range(6)]
    parts = [np.zeros(variants.by_s.shape) for _ in range(3)]
    return Sums(whole[0], whole[1], parts[0], whole[2], whole[3], whole[4], whole[5], parts[1], parts[2])


def _piece(times: Times, variants: Variants, seed: int, first: int, count: int) -> Sums:
    """Play one piece of all variants and add up what differs from the first, run by run."""
    sums = no_sums(variants)
    asis = np.empty((0, 0))
    for v, (arrays, columns) in enumerate(zip(variants.arrays, variants.columns, strict=True)):
        own = times(arrays, seed, first, count)
        at = np.stack([own[:, column] if column >= 0 else np.full(count, math.inf) for column in columns], axis=1)
        if v == 0:
            asis = at
            before = asis <= variants.by_s[0]
        finishes, now = np.isfinite(at), at <= variants.by_s[v]
        both = finishes & np.isfinite(asis)
        with np.errstate(invalid="ignore"):
            earlier = np.where(both, asis - at, 0.0) / MINUTE_S
        sums.hits[v], sums.finished[v] = now.sum(axis=0), finishes.sum(axis=0)
        sums.total_s[v] = np.where(finishes, at, 0.0).sum(axis=0)
        sums.gained[v], sums.lost[v] = (now & ~before).sum(axis=0), (before & ~now).sum(axis=0)
        sums.differs[v], sums.both[v] = ((at != asis) | (now != before)).sum(axis=0), both.sum(axis=0)
        sums.earlier_min[v], sums.squares[v] = earlier.sum(axis=0), (earlier * earlier).sum(axis=0)
    return sums
