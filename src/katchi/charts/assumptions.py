"""What a scenario rests on, in words: its stages, posts and bearers, each with what is assumed of it and from where.

Nothing computed is needed for it; with a sweep, each stage says how much of the time it held everything up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from katchi.charts.lettering import clean
from katchi.charts.speech import DASH, Names, Speech, speech
from katchi.charts.telling import Cell, Table, row
from katchi.exercise.scenario import Part, Scenario
from katchi.language import Language
from katchi.network.model import Bearer, Cause, Post, Stage

if TYPE_CHECKING:
    from katchi.simulate.sweep import Criticality

Row = tuple[Cell, ...]


class Assumptions:
    """The assumptions of one scenario in one language."""

    def __init__(self, scenario: Scenario, language: Language, critical: Mapping[str, Criticality] | None = None) -> None:
        self._scenario, self._critical = scenario, critical
        self._spoken: Speech = speech(language)
        self._names = Names(scenario, language)

    def tables(self) -> list[Table]:
        """Return the table of stages, and that of posts and bearers if there are any."""
        _ = self._spoken.translate
        heads = [_("stage"), _("where"), _("takes"), _("source")]
        if self._critical is not None:
            heads.append(_("share of the time"))
        made = [Table(caption=_("Assumed durations"), heads=tuple(heads), rows=tuple(self._stages()))]
        if places := tuple(self._places()):
            made.append(Table(caption=_("Assumed posts and bearers"), heads=("", _("name"), _("assumed")), rows=places))
        return made

    def rests_on(self) -> list[str]:
        """Return, in sentences, how much of the answer rests on what."""
        _, parts = self._spoken.translate, self._scenario.parts
        counts = Counter(part.source for part in parts.values())
        said = [
            _("Durations played: {played}, published: {published}, guessed: {guess}, without a source: {none}.").format(
                played=counts["played"], published=counts["published"], guess=counts["guess"], none=counts[""]
            )
        ]
        if self._critical is not None:
            held = self._critical
            guessed = sum(held[name].time for name, part in parts.items() if part.source in ("guess", "") and name in held)
            share = self._spoken.share(min(guessed, 1.0), 0)
            said.append(_("Stages that rest on guesses or on no source held up {share} of the time.").format(share=share))
        return said

    def _stages(self) -> Iterator[Row]:
        """Yield each stage: what it is, who does it where, how long it takes, where that is from, how much it held up."""
        first: dict[str, Stage] = {}
        for stage in self._scenario.network.stages:
            first.setdefault(stage.reported, stage)
        for name, part in self._scenario.parts.items():
            if name not in first:
                continue
            stage = first[name]
            place = DASH
            if stage.at or stage.over:
                place = self._names.of("posts", stage.at) if stage.at else self._names.of("bearers", stage.over or "")
            takes = self._spoken.takes(stage.duration) + (f" × {part.copies}" if part.copies > 1 else "")
            cells = [*row(self._names.stage(name), place, takes), self._source(part)]
            if self._critical is not None:
                held = self._critical.get(name)
                cells.append(Cell(DASH if held is None else self._spoken.share(held.time)))
            yield tuple(cells)

    def _source(self, part: Part) -> Cell:
        _ = self._spoken.translate
        kinds = {"played": _("played"), "published": _("published"), "guess": _("guess"), "": _("not said")}
        where = clean(part.where_from)
        said = f"{kinds[part.source]}: {where}" if where else kinds[part.source]
        return Cell(f"? {said}", is_guess=True) if part.source in ("guess", "") else Cell(said)

    def _places(self) -> Iterator[Row]:
        """Yield each post, bearer, common cause and factor, and what is assumed of it."""
        _, network = self._spoken.translate, self._scenario.network
        for post in network.posts:
            yield row(_("post"), self._names.of("posts", post.name), self._post(post))
        for bearer in network.bearers:
            yield row(_("bearer"), self._names.of("bearers", bearer.name), "; ".join(self._bearer(bearer)))
        for cause in network.causes:
            yield row(_("common cause of outages"), clean(cause.name), self._outages(cause))
        for factor in network.factors:
            assumed = _("lognormal of mean 1, sigma {sigma:g}").format(sigma=factor.sigma)
            yield row(_("common factor"), clean(factor.name), assumed)

    def _post(self, post: Post) -> str:
        _, said = self._spoken.translate, self._spoken
        parts = []
        if not post.shifts or post.shifts[0].from_s > 0:
            parts.append(_("seats: {n}").format(n=post.seats))
        parts += [_("from {time} seats: {n}").format(n=one.seats, time=said.time(one.from_s)) for one in post.shifts]
        if post.repeat_s:
            parts.append(_("again every {time}").format(time=said.time(post.repeat_s)))
        for one in post.absences:
            span = said.times(one.span.from_s, one.span.until_s)
            parts.append(_("{span} seats at most: {n}").format(n=one.seats, span=span))
        return "; ".join(parts)

    def _bearer(self, one: Bearer) -> Iterator[str]:
        _ = self._spoken.translate
        yield self._outages(one)
        if one.causes:
            yield _("down with {causes}").format(causes=", ".join(map(clean, one.causes)))
        for cut in one.cuts:
            yield _("cut {span}").format(span=self._spoken.times(cut.from_s, cut.until_s))

    def _outages(self, one: Bearer | Cause) -> str:
        _ = self._spoken.translate
        if not one.has_outages:
            return _("no outages by chance")
        return _("up {up} on average, then down {down}").format(
            up=self._spoken.time(one.up_mean_s), down=self._spoken.time(one.down_mean_s)
        )
