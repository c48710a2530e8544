"""Over which range of a payoff or a probability an answer holds: what it hangs on.

An answer holds at another value if there is still an equilibrium with the same pattern: the same actions played at
each information set (their probabilities may move), credible everywhere if the answer was. From the value in the
game, the range is widened until the pattern breaks, and its end found by bisection. For a pure pattern the values
at which it holds are one interval, since regrets are greatest values of lines; for a mixed one, the interval is the
connected one around the value in the game.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from katchi.errors import Malformed, NotFound
from katchi.simulate.game.arrays import Arrays
from katchi.simulate.game.polish import on_support, regret_max
from katchi.simulate.game.profile import Profile, distinct, pure, support
from katchi.simulate.game.regret import regret, sequential_regrets
from katchi.simulate.game.tree import Game, exact

WIDENINGS_MAX = 40
BISECTIONS = 40
REACH = 1_000  # payoffs are varied this many times the range of the player's payoffs before "without end" is said
TOLERANCE = Fraction(1, 10**10)


class Knob(NamedTuple):
    """One number of a game that may be otherwise."""

    is_payoff: bool
    of: int  # player, or chance move
    what: int  # outcome, or branch
    name: str
    also: tuple[int, ...] = ()  # chance moves that are turned with it

    def value(self, game: Game) -> Fraction:
        """Return what it is in a game."""
        return (
            game.outcomes[self.what].payoffs[self.of] if self.is_payoff else game.chance_moves[self.of].probabilities[self.what]
        )

    def turned(self, game: Game, value: Fraction) -> Game:
        """Return the game in which it is `value`."""
        if self.is_payoff:
            return game.with_payoff(self.of, self.what, value)
        for move in (self.of, *self.also):
            game = game.with_probability(move, self.what, value)
        return game


class Range(NamedTuple):
    """Where an answer holds; None where no end was found within reach."""

    value: float
    low: float | None
    high: float | None


def knob(game: Game, text: str) -> Knob:
    """Return what `PLAYER:OUTCOME` or `chance:MOVE:BRANCH` names, each by its label or its number.

    Chance moves that are alike in label, branches and probabilities are one move at several points: they turn together.

    Raises:
        Malformed: it has no such form.
        NotFound: the game has no such player, outcome, move or branch.
    """
    first, colon, rest = text.partition(":")
    if not colon:
        raise Malformed(
            "{text} names no number of the game", hint="Write PLAYER:OUTCOME, or chance:MOVE:BRANCH for a probability.", text=text
        )
    if first == "chance" and "chance" not in game.players:
        move_name, _, branch_name = rest.partition(":")
        moves = game.chance_moves
        alike = [i for i, m in enumerate(moves) if m.label == move_name]
        if not move_name or len({(moves[i].actions, moves[i].probabilities) for i in alike}) != 1:
            alike = [_named(move_name, [m.label for m in moves], [m.number for m in moves], text)]
        actions = moves[alike[0]].actions
        branch = _named(branch_name, list(actions), list(range(1, len(actions) + 1)), text)
        return Knob(False, alike[0], branch, text, tuple(alike[1:]))
    player = _named(first, distinct(game.players), list(range(1, len(game.players) + 1)), text)
    outcomes = game.outcomes
    return Knob(True, player, _named(rest, [o.label for o in outcomes], [o.number for o in outcomes], text), text)


def _named(name: str, labels: Sequence[str], numbers: Sequence[int], text: str) -> int:
    if name and list(labels).count(name) == 1:
        return list(labels).index(name)
    if name.isdecimal() and int(name) in numbers:
        return list(numbers).index(int(name))
    raise NotFound("{text}: there is no {name}, or more than one", hint="Take a number as the file has it.", text=text, name=name)


class _Pattern:
    """What of an answer must stay, and whether it does."""

    def __init__(self, game: Game, profile: Profile) -> None:
        self.support = support(profile)
        self.is_pure = all(len(there) == 1 for there in self.support)
        arrays = Arrays(game)
        # A pure pattern is checked exactly.
        self._spare = Fraction(0) if self.is_pure else Fraction(regret_max(arrays))
        self.is_credible = max(sequential_regrets(game, profile), default=Fraction(0)) <= self._spare

    def held(self, game: Game, near: Profile) -> Profile | None:
        """Return the equilibrium of the same pattern in another game, found from one near it; None if there is none."""
        profile: Profile | None = pure(game, [there[0] for there in self.support]) if self.is_pure else near
        if not self.is_pure:
            arrays = Arrays(game)
            profile = on_support(arrays, arrays.logs(near), self.support)
        if profile is None or regret(game, profile) > self._spare:
            return None
        if self.is_credible and max(sequential_regrets(game, profile), default=Fraction(0)) > self._spare:
            return None
        return profile


def holds_over(game: Game, profile: Profile, turning: Knob) -> Range:
    """Return the range of one number, the others as they are, over which an equilibrium keeps its pattern."""
    low, high = _edges(game, profile, turning)
    value = float(turning.value(game))
    return Range(value, None if low is None else float(low), None if high is None else float(high))


def _edges(game: Game, profile: Profile, turning: Knob) -> tuple[Fraction | None, Fraction | None]:
    """Return the last values either way at which the pattern holds, None for no end."""
    pattern = _Pattern(game, profile)
    value = turning.value(game)
    if not turning.is_payoff:
        unit = Fraction(1, 50)
        low, high = (_edge(game, profile, turning, pattern, *way) for way in ((-unit, Fraction(0)), (unit, Fraction(1))))
        return low, high
    unit = _spread(game, turning) / 50
    limits = (value - REACH * 50 * unit, value + REACH * 50 * unit)
    low, high = (_edge(game, profile, turning, pattern, *way) for way in ((-unit, limits[0]), (unit, limits[1])))
    return None if low == limits[0] else low, None if high == limits[1] else high


def _spread(game: Game, turning: Knob) -> Fraction:
    """Return how far the payoffs of a knob's player lie apart; 1 where they do not."""
    payoffs = [end.payoffs[turning.of] for end in game.ends] if turning.is_payoff else [Fraction(0)]
    return max(payoffs) - min(payoffs) or Fraction(1)


