"""What the answer hangs on: a tornado of one input at a time, and the share of the spread that each input makes (Sobol)."""

from __future__ import annotations

from typing import Literal

from katchi.charts.bars import Axis, Bar, bars
from katchi.charts.figure import Figure
from katchi.charts.speech import DASH, Names, Speech
from katchi.simulate.sensitivity import Influence, Input, Sensitivity

Measure = Literal["probability", "mean"]
ROWS_MAX = 12


def tornado(found: Sensitivity, measure: Measure, names: Names) -> Figure | None:
    """Return how far each input moves the answer alone, from low to high, the widest first; None if it cannot be said.

    Args:
        found: what was varied.
        measure: the probability of being in time, or the mean time.
        names: what the scenario's parts are called, in the chart's language.
    """
    spoken = names.speech
    _ = spoken.translate
    now = found.probability if measure == "probability" else found.mean_s
    swings = [(one, _ends(one, measure)) for one in found.influences]
    known = [(one, ends) for one, ends in swings if ends is not None]
    if now is None or not known:
        return None
    scale, unit = (100.0, "%") if measure == "probability" else _unit(spoken, now)
    said = spoken.share if measure == "probability" else spoken.time
    rows = []
    for one, (low, high) in sorted(known, key=lambda item: -abs(item[1][1] - item[1][0]))[:ROWS_MAX]:
        ends = (_value(one.input, end, spoken) for end in (one.input.low, one.input.high))
        figures = "; ".join(f"{end} → {said(value)}" for end, value in zip(ends, (low, high), strict=True))
        called = input_said(one.input, names)
        rows.append(Bar(called, figures, scale * low, start=scale * now, second=scale * high))
    if measure == "probability":
        title, axis = _("How far each input moves the probability alone"), _("probability, %")
    else:
        title, axis = _("How far each input moves the mean time alone"), _("mean time, {unit}").format(unit=unit)
    title += " " + _("(now {value})").format(value=said(now))
    legend = [("bar", _("with its lowest value")), ("second", _("with its highest value"))]
    return bars(rows, Axis(axis, zero=scale * now), title=title, legend=legend)


def sobol(found: Sensitivity, names: Names) -> Figure:
    """Return the share of the spread of the probability that hangs on each input, alone and together with others."""
    spoken = names.speech
    _ = spoken.translate
    rows = []
    for one in found.influences[:ROWS_MAX]:
        total, first = one.probability.total, one.probability.first
        low, high = total.interval
        figures = _("{total:.2f} ({low:.2f}{dash}{high:.2f}), alone {first:z.2f}").format(
            total=total.value, low=low, high=high, first=first.value, dash=DASH
        )
        rows.append(Bar(input_said(one.input, names), figures, total.value, low=low, high=high, second=max(first.value, 0.0)))
    legend = [
        ("bar", _("with all it does together with others")), ("second", _("alone")), ("interval", _("95% interval of the whole"))
    ]  # fmt: skip
    return bars(
        rows, Axis(_("share of the spread")), title=_("What the spread of the answer hangs on (Sobol indices)"), legend=legend
    )


def input_said(one: Input, names: Names) -> str:
    """Return what an input is called, and its value now: as the file says, else by the title of what it is of."""
    spoken = names.speech
    _ = spoken.translate
    kinds = {"mean": _("mean time"), "up": _("mean time up"), "down": _("mean time down"), "seats": _("seats")}
    of = names.stage(one.of) if one.kind == "stages" else names.of(one.kind, one.of)
    called = spoken.given(one.about) or f"{of}, {kinds[one.what]}"
    return _("{input} (now {value})").format(input=called, value=_value(one, one.now, spoken))


def _value(one: Input, value: float, spoken: Speech) -> str:
    return spoken.translate("seats: {n}").format(n=f"{value:g}") if one.what == "seats" else spoken.time(value)


def _ends(one: Influence, measure: Measure) -> tuple[float, float] | None:
    swing = one.swing_probability if measure == "probability" else one.swing_mean_s
    return None if swing.at_low is None or swing.at_high is None else (swing.at_low, swing.at_high)


def _unit(spoken: Speech, seconds: float) -> tuple[float, str]:
    _ = spoken.translate
    if seconds >= 7_200:
        return 1 / 3_600, _("hours")
    return (1 / 60, _("minutes")) if seconds >= 120 else (1.0, _("seconds"))
