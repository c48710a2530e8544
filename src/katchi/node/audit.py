"""Audits a store: every room recomputed from its rows, and every derived fact held against that.

It stands on record/audit.py, which verifies, and on consult/, which reads bodies: marks, papers and
acceptances of repairs come from there. It changes nothing. A caller that audits a store which a node
is writing holds one read transaction around it; otherwise what came meanwhile looks missing.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from katchi.consult.acts import SHAPES, Body, Opened, PositionStated, RepairAccepted, read_body
from katchi.errors import RecordBroken, Unverified
from katchi.node.batch import Kept, Reader
from katchi.node.state import chain_key, leaves_key
from katchi.node.writing import opening_of
from katchi.record import merkle
from katchi.record.audit import Auditor, Said, same_record
from katchi.record.canonical import decode_struct
from katchi.record.chain import Chain
from katchi.record.charter import Room, verified_charter
from katchi.record.checking import Check, Signature, checked_here, entry_signature
from katchi.record.checkpoint import Checkpoint, Countersignature
from katchi.record.entry import Header
from katchi.record.fields import STATEMENT_SIZE_MAX
from katchi.record.papers import PaperName
from katchi.record.report import Finding, RoomReport
from katchi.record.suite import Suites
from katchi.record.vouching import spread
from katchi.vocabulary import MESSAGES, Flag, Kind


class StoreReport(msgspec.Struct, frozen=True):
    """What an audit says of a whole store."""

    rooms: tuple[RoomReport, ...]
    findings: tuple[Finding, ...]  # that belong to no room

    @property
    def is_sound(self) -> bool:
        """True if there is no finding anywhere."""
        return not self.findings and all(room.is_sound for room in self.rooms)

    @property
    def entries(self) -> int:
        """Entries of all rooms."""
        return sum(chain.entries for room in self.rooms for chain in room.chains)


def read(header: Header, body: bytes | None) -> Said:
    """Return what the consultation layer reads in an entry: see record.audit.Said."""
    marks: list[str] = []
    if header.kind in MESSAGES and header.kind != Kind.CONSULTATION_OPENED and not header.about:
        marks.append(Flag.ABOUT_MISSING)
    value: Body | None = None
    if body is not None:
        value, flags = read_body(header.kind, body)
        marks += flags
    elif header.kind not in SHAPES:
        marks.append(Flag.UNKNOWN_KIND)
    papers = value.papers if isinstance(value, Opened | PositionStated) else ()
    accepts = value.ally if isinstance(value, RepairAccepted) else None
    return Said(tuple(marks), tuple(PaperName(p.name, p.size, p.root) for p in papers), accepts)


def audit_store(reader: Reader, suites: Suites, *, holder: str | None = None, check: Check = checked_here) -> StoreReport:
    """Return what an audit of all rooms of a store says, national rooms included.

    Args:
        holder: the ally whose node's store this is.
        check: where signatures are checked.
    """
    rooms: list[RoomReport] = []
    findings: list[Finding] = []
    try:
        charters = reader.charters()
    except RecordBroken as error:
        return StoreReport((), (Finding("charters", "row-broken", str(error)),))
    for signed in charters:
        try:
            room = verified_charter(signed, suites)
        except Unverified as error:
            findings.append(Finding(f"charter {signed.statement[:8].hex()}…", error.reason, str(error)))
        else:
            rooms.append(audit_room(reader, room, holder=holder, check=check))
    return StoreReport(tuple(rooms), tuple(findings))


def audit_room(reader: Reader, room: Room, *, holder: str | None = None, check: Check = checked_here) -> RoomReport:
    """Return what an audit of one room of a store says, its derived facts included."""
    walk = _Walk(reader, room, Auditor(room, holder=holder, read=read), check)
    return walk.report()


class _Walk:
    """One pass over the rows of one room."""

    def __init__(self, reader: Reader, room: Room, auditor: Auditor, check: Check) -> None:
        self._reader, self._room, self._auditor, self._check = reader, room, auditor, check
        self._findings: list[Finding] = []
        self._leaves: dict[bytes, bytes] = {}

    def report(self) -> RoomReport:
        is_whole = all([self._try(self._entries), self._try(self._statements), self._try(self._papers)])
        for digest in self._auditor.needed:
            kept = self._reader.entry(digest)
            if kept is not None:
                self._auditor.give(digest, kept.entry.header_bytes, kept.entry.signature)
        report = self._auditor.report(is_whole=is_whole)
        if is_whole:
            self._try(self._derived_chains)
            self._try(lambda: self._derived_leaves(report))
        return msgspec.structs.replace(report, findings=(*report.findings, *self._findings))

    def _try(self, walk) -> bool:  # type: ignore[no-untyped-def]
        try:
            walk()
        except RecordBroken as error:
            self._findings.append(Finding(f"room {self._room.title}", "row-broken", str(error)))
            return False
        return True

    def _entries(self) -> None:
        for kept, holds in self._check(self._signatures()):
            entry = kept.entry
            self._auditor.entry(
                entry.header_bytes,
                entry.signature,
                entry.salt,
                entry.body,
                header=entry.header,
                branch=kept.branch,
                signature_holds=holds,
            )
            if kept.opening != opening_of(entry):
                self._findings.append(Finding(entry.place, "local-column", "it is kept under another consultation than its own"))

    def _signatures(self) -> Iterator[tuple[Kept, Signature | None]]:
        for kept in self._reader.entries(self._room.id):
            entry = kept.entry
            yield kept, entry_signature(self._room, entry.header.ally, entry.header_bytes, entry.signature)

    def _statements(self) -> None:
        for kept in self._reader.statements(self._room.id):
            is_checkpoint = kept.by == kept.ally
            take = self._auditor.checkpoint if is_checkpoint else self._auditor.countersignature
            take(kept.signed)
            try:
                shape: type[Checkpoint] | type[Countersignature] = Checkpoint if is_checkpoint else Countersignature
                said = decode_struct(kept.signed.statement, shape, size_max=STATEMENT_SIZE_MAX)
            except Unverified:
                continue  # the auditor has named it
            by = said.by if isinstance(said, Countersignature) else said.ally
            if (kept.ally, kept.epoch, kept.length, kept.by) != (said.ally, said.epoch, said.length, by):
                where = f"statement on {said.ally} to {said.length}"
                self._findings.append(Finding(where, "local-column", "it is kept as a statement on another place"))

    def _papers(self) -> None:
        for root in self._reader.papers(self._room.id):
            leaves: list[bytes] = []
            for index in self._reader.chunk_indexes(self._room.id, root):
                data = self._reader.chunk(self._room.id, root, index)
                if data is not None:
                    self._auditor.chunk(root, index, data)
                    leaves.append(merkle.leaf(self._room.hash, data))
            self._leaves[root] = b"".join(leaves)

    def _derived_chains(self) -> None:
        for ally, regrown in self._auditor.chains.items():
            fact = self._reader.fact(chain_key(self._room.id, ally))
            kept = Chain(self._room.id, ally, others=len(self._room.members) - 1)
            if fact is not None:
                try:
                    kept = msgspec.msgpack.decode(fact, type=Chain)
                except msgspec.DecodeError as error:
                    self._findings.append(Finding(f"fact of {ally}'s chain", "derived-differs", str(error)))
                    continue
            differing = same_record(spread(kept), spread(regrown))
            if differing:
                what = f"{', '.join(differing)}: not as the entries make it; a node that is not running can rebuild it"
                self._findings.append(Finding(f"fact of {ally}'s chain", "derived-differs", what))

    def _derived_leaves(self, report: RoomReport) -> None:
        for paper in report.papers:
            fact = self._reader.fact(leaves_key(self._room.id, paper.root))
            if fact is None and not (paper.is_whole and paper.names and paper.chunks):
                continue
            if fact != self._leaves.get(paper.root):
                where = f"fact of paper {paper.root[:4].hex()}…"
                self._findings.append(Finding(where, "derived-differs", "its leaf digests are not those of its chunks"))
