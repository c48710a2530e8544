"""The reduced strategic form: whole plans that differ where it matters, and what each gets against the others'.

A reduced strategy says what its player does at each information set that the plan itself does not rule out. Payoffs
are exact: whole numbers over one denominator for each player.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from katchi.errors import Refused
from katchi.simulate.game.arrays import TREMBLE, Arrays
from katchi.simulate.game.profile import Number, Profile, pure
from katchi.simulate.game.tree import Game, Move

STRATEGIES_MAX = 100_000
Plan = dict[int, int]  # information set: action
Whole = NDArray[Any]  # of whole numbers


class StrategicForm:
    """The reduced strategies of every player, and payoffs by blocks of profiles."""

    def __init__(self, game: Game) -> None:
        self.game = game
        self._after: dict[tuple[int, Move | None], list[int]] = {}
        for where, before in enumerate(game.before):
            self._after.setdefault((game.information_sets[where].player, before), []).append(where)
        self.sizes = tuple(self._count(player) for player in range(len(game.players)))

    @property
    def profiles(self) -> int:
        """How many profiles of reduced strategies there are."""
        return math.prod(self.sizes)

    @cached_property
    def plans(self) -> tuple[tuple[Plan, ...], ...]:
        """The reduced strategies of each player.

        Raises:
            Refused: a player has more than STRATEGIES_MAX.
        """
        if max(self.sizes) > STRATEGIES_MAX:
            raise Refused(
                "a player has {n} reduced strategies, more than the {n_max} that are listed",
                hint="Ask for the quantal response profile, or make the game coarser.",
                n=max(self.sizes),
                n_max=STRATEGIES_MAX,
            )
        return tuple(self._plans(player) for player in range(len(self.game.players)))

    @cached_property
    def denominators(self) -> tuple[int, ...]:
        """For each player, what its payoffs are over where they are given as whole numbers."""
        ends = self.game.ends
        return tuple(math.lcm(*((e.probability * e.payoffs[i]).denominator for e in ends)) for i in range(len(self.game.players)))

    @cached_property
    def _last(self) -> tuple[dict[Move | None, int], ...]:
        """For each player, the moves that may be its last before an end."""
        found: list[dict[Move | None, int]] = [{} for _ in self.game.players]
        for end in self.game.ends:
            for held, moves in zip(found, end.own, strict=True):
                held.setdefault(moves[-1] if moves else None, len(held))
        return tuple(found)

    @cached_property
    def by_last_moves(self) -> tuple[Whole, ...]:
        """For each player, its payoffs (times its denominator) by all players' last moves, one axis for each player.

        Whole numbers, kept exactly: as floats while none can pass 2^53, as Python's own otherwise.
        """
        shape = tuple(map(len, self._last))
        found: list[Whole] = []
        for player, denominator in enumerate(self.denominators):
            amounts = [int(end.probability * end.payoffs[player] * denominator) for end in self.game.ends]
            table: Whole = np.zeros(shape, dtype=np.float64 if sum(map(abs, amounts)) < 2**53 else object)
            for end, amount in zip(self.game.ends, amounts, strict=True):
                at = tuple(held[moves[-1] if moves else None] for held, moves in zip(self._last, end.own, strict=True))
                table[at] += amount
            found.append(table)
        return tuple(found)

    @cached_property
    def consistent(self) -> tuple[Whole, ...]:
        """For each player, (its strategies, its last moves): 1 where the strategy makes that move if it comes to it."""
        found: list[Whole] = []
        for plans, last in zip(self.plans, self._last, strict=True):
            table = np.zeros((len(plans), len(last)))
            for i, plan in enumerate(plans):
                for move, j in last.items():
                    table[i, j] = move is None or plan.get(move[0]) == move[1]
            found.append(table)
        return tuple(found)

    def matrices(self) -> tuple[Whole, ...]:
        """Return each player's payoffs (times its denominator), one axis for each player."""
        return tuple(spread_out(table, self.consistent) for table in self.by_last_moves)

    def behaviour(self, mixtures: Sequence[Sequence[Number]]) -> Profile:
        """Return what mixed strategies do at each information set (Kuhn 1953); `completed` where they never come."""
        partial: dict[int, tuple[Number, ...]] = {}
        for plans, weights in zip(self.plans, mixtures, strict=True):
            totals: dict[Move, Number] = {}
            for plan, weight in zip(plans, weights, strict=True):
                if weight:
                    for move in plan.items():
                        totals[move] = totals.get(move, Fraction(0)) + weight
            for where in {where for where, _ in totals}:
                there = [totals.get((where, a), Fraction(0)) for a in range(len(self.game.information_sets[where].actions))]
                whole = sum(there, Fraction(0))
                partial[where] = tuple(p / whole for p in there)
        return completed(self.game, partial)

    def _count(self, player: int) -> int:
        ways: dict[Move, int] = {}
        sets = self.game.information_sets
        for where in self.game.deepest_first:
            if sets[where].player == player:
                for action in range(len(sets[where].actions)):
                    after = self._after.get((player, (where, action)), [])
                    ways[where, action] = math.prod(self._ways(one, ways) for one in after)
        return math.prod(self._ways(one, ways) for one in self._after.get((player, None), []))

    def _ways(self, where: int, ways: Mapping[Move, int]) -> int:
        return sum(ways[where, action] for action in range(len(self.game.information_sets[where].actions)))

    def _plans(self, player: int) -> tuple[Plan, ...]:
        sets = self.game.information_sets
        onward: dict[int, list[Plan]] = {}  # from each information set on
        for where in self.game.deepest_first:
            if sets[where].player != player:
                continue
            onward[where] = [
                {where: action} | merged
                for action in range(len(sets[where].actions))
                for merged in _merged(onward[one] for one in self._after.get((player, (where, action)), []))
            ]
        return tuple(_merged(onward[one] for one in self._after.get((player, None), [])))


def spread_out(table: Whole, consistent: Sequence[Whole]) -> Whole:
    """Return payoffs by strategies from payoffs by last moves: each axis is multiplied by its table."""
    for each in consistent:  # the first axis goes, the new one comes last: after all of them the axes are in order again
        table = np.tensordot(table, each if table.dtype != object else each.astype(int).astype(object), axes=(0, 1))
    return table


def _merged(parts: Any) -> list[Plan]:
    """Return all ways to take one plan of each part."""
    found: list[Plan] = []
    for choice in product(*parts):
        whole: Plan = {}
        for plan in choice:
            whole |= plan
        found.append(whole)
    return found


def completed(game: Game, partial: Mapping[int, tuple[Number, ...]]) -> Profile:
    """Return a whole profile: where `partial` says nothing, an action that is best there, with trembling beliefs.

    What a player does where its own plan never comes changes nobody's payoff; it is chosen to be credible.
    """
    profile = tuple(
        partial.get(i) or (Fraction(1, len(one.actions)),) * len(one.actions) for i, one in enumerate(game.information_sets)
    )
    missing = [i for i in range(len(profile)) if i not in partial]
    if not missing:
        return profile
    arrays = Arrays(game)
    for _ in range(2):
        worth = arrays.values(arrays.logs(profile, TREMBLE))
        best = [
            int(np.argmax(worth[at : at + len(one.actions)])) for at, one in zip(arrays.first, game.information_sets, strict=True)
        ]
        chosen = pure(game, best)
        profile = tuple(chosen[i] if i in missing else there for i, there in enumerate(profile))
    return profile