def _edge(game: Game, profile: Profile, turning: Knob, pattern: _Pattern, step: Fraction, limit: Fraction) -> Fraction:
    """Return how far a number can go one way before the pattern breaks; `limit` if it does not break before that."""
    good, kept = turning.value(game), profile
    bad: Fraction | None = None
    for _ in range(WIDENINGS_MAX):
        if good == limit:
            return limit
        tried = max(good + step, limit) if step < 0 else min(good + step, limit)
        found = pattern.held(turning.turned(game, tried), kept)
        if found is None:
            bad = tried
            break
        good, kept = tried, found
        step *= 2
    if bad is None:
        return good
    nearness = max(abs(step), Fraction(1)) * TOLERANCE
    for _ in range(BISECTIONS):
        if abs(bad - good) <= nearness:
            break
        middle = exact(float((good + bad) / 2))
        found = pattern.held(turning.turned(game, middle), kept)
        if found is None:
            bad = middle
        else:
            good, kept = middle, found
    simple = ((good + bad) / 2).limit_denominator(10_000)  # 10/13 rather than a decimal beside it
    if abs(simple - good) <= 4 * nearness and pattern.held(turning.turned(game, simple), kept) is not None:
        return simple
    return good


def joint_map(game: Game, profile: Profile, first: Knob, second: Knob, *, points: int = 11) -> list[tuple[float, Range | None]]:
    """Return, for values of the first number across its own range, over which range of the second the answer holds.

    The first's values are evenly spaced over where it holds alone (a range without end is cut at the payoffs' range);
    None where the answer does not hold with the second as it is.
    """
    low, high = _edges(game, profile, first)
    spread = _spread(game, first)
    low = first.value(game) - spread if low is None else low
    high = first.value(game) + spread if high is None else high
    pattern = _Pattern(game, profile)
    rows: list[tuple[float, Range | None]] = []
    for i in range(points):
        value = low + (high - low) * Fraction(i, max(points - 1, 1))
        turned = first.turned(game, value)
        found = pattern.held(turned, profile)
        rows.append((float(value), None if found is None else holds_over(turned, found, second)))
    return rows
