"""Reads and verifies an export file, and takes no key on the file's word.

An identity is believed only if its fingerprint was given. What breaks the file as a file (a bit, a
cut, a byte too many, a signature of the manifest) is raised; what is wrong inside a file that its
exporter did sign is a finding of its room's report. It reads forward, one item at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from typing import BinaryIO, NamedTuple

import msgspec

from katchi.errors import NotTrusted, RecordBroken, Sentence, Unverified
from katchi.record import digest as d
from katchi.record.audit import Auditor, Read, reads_nothing
from katchi.record.bundle import (
    ITEM_SIZE_MAX,
    LENGTH_SIZE,
    MAGIC,
    AnyItem,
    CharterItem,
    CheckpointItem,
    ChunkItem,
    CountersignatureItem,
    EntryItem,
    Item,
    Manifest,
    ManifestItem,
    RoomHeads,
    manifest_message,
)
from katchi.record.canonical import decode, decode_struct
from katchi.record.charter import Charter, Room, SignedCharter, verified_charter
from katchi.record.checking import Check, Signature, checked_here, entry_signature
from katchi.record.checkpoint import Signed
from katchi.record.entry import Header, decode_header
from katchi.record.fields import STATEMENT_SIZE_MAX
from katchi.record.identity import fingerprint
from katchi.record.report import Finding, RoomReport
from katchi.record.suite import Suites


class BundleReport(msgspec.Struct, frozen=True):
    """A bundle whose bytes are those that its exporter signed, and what is in it."""

    manifest: Manifest
    rooms: tuple[RoomReport, ...]

    @property
    def is_sound(self) -> bool:
        """True if no room has a finding."""
        return all(room.is_sound for room in self.rooms)


class Passing(NamedTuple):
    """One item on its way, its room, and an entry's header."""

    item: Item
    header: Header | None
    room: Room


def verify_bundle(
    file: BinaryIO,
    trusted: Collection[bytes],
    suites: Suites,
    *,
    read: Read = reads_nothing,
    check: Check = checked_here,
) -> BundleReport:
    """Return what an export holds, every digest and signature recomputed.

    Args:
        file: seekable, at its start.
        trusted: fingerprints that people compared: one for every member of every room in the file.
        read: what bodies mean (node/audit.py).
        check: where entries' signatures are checked.
    Raises:
        RecordBroken: the bytes are not those that the exporter signed, or not a bundle.
        NotTrusted: a member's or the exporter's fingerprint was not given.
        Unverified: a charter or the manifest does not hold.
    """
    verification = _Verification(trusted, suites, read)
    source = _Source(file)
    for found, holds in check(verification.signatures(source)):
        verification.take(found, holds)
    manifest = verification.manifest(source)
    _give_needed(file, verification.auditors)
    return BundleReport(manifest, tuple(verification.report(heads, manifest.exporter) for heads in manifest.rooms))


def bundle_items(file: BinaryIO) -> Iterator[Item]:
    """Yield the items of a file that `verify_bundle` has verified, from its start; it verifies nothing."""
    file.seek(0)
    return iter(_Source(file))


def write_paper(file: BinaryIO, room: bytes, root: bytes, out: BinaryIO) -> int:
    """Write the bytes of one paper of a verified bundle to `out`; return how many."""
    written = 0
    for item in bundle_items(file):
        if isinstance(item, ChunkItem) and (item.room, item.root) == (room, root):
            written += out.write(item.data)
    return written


