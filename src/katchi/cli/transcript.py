"""A rehearsal as text, in one language: what happened when, and below each step what each ally could see from then on.

The same rehearsal is the same text, to the byte. Nothing in it is random to look at: no digest, no time of day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from katchi.charts.speech import Names, speech
from katchi.cli.help import columns, wrapped
from katchi.exercise.scenario import Scenario
from katchi.language import Language
from katchi.rehearse.rehearsal import Rehearsal, Verdict
from katchi.rehearse.watching import Side, Step
from katchi.vocabulary import word

WIDTH = 120
TIME_WIDTH = 11
SHORT_S = 1.0  # a wait below it is not worth a word
AFTER = "  "
NOTHING = "-"


class Transcript:
    """One rehearsal, told in one language."""

    def __init__(self, rehearsal: Rehearsal, scenario: Scenario, language: Language) -> None:
        self.rehearsal, self.scenario, self.language = rehearsal, scenario, language
        self._ = speech(language).translate
        self.speech, self.names = speech(language), Names(scenario, language)
        self.allies = tuple(side.ally for side in rehearsal.last)
        others = [word(token, language) for token in ("inject", "bearer", "post")]
        self.who_width = max(columns(who) for who in (*(f"  {ally}" for ally in self.allies), *others)) + len(AFTER)
        views = [self._views(side) for step in rehearsal.steps for side in step.sides] + [self._views(s) for s in rehearsal.last]
        rows = [self._heads(), *(row for view in views for row in view)]
        self.widths = [max(columns(row[i]) for row in rows) for i in range(len(self._heads()))]

    def text(self) -> str:
        """Return it whole."""
        return "".join(line.rstrip() + "\n" for line in self.lines())

    def lines(self) -> Iterator[str]:
        """Yield it line by line."""
        _ = self._
        rehearsal, scenario = self.rehearsal, self.scenario
        yield from wrapped(scenario.title.said(self.language), WIDTH)
        yield from wrapped(scenario.about.said(self.language), WIDTH)
        yield ""
        yield _("EXERCISE. Rehearsal {run} of seed {seed}: real nodes, scripted officers, simulated time and links.").format(
            run=rehearsal.run, seed=rehearsal.seed
        )
        for legend in (
            _("Below each step: what an ally sees from then on, by its own node. An ally that is not named sees what it saw."),
            _("Unread: messages that lie before its post. Not confirmed: its own that the others are not yet known to hold."),
        ):
            yield from wrapped(legend, WIDTH)
        yield ""
        yield " " * TIME_WIDTH + _padded(_("sees"), self.who_width) + self._row(self._heads())
        for before, step in pairwise((None, *rehearsal.steps)):
            assert step is not None
            yield from self._step(step, before)
        yield ""
        yield from self._end()

    # Steps.

    def _step(self, step: Step, before: Step | None) -> Iterator[str]:
        who, what = self._told(step)
        indent = TIME_WIDTH + self.who_width
        first, *more = wrapped(what, WIDTH - indent)
        yield _padded(_clock(step.at_s), TIME_WIDTH) + _padded(who, self.who_width) + first
        yield from (" " * indent + line for line in more)
        seen = {side.ally: side for side in before.sides} if before is not None else {}
        for side in step.sides:
            if seen.get(side.ally) != side:
                yield from self._side(side)

    def _side(self, side: Side) -> Iterator[str]:
        for number, row in enumerate(self._views(side)):
            yield " " * TIME_WIDTH + _padded(f"  {side.ally}" if not number else "", self.who_width) + self._row(row)

    def _told(self, step: Step) -> tuple[str, str]:
        """Return who, and what."""
        _ = self._
        stage = self._stage(step)
        match step.what:
            case "start":
                return "", _("The rehearsal starts.")
            case "wrote":
                kinds = ", ".join(word(kind, self.language) for kind in step.kinds)
                return step.ally, _("{stage}: {kinds}").format(stage=stage, kinds=kinds) + self._spent(step)
            case "held":
                return step.ally, _("now holds what {ally} wrote: {stage}").format(ally=step.of, stage=stage)
            case "waits":
                if step.of == "words":
                    return step.ally, _("{stage}: must wait, the words to be signed have not arrived here").format(stage=stage)
                return step.ally, _("{stage}: must wait, the consultation has not arrived here").format(stage=stage)
            case "refused":
                why = self.speech.sentence(step.why) if step.why is not None else NOTHING
                return step.ally, _("{stage}: the node refuses it: {why}").format(stage=stage, why=why)
            case "failed":
                return step.ally, _("{stage}: this attempt failed").format(stage=stage)
            case "done":
                return step.ally or NOTHING, _("{stage}: done").format(stage=stage) + self._spent(step)
        return self._scripted(step)

    def _scripted(self, step: Step) -> tuple[str, str]:
        """Return what befell the allies."""
        _ = self._
        match step.what:
            case "inject":
                about = next(inject.about for inject in self.scenario.injects if inject.name == step.of)
                return word("inject", self.language), about.said(self.language) or step.of
            case "seats":
                post = self.names.of("posts", step.of)
                return word("post", self.language), _("{post}: seats from now on: {n}").format(post=post, n=step.seats)
            case "down":
                said = _("{bearer} is down; another way carries") if step.carries else _("{bearer} is down; the link is cut")
            case _:
                said = _("{bearer} is up")
        return word("bearer", self.language), said.format(bearer=self.names.of("bearers", step.of))

    def _stage(self, step: Step) -> str:
        title = self.names.stage(step.stage) if step.stage else ""
        return f"{title} ({step.copy})" if step.copy else title

    def _spent(self, step: Step) -> str:
        """Return how long it took, and what of that was waiting."""
        _ = self._
        if step.spent_s is None or step.spent_s <= 0:
            return ""
        said = _("took {time}").format(time=_length(step.spent_s))
        if step.seat_s >= SHORT_S:
            said += ", " + _("{time} of it waiting for a seat").format(time=_length(step.seat_s))
        if step.outage_s >= SHORT_S:
            said += ", " + _("{time} of it waiting for the bearer").format(time=_length(step.outage_s))
        return f" ({said})"

    # Views.

    def _heads(self) -> list[str]:
        _ = self._
        crossed, link = word("crossed", self.language), word("link", self.language)
        return [*self.allies, _("together"), _("unread"), _("not confirmed"), crossed, link]

    def _views(self, side: Side) -> list[list[str]]:
        """Return the rows of what one ally sees: one for each consultation."""
        _ = self._
        unread = str(side.unread) if side.unread else NOTHING
        way = ", ".join(f"{ally} {n}" if len(self.allies) > 2 else str(n) for ally, n in side.on_the_way.items()) or NOTHING
        down = [ally for ally, is_up in side.links.items() if not is_up]
        link = (
            _("up")
            if not down
            else _("cut")
            if len(down) == len(side.links)
            else _("cut: {allies}").format(allies=", ".join(down))
        )
        if not side.consultations:
            return [[NOTHING] * len(self.allies) + [_("no consultation"), unread, way, NOTHING, link]]
        rows = []
        for number, one in enumerate(side.consultations):
            stances = [word(one.stances[ally], self.language) for ally in self.allies]
            crossed = str(one.crossed) if one.crossed else NOTHING
            rest = [unread, way, crossed, link] if not number else ["", "", crossed, ""]
            rows.append([*stances, word(one.status, self.language), *rest])
        return rows

    def _row(self, cells: Sequence[str]) -> str:
        return AFTER.join(_padded(cell, width) for cell, width in zip(cells, self.widths, strict=True))

    # The end.

    def _end(self) -> Iterator[str]:
        _, rehearsal = self._, self.rehearsal
        yield _("In the end")
        for side in rehearsal.last:
            yield from self._side(side)
        yield ""
        for name, verdict in rehearsal.verdicts.items():
            yield f"  {self.names.of('questions', name)}: {self._verdict(verdict)}"
        written = ", ".join(f"{ally} {n}" for ally, n in rehearsal.messages.items())
        yield "  " + _("acts written: {written}; refused by a node: {refused}").format(written=written, refused=rehearsal.refused)
        yield "  " + (_("records: equal on every node") if rehearsal.equal else _("records: NOT equal"))
        yield ""
        yield _("All of it is notional.")

    def _verdict(self, verdict: Verdict) -> str:
        _ = self._
        swept = _clock(verdict.swept_s) if verdict.swept_s is not None else NOTHING
        beside = _("due by {by}; in the sweep's run {run}: {swept}").format(
            by=_length(verdict.by_s), run=self.rehearsal.run, swept=swept
        )
        if verdict.finished_s is None:
            return _("no, it never comes to that") + f" ({beside})"
        said = _("yes, after {time}") if verdict.is_in_time else _("no, only after {time}")
        return said.format(time=_clock(verdict.finished_s)) + f" ({beside})"


def _clock(seconds: float) -> str:
    """Return a time since the start, to a tenth of a second."""
    tenths = round(seconds * 10)
    return f"{tenths // 36_000}:{tenths // 600 % 60:02}:{tenths // 10 % 60:02}.{tenths % 10}"


def _length(seconds: float) -> str:
    """Return a length of time, to a second."""
    whole = round(seconds)
    return f"{whole // 3_600}:{whole // 60 % 60:02}:{whole % 60:02}"


def _padded(text: str, width: int) -> str:
    return text + " " * (width - columns(text))
