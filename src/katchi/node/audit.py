"""Audits a store: every room recomputed from its rows, and every derived fact held against that.

It stands on record/audit.py, which verifies, and on consult/, which reads bodies: marks, papers,
repairs and their acceptances come from there. It changes nothing. A caller that audits a store which a node
is writing holds one read transaction around it; otherwise what came meanwhile looks missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from katchi.consult.acts import SHAPES, Body, Opened, PositionStated, RepairAccepted, read_body, repaired_heads
from katchi.consult.consultation import Consultation
from katchi.errors import RecordBroken, Sentence, Unverified
from katchi.node.batch import Kept, Reader
from katchi.node.docket import OPEN, WAITING, waiting_of
from katchi.node.regrowth import Regrowth
from katchi.node.state import chain_key, consultation_key, leaves_key
from katchi.node.turns import branch_of
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
    return Said(tuple(marks), tuple(PaperName(p.name, p.size, p.root) for p in papers), accepts, repaired_heads(value))


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
        return StoreReport((), (Finding(Sentence("charters"), "row-broken", Sentence.of(error)),))
    for signed in charters:
        try:
            room = verified_charter(signed, suites)
        except Unverified as error:
            where = Sentence("charter {digest}…", digest=signed.statement[:8].hex())
            findings.append(Finding(where, error.reason, error.detail))
        else:
            rooms.append(audit_room(reader, room, holder=holder, check=check))
    return StoreReport(tuple(rooms), tuple(findings))


def audit_room(reader: Reader, room: Room, *, holder: str | None = None, check: Check = checked_here) -> RoomReport:
    """Return what an audit of one room of a store says, its derived facts included."""
    growth = Regrowth(reader, room, holder) if holder is not None and reader.fact(OPEN) is not None else None
    walk = _Walk(reader, room, Auditor(room, holder=holder, read=read), check, growth)
    return walk.report()


class _Walk:
    """One pass over the rows of one room."""

    def __init__(self, reader: Reader, room: Room, auditor: Auditor, check: Check, growth: Regrowth | None) -> None:
        self._reader, self._room, self._auditor, self._check = reader, room, auditor, check
        self._growth = growth  # none where whose store it is is not known, or it keeps no docket
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
        if is_whole and report.is_sound and not self._findings:
            self._try(self._derived_work)
        return msgspec.structs.replace(report, findings=(*report.findings, *self._findings))

    def _try(self, walk: Callable[[], None]) -> bool:
        try:
            walk()
        except RecordBroken as error:
            self._findings.append(Finding(Sentence("room {title}", title=self._room.title), "row-broken", Sentence.of(error)))
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
                what = Sentence("it is kept under another consultation than its own")
                self._findings.append(Finding(entry.place, "local-column", what))
            elif self._growth is not None and entry.header.ally in self._room.members:
                self._growth.take(kept)

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
                where = Sentence("statement on {ally} to {length}", ally=said.ally, length=said.length)
                self._findings.append(Finding(where, "local-column", Sentence("it is kept as a statement on another place")))

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
            where = Sentence("fact of {ally}'s chain", ally=ally)
            fact = self._reader.fact(chain_key(self._room.id, ally))
            kept = Chain(self._room.id, ally, others=len(self._room.members) - 1)
            if fact is not None:
                try:
                    kept = msgspec.msgpack.decode(fact, type=Chain)
                except msgspec.DecodeError as error:
                    self._findings.append(Finding(where, "derived-differs", Sentence("{error}", error=str(error))))
                    continue
            differing = same_record(spread(kept), spread(regrown))
            if differing:
                what = Sentence(
                    "{names}: not as the entries make it; a node that is not running can rebuild it", names=", ".join(differing)
                )
                self._findings.append(Finding(where, "derived-differs", what))

    def _derived_work(self) -> None:
        """Consultations, what is still to be done of them, and where clocks turned."""
        if self._growth is None:
            return
        room, facts = self._room.id.hex(), self._reader.facts
        differing: list[str] = []
        is_open, waiting = {}, {}
        for one in self._growth.consultations():
            fact = self._reader.fact(consultation_key(one.consultation.opening))
            if fact is not None and not _holds(fact, one.consultation):
                differing.append(f"consultation {one.consultation.opening[:4].hex()}…")
            if one.lines.is_open:
                is_open[f"{OPEN}/{one.key}"] = one.consultation.opening
            waiting.update({f"{WAITING}/{key}": line for key, line in one.lines.waiting.items() if line is not None})
        try:
            lines = {key: waiting_of(value) for key, value in facts(f"{WAITING}/").items()}
        except msgspec.DecodeError:
            lines = {}
        turns = {branch_of(key): value for key, value in facts(f"derived/turns/{room}/").items()}
        compared = (
            ("consultations that are open", is_open, facts(f"{OPEN}/{room}/")),
            ("messages of ours that wait", waiting, {k: v for k, v in lines.items() if v.room == self._room.id}),
            ("turns of clocks", {k: msgspec.msgpack.encode(v) for k, v in self._growth.turns.now.items()}, turns),
        )
        differing += [name for name, regrown, kept in compared if regrown != kept]
        if differing:
            what = Sentence(
                "{names}: not as the entries make it; a node that is not running can rebuild it", names=", ".join(differing)
            )
            self._findings.append(Finding(Sentence("facts of consultations"), "derived-differs", what))

    def _derived_leaves(self, report: RoomReport) -> None:
        for paper in report.papers:
            fact = self._reader.fact(leaves_key(self._room.id, paper.root))
            if fact is None and not (paper.is_whole and paper.names and paper.chunks):
                continue
            if fact != self._leaves.get(paper.root):
                where = Sentence("fact of paper {root}…", root=paper.root[:4].hex())
                what = Sentence("its leaf digests are not those of its chunks")
                self._findings.append(Finding(where, "derived-differs", what))


def _holds(fact: bytes, regrown: Consultation) -> bool:
    """Return whether a fact holds that consultation; its parts may lie in another order."""
    if fact == msgspec.msgpack.encode(regrown):
        return True
    try:
        return msgspec.msgpack.decode(fact, type=Consultation) == regrown
    except msgspec.DecodeError:
        return False
