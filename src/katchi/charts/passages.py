"""Numbers in circles, where a way of a drawing in rows leaves one row and comes into the next."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from katchi.charts.figure import tag, text
from katchi.charts.ink import PAPER, QUIET, SMALL
from katchi.charts.layers import Point

RADIUS = 9.0  # px


class Passages:
    """Where ways go on from one row to the next: what leaves at one point has one number, at both ends."""

    def __init__(self, right: float, margin: float) -> None:
        self._right, self._margin = right, margin
        self._numbers: dict[Point, str] = {}
        self._entered: dict[Point, list[str]] = {}

    def passed(self, at: Point, to: Point) -> tuple[Point, Point]:
        """Return the places of the two numbers of a way that leaves a row after `at` and comes in before `to`."""
        out = Point(self._right - self._margin / 2 - RADIUS - 4, at.y)
        number = self._numbers.setdefault(out, str(len(self._numbers) + 1))
        numbers = self._entered.setdefault(to, [])
        if number not in numbers:
            numbers.append(number)
        return out, self._into(to, numbers.index(number))

    def _into(self, to: Point, rank: int) -> Point:
        """Numbers before one box stand under each other."""
        return Point(self._margin + RADIUS, to.y + rank * (2 * RADIUS + 2))

    def drawn(self) -> Iterator[Markup]:
        """Yield all numbers."""
        for out, number in self._numbers.items():
            yield numbered(out, number)
        for to, numbers in self._entered.items():
            for rank, number in enumerate(numbers):
                yield numbered(self._into(to, rank), number)


def numbered(at: Point, number: str) -> Markup:
    """Return a number in its circle."""
    circle = tag("circle", cx=at.x, cy=at.y, r=RADIUS, fill=PAPER, stroke=QUIET)
    return tag("g", circle, text(at.x, at.y + 4, number, font_size=SMALL, font_weight=650, fill=QUIET, text_anchor="middle"))
