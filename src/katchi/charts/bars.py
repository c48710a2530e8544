"""Rows of bars under their labels, which take the whole width: so a long Korean title is read on a telephone too.

A row says its figures in words beside its bar. Its interval is a line with ends; a part of it that is something else is a box of
dashes; a row that stands out is darker, and says so by a mark before its label.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import altair as alt

from katchi.charts.figure import Figure, haloed, tag, text, together, vega
from katchi.charts.ink import INK, MIDDLE, NARROW, PAPER, QUIET, SMALL, TEXT, WARN
from katchi.charts.lettering import broken, width
from katchi.charts.plot import layered, marks, ruled, steps

MARK = "▲ "
BAR = 14  # px high
LINE_HEIGHT = 16
ROW_GAP = 12
LEFT, RIGHT, AXIS, TOP = 2, 12, 38, 2


class Bar(NamedTuple):
    """One row."""

    label: str
    said: str  # its figures
    value: float
    start: float = 0.0  # where the bar begins
    low: float | None = None  # an interval
    high: float | None = None
    part: float = 0.0  # so much of the value, from its start, is something else
    second: float | None = None  # another bar from the same start, of the other kind
    stands_out: bool = False


class Axis(NamedTuple):
    """What is measured along the bars."""

    title: str
    suffix: str = ""
    zero: float = 0.0  # where all bars begin: a rule stands there


def bars(rows: Sequence[Bar], axis: Axis, *, title: str, legend: Sequence[tuple[str, str]] = (), space: int = NARROW) -> Figure:
    """Return rows of bars.

    Args:
        rows: at least one, from the top.
        axis: what is measured.
        title: of the chart.
        legend: ("bar" | "part" | "second" | "interval", what it is).
        space: px, the width.
    """
    labels = [broken((MARK if row.stands_out else "") + row.label, space - LEFT - RIGHT, TEXT, 3) for row in rows]
    figures = [broken(row.said, space - LEFT - RIGHT, SMALL, 2) for row in rows]
    tops: list[float] = []
    height = 0.0
    for label, said in zip(labels, figures, strict=True):
        tops.append(height + LINE_HEIGHT * (len(label) + len(said)) + 2)
        height = tops[-1] + BAR + ROW_GAP
    height -= ROW_GAP - 4
    key, key_height = _legend(legend, space)
    written = together([_label(row, label, said, top) for row, label, said, top in zip(rows, labels, figures, tops, strict=True)])
    body = tag("g", vega(_chart(rows, tops, axis, space, height)), written, transform=f"translate(0,{key_height})")
    described = "; ".join(f"{row.label}: {row.said}" for row in rows)
    whole = f"{title}. {axis.title}. {described}."
    return Figure(title, whole, space, key_height + TOP + height + AXIS, together([key, body]))


def _label(row: Bar, label: Sequence[str], said: Sequence[str], top: float) -> str:
    y = TOP + top - 5 - LINE_HEIGHT * (len(label) + len(said) - 1)
    tone = WARN if row.stands_out else INK
    lines = [haloed(LEFT, y + i * LINE_HEIGHT, line, font_weight=650, fill=tone) for i, line in enumerate(label)]
    y += len(label) * LINE_HEIGHT
    lines += [haloed(LEFT, y + i * LINE_HEIGHT, line, font_size=SMALL, fill=QUIET) for i, line in enumerate(said)]
    return together(lines)


def _chart(rows: Sequence[Bar], tops: Sequence[float], axis: Axis, space: int, height: float) -> alt.LayerChart:
    ends = [axis.zero]
    for row in rows:
        ends += [one for one in (row.start, row.value, row.low, row.high, row.second) if one is not None and math.isfinite(one)]
    low, high = min(ends), max(ends)
    span = (high - low) or 1.0
    domain = [low - (0.02 * span if low < axis.zero else 0.0), high + 0.02 * span]
    ticks = steps(domain[0], domain[1], max((space - LEFT - RIGHT) // 80, 2))
    digits = max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9)) if len(ticks) > 1 else 1
    x = alt.X(
        "from:Q",
        scale=alt.Scale(domain=domain, nice=False, zero=False),
        axis=ruled(axis.title, ticks, f".{digits}f"),
    )
    y = alt.Y("top:Q", scale=alt.Scale(domain=[height, 0], nice=False, zero=False), axis=None)
    layers = [
        _boxes([{"from": row.start, "to": row.value, "top": top, "bottom": top + BAR, "strong": row.stands_out}
                for row, top in zip(rows, tops, strict=True)], x, y),
    ]  # fmt: skip
    seconds = [(row, top) for row, top in zip(rows, tops, strict=True) if row.second is not None]
    if seconds:
        layers.append(
            _open([{"from": row.start, "to": row.second, "top": top + 2, "bottom": top + BAR - 2} for row, top in seconds], x, y)
        )
    parts = [(row, top) for row, top in zip(rows, tops, strict=True) if row.part > 0]
    if parts:
        layers.append(_open(
            [{"from": row.start, "to": row.start + row.part, "top": top + 2.5, "bottom": top + BAR - 2.5} for row, top in parts],
            x, y, strokeDash=[3, 2],
        ))  # fmt: skip
    lines = [(row, top) for row, top in zip(rows, tops, strict=True) if row.low is not None and row.high is not None]
    if lines:
        layers += _whiskers(lines, x, y)
    zero = marks([{"from": axis.zero, "top": top - 2, "bottom": top + BAR + 2} for top in tops])
    layers.append(zero.mark_rule(color=INK, strokeWidth=1).encode(x, y, alt.Y2("bottom")))
    return layered(layers, width=space - LEFT - RIGHT, height=height, left=LEFT, right=RIGHT, top=TOP, bottom=AXIS)


def _boxes(values: list[dict[str, Any]], x: alt.X, y: alt.Y) -> alt.Chart:
    tone = alt.Color("strong:N", scale=alt.Scale(domain=[False, True], range=[MIDDLE, QUIET]), legend=None)
    drawn: alt.Chart = marks(values).mark_rect().encode(x, y, alt.X2("to"), alt.Y2("bottom"), tone)
    return drawn


def _open(values: list[dict[str, Any]], x: alt.X, y: alt.Y, **style: Any) -> alt.Chart:
    mark = marks(values).mark_rect(fill=PAPER, stroke=INK, strokeWidth=1, **style)
    drawn: alt.Chart = mark.encode(x, y, alt.X2("to"), alt.Y2("bottom"))
    return drawn


def _whiskers(rows: Sequence[tuple[Bar, float]], x: alt.X, y: alt.Y) -> list[alt.Chart]:
    middle, ends = [], []
    for row, top in rows:
        middle.append({"from": row.low, "to": row.high, "top": top + BAR / 2})
        ends += [{"from": end, "top": top + BAR / 2 - 4, "bottom": top + BAR / 2 + 4} for end in (row.low, row.high)]
    return [
        marks(middle).mark_rule(color=INK, strokeWidth=1.5).encode(x, y, alt.X2("to")),
        marks(ends).mark_rule(color=INK, strokeWidth=1.5).encode(x, y, alt.Y2("bottom")),
    ]


def _legend(legend: Sequence[tuple[str, str]], space: int) -> tuple[str, float]:
    parts, x, y = [], float(LEFT), 14.0
    for kind, said in legend:
        needed = 26 + width(said, SMALL) + 14
        if x > LEFT and x + needed > space:
            x, y = float(LEFT), y + LINE_HEIGHT
        parts += [_key(kind, x, y - 9), text(x + 26, y, said, font_size=SMALL, fill=QUIET)]
        x += needed
    return together(parts), (y + 8 if legend else 0.0)


def _key(kind: str, x: float, y: float) -> str:
    if kind == "interval":
        path = f"M{x:g},{y + 5:g}h20M{x:g},{y + 1:g}v8M{x + 20:g},{y + 1:g}v8"
        return tag("path", d=path, stroke=INK, stroke_width=1.5)
    if kind == "bar":
        return tag("rect", x=x, y=y, width=20, height=10, fill=MIDDLE)
    return tag(
        "rect",
        x=x + 0.5,
        y=y + 0.5,
        width=19,
        height=9,
        fill=PAPER,
        stroke=INK,
        stroke_dasharray="3 2" if kind == "part" else None,
    )
