"""How what an ally's node sends is taken over: verified, placed in its chain, kept, folded.

What does not verify is not taken over and is named; what verifies is always kept, whether or not its
author kept the rules. Nothing here decides anything for us: receipts and countersignatures are
written afterwards, as entries and statements of our own.
"""

from __future__ import annotations

import msgspec

from katchi.consult import acts
from katchi.consult.acts import read_body
from katchi.consult.consultation import evolve, is_in_order
from katchi.consult.duty import OnDesk
from katchi.errors import Unverified
from katchi.link import frames as f
from katchi.link.holdings import PaperWanted
from katchi.node.batch import Body, Chunk, Kept, KeptStatement
from katchi.node.notices import Notice, Told
from katchi.node.state import State, leaves_key
from katchi.node.writing import Author, opening_of
from katchi.record import chain as c
from katchi.record import digest as d
from katchi.record import merkle
from katchi.record.canonical import decode_struct
from katchi.record.charter import Room, SignedCharter, verified_charter
from katchi.record.checkpoint import (
    Checkpoint,
    Signed,
    are_inconsistent,
    statement_digest,
    verified_checkpoint,
    verified_countersignature,
)
from katchi.record.entry import Entry, check_body, decode_header, verified_as
from katchi.record.fields import STATEMENT_SIZE_MAX
from katchi.vocabulary import MESSAGES, Flag, Kind