class _Source:
    """Items from a file up to its manifest, hashing all that comes before that."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._running = file, hashlib.sha256(MAGIC)
        self.manifest: ManifestItem | None = None
        self.digest = b""
        if file.read(len(MAGIC)) != MAGIC:
            raise _broken("it does not begin as an export of format 1")

    def __iter__(self) -> Iterator[Item]:
        while True:
            prefix = self._exactly(LENGTH_SIZE)
            size = int.from_bytes(prefix, "big")
            if size > ITEM_SIZE_MAX:
                raise _broken(f"an item states {size} bytes, more than any item has")
            data = self._exactly(size)
            item = _item(data)
            if isinstance(item, ManifestItem):
                self.manifest, self.digest = item, self._running.digest()
                if self._file.read(1):
                    raise _broken("something follows the manifest")
                return
            self._running.update(prefix)
            self._running.update(data)
            yield item

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) != size:
            raise _broken("it ends before its manifest does")
        return data


class _Verification:
    """All that is known of one file while it is read."""

    def __init__(self, trusted: Collection[bytes], suites: Suites, read: Read) -> None:
        self._trusted, self._suites, self._read = frozenset(trusted), suites, read
        self._rooms: dict[bytes, Room] = {}
        self._papers: dict[tuple[bytes, bytes], int] = {}  # chunks so far
        self.auditors: dict[bytes, Auditor] = {}

    def signatures(self, source: _Source) -> Iterator[tuple[Passing, Signature | None]]:
        """Yield every item with the signature that is to be checked of it."""
        for item in source:
            if isinstance(item, CharterItem):
                self._charter(item)
                continue
            if not isinstance(item, EntryItem):
                yield Passing(item, None, self._room(item.room)), None
                continue
            header = decode_header(item.header)
            room = self._room(header.room)
            yield Passing(item, header, room), entry_signature(room, header.ally, item.header, item.signature)

    def _room(self, room_id: bytes) -> Room:
        room = self._rooms.get(room_id)
        if room is None:
            raise _broken("an item belongs to a room whose charter did not come before it")
        return room

    def _charter(self, item: CharterItem) -> None:
        charter = decode_struct(item.statement, Charter, size_max=STATEMENT_SIZE_MAX)
        for member in charter.members:
            if fingerprint(member.statement) not in self._trusted:
                raise _not_trusted(member.identity.ally, member.fingerprint)
        room = verified_charter(SignedCharter(item.statement, item.signatures), self._suites)
        if room.id in self._rooms:
            raise _broken("a charter comes twice")
        self._rooms[room.id] = room
        self.auditors[room.id] = Auditor(room, read=self._read)

    def take(self, found: Passing, holds: bool | None) -> None:
        """Give one item to its room's auditor."""
        item, header, room = found
        auditor = self.auditors[room.id]
        match item:
            case EntryItem():
                auditor.entry(item.header, item.signature, item.salt, item.body, header=header, signature_holds=holds)
            case CheckpointItem():
                auditor.checkpoint(Signed(item.statement, item.signatures))
            case CountersignatureItem():
                auditor.countersignature(Signed(item.statement, item.signatures))
            case ChunkItem():
                auditor.chunk(item.root, item.index, item.data)

    def manifest(self, source: _Source) -> Manifest:
        """Return the manifest if its exporter is a trusted member and signed exactly these bytes."""
        assert source.manifest is not None
        item = source.manifest
        manifest = decode_struct(item.statement, Manifest, size_max=ITEM_SIZE_MAX)
        if manifest.identity not in self._trusted:
            raise _not_trusted(manifest.exporter, manifest.identity)
        if tuple(heads.room for heads in manifest.rooms) != tuple(self._rooms) or not self._rooms:
            raise _broken("its manifest names other rooms than it holds")
        for room in self._rooms.values():
            exporter = room.members.get(manifest.exporter)
            if exporter is None or exporter.fingerprint != manifest.identity or room.mode != manifest.mode:
                what = "{ally} exports a room that it is no member of"
                raise Unverified("manifest-not-a-member", what, ally=manifest.exporter)
            exporter.verifier.full(manifest_message(manifest.identity, item.statement), item.signatures)
        if manifest.digest != source.digest:
            raise _broken("its bytes are not those that its manifest names")
        return manifest

    def report(self, heads: RoomHeads, exporter: str) -> RoomReport:
        """Return the report of one room, held against what the manifest says of it."""
        auditor = self.auditors[heads.room]
        auditor.holder = exporter
        report = auditor.report()
        if report.heads == heads.heads and sum(report.counts.values()) == heads.entries:
            return report
        what = Sentence("it names other heads than those of the entries in the file")
        finding = Finding(Sentence("manifest"), "manifest-heads", what)
        return msgspec.structs.replace(report, findings=(*report.findings, finding))


def _give_needed(file: BinaryIO, auditors: dict[bytes, Auditor]) -> None:
    """Read once more for the headers that proofs of forks need; most files have none."""
    needed = {digest: auditor for auditor in auditors.values() for digest in auditor.needed}
    if not needed:
        return
    hashes = {auditor.room.hash for auditor in auditors.values()}
    for item in bundle_items(file):
        if isinstance(item, EntryItem):
            for hash_name in hashes:
                digest = d.digest(hash_name, d.ENTRY, item.header)
                if digest in needed:
                    needed[digest].give(digest, item.header, item.signature)


def _item(data: bytes) -> AnyItem:
    try:
        item: AnyItem = msgspec.convert(decode(data, size_max=ITEM_SIZE_MAX), AnyItem, builtin_types=(bytes,))
    except (Unverified, msgspec.ValidationError) as error:
        raise _broken(f"an item cannot be read: {error}") from None
    return item


def _broken(what: str) -> RecordBroken:
    return RecordBroken(
        "the export does not hold: {what}",
        hint="Nothing of it can be relied on. Ask its exporter for the file again, and compare its size.",
        what=what,
    )


def _not_trusted(ally: str, found: bytes) -> NotTrusted:
    return NotTrusted(
        "no fingerprint was given for {ally}'s keys in this export ({found})",
        hint="Compare it with {ally}'s secretariat by telephone or on paper, then give --trust {found}. A key is never "
        "believed because a file holds it.",
        ally=ally,
        found=found.hex(),
    )
