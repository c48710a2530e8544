"""How good must consultation be, and how good is it: what is stable, by the probability q of being consulted in time.

`ranges` draws what is stable at which q in any game that asks a question, and marks the q that the sweep attained;
`turning_said` says the same in words. Where the answer is not the one hoped for is for the reader to say: nothing here prefers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from markupsafe import Markup

from katchi.charts.figure import Figure, tag, text, together
from katchi.charts.ink import INK, LEADING, MIDDLE, PAPER, QUIET, SHADE, SMALL, STRONG, WIDE
from katchi.charts.lettering import broken, clean
from katchi.charts.speech import DASH, Speech, speech
from katchi.language import Language
from katchi.simulate.game.answer import Equilibrium
from katchi.simulate.game.regimes import Regime

QUARTERS = (0, 25, 50, 75, 100)
BAR, ROW_GAP, EDGE = 12.0, 14.0, 4.0


class Attained(NamedTuple):
    """The probability of being consulted in time."""

    probability: float  # sampled
    interval: tuple[float, float]
    exact: float | None = None

    @property
    def best(self) -> float:
        """Return the exact one where it is known."""
        return self.probability if self.exact is None else self.exact


def attained_said(attained: Attained, spoken: Speech) -> str:
    """Return the q attained in words."""
    _ = spoken.translate
    interval = spoken.shares(attained.interval, 2)
    if attained.exact is None:
        return _("q attained: {q} ({interval})").format(q=spoken.share(attained.probability, 2), interval=interval)
    return _("q attained: exact {exact}, sampled {q} ({interval})").format(
        exact=spoken.share(attained.exact, 2), q=spoken.share(attained.probability, 2), interval=interval
    )


def turning_said(found: Sequence[Regime], attained: Attained, spoken: Speech) -> Iterator[str]:
    """Yield each q* at which another answer begins to hold, the q attained, and on which side of the nearest q* it lies."""
    _ = spoken.translate
    turns = [
        (after.low, played(after.equilibrium))
        for before, after in pairwise(found)
        if after.equilibrium.profile != before.equilibrium.profile and 0 < after.low < 1
    ]
    for q, answer in turns:
        yield _("q* {q}: from there on {answer}").format(q=spoken.share(q, 2), answer=answer)
    if not turns:
        yield _("no q*: one answer holds from never to always in time")
    yield attained_said(attained, spoken)
    if not turns:
        return
    nearest = min((q for q, _answer in turns), key=lambda q: abs(q - attained.best))
    low, high = attained.interval if attained.exact is None else (attained.exact, attained.exact)
    margin, said = f"{100 * abs(attained.best - nearest):.2f}", spoken.share(nearest, 2)
    if low < nearest <= high:
        yield _("too near to say: q* lies within the interval")
    elif attained.best >= nearest:
        yield _("the q attained is {margin} points above q* {q}").format(margin=margin, q=said)
    else:
        yield _("the q attained is {margin} points below q* {q}").format(margin=margin, q=said)


def _lines(said: Sequence[str], y: float, space: float) -> tuple[list[Markup], float]:
    parts = []
    for one in said:
        for line in broken(one, space - 8, SMALL, 3):
            y += LEADING
            parts.append(text(4, y - 2, line, font_size=SMALL, fill=QUIET))
    return parts, y + 8


def ranges(found: Sequence[Regime], attained: Attained, language: Language, *, asked: str, space: int = WIDE) -> Figure:
    """Return what is stable at which q, from never to always in time.

    Args:
        found: at least one, in order.
        attained: of the sweep.
        language: of the chart.
        asked: what the question is called.
        space: px, the width.
    """
    spoken = speech(language)
    _ = spoken.translate
    inner, left = space - 2 * EDGE, EDGE
    parts: list[Markup] = []
    y, at = 0.0, left + attained.best * inner
    for one in found:
        holds = one.low <= attained.best <= one.high
        lines = broken(f"{spoken.shares((one.low, one.high))}: {played(one.equilibrium)}", inner, SMALL, 4)
        for line in lines:
            y += LEADING
            parts.append(text(left, y - 4, line, font_size=SMALL, font_weight=650 if holds else None))
        bar = {"x": left + one.low * inner, "width": max((one.high - one.low) * inner, 2.0)}
        parts.append(tag("rect", x=left, y=y, width=inner, height=BAR, fill=SHADE))
        parts.append(tag("rect", y=y, height=BAR, fill=QUIET if holds else MIDDLE, **bar))
        parts.append(tag("path", d=f"M{at:.2f},{y - 2:.2f}v{BAR + 4:g}", stroke=PAPER, stroke_width=5))
        parts.append(tag("path", d=f"M{at:.2f},{y - 2:.2f}v{BAR + 4:g}", stroke=INK, stroke_width=2))
        y += BAR + ROW_GAP
    foot = y - ROW_GAP + 5
    for q in QUARTERS:
        x, anchor = left + q / 100 * inner, {0: "start", 100: "end"}.get(q, "middle")
        parts.append(tag("path", d=f"M{x:.2f},{foot:.2f}v4", stroke=STRONG))
        parts.append(text(x, foot + 17, f"{q}", font_size=SMALL, fill=QUIET, text_anchor=anchor))
    axis = _("q: probability that '{question}' is in time, %").format(question=asked)
    said, below = _lines([axis, "│ " + attained_said(attained, spoken)], foot + 20, space)
    title = _("What is stable, by the probability of being in time")
    described = "; ".join(f"{spoken.shares((one.low, one.high))}: {played(one.equilibrium)}" for one in found)
    return Figure(
        title, f"{title}. {axis}: {described}. {attained_said(attained, spoken)}.", space, below, together([*parts, *said])
    )


def played(one: Equilibrium) -> str:
    """Return what each player does, in one line: a probability only where it is neither 0 nor 1."""
    parts = []
    for player, sets in one.profile.items():
        done = []
        for place, actions in sets.items():
            chosen = "/".join(clean(action) + ("" if p > 1 - 1e-9 else f" {p:.3g}") for action, p in actions.items() if p > 1e-9)
            done.append(chosen if len(sets) == 1 else f"{clean(place)} {DASH} {chosen}")
        parts.append(f"{clean(player)}: {', '.join(done)}")
    return "; ".join(parts)
