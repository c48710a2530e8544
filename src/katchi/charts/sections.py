"""All that was found of a scenario, told in sections, in the order in which it is asked.

How likely in time, by when, what held it up, what would gain the most, what the answer hangs on, what it rests on, how to compute
it again, and how good consultation must be beside how good it is. What nobody asked for is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from katchi.charts import gains, holdups, influences, ranges
from katchi.charts.assumptions import Assumptions
from katchi.charts.curve import Points as CurvePoints
from katchi.charts.curve import curve
from katchi.charts.figure import Figure
from katchi.charts.findings import Decided, Findings
from katchi.charts.ink import NARROW, WIDE
from katchi.charts.network import network
from katchi.charts.speech import speech
from katchi.charts.tables import Tables
from katchi.charts.telling import (
    Answers,
    Block,
    Drawn,
    Facts,
    Figures,
    Paragraph,
    Points,
    Section,
    Table,
    Telling,
    Tellings,
)
from katchi.charts.tree import tree
from katchi.language import Language
from katchi.simulate.sweep import Criticality

CURVES_MAX, RANGES_MAX = 4, 3


def tellings(found: Findings) -> Tellings:
    """Return what was found, told in both languages."""
    return Tellings(en=telling(found, "en"), ko=telling(found, "ko"))


def telling(found: Findings, language: Language) -> Telling:
    """Return what was found, told in one language; parts that are None are left out."""
    return _Teller(found, language).telling()


class _Teller:
    def __init__(self, found: Findings, language: Language) -> None:
        self.found, self.language = found, language
        self.spoken = speech(language)
        self.tables = Tables(found, language)
        self._drawn = 0

    def telling(self) -> Telling:
        _, given, scenario = self.spoken.translate, self.spoken.given, self.found.scenario
        return Telling(
            language=self.language,
            title=given(scenario.title, _("a scenario without a title")),
            about=given(scenario.about),
            sections=tuple(self._sections()),
        )

    def _sections(self) -> Iterator[Section]:
        _, found = self.spoken.translate, self.found
        yield self._section("answer", _("How likely in time"), self._answer())
        yield self._section("curve", _("How likely by when"), [Figures(tuple(self._curves()), "curves")])
        yield self._section("held", _("What held it up"), self._held())
        if found.improvement is not None:
            yield self._section("changes", _("Which change gains the most"), self._changes())
        if found.sensitivity is not None:
            yield self._section("hangs", _("What the answer hangs on"), self._hangs())
        yield self._section("sources", _("What it rests on"), self._sources())
        yield self._section("network", _("The process as a network"), self._network())
        yield self._section("manifest", _("How to compute it again"), self._manifest())
        if found.decided is not None:
            yield self._section("game", _("How good consultation must be"), self._game())

    def _section(self, name: str, title: str, blocks: Sequence[Block] | Iterator[Block]) -> Section:
        return Section(name=name, title=title, blocks=tuple(blocks))

    def _answer(self) -> Iterator[Block]:
        _ = self.spoken.translate
        yield Answers(tuple(self.tables.answers()))
        if not self.found.sweep.reached:
            yield Paragraph(_("The runs ended before every probability was known as well as was asked."), "notice")

    def _curves(self) -> Iterator[Drawn]:
        for name, one in list(self.found.sweep.questions.items())[:CURVES_MAX]:
            found = self.found.sweep.curves[name]
            points = CurvePoints(found.times_s, found.share, found.low, found.high, found.exact)
            asked = self.tables.names.of("questions", name)
            yield self._both([
                curve(points, asked=asked, by_s=one.by_s, probability=one.probability, language=self.language, space=space)
                for space in (WIDE, NARROW)
            ])  # fmt: skip

    def _held(self) -> Iterator[Block]:
        _ = self.spoken.translate
        yield Paragraph(
            _(
                "From the stage of the first question back over whatever each stage waited for last: how much of the time that "
                "was, in the runs that finished."
            )
        )
        critical = self.found.sweep.critical
        kinds: tuple[tuple[holdups.Kind, Mapping[str, Criticality]], ...] = (
            ("stages", critical.stages), ("posts", critical.posts), ("bearers", critical.bearers),
        )  # fmt: skip
        figures = [holdups.holdups(self.found.scenario, kind, rows, self.language) for kind, rows in kinds if rows]
        yield Figures(tuple(map(self._once, figures)))

    def _changes(self) -> Iterator[Block]:
        _, found = self.spoken.translate, self.found.improvement
        assert found is not None
        question = next(iter(found.questions))
        yield Paragraph(
            _(
                "Each change stands alone, played beside the process as it is with the same chance: {runs} runs of each. "
                "Nothing is said of two changes made together."
            ).format(runs=f"{found.runs:,}")
        )
        figures = [gains.gains(found, question, "points", self.language), gains.gains(found, question, "minutes", self.language)]
        yield Figures(tuple(self._once(figure) for figure in figures if figure is not None))
        heads = ("", _("change"), _("points gained"), _("minutes gained"), _("probability with it"))
        yield Table(caption=_("Changes, the best first"), heads=heads, rows=tuple(self.tables.changes()))
        if not found.reached:
            yield Paragraph(_("The runs ended before every gain was known as well as was asked."), "notice")

    def _hangs(self) -> Iterator[Block]:
        _, found = self.spoken.translate, self.found.sensitivity
        assert found is not None
        points = f"{found.points:,}"
        if found.exact:
            said = _("Solved exactly at {points} points.").format(points=points)
        else:
            said = _("{points} points of {runs} runs each.").format(points=points, runs=f"{found.runs:,}")
        if found.assumed:
            said += " " + _(
                "The file calls nothing [uncertain]: every mean was varied from half to one and a half of what it is."
            )
        yield Paragraph(said)
        figures = [
            influences.tornado(found, "probability", self.tables.names),
            influences.tornado(found, "mean", self.tables.names),
            influences.sobol(found, self.tables.names),
        ]
        yield Figures(tuple(self._once(figure) for figure in figures if figure is not None))
        heads = (
            _("input"), _("range"), _("probability from its lowest to its highest value"), _("mean time"),
            _("share of the spread, with others"), _("alone"),
        )  # fmt: skip
        caption = _("Uncertain inputs, the most telling first")
        yield Table(caption=caption, heads=heads, rows=tuple(self.tables.influences()))

    def _sources(self) -> Iterator[Block]:
        assumptions = Assumptions(self.found.scenario, self.language, self.found.sweep.critical.stages)
        yield from map(Paragraph, assumptions.rests_on())
        yield from assumptions.tables()

    def _network(self) -> Iterator[Block]:
        figure = network(self.found.scenario, self.language, critical=self.found.sweep.critical.stages)
        if figure is None:
            _ = self.spoken.translate
            yield Paragraph(_("The process has too many stages to be drawn."), "quiet")
        else:
            yield Figures((self._once(figure),), "whole")

    def _manifest(self) -> Iterator[Block]:
        _ = self.spoken.translate
        yield Facts(tuple(self.tables.manifest()))
        yield Paragraph(_("The same file, seed and number of runs give the same answer."), "quiet")

    def _game(self) -> Iterator[Block]:
        found, drawn = self.found, []
        assert found.decided is not None
        for question, held in list(found.decided.ranges.items())[:RANGES_MAX]:
            asked, attained = self.tables.names.of("questions", question), found.attained(question)
            if held:
                yield Points(tuple(ranges.turning_said(held, attained, self.spoken)))
                both = [ranges.ranges(held, attained, self.language, asked=asked, space=space) for space in (WIDE, NARROW)]
                drawn.append(self._both(both))
        if drawn:
            yield Figures(tuple(drawn), "curves")
        yield from self._equilibria(found.decided)

    def _equilibria(self, decided: Decided) -> Iterator[Block]:
        _, profiles, title = self.spoken.translate, decided.solution.profiles, self.spoken.given(self.found.scenario.title)
        figure = tree(decided.game, profiles[decided.shown], self.language, title=title) if profiles else None
        if figure is None:
            yield Paragraph(_("The game is too large to be drawn."), "quiet")
        else:
            yield Figures((self._once(figure),), "whole")
        heads = ("", _("what is played"), _("payoffs"), _("regret"), _("found by"))
        yield Table(caption=_("Nash equilibria"), heads=heads, rows=tuple(self.tables.equilibria(decided)))

    def _once(self, figure: Figure) -> Drawn:
        return Drawn(caption=figure.title, wide=self._svg(figure), width=figure.width)

    def _both(self, figures: Sequence[Figure]) -> Drawn:
        wide, narrow = figures
        return Drawn(caption=wide.title, wide=self._svg(wide), width=wide.width, narrow=self._svg(narrow))

    def _svg(self, figure: Figure) -> str:
        self._drawn += 1
        return str(figure.svg(f"{self.language}-{self._drawn}", self.language))