class Acceptor:
    """Takes over what allies' nodes send, into one node's state."""

    def __init__(self, state: State, author: Author, notices: list[Notice]) -> None:
        self._state, self._author, self._notices = state, author, notices
        self._leaves: dict[tuple[bytes, bytes], list[bytes]] = {}
        self._read: set[bytes] = set()  # messages that our own returned receipts name
        self.to_deliver: dict[tuple[bytes, bytes], list[Kept]] = {}  # (room, opening): messages new to our desk

    def entries(self, via: str, frame: f.Entries, now: int) -> None:
        """Take over a run of entries; one that does not follow what is held ends its chain's run."""
        room = self._room(via, frame.room)
        ended: set[str] = set()
        for item in frame.entries:
            try:
                self._entry(room, via, item, now, ended)
            except Unverified as error:
                self._notices.append(Notice(Told.REFUSED, via, room.id, f"{error.reason}: {error}"))

    def _entry(self, room: Room, via: str, item: f.EntryItem, now: int, ended: set[str]) -> None:
        header = decode_header(item.header)
        ally = header.ally
        if ally in ended:
            return
        chain = self._state.chain(room.id, ally)
        before = chain.newest
        if before is None or header.prev != before.head or len(chain.branches) > 1:  # what follows the only head cannot be held
            digest = d.digest(room.hash, d.ENTRY, item.header)
            held = self._state.locate(digest)
            if held is not None and held[0] == room.id:
                if item.body is not None and digest in self._state.awaited.now:
                    self._body(room, digest, item.salt or b"", item.body, now)
                return
        entry = verified_as(header, room, item.header, item.signature, item.salt, item.body)
        try:
            grown = c.grown(chain, entry, room.hash, self._locate(chain), self._leaves_of(chain), self._entry_at(chain))
        except c.Gap:
            ended.add(ally)
            return
        body, body_flags = read_body(header.kind, entry.body) if entry.body is not None else (None, ())
        kept = Kept(entry, grown.branch, opening_of(entry), now, via, _flags(entry, before, body_flags))
        self._state.keep(kept, grown.chain, now)
        if grown.fork is not None:
            self._notices.append(
                Notice(Told.FORK, ally, room.id, f"two entries signed for {ally} {grown.fork.epoch}/{grown.fork.seq}")
            )
        self.fold(kept)
        if entry.body is not None:
            self._lay(room, kept, body, now)

    def fold(self, kept: Kept) -> None:
        """Take one entry into the consultation it belongs to."""
        header = kept.entry.header
        if kept.opening is None or header.kind not in MESSAGES:
            return
        state = self._state.consultation(kept.opening)
        if state is None or state.room != header.room:
            return
        if header.kind == Kind.CONSULTATION_OPENED or not is_in_order(state, kept.entry):
            refolded = self._state.fold(kept.opening)
        else:
            refolded, _ = evolve(state, kept.entry)
        self._state.consultations.set(kept.opening, refolded)

    def _lay(self, room: Room, kept: Kept, body: acts.Body | None, now: int) -> None:
        """An entry is here with its body: lay a message before the post on duty, note papers and repairs."""
        header = kept.entry.header
        self.accepted(room, kept, body)
        if isinstance(body, acts.Opened | acts.PositionStated):
            self._want_papers(room, kept, body.papers)
        if header.ally == self._state.own.ally:  # our own tail, given back after a restore
            if isinstance(body, acts.Read):
                self._read.update(body.entries)
                for message in body.entries:
                    self._state.desk.set(message, None)
            return
        if header.kind not in MESSAGES or kept.opening is None:
            return
        self.to_deliver.setdefault((room.id, kept.opening), []).append(kept)
        if kept.entry.digest in self._read:
            return
        self._state.desk.set(kept.entry.digest, OnDesk(kept.entry.digest, kept.opening, room.id, header.precedence, now))
        self._notices.append(Notice(Told.MESSAGE, header.ally, room.id, header.kind, header.precedence))

    def accepted(self, room: Room, kept: Kept, body: acts.Body | None) -> None:
        """Note an acceptance of a repair, if `kept` is one."""
        header = kept.entry.header
        if isinstance(body, acts.RepairAccepted) and header.about and body.ally in room.members:
            theirs = self._state.chain(room.id, body.ally)
            accepted = c.accepted(theirs, header.about[0], header.ally)
            self._state.chains.set((room.id, body.ally), accepted)
            if theirs.is_frozen and not accepted.is_frozen and body.ally != self._state.own.ally:
                self._author.uncountersigned.add((room.id, body.ally))  # what waited for the repair

    def _want_papers(self, room: Room, kept: Kept, papers: tuple[acts.Paper, ...]) -> None:
        for paper in papers:
            chunks = -(-paper.size // f.CHUNK_SIZE)
            held = set(self._state.store.chunk_indexes(room.id, paper.root))
            first = next((index for index in range(chunks) if index not in held), None)
            if first is not None:
                wanted = PaperWanted(room.id, paper.root, paper.size, kept.entry.header.ally, first, False, kept.via)
                self._state.papers.set((room.id, paper.root), wanted)

    def bodies(self, via: str, frame: f.Bodies, now: int) -> None:
        """Fill in bodies whose headers are held."""
        room = self._room(via, frame.room)
        for item in frame.bodies:
            awaited = self._state.awaited.get(item.digest)
            if awaited is not None and awaited.room == room.id:
                try:
                    self._body(room, item.digest, item.salt, item.body, now)
                except Unverified as error:
                    self._notices.append(Notice(Told.REFUSED, via, room.id, f"{error.reason}: {error}"))

    def _body(self, room: Room, digest: bytes, salt: bytes, body: bytes, now: int) -> None:
        kept = self._state.kept(digest)
        if kept is None or kept.entry.body is not None:
            return
        header = kept.entry.header
        check_body(room.hash, header, salt, body)
        value, flags = read_body(header.kind, body)
        whole = msgspec.structs.replace(kept, entry=kept.entry.with_body(salt, body), flags=(*kept.flags, *flags))
        if not self._state.fill(whole):
            self._state.batch.bodies.append(Body(digest, salt, body))
        if header.kind == Kind.CONSULTATION_OPENED:
            self.fold(whole)
        self._lay(room, whole, value, now)

    def statements(self, via: str, frame: f.Statements, now: int) -> None:
        """Take over checkpoints and countersignatures; those ahead of what is held will come again."""
        room = self._room(via, frame.room)
        for signed in frame.checkpoints:
            self._named(via, room, self._checkpoint, signed, now)
        for signed in frame.countersignatures:
            self._named(via, room, self._countersignature, signed, now)

    def _named(self, via: str, room: Room, take, signed: Signed, now: int) -> None:  # type: ignore[no-untyped-def]
        try:
            take(room, signed, now)
        except c.Gap:
            pass
        except Unverified as error:
            told = Told.LIE if error.reason == "countersignature-two-histories" else Told.REFUSED
            self._notices.append(Notice(told, via, room.id, f"{error.reason}: {error}"))

    def _checkpoint(self, room: Room, signed: Signed, now: int) -> None:
        checkpoint = verified_checkpoint(room, signed)
        chain = self._state.chain(room.id, checkpoint.ally)
        longer, index = c.covered(chain, checkpoint, room.hash, self._leaves_of(chain), self._entry_at(chain))
        if longer.branches[index].covered == chain.branches[index].covered:
            return
        self._state.chains.set((room.id, checkpoint.ally), longer)
        kept = KeptStatement(room.id, checkpoint.ally, checkpoint.epoch, checkpoint.length, checkpoint.ally, signed, now)
        self._state.batch.statements.append(kept)
        if checkpoint.ally != self._state.own.ally:
            self._author.uncountersigned.add((room.id, checkpoint.ally))

    def _countersignature(self, room: Room, signed: Signed, now: int) -> None:
        counter = verified_countersignature(room, signed)
        chain = self._state.chain(room.id, counter.ally)
        for held in self._state.store.statements_at(room.id, counter.ally, counter.epoch, counter.length):
            if held.by == counter.by and statement_digest(room, held.signed, d.COUNTERSIGNATURE) != statement_digest(
                room, signed, d.COUNTERSIGNATURE
            ):
                earlier = verified_countersignature(room, held.signed)
                if are_inconsistent(earlier, counter):
                    raise Unverified(
                        "countersignature-two-histories", f"{counter.by} vouched for two histories of {counter.ally}"
                    )
        for index, branch in enumerate(chain.branches):
            if branch.epoch != counter.epoch or not branch.start < counter.length <= branch.length:
                continue
            if self._entry_at(chain)(index, counter.length - 1) == counter.head:
                if self._root_at(room, chain, index, counter.length) != counter.root:
                    raise Unverified(
                        "countersignature-other-history", f"{counter.by} vouched for a root that is not {counter.ally}'s"
                    )
                if branch.confirmed.get(counter.by, 0) < counter.length:
                    self._state.chains.set((room.id, counter.ally), c.confirmed(chain, index, counter.by, counter.length))
                    kept = KeptStatement(room.id, counter.ally, counter.epoch, counter.length, counter.by, signed, now)
                    self._state.batch.statements.append(kept)
                return
        if any(branch.epoch == counter.epoch and branch.length >= counter.length for branch in chain.branches):
            raise Unverified(
                "countersignature-other-history",
                f"{counter.by} holds another {counter.ally} {counter.epoch}/{counter.length - 1}",
            )
        raise c.Gap

    def _root_at(self, room: Room, chain: c.Chain, index: int, length: int) -> bytes:
        """The root of a branch's path at `length`: of its frontier, of a checkpoint that was recomputed, or computed."""
        branch = chain.branches[index]
        if length == branch.length:
            return merkle.root(room.hash, branch.frontier)
        for held in self._state.store.statements_at(room.id, chain.ally, branch.epoch, length):
            if held.by == chain.ally:
                checkpoint = decode_struct(held.signed.statement, Checkpoint, size_max=STATEMENT_SIZE_MAX)
                if checkpoint.head == self._entry_at(chain)(index, length - 1):
                    return checkpoint.root
        return merkle.root(room.hash, merkle.frontier_of(room.hash, self._leaves_of(chain)(index, length)))

    def charter(self, via: str, signed: SignedCharter) -> Room | None:
        """Take over a charter and its signatures; return the room if it changed what we know."""
        room = verified_charter(signed, self._state.suites)
        own = self._state.own
        if own.ally not in room.members or room.members[own.ally].fingerprint != own.fingerprint or via not in room.members:
            raise Unverified("charter-not-a-member", "neither side is a member under its paired identity")
        held = self._state.rooms.get(room.id)
        if held is not None:
            union = {**signed.signatures, **held.signed.signatures}
            if len(union) == len(held.signed.signatures):
                return None
            room = verified_charter(SignedCharter(signed.statement, union), self._state.suites)
        self.keep_charter(room)
        return room

    def keep_charter(self, room: Room) -> None:
        """Add a charter to the batch."""
        self._state.rooms.set(room.id, room)
        self._state.batch.charters.append(room.signed)

    def paper_leaves(self, via: str, frame: f.Leaves) -> None:
        """Take the leaf digests of a paper that we want, if they hash to its root."""
        room = self._room(via, frame.room)
        wanted = self._state.papers.get((room.id, frame.root))
        size = len(merkle.leaf(room.hash, b""))
        leaves = [frame.leaves[i : i + size] for i in range(0, len(frame.leaves), size)]
        if wanted is None or len(leaves) != -(-wanted.size // f.CHUNK_SIZE):
            return
        if merkle.root_of_leaves(room.hash, leaves) != frame.root:
            self._notices.append(Notice(Told.REFUSED, via, room.id, "paper-leaves: they do not hash to the paper's root"))
            return
        self._leaves[room.id, frame.root] = leaves
        self._state.papers.set((room.id, frame.root), msgspec.structs.replace(wanted, has_leaves=True))

    def chunk(self, via: str, frame: f.ChunkFrame) -> None:
        """Take the next chunk of a paper that we want, if it is the one its leaf names."""
        room = self._room(via, frame.room)
        key = (room.id, frame.root)
        wanted, leaves = self._state.papers.get(key), self._leaves.get(key)
        if wanted is None or leaves is None or frame.index != wanted.first_missing:
            return
        if merkle.leaf(room.hash, frame.data) != leaves[frame.index]:
            self._notices.append(Notice(Told.REFUSED, via, room.id, f"paper-chunk: chunk {frame.index} is not the one named"))
            return
        self._state.batch.chunks.append(Chunk(room.id, frame.root, frame.index, frame.data))
        if frame.index + 1 == len(leaves):
            self._state.papers.set(key, None)
            self._state.batch.facts[leaves_key(*key)] = b"".join(leaves)
            self._notices.append(Notice(Told.PAPER, wanted.author, room.id, frame.root.hex()))
        else:
            self._state.papers.set(key, msgspec.structs.replace(wanted, first_missing=frame.index + 1))

    def _room(self, via: str, room_id: bytes) -> Room:
        room = self._state.rooms.get(room_id)
        if room is None or room.is_national or room.missing or via not in room.members:
            raise Unverified("not-a-member", "a frame names a room that we do not share")
        return room

    def _locate(self, chain: c.Chain) -> c.Locate:
        def locate(digest: bytes) -> tuple[int, int] | None:
            found = self._state.locate(digest)
            if found is None or found[:2] != (chain.room, chain.ally):
                return None
            return found[2], found[3]

        return locate

    def _leaves_of(self, chain: c.Chain) -> c.Leaves:
        return lambda branch, length: self._state.path_digests(chain, branch, 0, length)

    def _entry_at(self, chain: c.Chain) -> c.EntryAt:
        return lambda branch, seq: self._state.path_digests(chain, branch, seq, seq + 1)[0]


def _flags(entry: Entry, before: c.Branch | None, body_flags: tuple[Flag, ...]) -> tuple[str, ...]:
    """How an entry leaves the rules, as far as its own chain and body show it."""
    header = entry.header
    flags: list[str] = []
    if before is not None and before.head == header.prev:
        said = {seen.ally: (seen.epoch, seen.seq) for seen in header.sees}
        if any(said.get(seen.ally, (-1, -1)) < (seen.epoch, seen.seq) for seen in before.sees):
            flags.append(Flag.SEES_GOES_BACK)
        if header.at < before.at:
            flags.append(Flag.CLOCK_WENT_BACK)
        if header.epoch != before.epoch and header.kind != Kind.CHAIN_OPENED:
            flags.append(Flag.EPOCH_NOT_OPENED)
    if header.kind in MESSAGES and header.kind != Kind.CONSULTATION_OPENED and not header.about:
        flags.append(Flag.ABOUT_MISSING)
    if header.kind not in acts.SHAPES:
        flags.append(Flag.UNKNOWN_KIND)
    return tuple(dict.fromkeys((*flags, *body_flags)))
