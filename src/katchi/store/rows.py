"""How the things of node/batch.py lie in rows, and what people call a row that is broken.

Columns that repeat what a header says (room, ally, seq ...) are there for the indexes alone: on
reading, the header's bytes speak. Signatures are not verified again here; `record audit` does that.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

from katchi.errors import KatchiError, RecordBroken, Sentence, StoreFailed
from katchi.node.batch import Body, Chunk, Kept, KeptStatement
from katchi.record.canonical import decode, encode
from katchi.record.charter import SignedCharter, room_id
from katchi.record.checkpoint import Signed
from katchi.record.entry import Entry, decode_header
from katchi.record.fields import STATEMENT_SIZE_MAX
from katchi.store.schema import CHARTER, CHUNK, ENTRY, STATEMENT, Row, Table, with_check


def entry_row(no: int, kept: Kept) -> Row:
    """Return the row of an entry."""
    entry = kept.entry
    header = entry.header
    return with_check(
        ENTRY,
        (
            *(no, entry.digest, header.room, header.ally, kept.branch, header.epoch, header.seq, header.kind, kept.opening),
            *(entry.header_bytes, entry.signature, entry.salt, entry.body, kept.arrived_at, kept.via, " ".join(kept.flags)),
        ),
    )


def kept_of(row: Row) -> Kept:
    """Return the entry of a sound row."""
    _, digest, _, _, branch, _, _, _, opening, header, signature, salt, body, arrived_at, via, flags, _ = row
    entry = Entry(header, signature, salt, body, decode_header(header), digest)
    return Kept(entry, branch, opening, arrived_at, via, tuple(flags.split()))


def row_with_body(row: Row, body: Body) -> Row:
    """Return an entry's row with its body filled in."""
    at, flags = ENTRY.columns.index("salt"), ENTRY.columns.index("flags")
    return with_check(ENTRY, (*row[:at], body.salt, body.body, *row[at + 2 : flags], " ".join(body.flags), *row[flags + 1 : -1]))


def statement_row(no: int, kept: KeptStatement) -> Row:
    """Return the row of a checkpoint or countersignature. Equal statements are one, however often signed."""
    signed, digest = kept.signed, sha256(kept.signed.statement).digest()
    place = (kept.room, kept.ally, kept.epoch, kept.length, kept.by)
    return with_check(STATEMENT, (no, *place, digest, signed.statement, encode(signed.signatures), kept.arrived_at))


def kept_statement_of(row: Row) -> KeptStatement:
    """Return the checkpoint or countersignature of a sound row."""
    _, room, ally, epoch, length, by, _, statement, signatures, arrived_at, _ = row
    return KeptStatement(room, ally, epoch, length, by, Signed(statement, _signatures(signatures)), arrived_at)


def charter_row(no: int, room: bytes, signed: SignedCharter) -> Row:
    """Return the row of a charter."""
    return with_check(CHARTER, (no, room, signed.statement, encode(signed.signatures)))


def charter_of(row: Row) -> SignedCharter:
    """Return the charter of a sound row."""
    signatures = decode(row[3], size_max=len(row[3]))
    return SignedCharter(row[2], msgspec.convert(signatures, dict[str, tuple[bytes, ...]], builtin_types=(bytes,)))


def chunk_row(no: int, chunk: Chunk) -> Row:
    """Return the row of a paper's chunk."""
    return with_check(CHUNK, (no, chunk.room, chunk.root, chunk.index, chunk.data))


def room_of(signed: SignedCharter) -> bytes:
    """Return the id of the room that a charter founds.

    Raises:
        Unverified: the charter is not well formed; a batch holds only charters that verify.
    """
    said = decode(signed.statement, size_max=STATEMENT_SIZE_MAX)
    assert isinstance(said, dict)
    return room_id(signed.statement, str(said["hash"]))


def _signatures(data: bytes) -> tuple[bytes, ...]:
    return msgspec.convert(decode(data, size_max=len(data)), tuple[bytes, ...], builtin_types=(bytes,))


def name_of(table: Table, row: Row) -> Sentence | str:
    """Return what people call a row, be it sound or not: "KOR 0/12", "checkpoint of KOR to 7"."""
    cells = dict(zip(table.columns, row, strict=False))
    named = _entry_name(cells["header"]) if table is ENTRY else None
    if named is not None:
        return named
    if table is ENTRY and isinstance(cells["ally"], str):
        return f"{cells['ally']} {cells['epoch']}/{cells['seq']}"
    if table is STATEMENT and isinstance(cells["ally"], str):
        ally, length, by = cells["ally"], cells["length"], cells["by"]
        if by == ally:
            return Sentence("checkpoint of {ally} to {length}", ally=ally, length=length)
        return Sentence("countersignature of {ally} to {length} by {by}", ally=ally, length=length, by=by)
    if table is CHARTER and isinstance(cells["room"], bytes):
        return Sentence("charter of room {room}", room=_short(cells["room"]))
    if table is CHUNK and isinstance(cells["root"], bytes):
        return Sentence("paper {root} chunk {index}", root=_short(cells["root"]), index=cells["idx"])
    if table.has_text_key:
        return f"{table.name} {cells[table.key]}"
    return Sentence("{name} row {key}", name=table.name, key=str(cells[table.key]))


def _entry_name(header_bytes: object) -> str | None:
    """Return the place that header bytes state, if they can still be read."""
    if not isinstance(header_bytes, bytes):
        return None
    try:
        header = decode_header(header_bytes)
    except KatchiError:
        return None
    return f"{header.ally} {header.epoch}/{header.seq}"


def _short(digest: bytes) -> str:
    return f"{digest[:4].hex()}…"


def row_broken(table: Table, name: str) -> RecordBroken:
    """Return the error that a row is not what was stored."""
    return RecordBroken(
        "{name} was changed on disk: its row in table {table} does not match its check",
        hint="Every other row is checked on its own. Copy the store away, run `katchi record audit` on it to see all that is "
        "broken, and bring {name} back from a backup or from an ally's node.",
        name=name,
        table=table.name,
    )


def place_taken(place: str) -> StoreFailed:
    """Return the error that a batch puts another entry where one is held."""
    return StoreFailed(
        "the store did not take the batch: another entry is held at {place} of that branch",
        hint="Nothing of it was kept. This is a fault in katchi: a fork belongs on a branch of its own. Please report it.",
        place=place,
    )


def body_of_nothing(body: Body) -> StoreFailed:
    """Return the error that a batch brings a body whose entry is not held."""
    return StoreFailed(
        "the store did not take the batch: it has a body for entry {digest}, which is not held",
        hint="Nothing of it was kept. This is a fault in katchi: headers come before bodies. Please report it.",
        digest=_short(body.digest),
    )
