"""The tables of the report, in words: each row says figures and names in one language, ready to be shown and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from markupsafe import Markup

from katchi.charts.clock import played
from katchi.charts.findings import Decided, Findings
from katchi.charts.gains import gain_said
from katchi.charts.influences import input_said
from katchi.charts.lettering import clean
from katchi.charts.speech import DASH, MINUS, Names, Speech, speech
from katchi.exercise.scenario import Part
from katchi.language import Language
from katchi.network.model import Bearer, Cause, Post, Stage

Row = tuple[str, ...]


class Answer(NamedTuple):
    """One question answered."""

    asked: str
    deadline: str
    probability: str
    interval: str
    exact: str  # "" if there is none
    without_exact: str  # why
    facts: tuple[tuple[str, str], ...]


class Tables:
    """The tables of one report in one language."""

    def __init__(self, found: Findings, language: Language) -> None:
        self.found, self.language = found, language
        self.spoken: Speech = speech(language)
        self.names = Names(found.scenario, language)

    def answers(self) -> list[Answer]:
        """Return each question with its answer."""
        _, said, sweep = self.spoken.translate, self.spoken, self.found.sweep
        rows = []
        for name, one in sweep.questions.items():
            quantiles = sweep.quantiles[name]
            mean = said.time(one.mean_s)
            if one.mean_exact_s is not None:
                mean += ", " + _("exact {p}").format(p=said.time(one.mean_exact_s))
            facts = [(_("on average"), mean), (_("half are done by"), said.time(quantiles["0.5"])),
                     (_("nine in ten are done by"), said.time(quantiles["0.9"]))]  # fmt: skip
            if one.finished < 1:
                facts.append((_("never done"), said.share(1 - one.finished, 2)))
            if sweep.quasi is not None:
                other = sweep.quasi.questions[name]
                facts.append(
                    (_("by quasi-Monte Carlo"), f"{said.share(other.probability, 4)} ({said.shares(other.interval, 4)})")
                )
            low, high = one.interval
            exact = "" if one.exact is None else said.share(one.exact, 4)
            if one.exact is not None:
                exact += ", " + (_("inside the interval") if low <= one.exact <= high else _("outside the interval"))
            why = said.sentence(one.without_exact) if one.without_exact is not None else ""
            share, interval = said.share(one.probability, 2), said.shares(one.interval, 2)
            asked = self.names.of("questions", name)
            rows.append(Answer(asked, said.time(one.by_s), share, interval, exact, why, tuple(facts)))
        return rows

    def changes(self) -> list[Row]:
        """Return each change: rank, what it is, points and minutes gained, probability with it; of the first question."""
        found, _ = self.found.improvement, self.spoken.translate
        if found is None:
            return []
        (first, *_others) = found.questions
        rows: list[Row] = []
        for rank, change in enumerate(found.changes, 1):
            called, one = self.spoken.given(change.about, change.name), change.questions.get(first)
            if one is None:
                rows.append((str(rank), called, _("does not ask this"), "", ""))
            elif not one.differs:
                rows.append((str(rank), called, _("makes no difference"), "", self.spoken.share(one.probability, 2)))
            else:
                minutes = gain_said(one.minutes, self.language) if one.minutes is not None else DASH
                rows.append(
                    (str(rank), called, gain_said(one.points, self.language), minutes, self.spoken.share(one.probability, 2))
                )
        return rows

    def influences(self) -> list[Row]:
        """Return each uncertain input: range, the probability and mean time at its ends, its Sobol indices."""
        found, said = self.found.sensitivity, self.spoken
        if found is None:
            return []
        rows: list[Row] = []
        for one in found.influences:
            low, high = one.swing_probability.at_low, one.swing_probability.at_high
            shares = f"{said.share(low)} → {said.share(high)}" if low is not None and high is not None else DASH
            ends = one.swing_mean_s
            times = (
                DASH if ends.at_low is None or ends.at_high is None else f"{said.time(ends.at_low)} → {said.time(ends.at_high)}"
            )
            total, first = one.probability.total, one.probability.first
            index = f"{total.value:z.2f} ({total.interval[0]:z.2f}{DASH}{total.interval[1]:z.2f})"
            rows.append((input_said(one.input, self.language), self._range(one.input.what, one.input.low, one.input.high), shares,
                         times, index, f"{first.value:z.2f}"))  # fmt: skip
        return rows

    def _range(self, what: str, low: float, high: float) -> str:
        return f"{low:g} {DASH} {high:g}" if what == "seats" else self.spoken.times(low, high)

    def sources(self) -> list[Row]:
        """Return each stage: what it is, who does it where, how long it takes, where that is from, how much it held up."""
        first: dict[str, Stage] = {}
        for stage in self.found.scenario.network.stages:
            first.setdefault(stage.reported, stage)
        critical = self.found.sweep.critical.stages
        rows: list[Row] = []
        for name, part in self.found.scenario.parts.items():
            if name not in first:
                continue
            stage = first[name]
            place = self.names.of("posts", stage.at) if stage.at else self.names.of("bearers", stage.over) if stage.over else DASH
            takes = self.spoken.takes(stage.duration) + (f" × {part.copies}" if part.copies > 1 else "")
            share = self.spoken.share(critical[name].time) if name in critical else DASH
            rows.append((self.names.stage(name), place, takes, self._source(part), share))
        return rows

    def _source(self, part: Part) -> str:
        _ = self.spoken.translate
        kinds = {"played": _("played"), "published": _("published"), "guess": _("guess"), "": _("not said")}
        where = clean(part.where_from)
        said = f"{kinds[part.source]}: {where}" if where else kinds[part.source]
        if part.source not in ("guess", ""):
            return said
        return Markup('<span class="guess">? {}</span>').format(said)

    def rests_on(self) -> list[str]:
        """Return, in sentences, how much of the answer rests on what."""
        _ = self.spoken.translate
        parts = self.found.scenario.parts
        counts = Counter(part.source for part in parts.values())
        critical = self.found.sweep.critical.stages
        guessed = sum(critical[name].time for name, part in parts.items() if part.source in ("guess", "") and name in critical)
        said = _("Durations played: {played}, published: {published}, guessed: {guess}, without a source: {none}.").format(
            played=counts["played"], published=counts["published"], guess=counts["guess"], none=counts[""]
        )
        share = self.spoken.share(min(guessed, 1.0), 0)
        return [said, _("Stages that rest on guesses or on no source held up {share} of the time.").format(share=share)]

    def places(self) -> list[Row]:
        """Return each post, bearer, common cause and factor, and what is assumed of it."""
        _, network = self.spoken.translate, self.found.scenario.network
        rows: list[Row] = [(_("post"), self.names.of("posts", post.name), self._post(post)) for post in network.posts]
        rows += [(_("bearer"), self.names.of("bearers", one.name), "; ".join(self._bearer(one))) for one in network.bearers]
        rows += [(_("common cause of outages"), clean(one.name), self._outages(one)) for one in network.causes]
        rows += [
            (_("common factor"), clean(one.name), _("lognormal of mean 1, sigma {sigma:g}").format(sigma=one.sigma))
            for one in network.factors
        ]
        return rows

    def _post(self, post: Post) -> str:
        _, said = self.spoken.translate, self.spoken
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
        _ = self.spoken.translate
        yield self._outages(one)
        if one.causes:
            yield _("down with {causes}").format(causes=", ".join(map(clean, one.causes)))
        for cut in one.cuts:
            yield _("cut {span}").format(span=self.spoken.times(cut.from_s, cut.until_s))

    def _outages(self, one: Bearer | Cause) -> str:
        _ = self.spoken.translate
        if not one.has_outages:
            return _("no outages by chance")
        return _("up {up} on average, then down {down}").format(
            up=self.spoken.time(one.up_mean_s), down=self.spoken.time(one.down_mean_s)
        )

    def equilibria(self, decided: Decided) -> list[Row]:
        """Return each equilibrium: number, what is played, payoffs, regret, how it was found."""
        rows: list[Row] = []
        _ = self.spoken.translate
        for number, one in enumerate(decided.solution.equilibria):
            payoffs = ", ".join(f"{clean(name)} {worth:.4g}".replace("-", MINUS) for name, worth in one.payoffs.items())
            ways = ", ".join(self.spoken.translate(way) for way in one.found_by)
            mark = _("{n} (drawn)").format(n=number + 1) if number == decided.shown else str(number + 1)
            rows.append((mark, played(one), payoffs, f"{one.regret:.1e}" if one.regret else "0", ways))
        return rows

    def manifest(self) -> list[tuple[str, str]]:
        """Return what anyone needs to compute the answer again."""
        _ = self.spoken.translate
        known: Mapping[str, str] = {
            "scenario": _("digest of the scenario"), "file": _("file"), "seed": _("seed"), "runs": _("runs"),
            "engine": _("engine"), "processor": _("processor"), "date": _("date"),
        }  # fmt: skip
        return [
            (known.get(name, clean(name)), clean(str(value))) for name, value in self.found.manifest.items() if value is not None
        ]
