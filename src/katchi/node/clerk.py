"""Takes the commands of officers and operators: finds the room, asks the rules, has the act written.

A command that is refused has changed nothing: everything that can be refused is looked at before the
first entry is written. What is durable is told by the driver, not here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from katchi.consult import acts, rules
from katchi.consult.consultation import Consultation
from katchi.consult.stances import MOVES_NONE
from katchi.errors import Faults, Malformed, NotFound, NotTrusted, Refused
from katchi.node import commands as cmd
from katchi.node.accepting import Acceptor
from katchi.node.batch import CHUNK_SIZE, Chunk, Kept
from katchi.node.commands import Written
from katchi.node.notices import Notice, Told
from katchi.node.receipts import RECEIPTS_AN_ENTRY, Receipts
from katchi.node.settings import PairedAlly
from katchi.node.state import State, leaves_key
from katchi.node.writing import Author, Chance, Envelope, require_marking
from katchi.record import merkle
from katchi.record.canonical import decode_struct
from katchi.record.charter import Charter, Room, SignedCharter, charter_bytes, sign_charter, verified_charter
from katchi.record.fields import STATEMENT_SIZE_MAX
from katchi.record.identity import Contact, KnownAlly, SignedContact, SignedIdentity, verified_contact
from katchi.record.suite import Signer
from katchi.vocabulary import Kind


class Weighed(NamedTuple):
    """An act that nothing refuses, with all that is written of it."""

    room: Room
    act: rules.Act
    envelope: Envelope
    body: bytes


class Clerk:
    """One node's commands."""

    def __init__(
        self,
        state: State,
        author: Author,
        acceptor: Acceptor,
        receipts: Receipts,
        signer: Signer,
        chance: Chance,
        notices: list[Notice],
    ) -> None:
        self.state, self.own, self.settings = state, state.own, state.settings
        self._author, self._acceptor, self._receipts = author, acceptor, receipts
        self._signer, self._chance, self._notices = signer, chance, notices

    def submit(self, command: cmd.NodeCommand, now: int) -> Written:
        """Take an officer's or operator's command into the batch.

        Raises:
            KatchiError: refused, malformed, not found or not trusted; the batch is as before.
        """
        match command:
            case cmd.FoundRoom():
                return self._found(command, now)
            case cmd.JoinRoom():
                return self._join(command, now)
            case cmd.Pair():
                return self._pair(command.ally, now)
            case cmd.Consider():
                self._weighed(command.act, now)
                return Written()
            case cmd.KeepChunk():
                return self._keep_chunk(command)
            case cmd.MarkRead():
                return self._mark_read(command, now)
            case cmd.AcceptRepair():
                return self._accept_repair(command, now)
            case _:
                return self._consult(command, now)

    def _consult(self, command: rules.Open | rules.ConsultationCommand, now: int) -> Written:
        weighed = self._weighed(command, now)
        room, act = weighed.room, weighed.act
        if isinstance(command, rules.Open | rules.StatePosition):
            self._require_papers(room, command.papers)
        kept = self._author.write_bytes(room, act.kind, weighed.body, now, weighed.envelope)
        self._acceptor.fold(kept)
        if not isinstance(command, rules.Open) and act.kind not in MOVES_NONE:  # whoever answers has read
            self._read_all(self.consultation(command.consultation), command.post, command.by, now)
        return _written(kept)

    def _weighed(self, command: rules.Open | rules.ConsultationCommand, now: int) -> Weighed:
        """Return the act that a command causes, or raise what refuses it, but for papers not kept yet. Changes nothing."""
        faults = Faults()
        with faults:
            if isinstance(command, rules.Open):
                room, act = self.room(command.room), rules.decide_open(command, now=now)
            else:
                state = self.consultation(command.consultation)
                room = self.state.rooms.now[state.room]
                is_frozen = self.state.chain(room.id, self.own.ally).is_frozen
                act = rules.decide(state, self.own.ally, command, self.state.entry, is_frozen, now=now)
        with faults:
            require_marking(command.marking or "")
        faults.require_none()
        envelope = self._envelope(act)
        return Weighed(room, act, envelope, self._author.require_writable(room, act.body, envelope))

    def _envelope(self, act: rules.Act) -> Envelope:
        marking = self.settings.usual_marking if act.command.marking is None else act.command.marking
        return Envelope(self._post(act.command.post), act.about, act.command.precedence, marking)

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
            members[ally] = self.paired(ally)
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
        self.open_if_in_force(room, now)
        return Written(room.id, room=room.id)

    def _join(self, command: cmd.JoinRoom, now: int) -> Written:
        room = self.state.rooms.get(command.room)
        if room is None:
            raise NotFound("no charter here founds that room", hint="`katchi room list` shows what was proposed.")
        self.open_if_in_force(self.sign_charter(room), now)
        return Written(room.id, room=room.id)

    def sign_charter(self, room: Room) -> Room:
        """Add our signatures to a charter whose members are all as paired here; return the room."""
        for ally, member in room.members.items():
            if ally != self.own.ally and member.fingerprint != self.paired(ally).fingerprint:
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

    def paired(self, ally: str) -> KnownAlly:
        """Return a paired ally's verified identity, or raise NotFound."""
        paired = self.state.allies.get(ally)
        if paired is None:
            raise NotFound(
                "{ally} is not paired with this node",
                hint="Exchange invitations first: `katchi node invite`, `katchi node pair`.",
                ally=ally,
            )
        return self.state.identity(SignedIdentity(paired.identity, paired.identity_signatures))

    def open_if_in_force(self, room: Room, now: int) -> None:
        """Begin our chain in a room once every member has signed its charter."""
        if not room.missing and not self.state.chain(room.id, self.own.ally).branches:
            self._author.open_chain(room, now)
            self._notices.append(Notice(Told.ROOM, self.own.ally, room.id, "in force"))

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
        serial_min = 0
        for ally, held in self.state.allies.now.items():
            if ally.casefold() == known.ally.casefold():
                if held.identity != paired.identity:
                    raise NotTrusted(
                        "{ally} is already paired with another key",
                        hint="A second key for a known ally is refused. Ask {ally} by telephone what happened.",
                        ally=ally,
                    )
                serial_min = decode_struct(held.contact, Contact, size_max=STATEMENT_SIZE_MAX).serial
            elif paired.certificate and paired.certificate == held.certificate:
                raise NotTrusted(
                    "the certificate in {ally}'s invitation is that of {other}",
                    hint="Nothing was paired. Ask {ally} for an invitation of its own node.",
                    ally=known.ally,
                    other=ally,
                )
        verified_contact(SignedContact(paired.contact, paired.contact_signatures), known, serial_min=serial_min)
        self.state.allies.set(known.ally, paired)
        return Written(known.fingerprint)

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
                    hint="Attach it again; nothing was sent.",
                    field="papers",
                    name=paper.name,
                    held=size,
                    size=paper.size,
                )
            self.state.batch.facts[leaves_key(room.id, paper.root)] = b"".join(leaves)

    def _mark_read(self, command: cmd.MarkRead, now: int) -> Written:
        state = self.consultation(command.consultation)
        self._read(state, [m for m in command.messages if m in self.state.desk], command.post, command.by, now)
        return Written(command.consultation)

    def _read_all(self, state: Consultation, post: str | None, by: str | None, now: int) -> None:
        self._read(state, self.state.desk.unread(state.opening), post, by, now)

    def _read(self, state: Consultation, messages: list[bytes], post: str | None, by: str | None, now: int) -> None:
        seat = self._post(post)
        room = self.state.rooms.now[state.room]
        if messages:
            self._receipts.write(now)  # read implies delivered
        for start in range(0, len(messages), RECEIPTS_AN_ENTRY):
            body = acts.Read(by=by, entries=tuple(messages[start : start + RECEIPTS_AN_ENTRY]), post=seat)
            self._author.write(room, Kind.READ, body, now, Envelope(seat, (state.opening,)))
        for message in messages:
            self.state.desk.set(message, None)

    def _accept_repair(self, command: cmd.AcceptRepair, now: int) -> Written:
        room = self.room(command.room)
        chain = self.state.chain(room.id, command.ally)
        settling = [(one.epoch, one.digest) for one in chain.repairs if any(chain.settles(one, f) for f in chain.open_forks)]
        if not settling:
            raise Refused(
                "{ally} has no fork in this room that it has repaired",
                hint="`katchi record audit DIR` says how each chain stands.",
                ally=command.ally,
            )
        envelope = Envelope(self._post(None), (max(settling)[1],))
        body = acts.RepairAccepted(by=command.by, ally=command.ally)
        kept = self._author.write(room, Kind.REPAIR_ACCEPTED, body, now, envelope)
        self._acceptor.repaired(room, kept, body)
        return _written(kept)

    def room(self, room: bytes | None) -> Room:
        """Return a room by id; None means the only shared one in force, else the national one."""
        if room is not None:
            found = self.state.rooms.get(room)
            if found is None:
                raise NotFound("no room here goes by that id", hint="`katchi room list` shows all rooms.", field="room")
            return found
        shared = [r for r in self.state.rooms.now.values() if not r.is_national and not r.missing]
        if len(shared) > 1:
            raise Refused(
                "this node shares {n} rooms", hint="Name one with --room ID: `katchi room list`.", field="room", n=len(shared)
            )
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


def _written(kept: Kept) -> Written:
    return Written(kept.entry.digest, kept.entry.place, kept.entry.header.room)
