"""Reading a store's SQLite file: the Reader of node/batch.py, for the writer and for other processes.

Every row is checked before any of it is given out; only `chunk_indexes` and `papers` answer from an
index, since checking them would read whole papers. Long answers are read in pages, so that memory
stays flat and no reader holds the log open while its caller thinks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw

from katchi.errors import KatchiError, Malformed, NotFound, RecordBroken, StoreFailed, sayable
from katchi.node.batch import Kept, KeptStatement
from katchi.record.charter import SignedCharter
from katchi.store.rows import charter_of, kept_of, kept_statement_of, name_of, row_broken
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
    is_sound,
    with_text,
)

PAGE_ROWS = 256  # rows of a long answer that are read at once
CACHE_KIB = -4096  # SQLite's own, negative for KiB; what it does not hold is in the system's, which all processes share
OWN_META = ("schema", "unkept")  # the store's own rows of table meta: its version, how many commits failed
MAGIC = b"SQLite format 3\0"
_BEYOND = 2**63 - 1  # no row has this number
_DISK = (
    apsw.IOError,
    apsw.FullError,
    apsw.BusyError,
    apsw.LockedError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.PermissionsError,
)


class SqliteReader:
    """Reads a store, checking each row: RecordBroken names the first that is not what was stored."""

    def __init__(self, connection: apsw.Connection, path: Path) -> None:
        self.connection, self.path = connection, path

    @classmethod
    def open(cls, path: Path, *, vfs: str | None = None) -> SqliteReader:
        """Open the store at `path` to read only, also while another process writes it.

        Raises:
            NotFound, Malformed (not a store), RecordBroken, StoreFailed (the disk does not answer).
        """
        return cls(opened(path, apsw.SQLITE_OPEN_READONLY, vfs, _set_up), path)

    @property
    def meta(self) -> dict[str, str]:
        """What the store was created with, such as its mode and ally."""
        return {name: value for name, value in self.meta_rows().items() if name not in OWN_META}

    @property
    def entries_written(self) -> int:
        """How many entries were ever written here, in all rooms: by the number of the last, without reading a row."""
        ((written,),) = self._plain("SELECT coalesce(max(no) + 1, 0) FROM entry")
        return int(written)

    def close(self) -> None:
        """Release the file."""
        shut(self.connection)

    def entry(self, digest: bytes) -> Kept | None:
        """See Reader.entry."""
        row = next(self._rows(ENTRY, "WHERE digest = ?", (digest,)), None)
        return None if row is None else kept_of(row)

    def locate(self, digest: bytes) -> tuple[bytes, str, int, int] | None:
        """See Reader.locate."""
        row = next(self._rows(ENTRY, "WHERE digest = ?", (digest,)), None)
        return None if row is None else (row[2], row[3], row[4], row[6])

    def run(self, room: bytes, ally: str, branch: int, start: int, end: int, limit: int) -> list[Kept]:
        """See Reader.run."""
        return [kept_of(row) for row in self._run(room, ally, branch, start, end, limit)]

    def digests(self, room: bytes, ally: str, branch: int, start: int, end: int) -> list[bytes]:
        """See Reader.digests."""
        return [row[1] for row in self._run(room, ally, branch, start, end, -1)]

    def about(self, opening: bytes, kinds: Collection[str] = ()) -> list[Kept]:
        """See Reader.about."""
        among = f"AND kind IN ({', '.join('?' * len(kinds))}) " if kinds else ""
        where = f"WHERE (opening = ?1 OR digest = ?1) {among}ORDER BY no"
        return [kept_of(row) for row in self._rows(ENTRY, where, (opening, *kinds))]

    def entries(self, room: bytes) -> Iterator[Kept]:
        """See Reader.entries."""
        return map(kept_of, self._paged(ENTRY, "NOT INDEXED WHERE room = ?", room))

    def awaited(self, room: bytes) -> list[Kept]:
        """See Reader.awaited."""
        return [kept_of(row) for row in self._rows(ENTRY, "WHERE room = ? AND body IS NULL ORDER BY no", (room,))]

    def statements(self, room: bytes) -> Iterator[KeptStatement]:
        """See Reader.statements."""
        return map(kept_statement_of, self._paged(STATEMENT, "NOT INDEXED WHERE room = ?", room))

    def statements_at(self, room: bytes, ally: str, epoch: int, length: int) -> list[KeptStatement]:
        """See Reader.statements_at."""
        where = "WHERE room = ? AND ally = ? AND epoch = ? AND length = ? ORDER BY no"
        return [kept_statement_of(row) for row in self._rows(STATEMENT, where, (room, ally, epoch, length))]

    def first_statement(self, room: bytes, ally: str, epoch: int, length_min: int, by: str) -> KeptStatement | None:
        """See Reader.first_statement."""
        where = 'WHERE room = ? AND ally = ? AND epoch = ? AND length >= ? AND "by" = ? ORDER BY length LIMIT 1'
        row = next(self._rows(STATEMENT, where, (room, ally, epoch, length_min, by)), None)
        return None if row is None else kept_statement_of(row)

    def openings(self, room: bytes) -> list[Kept]:
        """See Reader.openings."""
        return [kept_of(row) for row in self._rows(ENTRY, "WHERE room = ? AND opening = digest ORDER BY no", (room,))]

    def recent_openings(self, rooms: Sequence[bytes], before: bytes | None, limit: int) -> list[Kept]:
        """See Reader.recent_openings."""
        rows: list[Row] = []
        upper = _BEYOND
        if before is not None:
            upper = next((no for (no,) in self._plain("SELECT no FROM entry WHERE digest = ?", (before,))), 0)
        for room in rooms:
            rows += self._rows(
                ENTRY, "WHERE room = ? AND opening = digest AND no < ? ORDER BY no DESC LIMIT ?", (room, upper, limit)
            )
        return [kept_of(row) for row in sorted(rows, key=lambda row: -row[0])[:limit]]

    def openings_between(self, lowest: bytes, highest: bytes, limit: int) -> list[bytes]:
        """See Reader.openings_between."""
        where = "WHERE digest BETWEEN ? AND ? AND opening = digest ORDER BY digest LIMIT ?"
        return [row[1] for row in self._rows(ENTRY, where, (lowest, highest, limit))]

    def charters(self) -> list[SignedCharter]:
        """See Reader.charters."""
        return [charter_of(row) for row in self._rows(CHARTER, "ORDER BY no")]

    def chunk(self, room: bytes, root: bytes, index: int) -> bytes | None:
        """See Reader.chunk."""
        row = next(self._rows(CHUNK, "WHERE room = ? AND root = ? AND idx = ?", (room, root, index)), None)
        return None if row is None else row[4]

    def chunk_indexes(self, room: bytes, root: bytes) -> list[int]:
        """See Reader.chunk_indexes."""
        return [idx for (idx,) in self._plain("SELECT idx FROM chunk WHERE room = ? AND root = ? ORDER BY idx", (room, root))]

    def papers(self, room: bytes) -> list[bytes]:
        """See Reader.papers."""
        return [root for (root,) in self._plain("SELECT DISTINCT root FROM chunk WHERE room = ? ORDER BY root", (room,))]

    def fact(self, key: str) -> bytes | None:
        """See Reader.fact."""
        row = next(self._rows(FACT, "WHERE key = ?", (key,)), None)
        return None if row is None else row[1]

    def facts(self, prefix: str) -> dict[str, bytes]:
        """See Reader.facts."""
        facts: dict[str, bytes] = {}
        for key, value, _ in self._rows(FACT, "WHERE key >= ? ORDER BY key", (prefix,)):
            if not key.startswith(prefix):
                break
            facts[key] = value
        return facts

    def first_fact(self, prefix: str, start: str) -> bytes | None:
        """See Reader.first_fact."""
        return next((value for _, value in self.facts_from(prefix, start, 1)), None)

    def facts_from(self, prefix: str, start: str, limit: int) -> list[tuple[str, bytes]]:
        """See Reader.facts_from."""
        found: list[tuple[str, bytes]] = []
        for key, value, _ in self._rows(FACT, "WHERE key >= ? ORDER BY key LIMIT ?", (max(prefix, start), limit)):
            if not key.startswith(prefix):
                break
            found.append((key, value))
        return found

    def meta_rows(self) -> dict[str, str]:
        """All of table meta, OWN_META included."""
        return {name: value for name, value, _ in self._rows(META, "")}

    def _run(self, room: bytes, ally: str, branch: int, start: int, end: int, limit: int) -> Iterator[Row]:
        where = "WHERE room = ? AND ally = ? AND branch = ? AND seq >= ? AND seq < ? ORDER BY seq LIMIT ?"
        return self._rows(ENTRY, where, (room, ally, branch, start, end, limit))

    def _paged(self, table: Table, where: str, *arguments: Any) -> Iterator[Row]:
        last = -1
        while True:
            rows = list(self._rows(table, where + " AND no > ? ORDER BY no LIMIT ?", (*arguments, last, PAGE_ROWS)))
            if rows and rows[0][0] <= last:  # or a damaged tree would be walked in a circle for ever
                raise unreadable(self.path, apsw.CorruptError(f"the rows of {table.name} are out of order"))
            yield from rows
            if len(rows) < PAGE_ROWS:
                return
            last = rows[-1][0]

    def _rows(self, table: Table, where: str, arguments: tuple[Any, ...] = ()) -> Iterator[Row]:
        """Yield rows, each checked."""
        try:
            for row in self.connection.execute(table.select + where, arguments):
                if not is_sound(table, row):
                    raise row_broken(table, str(name_of(table, row)))
                yield row
        except UnicodeDecodeError:
            raise row_broken(table, self._undecodable(table, where, arguments)) from None
        except apsw.Error as error:
            raise unreadable(self.path, error) from error

    def _plain(self, sql: str, arguments: tuple[Any, ...] = ()) -> list[Row]:
        try:
            return list(self.connection.execute(sql, arguments))
        except UnicodeDecodeError as error:
            raise unreadable(self.path, apsw.CorruptError(str(error))) from None
        except apsw.Error as error:
            raise unreadable(self.path, error) from error

    def _undecodable(self, table: Table, where: str, arguments: tuple[Any, ...]) -> str:
        """Return the name of the first row of an answer whose text is not UTF-8."""
        with contextlib.suppress(UnicodeDecodeError):  # a number or blob that turned into text: its row cannot be had at all
            for raw in self.connection.execute(table.select_bytes + where, arguments):
                row = with_text(table, raw)
                if not is_sound(table, row):
                    return str(name_of(table, row))
        return f"a row of {table.name}"


def opened(path: Path, flags: int, vfs: str | None, set_up: Callable[[apsw.Connection], None]) -> apsw.Connection:
    """Return a connection to the store at `path`, after making sure that it is one.

    Raises:
        NotFound, Malformed (not a store), RecordBroken, StoreFailed (the disk does not answer).
    """
    if not path.is_file():
        raise NotFound("there is no store at {path}", hint="`katchi node init` makes one.", path=str(path))
    connection: apsw.Connection | None = None
    try:
        connection = apsw.Connection(str(path), flags=flags, vfs=vfs)
        _require_ours(connection, path)
        set_up(connection)
        _require_schema(connection, path)
    except (apsw.Error, KatchiError) as error:
        if connection is not None:
            shut(connection)
        if isinstance(error, KatchiError):
            raise
        if isinstance(error, apsw.NotADBError) and path.read_bytes()[: len(MAGIC)] != MAGIC:
            raise _not_a_store(path) from None
        raise unreadable(path, error) from error
    return connection


def shut(connection: apsw.Connection) -> None:
    """Close a connection; what its last checkpoint cannot move stays in the log, and is found on opening."""
    with contextlib.suppress(apsw.Error):
        connection.close(True)


def schema_faults(connection: apsw.Connection) -> list[str]:
    """Return the tables and indexes of a store whose definition is not as it was made."""
    found = {sql for (sql,) in connection.execute("SELECT CAST(sql AS BLOB) FROM sqlite_schema WHERE sql IS NOT NULL")}
    return [" ".join(sql.split()[:4]) for sql in DDL if sql.encode() not in found]


SQLITE_SAYS = (  # in English alone; quoted in errors, and looked up in the catalogue
    sayable("database or disk is full"),
    sayable("database is locked"),
    sayable("attempt to write a readonly database"),
    sayable("database disk image is malformed"),
    sayable("disk I/O error"),
    sayable("unable to open database file"),
    sayable("file is not a database"),
    sayable("out of memory"),
)


def unreadable(path: Path, error: apsw.Error) -> KatchiError:
    """Return the error that SQLite could not read: the disk's fault, or the file's."""
    if isinstance(error, _DISK):
        return StoreFailed(
            "{path} cannot be read now: {error}",
            hint="What is stored is not touched. Check the disk, and who may read the file; then do it again.",
            path=str(path),
            error=str(error),
        )
    return RecordBroken(
        "{path} is damaged: {error}",
        hint="Copy the store away before anything else. `katchi record audit` says which rows can still be read; bring the "
        "rest back from a backup or from an ally's node.",
        path=str(path),
        error=str(error),
    )


def _set_up(connection: apsw.Connection) -> None:
    connection.set_busy_timeout(1000)
    for pragma, value in (("trusted_schema", 0), ("cell_size_check", 1), ("cache_size", CACHE_KIB)):
        connection.pragma(pragma, value)


def _require_ours(connection: apsw.Connection, path: Path) -> None:
    if connection.pragma("application_id") != APPLICATION_ID:
        raise _not_a_store(path)
    version = connection.pragma("user_version")
    if version > SCHEMA_VERSION:
        raise Malformed(
            "{path} is of version {version}, and this katchi reads up to {known}",
            hint="Open it with the katchi that wrote it, or a newer one.",
            path=str(path),
            version=version,
            known=SCHEMA_VERSION,
        )


def _require_schema(connection: apsw.Connection, path: Path) -> None:
    faults = schema_faults(connection)
    if faults:
        raise RecordBroken(
            "{path} is damaged: {fault} is not as it was made",
            hint="Copy the store away before anything else, and restore a backup.",
            path=str(path),
            fault=faults[0],
        )


def _not_a_store(path: Path) -> Malformed:
    return Malformed(
        "{path} is not a katchi store",
        hint="Give the file that `katchi node init` made. If its making was cut short, it is empty: remove it and make it again.",
        path=str(path),
    )
