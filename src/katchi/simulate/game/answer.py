"""A game solved: its Nash equilibria, each with what anyone could gain by leaving it.

Which solver: pure equilibria always, by counting; subgame perfect by backward induction where all is known to all;
for two players all extreme equilibria if the game is small, exact; the limit of the quantal response branch, polished;
and for two players, where none of these gave an exact one, Lemke's algorithm. What is listed passed the regret check,
which no solver has a part in.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import msgspec

from katchi.errors import sayable
from katchi.simulate.game import bimatrix, lemke
from katchi.simulate.game.induction import backward_induction
from katchi.simulate.game.polish import logit_limit
from katchi.simulate.game.profile import Named, Profile, distinct, expected_payoffs, named, set_names
from katchi.simulate.game.pure import pure_equilibria
from katchi.simulate.game.recall import require_recall
from katchi.simulate.game.regret import regret, sequential_regrets
from katchi.simulate.game.strategies import StrategicForm
from katchi.simulate.game.tree import Game, Move

REGRET_SHOWN_MAX = 1e-6  # payoff
SAME = 1e-7  # profiles whose chosen paths differ by less are one equilibrium
LISTED_MAX = 200
CHOICES_MAX = 250  # beyond so many free probabilities the path is followed only if nothing else was found


class Equilibrium(msgspec.Struct, frozen=True, kw_only=True):
    """A Nash equilibrium, by names. Payoffs and regrets are in the players' own units."""

    profile: Named
    payoffs: dict[str, float]
    regret: float  # the most that any player could gain by any other plan
    sequential_regret: float  # the most that could be gained at any information set once it is come to (see `regret`)
    sequential_regrets: dict[str, dict[str, float]]
    found_by: tuple[str, ...]
    is_pure: bool


class Solution(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a game."""

    title: str
    players: tuple[str, ...]
    perfect_recall: bool
    pure_equilibria: int | None  # in the reduced strategic form; None where there are too many profiles to count
    reduced_strategies: tuple[int, ...]
    equilibria: tuple[Equilibrium, ...]
    profiles: tuple[Profile, ...]  # of the equilibria, for further work
    ties: int  # information sets at which backward induction might have chosen otherwise


def solve(game: Game, *, listed_max: int = LISTED_MAX) -> Solution:
    """Return the equilibria of a game that these solvers find: a subgame perfect one first, then pure, then mixed.

    Raises:
        Refused: imperfect recall, or a player has more plans than can be listed.
    """
    require_recall(game)
    form = StrategicForm(game)
    found = _Found(game)
    induced = backward_induction(game)
    if induced is not None:
        found.add(induced.profile, sayable("backward induction"))
    pure = pure_equilibria(form, listed_max=listed_max)
    for profile in pure.profiles:
        found.add(profile, sayable("pure strategies"))
    if len(game.players) == 2 and bimatrix.is_small(form):
        for pair in bimatrix.extreme_equilibria(form, listed_max=listed_max):
            found.add(form.behaviour(pair), sayable("extreme equilibria"))
    limit = logit_limit(game) if not found.listed or _choices(game) <= CHOICES_MAX else None
    if limit is not None:
        found.add(limit.profile, sayable("limit of quantal response"), limit.sequential_regrets)
    is_wanted = not found.listed or (not found.has_exact and lemke.is_quick(game))
    if is_wanted and lemke.is_within_reach(game) and (one := lemke.lemke(game)) is not None:
        found.add(one, sayable("Lemke's algorithm"))
    return Solution(
        title=game.title,
        players=tuple(distinct(game.players)),
        perfect_recall=True,
        pure_equilibria=pure.total,
        reduced_strategies=form.sizes,
        equilibria=tuple(described(game, *one) for one in found.listed[:listed_max]),
        profiles=tuple(one.profile for one in found.listed[:listed_max]),
        ties=len(induced.ties) if induced is not None else 0,
    )


def _choices(game: Game) -> int:
    """Return how many probabilities a profile is free to choose."""
    return sum(len(one.actions) - 1 for one in game.information_sets)


class Candidate(NamedTuple):
    """A profile that passed, how it was found, and what could be gained at each information set."""

    profile: Profile
    ways: tuple[str, ...]
    gains: tuple[float, ...]


def described(
    game: Game, profile: Profile, found_by: tuple[str, ...] = (), gains: tuple[float, ...] | None = None
) -> Equilibrium:
    """Return a profile by names, with its payoffs and regrets; gains at information sets are computed if not given."""
    if gains is None:
        gains = tuple(map(float, sequential_regrets(game, profile)))
    by_name = {
        name: dict(zip(set_names(game, player), (gains[where] for where in game.sets_of(player)), strict=True))
        for player, name in enumerate(distinct(game.players))
    }
    payoffs = expected_payoffs(game, profile)
    return Equilibrium(
        profile=named(game, profile),
        payoffs={name: float(payoff) for name, payoff in zip(distinct(game.players), payoffs, strict=True)},
        regret=float(regret(game, profile)),
        sequential_regret=max(gains, default=0.0),
        sequential_regrets=by_name,
        found_by=found_by,
        is_pure=all(p in (0, 1) for there in profile for p in there),
    )


class _Found:
    """Equilibria so far; the same one found again is only noted, and kept in its more credible form."""

    def __init__(self, game: Game) -> None:
        self.game = game
        self.listed: list[Candidate] = []
        self._plans: list[dict[Move, float]] = []

    def add(self, profile: Profile, way: str, believed: tuple[float, ...] | None = None) -> None:
        """Take a profile if it is an equilibrium; `believed` are its gains by other beliefs than trembles that are all alike."""
        if regret(self.game, profile) > REGRET_SHOWN_MAX:
            return
        gains = tuple(map(float, sequential_regrets(self.game, profile)))
        if believed is not None:
            gains = min(gains, believed, key=lambda held: max(held, default=0.0))
        plan = self._plan(profile)
        for i, other in enumerate(self._plans):
            if all(abs(plan[move] - other[move]) < SAME for move in plan):
                held = self.listed[i]
                ways = held.ways if way in held.ways else (*held.ways, way)
                is_better = max(gains, default=0.0) < max(held.gains, default=0.0)
                self.listed[i] = Candidate(profile, ways, gains) if is_better else held._replace(ways=ways)
                return
        self.listed.append(Candidate(profile, (way,), gains))
        self._plans.append(plan)

    @property
    def has_exact(self) -> bool:
        """Return whether any of them is in Fractions."""
        return any(all(isinstance(p, Fraction) for there in one.profile for p in there) for one in self.listed)

    def _plan(self, profile: Profile) -> dict[Move, float]:
        """Return how much each player's plan weighs each of its sequences of moves."""
        plan: dict[Move, float] = {}
        for where in reversed(self.game.deepest_first):
            before = self.game.before[where]
            weight = 1.0 if before is None else plan[before]
            for action, p in enumerate(profile[where]):
                plan[where, action] = weight * float(p)
        return plan
