"""What every player does everywhere: for each information set, a probability for each action.

A profile is a tuple by information set (in the order of `Game.information_sets`) of tuples by action;
Fractions where the answer is exact, floats where it is not. `named` gives it the names of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from katchi.errors import Malformed
from katchi.simulate.game.tree import Game

Number = Fraction | float
Profile = tuple[tuple[Number, ...], ...]
Named = dict[str, dict[str, dict[str, float]]]  # player: information set: action: probability


def distinct(labels: Iterable[str]) -> list[str]:
    """Return the labels if each is there and no two are alike; else numbers from 1."""
    held = list(labels)
    whole = all(label.strip() for label in held) and len(set(held)) == len(held)
    return held if whole else [str(i) for i in range(1, len(held) + 1)]


def set_names(game: Game, player: int) -> list[str]:
    """Return how a player's information sets are called: by their labels where those tell them apart, else by number."""
    sets = [game.information_sets[i] for i in game.sets_of(player)]
    labels = [one.label for one in sets]
    return labels if distinct(labels) == labels and labels else [str(one.number) for one in sets]


def named(game: Game, profile: Profile) -> Named:
    """Return a profile by the names of players, information sets and actions."""
    said: Named = {}
    for player, name in enumerate(distinct(game.players)):
        said[name] = {}
        for where, called in zip(game.sets_of(player), set_names(game, player), strict=True):
            actions = distinct(game.information_sets[where].actions)
            said[name][called] = {a: float(p) for a, p in zip(actions, profile[where], strict=True)}
    return said


def unnamed(game: Game, said: Named) -> Profile:
    """Return the profile that `named` gave these names.

    Raises:
        Malformed: a name is missing.
    """
    found: dict[int, tuple[Number, ...]] = {}
    try:
        for player, name in enumerate(distinct(game.players)):
            for where, called in zip(game.sets_of(player), set_names(game, player), strict=True):
                found[where] = tuple(said[name][called][a] for a in distinct(game.information_sets[where].actions))
    except KeyError as missing:
        raise Malformed(
            "the profile does not name {name}", hint="Take the names as solving prints them.", name=str(missing)
        ) from None
    return tuple(found[i] for i in range(len(game.information_sets)))


def uniform(game: Game) -> Profile:
    """Return the profile in which every action is as likely as the others there."""
    return tuple(tuple(Fraction(1, len(one.actions)) for _ in one.actions) for one in game.information_sets)


def pure(game: Game, actions: Sequence[int]) -> Profile:
    """Return the profile in which each information set has one action."""
    chosen = zip(game.information_sets, actions, strict=True)
    return tuple(tuple(Fraction(int(i == action)) for i in range(len(one.actions))) for one, action in chosen)


def support(profile: Profile) -> tuple[tuple[int, ...], ...]:
    """Return, for each information set, the actions that are played at all."""
    return tuple(tuple(i for i, p in enumerate(there) if p > 0) for there in profile)


def expected_payoffs(game: Game, profile: Profile) -> tuple[Number, ...]:
    """Return what each player gets on average, in its own unit."""
    totals: list[Number] = [Fraction(0)] * len(game.players)
    for end in game.ends:
        weight: Number = end.probability
        for where, action in end.moves:
            if not weight:
                break
            weight = weight * profile[where][action]
        if weight:
            totals = [total + weight * payoff for total, payoff in zip(totals, end.payoffs, strict=True)]
    return tuple(totals)


def reached(game: Game, profile: Profile) -> tuple[bool, ...]:
    """Return, for each information set, whether it is come to at all."""
    found = [False] * len(game.information_sets)
    for end in game.ends:
        if end.probability:
            for where, action in end.moves:
                found[where] = True
                if not profile[where][action]:
                    break
    return tuple(found)
