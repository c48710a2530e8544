"""A game compiled once to flat arrays, and what each action is worth at a mixed profile, with its derivatives.

Shapes: K actions (of all information sets, one after the other), S sets, E ends, n players, F free actions (all but
the first of each set: a profile has F degrees of freedom), M pairs of an action and an end that it lies before.

A profile is given by the logarithms of its probabilities, and everything conditional is computed from logarithms, so
an action of probability exp(-5000) still has a value and its information set still has beliefs. The value of an
action is the payoff of its player given that it is come to and done, all playing on as in the profile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from katchi.simulate.game.profile import Number, Profile
from katchi.simulate.game.tree import Game

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

TREMBLE = -250.0  # logarithm of a mistake: two are nothing beside one, and one is nothing beside what is played
LOG_NEVER = -1e5  # stands for the logarithm of a chance of 0: a tremble too small to count


class Freedom(NamedTuple):
    """What may vary: in each set, the actions in play but one, each measured against that one."""

    free: Indices  # (F,) actions
    base: Indices  # (F,) what each is measured against
    before: Floats  # (E, F): 1 where the free action lies before the end
    met: Floats  # (E, F): 1 where its information set does


class Gains(NamedTuple):
    """What each free action is worth more than its base, and how that changes with the scores of the free ones."""

    gains: Floats  # (F,) payoff, scaled
    slopes: Floats  # (F, F): [a, b] is d gain of a / d score of b; a score is a log odds against the base


class Arrays:
    """The flat form of a game. Payoffs are divided by `scale`, the widest range of any player."""

    def __init__(self, game: Game) -> None:
        sets = game.information_sets
        sizes = [len(one.actions) for one in sets]
        self.game = game
        self.first: Indices = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp) if sets else np.zeros(0, np.intp)
        self.set_of: Indices = np.repeat(np.arange(len(sets)), sizes).astype(np.intp)
        self.size = len(self.set_of)
        ends = game.ends
        payoffs = np.array([[float(p) for p in end.payoffs] for end in ends]).reshape(len(ends), len(game.players))
        spread = (payoffs.max(axis=0) - payoffs.min(axis=0)).max() if payoffs.size else 0.0
        self.scale = float(spread) if spread > 0 else 1.0
        self.lows = payoffs.min(axis=0)
        scaled = (payoffs - self.lows) / self.scale
        self._log_chance = np.array([math.log(end.probability) if end.probability else LOG_NEVER for end in ends])
        pairs = sorted((int(self.first[where]) + action, e) for e, end in enumerate(ends) for where, action in end.moves)
        self._action: Indices = np.array([a for a, _ in pairs], dtype=np.intp)
        self._end: Indices = np.array([e for _, e in pairs], dtype=np.intp)
        self._starts: Indices = np.searchsorted(self._action, np.arange(self.size)).astype(np.intp)
        player_of = np.array([sets[i].player for i in self.set_of], dtype=np.intp)
        self._payoff = scaled[self._end, player_of[self._action]] if pairs else np.zeros(0)
        self._before = np.zeros((len(ends), self.size))
        self._before[self._end, self._action] = 1.0
        shape = (self.size, len(ends))
        self._rows = csr_array((np.zeros(len(pairs)), self._end, np.append(self._starts, len(pairs))), shape=shape)

    def freedom(self, in_play: Sequence[Sequence[int]] | None = None) -> Freedom:
        """Return what may vary where only `in_play` (actions by set) is played; everything if not given."""
        held = in_play if in_play is not None else [range(len(one.actions)) for one in self.game.information_sets]
        flat = [[int(self.first[where]) + action for action in there] for where, there in enumerate(held)]
        free = np.array([a for there in flat for a in there[1:]], dtype=np.intp)
        base = np.array([there[0] for there in flat for _ in there[1:]], dtype=np.intp)
        met = np.add.reduceat(self._before, self.first, axis=1) if self.size else self._before
        return Freedom(free, base, np.ascontiguousarray(self._before[:, free]), met[:, self.set_of[free]])

    def values(self, logs: Floats) -> Floats:
        """Return the value (scaled) of each action at a profile given by its logarithms, (K,)."""
        weights = self._weights(logs)
        return np.add.reduceat(weights * self._payoff, self._starts)

    def gains(self, logs: Floats, freedom: Freedom) -> Gains:
        """Return what the free actions gain at a profile, and the exact derivatives."""
        weights = self._weights(logs)
        worth = weights * self._payoff
        values = np.add.reduceat(worth, self._starts)
        worth -= weights * values[self._action]
        columns = freedom.met * np.exp(logs[freedom.free])
        np.subtract(freedom.before, columns, out=columns)
        self._rows.data = worth
        slopes = self._rows @ columns
        return Gains(values[freedom.free] - values[freedom.base], slopes[freedom.free] - slopes[freedom.base])

    def _weights(self, logs: Floats) -> Floats:
        """Return, for each pair, how likely its end is once its action is done, (M,)."""
        ends = self._before @ logs
        ends += self._log_chance
        weights = ends[self._end]
        weights -= np.maximum.reduceat(weights, self._starts)[self._action]
        np.exp(weights, out=weights)
        weights /= np.add.reduceat(weights, self._starts)[self._action]
        return weights

    def log_softmax(self, scores: Floats) -> Floats:
        """Return the logarithms of the probabilities that are proportional to exp(scores) in each set."""
        shifted = scores - np.maximum.reduceat(scores, self.first)[self.set_of]
        return shifted - np.log(np.add.reduceat(np.exp(shifted), self.first))[self.set_of]

    def logs(self, profile: Profile, floor: float = LOG_NEVER) -> Floats:
        """Return the logarithms of a profile's probabilities, `floor` for 0."""
        return np.array([max(math.log(p), floor) if p > 0 else floor for there in profile for p in there])

    def profile(self, probabilities: Floats) -> Profile:
        """Return flat probabilities as a profile; each set is divided by its sum."""
        totals = np.add.reduceat(probabilities, self.first)[self.set_of] if self.size else probabilities
        shares = probabilities / totals
        found: list[tuple[Number, ...]] = []
        for where, one in enumerate(self.game.information_sets):
            at = int(self.first[where])
            found.append(tuple(float(p) for p in shares[at : at + len(one.actions)]))
        return tuple(found)
