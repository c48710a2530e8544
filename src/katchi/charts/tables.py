"""What was found, as rows and figures in words of one language: answers, changes, influences, equilibria, the manifest."""

from __future__ import annotations

from collections.abc import Mapping

from katchi.charts.findings import Decided, Findings
from katchi.charts.gains import gain_said
from katchi.charts.influences import input_said
from katchi.charts.lettering import clean
from katchi.charts.ranges import played
from katchi.charts.speech import DASH, MINUS, Names, Speech, speech
from katchi.charts.telling import Answer, Cell, row
from katchi.language import Language

Row = tuple[Cell, ...]


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
            rows.append(
                Answer(
                    asked=asked, deadline=said.time(one.by_s), probability=share, interval=interval, runs=f"{sweep.runs:,}",
                    exact=exact, without_exact=why, facts=tuple(facts),
                )
            )  # fmt: skip
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
                rows.append(row(str(rank), called, _("does not ask this"), "", ""))
            elif not one.differs:
                rows.append(row(str(rank), called, _("makes no difference"), "", self.spoken.share(one.probability, 2)))
            else:
                minutes = gain_said(one.minutes, self.language) if one.minutes is not None else DASH
                points, with_it = gain_said(one.points, self.language), self.spoken.share(one.probability, 2)
                rows.append(row(str(rank), called, points, minutes, with_it))
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
            called, between = input_said(one.input, self.names), self._range(one.input.what, one.input.low, one.input.high)
            rows.append(row(called, between, shares, times, index, f"{first.value:z.2f}"))
        return rows

    def _range(self, what: str, low: float, high: float) -> str:
        return f"{low:g} {DASH} {high:g}" if what == "seats" else self.spoken.times(low, high)

    def equilibria(self, decided: Decided) -> list[Row]:
        """Return each equilibrium: number, what is played, payoffs, regret, how it was found."""
        rows: list[Row] = []
        _ = self.spoken.translate
        for number, one in enumerate(decided.solution.equilibria):
            payoffs = ", ".join(f"{clean(name)} {worth:.4g}".replace("-", MINUS) for name, worth in one.payoffs.items())
            ways = ", ".join(self.spoken.translate(way) for way in one.found_by)
            mark = _("{n} (drawn)").format(n=number + 1) if number == decided.shown else str(number + 1)
            rows.append(row(mark, played(one), payoffs, f"{one.regret:.1e}" if one.regret else "0", ways))
        return rows

    def manifest(self) -> list[tuple[str, str]]:
        """Return what anyone needs to compute the answer again, names and values."""
        _ = self.spoken.translate
        known: Mapping[str, str] = {
            "scenario": _("digest of the scenario"), "file": _("file"), "seed": _("seed"), "runs": _("runs"),
            "engine": _("engine"), "processor": _("processor"), "date": _("date"),
        }  # fmt: skip
        return [
            (known.get(name, clean(name)), clean(str(value))) for name, value in self.found.manifest.items() if value is not None
        ]
