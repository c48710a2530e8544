"""How likely by when: quantiles and the curve of a question, from the bins of a tally."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from katchi.network.arrays import BIN_LOWEST, BIN_MANTISSA_BITS, BINS
from katchi.simulate.chain import Chain
from katchi.simulate.interval import wilson

POINTS = 120
BEYOND = 1.25  # the curve goes on so far beyond its deadline, in deadlines
LAST_SHARE = 0.995
EXACT_STATES_MAX = 300  # beyond, so many points take too long


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """The share of runs that had finished, by time; all of one length."""

    times_s: tuple[float, ...]
    share: tuple[float, ...]
    low: tuple[float, ...]  # Wilson, 95 %, each point by itself
    high: tuple[float, ...]
    exact: tuple[float, ...] | None


def quantile(bins: NDArray[np.int64], runs: int, p: float) -> float | None:
    """Return the time by which a share `p` of the runs had finished, straight within its bin; None if fewer ever did."""
    upto = np.cumsum(bins)
    wanted = p * runs
    if upto[-1] < wanted:
        return None
    found = int(np.searchsorted(upto, wanted))
    before = int(upto[found] - bins[found])
    low, high = bin_start_s(found), bin_start_s(found + 1)
    return low + (high - low) * ((wanted - before) / int(bins[found]) if bins[found] else 0.0)


def bin_start_s(number: int) -> float:
    """Return the time at which a bin of `Tally.bins` begins."""
    octave, within = divmod(number, 1 << BIN_MANTISSA_BITS)
    return math.ldexp(1.0 + within / (1 << BIN_MANTISSA_BITS), octave + BIN_LOWEST) if number else 0.0


def curve(bins: NDArray[np.int64], runs: int, by_s: float, chain: Chain | None) -> Curve:
    """Return the curve of a question.

    Args:
        bins: shape (BINS,), how many runs finished when.
        runs: all runs, > 0.
        by_s: its deadline, on the curve.
        chain: the exact law of its time, where there is one.
    """
    times = _times(bins, runs, by_s)
    edges = np.array([bin_start_s(i) for i in range(BINS + 1)])
    upto = np.concatenate([[0.0], np.cumsum(bins)])
    hits = np.interp(times, edges, upto)
    bands = [wilson(round(hit), runs) for hit in hits]
    return Curve(
        times_s=tuple(times),
        share=tuple(float(hit) / runs for hit in hits),
        low=tuple(low for low, _ in bands),
        high=tuple(high for _, high in bands),
        exact=tuple(map(chain.probability_by, times)) if chain is not None and chain.states <= EXACT_STATES_MAX else None,
    )


def _times(bins: NDArray[np.int64], runs: int, by_s: float) -> Sequence[float]:
    share_finished = float(bins.sum()) / runs
    last = quantile(bins, runs, LAST_SHARE * share_finished) if share_finished else None
    end = max(BEYOND * by_s, last or 0.0)
    return sorted({by_s, *(end * i / POINTS for i in range(POINTS + 1))})
