"""A Markov chain that ends: how likely it has ended by a time, and when it ends on average.

The probability is exact but for rounding: a dense matrix exponential where the chain is small, else uniformisation (a Poisson
number of steps of a stochastic matrix: sums of what is not negative, so nothing cancels). The mean is a linear solve.

Sources: Jensen (1953) for uniformisation; Al-Mohy and Higham (2009) for the matrix exponential.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import splu

DENSE_MAX = 400
SOLVED_DENSE_MAX = 100
POISSON_MAX = 500.0  # mean number of steps at once: exp(-500) is still a number
DENSE_FLOPS_PER_S = 1.5e10  # only for the choice between two ways to one answer
STEP_S, ENTRY_S = 1.2e-5, 2.5e-9

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Chain:
    """A chain of `states` states: from `origin[k]` to `to[k]` at `rate[k]`; it ends from state i at rate `ends[i]`."""

    def __init__(
        self, *, start: Floats, origin: Integers, to: Integers, rate: Floats, ends: Floats, ends_surely: bool, unfolded: int = 0
    ) -> None:
        """Make a chain.

        Args:
            start: shape (states,), the probability of each state at time 0; what is missing to 1 has ended at once.
            origin: shape (moves,), and `to` as well.
            rate: shape (moves,), per second, > 0.
            ends: shape (states,), per second.
            ends_surely: whether an end can be reached from everywhere.
            unfolded: how many states there were before lumping.
        """
        self.start, self.origin, self.to, self.rate, self.ends = start, origin, to, rate, ends
        self.ends_surely, self.unfolded = ends_surely, unfolded
        self.leaves = ends + np.bincount(origin, weights=rate, minlength=len(start)).astype(np.float64)

    @property
    def states(self) -> int:
        """How many states it has, the end not counted."""
        return len(self.start)

    def probability_by(self, time_s: float) -> float:
        """Return the probability of having ended by then; to about 1e-12."""
        if self.states == 0:
            return 1.0
        left = self._left_dense(time_s) if self._dense_s(time_s) < self._uniformised_s(time_s) else self._left_uniformised(time_s)
        ended_at_once = 1.0 - float(self.start.sum())
        return min(max(1.0 - left - ended_at_once, 0.0) + ended_at_once, 1.0)

    def mean_s(self) -> float:
        """Return the expected time; inf if there are ways on which it never ends."""
        if self.states == 0:
            return 0.0
        if not self.ends_surely:
            return math.inf
        if self.states <= SOLVED_DENSE_MAX:
            return float(np.linalg.solve(-self._dense().T, self.start).sum())
        return float(splu((diags_array(self.leaves) - self._moves()).T.tocsc()).solve(self.start).sum())

    def effort_s(self, time_s: float) -> float:
        """Return about how long one probability takes on one core, seconds: to choose by, not to rely on."""
        return min(self._dense_s(time_s), self._uniformised_s(time_s))

    def _dense_s(self, time_s: float) -> float:
        products = 8 + math.log2(max(2 * float(self.leaves.max()) * time_s, 1.0))
        return 2.0 * self.states**3 * products / DENSE_FLOPS_PER_S if self.states <= DENSE_MAX else math.inf

    def _uniformised_s(self, time_s: float) -> float:
        return (float(self.leaves.max()) * time_s + 20) * (STEP_S + ENTRY_S * len(self.rate))

    def _dense(self) -> Floats:
        n = self.states
        generator = np.bincount(self.origin * n + self.to, weights=self.rate, minlength=n * n).astype(np.float64).reshape(n, n)
        generator[np.arange(n), np.arange(n)] -= self.leaves
        return generator

    def _moves(self) -> csr_array:
        return csr_array((self.rate, (self.origin, self.to)), shape=(self.states, self.states))

    def _left_dense(self, time_s: float) -> float:
        return float((self.start @ expm(self._dense() * time_s)).sum())

    def _left_uniformised(self, time_s: float) -> float:
        fastest = float(self.leaves.max())
        pieces = max(math.ceil(fastest * time_s / POISSON_MAX), 1)
        expected = fastest * time_s / pieces
        onward = ((self._moves() + diags_array(fastest - self.leaves)).T / fastest).tocsr()
        at = self.start
        for _ in range(pieces):
            weight = math.exp(-expected)
            total, left = weight * at, 1.0 - weight
            for step in range(1, math.ceil(expected + 9 * math.sqrt(expected) + 30)):
                at = onward @ at
                weight *= expected / step
                left -= weight
                total += weight * at
            at = total
        return float(at.sum())
