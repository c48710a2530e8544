"""A drawing framed as SVG that stands by itself or inside a page: named, described, without script, style or reference.

Elements are built by `tag`, which escapes all that it is given. What vega draws comes in by `vega`: its frame is taken off, and
its names are made those of the figure, so that several figures can stand on one page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup, escape

from katchi.charts.ink import FONTS, INK, PAPER, TEXT
from katchi.errors import KatchiError
from katchi.language import Language

if TYPE_CHECKING:
    import altair

NAMESPACE = "http://www.w3.org/2000/svg"
_FRAME = re.compile(r'^<svg [^>]*?width="([\d.]+)" height="([\d.]+)"[^>]*>(?:<rect [^>]*/>)?(.*)</svg>$', re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")  # what people wrote has no < left in it
_ID = re.compile(r'(\sid="|"url\(#|\s(?:xlink:)?href="#)([A-Za-z_]+\d+)')
_UNUSED = re.compile(r' (?:font-family|role|aria-[a-z]+|pointer-events|class)="[^"]*"')


class Figure(NamedTuple):
    """One drawing in one language."""

    title: str
    description: str  # what it shows, in words and figures, for whoever does not see it
    width: float  # px
    height: float
    body: Markup

    def svg(self, name: str, language: Language) -> Markup:
        """Return it as an SVG element; `name` is its own on its page, of letters, digits and hyphens."""
        return tag(
            "svg",
            tag("title", self.title, id=f"{name}-title"),
            tag("desc", self.description, id=f"{name}-desc"),
            tag("rect", width=self.width, height=self.height, fill=PAPER),
            _renamed(self.body, lambda part: f"{name}-{part}"),
            xmlns=NAMESPACE,
            viewBox=f"0 0 {self.width:g} {self.height:g}",
            width=self.width,
            height=self.height,
            lang=language,
            role="img",
            aria_labelledby=f"{name}-title {name}-desc",
            font_family=FONTS,
            font_size=TEXT,
            fill=INK,
        )


def tag(name: str, *inside: str, **attributes: str | float | None) -> Markup:
    """Return an element; underscores in attributes are hyphens, numbers get at most two digits, None is left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value if isinstance(value, str) else number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    content = Markup("").join(inside)
    return Markup(f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>")  # noqa: S704  all of it escaped


def number(value: float) -> str:
    """Return a coordinate as short as a hundredth of a pixel allows."""
    said = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if said == "-0" else said


def text(x: float, y: float, said: str, **attributes: str | float | None) -> Markup:
    """Return a line of text that begins at a point on its baseline."""
    return tag("text", said, x=x, y=y, **attributes)


def haloed(x: float, y: float, said: str, **attributes: str | float | None) -> Markup:
    """Return a line of text that keeps what lies under it away from its letters."""
    return text(x, y, said, stroke=PAPER, stroke_width=3, paint_order="stroke", stroke_linejoin="round", **attributes)


def together(parts: Sequence[str]) -> Markup:
    """Return elements one after the other."""
    return Markup("").join(parts)


def vega(chart: altair.LayerChart) -> Markup:
    """Return what vega draws of a chart, without its frame; its coordinates begin at the corner of its padding.

    Raises:
        KatchiError: it drew something else than expected.
    """
    import altair  # only here: what is drawn without vega needs neither, as a scenario's network
    import vl_convert

    version = ".".join(altair.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    drawn = vl_convert.vegalite_to_svg(chart.to_dict(validate=False), vl_version=version)
    framed = _FRAME.match(drawn)
    if framed is None:
        raise KatchiError("vega drew no SVG that is known here", hint="Install the versions that constraints.txt names.")
    numbers: dict[str, str] = {}
    body = _TAG.sub(lambda found: _UNUSED.sub("", found[0]), framed[3])
    return _renamed(Markup(body), lambda part: numbers.setdefault(part, f"part{len(numbers) + 1}"))  # noqa: S704  vega escapes texts


def _renamed(body: Markup, named: Callable[[str], str]) -> Markup:
    """Return markup whose names for parts of itself are others; what is written between the tags stays."""
    return Markup(_TAG.sub(lambda found: _ID.sub(lambda part: part[1] + named(part[2]), found[0]), body))  # noqa: S704  as it was
