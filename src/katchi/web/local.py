"""web.sqlite: what the pages keep that is no part of the record: sign-in links, sessions, drafts, forms sent.

Delete it, and officers sign in anew and lose what they had not sent; nothing else. Of tokens only
digests are kept, so that who reads the file cannot sign in by it.
"""

from __future__ import annotations

import secrets
from hashlib import sha256
from pathlib import Path

import apsw

TOKEN_SIZE = 32  # bytes of chance
TABLES = (
    "CREATE TABLE IF NOT EXISTS secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS link (token BLOB PRIMARY KEY, post TEXT NOT NULL, name TEXT, until INTEGER NOT NULL) STRICT",
    """CREATE TABLE IF NOT EXISTS session (token BLOB PRIMARY KEY, post TEXT NOT NULL, name TEXT,
        began_at INTEGER NOT NULL, used_at INTEGER NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS draft (officer TEXT NOT NULL, form TEXT NOT NULL, fields BLOB NOT NULL,
        at INTEGER NOT NULL, PRIMARY KEY (officer, form)) STRICT""",
    """CREATE TABLE IF NOT EXISTS sent (number BLOB PRIMARY KEY, path TEXT NOT NULL, content BLOB NOT NULL,
        at INTEGER NOT NULL) STRICT""",
)


def open_local(path: Path) -> apsw.Connection:
    """Return the connection to web.sqlite, made if it is not there; readable by its owner alone."""
    path.touch(mode=0o600)
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(1000)
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.pragma("secure_delete", True)
    for table in TABLES:
        connection.execute(table)
    return connection


def secret(connection: apsw.Connection, name: str) -> bytes:
    """Return a secret of this node's pages, drawn once."""
    drawn = (name, secrets.token_bytes(TOKEN_SIZE))
    connection.execute("INSERT INTO secret VALUES (?, ?) ON CONFLICT DO NOTHING", drawn)
    return bytes(next(iter(connection.execute("SELECT value FROM secret WHERE name = ?", (name,))))[0])


def token() -> str:
    """Return a new token: 256 bits, safe in an address."""
    return secrets.token_urlsafe(TOKEN_SIZE)


def digest_of(text: str) -> bytes:
    """Return the digest by which a token is kept."""
    return sha256(b"katchi token 1\n" + text.encode()).digest()
