"""How what an ally's node sends is taken over: verified, placed in its chain, kept, folded.

What does not verify is not taken over and is named; what verifies is always kept, whether or not its
author kept the rules. Nothing here decides anything for us: receipts and countersignatures are
written afterwards, as entries and statements of our own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from katchi.consult import acts
from katchi.consult.acts import read_body
from katchi.consult.consultation import Consultation, evolve, is_in_order
from katchi.consult.duty import OnDesk
from katchi.consult.stances import is_done, is_over
from katchi.errors import Sentence, Unverified
from katchi.link import frames as f
from katchi.node.batch import Body, Kept
from katchi.node.notices import Notice, Told, refused
from katchi.node.papers import Papers
from katchi.node.state import State
from katchi.node.writing import Author, opening_of
from katchi.record import chain as c
from katchi.record import digest as d
from katchi.record import growth
from katchi.record.charter import Room, SignedCharter, verified_charter
from katchi.record.checking import Check, Signature, entry_signature
from katchi.record.entry import Entry, Header, check_body, decode_header, verified_as
from katchi.vocabulary import MESSAGES, Flag, Kind

_Arrived = tuple[f.EntryItem, Header | Unverified]  # an entry, and its header or why it has none


class Acceptor:
    """Takes over what allies' nodes send, into one node's state."""

    def __init__(self, state: State, author: Author, papers: Papers, notices: list[Notice], check: Check) -> None:
        self._state, self._author, self._papers, self._notices, self._check = state, author, papers, notices, check
        self._read: set[bytes] = set()  # messages that our own returned receipts name
        self._receipted: set[bytes] = set()  # the same, of delivery
        self.brought: dict[tuple[str, bytes, str, int], tuple[int, int]] = {}  # (via, room, ally, branch): length, when

    def entries(self, via: str, frame: f.Entries, now: int) -> None:
        """Take over a run of entries; one that does not follow what is held ends its chain's run."""
        room = self._state.shared_room(via, frame.room)
        ended: set[str] = set()
        for (item, header), holds in self._check(self._signatures(room, frame.entries)):
            try:
                if isinstance(header, Unverified):
                    raise header
                if header.ally not in ended:
                    self._entry(room, via, item, header, holds, now, ended)
            except Unverified as error:
                self._notices.append(refused(via, room.id, error))

    def _signatures(self, room: Room, items: Iterable[f.EntryItem]) -> Iterator[tuple[_Arrived, Signature | None]]:
        """Yield each entry with the signature to check; none where it is refused for its form, or looks held already."""
        for item in items:
            try:
                header = decode_header(item.header)
            except Unverified as error:
                yield (item, error), None
                continue
            newest = self._state.chain(room.id, header.ally).newest
            looks_held = newest is not None and (header.epoch, header.seq) < (newest.epoch, newest.length)
            checked = None if looks_held else entry_signature(room, header.ally, item.header, item.signature)
            yield (item, header), checked

    def _entry(
        self, room: Room, via: str, item: f.EntryItem, header: Header, holds: bool | None, now: int, ended: set[str]
    ) -> None:
        ally = header.ally
        chain = self._state.chain(room.id, ally)
        newest = chain.newest
        if newest is None or header.prev != newest.head or len(chain.branches) > 1:  # what follows the only head cannot be held
            digest = d.digest(room.hash, d.ENTRY, item.header)
            held = self._state.locate(digest)
            if held is not None and held[0] == room.id:
                self._note_brought(via, *held, now)
                if item.body is not None and digest in self._state.awaited.now:
                    self._body(room, digest, item.salt or b"", item.body, now)
                return
        entry = verified_as(header, room, item.header, item.signature, item.salt, item.body, signature_holds=holds)
        try:
            grown = growth.grown(
                chain, entry, room.hash, self._state.locate_in(chain), self._state.leaves_of(chain), self._state.entry_at(chain)
            )
        except growth.Gap:
            ended.add(ally)
            return
        if grown.branch == len(chain.branches):
            self._require_place_for(chain, entry, via)
        body, body_flags = read_body(header.kind, entry.body) if entry.body is not None else (None, ())
        kept = Kept(entry, grown.branch, opening_of(entry), now, via, self._flags(chain, header, body_flags))
        self._state.keep(kept, grown.chain, now)
        self._countersign_if_settled(chain, grown.chain)
        self._note_brought(via, room.id, ally, grown.branch, header.seq, now)
        if grown.fork is not None:
            what = Sentence("two entries signed for {place}", place=f"{ally} {grown.fork.epoch}/{grown.fork.seq}")
            self._notices.append(Notice(Told.FORK, ally, room.id, str(what), words=what))
        self.fold(kept)
        if entry.body is not None:
            self._lay(room, kept, body, now)

    def _flags(self, chain: c.Chain, header: Header, body_flags: tuple[Flag, ...]) -> tuple[str, ...]:
        """How an entry leaves the rules, as far as the entry before it and its body show it."""
        flags: list[str] = []
        before = self._before(chain, header.prev)
        if before is not None:
            flags += growth.goes_back(header, before)
        if header.kind in MESSAGES and header.kind != Kind.CONSULTATION_OPENED and not header.about:
            flags.append(Flag.ABOUT_MISSING)
        if header.kind not in acts.SHAPES:
            flags.append(Flag.UNKNOWN_KIND)
        return tuple(dict.fromkeys((*flags, *body_flags)))

    def _before(self, chain: c.Chain, prev: bytes) -> c.Branch | Header | None:
        """The entry that a `prev` names, whether or not it is a head; None at the room's id."""
        for branch in chain.branches:
            if branch.head == prev:
                return branch
        entry = self._state.entry(prev)
        return entry.header if entry is not None else None

    def _note_brought(self, via: str, room: bytes, ally: str, branch: int, seq: int, now: int) -> None:
        key = (via, room, ally, branch)
        self.brought[key] = max(self.brought.get(key, (0, 0))[0], seq + 1), now

    def _require_place_for(self, chain: c.Chain, entry: Entry, via: str) -> None:
        """Refuse a new branch if its epoch has no place left for what comes this way.

        The author's own node and all others have places of their own: what is forged with an ally's
        keys and passed on by others never takes the place of what the ally itself sends.
        """
        is_direct = via == chain.ally
        beside = [index for index, branch in enumerate(chain.branches) if branch.epoch == entry.header.epoch][1:]
        if sum((self._begun_by(chain, index) == chain.ally) == is_direct for index in beside) >= c.BRANCHES_BESIDE_MAX:
            raise Unverified(
                "fork-limit",
                "{place}: {n} branches that came this way are kept beside the first",
                place=entry.place,
                n=c.BRANCHES_BESIDE_MAX,
            )

    def _begun_by(self, chain: c.Chain, index: int) -> str | None:
        """Whose node brought the first entry of a branch."""
        kept = self._state.kept(self._state.entry_at(chain)(index, chain.branches[index].start))
        return kept.via if kept is not None else None

    def fold(self, kept: Kept) -> None:
        """Take one entry into the consultation it belongs to."""
        header = kept.entry.header
        if kept.opening is None or header.kind not in MESSAGES:
            return
        state = self._state.consultation(kept.opening)
        if state is None or state.room != header.room:
            return
        is_anew = header.kind == Kind.CONSULTATION_OPENED or not is_in_order(state, kept.entry)
        if is_anew:
            refolded = self._state.fold(kept.opening)
        else:
            refolded, _ = evolve(state, kept.entry)
        self._state.consultations.set(kept.opening, refolded)
        is_given_back = header.ally == self._state.own.ally != kept.via
        if is_anew or is_given_back:
            self._state.redo_docket(kept.opening)
        elif refolded is not None:
            self._note(kept, state, refolded)

    def _note(self, kept: Kept, before: Consultation, after: Consultation) -> None:
        """Note what one message, the newest of its author's in its consultation, changes of what is still to be done."""
        ally, docket = kept.entry.header.ally, self._state.docket
        if ally == self._state.own.ally:
            docket.said(kept, after.standings)
        if is_done(before.standings[ally]) or is_done(after.standings[ally]):
            opening = self._state.kept(after.opening)
            if opening is not None:
                docket.note(opening, is_open=not is_over(after.standings))

    def _lay(self, room: Room, kept: Kept, body: acts.Body | None, now: int) -> None:
        """An entry is here with its body: lay a message before the post on duty, note papers and repairs."""
        header = kept.entry.header
        self.repaired(room, kept, body)
        if isinstance(body, acts.Opened | acts.PositionStated):
            self._papers.want(room, kept, body.papers)
        if isinstance(body, acts.Read) and kept.opening is not None:
            self._note_read(kept, body, kept.opening)
        if header.ally == self._state.own.ally:  # our own tail, given back after a restore
            self._take_back_receipts(body)
            return
        message = kept.entry.digest
        if header.kind not in MESSAGES or kept.opening is None or message in self._read:
            return
        on_desk = OnDesk(message, kept.opening, room.id, header.precedence, now)
        self._state.desk.set(message, on_desk)
        if message not in self._receipted:
            self._state.unreceipted.set(message, on_desk)
        self._notices.append(Notice(Told.MESSAGE, header.ally, room.id, header.kind, header.precedence))

    def _note_read(self, kept: Kept, body: acts.Read, opening: bytes) -> None:
        """Note which of our messages an ally says it has read."""
        for digest in body.entries:
            message = self._state.entry(digest)
            if message is not None and message.header.ally == self._state.own.ally != kept.entry.header.ally:
                self._state.docket.read(message, opening, kept.entry.header.room, kept.entry.header.ally)

    def _take_back_receipts(self, body: acts.Body | None) -> None:
        """What our chain says already is not said again; that a message was read comes after that it was delivered."""
        if not isinstance(body, acts.Delivered | acts.Read):
            return
        self._receipted.update(body.entries)
        for message in body.entries:
            self._state.unreceipted.set(message, None)
        if isinstance(body, acts.Read):
            self._read.update(body.entries)
            for message in body.entries:
                self._state.desk.set(message, None)

    def repaired(self, room: Room, kept: Kept, body: acts.Body | None) -> None:
        """Note a repair, or the acceptance of one, if `kept` is that."""
        header = kept.entry.header
        heads = acts.repaired_heads(body)
        if heads is not None:
            chain = self._state.chain(room.id, header.ally)
            self._replace(chain, self._state.with_repair(chain, kept.entry, heads))
        if isinstance(body, acts.RepairAccepted) and header.about and body.ally in room.members:
            theirs = self._state.chain(room.id, body.ally)
            self._replace(theirs, growth.accepted(theirs, header.about[0], header.ally))

    def _replace(self, chain: c.Chain, by: c.Chain) -> None:
        if by is not chain:
            self._state.chains.set((chain.room, chain.ally), by)
            self._countersign_if_settled(chain, by)

    def _countersign_if_settled(self, before: c.Chain, after: c.Chain) -> None:
        if before.is_frozen and not after.is_frozen and after.ally != self._state.own.ally:
            self._author.uncountersigned.add((after.room, after.ally))  # what waited for the repair

    def bodies(self, via: str, frame: f.Bodies, now: int) -> None:
        """Fill in bodies whose headers are held."""
        room = self._state.shared_room(via, frame.room)
        for item in frame.bodies:
            awaited = self._state.awaited.get(item.digest)
            if awaited is not None and awaited.room == room.id:
                try:
                    self._body(room, item.digest, item.salt, item.body, now)
                except Unverified as error:
                    self._notices.append(refused(via, room.id, error))

    def _body(self, room: Room, digest: bytes, salt: bytes, body: bytes, now: int) -> None:
        kept = self._state.kept(digest)
        if kept is None or kept.entry.body is not None:
            return
        header = kept.entry.header
        check_body(room.hash, header, salt, body)
        value, more = read_body(header.kind, body)
        flags = tuple(dict.fromkeys((*kept.flags, *more)))
        whole = msgspec.structs.replace(kept, entry=kept.entry.with_body(salt, body), flags=flags)
        if not self._state.fill(whole):
            self._state.batch.bodies.append(Body(digest, salt, body, flags))
        if header.kind == Kind.CONSULTATION_OPENED:
            self.fold(whole)
        self._lay(room, whole, value, now)

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
