"""Which answer holds where, as one probability goes from 0 to 1: how good is good enough, as a number.

The game is solved at the low end, the range found over which that answer holds (`robustness`), and solved anew just beyond,
until 1. Of several equilibria at one value the most credible is followed: the least that anyone could gain at any
information set, then the one found by backward induction, then by the limit of quantal response.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from katchi.simulate.game.answer import Equilibrium, Solution, described, solve
from katchi.simulate.game.profile import Profile
from katchi.simulate.game.robustness import Knob, holds_over
from katchi.simulate.game.tree import Game, exact

REGIMES_MAX = 24
BEYOND = Fraction(1, 10**6)  # so far beyond the end of one range the next answer is looked for
PREFERRED = ("backward induction", "limit of quantal response")


class Regime(NamedTuple):
    """A range of the number, and the answer that holds in it, as it is at `at`."""

    low: float
    high: float
    at: float
    equilibrium: Equilibrium


def regimes(game: Game, turning: Knob) -> tuple[Regime, ...]:
    """Return the ranges of a probability from 0 to 1, in order, each with the answer that holds in it.

    Ranges of credible answers may overlap where the game has several; where they leave a gap, no answer was found there.

    Args:
        game: with perfect recall.
        turning: a probability of the game.
    Raises:
        Refused: as `solve`.
    """
    found: list[Regime] = []
    at = BEYOND
    while at < 1 and len(found) < REGIMES_MAX:
        turned = turning.turned(game, at)
        best = most_credible(solve(turned))
        if best is None:
            at += Fraction(1, REGIMES_MAX)
            continue
        held = holds_over(turned, best, turning)
        low, high = held.low or 0.0, 1.0 if held.high is None else held.high
        found.append(Regime(low, high, float(at), described(turned, best)))
        at = max(exact(high), at) + BEYOND
    return tuple(found)


def most_credible(solution: Solution) -> Profile | None:
    """Return the equilibrium that leaves the least to gain at any information set; None if there is none."""

    def doubts(i: int) -> tuple[float, int]:
        one = solution.equilibria[i]
        ways = [PREFERRED.index(way) for way in one.found_by if way in PREFERRED]
        return max(one.sequential_regret, 1e-9), min(ways, default=len(PREFERRED))

    if not solution.equilibria:
        return None
    return solution.profiles[min(range(len(solution.equilibria)), key=doubts)]
