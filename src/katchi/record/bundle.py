"""The export file, format 1: whole rooms that anyone can verify who was given the members' fingerprints.

A magic line, then items, each a 4-byte length and a canonical map whose field `t` names it; last a
manifest, by which the exporter signs the digest of all before it and every head. There are no slack
bytes, and nothing follows. No arrival times travel: they are one node's own. Which rooms a file holds
is its exporter's choice: it proves what is in it, never that nothing else exists. Reading it is in
record/unbundle.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Annotated, BinaryIO

import msgspec
from msgspec import Meta

from katchi.errors import Malformed
from katchi.record import digest as d
from katchi.record.canonical import decode_struct, encode
from katchi.record.charter import Charter, SignedCharter, room_id
from katchi.record.entry import Header, decode_header
from katchi.record.fields import (
    BODY_SIZE_MAX,
    CHUNK_SIZE,
    HEADER_SIZE_MAX,
    MEMBERS_MAX,
    STATEMENT_SIZE_MAX,
    AllyId,
    Count,
    Digest,
    Fingerprint,
    Format,
    Mode,
    Time,
)
from katchi.record.identity import KnownAlly
from katchi.record.report import Head
from katchi.record.suite import Signer

MAGIC = b"katchi bundle 1\n"
LENGTH_SIZE = 4
ITEM_SIZE_MAX = 1024 * 1024

Signatures = Annotated[tuple[Annotated[bytes, Meta(max_length=16 * 1024)], ...], Meta(max_length=4)]
StatementBytes = Annotated[bytes, Meta(max_length=STATEMENT_SIZE_MAX)]


class CharterItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="t", tag="charter"):
    """A room's charter; it comes before all else of its room."""

    statement: StatementBytes
    signatures: Annotated[dict[AllyId, Signatures], Meta(max_length=MEMBERS_MAX)]


class EntryItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="t", tag="entry"):
    """An entry; its header names room and place. Salt and body are null while awaited, or once destroyed."""

    header: Annotated[bytes, Meta(max_length=HEADER_SIZE_MAX)]
    signature: Annotated[bytes, Meta(max_length=64)]
    salt: Annotated[bytes, Meta(max_length=32)] | None
    body: Annotated[bytes, Meta(max_length=BODY_SIZE_MAX)] | None


class CheckpointItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="t", tag="checkpoint"):
    """An author's checkpoint of its chain in `room`."""

    room: Digest
    statement: StatementBytes
    signatures: Signatures


class CountersignatureItem(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="t", tag="countersignature"
):
    """A peer's countersignature of a chain in `room`."""

    room: Digest
    statement: StatementBytes
    signatures: Signatures


class ChunkItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="t", tag="chunk"):
    """A chunk of a paper; those of one paper come in ascending order."""

    room: Digest
    root: Digest
    index: Count
    data: Annotated[bytes, Meta(max_length=CHUNK_SIZE)]


class ManifestItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="t", tag="manifest"):
    """The last item: a manifest's canonical bytes and its exporter's signatures over them."""

    statement: Annotated[bytes, Meta(max_length=ITEM_SIZE_MAX)]
    signatures: Signatures


Item = CharterItem | EntryItem | CheckpointItem | CountersignatureItem | ChunkItem
AnyItem = Item | ManifestItem


class RoomHeads(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where every chain of one exported room ends."""

    room: Digest
    entries: Count
    heads: tuple[Head, ...]  # sorted


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the exporter signs: what this file is, and that it ends here."""

    format: Format = 1
    mode: Mode
    exporter: AllyId
    identity: Fingerprint
    digest: Fingerprint  # SHA-256 of all bytes before the manifest's item
    rooms: tuple[RoomHeads, ...]  # in the order of their charters
    at: Time


class Tips:
    """The heads of one room's branches, from its entries in an order in which each follows its previous."""

    def __init__(self, hash_name: str) -> None:
        self.hash, self.entries = hash_name, 0
        self._tips: dict[tuple[str, int, bytes], int] = {}  # (ally, epoch, digest): length

    def add(self, header: Header, header_bytes: bytes) -> None:
        """Take the next entry."""
        self.entries += 1
        self._tips.pop((header.ally, header.epoch, header.prev), None)
        digest = d.digest(self.hash, d.ENTRY, header_bytes)
        self._tips[header.ally, header.epoch, digest] = header.seq + 1

    @property
    def heads(self) -> tuple[Head, ...]:
        """All heads so far, sorted."""
        return tuple(sorted(Head(ally, epoch, length, head) for (ally, epoch, head), length in self._tips.items()))


def write_bundle(out: BinaryIO, items: Iterable[Item], exporter: KnownAlly, signer: Signer, *, at: int) -> Manifest:
    """Write `items` and the manifest that `exporter` signs; return the manifest.

    Args:
        items: a room's charter before all else of it; an ally's entries in the order in which they follow.
    Raises:
        Malformed: no room, or an item of a room whose charter did not come first.
    """
    sink = _Sink(out)
    rooms: dict[bytes, Tips] = {}
    for item in items:
        _note(item, rooms)
        sink.item(item)
    if not rooms:
        raise Malformed("an export holds at least one room", hint="`katchi room list` shows all rooms.")
    manifest = Manifest(
        mode=exporter.mode,
        exporter=exporter.ally,
        identity=exporter.fingerprint,
        digest=sink.running.digest(),
        rooms=tuple(RoomHeads(room=room, entries=tips.entries, heads=tips.heads) for room, tips in rooms.items()),
        at=at,
    )
    statement = encode(manifest)
    sink.item(ManifestItem(statement=statement, signatures=signer.full(manifest_message(exporter.fingerprint, statement))))
    return manifest


def manifest_message(fingerprint: bytes, statement: bytes) -> bytes:
    """Return what an exporter signs."""
    return d.signed_message(d.MANIFEST, fingerprint, d.digest("sha256", d.MANIFEST, statement))


def charter_item(signed: SignedCharter) -> CharterItem:
    """Return a charter as it travels."""
    return CharterItem(statement=signed.statement, signatures=signed.signatures)


def _note(item: Item, rooms: dict[bytes, Tips]) -> None:
    if isinstance(item, CharterItem):
        charter = decode_struct(item.statement, Charter, size_max=STATEMENT_SIZE_MAX)
        rooms[room_id(item.statement, charter.hash)] = Tips(charter.hash)
        return
    if isinstance(item, EntryItem):
        header = decode_header(item.header)
        _tips_of(header.room, rooms).add(header, item.header)
    else:
        _tips_of(item.room, rooms)


def _tips_of(room: bytes, rooms: dict[bytes, Tips]) -> Tips:
    if room not in rooms:
        raise Malformed("an item comes before the charter of its room", hint="This is a fault in katchi. Please report it.")
    return rooms[room]


class _Sink:
    """Writes length and bytes of each item, and hashes all that it writes."""

    def __init__(self, out: BinaryIO) -> None:
        self._out, self.running = out, hashlib.sha256(MAGIC)
        out.write(MAGIC)

    def item(self, item: AnyItem) -> None:
        data = encode(item)
        if len(data) > ITEM_SIZE_MAX:
            raise Malformed("an item of {size} bytes does not fit an export", hint="Export fewer rooms.", size=len(data))
        for part in (len(data).to_bytes(LENGTH_SIZE, "big"), data):
            self._out.write(part)
            self.running.update(part)
