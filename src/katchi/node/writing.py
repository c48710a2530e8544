"""How our own entries, checkpoints and countersignatures are made.

Writing never waits for anyone. Before our first entry in a room, or the first after a restore or a
fork of our own, the chain is opened anew and says why. Entries that bind us are covered by a
checkpoint in the same batch; the others a moment later, one slow signature for many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from katchi.consult.acts import Body, ChainOpened, repaired_heads, write_body
from katchi.errors import Malformed, Refused, Unverified
from katchi.node.batch import Kept, KeptStatement
from katchi.node.state import State
from katchi.record import chain as c
from katchi.record import growth, merkle
from katchi.record.canonical import decode_struct
from katchi.record.charter import Room
from katchi.record.checkpoint import Checkpoint, Countersignature, Signed, sign, statement_digest
from katchi.record.digest import SALT_SIZE, body_digest
from katchi.record.entry import Entry, Header, Seen, sign_entry
from katchi.record.fields import FORMAT, STATEMENT_SIZE_MAX
from katchi.record.merkle import Frontier
from katchi.record.suite import Signer
from katchi.vocabulary import BINDING, Kind

Chance = Callable[[int], bytes]
REOPEN = "local/reopen/"  # facts: rooms in which our chain must open an epoch before its next entry


class Envelope(msgspec.Struct, frozen=True):
    """What a header says besides its place and its body."""

    post: str
    about: tuple[bytes, ...] = ()
    precedence: int = 0
    marking: str = ""


class Author:
    """Writes for one ally: its state, its signer, its source of chance."""

    def __init__(self, state: State, signer: Signer, chance: Chance, *, was_restored: bool) -> None:
        self._state, self._signer, self._chance = state, signer, chance
        self._reopen = {bytes.fromhex(key.rsplit("/", 1)[1]) for key in state.store.facts(REOPEN)}
        if was_restored:
            self._reopen.update(state.rooms.now)
            state.batch.facts.update({REOPEN + room.hex(): b"" for room in self._reopen})
        self._reopened: set[bytes] = set()  # in this batch
        self._binding: set[bytes] = set()  # rooms that need a checkpoint in this batch
        self.uncovered: dict[bytes, int] = {
            room.id: 0 for room in state.rooms.now.values() if self._is_uncovered(room.id)
        }  # rooms with entries that no checkpoint covers: since when
        self.uncountersigned: set[tuple[bytes, str]] = set()

    def write(self, room: Room, kind: Kind, body: Body, now: int, envelope: Envelope) -> Kept:
        """Add one entry of ours to the batch, opening the chain first where it must be.

        Raises:
            Refused: the room is not in force.
            Malformed: the body is too large or holds control characters, or the marking is not ASCII.
        """
        return self.write_bytes(room, kind, self.require_writable(room, body, envelope), now, envelope)

    def write_bytes(self, room: Room, kind: Kind, data: bytes, now: int, envelope: Envelope) -> Kept:
        """As `write`, given what `require_writable` returned for this body and envelope."""
        self.open_chain(room, now)
        return self._append(room, kind, data, now, envelope)

    def require_writable(self, room: Room, body: Body, envelope: Envelope) -> bytes:
        """Return the bytes of a body that may be written, or raise as `write` would. Changes nothing."""
        if room.missing:
            raise Refused(
                "the room is not in force: {allies} has not signed its charter",
                hint="It will be once the link has brought all signatures: `katchi room list`.",
                allies=", ".join(room.missing),
            )
        require_marking(envelope.marking)
        return write_body(body)

    def open_chain(self, room: Room, now: int) -> None:
        """Begin our chain, or a new epoch of it, where our next entry needs one."""
        chain = self._state.chain(room.id, self._state.own.ally)
        reason = ""
        if not chain.branches:
            reason = "founded"
        elif room.id in self._reopen - self._reopened:
            reason = "restored"
        elif any(not any(chain.settles(repair, fork) for repair in chain.repairs) for fork in chain.forks):
            reason = "repaired"
        if not reason:
            return
        highest = max((branch.epoch for branch in chain.branches), default=-1)
        body = ChainOpened(
            identity=self._state.own.signed,
            reason=reason,
            reads=(FORMAT,),
            branches=tuple((branch.epoch, branch.length - 1, branch.head) for branch in chain.branches),
        )
        epoch = 0 if reason == "founded" else max(now, highest + 1)
        envelope = Envelope(self._state.settings.duty.posts[0])
        kept = self._append(room, Kind.CHAIN_OPENED, write_body(body), now, envelope, epoch=epoch)
        heads = repaired_heads(body)
        if heads is not None:
            longer = self._state.chain(room.id, chain.ally)
            self._state.chains.set((room.id, chain.ally), self._state.with_repair(longer, kept.entry, heads))
        if room.id in self._reopen:
            self._reopened.add(room.id)
            self._state.batch.facts[REOPEN + room.id.hex()] = None

    def _append(
        self,
        room: Room,
        kind: Kind,
        data: bytes,
        now: int,
        envelope: Envelope,
        *,
        epoch: int | None = None,
    ) -> Kept:
        state, own = self._state, self._state.own
        chain = state.chain(room.id, own.ally)
        newest = chain.newest
        salt = self._chance(SALT_SIZE)
        header = Header(
            mode=room.mode,
            room=room.id,
            ally=own.ally,
            epoch=epoch if epoch is not None else newest.epoch if newest else 0,
            seq=chain.length,
            prev=newest.head if newest else room.id,
            sees=self._sees(room, chain),
            at=now,
            kind=kind,
            precedence=envelope.precedence,
            author=envelope.post,
            marking=envelope.marking,
            about=envelope.about,
            body=body_digest(room.hash, salt, data),
            size=len(data),
            assent=None,
        )
        entry = sign_entry(room, header, salt, data, own.fingerprint, self._signer)
        grown = growth.grown(chain, entry, room.hash, _held_at_head, _no_leaves, self._state.entry_at(chain))
        kept = Kept(entry, grown.branch, opening_of(entry), now, own.ally)
        state.keep(kept, grown.chain, now)
        self.uncovered.setdefault(room.id, now)
        if kind in BINDING:
            self._binding.add(room.id)
        return kept

    def _sees(self, room: Room, chain: c.Chain) -> tuple[Seen, ...]:
        """What we hold of the others, with bodies, in one unbroken run; never less than we said before."""
        before = {seen.ally: seen for seen in (chain.newest.sees if chain.newest else ())}
        sees: list[Seen] = []
        for ally in room.members:
            if ally == chain.ally:
                continue
            theirs = self._state.chain(room.id, ally)
            said = before.get(ally)
            if said is not None and theirs.newest is not None and theirs.newest.head == said.digest:
                sees.append(said)  # nothing has come since
                continue
            length = self._state.unbroken(room.id, ally) if theirs.branches else 0
            if length:
                newest = theirs.branches[theirs.main]
                head = (
                    newest.head
                    if length == newest.length
                    else self._state.path_digests(theirs, theirs.main, length - 1, length)[0]
                )
                epoch = theirs.branches[theirs.branch_at(theirs.main, length - 1)].epoch
                if said is None or (epoch, length - 1) > (said.epoch, said.seq):
                    said = Seen(ally, epoch, length - 1, head)
            if said is not None:
                sees.append(said)
        return tuple(sees)

    # Statements: once a batch, after all entries.

    def cover(self, now: int) -> None:
        """Add the checkpoints that are due to the batch."""
        for room_id, since in list(self.uncovered.items()):
            if room_id in self._binding or not 0 <= now - since < self._state.settings.checkpoint_every_us:
                self._checkpoint(self._state.rooms.now[room_id], now)
        self._binding.clear()

    def next_cover(self) -> int | None:
        """Return when the next checkpoint is due."""
        return min(self.uncovered.values(), default=None) if self.uncovered else None

    def _is_uncovered(self, room_id: bytes) -> bool:
        newest = self._state.chain(room_id, self._state.own.ally).newest
        return newest is not None and newest.covered < newest.length

    def _checkpoint(self, room: Room, now: int) -> None:
        own = self._state.own
        chain = self._state.chain(room.id, own.ally)
        branch = chain.branches[chain.main]
        checkpoint = Checkpoint(
            mode=room.mode,
            room=room.id,
            ally=own.ally,
            epoch=branch.epoch,
            length=branch.length,
            root=merkle.root(room.hash, branch.frontier),
            head=branch.head,
            at=now,
        )
        signed = sign(room, checkpoint, own.fingerprint, self._signer)
        covered, _ = growth.covered(chain, checkpoint, room.hash, _no_frontier, self._state.entry_at(chain))
        self._state.chains.set((room.id, own.ally), covered)
        self._state.batch.statements.append(KeptStatement(room.id, own.ally, branch.epoch, branch.length, own.ally, signed, now))

    def covered_all(self) -> None:
        """The batch is durable: forget what it covered and reopened."""
        self._reopen -= self._reopened
        self._reopened.clear()
        for room_id in list(self.uncovered):
            if not self._is_uncovered(room_id):
                del self.uncovered[room_id]

    def forget_batch(self) -> None:
        """The batch was not kept."""
        self._reopened.clear()
        self._binding.clear()
        self.uncountersigned.clear()
        self.uncovered = {room_id: 0 for room_id in self._state.rooms.now if self._is_uncovered(room_id)}

    def countersign(self, now: int) -> None:
        """Add to the batch our countersignature under each checkpoint that we recomputed in it."""
        for room_id, ally in sorted(self.uncountersigned):
            chain = self._state.chain(room_id, ally)
            if not chain.is_frozen:
                self._countersign(self._state.rooms.now[room_id], chain, now)
        self.uncountersigned.clear()

    def _countersign(self, room: Room, chain: c.Chain, now: int) -> None:
        own = self._state.own
        branch = chain.branches[chain.main]
        checkpoint = self._newest_checkpoint(room, chain)
        if checkpoint is None:
            return
        signed_checkpoint, said = checkpoint
        since = branch.confirmed.get(own.ally, 0)
        if said.length <= since:
            return
        lacking = sum(
            a.room == room.id and a.ally == chain.ally and a.seq < said.length and chain.is_on_path(chain.main, a.branch, a.seq)
            for a in self._state.awaited.now.values()
        )
        counter = Countersignature(
            mode=room.mode,
            room=room.id,
            ally=chain.ally,
            epoch=said.epoch,
            length=said.length,
            root=said.root,
            head=said.head,
            checkpoint=statement_digest(room, signed_checkpoint),
            by=own.ally,
            by_identity=own.fingerprint,
            since=since,
            lacking=lacking,
            at=now,
        )
        signed = sign(room, counter, own.fingerprint, self._signer)
        self._state.chains.set((room.id, chain.ally), growth.confirmed(chain, chain.main, own.ally, said.length))
        self._state.batch.statements.append(KeptStatement(room.id, chain.ally, said.epoch, said.length, own.ally, signed, now))

    def _newest_checkpoint(self, room: Room, chain: c.Chain) -> tuple[Signed, Checkpoint] | None:
        branch = chain.branches[chain.main]
        fresh = [s for s in self._state.batch.statements if (s.room, s.ally, s.by) == (room.id, chain.ally, chain.ally)]
        held = fresh or self._state.store.statements_at(room.id, chain.ally, branch.epoch, branch.covered)
        for statement in reversed(held):
            if statement.by == chain.ally and statement.length == branch.covered and statement.epoch == branch.epoch:
                said = decode_struct(statement.signed.statement, Checkpoint, size_max=STATEMENT_SIZE_MAX)
                return statement.signed, said  # it was verified when it was taken over
        return None


def require_marking(marking: str) -> None:
    """Refuse a marking that no header can carry.

    Raises:
        Malformed: it is too long, or not printable ASCII.
    """
    if len(marking) > 128 or not marking.isascii() or not marking.isprintable():
        raise Malformed(
            "a marking is at most 128 printable ASCII characters", hint='For example "UNCLASSIFIED".', field="marking"
        )


def opening_of(entry: Entry) -> bytes | None:
    """Return the digest of the opening of the consultation that an entry belongs to, by its header."""
    header = entry.header
    if header.kind == Kind.CONSULTATION_OPENED:
        return entry.digest
    if header.kind in (Kind.CHAIN_OPENED, Kind.REPAIR_ACCEPTED) or not header.about:
        return None
    return header.about[0]


def _held_at_head(_digest: bytes) -> None:
    raise Unverified("prev-mismatch", "our own entry does not follow our own head")


def _no_leaves(_branch: int, _length: int) -> Sequence[bytes]:
    raise Unverified("prev-mismatch", "our own chain is written at its head only")


def _no_frontier(_branch: int, _length: int) -> Frontier:
    raise Unverified("prev-mismatch", "our own chain is covered at its head only")
