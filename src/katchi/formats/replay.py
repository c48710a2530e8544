"""A chronicle as a scenario file: replayed it takes the very times that it took, and every length can be varied.

Each row becomes a stage of constant length, counted from the row that caused it, else from the start. Where only the day is
known the length is uniform over what that day leaves: after its cause, and before the first row that it caused. A row whose
cause is known to the day only counts from the last row before it whose time is known, so that it keeps its own. Whoever told
somebody something becomes an ally: the process is a notional one, and an ally there is whoever speaks for itself.

What was refused or missed stands as it happened, with the way that was not taken in a comment: an analyst gives it a chance. A
question asks for the last row and for each correction whether it comes as soon as it did.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import NamedTuple

from katchi.errors import Sentence, Translate
from katchi.formats.takes import key_text, quoted, time_text
from katchi.formats.timeline import Chronicle, Row

SPREAD_MAX = 1_000.0
TITLE_MAX = 160  # letters
CORRECTIONS = frozenset({"correction", "corrected", "정정"})
_NOT_IN_A_NAME = re.compile(r"[^\w-]+|_*-_*(?=-)")


class Replay(NamedTuple):
    """The scenario file of a chronicle."""

    text: str
    stages: tuple[str, ...]  # by row
    questions: tuple[str, ...]
    allies: tuple[str, ...]


class _Length(NamedTuple):
    """How long a stage takes, from which other."""

    after: int | None
    low_s: float
    high_s: float


def replay(chronicle: Chronicle, *, spread: float = 1.0, translate: Translate = str) -> Replay:
    """Return the scenario file that replays a chronicle.

    Args:
        chronicle: as read.
        spread: 1 to replay exactly; more to let each length vary, from so much less to so much more than it was.
        translate: into the language of the comments.
    """
    return _Writing(chronicle, spread, translate).replay()


def lengths(chronicle: Chronicle) -> list[_Length]:
    """Return how long each row's stage takes, and after which one it begins, so that the times of the chronicle come out."""
    rows = chronicle.rows
    found = []
    for i, row in enumerate(rows):
        anchor = _anchor(rows, i)
        begins = chronicle.start if anchor is None else rows[anchor].earliest
        earliest, latest = row.earliest, row.latest
        if row.is_dated_only:
            caused = [other.earliest for other in rows[i + 1 :] if other.cause == i and not other.is_dated_only]
            earliest = max(earliest, begins)
            latest = max(min([latest, *caused]), earliest)
        found.append(_Length(anchor, (earliest - begins).total_seconds(), (latest - begins).total_seconds()))
    return found


def _anchor(rows: Sequence[Row], i: int) -> int | None:
    """Return the row that a stage counts from: its cause, or what caused that, if only its day is known."""
    cause = rows[i].cause
    while cause is not None and rows[cause].is_dated_only:
        cause = rows[cause].cause
    return cause


