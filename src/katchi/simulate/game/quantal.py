"""Quantal response: what players do who err less the more an error costs, followed from pure chance to precision.

At precision lambda, the log odds of two actions of an information set are lambda times the difference of what they
are worth (logit agent quantal response equilibrium, McKelvey and Palfrey 1998, Experimental Economics 1, 9-41).
Lambda has the unit 1/payoff. At 0 all actions are alike; the principal branch from there has, in almost all games,
one limit, a sequential equilibrium.

The branch is the curve H(x, s) = x - s gain(x) = 0 with x the log odds (F of them) and s = lambda times the widest
payoff range. It is followed by arc length, so turning points are no obstacle: a cubic predictor through the last two
points and tangents, Newton with the analytic Jacobian across the tangent, steps as long as the first correction
allows. Nothing here draws a random number: the same game gives the same path.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from katchi.errors import Malformed, Refused
from katchi.simulate.game.arrays import Arrays, Floats, Freedom
from katchi.simulate.game.profile import Profile
from katchi.simulate.game.tree import Game

STEP_FIRST, STEP_MIN = 0.5, 1e-7
STEP_OVER = 1e-2  # a change of orientation that is still there within so short a step is a branch point
STEPS_MAX = 20_000
CORRECTIONS_MAX = 5
CORRECTED = 2e-4  # a last correction as small as this leaves an error of about its square
FIRST_CORRECTION = 0.15  # steps are as long as keeps the predictor this near, in log odds


class Quantal(NamedTuple):
    """A point of the branch."""

    precision: float  # lambda, 1/payoff
    profile: Profile
    log_probabilities: Floats  # (K,), also of what is too rare for a float
    steps: int


class Point(NamedTuple):
    """A point of the curve: log odds and scaled precision, and the way on."""

    at: Floats  # (F + 1,), the scaled precision last
    along: Floats  # unit tangent


class Branch:
    """The principal branch of one game."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        self.freedom: Freedom = arrays.freedom()
        self._free = len(self.freedom.free)
        self._border = np.zeros((self._free + 1, self._free + 1))
        self._right = np.zeros((self._free + 1, 2))
        self._right[-1, 1] = 1.0
        self._diagonal = np.arange(self._free)
        self.steps = 0

    def logs(self, odds: Floats) -> Floats:
        """Return the logarithms of all probabilities at these log odds."""
        scores = np.zeros(self.arrays.size)
        scores[self.freedom.free] = odds
        return self.arrays.log_softmax(scores)

    def points(self) -> Iterator[tuple[Point, Point]]:
        """Yield each step as its two ends, from the uniform profile on; ends where no step is short enough."""
        gains = self.arrays.gains(self.logs(np.zeros(self._free)), self.freedom).gains
        along = np.append(gains, 1.0)
        here = Point(np.zeros(self._free + 1), along / np.linalg.norm(along))
        last: Point | None = None
        step, turning = STEP_FIRST, 1.0
        while step > STEP_MIN and self.steps < STEPS_MAX:
            corrected = self._corrected(here, self._predicted(last, here, step))
            if corrected is None:
                step /= 3
                continue
            there, first = corrected
            if (sign := float(np.linalg.slogdet(self._border)[0])) != turning:
                if step > STEP_OVER:  # onto another arm of the curve, the other way round
                    step /= 3
                    continue
                turning = sign  # a branch point, which is crossed straight on
            self.steps += 1
            yield here, there
            last, here = here, there
            order = 4 if self.steps > 2 else 2
            step *= min(max((FIRST_CORRECTION / max(first, 1e-12)) ** (1 / order), 0.4), 2.5)

    def _predicted(self, last: Point | None, here: Point, step: float) -> Floats:
        """Return a guess of the curve's point `step` onward: straight at first, then by the cubic of two points."""
        straight: Floats = here.at + step * here.along
        if last is None:
            return straight
        chord = here.at - last.at
        span = float(np.linalg.norm(chord))
        if step > 3 * span:
            return straight
        u = 1 + step / span  # Hermite's cubic on [0, 1], continued
        guess: Floats = (
            (2 * u**3 - 3 * u**2 + 1) * last.at
            + (u**3 - 2 * u**2 + u) * span * last.along
            + (3 * u**2 - 2 * u**3) * here.at
            + (u**3 - u**2) * span * here.along
        )
        return guess

    def _corrected(self, here: Point, guess: Floats) -> tuple[Point, float] | None:
        """Return the curve's point across from the guess, and how far the first correction went; None if it is not near."""
        at = guess.copy()
        first = before = float("inf")
        for trial in range(CORRECTIONS_MAX):
            found = self._newton(at, here.along)
            if found is None:
                return None
            change, along = found
            size = float(np.abs(change).max())
            if trial == 0:
                first = size
            if not np.isfinite(size) or size > 0.7 * before or first > 6.0:
                return None
            at += change
            before = size
            if size < CORRECTED * (1 + 1e-5 * abs(float(at[-1]))):
                norm = float(np.linalg.norm(along))
                along /= norm
                if float(along @ here.along) < 0.5:  # turned too far: another branch, or too long a step
                    return None
                return Point(at, along), first
        return None

    def _newton(self, at: Floats, across: Floats) -> tuple[Floats, Floats] | None:
        """Return Newton's correction across a direction, and the tangent, both from the Jacobian there."""
        odds, precision = at[:-1], float(at[-1])
        gains, slopes = self.arrays.gains(self.logs(odds), self.freedom)
        border = self._border
        np.multiply(slopes, -precision, out=border[:-1, :-1])
        border[self._diagonal, self._diagonal] += 1.0
        np.negative(gains, out=border[:-1, -1])
        border[-1] = across
        self._right[:-1, 0] = precision * gains - odds
        try:
            both = np.linalg.solve(border, self._right).astype(np.float64, copy=False)
        except np.linalg.LinAlgError:
            return None
        change: Floats = both[:, 0]
        along: Floats = both[:, 1].copy()
        return change, along

    def settled(self, odds: Floats, precision: float) -> Floats | None:
        """Return the log odds at exactly this scaled precision, near `odds`; None if Newton does not find them."""
        odds = odds.copy()
        before = float("inf")
        for _ in range(20):
            gains, slopes = self.arrays.gains(self.logs(odds), self.freedom)
            jacobian = -precision * slopes
            jacobian[self._diagonal, self._diagonal] += 1.0
            try:
                change = np.linalg.solve(jacobian, precision * gains - odds)
            except np.linalg.LinAlgError:
                return None
            size = float(np.abs(change).max()) if change.size else 0.0
            if not np.isfinite(size) or size > 10.0 * min(before, 1.0):
                return None
            odds += change
            if size < 1e-7 or size >= before:  # the next would be about its square, below rounding
                return odds if size < 1e-6 * (1 + 1e-6 * precision) else None
            before = size
        return None


