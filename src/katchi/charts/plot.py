"""What the charts that Altair draws have in common: values as rows, an exact size, round steps along an axis.

Nothing that a file's author wrote reaches vega but as a value of a row: it evaluates titles, formats and field names.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from katchi.charts.ink import LINE, QUIET, SHADE, SMALL, STRONG


def marks(rows: Sequence[dict[str, Any]]) -> alt.Chart:
    """Return a chart of rows, yet without a mark."""
    return alt.Chart(alt.InlineData(values=list(rows)))


def ruled(title: str | None, ticks: Sequence[float], written: str) -> alt.Axis:
    """Return an axis with a thin grid at `ticks`, its labels written by a format of d3."""
    return alt.Axis(
        title=title, values=list(ticks), format=written, labelFlush=True, labelOverlap=False, tickSize=4, titlePadding=4,
        gridColor=SHADE, domainColor=STRONG, tickColor=LINE, labelColor=QUIET, titleColor=QUIET, labelFontSize=SMALL,
        titleFontSize=SMALL, titleFontWeight="normal",
    )  # fmt: skip


def layered(
    layers: Sequence[alt.Chart], *, width: float, height: float, left: float, right: float, top: float, bottom: float
) -> alt.LayerChart:
    """Return layers as one chart of an exact size: nothing of it hangs on how wide a font is."""
    chart = alt.layer(*layers).properties(
        width=width,
        height=height,
        padding={"left": left, "right": right, "top": top, "bottom": bottom},
        autosize=alt.AutoSizeParams(type="none"),
    )
    return chart.configure(aria=False).configure_view(stroke=None)  # type: ignore[no-any-return]


def steps(low: float, high: float, about: int) -> list[float]:
    """Return about so many round values between two, at even steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / max(about, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]
