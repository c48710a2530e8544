"""The SQLite file: its tables, its marks, and the check that every row carries.

A row's last column is a digest over the table's name and all its other columns, key and local columns
included, so that no flip of any byte goes unseen on reading. It guards against decay and clumsy
hands, not against an attacker, who would recompute it: against those stand the signatures inside.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final

import msgspec

APPLICATION_ID: Final = int.from_bytes(b"katc", "big")
SCHEMA_VERSION: Final = 1
CHECK_SIZE: Final = 16

Row = tuple[Any, ...]  # the columns in order, the check last


class Table(msgspec.Struct, frozen=True):
    """One table: its columns in order, the key first and the check last, and the indexes beside it."""

    name: str
    columns: tuple[str, ...]
    ddl: tuple[str, ...]
    texts: frozenset[str] = frozenset()  # the columns that hold text

    @property
    def key(self) -> str:
        """The column that names a row."""
        return self.columns[0]

    @property
    def has_text_key(self) -> bool:
        """Whether rows go by a name; else by a number, in order of arrival."""
        return self.key in self.texts

    @property
    def select(self) -> str:
        """SELECT of all columns, to be followed by WHERE."""
        return f"SELECT {self._quoted} FROM {self.name} "  # noqa: S608

    @property
    def insert(self) -> str:
        """INSERT of all columns, to be followed by ON CONFLICT."""
        marks = ", ".join("?" * (len(self.columns) + 1))
        return f"INSERT INTO {self.name} ({self._quoted}) VALUES ({marks}) "  # noqa: S608

    @property
    def select_bytes(self) -> str:
        """As `select`, with text as bytes, so that text which is not UTF-8 can be looked at; see `with_text`."""
        cells = (f'CAST("{column}" AS BLOB)' if column in self.texts else f'"{column}"' for column in self.columns)
        return f'SELECT {", ".join(cells)}, "check" FROM {self.name} '  # noqa: S608

    @property
    def _quoted(self) -> str:
        return ", ".join(f'"{column}"' for column in (*self.columns, "check"))


ENTRY: Final = Table(
    "entry",
    (
        *("no", "digest", "room", "ally", "branch", "epoch", "seq", "kind", "opening"),
        *("header", "signature", "salt", "body", "arrived_at", "via", "flags"),
    ),
    (
        """CREATE TABLE entry (
            no INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, room BLOB NOT NULL, ally TEXT NOT NULL, branch INTEGER NOT NULL,
            epoch INTEGER NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, opening BLOB, header BLOB NOT NULL,
            signature BLOB NOT NULL, salt BLOB, body BLOB, arrived_at INTEGER NOT NULL, via TEXT NOT NULL, flags TEXT NOT NULL,
            "check" BLOB NOT NULL) STRICT""",
        "CREATE UNIQUE INDEX entry_place ON entry (room, ally, branch, seq)",
        "CREATE INDEX entry_opening ON entry (opening) WHERE opening IS NOT NULL",
        "CREATE INDEX entry_opens ON entry (room, no) WHERE opening = digest",
        "CREATE INDEX entry_awaited ON entry (room) WHERE body IS NULL",
    ),
    frozenset({"ally", "kind", "via", "flags"}),
)
STATEMENT: Final = Table(
    "statement",
    ("no", "room", "ally", "epoch", "length", "by", "digest", "statement", "signatures", "arrived_at"),
    (
        """CREATE TABLE statement (
            no INTEGER PRIMARY KEY, room BLOB NOT NULL, ally TEXT NOT NULL, epoch INTEGER NOT NULL, length INTEGER NOT NULL,
            "by" TEXT NOT NULL, digest BLOB NOT NULL, statement BLOB NOT NULL, signatures BLOB NOT NULL,
            arrived_at INTEGER NOT NULL, "check" BLOB NOT NULL) STRICT""",
        'CREATE UNIQUE INDEX statement_place ON statement (room, ally, epoch, length, "by", digest)',
    ),
    frozenset({"ally", "by"}),
)
CHARTER: Final = Table(
    "charter",
    ("no", "room", "statement", "signatures"),
    (
        """CREATE TABLE charter (
            no INTEGER PRIMARY KEY, room BLOB NOT NULL UNIQUE, statement BLOB NOT NULL, signatures BLOB NOT NULL,
            "check" BLOB NOT NULL) STRICT""",
    ),
)
CHUNK: Final = Table(
    "chunk",
    ("no", "room", "root", "idx", "data"),
    (
        """CREATE TABLE chunk (
            no INTEGER PRIMARY KEY, room BLOB NOT NULL, root BLOB NOT NULL, idx INTEGER NOT NULL, data BLOB NOT NULL,
            "check" BLOB NOT NULL) STRICT""",
        "CREATE UNIQUE INDEX chunk_place ON chunk (room, root, idx)",
    ),
)
FACT: Final = Table(
    "fact",
    ("key", "value"),
    ('CREATE TABLE fact (key TEXT PRIMARY KEY, value BLOB NOT NULL, "check" BLOB NOT NULL) STRICT, WITHOUT ROWID',),
    frozenset({"key"}),
)
META: Final = Table(
    "meta",
    ("name", "value"),
    ('CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL, "check" BLOB NOT NULL) STRICT, WITHOUT ROWID',),
    frozenset({"name", "value"}),
)
TABLES: Final = (META, CHARTER, ENTRY, STATEMENT, CHUNK, FACT)
DDL: Final = tuple(statement for table in TABLES for statement in table.ddl)

_encode = msgspec.msgpack.Encoder().encode  # lengths and types are in it: no two rows encode alike


def check_of(table: Table, columns: Row) -> bytes:
    """Return the check of a row: `columns` are all but the check itself."""
    return blake2b(_encode((table.name, columns)), digest_size=CHECK_SIZE).digest()


def with_check(table: Table, columns: Row) -> Row:
    """Return a row to store: `columns` and their check."""
    return (*columns, blake2b(_encode((table.name, columns)), digest_size=CHECK_SIZE).digest())


def is_sound(table: Table, row: Row) -> bool:
    """Return whether a row that was read is the one that was stored."""
    try:
        return bool(check_of(table, row[:-1]) == row[-1])
    except UnicodeEncodeError:  # `with_text` let through what is not UTF-8
        return False


def with_text(table: Table, raw: Row) -> Row:
    """Return a row of `select_bytes` as `select` would give it, bytes that are not UTF-8 as lone surrogates."""
    texts = zip((*table.columns, "check"), raw, strict=True)
    return tuple(
        cell.decode(errors="surrogateescape") if name in table.texts and cell is not None else cell for name, cell in texts
    )
