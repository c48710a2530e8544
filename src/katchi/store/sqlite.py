"""The store in one SQLite file: a batch is one transaction, on the disk when `append` returns.

Write-ahead log, synchronous FULL, and one connection that writes and checkpoints; any number of other
processes read through a SqliteReader meanwhile. Every row is checked as it is read (store/schema.py).
A failed append leaves nothing behind: what a failed commit may have left in the log is overwritten.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import apsw

from katchi.errors import KatchiError, Refused, StoreFailed, os_reason
from katchi.node.batch import Batch, Body
from katchi.record.charter import SignedCharter
from katchi.store.reader import CACHE_KIB, OWN_META, SqliteReader, opened, shut
from katchi.store.rows import (
    body_of_nothing,
    charter_row,
    chunk_row,
    entry_row,
    place_taken,
    room_of,
    row_with_body,
    statement_row,
)
from katchi.store.schema import (
    APPLICATION_ID,
    CHARTER,
    CHUNK,
    DDL,
    ENTRY,
    FACT,
    META,
    SCHEMA_VERSION,
    STATEMENT,
    Row,
    Table,
    with_check,
)

CHECKPOINT_PAGES = 1000  # pages in the log from which they are moved into the file after a commit
BUSY_MS = 5000
PAGE_SIZE = 8192  # fewer, larger pages: a digest's place in its index is random
VERSION, UNKEPT = OWN_META
UNCERTAIN = "Nothing of it is kept now; should the node stop before the next batch is kept, it may find this one whole. "

_TAKE = ENTRY.insert + "ON CONFLICT (digest) DO NOTHING"
_FILL = 'UPDATE entry SET salt = ?, body = ?, flags = ?, "check" = ? WHERE no = ?'
_STATE = STATEMENT.insert + 'ON CONFLICT (room, ally, epoch, length, "by", digest) DO NOTHING'
_CHARTER = CHARTER.insert + 'ON CONFLICT (room) DO UPDATE SET signatures = excluded.signatures, "check" = excluded."check"'
_CHUNK = CHUNK.insert + "ON CONFLICT (room, root, idx) DO NOTHING"
_SET = FACT.insert + 'ON CONFLICT (key) DO UPDATE SET value = excluded.value, "check" = excluded."check"'
_META = META.insert + 'ON CONFLICT (name) DO UPDATE SET value = excluded.value, "check" = excluded."check"'


class SqliteStore(SqliteReader):
    """The one writer of a store's file."""

    def __init__(self, connection: apsw.Connection, path: Path) -> None:
        super().__init__(connection, path)
        self._log_pages = 0
        connection.set_wal_hook(self._log_grew)
        self._next = {table.name: self._count(table) for table in (CHARTER, ENTRY, STATEMENT, CHUNK)}

    @classmethod
    def create(cls, path: Path, *, meta: Mapping[str, str] | None = None, vfs: str | None = None) -> SqliteStore:
        """Make a new, empty store at `path`; `meta` is kept for good and read back as `.meta`.

        Raises:
            Refused: something is there already.
            StoreFailed: the disk did not take it.
        """
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            raise Refused(
                "{path} is there already", hint="Open it, or make the new store somewhere else.", path=str(path)
            ) from None
        except OSError as error:
            raise _failed(path, error) from None
        connection: apsw.Connection | None = None
        try:
            connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs)
            _make(connection, {VERSION: str(SCHEMA_VERSION), UNKEPT: "0", **(meta or {})})
        except BaseException as error:
            if connection is not None:
                shut(connection)
            _discard(path)
            if isinstance(error, apsw.Error):
                raise _failed(path, error) from error
            raise
        return cls(connection, path)

    @classmethod
    def open(cls, path: Path, *, vfs: str | None = None) -> SqliteStore:
        """Open the store at `path` to read and write; what a crash left half done is undone.

        Raises:
            NotFound, Malformed (not a store), RecordBroken, StoreFailed (the disk does not answer).
        """
        connection = opened(path, apsw.SQLITE_OPEN_READWRITE, vfs, _set_up)
        try:
            return cls(connection, path)
        except KatchiError:
            shut(connection)
            raise

    def append(self, batch: Batch) -> None:
        """See Store.append."""
        connection, numbers, is_committing = self.connection, self._next.copy(), False
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._write(batch, numbers)
            is_committing = True
            connection.execute("COMMIT")
        except BaseException as error:
            is_certain = self._undo(is_committing)
            if isinstance(error, apsw.Error | OSError | MemoryError):
                raise _failed(self.path, error, is_certain) from error
            raise
        self._next = numbers
        if self._log_pages >= CHECKPOINT_PAGES:
            with contextlib.suppress(apsw.Error):  # the batch is kept: its pages wait in the log for the next turn
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def close(self) -> None:
        """See Store.close."""
        self.connection.set_wal_hook(None)
        super().close()

    def _write(self, batch: Batch, numbers: dict[str, int]) -> None:
        connection = self.connection
        for signed in batch.charters:
            self._write_charter(signed, numbers)
        if batch.entries:
            self._write_entries(batch, numbers)
        for body in batch.bodies:
            self._fill(body)
        if batch.statements:
            first = _take(numbers, STATEMENT, len(batch.statements))
            connection.executemany(_STATE, (statement_row(no, one) for no, one in enumerate(batch.statements, first)))
        if batch.chunks:
            first = _take(numbers, CHUNK, len(batch.chunks))
            connection.executemany(_CHUNK, (chunk_row(no, one) for no, one in enumerate(batch.chunks, first)))
        for key, value in batch.facts.items():
            if value is None:
                connection.execute("DELETE FROM fact WHERE key = ?", (key,))
            else:
                connection.execute(_SET, with_check(FACT, (key, value)))

    def _write_entries(self, batch: Batch, numbers: dict[str, int]) -> None:
        first = _take(numbers, ENTRY, len(batch.entries))
        at = first

        def rows() -> Iterator[Row]:
            nonlocal at
            for at, kept in enumerate(batch.entries, first):
                yield entry_row(at, kept)

        try:
            self.connection.executemany(_TAKE, rows())
        except apsw.ConstraintError:
            raise place_taken(batch.entries[at - first].entry.place) from None

    def _write_charter(self, signed: SignedCharter, numbers: dict[str, int]) -> None:
        room = room_of(signed)
        held = next(self._rows(CHARTER, "WHERE room = ?", (room,)), None)
        no = held[0] if held else _take(numbers, CHARTER, 1)
        self.connection.execute(_CHARTER, charter_row(no, room, signed))

    def _fill(self, body: Body) -> None:
        row = next(self._rows(ENTRY, "WHERE digest = ?", (body.digest,)), None)
        if row is None:
            raise body_of_nothing(body)
        *_, flags, check = row_with_body(row, body)
        self.connection.execute(_FILL, (body.salt, body.body, flags, check, row[0]))

    def _undo(self, was_committing: bool) -> bool:
        """Roll back, and return whether what a failed commit wrote to the log is sure not to come back.

        A commit whose last sync failed may lie whole in the log: were the node to stop now, the next
        start would find it. A small commit over the same place ends that; if the disk refuses this
        too, the next append that succeeds does it.
        """
        with contextlib.suppress(apsw.Error):
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        if not was_committing:
            return True
        try:
            unkept = int(self.meta_rows().get(UNKEPT, "0")) + 1
            self.connection.execute(_META, with_check(META, (UNKEPT, str(unkept))))
        except (apsw.Error, KatchiError):
            return False
        return True

    def _log_grew(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _count(self, table: Table) -> int:
        """Return the number of the next row of `table`."""
        (highest,) = self._plain(f"SELECT max(no) FROM {table.name}")[0]  # noqa: S608
        return 0 if highest is None else int(highest) + 1


def _make(connection: apsw.Connection, meta: Mapping[str, str]) -> None:
    """Make the tables in one transaction, so that a crash leaves a store or a file that is none."""
    connection.pragma("page_size", PAGE_SIZE)
    _set_up(connection)
    connection.execute("BEGIN IMMEDIATE")
    for statement in DDL:
        connection.execute(statement)
    connection.executemany(META.insert, (with_check(META, row) for row in meta.items()))
    connection.pragma("application_id", APPLICATION_ID)
    connection.pragma("user_version", SCHEMA_VERSION)
    connection.execute("COMMIT")


def _discard(path: Path) -> None:
    for made in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        made.unlink(missing_ok=True)


def _take(numbers: dict[str, int], table: Table, n: int) -> int:
    first = numbers[table.name]
    numbers[table.name] = first + n
    return first


def _set_up(connection: apsw.Connection) -> None:
    connection.set_busy_timeout(BUSY_MS)
    for pragma, value in (("trusted_schema", 0), ("cell_size_check", 1), ("synchronous", "FULL"), ("cache_size", CACHE_KIB)):
        connection.pragma(pragma, value)
    if connection.pragma("journal_mode", "WAL") != "wal":
        raise apsw.CantOpenError("the file system does not support SQLite's write-ahead log")


def _failed(path: Path, error: BaseException, is_certain: bool = True) -> StoreFailed:
    hints: Iterable[tuple[type[BaseException], str]] = (
        (apsw.FullError, "Free space on the disk of {path}, then do it again."),
        (apsw.BusyError, "Another process is writing {path}. Stop it, then do it again."),
        (apsw.ReadOnlyError, "Make {path} and its directory writable, then do it again."),
        (apsw.CorruptError, "{path} is damaged. Copy it away, run `katchi record audit` on it, and restore a backup."),
    )
    advice = next((hint for kind, hint in hints if isinstance(error, kind)), "Check the disk of {path}, then do it again.")
    why = os_reason(error) if isinstance(error, OSError) else str(error) or type(error).__name__
    said: dict[str, Any] = {"path": str(path), "error": why}
    kept = "Nothing of it was kept. " if is_certain else UNCERTAIN
    return StoreFailed("{path} did not take the batch: {error}", hint=kept + advice, **said)
