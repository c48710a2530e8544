"""The report of a simulation: one HTML file in both languages, without script and without anything from outside.

Its own policy allows its one style sheet by hash, and nothing else. The language is switched by a link within the page. Every
sentence of a file's author stands where Jinja2 escapes it, or in a drawing that did. The same findings give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from katchi.charts import clock, gains, holdups, influences
from katchi.charts.curve import Points, curve
from katchi.charts.figure import Figure
from katchi.charts.findings import Clock, Decided, Findings
from katchi.charts.ink import NARROW, WIDE
from katchi.charts.network import network
from katchi.charts.speech import Speech, speech
from katchi.charts.tables import Tables
from katchi.charts.tree import tree
from katchi.language import Language
from katchi.simulate.sweep import Criticality

HERE = Path(__file__).parent
LANGUAGES: tuple[Language, Language] = ("en", "ko")
CURVES_MAX, RANGES_MAX = 4, 3


class Drawn(NamedTuple):
    """One chart in the page: drawn for a desk and for a telephone, or once for both."""

    caption: str
    wide: Markup
    narrow: Markup | None = None


def report(found: Findings, *, language: Language = "en") -> str:
    """Return the report as one HTML file.

    Args:
        found: what it tells; parts that are None are left out.
        language: the one shown first; both are in it.
    """
    style = (HERE / "report.css").read_text(encoding="utf-8")
    policy = f"default-src 'none'; style-src '{_hash(style)}'; base-uri 'none'; form-action 'none'"
    ordered = sorted(LANGUAGES, key=lambda one: one == language)  # the one shown first stands last: report.css
    return _template().render(
        language=language,
        policy=Markup(policy),  # noqa: S704  made of a hash alone
        style=Markup(style),  # noqa: S704  our own file
        telling=[_Telling(found, one) for one in ordered],
        titles=list(dict.fromkeys(filter(None, (speech(one).given(found.scenario.title) for one in LANGUAGES)))),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


class _Telling:
    """The report in one language: what the template shows."""

    def __init__(self, found: Findings, language: Language) -> None:
        self.found, self.language = found, language
        self.spoken: Speech = speech(language)
        self.tables = Tables(found, language)
        self._drawn = 0

    @property
    def title(self) -> str:
        """Return what the scenario is called."""
        return self.spoken.given(self.found.scenario.title, self.spoken.translate("a scenario without a title"))

    @property
    def about(self) -> str:
        """Return what the scenario says of itself."""
        return self.spoken.given(self.found.scenario.about)

    @property
    def runs(self) -> str:
        """Return how many runs were played."""
        return f"{self.found.sweep.runs:,}"

    def curves(self) -> list[Drawn]:
        """Return the curve of each question."""
        drawn = []
        for name, one in list(self.found.sweep.questions.items())[:CURVES_MAX]:
            found = self.found.sweep.curves[name]
            points = Points(found.times_s, found.share, found.low, found.high, found.exact)
            asked = self.tables.names.of("questions", name)
            both = [
                curve(points, asked=asked, by_s=one.by_s, probability=one.probability, language=self.language, space=space)
                for space in (WIDE, NARROW)
            ]
            drawn.append(self._both(both))
        return drawn

    def holdups(self) -> list[Drawn]:
        """Return what held up the first question."""
        critical = self.found.sweep.critical
        kinds: tuple[tuple[holdups.Kind, Mapping[str, Criticality]], ...] = (
            ("stages", critical.stages), ("posts", critical.posts), ("bearers", critical.bearers),
        )  # fmt: skip
        return [self._once(holdups.holdups(self.found.scenario, kind, rows, self.language)) for kind, rows in kinds if rows]

    def gains(self) -> list[Drawn]:
        """Return what each change gains in the first question."""
        found = self.found.improvement
        if found is None:
            return []
        question = next(iter(found.questions))
        figures = [gains.gains(found, question, "points", self.language), gains.gains(found, question, "minutes", self.language)]
        return [self._once(figure) for figure in figures if figure is not None]

    def influences(self) -> list[Drawn]:
        """Return what the answer hangs on."""
        found = self.found.sensitivity
        if found is None:
            return []
        figures = [
            influences.tornado(found, "probability", self.language),
            influences.tornado(found, "mean", self.language),
            influences.sobol(found, self.language),
        ]
        return [self._once(figure) for figure in figures if figure is not None]

    def supports(self) -> list[Drawn]:
        """Return the clock, and what is stable at which probability of being in time."""
        drawn, said = [], self.found
        if said.clock is not None:
            attained = said.attained(said.clock.question)
            both = [clock.support(said.clock.thresholds, attained, self.language, space=space) for space in (WIDE, NARROW)]
            drawn.append(self._both(both))
        ranges = said.decided.ranges if said.decided is not None else {}
        for question, found in list(ranges.items())[:RANGES_MAX]:
            asked, attained = self.tables.names.of("questions", question), said.attained(question)
            if found:
                both = [clock.ranges(found, attained, self.language, asked=asked, space=space) for space in (WIDE, NARROW)]
                drawn.append(self._both(both))
        return drawn

    def verdict(self, found: Clock) -> list[str]:
        """Return q* and the q attained, and whether it is enough."""
        attained, numbers = self.found.attained(found.question), found.thresholds
        return [
            clock.needed_said(numbers, self.spoken),
            clock.attained_said(attained, self.spoken),
            clock.verdict(numbers, attained, self.spoken),
        ]

    def tree(self, found: Decided) -> Drawn | None:
        """Return the game with what is played in it; None if it is too large to be read, or nothing was found."""
        if not found.solution.profiles:
            return None
        figure = tree(found.game, found.solution.profiles[found.shown], self.language, title=self.title)
        return None if figure is None else self._once(figure)

    def network(self) -> Drawn | None:
        """Return the scenario as a network; None if it is too large to be read."""
        figure = network(self.found.scenario, self.language, critical=self.found.sweep.critical.stages)
        return None if figure is None else self._once(figure)

    def _once(self, figure: Figure) -> Drawn:
        return Drawn(figure.title, self._svg(figure))

    def _both(self, figures: Sequence[Figure]) -> Drawn:
        wide, narrow = figures
        return Drawn(wide.title, self._svg(wide), self._svg(narrow))

    def _svg(self, figure: Figure) -> Markup:
        self._drawn += 1
        return figure.svg(f"{self.language}-{self._drawn}", self.language)
