"""What a node holds in memory: heads, open work and caches, all of which come back from its store.

Every change is made together with the batch that will make it durable; a batch that fails takes
its changes with it. Reads look at the batch first, then at the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from katchi.consult.acts import ChainOpened, body_as, repaired_heads
from katchi.consult.consultation import Consultation, folded
from katchi.consult.duty import OnDesk
from katchi.errors import Unverified
from katchi.link.holdings import PaperWanted
from katchi.node.batch import Batch, Kept, Reader
from katchi.node.desk import Desk
from katchi.node.docket import Docket
from katchi.node.fresh import Fresh
from katchi.node.frontiers import Frontiers
from katchi.node.regrowth import regrow
from katchi.node.settings import PairedAlly, Settings
from katchi.node.turns import Turns, TurnsOf, branch_of, turns_key
from katchi.node.undoable import Undoable
from katchi.record.chain import Chain
from katchi.record.charter import Room, verified_charter
from katchi.record.entry import Entry
from katchi.record.growth import EntryAt, FrontierAt, Leaves, Locate, repaired
from katchi.record.identity import KnownAlly, SignedIdentity, known
from katchi.record.merkle import Frontier
from katchi.record.suite import Suites
from katchi.vocabulary import Kind

CONSULTATIONS_CACHED = 512
UNRECEIPTED = "derived/unreceipted"  # fact: the messages on the desk that our receipts of delivery do not name yet
NONE = msgspec.msgpack.encode([])


class Awaited(msgspec.Struct, frozen=True):
    """An entry whose body has not come."""

    room: bytes
    ally: str
    branch: int
    seq: int
    precedence: int
    via: str  # the ally whose node brought the header


class State:
    """Rooms, chains and open work of one node."""

    def __init__(self, settings: Settings, own: KnownAlly, suites: Suites, store: Reader) -> None:
        self.settings, self.own, self.suites, self.store = settings, own, suites, store
        self.rooms: Undoable[bytes, Room] = Undoable()
        self.chains: Undoable[tuple[bytes, str], Chain] = Undoable()
        self.consultations: Undoable[bytes, Consultation] = Undoable()
        self.desk = Desk(settings.duty)
        self.unreceipted: Undoable[bytes, OnDesk] = Undoable()  # of the desk: our receipts of delivery are still to be written
        self.docket = Docket(store, own.ally)
        self.turns = TurnsOf()
        self.awaited: Undoable[bytes, Awaited] = Undoable()
        self.papers: Undoable[tuple[bytes, bytes], PaperWanted] = Undoable()
        self.allies: Undoable[str, PairedAlly] = Undoable()
        self.known: dict[bytes, KnownAlly] = {own.fingerprint: own}
        self.fresh = Fresh()
        self.grown_at: dict[tuple[bytes, str], int] = {}
        self.frontiers = Frontiers()
        self.batch = Batch()
        self._pending: dict[bytes, Kept] = {}
        self._places: dict[bytes, int] = {}  # of new entries in the batch
        self._arrived: dict[tuple[bytes, str, int], int] = {}  # when a branch's head came
        self._load()

    def _load(self) -> None:
        for key, value in self.store.facts("local/ally/").items():
            self.allies.now[key.rsplit("/", 1)[1]] = msgspec.msgpack.decode(value, type=PairedAlly)
        for charter in self.store.charters():
            room = verified_charter(charter, self.suites)
            self.rooms.now[room.id] = room
            for ally in room.members:
                held = self.store.fact(chain_key(room.id, ally))
                if held is not None:
                    self.chains.now[room.id, ally] = chain = msgspec.msgpack.decode(held, type=Chain)
                    if chain.forks and not chain.repairs:
                        self._find_repairs(chain)
            for kept in self.store.awaited(room.id):
                header = kept.entry.header
                self.awaited.now[kept.entry.digest] = Awaited(
                    room.id, header.ally, kept.branch, header.seq, header.precedence, kept.via
                )
        self.desk.load(self._laid())
        unreceipted = msgspec.msgpack.decode(self.store.fact(UNRECEIPTED) or NONE, type=list[bytes])
        self.unreceipted.now = {message: self.desk[message] for message in unreceipted if message in self.desk}
        for value in self.store.facts("derived/paper/").values():
            wanted = msgspec.msgpack.decode(value, type=PaperWanted)
            self.papers.now[wanted.room, wanted.root] = msgspec.structs.replace(wanted, has_leaves=False)
        for key, value in self.store.facts("derived/turns/").items():
            self.turns.now[branch_of(key)] = msgspec.msgpack.decode(value, type=Turns)
        if not self.docket.is_known:
            for room in self.rooms.now.values():
                for branch, turns in regrow(self.store, room, self.docket, self.own.ally).now.items():
                    self.turns.set(branch, turns)

    def _find_repairs(self, chain: Chain) -> None:
        """Note the repairs of a chain whose fact was written before they were kept there."""
        for index, branch in enumerate(chain.branches):
            for kept in self.store.run(chain.room, chain.ally, index, branch.start, branch.start + 1, 1):
                heads = repaired_heads(body_as(kept.entry.header.kind, kept.entry.body, ChainOpened))
                if heads is not None:
                    chain = self.with_repair(chain, kept.entry, heads)
                    self.chains.set((chain.room, chain.ally), chain)

    def _laid(self) -> Iterator[OnDesk]:
        """What lies on the desk, read in parts: all of its facts at once would take far more memory than the desk."""
        for digit in "0123456789abcdef":
            for value in self.store.facts(f"derived/desk/{digit}").values():
                yield msgspec.msgpack.decode(value, type=OnDesk)

    # Reading through the batch.

    def entry(self, digest: bytes) -> Entry | None:
        """Return an entry that is held, durably or in the batch."""
        kept = self._pending.get(digest) or self.store.entry(digest)
        return kept.entry if kept else None

    def kept(self, digest: bytes) -> Kept | None:
        """Return an entry as it is kept, durably or in the batch."""
        return self._pending.get(digest) or self.store.entry(digest)

    def locate(self, digest: bytes) -> tuple[bytes, str, int, int] | None:
        """Return (room, ally, branch, seq) of an entry that is held."""
        kept = self._pending.get(digest)
        if kept is not None:
            header = kept.entry.header
            return header.room, header.ally, kept.branch, header.seq
        return self.store.locate(digest)

    def path_digests(self, chain: Chain, branch: int, start: int, end: int) -> list[bytes]:
        """Return the entry digests of seqs start .. end along a branch's path."""
        found: list[bytes] = []
        for index, lower, upper in chain.path(branch, start, end):
            found += self.store.digests(chain.room, chain.ally, index, lower, upper)
        missing = [
            kept.entry
            for kept in self._pending.values()
            if (kept.entry.header.room, kept.entry.header.ally) == (chain.room, chain.ally)
            and start <= kept.entry.header.seq < end
            and chain.is_on_path(branch, kept.branch, kept.entry.header.seq)
        ]
        return found + [entry.digest for entry in sorted(missing, key=lambda e: e.header.seq)]

    def chain(self, room: bytes, ally: str) -> Chain:
        """Return an ally's chain in a room; an empty one before its first entry."""
        found = self.chains.get((room, ally))
        return found or Chain(room, ally, others=len(self.rooms.now[room].members) - 1)

    # What record/ asks of a chain.

    def locate_in(self, chain: Chain) -> Locate:
        """Return where an entry of this chain lies: (branch, seq) by digest; None if it is not of it."""

        def locate(digest: bytes) -> tuple[int, int] | None:
            found = self.locate(digest)
            return found[2:] if found is not None and found[:2] == (chain.room, chain.ally) else None

        return locate

    def entry_at(self, chain: Chain) -> EntryAt:
        """Return the digest at (branch, seq) of this chain."""
        return lambda branch, seq: self.path_digests(chain, branch, seq, seq + 1)[0]

    def leaves_of(self, chain: Chain) -> Leaves:
        """Return the digests along a branch's path below a length."""
        return lambda branch, length: self.path_digests(chain, branch, 0, length)

    def frontier_at(self, chain: Chain, hash_name: str) -> FrontierAt:
        """Return the Merkle frontier of a branch's path at a length."""

        def frontier_at(branch: int, length: int) -> Frontier:
            def leaves(start: int, end: int) -> list[bytes]:
                return self.path_digests(chain, branch, start, end)

            return self.frontiers.at((chain.room, chain.ally, branch), length, hash_name, leaves)

        return frontier_at

    def shared_room(self, via: str, room_id: bytes) -> Room:
        """Return the room that a frame of `via` names, or raise Unverified where it is not in force or not shared with it."""
        room = self.rooms.get(room_id)
        if room is None or room.is_national or room.missing or via not in room.members:
            raise Unverified("not-a-member", "a frame names a room that we do not share")
        return room

    def with_repair(self, chain: Chain, repair: Entry, heads: Iterable[tuple[int, int, bytes]]) -> Chain:
        """Return `chain` with a repair noted that it holds, and that names these heads."""
        return repaired(chain, repair.digest, repair.header.epoch, heads, self.locate_in(chain))

    def unbroken(self, room: bytes, ally: str) -> int:
        """Return the length to which an ally's newest branch, and the path below it, is held with its bodies."""
        chain = self.chain(room, ally)
        awaited = [a for a in self.awaited.now.values() if (a.room, a.ally) == (room, ally)]
        gaps = [a.seq for a in awaited if chain.is_on_path(chain.main, a.branch, a.seq)]
        return min(gaps, default=chain.length)

    def consultation(self, opening: bytes) -> Consultation | None:
        """Return a consultation by its opening's digest: from memory, its fact, or folded from the record."""
        found = self.consultations.get(opening)
        if found is None:
            fact = self.store.fact(consultation_key(opening))
            found = msgspec.msgpack.decode(fact, type=Consultation) if fact is not None else self.fold(opening)
            if found is not None:
                self.consultations.now[opening] = found
        return found

    def fold(self, opening: bytes) -> Consultation | None:
        """Return a consultation folded from the record, or None if no opening goes by that digest."""
        entry = self.entry(opening)
        if entry is None or entry.header.kind != Kind.CONSULTATION_OPENED:
            return None
        return folded(entry, self.rooms.now[entry.header.room].members, self.consultation_entries(opening)).consultation

    def consultation_entries(self, opening: bytes) -> list[Entry]:
        """Return all entries of a consultation, in order of arrival."""
        pending = [kept.entry for kept in self._pending.values() if kept.opening == opening]
        room = self.locate(opening)
        held = [kept.entry for kept in self.store.about(opening)] + pending
        return [entry for entry in held if room is not None and entry.header.room == room[0]]

    def identity(self, signed: SignedIdentity) -> KnownAlly:
        """Return a verified identity; a fingerprint is verified once."""
        found = self.known.get(signed.fingerprint)
        if found is None:
            found = self.known[signed.fingerprint] = known(signed, self.suites)
        return found

    # Changing, together with the batch.

    def keep(self, kept: Kept, chain: Chain, now: int) -> None:
        """Add an entry and its author's chain to the batch."""
        header = kept.entry.header
        self._note_turns(kept)
        self._places[kept.entry.digest] = len(self.batch.entries)
        self.batch.entries.append(kept)
        self._pending[kept.entry.digest] = kept
        self.chains.set((header.room, header.ally), chain)
        branch = chain.branches[kept.branch]
        self.frontiers.grew((header.room, header.ally, kept.branch), branch.length, branch.frontier)
        self.grown_at[header.room, header.ally] = now
        if kept.entry.body is None:
            self.awaited.set(
                kept.entry.digest, Awaited(header.room, header.ally, kept.branch, header.seq, header.precedence, kept.via)
            )

    def _note_turns(self, kept: Kept) -> None:
        """Note where a clock or a statement goes back; the chain is as before `kept`."""
        header = kept.entry.header
        key = (header.room, header.ally, kept.branch)
        chain = self.chains.get(key[:2])
        if chain is not None and kept.branch < len(chain.branches):
            before = chain.branches[kept.branch]
            arrived = self._arrived.get(key)
            if arrived is None:
                head = self.kept(before.head)
                arrived = head.arrived_at if head is not None else 0
            self.turns.note(key, kept.entry, (before.at, before.sees), kept.arrived_at, arrived)
        self._arrived[key] = kept.arrived_at

    def fill(self, kept: Kept) -> bool:
        """Take an entry with the body that it lacked; True if the entry itself is new in this batch."""
        digest = kept.entry.digest
        place = self._places.get(digest)
        if place is not None:
            self.batch.entries[place] = kept
        self._pending[digest] = kept
        self.awaited.set(digest, None)
        return place is not None

    def redo_docket(self, opening: bytes) -> None:
        """Note from its start what a consultation contributes to what is still to be done."""
        kept = self.kept(opening)
        if kept is not None:
            self.docket.set(self.rooms.now[kept.entry.header.room], kept, self.consultation_entries(opening))

    def write_facts(self) -> None:
        """Add to the batch what memory must find again after a restart."""
        facts = self.batch.facts
        for room, ally in self.chains.changed:
            facts[chain_key(room, ally)] = msgspec.msgpack.encode(self.chains.now[room, ally])
        for opening in self.consultations.changed:
            facts[consultation_key(opening)] = msgspec.msgpack.encode(self.consultations.now[opening])
        for message in self.desk.changed:
            on_desk = self.desk.get(message)
            facts[f"derived/desk/{message.hex()}"] = msgspec.msgpack.encode(on_desk) if on_desk else None
        if self.unreceipted.changed:
            messages = list(self.unreceipted.now)
            facts[UNRECEIPTED] = msgspec.msgpack.encode(messages) if messages else None
        for room, root in self.papers.changed:
            wanted = self.papers.get((room, root))
            facts[f"derived/paper/{room.hex()}/{root.hex()}"] = msgspec.msgpack.encode(wanted) if wanted else None
        for branch in self.turns.changed:
            facts[turns_key(branch)] = msgspec.msgpack.encode(self.turns.now[branch])
        for ally in self.allies.changed:
            facts[f"local/ally/{ally}"] = msgspec.msgpack.encode(self.allies.now[ally])
        self.docket.write(facts)

    @property
    def _undoable(self) -> Sequence[Undoable[Any, Any] | Desk]:
        work = self.desk, self.unreceipted, self.awaited, self.papers, self.turns
        return self.rooms, self.chains, self.consultations, *work, self.allies

    def committed(self) -> None:
        """The batch is durable."""
        for part in self._undoable:
            part.keep()
        if self.batch.bodies:
            self.fresh.clear()
        self.fresh.keep(self.batch.entries)
        self.docket.keep()
        self.batch, self._pending, self._places = Batch(), {}, {}
        while len(self.consultations.now) > CONSULTATIONS_CACHED:
            del self.consultations.now[next(iter(self.consultations.now))]

    def rolled_back(self) -> None:
        """The batch failed: nothing of it happened."""
        for part in self._undoable:
            part.take_back()
        self.frontiers.forget()
        self.docket.take_back()
        self._arrived.clear()
        self.consultations.now.clear()  # some were folded over the batch; the store knows them all
        self.batch, self._pending, self._places = Batch(), {}, {}


def chain_key(room: bytes, ally: str) -> str:
    """The fact that holds a chain."""
    return f"derived/chain/{room.hex()}/{ally}"


def consultation_key(opening: bytes) -> str:
    """The fact that holds a consultation's state."""
    return f"derived/consultation/{opening.hex()}"


def leaves_key(room: bytes, root: bytes) -> str:
    """The fact that holds the leaf digests of a paper that is held whole."""
    return f"derived/leaves/{room.hex()}/{root.hex()}"
