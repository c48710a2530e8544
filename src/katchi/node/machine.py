"""The node as a machine: commands, frames and ticks go in; a batch to keep, frames and notices come out.

It owns no clock, no chance and no I/O: they are arguments and ports. A driver gathers inputs, calls
`close_group`, makes the batch durable, and only then calls `committed`; what officers are told and what
peers are sent follows from that. `rolled_back` takes every change of a failed batch away. This is the
one place where the rules of the record, the consultation and the link meet.
"""

from __future__ import annotations

import msgspec

from katchi.consult import acts
from katchi.consult.consultation import Consultation
from katchi.errors import LinkFailed, LinkRefused, NotTrusted, Unverified
from katchi.link import faults
from katchi.link import frames as f
from katchi.link.greeting import Us
from katchi.link.peer import Peer
from katchi.node import commands as cmd
from katchi.node.accepting import Acceptor
from katchi.node.batch import Batch, Store
from katchi.node.clerk import Clerk
from katchi.node.commands import Written
from katchi.node.notices import Notice, Told, refused
from katchi.node.papers import Papers
from katchi.node.receipts import Receipts
from katchi.node.settings import Settings
from katchi.node.shared import SharedView
from katchi.node.state import State
from katchi.node.statements import Statements
from katchi.node.writing import Author, Chance, Envelope
from katchi.record.checking import Check, checked_here
from katchi.record.identity import KnownAlly
from katchi.record.suite import Signer, Suites
from katchi.vocabulary import Kind

DAY_US = 86_400_000_000


