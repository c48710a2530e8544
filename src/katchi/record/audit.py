"""Recomputes everything of one room from what a store or an export holds, in whatever order it comes.

Every header, signature, body, link, root, checkpoint and countersignature is verified again; what does
not hold becomes a finding, never an exception, so that one broken entry hides no other. Of an entry
only its digest and place stay in memory. Nothing is read, written or trusted here: keys are those of
the room, and what bodies mean is asked of `read`, which belongs to a layer above.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from katchi.errors import Sentence, Unverified
from katchi.record import chain as c
from katchi.record import digest as d
from katchi.record import growth, merkle
from katchi.record.charter import Room
from katchi.record.checkpoint import Signed, verified_checkpoint, verified_countersignature
from katchi.record.entry import Entry, Header, Seen, decode_header, verified_as
from katchi.record.fork import ForkProof, verified_fork
from katchi.record.papers import PaperName, Papers
from katchi.record.report import BranchReport, ChainReport, Finding, ForkReport, RoomReport
from katchi.record.vouching import Vouched, digest_at, settled
from katchi.vocabulary import word


class Said(NamedTuple):
    """What the layer above reads in a body."""

    marks: tuple[str, ...] = ()  # how it leaves the rules
    papers: tuple[PaperName, ...] = ()
    accepts: str | None = None  # the ally whose repair it accepts
    repairs: tuple[tuple[int, int, bytes], ...] | None = None  # (epoch, seq, digest) of the heads that a repair names


class _Acceptance(NamedTuple):
    """What a `repair.accepted` says."""

    where: str
    ally: str  # whose repair it accepts
    repair: bytes | None


Read = Callable[[Header, bytes | None], Said]
SIDES = tuple[bytes, bytes]  # header bytes and signature


def reads_nothing(_header: Header, _body: bytes | None) -> Said:
    """Bodies stay opaque."""
    return Said()


class Auditor:
    """Takes the parts of one room, then reports on the whole.

    Args:
        room: its verified charter.
        holder: the ally whose store or export this is, if that is known: it should hold its own chain whole.
        read: what bodies mean.
    """

    def __init__(self, room: Room, *, holder: str | None = None, read: Read = reads_nothing) -> None:
        self.room, self.holder, self._read = room, holder, read
        self.chains: dict[str, c.Chain] = {ally: c.Chain(room.id, ally, others=len(room.members) - 1) for ally in room.members}
        self._paths: dict[str, list[list[bytes]]] = {ally: [] for ally in room.members}
        self._places: dict[bytes, tuple[str, int, int]] = {}
        self._waiting: dict[bytes, list[tuple[Entry, int | None, Said]]] = {}  # by the digest they follow
        self._beside: list[Header] = []  # that follow an entry which was no head when they came
        self._unresolved: dict[tuple[Seen, str], tuple[int, int]] = {}  # what was not held when stated: by whom, where first
        self._acceptances: list[_Acceptance] = []
        self._statements: dict[Vouched, None] = {}
        self._said_by: dict[tuple[str, str, int, int], Vouched] = {}
        self._lacking: dict[str, list[tuple[int, int]]] = {ally: [] for ally in room.members}
        self._sides: dict[bytes, SIDES] = {}  # of forks, and before those beside, by entry digest
        self._papers = Papers(room.hash)
        self._findings: list[Finding] = []
        self._allegations: list[Finding] = []
        self._marks: list[Finding] = []
        self._entries = 0

    # Feeding.

    def entry(
        self,
        header_bytes: bytes,
        signature: bytes,
        salt: bytes | None,
        body: bytes | None,
        *,
        header: Header | None = None,
        branch: int | None = None,
        signature_holds: bool | None = None,
    ) -> None:
        """Take one entry.

        Args:
            header: what `header_bytes` were just decoded to, so that it is not done twice.
            branch: on which branch a store keeps it, where one does.
            signature_holds: what came of the signature where it was checked elsewhere.
        """
        self._entries += 1
        where: Sentence | str = Sentence("entry {number} of those here", number=self._entries)
        try:
            header = header or decode_header(header_bytes)
            where = f"{header.ally} {header.epoch}/{header.seq}"
            entry = verified_as(header, self.room, header_bytes, signature, salt, body, signature_holds=signature_holds)
        except Unverified as error:
            self._find(where, error.reason, error.detail, header.ally if header else None)
            return
        said = self._read(header, body)
        if said.marks:
            self._mark(where, *said.marks)
        for paper in said.papers:
            self._papers.name(paper, where)
        if body is None:
            self._lacking[header.ally].append((header.epoch, header.seq))
        self._grow(Entry(header_bytes, signature, None, None, header, entry.digest), branch, said)

    def _grow(self, first: Entry, branch: int | None, said: Said) -> None:
        follow = [(first, branch, said)]
        while follow:  # an entry, and those that waited for it
            entry, branch, said = follow.pop()
            if self._grown(entry, branch, said):
                follow += self._waiting.pop(entry.digest, ())

    def _grown(self, entry: Entry, branch: int | None, said: Said) -> bool:
        if entry.digest in self._places:
            self._find(entry.place, "entry-repeated", Sentence("it is there twice"))
            return False
        header, ally = entry.header, entry.header.ally
        chain, paths = self.chains[ally], self._paths[ally]
        before = next((one for one in chain.branches if one.head == header.prev), None)
        try:
            grown = growth.grown(
                chain,
                entry,
                self.room.hash,
                self._locate(ally),
                lambda index, length: [digest_at(chain, paths, index, seq) for seq in range(length)],
                lambda index, seq: digest_at(chain, paths, index, seq),
            )
        except growth.Gap:
            self._waiting.setdefault(header.prev, []).append((entry, branch, said))
            return False
        except Unverified as error:
            self._find(entry.place, error.reason, error.detail, ally)
            return False
        self.chains[ally] = grown.chain
        if grown.branch == len(paths):
            paths.append([])
        paths[grown.branch].append(entry.digest)
        self._places[entry.digest] = (ally, grown.branch, header.seq)
        if branch is not None and branch != grown.branch:
            what = Sentence("it is kept as of branch {kept}, and belongs to branch {branch}", kept=branch, branch=grown.branch)
            self._find(entry.place, "local-column", what)
        if grown.fork is not None:
            self._sides[entry.digest] = (entry.header_bytes, entry.signature)
        self._judge(entry, before)
        self._note_repair(entry, said)
        return True

    def _locate(self, ally: str) -> growth.Locate:
        def locate(digest: bytes) -> tuple[int, int] | None:
            place = self._places.get(digest)
            return place[1:] if place is not None and place[0] == ally else None

        return locate

    def _judge(self, entry: Entry, before: c.Branch | None) -> None:
        """Mark what a header shows of its author's ways; note what it states to have seen."""
        header = entry.header
        if before is not None:
            self._mark(entry.place, *growth.goes_back(header, before))
        elif header.seq > 0:
            self._beside.append(header)
        if header.assent is not None:
            self._mark(entry.place, "assent-missing")  # format 1 carries none beside
        if before is None or before.sees != header.sees or header.epoch < before.epoch:
            for seen in header.sees:
                if not self._is_at(seen):
                    here = header.epoch, header.seq
                    said = seen, header.ally
                    self._unresolved[said] = min(here, self._unresolved.get(said, here))

    def _note_repair(self, entry: Entry, said: Said) -> None:
        header = entry.header
        if said.repairs is not None:
            mine = self.chains[header.ally]
            self.chains[header.ally] = growth.repaired(mine, entry.digest, header.epoch, said.repairs, self._locate(header.ally))
        if said.accepts is not None:
            repair = header.about[0] if header.about else None
            self._acceptances.append(_Acceptance(entry.place, said.accepts, repair))
            theirs = self.chains.get(said.accepts)
            if theirs is not None and repair is not None:
                self.chains[said.accepts] = growth.accepted(theirs, repair, header.ally)

    def _is_at(self, seen: Seen) -> bool:
        place = self._places.get(seen.digest)
        if place is None:
            return False
        ally, branch, seq = place
        return (ally, seq) == (seen.ally, seen.seq) and self.chains[ally].branches[branch].epoch == seen.epoch

    def checkpoint(self, signed: Signed) -> None:
        """Take an ally's checkpoint."""
        try:
            said = verified_checkpoint(self.room, signed)
        except Unverified as error:
            self._find(Sentence("a checkpoint"), error.reason, error.detail)
            return
        self._statements[Vouched(said.ally, said.epoch, said.length, said.root, said.head, said.ally)] = None

    def countersignature(self, signed: Signed) -> None:
        """Take a peer's countersignature."""
        try:
            said = verified_countersignature(self.room, signed)
        except Unverified as error:
            self._find(Sentence("a countersignature"), error.reason, error.detail)
            return
        vouched = Vouched(said.ally, said.epoch, said.length, said.root, said.head, said.by)
        other = self._said_by.setdefault((said.by, said.ally, said.epoch, said.length), vouched)
        if other != vouched:
            what = Sentence(
                "{by} vouched for two histories of {ally} at one length: proof that it did not tell the truth",
                by=said.by,
                ally=said.ally,
            )
            self._find(vouched.where, "countersignature-two-histories", what, said.by)
        self._statements[vouched] = None

    def chunk(self, root: bytes, index: int, data: bytes) -> None:
        """Take a chunk of a paper; a paper's chunks come in ascending order."""
        self._papers.chunk(root, index, data)

    # Reporting.

    @property
    def needed(self) -> frozenset[bytes]:
        """Digests of entries whose headers proofs of forks and marks still need: see `give`."""
        sides = {digest for chain in self.chains.values() for fork in chain.forks for digest in fork.digests}
        return frozenset((sides | {header.prev for header in self._beside}) - self._sides.keys())

    def give(self, digest: bytes, header_bytes: bytes, signature: bytes) -> None:
        """Give one of the headers that are `needed`."""
        self._sides[digest] = (header_bytes, signature)

    def report(self, *, is_whole: bool = True) -> RoomReport:
        """Settle what needs the whole room, and report. To be called once.

        Args:
            is_whole: False if what was fed broke off, so that what is missing proves nothing.
        """
        if self.room.missing:
            where, what = Sentence("charter"), Sentence("not signed by {allies}", allies=", ".join(self.room.missing))
            if self._entries:
                self._find(where, "charter-missing-signature", what)
            else:
                self._marks.append(Finding(where, "not-in-force", what))
        by_ally: dict[str, list[Vouched]] = {}
        for said in self._statements:
            by_ally.setdefault(said.ally, []).append(said)
        for ally, chain in self.chains.items():
            self.chains[ally], findings = settled(chain, self._paths[ally], by_ally.get(ally, ()), self.room.hash)
            self._findings += [one for one in findings if is_whole or one.reason != "export-tail-withheld"]
        self._findings = _said_once(self._findings)
        self._settle_beside()
        if is_whole:
            self._settle_acceptances()
            self._settle_waiting()
            self._settle_seen()
        papers = self._papers.report(is_whole=is_whole)
        self._findings += papers.findings
        self._marks += papers.marks
        return RoomReport(
            room=self.room.id,
            title=self.room.title,
            mode=self.room.mode,
            hash=self.room.hash,
            members=tuple(self.room.members),
            chains=tuple(self._chain_report(ally) for ally in self.room.members),
            papers=papers.papers,
            findings=tuple(self._findings),
            allegations=tuple(self._allegations),
            marks=tuple(self._marks),
        )

    def _settle_waiting(self) -> None:
        held = {entry.digest for waiting in self._waiting.values() for entry, _, _ in waiting}
        for prev, waiting in self._waiting.items():
            if prev not in held:
                for entry, _, _ in waiting:
                    what = Sentence("the entry before it is not there")
                    self._find(entry.place, "prev-missing", what, entry.header.ally)

    def _settle_beside(self) -> None:
        """Hold entries that began a branch beside another against the one that their `prev` names."""
        for header in self._beside:
            before, _ = self._sides.get(header.prev, (b"", b""))
            if d.digest(self.room.hash, d.ENTRY, before) == header.prev:
                self._mark(f"{header.ally} {header.epoch}/{header.seq}", *growth.goes_back(header, decode_header(before)))

    def _settle_acceptances(self) -> None:
        for where, ally, repair in self._acceptances:
            chain = self.chains.get(ally)
            if chain is None or not any(one.digest == repair for one in chain.repairs):
                what = Sentence("what it accepts is no repair of {ally}'s chain that is here", ally=ally)
                self._marks.append(Finding(where, "repair-unknown", what))

    def _settle_seen(self) -> None:
        for (seen, by), (epoch, seq) in self._unresolved.items():
            if self._is_at(seen):
                continue
            place, where = f"{seen.ally} {seen.epoch}/{seen.seq}", f"{by} {epoch}/{seq}"
            chain = self.chains[seen.ally]
            is_held = any(b.epoch == seen.epoch and b.start <= seen.seq < b.length for b in chain.branches)
            if is_held or seen.digest in self._places:
                said = "it states to have seen {place} with a digest that is not at that place: its word alone"
                what = Sentence(said, place=place)
                self._allegations.append(Finding(where, "fork-alleged", what, by))
            elif self.holder in (None, seen.ally, by):
                what = Sentence("{by} states to have seen {place}, and the record here ends before that", by=by, place=place)
                self._find(where, "export-tail-withheld", what, seen.ally)
            else:
                what = Sentence("{place}, which it has seen, has not come here", place=place)
                self._marks.append(Finding(where, "not-held-here", what))

    def _chain_report(self, ally: str) -> ChainReport:
        chain, newest = self.chains[ally], self.chains[ally].newest
        open_forks = chain.open_forks
        forks = tuple(self._fork_report(chain, fork, is_settled=fork not in open_forks) for fork in chain.forks)
        return ChainReport(
            ally=ally,
            entries=sum(len(path) for path in self._paths[ally]),
            length=chain.length,
            epochs=tuple(sorted({branch.epoch for branch in chain.branches})),
            head=newest.head if newest else None,
            covered=newest.covered if newest else 0,
            confirmed=newest.confirmed if newest else {},
            lacking=tuple(f"{ally} {epoch}/{seq}" for epoch, seq in self._lacking[ally]),
            branches=tuple(
                BranchReport(b.epoch, b.start, b.length, b.head, merkle.root(self.room.hash, b.frontier), b.covered, b.confirmed)
                for b in chain.branches
            ),
            forks=forks,
        )

    def _fork_report(self, chain: c.Chain, fork: c.Fork, *, is_settled: bool) -> ForkReport:
        where = f"{chain.ally} {fork.epoch}/{fork.seq}"
        finding = Finding(where, "fork-pair", Sentence("two entries are signed for this place; both are kept"), chain.ally)
        (self._marks if is_settled else self._findings).append(finding)
        one, other = (self._sides.get(digest) for digest in fork.digests)
        proof = ForkProof(*one, *other) if one and other else None
        if proof is not None:
            verified_fork(self.room, proof)
        return ForkReport(fork.epoch, fork.seq, fork.digests, proof, is_settled)

    def _find(self, where: Sentence | str, reason: str, what: Sentence, against: str | None = None) -> None:
        self._findings.append(Finding(where, reason, what, against))

    def _mark(self, where: str, *marks: str) -> None:
        self._marks += [Finding(where, str(mark), Sentence("{what}", what=word(mark))) for mark in marks]


