"""What each change that the file names would gain in one question, in points of probability or in minutes; the best first."""

from __future__ import annotations

from typing import Literal

from katchi.charts.bars import Axis, Bar, bars
from katchi.charts.figure import Figure
from katchi.charts.speech import DASH, speech
from katchi.language import Language
from katchi.simulate.improve import Gain, Improvement

Measure = Literal["points", "minutes"]
ROWS_MAX = 12


def gains(found: Improvement, question: str, measure: Measure, language: Language) -> Figure | None:
    """Return the bars of all changes; None if none can be measured so.

    Args:
        found: the changes, ranked.
        question: in which they gain.
        measure: percentage points of probability, or minutes earlier on average.
        language: of the chart.
    """
    spoken = speech(language)
    _ = spoken.translate
    rows: list[Bar] = []
    for change in found.changes[:ROWS_MAX]:
        one = change.questions.get(question)
        gain = None if one is None else one.points if measure == "points" else one.minutes
        if one is None or gain is None:
            continue
        called = spoken.given(change.about, change.name)
        if not one.differs:
            rows.append(Bar(called, _("makes no difference"), 0.0))
            continue
        rows.append(Bar(called, gain_said(gain, language), gain.value, low=gain.interval[0], high=gain.interval[1]))
    if not rows:
        return None
    points = measure == "points"
    title = _("Points gained by each change alone") if points else _("Minutes gained by each change alone")
    axis = _("percentage points of probability") if points else _("minutes earlier on average")
    return bars(rows, Axis(axis), title=title, legend=[("bar", _("gain")), ("interval", _("95% interval"))])


def gain_said(gain: Gain, language: Language) -> str:
    """Return a gain with its interval, and the exact one where it is known."""
    spoken = speech(language)
    _ = spoken.translate
    low, high = gain.interval
    said = f"{spoken.signed(gain.value, 2)} ({spoken.signed(low, 2)} {DASH} {spoken.signed(high, 2)})"
    if gain.exact is not None:
        said += ", " + _("exact {p}").format(p=spoken.signed(gain.exact, 2))
    return said