class _Writing:
    def __init__(self, chronicle: Chronicle, spread: float, translate: Translate) -> None:
        self.chronicle, self.spread, self.translate = chronicle, spread, translate
        width = len(str(len(chronicle.rows)))
        self.names = [f"r{i:0{width}}-{_name(row.kind) or 'told'}" for i, row in enumerate(chronicle.rows, 1)]
        self.allies = _distinct([_name(party) or "party" for party in chronicle.parties])
        self.ally_of = dict(zip(chronicle.parties, self.allies, strict=True))
        self.lengths = lengths(chronicle)
        self.file = _one_line(PurePath(chronicle.file).name)

    def replay(self) -> Replay:
        rows = self.chronicle.rows
        asked = [i for i, row in enumerate(rows) if i == len(rows) - 1 or _words(row.kind) & CORRECTIONS]
        parts = [self._top()]
        parts += [self._stage(i, row) for i, row in enumerate(rows)]
        parts += [self._question(i) for i in asked]
        return Replay("\n".join(parts), tuple(self.names), tuple(self.names[i] for i in asked), tuple(self.allies))

    def _comment(self, sentence: Sentence) -> str:
        return "# " + " ".join(sentence.said(self.translate).split()) + "\n"

    def _top(self) -> str:
        chronicle = self.chronicle
        start = chronicle.start.strftime("%Y-%m-%dT%H:%M:%SZ")
        said = self._comment(Sentence("Made from {file}; time 0 is {start}. Everything that is played from it is notional.",
                                      file=self.file, start=start))  # fmt: skip
        said += self._comment(
            Sentence("As it stands it takes the very times of the chronicle. To vary it, change what a stage `takes`.")
        )
        said += "".join(
            self._comment(Sentence("{place}: {remark}", place=f"{self.file}:{one.line}", remark=one.what.said(self.translate)))
            for one in chronicle.remarks
        )
        said += f"title = {quoted(PurePath(chronicle.file).stem.replace('_', ' '))}\n"
        parties = ", ".join(quoted(ally) for ally in self.allies)
        return said + f"allies = [{parties}]\n"

    def _stage(self, i: int, row: Row) -> str:
        length = self.lengths[i]
        said = f"[stages.{key_text(self.names[i])}]  # {_one_line(row.local)}, {self.file}:{row.line}\n"
        whom = ", ".join(row.told)
        way = f"{row.sender} → {whom}" if row.sender and whom else row.sender or whom
        said += f"title = {quoted(_cut(': '.join(part for part in (way, row.statement) if part)))}\n"
        if row.sender:
            said += f"by = {quoted(self.ally_of[row.sender])}\n"
        said += f"takes = {self._takes(length)}\n"
        if length.after is not None:
            said += f"after = [{quoted(self.names[length.after])}]\n"
        said += f"source = {quoted(self._source(row, length))}\n"
        if row.cause is not None and row.cause != length.after:
            said += self._comment(Sentence("caused by {name}, of which only the day is known", name=self.names[row.cause]))
        if row.was_missed or row.was_refused:
            said += self._not_taken(i, row)
        return said

    def _takes(self, length: _Length) -> str:
        low, high = length.low_s, length.high_s
        if low < high:
            return f'{{ uniform = ["{time_text(low)}", "{time_text(high)}"] }}'
        if self.spread > 1 and low > 0:
            ends = (round(low / self.spread, 3), low, round(low * self.spread, 3))
            return "{ pert = [" + ", ".join(f'"{time_text(one)}"' for one in ends) + "] }"
        return f'"{time_text(low)}"'

    def _source(self, row: Row, length: _Length) -> str:
        if self.spread > 1 and length.low_s == length.high_s > 0:
            return f"guess: {1 / self.spread:.3g} to {self.spread:.3g} times as published; {row.source}".rstrip("; ")
        return f"published: {row.source or self.file}"

    def _not_taken(self, i: int, row: Row) -> str:
        name = self.names[i]
        if row.was_missed:
            happened = "then = [{ chance = 1.0, stages = [] }]\n" + self._comment(
                Sentence("It was missed: nothing followed from it. To see what might have, write instead:")
            )
            return happened + (
                f'#   then = [{{ chance = 0.5, stages = [] }}, {{ chance = 0.5, stages = ["{name}-answered"] }}]\n'
                f"#   [stages.{key_text(f'{name}-answered')}]\n"
                f'#   takes = {{ exponential = "30 min" }}\n'
                f'#   source = "guess"\n'
            )
        asked = self.names[row.cause] if row.cause is not None else "..."
        return self._comment(
            Sentence("It was refused. To see what might have followed otherwise, write this, and no `after` here:")
        ) + (
            f"#   [stages.{key_text(asked)}]\n"
            f'#   then = [{{ chance = 0.5, stages = ["{name}"] }}, {{ chance = 0.5, stages = ["{name}-agreed"] }}]\n'
            f"#   [stages.{key_text(f'{name}-agreed')}]\n"
            f'#   takes = "{time_text(self.lengths[i].low_s)}"\n'
            f'#   source = "guess"\n'
        )

    def _question(self, i: int) -> str:
        by_s = max(self._latest_s(i), 1.0)
        return f'[questions.{key_text(self.names[i])}]\nstage = {quoted(self.names[i])}\nby = "{time_text(by_s)}"\n'

    def _latest_s(self, i: int) -> float:
        """Return the latest second after the start at which a row can be."""
        length = self.lengths[i]
        before = (
            0.0 if length.after is None else (self.chronicle.rows[length.after].earliest - self.chronicle.start).total_seconds()
        )
        return before + length.high_s


def _name(text: str) -> str:
    """Return a name that a scenario may use: letters, digits, - and _."""
    return _NOT_IN_A_NAME.sub("-", text.casefold()).strip("-_")[:60].rstrip("-_")


def _distinct(names: Sequence[str]) -> list[str]:
    """Return the names, with a number where one is there before."""
    found: list[str] = []
    for name in names:
        number, other = 1, name
        while other in found:
            number += 1
            other = f"{name}-{number}"
        found.append(other)
    return found


def _cut(text: str) -> str:
    whole = " ".join(text.split())
    return whole if len(whole) <= TITLE_MAX else whole[: TITLE_MAX - 1].rstrip() + "…"


def _one_line(text: str) -> str:
    """Return text that may stand in a comment."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _words(kind: str) -> frozenset[str]:
    return frozenset(re.split(r"[\W_]+", kind.casefold()))