def _said_once(findings: list[Finding]) -> list[Finding]:
    """Return findings without what repeats that a signer lied: its lie fits no entries here, or does on a fork."""
    lies = {one.where: one for one in reversed(findings) if one.reason == "countersignature-two-histories"}
    repeats = {"countersignature-two-histories", "countersignature-other-history"}
    return [one for one in findings if one.reason not in repeats or lies.get(one.where, one) is one]


def _named(chain: c.Chain) -> Mapping[bytes, object]:
    """Return what a chain's repairs name, in whatever order they and it came."""
    return {one.digest: (one.epoch, frozenset(one.awaited), frozenset(one.found)) for one in chain.repairs}


def same_record(one: c.Chain, other: c.Chain) -> Mapping[str, tuple[object, object]]:
    """Return what differs between two chains as regrown or kept, by name; vouching is compared spread."""
    found: dict[str, tuple[object, object]] = {}
    for name in ("room", "ally", "forks", "others"):
        if getattr(one, name) != getattr(other, name):
            found[name] = (getattr(one, name), getattr(other, name))
    if set(one.acceptances) != set(other.acceptances):
        found["acceptances"] = (one.acceptances, other.acceptances)
    if _named(one) != _named(other):
        found["repairs"] = (one.repairs, other.repairs)
    if len(one.branches) != len(other.branches):
        found["branches"] = (len(one.branches), len(other.branches))
        return found
    for index, (mine, theirs) in enumerate(zip(one.branches, other.branches, strict=True)):
        for field in msgspec.structs.fields(c.Branch):
            values = getattr(mine, field.name), getattr(theirs, field.name)
            if values[0] != values[1]:
                found[f"{field.name} of branch {index}"] = values
    return found
