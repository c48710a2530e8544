"""How what an ally's node sends is taken over: verified, placed in its chain, kept, folded.

What does not verify is not taken over and is named; what verifies is always kept, whether or not its
author kept the rules. Nothing here decides anything for us: receipts and countersignatures are
written afterwards, as entries and statements of our own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from katchi.consult import acts
from katchi.consult.acts import read_body
from katchi.consult.consultation import Consultation, evolve, is_in_order
from katchi.consult.duty import OnDesk
from katchi.consult.stances import is_done, is_over
from katchi.errors import Sentence, Unverified
from katchi.link import frames as f
from katchi.link.holdings import PaperWanted
from katchi.node.batch import Body, Chunk, Kept, KeptStatement
from katchi.node.notices import Notice, Told, refused
from katchi.node.state import State, leaves_key
from katchi.node.writing import Author, opening_of
from katchi.record import chain as c
from katchi.record import digest as d
from katchi.record import merkle
from katchi.record.canonical import decode_struct
from katchi.record.charter import Room, SignedCharter, verified_charter
from katchi.record.checking import Check, Signature, entry_signature
from katchi.record.checkpoint import (
    Checkpoint,
    Countersignature,
    Signed,
    are_inconsistent,
    verified_checkpoint,
    verified_countersignature,
)
from katchi.record.entry import Entry, Header, check_body, decode_header, verified_as
from katchi.record.fields import STATEMENT_SIZE_MAX
from katchi.vocabulary import MESSAGES, Flag, Kind

_Arrived = tuple[f.EntryItem, Header | Unverified]  # an entry, and its header or why it has none


class Acceptor:
    """Takes over what allies' nodes send, into one node's state."""

    def __init__(self, state: State, author: Author, notices: list[Notice], check: Check) -> None:
        self._state, self._author, self._notices, self._check = state, author, notices, check
        self._leaves: dict[tuple[bytes, bytes], list[bytes]] = {}
        self._read: set[bytes] = set()  # messages that our own returned receipts name
        self._receipted: set[bytes] = set()  # the same, of delivery
        self.brought: dict[tuple[str, bytes, str, int], tuple[int, int]] = {}  # (via, room, ally, branch): length, when

    def entries(self, via: str, frame: f.Entries, now: int) -> None:
        """Take over a run of entries; one that does not follow what is held ends its chain's run."""
        room = self._room(via, frame.room)
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
            grown = c.grown(chain, entry, room.hash, self._locate(chain), self._leaves_of(chain), self._entry_at(chain))
        except c.Gap:
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
            flags += c.goes_back(header, before)
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
        kept = self._state.kept(self._entry_at(chain)(index, chain.branches[index].start))
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
            self._want_papers(room, kept, body.papers)
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
            self._replace(theirs, c.accepted(theirs, header.about[0], header.ally))

    def _replace(self, chain: c.Chain, by: c.Chain) -> None:
        if by is not chain:
            self._state.chains.set((chain.room, chain.ally), by)
            self._countersign_if_settled(chain, by)

    def _countersign_if_settled(self, before: c.Chain, after: c.Chain) -> None:
        if before.is_frozen and not after.is_frozen and after.ally != self._state.own.ally:
            self._author.uncountersigned.add((after.room, after.ally))  # what waited for the repair

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

    def statements(self, via: str, frame: f.Statements, now: int) -> None:
        """Take over checkpoints and countersignatures; those ahead of what is held will come again."""
        room = self._room(via, frame.room)
        for signed in frame.checkpoints:
            self._named(via, room, self._checkpoint, signed, now)
        for signed in frame.countersignatures:
            self._named(via, room, self._countersignature, signed, now)

    def _named(self, via: str, room: Room, take: Callable[[Room, Signed, int], None], signed: Signed, now: int) -> None:
        try:
            take(room, signed, now)
        except c.Gap:
            pass
        except Unverified as error:
            told = Told.LIE if error.reason == "countersignature-two-histories" else Told.REFUSED
            self._notices.append(refused(via, room.id, error, told))

    def _checkpoint(self, room: Room, signed: Signed, now: int) -> None:
        checkpoint = verified_checkpoint(room, signed)
        chain = self._state.chain(room.id, checkpoint.ally)
        longer, index = c.covered(chain, checkpoint, room.hash, self._frontier_at(chain, room.hash), self._entry_at(chain))
        if longer.branches[index].covered == chain.branches[index].covered:
            return
        self._state.chains.set((room.id, checkpoint.ally), longer)
        kept = KeptStatement(room.id, checkpoint.ally, checkpoint.epoch, checkpoint.length, checkpoint.ally, signed, now)
        self._state.batch.statements.append(kept)
        if checkpoint.ally != self._state.own.ally:
            self._author.uncountersigned.add((room.id, checkpoint.ally))

    def _countersignature(self, room: Room, signed: Signed, now: int) -> None:
        counter = verified_countersignature(room, signed)
        is_lie = self._contradicts(room, counter, signed)
        if is_lie and self._is_proved_a_liar(room, counter):
            raise _two_histories(counter)
        kept = KeptStatement(room.id, counter.ally, counter.epoch, counter.length, counter.by, signed, now)
        try:
            is_news = self._confirm(room, counter)
        except (c.Gap, Unverified):
            if not is_lie:
                raise
            is_news = False
        if is_news or is_lie:  # one that confirms nothing is kept as evidence
            self._state.batch.statements.append(kept)
        if is_lie:
            self._state.batch.facts[_liar_key(room, counter)] = counter.length.to_bytes(8, "big")
            raise _two_histories(counter)

    def _contradicts(self, room: Room, counter: Countersignature, signed: Signed) -> bool:
        """Whether its signer has vouched for another history at the same place."""
        place = (room.id, counter.ally, counter.epoch, counter.length)
        fresh = [s for s in self._state.batch.statements if (s.room, s.ally, s.epoch, s.length) == place]
        ours = [s.signed for s in (*self._state.store.statements_at(*place), *fresh) if s.by == counter.by]
        others = [one for one in ours if one.statement != signed.statement]
        return any(are_inconsistent(verified_countersignature(room, one), counter) for one in others)

    def _is_proved_a_liar(self, room: Room, counter: Countersignature) -> bool:
        """Whether two contradicting countersignatures of a signer are kept already: one pair a chain and epoch is enough."""
        key = _liar_key(room, counter)
        return key in self._state.batch.facts or self._state.store.fact(key) is not None

    def _confirm(self, room: Room, counter: Countersignature) -> bool:
        """Note how much of a chain a countersignature confirms; return whether that is more than before.

        Raises:
            Gap: its entries have not all arrived. Unverified: its signer holds another history than is here.
        """
        chain = self._state.chain(room.id, counter.ally)
        for index, branch in enumerate(chain.branches):
            if branch.epoch != counter.epoch or not branch.start < counter.length <= branch.length:
                continue
            if self._entry_at(chain)(index, counter.length - 1) == counter.head:
                if self._root_at(room, chain, index, counter.length) != counter.root:
                    raise Unverified(
                        "countersignature-other-history",
                        "{by} vouched for a root that is not {ally}'s",
                        by=counter.by,
                        ally=counter.ally,
                    )
                if branch.confirmed.get(counter.by, 0) >= counter.length:
                    return False
                self._state.chains.set((room.id, counter.ally), c.confirmed(chain, index, counter.by, counter.length))
                return True
        if any(branch.epoch == counter.epoch and branch.length >= counter.length for branch in chain.branches):
            raise Unverified(
                "countersignature-other-history",
                "{by} holds another entry at {place}",
                by=counter.by,
                place=f"{counter.ally} {counter.epoch}/{counter.length - 1}",
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
        return merkle.root(room.hash, self._frontier_at(chain, room.hash)(index, length))

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
            self._notices.append(refused(via, room.id, Unverified("paper-leaves", "they do not hash to the paper's root")))
            return
        self._leaves[room.id, frame.root] = leaves
        self._state.papers.set((room.id, frame.root), msgspec.structs.replace(wanted, has_leaves=True))

    def chunk(self, via: str, frame: f.ChunkFrame) -> bool:
        """Take the next chunk of a paper that we want, if it is the one its leaf names; False if we want it still."""
        room = self._room(via, frame.room)
        key = (room.id, frame.root)
        wanted, leaves = self._state.papers.get(key), self._leaves.get(key)
        if wanted is None or frame.index < wanted.first_missing:
            return True
        if leaves is None or frame.index > wanted.first_missing:
            return False
        if merkle.leaf(room.hash, frame.data) != leaves[frame.index]:
            other = Unverified("paper-chunk", "chunk {index} is not the one named", index=frame.index)
            self._notices.append(refused(via, room.id, other))
            return False
        self._state.batch.chunks.append(Chunk(room.id, frame.root, frame.index, frame.data))
        if frame.index + 1 == len(leaves):
            self._state.papers.set(key, None)
            self._state.batch.facts[leaves_key(*key)] = b"".join(leaves)
            self._notices.append(Notice(Told.PAPER, wanted.author, room.id, frame.root.hex()))
        else:
            self._state.papers.set(key, msgspec.structs.replace(wanted, first_missing=frame.index + 1))
        return True

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

    def _frontier_at(self, chain: c.Chain, hash_name: str) -> c.FrontierAt:
        def frontier_at(branch: int, length: int) -> merkle.Frontier:
            def leaves(start: int, end: int) -> list[bytes]:
                return self._state.path_digests(chain, branch, start, end)

            return self._state.frontiers.at((chain.room, chain.ally, branch), length, hash_name, leaves)

        return frontier_at

    def _entry_at(self, chain: c.Chain) -> c.EntryAt:
        return lambda branch, seq: self._state.path_digests(chain, branch, seq, seq + 1)[0]


def _liar_key(room: Room, counter: Countersignature) -> str:
    """The fact that two contradicting countersignatures of one signer are kept."""
    return f"local/liar/{room.id.hex()}/{counter.ally}/{counter.epoch:016x}/{counter.by}"


def _two_histories(counter: Countersignature) -> Unverified:
    what = "{by} vouched for two histories of {ally}"
    return Unverified("countersignature-two-histories", what, by=counter.by, ally=counter.ally)
