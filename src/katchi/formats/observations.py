"""Durations that were measured: in tables that people keep, and in what the record of a consultation says.

A table (CSV) has the columns `stage` and `seconds`, one duration a row; other columns are left alone. A record is what
`katchi consultation show --json` prints, or `katchi record show --json` of a room with one consultation. There a duration
is the time from what an act waited for until the act, by the author's own clock:

    acknowledge      since the opening was delivered to it
    state-position   since it acknowledged; if it did not, since the opening was delivered
    propose-words    since the last position before it was delivered, or its own was stated
    sign-words       since the words that it signs were delivered, or proposed if they are its own
    end              since the last signature before it was delivered, or its own was made

Where no receipt says when something was delivered, it counts from when it was written; then the way there is in it, and
`exact` says so. Pure: bytes in, values out.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from katchi.errors import Malformed
from katchi.exercise.scenario import Scenario

COLUMNS = ("stage", "seconds")
LONGEST_S = 366 * 86_400.0
CELL_MAX = 10_000  # letters
ACTS: Mapping[str, str] = {
    "consultation.acknowledged": "acknowledge",
    "position.stated": "state-position",
    "words.proposed": "propose-words",
    "words.signed": "sign-words",
    "consultation.ended": "end",
}
OPENED = "consultation.opened"


class Observed(NamedTuple):
    """One duration: of a stage, or of an act by an ally that a stage may stand for."""

    seconds: float
    place: str  # file:line of a table, file of a record
    stage: str = ""
    act: str = ""
    ally: str = ""
    exact: bool = True  # measured from when it was delivered


class Leftover(NamedTuple):
    """Durations that no stage took, or several might have."""

    act: str
    ally: str
    durations: int  # how many
    stages: tuple[str, ...]  # none, or several


def of_table(source: bytes, file: str) -> list[Observed]:
    """Return the durations of a table.

    Raises:
        Malformed: no such columns, or a row that gives no duration; the message begins with file:line.
    """
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = source[: error.start].count(b"\n") + 1
        raise Malformed("{place}: this is no UTF-8 text", hint="Save the file as UTF-8.", place=f"{file}:{line}") from None
    found: list[Observed] = []
    columns: dict[str, int] = {}
    for line, cells in rows_of(text, file):
        place = f"{file}:{line}"
        if not columns:
            columns = {cell.strip().lower(): i for i, cell in enumerate(cells)}
            if missing := [name for name in COLUMNS if name not in columns]:
                raise Malformed(
                    "{place}: there is no column {name}", hint="The first line names the columns: stage,seconds.", place=place,
                    name=missing[0],
                )  # fmt: skip
            continue
        if len(cells) <= max(columns[name] for name in COLUMNS):
            raise Malformed(
                "{place}: this row has {n} cells, fewer than the first line", hint="Give it a stage and its seconds.",
                place=place, n=len(cells),
            )  # fmt: skip
        stage, written = (cells[columns[name]].strip() for name in COLUMNS)
        found.append(Observed(_seconds(written, place), place, stage=stage))
    return found


def rows_of(text: str, file: str) -> list[tuple[int, list[str]]]:
    """Return the rows of a CSV text with the line on which each begins; rows of empty cells are left out.

    Raises:
        Malformed: a quote that does not end, or a cell beyond CELL_MAX letters.
    """
    rows: list[tuple[int, list[str]]] = []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if long := next((cell for cell in cells if len(cell) > CELL_MAX), None):
                raise Malformed(
                    "{place}: a cell has {n} letters, more than {limit}", hint="Close the quotes that were opened here.",
                    place=f"{file}:{line}", n=len(long), limit=CELL_MAX,
                )  # fmt: skip
            if any(cell.strip() for cell in cells):
                rows.append((line, cells))
            line = reader.line_num + 1
    except csv.Error:
        raise Malformed(
            "{place}: the quotes of this row do not fit", hint="Put text with commas, quotes or line ends in \"quotes\", "
            "and write a quote inside it twice.", place=f"{file}:{line}",
        ) from None  # fmt: skip
    return rows


def _seconds(written: str, place: str) -> float:
    try:
        seconds = float(written)
    except ValueError:
        raise Malformed(
            "{place}: '{value}' is no number of seconds", hint="Write a number such as 240, without a unit.", place=place,
            value=written[:60],
        ) from None  # fmt: skip
    return _checked(seconds, place)


def _checked(seconds: float, place: str) -> float:
    if not 0 <= seconds <= LONGEST_S:
        raise Malformed(
            "{place}: a duration of {value} s cannot be", hint="Durations are from 0 to {limit:.0f} s, a year.", place=place,
            value=seconds, limit=LONGEST_S,
        )  # fmt: skip
    return seconds


class _Receipt(msgspec.Struct):
    ally: str
    delivered: int | None = None


class _Entry(msgspec.Struct):
    """What both views say of an entry, and what only the longer one does."""

    id: str
    kind: str
    at: int  # microseconds UTC, its author's clock
    place: str
    about: list[str] = []
    receipts: list[_Receipt] = []

    @property
    def ally(self) -> str:
        return self.place.split(" ")[0]


class _Shown(msgspec.Struct):
    """`consultation show --json` has a timeline, `record show --json` has entries."""

    timeline: list[_Entry] | None = None
    entries: list[_Entry] | int | None = None


def of_record(source: bytes, file: str) -> list[Observed]:
    """Return the durations between the acts of one consultation.

    Raises:
        Malformed: it is neither view, is not whole, or holds several consultations.
    """
    try:
        shown = msgspec.json.decode(source, type=_Shown)
    except msgspec.MsgspecError as error:
        raise Malformed(
            "{file} cannot be read: {error}", hint="Save what `katchi consultation show ID --json` prints.", file=file,
            error=str(error),
        ) from None  # fmt: skip
    entries = shown.timeline if shown.timeline is not None else shown.entries
    openings = [entry for entry in entries if entry.kind == OPENED] if isinstance(entries, list) else []
    if not isinstance(entries, list) or len(openings) != 1:
        raise Malformed(
            "{file} is not one whole consultation: it has {n} openings", hint="Save what `katchi consultation show ID --json` "
            "prints, one file for each.", file=file, n=len(openings),
        )  # fmt: skip
    entries = [entry for entry in entries if openings[0].id in entry.about or not entry.about]
    return [one for entry in entries if (one := _measured(entry, entries, openings[0], file)) is not None]


def _measured(act: _Entry, entries: Sequence[_Entry], opening: _Entry, file: str) -> Observed | None:
    """Return how long an act took since what it waited for; None for what is no act, or waited for nothing that is here."""
    kind = ACTS.get(act.kind)
    if kind is None:
        return None
    before = entries[: entries.index(act)]

    def last(of: str, which: Callable[[_Entry], bool] = lambda _: True) -> _Entry | None:
        return next((one for one in reversed(before) if one.kind == of and which(one)), None)

    def own(one: _Entry) -> bool:
        return one.ally == act.ally

    waited_for: _Entry | None = opening
    match kind:
        case "state-position":
            waited_for = last("consultation.acknowledged", own) or opening
        case "propose-words":
            waited_for = last("position.stated") or last("consultation.acknowledged", own) or opening
        case "sign-words":
            waited_for = last("words.proposed", lambda one: one.id in act.about) or last("words.proposed")
        case "end":
            waited_for = last("words.signed")
    if waited_for is None or (waited_for is opening and own(opening)):
        return None
    since, exact = waited_for.at, True
    if not own(waited_for):
        delivered = next((one.delivered for one in waited_for.receipts if one.ally == act.ally), None)
        since, exact = (waited_for.at, False) if delivered is None else (delivered, True)
    seconds = (act.at - since) / 1_000_000
    if seconds < 0:  # two clocks that differ: nothing was measured
        return None
    return Observed(_checked(seconds, file), file, act=kind, ally=act.ally, exact=exact)


def by_stage(observed: Sequence[Observed], scenario: Scenario) -> tuple[dict[str, list[Observed]], list[Leftover]]:
    """Return the durations of each stage as it is written, and what belongs to none or could belong to several.

    Raises:
        Malformed: a table names a stage that the scenario does not have; the message begins with file:line.
    """
    copies = {stage.name: stage.reported for stage in scenario.network.stages}
    places = {stage.reported: stage.at for stage in scenario.network.stages if stage.at is not None}
    found: dict[str, list[Observed]] = {}
    left: dict[tuple[str, str], list[Observed]] = {}
    for one in observed:
        if one.stage:
            name = one.stage if one.stage in scenario.parts else copies.get(one.stage, "")
            if not name:
                raise Malformed(
                    "{place}: there is no stage '{name}'", hint="Stages are: {known}.", place=one.place, name=one.stage,
                    known=", ".join(scenario.parts),
                )  # fmt: skip
            found.setdefault(name, []).append(one)
            continue
        stages = _stages_of(one, scenario, places)
        if len(stages) == 1:
            found.setdefault(stages[0], []).append(one)
        else:
            left.setdefault((one.act, one.ally), []).append(one)
    leftovers = [
        Leftover(act, ally, len(ones), tuple(_stages_of(ones[0], scenario, places))) for (act, ally), ones in left.items()
    ]
    return found, leftovers


def _stages_of(one: Observed, scenario: Scenario, places: Mapping[str, str]) -> list[str]:
    """Return the stages that write this act for this ally."""
    named: list[str] = []
    for name, part in scenario.parts.items():
        by = part.by or scenario.posts.get(places.get(name, ""), "")
        if part.act == one.act and by in ("", one.ally):
            named.append(name)
    return named


Reader = Callable[[bytes, str], list[Observed]]
READERS: Mapping[str, Reader] = {".csv": of_table, ".json": of_record}
