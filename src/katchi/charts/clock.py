"""How good must consultation be, and how good is it: what is stable, by the probability q of being consulted in time.

`support` draws the clock of simulate/game/clock.py: the chance of support grows with q, and deterrence holds once it
reaches both thresholds. `ranges` draws what is stable at which q in any game that asks a question. Both mark the q that the
sweep attained, with its interval. Where the answer is not the one hoped for is for the reader to say: nothing here prefers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import altair as alt
from markupsafe import Markup

from katchi.charts.figure import Figure, haloed, tag, text, together, vega
from katchi.charts.ink import INK, LEADING, MIDDLE, NARROW, PAPER, QUIET, SHADE, SMALL, STRONG, TEXT, WARN, WARN_PAPER, WIDE
from katchi.charts.lettering import broken, clean, width
from katchi.charts.plot import layered, marks, ruled
from katchi.charts.speech import DASH, Speech, speech
from katchi.language import Language
from katchi.simulate.game.answer import Equilibrium
from katchi.simulate.game.regimes import Regime

LEFT, RIGHT, TOP, BOTTOM = 46, 16, 30, 42
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


class Thresholds(NamedTuple):
    """The clock's numbers, all probabilities; see simulate/game/clock.py."""

    hard: float  # p, that the defender is Hard
    protege: float  # pP, the support at which the protege begins to hold
    challenger: float  # pC, the support at which the challenger ceases to demand
    required: float | None  # q*; None: no q is enough


def support(clock: Thresholds, attained: Attained, language: Language, *, space: int = WIDE) -> Figure:
    """Return the chance of support by q, with q* and the q attained.

    Args:
        clock: the numbers of the game.
        attained: of the sweep.
        language: of the chart.
        space: px, the width.
    """
    spoken = speech(language)
    _ = spoken.translate
    height, inner = (250 if space > NARROW else 230), space - LEFT - RIGHT
    x, y = _scales(_("q: probability of being consulted in time, %"))
    line = marks([{"q": 0, "support": 0}, {"q": 100, "support": 100 * clock.hard}])
    rules = marks([{"support": 100 * one} for one in sorted({clock.protege, clock.challenger})])
    layers = [
        rules.mark_rule(color=QUIET, strokeDash=[2, 3]).encode(y),
        line.mark_line(color=INK, strokeWidth=2).encode(x, y),
    ]
    chart = layered(layers, width=inner, height=height, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM)
    parts = [_short(clock, inner, height), vega(chart), *_rules(clock, spoken, height)]
    parts += [*_needed(clock, spoken, inner, height), *_attained(attained, spoken, inner, TOP, height)]
    numbers = [
        _("p, the defender is Hard: {p}").format(p=spoken.share(clock.hard)),
        _("pP, support from which the protege holds: {p}").format(p=spoken.share(clock.protege)),
        _("pC, support from which the challenger refrains: {p}").format(p=spoken.share(clock.challenger)),
    ]
    answers = [needed_said(clock, spoken), attained_said(attained, spoken), verdict(clock, attained, spoken)]
    said, below = _lines(numbers, TOP + height + BOTTOM, space)
    title = _("Support by the probability of being consulted in time")
    described = "; ".join([*numbers, *answers])
    return Figure(title, f"{title}. {described}.", space, below, together([*parts, *said]))


def needed_said(clock: Thresholds, spoken: Speech) -> str:
    """Return q* in words."""
    _ = spoken.translate
    if clock.required is None:
        return _("no q is enough: support stays below a threshold")
    return _("q* needed: {q}").format(q=spoken.share(clock.required, 2))


def attained_said(attained: Attained, spoken: Speech) -> str:
    """Return the q attained in words."""
    _ = spoken.translate
    interval = spoken.shares(attained.interval, 2)
    if attained.exact is None:
        return _("q attained: {q} ({interval})").format(q=spoken.share(attained.probability, 2), interval=interval)
    return _("q attained: exact {exact}, sampled {q} ({interval})").format(
        exact=spoken.share(attained.exact, 2), q=spoken.share(attained.probability, 2), interval=interval
    )


def verdict(clock: Thresholds, attained: Attained, spoken: Speech) -> str:
    """Return whether what is attained is what is needed, and by how much."""
    _ = spoken.translate
    if clock.required is None:
        return _("not attained: no q is enough")
    low, high = attained.interval if attained.exact is None else (attained.exact, attained.exact)
    margin = spoken.signed(100 * (attained.best - clock.required), 2)
    if low < clock.required <= high:
        return _("too near to say: q* lies within the interval")
    if attained.best >= clock.required:
        return _("attained, by {margin} points").format(margin=margin)
    return _("not attained, by {margin} points").format(margin=margin)


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


def _scales(title: str) -> tuple[alt.X, alt.Y]:
    whole = alt.Scale(domain=[0, 100], nice=False)
    return (
        alt.X("q:Q", scale=whole, axis=ruled(title, QUARTERS, ".0f")),
        alt.Y("support:Q", scale=whole, axis=ruled(None, QUARTERS, ".0f")),
    )


def _short(clock: Thresholds, inner: float, height: float) -> Markup:
    """Where q is not enough, under all else."""
    short = 1.0 if clock.required is None else clock.required
    return tag("rect", x=LEFT, y=TOP, width=short * inner, height=height, fill=WARN_PAPER)


def _rules(clock: Thresholds, spoken: Speech, height: float) -> Iterator[Markup]:
    _ = spoken.translate
    labels = {clock.challenger: "pC", clock.protege: "pP"} if clock.challenger != clock.protege else {clock.protege: "pP, pC"}
    for at, said in labels.items():
        y = TOP + height * (1 - at)
        yield haloed(LEFT + 6, y - 5 if y > TOP + 20 else y + 15, f"{said} {spoken.share(at)}", font_size=SMALL, fill=QUIET)
    yield text(LEFT - 8, TOP - 9, "%", fill=QUIET, font_size=SMALL, text_anchor="end")
    yield text(LEFT, TOP - 9, _("support, p q"), fill=QUIET, font_size=SMALL)


def _needed(clock: Thresholds, spoken: Speech, inner: float, height: float) -> Iterator[Markup]:
    if clock.required is None:
        return
    x = LEFT + clock.required * inner
    yield tag("path", d=f"M{x:.2f},{TOP}v{height}", stroke=WARN, stroke_width=1.5, stroke_dasharray="6 3")
    anchor, beside = ("end", x - 6) if clock.required > 0.5 else ("start", x + 6)
    said = f"q* {spoken.share(clock.required)}"
    yield haloed(beside, TOP + height - 10, said, fill=WARN, font_weight=650, text_anchor=anchor)


def _attained(attained: Attained, spoken: Speech, inner: float, top: float, height: float) -> Iterator[Markup]:
    """The q attained as a rule over a band that is its interval; what is written on it stands above the frame."""
    low, high = attained.interval
    x = LEFT + attained.best * inner
    left, right = LEFT + low * inner, LEFT + high * inner
    yield tag("rect", x=left, y=top, width=right - left, height=height, fill=MIDDLE, opacity=0.55)
    yield tag("path", d=f"M{x:.2f},{top}v{height}", stroke=INK, stroke_width=2)
    said = f"q {spoken.share(attained.best)}"
    half = width(said, TEXT) / 2
    middle = min(max(x, LEFT + half), LEFT + inner - half)
    yield haloed(middle, top - 9, said, font_weight=650, text_anchor="middle")


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
