"""What a scenario file says before anything is computed from it: drawn, asked, assumed, and what could be changed."""

from __future__ import annotations

from collections.abc import Iterator

from katchi.charts.assumptions import Assumptions, Row
from katchi.charts.lettering import clean
from katchi.charts.network import network
from katchi.charts.speech import Names, speech
from katchi.charts.telling import (
    Block,
    Cell,
    Drawn,
    Figures,
    Outline,
    Paragraph,
    Question,
    Section,
    Table,
    Telling,
    Tellings,
    row,
)
from katchi.exercise.scenario import Inject, Scenario, Uncertain
from katchi.language import Language


def outline(scenario: Scenario, file: str) -> Outline:
    """Return what a scenario says, told in both languages."""
    english, korean = _Outliner(scenario, "en"), _Outliner(scenario, "ko")
    questions = [
        Question(
            name=one.name,
            title={teller.language: teller.names.of("questions", one.name) for teller in (english, korean)},
            by_s=one.by_s,
        )
        for one in scenario.network.questions
    ]
    told = Tellings(en=english.telling(), ko=korean.telling())
    return Outline(file=file, digest=scenario.digest, questions=tuple(questions), told=told)


class _Outliner:
    def __init__(self, scenario: Scenario, language: Language) -> None:
        self.scenario, self.language = scenario, language
        self.spoken, self.names = speech(language), Names(scenario, language)

    def telling(self) -> Telling:
        _, given = self.spoken.translate, self.spoken.given
        return Telling(
            language=self.language,
            title=given(self.scenario.title, _("a scenario without a title")),
            about=given(self.scenario.about),
            sections=tuple(self._sections()),
        )

    def _sections(self) -> Iterator[Section]:
        _ = self.spoken.translate
        yield Section(name="questions", title=_("What is asked"), blocks=tuple(self._questions()))
        yield Section(name="network", title=_("The process as a network"), blocks=(self._network(),))
        assumptions = Assumptions(self.scenario, self.language)
        blocks: list[Block] = [*map(Paragraph, assumptions.rests_on()), *assumptions.tables()]
        yield Section(name="sources", title=_("What it rests on"), blocks=tuple(blocks))
        if varied := tuple(self._varied()):
            yield Section(name="varied", title=_("What is varied"), blocks=varied)

    def _questions(self) -> Iterator[Block]:
        _ = self.spoken.translate
        rows = [
            row(self.names.of("questions", one.name), self.names.stage(one.stage), self.spoken.time(one.by_s))
            for one in self.scenario.network.questions
        ]
        if rows:
            heads = (_("what is asked"), _("stage"), _("by when"))
            yield Table(caption=_("Questions, the first one first"), heads=heads, rows=tuple(rows))
        else:
            yield Paragraph(_("It asks no question, so nothing can be played."), "quiet")

    def _network(self) -> Block:
        _, figure = self.spoken.translate, network(self.scenario, self.language)
        if figure is None:
            return Paragraph(_("The process has too many stages to be drawn."), "quiet")
        drawn = str(figure.svg(f"{self.language}-1", self.language))
        return Figures((Drawn(caption=figure.title, wide=drawn, width=figure.width),), "whole")

    def _varied(self) -> Iterator[Block]:
        _, given = self.spoken.translate, self.spoken.given
        if self.scenario.injects:
            rows = [
                row(self.spoken.time(one.at_s), given(one.about, one.name), self._injected(one)) for one in self.scenario.injects
            ]
            yield Table(caption=_("What is scripted"), heads=(_("at"), _("what"), _("does what")), rows=tuple(rows))
        if self.scenario.changes:
            changes = tuple((Cell(given(one.about, one.name)),) for one in self.scenario.changes)
            yield Table(caption=_("Changes that are compared"), heads=(_("change"),), rows=changes)
        if self.scenario.uncertain:
            inputs = tuple(map(self._input, self.scenario.uncertain))
            yield Table(caption=_("Inputs that nobody knows exactly"), heads=(_("input"), _("range")), rows=inputs)

    def _injected(self, one: Inject) -> str:
        _ = self.spoken.translate
        if one.stages:
            return _("begins: {stages}").format(stages=", ".join(map(self.names.stage, one.stages)))
        span = "" if one.span is None else self.spoken.time(one.span.until_s - one.span.from_s)
        if one.bearer:
            return _("{bearer} is down for {span}").format(bearer=self.names.of("bearers", one.bearer), span=span)
        return _("{post} has at most {n} seats for {span}").format(post=self.names.of("posts", one.post), n=one.seats, span=span)

    def _input(self, one: Uncertain) -> Row:
        kinds = {
            "stages": self.names.stage(one.of),
            "bearers": self.names.of("bearers", one.of),
            "posts": self.names.of("posts", one.of),
        }
        called = self.spoken.given(one.about) or clean(kinds[one.kind])
        between = f"{one.low:g} – {one.high:g}" if one.what == "seats" else self.spoken.times(one.low, one.high)
        return row(called, between)
