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

from katchi.errors import KatchiError
from katchi.store.reader import OWN_META, PAGE_ROWS, SqliteReader, schema_faults
from katchi.store.rows import name_of
from katchi.store.schema import TABLES, Row, Table, is_sound, with_text

INTEGRITY_FAULTS_MAX = 1000


class Finding(msgspec.Struct, frozen=True):
    """One thing that is broken."""

    where: str  # such as "KOR 0/12", "checkpoint of KOR to 7", "paper ab12cd34… chunk 3", "indexes"
    what: str


def verify_file(path: Path, *, vfs: str | None = None) -> Iterator[Finding]:
    """Yield a finding for everything broken in the store at `path`, be it too broken to open."""
    try:
        reader = SqliteReader.open(path, vfs=vfs)
    except KatchiError as error:
        yield Finding(str(path), str(error))
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
            yield Finding("schema", f"{definition} is not as it was made")
        for (fault,) in reader.connection.execute(f"PRAGMA integrity_check({INTEGRITY_FAULTS_MAX})"):
            if fault != "ok":
                yield Finding("indexes", str(fault))
        names = {
            bytes(name).decode(errors="replace") for (name,) in reader.connection.execute("SELECT CAST(name AS BLOB) FROM meta")
        }
        for name in sorted(set(OWN_META) - names):
            yield Finding(f"meta {name}", "the row is not there")
    except (apsw.Error, KatchiError, UnicodeDecodeError) as error:
        yield Finding("indexes", f"they cannot be checked: {error}")


class _Walk:
    """All rows of one table, by key upwards; where that ends in damage, downwards from the last."""

    def __init__(self, reader: SqliteReader, table: Table) -> None:
        self._execute, self._table = reader.connection.execute, table
        self._mark = "CAST(? AS TEXT)" if table.has_text_key else "?"
        self._key = f"CAST({table.key} AS BLOB)" if table.has_text_key else table.key
        self._reached: Any = None

    def findings(self) -> Iterator[Finding]:
        try:
            yield from self._rows(">", "ASC")
        except apsw.Error as error:
            yield Finding(f"table {self._table.name}", f"rows after {self._said(self._reached)} cannot be reached: {error}")
            stop, self._reached = self._reached, None
            try:
                yield from self._rows("<", "DESC", stop)
            except apsw.Error:
                yield Finding(f"table {self._table.name}", f"nor are rows before {self._said(self._reached)}")

    def _rows(self, beyond: str, order: str, stop: Any = None) -> Iterator[Finding]:
        table = self._table
        while True:
            where = "" if self._reached is None else f"WHERE {table.key} {beyond} {self._mark} "
            sql = f"SELECT {self._key} FROM {table.name} NOT INDEXED {where}ORDER BY {table.key} {order} LIMIT {PAGE_ROWS}"  # noqa: S608
            keys, error = self._keys(sql)
            for key in keys:
                if stop is not None and key <= stop:
                    return
                yield from self._judged(key)
            if keys and self._reached is not None and (keys[-1] > self._reached) != (beyond == ">"):
                yield Finding(f"table {table.name}", f"its rows are out of order after {self._said(self._reached)}")
                return
            self._reached = keys[-1] if keys else self._reached
            if error is not None:
                raise error
            if not keys:
                return

    def _keys(self, sql: str) -> tuple[list[Any], apsw.Error | None]:
        """Return the keys that can be had, and what kept the others away."""
        keys: list[Any] = []
        try:
            for (key,) in self._execute(sql, () if self._reached is None else (self._reached,)):
                keys.append(key)
        except apsw.Error as error:
            return keys, error
        return keys, None

    def _judged(self, key: Any) -> Iterator[Finding]:
        table = self._table
        try:
            raw: Row | None = next(self._execute(f"{table.select_bytes} WHERE {table.key} = {self._mark}", (key,)), None)
        except apsw.Error as error:
            yield Finding(f"{table.name} row {self._said(key)}", f"it cannot be read: {error}")
            return
        if raw is None:
            yield Finding(f"{table.name} row {self._said(key)}", "it is counted but not found")
            return
        row = with_text(table, raw)
        if not is_sound(table, row):
            yield Finding(name_of(table, row), f"its row in table {table.name} does not match its check")

    def _said(self, key: Any) -> str:
        return "the first" if key is None else key.decode(errors="replace") if isinstance(key, bytes) else str(key)