def quantal_response(game: Game, precision: float) -> Quantal:
    """Return the quantal response equilibrium where the principal branch first comes to `precision`.

    Args:
        game: any with perfect recall.
        precision: lambda, 1/payoff, at least 0.
    Raises:
        Malformed: a precision that is negative or no number.
        Refused: the branch could not be followed that far.
    """
    return quantal_at(Branch(Arrays(game)), precision)


def quantal_at(branch: Branch, precision: float) -> Quantal:
    """Return the first point of a branch that has not been followed yet at `precision`."""
    if not (np.isfinite(precision) and precision >= 0):
        raise Malformed("{precision} is no precision", hint="Give lambda as a number of at least 0.", precision=precision)
    arrays = branch.arrays
    wanted = precision * arrays.scale
    if wanted == 0 or not branch._free:
        return _quantal(branch, np.zeros(branch._free), precision)
    for here, there in branch.points():
        if there.at[-1] >= wanted:
            odds = _between(here, there, wanted)
            settled = branch.settled(odds, wanted)
            if settled is None:
                settled = branch.settled(_bisected(branch, here, there, wanted), wanted)
            if settled is not None:
                return _quantal(branch, settled, precision)
            break
    raise Refused(
        "the quantal response path could not be followed to lambda {precision}",
        hint="Ask for a smaller lambda, or for the Nash equilibria alone.",
        precision=precision,
    )


def _quantal(branch: Branch, odds: Floats, precision: float) -> Quantal:
    logs = branch.logs(odds)
    return Quantal(precision, branch.arrays.profile(np.exp(logs)), logs, branch.steps)


def _between(here: Point, there: Point, wanted: float) -> Floats:
    """Return the log odds on the cubic between two points where the precision is as wanted, by bisection."""
    span = float(np.linalg.norm(there.at - here.at))
    low, high = 0.0, 1.0
    for _ in range(50):
        u = (low + high) / 2
        if _cubic(here, there, span, u)[-1] < wanted:
            low = u
        else:
            high = u
    odds: Floats = _cubic(here, there, span, high)[:-1]
    return odds


def _cubic(here: Point, there: Point, span: float, u: float) -> Floats:
    found: Floats = (
        (2 * u**3 - 3 * u**2 + 1) * here.at
        + (u**3 - 2 * u**2 + u) * span * here.along
        + (3 * u**2 - 2 * u**3) * there.at
        + (u**3 - u**2) * span * there.along
    )
    return found


def _bisected(branch: Branch, here: Point, there: Point, wanted: float) -> Floats:
    """Return log odds near the wanted precision after walking the last step in short ones."""
    span = float(np.linalg.norm(there.at - here.at))
    for _ in range(200):
        step = min(span / 16, (wanted - float(here.at[-1])) / max(float(here.along[-1]), 1e-6))
        corrected = branch._corrected(here, here.at + step * here.along)
        if corrected is None:
            span /= 2
            continue
        here = corrected[0]
        if abs(float(here.at[-1]) - wanted) < 1e-6 * (1 + wanted):
            break
    odds: Floats = here.at[:-1]
    return odds
