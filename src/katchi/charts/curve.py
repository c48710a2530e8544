"""How likely by when: the share of runs that had finished, with its band, the deadline, and the exact law beside it.

The band is Wilson's, 95 %, at each point by itself; with many runs it is thinner than the line. What comes after the deadline is
toned, and says how much of it is too late.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import altair as alt

from katchi.charts.figure import Figure, haloed, tag, text, together, vega
from katchi.charts.ink import INK, LEADING, MIDDLE, PAPER, QUIET, SMALL, TEXT, WARN, WARN_PAPER, WIDE
from katchi.charts.lettering import MORE, broken, width
from katchi.charts.plot import layered, marks, ruled, steps
from katchi.charts.speech import Speech, speech
from katchi.language import Language

LEFT, RIGHT, TOP, BOTTOM = 46, 14, 26, 40
EXACT_EVERY = 8  # points from one mark of the exact law to the next
QUARTERS = (0, 25, 50, 75, 100)


class Points(NamedTuple):
    """A curve; all arrays of one length, times in seconds ascending, shares between 0 and 1."""

    times_s: Sequence[float]
    share: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    exact: Sequence[float] | None = None


def curve(points: Points, *, asked: str, by_s: float, probability: float, language: Language, space: int = WIDE) -> Figure:
    """Return the curve of one question.

    Args:
        points: at least two.
        asked: what the question is called.
        by_s: its deadline, seconds, within the curve.
        probability: sampled, of being done by then.
        language: of the chart.
        space: px, the width.
    """
    spoken = speech(language)
    _ = spoken.translate
    height = 240 if space > 400 else 210
    size, unit = _unit(spoken, points.times_s[-1])
    inner = space - LEFT - RIGHT
    end = points.times_s[-1] / size
    legend, legend_height = _legend(points, spoken, space)
    drawn = together([
        tag("g", _late(inner, height, by_s / size / end), vega(_chart(points, size, unit, by_s, probability, inner, height)),
            _deadline(inner, height, by_s / size / end, by_s, probability, spoken)),
        tag("g", legend, transform=f"translate(0,{TOP + height + BOTTOM})"),
    ])  # fmt: skip
    title = _("{question}: how likely by when").format(question=asked)
    halves = [(p, _reached(points, p)) for p in (0.5, 0.9)]
    described = [
        _("{p} by the deadline of {by}").format(p=spoken.share(probability, 2), by=spoken.time(by_s)),
        *(_("{p} by {time}").format(p=spoken.share(p, 0), time=spoken.time(time)) for p, time in halves if time is not None),
        _("{p} by {time}").format(p=spoken.share(points.share[-1]), time=spoken.time(points.times_s[-1])),
    ]
    return Figure(title, f"{title}. {'; '.join(described)}.", space, TOP + height + BOTTOM + legend_height, drawn)


def _reached(points: Points, share: float) -> float | None:
    return next((time for time, reached in zip(points.times_s, points.share, strict=True) if reached >= share), None)


def _unit(spoken: Speech, last_s: float) -> tuple[float, str]:
    _ = spoken.translate
    for size, unit in ((86_400.0, _("days")), (3_600.0, _("hours")), (60.0, _("minutes"))):
        if last_s >= 2 * size:
            return size, unit
    return 1.0, _("seconds")


def _chart(points: Points, size: float, unit: str, by_s: float, probability: float, inner: int, height: int) -> alt.LayerChart:
    times = [round(time / size, 5) for time in points.times_s]
    end = times[-1]
    ticks = steps(0, end, max(inner // 50, 3))
    whole = alt.Scale(domain=[0, 100], nice=False)
    x = alt.X("time:Q", scale=alt.Scale(domain=[0, end], nice=False), axis=ruled(unit, ticks, "~r"))
    y = alt.Y("share:Q", scale=whole, axis=ruled(None, QUARTERS, ".0f"))
    rows = [
        {"time": time, "share": round(100 * share, 3), "low": round(100 * low, 3), "high": round(100 * high, 3)}
        for time, share, low, high in zip(times, points.share, points.low, points.high, strict=True)
    ]
    drawn = marks(rows)
    layers = [
        drawn.mark_area(color=MIDDLE, opacity=0.6).encode(
            x, alt.Y("low:Q", scale=whole, axis=ruled(None, QUARTERS, ".0f")), alt.Y2("high")
        ),
        drawn.mark_line(color=INK, strokeWidth=2).encode(x, y),
    ]
    if points.exact is not None:
        known = [{"time": time, "share": round(100 * one, 3)} for time, one in zip(times, points.exact, strict=True)]
        circle = marks(known[::EXACT_EVERY]).mark_point(
            shape="circle", size=36, filled=True, fill=PAPER, stroke=INK, strokeWidth=1.2
        )
        layers.append(circle.encode(x, y))
    here = [{"time": round(by_s / size, 5), "share": round(100 * probability, 3)}]
    diamond = marks(here).mark_point(shape="diamond", size=90, filled=True, fill=WARN, stroke=PAPER, opacity=1)
    layers.append(diamond.encode(x, y))
    return layered(layers, width=inner, height=height, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM)


def _late(inner: int, height: int, at: float) -> str:
    """The time after the deadline, under all else."""
    return tag("rect", x=LEFT + at * inner, y=TOP, width=(1 - at) * inner, height=height, fill=WARN_PAPER)


def _deadline(inner: int, height: int, at: float, by_s: float, probability: float, spoken: Speech) -> str:
    """The deadline as a rule, the share that is in time, and the share that is not."""
    _ = spoken.translate
    x, y = LEFT + at * inner, TOP + height * (1 - probability)
    in_time, late = spoken.share(probability), _("too late: {p}").format(p=spoken.share(1 - probability))
    deadline = _("deadline {time}").format(time=spoken.time(by_s))
    is_high = y - 24 < TOP  # no room above the dotted line: right of the rule, where the curve only rises
    beside_x, beside_y, anchor = (x + 9, y + 22, "start") if is_high else (x - 10, y - 8, "end")
    beside = (1 - at) * inner - 10
    lines = broken(late, beside, SMALL, 3) if beside > 40 else []
    if any(line.endswith(MORE) or width(line, SMALL) > beside for line in lines):  # cut off it would say another figure
        lines = []
    foot = TOP + height - 10 - LEADING * (len(lines) - 1)
    middle = min(x, LEFT + inner - width(deadline, TEXT) / 2)
    return together([
        tag("path", d=f"M{x:.2f},{TOP}v{height}", stroke=WARN, stroke_width=1.5, stroke_dasharray="6 3"),
        tag("path", d=f"M{LEFT},{y:.2f}H{x:.2f}", stroke=QUIET, stroke_width=1, stroke_dasharray="2 3"),
        text(middle, TOP - 9, deadline, fill=WARN, font_weight=650, text_anchor="middle"),
        text(LEFT - 8, TOP - 9, "%", fill=QUIET, font_size=SMALL, text_anchor="end"),
        haloed(beside_x, beside_y, in_time, font_weight=650, text_anchor=anchor, font_size=15),
        *(text(x + 7, foot + LEADING * i, line, fill=WARN, font_size=SMALL) for i, line in enumerate(lines)),
    ])  # fmt: skip


def _legend(points: Points, spoken: Speech, space: int) -> tuple[str, float]:
    _ = spoken.translate
    line = tag("path", d="M0,-4h20", stroke=INK, stroke_width=2)
    band = tag("rect", x=0, y=-9, width=20, height=10, fill=MIDDLE, opacity=0.6)
    mark = tag("circle", cx=10, cy=-4, r=3.4, fill=PAPER, stroke=INK, stroke_width=1.2)
    keys = [(line, _("share of runs done")), (band, _("95% interval"))]
    keys += [(mark, _("exact"))] if points.exact is not None else []
    parts, x, y = [], 2.0, 16.0
    for drawn, said in keys:
        needed = 26 + width(said, SMALL) + 14
        if x > 2 and x + needed > space:
            x, y = 2.0, y + 17
        parts.append(tag("g", drawn, text(26, 0, said, font_size=SMALL, fill=QUIET), transform=f"translate({x:.2f},{y:g})"))
        x += needed
    return together(parts), y + 8
