"""Shares of variance: which inputs an output hangs on, over the whole of their ranges at once.

The first-order index of an input is the share of the output's variance that it makes alone; the total index adds all it makes
together with others. Both are estimated by SciPy's `sobol_indices` on a scrambled Sobol sequence; the intervals are those of
2.5 and 97.5 % of seeded bootstrap resamples of the same evaluations, so an answer can be had again.

Sources: Saltelli et al. (2010), Computer Physics Communications 181, 259-270; Jansen (1999), ibid. 117, 35-43.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RESAMPLES = 500
TAILS = (2.5, 97.5)  # percent


class Shares(NamedTuple):
    """Indices of each output (s of them) by each input (d of them)."""

    first: Floats  # (s, d)
    total: Floats  # (s, d)
    first_interval: Floats  # (2, s, d): low, high
    total_interval: Floats  # (2, s, d)
    sd: Floats  # (s,) standard deviation of the output


def shares(function: Callable[[Floats], Floats], inputs: int, samples: int, seed: int) -> Shares:
    """Return the shares of variance of a function of `inputs` independent numbers, uniform between 0 and 1.

    Args:
        function: takes shape (inputs, n), returns (s, n); called for samples x (inputs + 2) points in all.
        inputs: how many, > 0.
        samples: a power of 2.
        seed: of the sequence's scrambling and of the resamples.
    """
    from scipy.stats import sobol_indices, uniform  # half a second to import: only where it is used

    seen: list[Floats] = []

    def noted(points: Floats) -> Floats:
        seen.append(np.asarray(function(points), np.float64))
        return seen[-1].copy()

    chance = np.random.default_rng(seed)
    found = sobol_indices(func=noted, n=samples, dists=[uniform()] * inputs, rng=chance)
    a, b, mixed = seen[0], seen[1], seen[2].reshape(len(seen[0]), samples, inputs).transpose(2, 0, 1)
    middle = np.mean([a, b], axis=(0, -1))[:, None]
    a, b, mixed = a - middle, b - middle, mixed - middle
    firsts, totals = np.empty((RESAMPLES, len(a), inputs)), np.empty((RESAMPLES, len(a), inputs))
    for i in range(RESAMPLES):
        drawn = chance.integers(0, samples, samples)
        firsts[i], totals[i] = _indices(a[:, drawn], b[:, drawn], mixed[..., drawn])
    return Shares(
        first=found.first_order.reshape(len(a), inputs),  # SciPy drops an axis of one
        total=found.total_order.reshape(len(a), inputs),
        first_interval=np.percentile(firsts, TAILS, axis=0),
        total_interval=np.percentile(totals, TAILS, axis=0),
        sd=np.std(np.concatenate([a, b], axis=1), axis=1),
    )


def _indices(a: Floats, b: Floats, mixed: Floats) -> tuple[Floats, Floats]:
    """Saltelli's first-order and Jansen's total estimator; 0 where nothing varies. Shapes (s, n), (s, n), (d, s, n)."""
    variance = np.var(np.concatenate([a, b], axis=1), axis=1)
    variance = np.where(variance > 0, variance, np.inf)
    first = np.mean(b * (mixed - a), axis=-1) / variance
    total = 0.5 * np.mean((a - mixed) ** 2, axis=-1) / variance
    return first.T, total.T
