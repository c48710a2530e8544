"""From a quantal response profile to the Nash equilibrium beside it, by Newton on the support.

What is played less than a threshold is dropped; what is left must be equally good in each information set. That
system has as many equations as unknowns and analytic derivatives; where it is singular (degenerate games) the least
change is taken. Dropped actions keep their relative rarity as trembles, so beliefs off the path stay those of the
branch. A candidate counts only if its regret, recomputed apart from here, is as good as 0.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from katchi.simulate.game.arrays import TREMBLE, Arrays, Floats
from katchi.simulate.game.profile import Number, Profile
from katchi.simulate.game.quantal import Branch
from katchi.simulate.game.regret import regret
from katchi.simulate.game.tree import Game

REGRET_MAX = 1e-8  # payoff, where payoffs span 100 or less; in proportion beyond
THRESHOLDS = (1e-2, 1e-3, 0.1, 1e-4, 1e-5, 1e-7)
MILESTONES = (1e2, 1e3, 1e4, 1e5, 1e6)  # scaled precisions at which polishing is tried
MILESTONE_SURE = 1e3  # before this, a polished profile may be another equilibrium than the limit
NEWTON_MAX = 40
Support = tuple[tuple[int, ...], ...]


class Limit(NamedTuple):
    """The equilibrium that a quantal response branch comes to."""

    profile: Profile
    regret: float
    precision: float  # lambda to which the branch was followed, 1/payoff
    sequential_regrets: tuple[float, ...]  # by information set, believing what the branch believes there


def regret_max(arrays: Arrays) -> float:
    """Return the regret that passes for 0 in a game."""
    return REGRET_MAX * max(1.0, arrays.scale / 100)


def logit_limit(game: Game) -> Limit | None:
    """Return the limit of the principal quantal response branch, polished to a Nash equilibrium; None if not found."""
    arrays = Arrays(game)
    branch = Branch(arrays)
    if not branch.freedom.free.size:
        return Limit(tuple((Fraction(1),) for _ in game.information_sets), 0.0, 0.0, (0.0,) * len(game.information_sets))
    waiting, fallback = list(MILESTONES), None
    precision = 0.0
    for _, there in branch.points():
        precision = float(there.at[-1])
        if precision < waiting[0]:
            continue
        while waiting and precision >= waiting[0]:
            waiting.pop(0)
        logs = branch.logs(there.at[:-1])
        found = polished(arrays, logs)
        if found is not None:
            fallback = Limit(*found, precision / arrays.scale, _believing(arrays, found[0], logs))
            if precision >= MILESTONE_SURE:
                return fallback
        if not waiting:
            break
    return fallback


def polished(arrays: Arrays, logs: Floats) -> tuple[Profile, float] | None:
    """Return the Nash equilibrium near a profile given by its logarithms, with its regret; None if none is near."""
    tried: set[Support] = set()
    for threshold in THRESHOLDS:
        support = _above(arrays, logs, threshold)
        if support in tried:
            continue
        tried.add(support)
        settled = on_support(arrays, logs, support)
        if settled is not None:
            gain = float(regret(arrays.game, settled))
            if gain <= regret_max(arrays):
                return settled, gain
    return None


def on_support(arrays: Arrays, logs: Floats, support: Support) -> Profile | None:
    """Return the profile near `logs` that plays only `support` and makes all of it equally good; None if Newton finds none."""
    freedom = arrays.freedom(support)
    played = np.zeros(arrays.size, dtype=bool)
    for where, there in enumerate(support):
        played[arrays.first[where] + np.array(there, dtype=np.intp)] = True
    scores = np.where(played, logs, logs + TREMBLE)
    scores -= np.repeat([scores[arrays.first[w] + there[0]] for w, there in enumerate(support)], np.bincount(arrays.set_of))
    for _ in range(NEWTON_MAX if freedom.free.size else 0):
        current = _normal(arrays, scores, played)
        gains, slopes = arrays.gains(current, freedom)
        change = np.linalg.lstsq(slopes, -gains, rcond=1e-11)[0]
        largest = float(np.abs(change).max())
        if not np.isfinite(largest):
            return None
        scores[freedom.free] += change * min(1.0, 2.0 / max(largest, 1e-300))
        if largest < 1e-13 or (np.abs(gains).max() < 1e-15 and largest < 1e-9):
            break
    probabilities = np.where(played, np.exp(_normal(arrays, scores, played)), 0.0)
    if probabilities[played].min() < 1e-12:
        return None
    return _rounded(arrays.profile(probabilities))


def _believing(arrays: Arrays, profile: Profile, logs: Floats) -> tuple[float, ...]:
    """Return the gain of the best action at each information set, where what is not played is as rare as in `logs`."""
    flat = np.array([float(p) for there in profile for p in there])
    worth = arrays.values(np.where(flat > 0, np.log(np.maximum(flat, 1e-300)), logs + TREMBLE)) * arrays.scale
    gains = np.maximum.reduceat(worth, arrays.first) - np.add.reduceat(flat * worth, arrays.first)
    return tuple(float(max(gain, 0.0)) for gain in gains)


def _above(arrays: Arrays, logs: Floats, threshold: float) -> Support:
    """Return, for each set, the actions that are played at least so often, the likeliest of each first."""
    found = []
    for where, one in enumerate(arrays.game.information_sets):
        there = logs[arrays.first[where] : arrays.first[where] + len(one.actions)]
        held = [i for i in np.argsort(-there, kind="stable") if there[i] >= np.log(threshold)]
        found.append(tuple(int(i) for i in held) or (int(np.argmax(there)),))
    return tuple(found)


def _normal(arrays: Arrays, scores: Floats, played: np.typing.NDArray[np.bool_]) -> Floats:
    """Return logarithms whose probabilities sum to 1 over what is played; the rest keeps its odds against that."""
    held = np.where(played, scores, -np.inf)
    tops = np.maximum.reduceat(held, arrays.first)
    totals = np.add.reduceat(np.exp(held - tops[arrays.set_of]), arrays.first)
    logs: Floats = scores - (tops + np.log(totals))[arrays.set_of]
    return logs


def _rounded(profile: Profile) -> Profile:
    """Return a profile with certain actions as Fractions; all of it exact where it is pure."""
    if all(p in (0.0, 1.0) for there in profile for p in there):
        return tuple(tuple(Fraction(int(p)) for p in there) for there in profile)
    exact: list[tuple[Number, ...]] = [tuple(there) for there in profile]
    return tuple(exact)