class Machine:
    """One ally's node, without I/O."""

    def __init__(
        self,
        settings: Settings,
        own: KnownAlly,
        signer: Signer,
        suites: Suites,
        store: Store,
        chance: Chance,
        *,
        was_restored: bool = False,
        check: Check = checked_here,
    ) -> None:
        self.settings, self.own = settings, own
        self.state = State(settings, own, suites, store)
        self.notices: list[Notice] = []
        self._author = Author(self.state, signer, chance, was_restored=was_restored)
        self._papers = Papers(self.state, self.notices)
        self._statements = Statements(self.state, self._author, self.notices)
        self._acceptor = Acceptor(self.state, self._author, self._papers, self.notices, check)
        self._receipts = Receipts(self.state, self._author)
        self._clerk = Clerk(self.state, self._author, self._acceptor, self._receipts, signer, chance, self.notices)
        self._shared = SharedView(self.state)
        self.peers: dict[str, Peer] = {}
        self._bytes_read: dict[str, tuple[int, int]] = {}  # ally: (day, bytes)
        self._noted: dict[tuple[str, bytes], str] = {}  # (ally, room): the newest key of our journal
        self._journal: dict[str, bytes] = {}
        self._journal_since = 0
        for ally in self.state.allies.now:
            self._add_peer(ally)

    def submit(self, command: cmd.NodeCommand, now: int) -> Written:
        """Take an officer's or operator's command into the batch.

        Raises:
            KatchiError: refused, malformed, not found or not trusted; the batch is as before.
        """
        return self._clerk.submit(command, now)

    def consultation(self, opening: bytes) -> Consultation:
        """Return a consultation by its opening's digest, or raise NotFound."""
        return self._clerk.consultation(opening)

    def _add_peer(self, ally: str) -> None:
        if ally not in self.peers:
            us = Us(self.settings.mode, self.own.ally, self.own.fingerprint)
            self.peers[ally] = Peer(us, ally, self._clerk.paired(ally).fingerprint, self._shared)

    # The link.

    def connected(self, ally: str, now: int) -> bytes:
        """A bearer to `ally` came up: return the first frame to send on it."""
        return f.write_frame(self.peers[ally].connected(now))

    def disconnected(self, ally: str, now: int) -> None:
        """The bearer to `ally` is gone."""
        if self.peers[ally].is_up:
            self.notices.append(Notice(Told.LINK_DOWN, ally))
        self.peers[ally].disconnected(now)
        self._shared.sources_up.discard(ally)

    def receive(self, ally: str, data: bytes, now: int) -> None:
        """Take one frame of an ally's node into the batch.

        Raises:
            LinkFailed: the frame is not as agreed, or the day's limit is reached, or the ally's node
                says that it reads no more; close the bearer, after a last word where there is one.
        """
        try:
            self._receive(self.peers[ally], data, now)
        except LinkFailed as error:
            self.peers[ally].ended = error
            raise

    def _receive(self, peer: Peer, data: bytes, now: int) -> None:
        ally = peer.ally
        self._count(ally, len(data), now)
        try:
            frame = f.read_frame(data)
            if frame is None:
                return
            if not peer.is_up and not isinstance(frame, f.Hello | f.Fault):
                raise Unverified("hello-missing", "a frame came before hello")
            peer.heard_at = now
            self._take(peer, frame, now)
        except Unverified as error:
            self.notices.append(refused(ally, None, error))
            raise LinkRefused(
                "{ally}'s node sent a frame that cannot be taken: {reason}",
                hint="The link is tried again by itself. If it goes on, compare versions with `katchi link status`.",
                ally=ally,
                reason=error.reason,
            ) from None

    def _count(self, ally: str, size: int, now: int) -> None:
        day, read = self._bytes_read.get(ally, (0, 0))
        read = size if day != now // DAY_US else read + size
        self._bytes_read[ally] = (now // DAY_US, read)
        if read > self.settings.bytes_a_day_max:
            raise LinkRefused(
                "{ally}'s node sent more than {limit} bytes today: no more is read",
                hint="Raise bytes_a_day_max in settings.toml if this is expected.",
                ally=ally,
                limit=self.settings.bytes_a_day_max,
                reason="day-limit",
            )

    def _take(self, peer: Peer, frame: f.Frame, now: int) -> None:
        accept, ally = self._acceptor, peer.ally
        match frame:
            case f.Hello():
                peer.greeted(frame, now)
                self._shared.sources_up.add(ally)
                self.notices.append(Notice(Told.LINK_UP, ally))
            case f.Have():
                peer.had(frame, now)
            case f.Entries():
                accept.entries(ally, frame, now)
                peer.changed(frame.room)  # answered even if all of it was held: the answer may have been lost
            case f.Statements():
                self._statements.take(ally, frame, now)
                peer.changed(frame.room)
            case f.Bodies():
                accept.bodies(ally, frame, now)
                for item in frame.bodies:
                    peer.came("body", item.digest, 0, now)
            case f.Leaves():
                self._papers.leaves(ally, frame)
                peer.came("leaves", frame.root, 0, now)
            case f.ChunkFrame():
                if self._papers.chunk(ally, frame):  # one that comes before what was lost is no progress: a silence asks for both
                    peer.came("chunk", frame.root, frame.index, now)
            case f.WantBodies() | f.WantPaper():
                peer.asked(frame)
            case f.CharterFrame():
                self._charter(ally, frame, now)
            case f.Ping():
                peer.pinged(frame, now)
            case f.Fault():
                raise faults.told(ally, frame)

    def _charter(self, ally: str, frame: f.CharterFrame, now: int) -> None:
        try:
            room = self._acceptor.charter(ally, frame.charter)
        except Unverified as error:  # named, and not signed; the link goes on
            self.notices.append(refused(ally, None, error))
            return
        self.peers[ally].took(frame)
        if room is None:
            return
        self.notices.append(Notice(Told.ROOM, ally, room.id, "charter"))
        is_ours = self.own.ally in room.signed.signatures
        if (
            not is_ours
            and self.settings.join == "paired"
            and all(a in self.state.allies.now or a == self.own.ally for a in room.members)
        ):
            try:
                room = self._clerk.sign_charter(room)
            except NotTrusted as error:  # it names another key for a paired ally: kept as proposed, never signed
                self.notices.append(refused(ally, room.id, error))
        self._clerk.open_if_in_force(room, now)

    def outgoing(self, ally: str, now: int) -> list[bytes]:
        """Return the next frames for `ally`; call after `committed`, and again once these are sent."""
        peer = self.peers[ally]
        frames = peer.pump(now)
        for frame in frames:
            if isinstance(frame, f.Entries):
                self._note_sent(ally, frame.room, now)
        return [f.write_frame(frame) for frame in frames]

    def _note_sent(self, ally: str, room: bytes, now: int) -> None:
        """Our journal: to what length our own chain was put on the link to `ally`, and when."""
        newest = self.state.chain(room, self.own.ally).newest
        if newest is None:
            return
        length = self.peers[ally].sent(room, self.own.ally, self.state.chain(room, self.own.ally).main)
        key = f"local/sent/{room.hex()}/{ally}/{newest.epoch:016x}/{length:016x}"
        if self._noted.get((ally, room)) == key:
            return
        self._noted[ally, room] = key
        if self.state.store.fact(key) is None and key not in self._journal:
            self._journal_since = self._journal_since or now
            self._journal[key] = now.to_bytes(8, "big")

    # Time and the group commit.

    def tick(self, now: int) -> None:
        """Let time pass: escalate what is overdue."""
        overdue = self.state.desk.overdue(now)
        if overdue:
            self._receipts.write(now)  # delivered to the first post before it goes to the next: also right after a restart
        for on_desk in overdue:
            self._escalate(on_desk.message, now)

    def _escalate(self, message: bytes, now: int) -> None:
        on_desk = self.state.desk[message]
        posts = self.settings.duty.posts
        body = acts.Escalated(
            entry=message, step=on_desk.step + 1, from_post=posts[on_desk.step], to_post=posts[on_desk.step + 1]
        )
        room = self.state.rooms.now[on_desk.room]
        envelope = Envelope(posts[on_desk.step], (on_desk.opening, message), on_desk.precedence)
        self._author.write(room, Kind.ESCALATED, body, now, envelope)
        self.state.desk.set(message, msgspec.structs.replace(on_desk, step=on_desk.step + 1))
        self.notices.append(Notice(Told.ESCALATED, self.own.ally, room.id, body.to_post, on_desk.precedence))

    def next_wakeup(self, *, with_pings: bool = True) -> int | None:
        """Return when time alone will cause something, pings among it or not, microseconds UTC; None if nothing will."""
        wakeups = [peer.next_wakeup(with_ping=with_pings) for peer in self.peers.values() if peer.is_up]
        due = [at for at in wakeups if at is not None]
        overdue = self.state.desk.next_due()
        if overdue is not None:
            due.append(overdue)
        receipts = self._receipts.next_due()
        if receipts is not None:
            due.append(receipts)
        covered = self._author.next_cover()
        if covered is not None:
            due.append(covered + self.settings.checkpoint_every_us)
        if self._journal:
            due.append(self._journal_since + self.settings.journal_every_us)
        return min(due, default=None)

    def close_group(self, now: int) -> Batch:
        """Return the batch to keep: all inputs since the last one, our receipts and our statements."""
        self._receipts.write_due(now)
        self._author.cover(now)
        self._author.countersign(now)
        self.state.write_facts()
        if self._journal and not 0 <= now - self._journal_since < self.settings.journal_every_us:
            self.state.batch.facts.update(self._journal)
        return self.state.batch

    def committed(self) -> None:
        """The batch is durable: it may be told, shown and sent."""
        batch = self.state.batch
        changed = {kept.entry.header.room for kept in batch.entries} | {statement.room for statement in batch.statements}
        self._author.covered_all()
        for (via, room, ally, branch), (length, at) in self._acceptor.brought.items():
            self.peers[via].brought(room, ally, branch, length, at)
        self._acceptor.brought.clear()
        if batch.facts:
            for key in [key for key in self._journal if key in batch.facts]:
                del self._journal[key]
            self._journal_since = 0 if not self._journal else self._journal_since
        for peer in self.peers.values():
            for room in changed:
                peer.changed(room)
            if batch.charters:
                peer.charters_changed()
        self.state.committed()
        for ally in self.state.allies.now:
            self._add_peer(ally)

    def rolled_back(self) -> None:
        """The batch was not kept: nothing of it happened."""
        self.state.rolled_back()
        self._acceptor.brought.clear()
        self._receipts.forget_batch()
        self._author.forget_batch()
