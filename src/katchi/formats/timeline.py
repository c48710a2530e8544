"""A dated chronicle, who told whom what and when, read from a table (CSV) as values. No file is opened here.

Columns: `t_local`, `tz`, `t_utc`, `kind`, `from`, `to`, `statement`, `source`; others are left alone. `t_local` is a date and a
time by the clock on that wall, or a date alone; `tz` names the zone of that clock, such as Asia/Seoul or +09:00. Several that
were told are parted by ";".

- When a row was, its local time says (moments.py). What disagrees with it, is missing or is known to the day only is remarked
  on, with file:line.
- A row was caused by the latest earlier row that told its `from`. Where no row told exactly that name, one that told a name of
  which it is a part is taken ("Logan", "State Adjutant Gen. Logan"), and remarked on.
- What was never received, or not answered, caused nothing: `kind` says so by one of the words of MISSED.

What cannot be read is refused with file:line and a fix. Replaying it is replay.py's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from katchi.errors import Malformed, Refused, Sentence
from katchi.formats.moments import Moment, Noted, moment_of
from katchi.formats.observations import rows_of

BYTES_MAX = 4 << 20
ROWS_MAX = 2_000
REQUIRED = ("t_local", "kind", "from", "to", "statement")
OPTIONAL = ("tz", "t_utc", "source")
REFUSED = frozenset({"refused", "refuses", "refusal", "declined", "rejected", "거부", "거절"})
MISSED = frozenset({"missed", "unanswered", "undelivered", "lost", "unread", "미응답", "미수신", "불통"})
FORMULA = ("=", "+", "-", "@")


class Remark(NamedTuple):
    """What a reader of the chronicle should know of a row."""

    file: str
    line: int
    what: Sentence

    @property
    def place(self) -> str:
        """Where it is: file:line."""
        return f"{self.file}:{self.line}"


class Row(NamedTuple):
    """One thing that was told, in its place among the others."""

    line: int
    kind: str
    sender: str
    told: tuple[str, ...]
    statement: str
    source: str
    local: str  # as it was written, with its zone
    earliest: datetime  # UTC
    latest: datetime  # UTC; the same, unless only the day is known
    cause: int | None  # index of an earlier row; None: nothing here caused it

    @property
    def is_dated_only(self) -> bool:
        """Whether only the day is known."""
        return self.earliest != self.latest

    @property
    def was_refused(self) -> bool:
        """Whether `kind` says that somebody refused."""
        return bool(_words(self.kind) & REFUSED)

    @property
    def was_missed(self) -> bool:
        """Whether `kind` says that it was not received, or not answered."""
        return bool(_words(self.kind) & MISSED)


class Chronicle(NamedTuple):
    """A whole chronicle, in order of time."""

    file: str
    rows: tuple[Row, ...]
    remarks: tuple[Remark, ...]

    @property
    def start(self) -> datetime:
        """When it begins, UTC: with its first row, or the day of that."""
        return self.rows[0].earliest

    @property
    def parties(self) -> tuple[str, ...]:
        """Everybody who told somebody something, in the order in which they first did."""
        return tuple(dict.fromkeys(row.sender for row in self.rows if row.sender))


def read(source: bytes, file: str) -> Chronicle:
    """Return what a chronicle says.

    Args:
        source: the bytes of a CSV file, UTF-8, with or without a byte order mark.
        file: its name, for what is said of it.
    Raises:
        Malformed: it cannot be read; the message begins with file:line.
        Refused: it is larger than is turned into one scenario.
    """
    if len(source) > BYTES_MAX:
        raise Refused(
            "{file} has {n} bytes, more than the {limit} that are read", hint="Cut it into chronicles of one crisis each.",
            file=file, n=len(source), limit=BYTES_MAX,
        )  # fmt: skip
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = source[: error.start].count(b"\n") + 1
        raise Malformed("{place}: this is no UTF-8 text", hint="Save the file as UTF-8.", place=f"{file}:{line}") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise Malformed("{place}: this is no text", hint="Save the table as CSV, UTF-8.", place=f"{file}:{line}")
    return _Reading(file).chronicle(rows_of(text, file))


class _Cells(NamedTuple):
    """One row as written, its cells stripped, in normal form (NFC)."""

    line: int
    of: Mapping[str, str]


class _Told(NamedTuple):
    """The newest row that told somebody of this name."""

    row: int
    line: int
    name: str


class _Reading:
    def __init__(self, file: str) -> None:
        self.file = file
        self.remarks: list[Remark] = []
        self.has_utc = True

    def chronicle(self, rows: Sequence[tuple[int, list[str]]]) -> Chronicle:
        if not rows:
            raise Malformed("{place}: the file is empty", hint="Its first line names the columns: {columns}.",
                            place=f"{self.file}:1", columns=",".join((*REQUIRED, *OPTIONAL)))  # fmt: skip
        columns = self._columns(*rows[0])
        if len(rows) == 1:
            raise Malformed("{place}: there is no row", hint="Write one line for each thing that was told.",
                            place=f"{self.file}:{rows[0][0]}")  # fmt: skip
        if len(rows) - 1 > ROWS_MAX:
            raise Refused(
                "{file} has {n} rows, more than the {limit} that are read", hint="Cut it into chronicles of one crisis each.",
                file=self.file, n=len(rows) - 1, limit=ROWS_MAX,
            )  # fmt: skip
        self.has_utc = "t_utc" in columns
        if not self.has_utc:
            self._remark(rows[0][0], Sentence("there is no column t_utc: times are those of t_local and tz"))
        cells = [self._cells(line, written, columns) for line, written in rows[1:]]
        moments = [self._moment(one) for one in cells]
        made: list[Row] = []
        newest: dict[str, _Told] = {}  # by name
        for i in self._in_order(cells, moments):
            of = cells[i].of
            told = tuple(name for name in (part.strip() for part in of["to"].split(";")) if name)
            cause = self._cause(cells[i].line, of["from"], newest) if of["from"] else None
            local = f"{of['t_local'] or of['t_utc']} {of['tz']}".strip()
            row = Row(cells[i].line, of["kind"], of["from"], told, of["statement"], of["source"], local, *moments[i], cause)
            if not row.was_missed:
                newest |= {_plain(name): _Told(len(made), row.line, name) for name in told}
            made.append(row)
        return Chronicle(self.file, tuple(made), tuple(sorted(self.remarks, key=lambda one: one.line)))

    def _remark(self, line: int, what: Sentence) -> None:
        self.remarks.append(Remark(self.file, line, what))

    def _columns(self, line: int, written: Sequence[str]) -> dict[str, int]:
        names = [cell.strip().lower() for cell in written]
        place = f"{self.file}:{line}"
        missing = [name for name in REQUIRED if name not in names]
        if missing:
            raise Malformed(
                "{place}: there is no column {name}", hint="The first line names the columns, parted by commas: {columns}.",
                place=place, name=", ".join(missing), columns=",".join((*REQUIRED, *OPTIONAL)),
            )  # fmt: skip
        twice = next((name for name in (*REQUIRED, *OPTIONAL) if names.count(name) > 1), None)
        if twice is not None:
            raise Malformed(
                "{place}: the column {name} is there twice", hint="Give one of them another name.", place=place, name=twice
            )
        return {name: names.index(name) for name in (*REQUIRED, *OPTIONAL) if name in names}

    def _cells(self, line: int, written: Sequence[str], columns: Mapping[str, int]) -> _Cells:
        if len(written) <= max(columns.values()):
            raise Malformed(
                "{place}: this row has {n} cells, fewer than the first line",
                hint='Give it all of them, empty ones too; put text with commas in "quotes".',
                place=f"{self.file}:{line}", n=len(written),
            )  # fmt: skip
        of = {name: unicodedata.normalize("NFC", written[at]).strip() for name, at in columns.items()}
        of |= {name: "" for name in OPTIONAL if name not in of}
        for name in ("kind", "from", "to", "statement", "source"):
            if of[name].startswith(FORMULA) and len(of[name]) > 1 and not of[name][1].isspace():
                self._remark(line, Sentence("{name} begins as a formula does: it is kept as text", name=name))
        return _Cells(line, of)

    def _moment(self, cells: _Cells) -> Moment:
        of = cells.of
        noted = Noted(of["t_local"], of["tz"], of["t_utc"], place=f"{self.file}:{cells.line}", has_utc=self.has_utc)
        moment, remarks = moment_of(noted)
        for what in remarks:
            self._remark(cells.line, what)
        return moment

    def _in_order(self, cells: Sequence[_Cells], moments: Sequence[Moment]) -> list[int]:
        """Return the rows in order of time; one dated to the day stays where it was written, as far as that day allows."""
        places: list[datetime] = []
        newest = moments[0].earliest
        for one, moment in zip(cells, moments, strict=True):
            if moment.latest < newest:
                self._remark(one.line, Sentence("this was earlier than the row before it: rows are put in order of time"))
            places.append(min(max(moment.earliest, newest), moment.latest))
            newest = max(newest, moment.earliest)
        return sorted(range(len(cells)), key=lambda i: (places[i], i))

    def _cause(self, line: int, sender: str, told: Mapping[str, _Told]) -> int | None:
        """Return the latest earlier row that told `sender`."""
        if (found := told.get(_plain(sender))) is not None:
            return found.row
        mine = _name_words(sender)
        near = [one for one in told.values() if mine and mine <= _name_words(one.name)]
        if len(near) != 1:
            return None
        (found,) = near
        taken = Sentence("'{sender}' is taken to be '{name}' of line {other}", sender=sender, name=found.name, other=found.line)
        self._remark(line, taken)
        return found.row


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def _name_words(name: str) -> frozenset[str]:
    """Return the words of a name that tell whose it is: not what stands in brackets, no initials."""
    outside = re.sub(r"\([^)]*\)", " ", name.casefold())
    return frozenset(word for word in re.split(r"[\s,.;:/()\"']+", outside) if len(word) > 1)


def _words(kind: str) -> frozenset[str]:
    return frozenset(re.split(r"[\W_]+", kind.casefold()))
