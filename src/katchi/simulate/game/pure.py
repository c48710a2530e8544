"""Pure Nash equilibria, counted in the reduced strategic form, exactly.

All profiles are laid out as arrays of whole numbers, one slice of the largest player's strategies at a time: first the
most that it could get against each profile of the others, then, slice by slice, who could do better. A slice is made
from payoffs by last moves, a small table, by one matrix product for each other player.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from katchi.simulate.game.profile import Number, Profile
from katchi.simulate.game.strategies import StrategicForm, completed, spread_out

PROFILES_MAX = 400_000_000
SLICE_MAX = 8_000_000


class PureEquilibria(NamedTuple):
    """How many there are, and the first of them; the total is None where there are too many profiles to look at."""

    total: int | None
    profiles: tuple[Profile, ...]


def pure_equilibria(form: StrategicForm, *, listed_max: int = 100) -> PureEquilibria:
    """Return the pure Nash equilibria of a game, in the order of its reduced strategies."""
    largest = max(range(len(form.sizes)), key=form.sizes.__getitem__)
    if form.profiles > PROFILES_MAX or form.profiles // form.sizes[largest] > SLICE_MAX or form.sizes[largest] > 10**5:
        return PureEquilibria(None, ())
    total = 0
    found: list[Profile] = []
    for strategies in _stable(form, largest):
        total += len(strategies)
        for one in strategies[: listed_max - len(found)]:
            plans = [form.plans[player][int(s)] for player, s in enumerate(one)]
            partial = {where: _certain(form, where, action) for plan in plans for where, action in plan.items()}
            found.append(completed(form.game, partial))
    return PureEquilibria(total, tuple(found))


def _certain(form: StrategicForm, where: int, action: int) -> tuple[Number, ...]:
    return tuple(Fraction(int(i == action)) for i in range(len(form.game.information_sets[where].actions)))


def _stable(form: StrategicForm, largest: int) -> Iterator[NDArray[np.intp]]:
    """Yield, slice by slice, the profiles from which nobody gains by leaving, as rows of strategies."""
    others = [player for player in range(len(form.sizes)) if player != largest]
    rows = form.consistent[largest]
    tables = [np.moveaxis(table, largest, 0) for table in form.by_last_moves]
    spread = [form.consistent[player] for player in others]

    def got(player: int, strategy: int) -> NDArray[Any]:
        table = tables[player]
        row = rows[strategy] if table.dtype != object else rows[strategy].astype(int).astype(object)
        return spread_out(np.asarray(np.tensordot(row, table, axes=(0, 0))), spread)

    most = got(largest, 0)
    for strategy in range(1, form.sizes[largest]):
        most = np.maximum(most, got(largest, strategy))
    for strategy in range(form.sizes[largest]):
        stable = np.asarray(got(largest, strategy) == most)
        for axis, player in enumerate(others):
            if not stable.any():
                break
            payoffs = got(player, strategy)
            stable &= np.asarray(payoffs == payoffs.max(axis=axis, keepdims=True))
        found = np.argwhere(stable)
        if len(found):
            yield np.insert(found, largest, strategy, axis=1)
