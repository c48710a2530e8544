"""Walks a store and names every row that is not what was stored, without stopping at the first.

It says which rows are broken and which indexes disagree with their table; whether chains and
signatures hold is for `record audit`. A row that was removed whole, index entries and all, leaves no
trace here: the gap shows in its chain. Of a file too damaged to walk, the rest is named as such.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec

from katchi.errors import KatchiError, Sentence, sayable
from katchi.store.reader import OWN_META, PAGE_ROWS, SqliteReader, schema_faults
from katchi.store.rows import name_of
from katchi.store.schema import TABLES, Row, Table, is_sound, with_text

INTEGRITY_FAULTS_MAX = 100  # lines of SQLite's own check: one damaged page can fill thousands


class Finding(msgspec.Struct, frozen=True):
    """One thing that is broken."""

    where: Sentence | str  # such as "KOR 0/12", "checkpoint of KOR to 7", "paper ab12cd34… chunk 3", "indexes"
    what: Sentence


def verify_file(path: Path, *, vfs: str | None = None) -> Iterator[Finding]:
    """Yield a finding for everything broken in the store at `path`, be it too broken to open."""
    try:
        reader = SqliteReader.open(path, vfs=vfs)
    except KatchiError as error:
        yield Finding(str(path), Sentence.of(error))
        return
    try:
        yield from verify_rows(reader)
    finally:
        reader.close()


def verify_rows(reader: SqliteReader) -> Iterator[Finding]:
    """Yield a finding for every row that fails its check, and for what SQLite itself finds broken."""
    yield from _structure(reader)
    for table in TABLES:
        yield from _Walk(reader, table).findings()


def _structure(reader: SqliteReader) -> Iterator[Finding]:
    try:
        for definition in schema_faults(reader.connection):
            yield Finding(Sentence("schema"), Sentence("{name} is not as it was made", name=definition))
        for (fault,) in reader.connection.execute(f"PRAGMA integrity_check({INTEGRITY_FAULTS_MAX})"):
            if fault != "ok":
                yield Finding(Sentence("indexes"), Sentence("{error}", error=str(fault)))
        names = {name for (name,) in reader.connection.execute("SELECT CAST(name AS BLOB) FROM meta")}
        for name in OWN_META:
            if name.encode() not in names:
                yield Finding(f"meta {name}", Sentence("the row is not there"))
    except (apsw.Error, KatchiError, UnicodeDecodeError) as error:
        yield Finding(Sentence("indexes"), Sentence("they cannot be checked: {error}", error=str(error)))


class _Walk:
    """All rows of one table, by key upwards; where that ends in damage, downwards from the last.

    Each key must lie beyond the one before, or a damaged tree could be walked in a circle for ever.
    """

    def __init__(self, reader: SqliteReader, table: Table) -> None:
        self._execute, self._table = reader.connection.execute, table
        self._mark = "CAST(? AS TEXT)" if table.has_text_key else "?"
        self._key = f"CAST({table.key} AS BLOB)" if table.has_text_key else table.key
        self._lost: str | None = None  # why the walk did not come to its end

    def findings(self) -> Iterator[Finding]:
        table, reached = Sentence("table {name}", name=self._table.name), None
        for key in self._keys(is_upward=True):
            reached = key
            yield from self._judged(key)
        if self._lost is None:
            return
        what = "rows after {key} cannot be reached upwards: {error}"
        yield Finding(table, Sentence(what, key=self._said(reached), error=self._lost))
        back = None
        for back in self._keys(is_upward=False):
            if reached is not None and back <= reached:
                return
            yield from self._judged(back)
        what = "rows between {key} and {other} cannot be reached at all"
        yield Finding(table, Sentence(what, key=self._said(reached), other=self._said(back, "…")))

    def _keys(self, *, is_upward: bool) -> Iterator[Any]:
        """Yield the keys that can be had; `_lost` then says why there are no more, if it was not the end."""
        name, key, last = self._table.name, self._table.key, None
        beyond, order = (">", "ASC") if is_upward else ("<", "DESC")
        self._lost = None
        while self._lost is None:
            where = "" if last is None else f"WHERE {key} {beyond} {self._mark} "
            sql = f"SELECT {self._key} FROM {name} NOT INDEXED {where}ORDER BY {key} {order} LIMIT {PAGE_ROWS}"  # noqa: S608
            page: list[Any] = []
            try:
                for (found,) in self._execute(sql, () if last is None else (last,)):
                    if found is None or (last is not None and (found > last) != is_upward) or found == last:
                        self._lost = sayable("its keys are out of order")
                        break
                    page.append(found)
                    last = found
            except apsw.Error as error:
                self._lost = str(error)
            yield from page
            if not page:
                return

    def _judged(self, key: Any) -> Iterator[Finding]:
        table = self._table
        where = Sentence("{name} row {key}", name=table.name, key=self._said(key))
        try:
            raw: Row | None = next(self._execute(f"{table.select_bytes} WHERE {table.key} = {self._mark}", (key,)), None)
        except (apsw.Error, UnicodeDecodeError) as error:
            yield Finding(where, Sentence("it cannot be read: {error}", error=str(error)))
            return
        if raw is None:
            yield Finding(where, Sentence("it is counted but not found"))
            return
        row = with_text(table, raw)
        if not is_sound(table, row):
            yield Finding(name_of(table, row), Sentence("its row in table {name} does not match its check", name=table.name))

    def _said(self, key: Any, otherwise: str = "…") -> str:
        return otherwise if key is None else key.decode(errors="replace") if isinstance(key, bytes) else str(key)
