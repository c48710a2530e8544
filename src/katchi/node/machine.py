"""The node as a machine: commands, frames and ticks go in; a batch to keep, frames and notices come out.

It owns no clock, no chance and no I/O: they are arguments and ports. A driver gathers inputs, calls
`close_group`, makes the batch durable, and only then calls `committed`; what officers are told and what
peers are sent follows from that. `rolled_back` takes every change of a failed batch away. This is the
one place where the rules of the record, the consultation and the link meet.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from katchi.consult import acts, rules
from katchi.consult.consultation import Consultation
from katchi.errors import LinkFailed, Malformed, NotFound, NotTrusted, Refused, Unverified
from katchi.link import frames as f
from katchi.link.peer import Peer, Us
from katchi.node import commands as cmd
from katchi.node.accepting import Acceptor
from katchi.node.batch import CHUNK_SIZE, Batch, Chunk, Kept, Store
from katchi.node.notices import Notice, Told
from katchi.node.settings import PairedAlly, Settings
from katchi.node.state import SharedView, State, leaves_key
from katchi.node.writing import Author, Chance, Envelope
from katchi.record import merkle
from katchi.record.chain import Chain
from katchi.record.charter import Charter, Room, SignedCharter, charter_bytes, sign_charter, verified_charter
from katchi.record.identity import KnownAlly, SignedContact, SignedIdentity, verified_contact
from katchi.record.suite import Signer, Suites
from katchi.vocabulary import Kind, Precedence

DAY_US = 86_400_000_000
RECEIPTS_AN_ENTRY = 500


class Written(msgspec.Struct, frozen=True):
    """What a command came to; told to the officer only after it is durable."""

    digest: bytes | None = None  # of the entry written, or of the room founded
    place: str = ""
    room: bytes | None = None


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
    ) -> None:
        self.settings, self.own = settings, own
        self.state = State(settings, own, suites, store)
        self.notices: list[Notice] = []
        self._signer, self._chance = signer, chance
        self._author = Author(self.state, signer, chance, was_restored=was_restored)
        self._acceptor = Acceptor(self.state, self._author, self.notices)
        self._shared = SharedView(self.state)
        self.peers: dict[str, Peer] = {}
        self._bytes_read: dict[str, tuple[int, int]] = {}  # ally: (day, bytes)
        self._journal: dict[str, bytes] = {}
        self._journal_since = 0
        for ally in self.state.allies.now:
            self._add_peer(ally)

    # Commands.

    def submit(self, command: cmd.NodeCommand, now: int) -> Written:
        """Take an officer's or operator's command into the batch.

        Raises:
            KatchiError: refused, malformed, not found or not trusted; the batch is as before.
        """
        match command:
            case rules.Open():
                return self._open(command, now)
            case cmd.FoundRoom():
                return self._found(command, now)
            case cmd.JoinRoom():
                return self._join(command)
            case cmd.Pair():
                return self._pair(command.ally, now)
            case cmd.KeepChunk():
                return self._keep_chunk(command)
            case cmd.MarkRead():
                return self._mark_read(command, now)
            case cmd.AcceptRepair():
                return self._accept_repair(command, now)
            case _:
                return self._consult(command, now)

    def _open(self, command: rules.Open, now: int) -> Written:
        room = self.room(command.room)
        self._require_papers(room, command.papers)
        return self._write(room, rules.decide_open(command, now=now), now)

    def _consult(self, command: rules.ConsultationCommand, now: int) -> Written:
        state = self.consultation(command.consultation)
        room = self.state.rooms.now[state.room]
        if isinstance(command, rules.StatePosition):
            self._require_papers(room, command.papers)
        is_frozen = self.state.chain(room.id, self.own.ally).is_frozen
        act = rules.decide(state, self.own.ally, command, self.state.entry, is_frozen)
        written = self._write(room, act, now)
        self._read_all(state, command.post, command.by, now)  # whoever answers has read
        return written

    def _write(self, room: Room, act: rules.Act, now: int) -> Written:
        envelope = Envelope(self._post(act.command.post), act.about, act.command.precedence, act.command.marking)
        kept = self._author.write(room, act.kind, act.body, now, envelope)
        self._acceptor.fold(kept)
        return _written(kept)

    def _post(self, post: str | None) -> str:
        posts = self.settings.duty.posts
        if post is None:
            return posts[0]
        if post not in posts:
            raise NotFound("this node has no post '{post}'", hint="Its posts are: {posts}.", post=post, posts=", ".join(posts))
        return post

    def _found(self, command: cmd.FoundRoom, now: int) -> Written:
        members = {self.own.ally: self.own}
        for ally in command.allies:
            members[ally] = self._paired(ally)
        charter = Charter(
            mode=self.settings.mode,
            hash=command.hash,
            title=command.title,
            nonce=self._chance(32),
            founded=now,
            members=tuple(members[ally].signed for ally in sorted(members)),
            after=None,
        )
        data = charter_bytes(charter)
        signatures = sign_charter(data, command.hash, self.own.fingerprint, self._signer)
        room = verified_charter(SignedCharter(data, {self.own.ally: signatures}), self.state.suites)
        self._acceptor.keep_charter(room)
        self._open_if_in_force(room, now)
        return Written(room.id, room=room.id)

    def _join(self, command: cmd.JoinRoom) -> Written:
        room = self.state.rooms.get(command.room)
        if room is None:
            raise NotFound("no charter here founds that room", hint="`katchi room list` shows what was proposed.")
        self._sign_charter(room)
        return Written(room.id, room=room.id)

    def _sign_charter(self, room: Room) -> Room:
        for ally, member in room.members.items():
            if ally != self.own.ally and member.fingerprint != self._paired(ally).fingerprint:
                raise NotTrusted(
                    "the charter names a key for {ally} that is not the one paired here",
                    hint="Compare fingerprints with {ally} before signing anything.",
                    ally=ally,
                )
        if self.own.ally in room.signed.signatures:
            return room
        signatures = sign_charter(room.signed.statement, room.hash, self.own.fingerprint, self._signer)
        signed = verified_charter(room.signed.signed_by(self.own.ally, signatures), self.state.suites)
        self._acceptor.keep_charter(signed)
        return signed

    def _paired(self, ally: str) -> KnownAlly:
        paired = self.state.allies.get(ally)
        if paired is None:
            raise NotFound(
                "{ally} is not paired with this node",
                hint="Exchange invitations first: `katchi node invite`, `katchi node pair`.",
                ally=ally,
            )
        return self.state.identity(SignedIdentity(paired.identity, paired.identity_signatures))

    def _open_if_in_force(self, room: Room, now: int) -> None:
        if not room.missing and not self.state.chain(room.id, self.own.ally).branches:
            self._author.open_chain(room, now)
            self.notices.append(Notice(Told.ROOM, self.own.ally, room.id, "in force"))

    def _pair(self, paired: PairedAlly, now: int) -> Written:
        known = self.state.identity(SignedIdentity(paired.identity, paired.identity_signatures))
        if known.mode != self.settings.mode:
            raise Refused(
                "{ally}'s node is of mode {mode}, this one is not",
                hint="A node is live or exercise for life.",
                ally=known.ally,
                mode=known.mode,
            )
        if known.ally.casefold() == self.own.ally.casefold():
            raise Refused("that is our own ally's name", hint="Pair another government's node.")
        verified_contact(SignedContact(paired.contact, paired.contact_signatures), known, serial_min=0)
        for ally, held in self.state.allies.now.items():
            if ally.casefold() == known.ally.casefold() and held.identity != paired.identity:
                raise NotTrusted(
                    "{ally} is already paired with another key",
                    hint="A second key for a known ally is refused. Ask {ally} by telephone what happened.",
                    ally=ally,
                )
        self.state.allies.set(known.ally, paired)
        self._add_peer(known.ally)
        return Written(known.fingerprint)

    def _add_peer(self, ally: str) -> None:
        if ally not in self.peers:
            us = Us(self.settings.mode, self.own.ally, self.own.fingerprint)
            self.peers[ally] = Peer(us, ally, self._paired(ally).fingerprint, self._shared)

    def _keep_chunk(self, command: cmd.KeepChunk) -> Written:
        self.room(command.room)
        if len(command.data) > CHUNK_SIZE or not 0 <= command.index < acts.PAPER_SIZE_MAX // CHUNK_SIZE:
            raise Malformed("a paper's chunk is at most 64 KiB, a paper at most 64 MiB", hint="Send it in chunks of 65536 bytes.")
        self.state.batch.chunks.append(Chunk(command.room, command.root, command.index, command.data))
        return Written(command.root)

    def _require_papers(self, room: Room, papers: Iterable[acts.Paper]) -> None:
        for paper in papers:
            leaves, size = [], 0
            for index in self.state.store.chunk_indexes(room.id, paper.root):
                data = self.state.store.chunk(room.id, paper.root, index) or b""
                size += len(data)
                leaves.append(merkle.leaf(room.hash, data))
            if size != paper.size or merkle.root_of_leaves(room.hash, leaves) != paper.root:
                raise Refused(
                    "the paper '{name}' is not kept whole here: {held} of {size} bytes",
                    hint="Attach it again with --paper FILE; nothing was sent.",
                    name=paper.name,
                    held=size,
                    size=paper.size,
                )
            self.state.batch.facts[leaves_key(room.id, paper.root)] = b"".join(leaves)

    def _mark_read(self, command: cmd.MarkRead, now: int) -> Written:
        state = self.consultation(command.consultation)
        self._read(state, [m for m in command.messages if m in self.state.desk.now], command.post, command.by, now)
        return Written(command.consultation)

    def _read_all(self, state: Consultation, post: str | None, by: str | None, now: int) -> None:
        unread = [on_desk.message for on_desk in self.state.desk.now.values() if on_desk.opening == state.opening]
        self._read(state, unread, post, by, now)

    def _read(self, state: Consultation, messages: list[bytes], post: str | None, by: str | None, now: int) -> None:
        seat = self._post(post)
        room = self.state.rooms.now[state.room]
        for start in range(0, len(messages), RECEIPTS_AN_ENTRY):
            body = acts.Read(by=by, entries=tuple(messages[start : start + RECEIPTS_AN_ENTRY]), post=seat)
            self._author.write(room, Kind.READ, body, now, Envelope(seat, (state.opening,)))
        for message in messages:
            self.state.desk.set(message, None)

    def _accept_repair(self, command: cmd.AcceptRepair, now: int) -> Written:
        room = self.room(command.room)
        chain = self.state.chain(room.id, command.ally)
        repair = next((kept for kept in self._chain_openings(chain) if _reason(kept) == "repaired"), None)
        if not chain.forks or repair is None:
            raise Refused(
                "{ally} has no fork in this room that it has repaired",
                hint="`katchi record audit DIR` says how each chain stands.",
                ally=command.ally,
            )
        envelope = Envelope(self._post(None), (repair.entry.digest,))
        body = acts.RepairAccepted(by=command.by, ally=command.ally)
        kept = self._author.write(room, Kind.REPAIR_ACCEPTED, body, now, envelope)
        self._acceptor.accepted(room, kept)
        return _written(kept)

    def _chain_openings(self, chain: Chain) -> list[Kept]:
        found: list[Kept] = []
        for index, branch in enumerate(chain.branches):
            found += self.state.store.run(chain.room, chain.ally, index, branch.start, branch.start + 1, 1)
        return found[::-1]

    # What the views and the driver ask.

    def room(self, room: bytes | None) -> Room:
        """Return a room by id; None means the only shared one in force, else the national one."""
        if room is not None:
            found = self.state.rooms.get(room)
            if found is None:
                raise NotFound("no room here goes by that id", hint="`katchi room list` shows all rooms.")
            return found
        shared = [r for r in self.state.rooms.now.values() if not r.is_national and not r.missing]
        if len(shared) > 1:
            raise Refused("this node shares {n} rooms", hint="Name one with --room ID: `katchi room list`.", n=len(shared))
        national = [r for r in self.state.rooms.now.values() if r.is_national]
        if not shared and not national:
            raise NotFound("this node has no room", hint="Found one with `katchi room found`.")
        return (shared or national)[0]

    def consultation(self, opening: bytes) -> Consultation:
        """Return a consultation by its opening's digest, or raise NotFound."""
        found = self.state.consultation(opening)
        if found is None:
            raise NotFound("no consultation here goes by that id", hint="`katchi consultation list` shows all.")
        return found

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
            LinkFailed: the frame is not as agreed, or the day's limit is reached; close the bearer.
        """
        peer = self.peers[ally]
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
            self.notices.append(Notice(Told.REFUSED, ally, None, f"{error.reason}: {error}"))
            raise LinkFailed(
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
            raise LinkFailed(
                "{ally}'s node sent more than {limit} bytes today: no more is read",
                hint="Raise bytes_a_day_max in settings.toml if this is expected.",
                ally=ally,
                limit=self.settings.bytes_a_day_max,
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
                accept.statements(ally, frame, now)
                peer.changed(frame.room)
            case f.Bodies():
                accept.bodies(ally, frame, now)
                for item in frame.bodies:
                    peer.came("body", item.digest, 0, now)
            case f.Leaves():
                accept.paper_leaves(ally, frame)
                peer.came("leaves", frame.root, 0, now)
            case f.ChunkFrame():
                accept.chunk(ally, frame)
                peer.came("chunk", frame.root, frame.index, now)
            case f.WantBodies() | f.WantPaper():
                peer.asked(frame)
            case f.CharterFrame():
                self._charter(ally, frame, now)
            case f.Ping():
                peer.pinged(frame, now)
            case f.Fault():
                raise LinkFailed(
                    "{ally}'s node reads no more from us: {reason} {detail}",
                    hint="Ask {ally}'s secretariat; the link is tried again by itself.",
                    ally=ally,
                    reason=frame.reason,
                    detail=frame.detail,
                )

    def _charter(self, ally: str, frame: f.CharterFrame, now: int) -> None:
        room = self._acceptor.charter(ally, frame.charter)
        if room is None:
            return
        self.notices.append(Notice(Told.ROOM, ally, room.id, "charter"))
        is_ours = self.own.ally in room.signed.signatures
        if (
            not is_ours
            and self.settings.join == "paired"
            and all(a in self.state.allies.now or a == self.own.ally for a in room.members)
        ):
            room = self._sign_charter(room)
        self._open_if_in_force(room, now)

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
        if self.state.store.fact(key) is None and key not in self._journal:
            self._journal_since = self._journal_since or now
            self._journal[key] = now.to_bytes(8, "big")

    # Time and the group commit.

    def tick(self, now: int) -> None:
        """Let time pass: escalate what is overdue."""
        for on_desk in list(self.state.desk.now.values()):
            due = on_desk.due_at(self.settings.duty)
            if due is not None and now >= due:
                self._escalate(on_desk.message, now)

    def _escalate(self, message: bytes, now: int) -> None:
        on_desk = self.state.desk.now[message]
        posts = self.settings.duty.posts
        body = acts.Escalated(
            entry=message, step=on_desk.step + 1, from_post=posts[on_desk.step], to_post=posts[on_desk.step + 1]
        )
        room = self.state.rooms.now[on_desk.room]
        envelope = Envelope(posts[on_desk.step], (on_desk.opening, message), on_desk.precedence)
        self._author.write(room, Kind.ESCALATED, body, now, envelope)
        self.state.desk.set(message, msgspec.structs.replace(on_desk, step=on_desk.step + 1))
        self.notices.append(Notice(Told.ESCALATED, self.own.ally, room.id, body.to_post, on_desk.precedence))

    def next_wakeup(self) -> int | None:
        """Return when time alone will cause something, microseconds UTC; None if nothing will."""
        due = [peer.next_wakeup() for peer in self.peers.values() if peer.is_up]
        due += [at for at in (o.due_at(self.settings.duty) for o in self.state.desk.now.values()) if at is not None]
        covered = self._author.next_cover()
        if covered is not None:
            due.append(covered + self.settings.checkpoint_every_us)
        if self._journal:
            due.append(self._journal_since + self.settings.journal_every_us)
        return min(due, default=None)

    def close_group(self, now: int) -> Batch:
        """Return the batch to keep: all inputs since the last one, our receipts and our statements."""
        for (room_id, opening), messages in self._acceptor.to_deliver.items():
            self._deliver(self.state.rooms.now[room_id], opening, messages, now)
        self._acceptor.to_deliver.clear()
        self._author.cover(now)
        self._author.countersign(now)
        self.state.write_facts()
        if self._journal and (not self.state.batch.is_empty or now >= self._journal_since + self.settings.journal_every_us):
            self.state.batch.facts.update(self._journal)
        return self.state.batch

    def _deliver(self, room: Room, opening: bytes, messages: list[Kept], now: int) -> None:
        post = self.settings.duty.posts[0]
        precedence = max((kept.entry.header.precedence for kept in messages), default=Precedence.ROUTINE)
        for start in range(0, len(messages), RECEIPTS_AN_ENTRY):
            digests = tuple(kept.entry.digest for kept in messages[start : start + RECEIPTS_AN_ENTRY])
            body = acts.Delivered(entries=digests, post=post)
            self._author.write(room, Kind.DELIVERED, body, now, Envelope(post, (opening,), precedence))

    def committed(self) -> None:
        """The batch is durable: it may be told, shown and sent."""
        batch = self.state.batch
        changed = {kept.entry.header.room for kept in batch.entries} | {statement.room for statement in batch.statements}
        self._author.covered_all()
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

    def rolled_back(self) -> None:
        """The batch was not kept: nothing of it happened."""
        self.state.rolled_back()
        self._acceptor.to_deliver.clear()
        self._author.forget_batch()


def _written(kept: Kept) -> Written:
    return Written(kept.entry.digest, kept.entry.place, kept.entry.header.room)


def _reason(kept: Kept) -> str:
    body = acts.body_as(kept.entry.header.kind, kept.entry.body, acts.ChainOpened)
    return body.reason if body is not None else ""
