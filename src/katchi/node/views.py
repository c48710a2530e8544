"""What people are shown: values folded from the record at the moment they are asked for.

Nothing here is stored or sent, and nothing is decided: a view may say "agreed", but what makes it so
are the signatures in the record. Digests are hex, times microseconds UTC by the clock that is named.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from katchi.consult.acts import Delivered, Opened, Read, WordsProposed, body_as, read_body
from katchi.consult.consultation import Consultation, folded
from katchi.consult.crossing import crossed_pairs, in_causal_order, seen_of
from katchi.consult.stances import Counts, Signature, agreed_words, joint_status
from katchi.link.peer import Peer
from katchi.node.batch import Kept
from katchi.node.state import State
from katchi.record.chain import Chain
from katchi.record.charter import Room
from katchi.record.digest import digest
from katchi.record.entry import Entry
from katchi.vocabulary import MESSAGES, Flag

PHRASE_DIGITS = 12


class ChainView(msgspec.Struct, kw_only=True):
    """How one ally's chain stands in a room."""

    ally: str
    length: int
    epoch: int
    head: str
    covered: int
    confirmed: dict[str, int]
    lacking: int
    forks: list[str]


class RoomView(msgspec.Struct, kw_only=True):
    """A room, in force or proposed."""

    id: str
    title: str
    mode: str
    hash: str
    members: list[str]
    missing: list[str]  # members who have not signed its charter
    national: bool
    phrase: str  # 12 digits of the digest of all heads: equal on all nodes that hold the same record
    chains: list[ChainView]


class ReceiptView(msgspec.Struct, kw_only=True):
    """The five facts of one message toward one ally; null where it has not happened, or is not known here."""

    ally: str
    sent: int | None = None  # our journal
    received: int | None = None  # within their countersigned height, when that came here
    delivered: int | None = None  # by their own statement
    read: int | None = None
    answered: int | None = None


class EntryView(msgspec.Struct, kw_only=True):
    """One entry in a timeline."""

    id: str
    place: str
    ally: str
    kind: str
    precedence: int
    post: str
    marking: str
    at: int  # its author's clock
    arrived_at: int  # our clock
    about: list[str]
    body: dict[str, Any] | None  # null while awaited, destroyed or not readable
    covered: bool
    confirmed_by: list[str]
    crossed: list[str]  # ids of the messages that crossed it
    flags: list[str]
    receipts: list[ReceiptView]


class ProposalView(msgspec.Struct, kw_only=True):
    """Words proposed, and who signed them."""

    id: str
    by: str
    words: dict[str, str]
    signed_by: list[str]
    agreed: bool
    unconfirmed: list[str]  # allies not yet confirmed to hold every signature


class ConsultationSummary(msgspec.Struct, kw_only=True):
    """One line of a list."""

    id: str
    room: str
    subject: str
    form: str
    opener: str
    opened_at: int
    due: int | None
    precedence: int
    status: str
    stances: dict[str, str]
    unread: int


class ConsultationView(ConsultationSummary, kw_only=True):
    """A consultation whole."""

    citing: str | None
    proposals: list[ProposalView]
    crossed: int
    timeline: list[EntryView]


class LinkView(msgspec.Struct, kw_only=True):
    """The link to one ally; the only view that is not derived from the record."""

    ally: str
    up: bool
    compared: str
    address: str | None
    version: int | None
    features: list[str]
    delay_ms: float | None
    skew_ms: float | None
    heard_at: int | None
    waiting: int
    equal_to: dict[str, int]  # room: our own entries that the ally has countersigned


def room_views(state: State) -> list[RoomView]:
    """Return all rooms, shared ones first."""
    rooms = sorted(state.rooms.now.values(), key=lambda room: (room.is_national, room.charter.founded, room.id))
    return [room_view(state, room) for room in rooms]


def room_view(state: State, room: Room) -> RoomView:
    """Return one room."""
    return RoomView(
        id=room.id.hex(),
        title=room.title,
        mode=room.mode,
        hash=room.hash,
        members=list(room.members),
        missing=list(room.missing),
        national=room.is_national,
        phrase=record_phrase([state.chain(room.id, ally) for ally in room.members]),
        chains=[_chain_view(state, room, ally) for ally in room.members],
    )


def record_phrase(chains: Iterable[Chain]) -> str:
    """Return 12 digits of the digest of all heads of a room, in groups of four."""
    heads = b"".join(sorted(branch.head for chain in chains for branch in chain.branches))
    number = int.from_bytes(digest("sha256", b"katchi record phrase 1\n", heads), "big") % 10**PHRASE_DIGITS
    digits = f"{number:0{PHRASE_DIGITS}d}"
    return " ".join(digits[i : i + 4] for i in range(0, PHRASE_DIGITS, 4))


def _chain_view(state: State, room: Room, ally: str) -> ChainView:
    chain = state.chain(room.id, ally)
    newest = chain.newest
    return ChainView(
        ally=ally,
        length=chain.length,
        epoch=newest.epoch if newest else 0,
        head=newest.head.hex() if newest else "",
        covered=newest.covered if newest else 0,
        confirmed=dict(newest.confirmed) if newest else {},
        lacking=sum((a.room, a.ally) == (room.id, ally) for a in state.awaited.now.values()),
        forks=[f"{ally} {fork.epoch}/{fork.seq}" for fork in chain.forks],
    )


def consultation_list(state: State, *, openings: Iterable[bytes]) -> list[ConsultationSummary]:
    """Return one line for each consultation, newest first."""
    found = [consultation for consultation in map(state.consultation, openings) if consultation is not None]
    return [ConsultationSummary(**_summary(state, one)) for one in sorted(found, key=lambda c: -c.opened_at)]


def _summary(state: State, consultation: Consultation) -> dict[str, Any]:
    opening = state.entry(consultation.opening)
    terms = consultation.terms or (body_as(opening.header.kind, opening.body, Opened) if opening else None)
    return {
        "id": consultation.opening.hex(),
        "room": consultation.room.hex(),
        "subject": terms.subject if terms else "",
        "form": terms.form.value if terms else "",
        "opener": consultation.opener,
        "opened_at": consultation.opened_at,
        "due": terms.due if terms else None,
        "precedence": consultation.precedence,
        "status": joint_status(consultation.standings, consultation.proposals, counting(state, consultation.room)).value,
        "stances": {ally: standing.stance.value for ally, standing in consultation.standings.items()},
        "unread": len(state.desk.unread(consultation.opening)),
    }


def counting(state: State, room: bytes) -> Counts:
    """Return whether an entry counts toward "agreed": covered by its author, before any open fork."""

    def counts(ally: str, signature: Signature) -> bool:
        chain, found = state.chain(room, ally), state.locate(signature.entry)
        return found is not None and chain.counts(signature.epoch, signature.seq) and chain.covers(found[2], found[3])

    return counts


def consultation_view(state: State, consultation: Consultation) -> ConsultationView:
    """Return a consultation with its whole timeline."""
    kept = {k.entry.digest: k for k in state.store.about(consultation.opening) if k.entry.header.room == consultation.room}
    entries = [k.entry for k in kept.values()]
    opening = kept[consultation.opening].entry
    flags = folded(opening, consultation.standings, entries).flags
    crossed: dict[bytes, list[str]] = {}
    pairs = crossed_pairs(entries)
    for one, other in pairs:
        crossed.setdefault(one, []).append(other.hex())
        crossed.setdefault(other, []).append(one.hex())
    receipts = _Receipts(state, consultation, entries)
    terms = body_as(opening.header.kind, opening.body, Opened)
    return ConsultationView(
        **_summary(state, consultation),
        citing=terms.citing if terms else None,
        proposals=_proposals(state, consultation, kept),
        crossed=len(pairs),
        timeline=[
            _entry_view(state, kept[entry.digest], flags.get(entry.digest, ()), crossed.get(entry.digest, []), receipts)
            for entry in in_causal_order(entries)
        ],
    )


def _proposals(state: State, consultation: Consultation, kept: dict[bytes, Kept]) -> list[ProposalView]:
    agreed = agreed_words(consultation.standings, consultation.proposals, counting(state, consultation.room))
    views = []
    for proposal, by in consultation.proposals.items():
        entry = kept[proposal].entry
        words = body_as(entry.header.kind, entry.body, WordsProposed)
        signatures = [
            (ally, s.epoch, s.seq)
            for ally, standing in consultation.standings.items()
            for s in standing.signatures
            if s.proposal == proposal
        ]
        unconfirmed = {
            other
            for ally, epoch, seq in signatures
            for other in consultation.standings
            if other not in (ally, state.own.ally) and other not in state.chain(consultation.room, ally).confirmed_by(epoch, seq)
        }
        views.append(
            ProposalView(
                id=proposal.hex(),
                by=by,
                words=dict(words.words) if words else {},
                signed_by=sorted({ally for ally, _, _ in signatures}),
                agreed=proposal in agreed,
                unconfirmed=sorted(unconfirmed) if proposal in agreed else [],
            )
        )
    return views


def _entry_view(state: State, kept: Kept, flags: tuple[Flag, ...], crossed: list[str], receipts: _Receipts) -> EntryView:
    entry = kept.entry
    header = entry.header
    chain = state.chain(header.room, header.ally)
    body = read_body(header.kind, entry.body)[0] if entry.body is not None else None
    return EntryView(
        id=entry.digest.hex(),
        place=entry.place,
        ally=header.ally,
        kind=header.kind,
        precedence=header.precedence,
        post=header.author,
        marking=header.marking,
        at=header.at,
        arrived_at=kept.arrived_at,
        about=[about.hex() for about in header.about],
        body=shown(body) if body is not None else None,
        covered=chain.is_covered(header.epoch, header.seq),
        confirmed_by=sorted(chain.confirmed_by(header.epoch, header.seq)),
        crossed=crossed,
        flags=[*kept.flags, *(flag.value for flag in flags)],
        receipts=receipts.of(entry) if header.kind in MESSAGES else [],
    )


def shown(value: Any) -> Any:
    """Return a body or part of one as JSON can hold it: bytes as hex."""
    plain = msgspec.to_builtins(value, builtin_types=(bytes,))

    def hexed(item: Any) -> Any:
        if isinstance(item, bytes):
            return item.hex()
        if isinstance(item, dict):
            return {str(hexed(k)): hexed(v) for k, v in item.items()}
        if isinstance(item, list | tuple):
            return [hexed(v) for v in item]
        return item

    return hexed(plain)


class _Receipts:
    """The five facts about the messages of one consultation."""

    def __init__(self, state: State, consultation: Consultation, entries: list[Entry]) -> None:
        self._state, self._consultation, self._entries = state, consultation, entries
        self._said: dict[tuple[str, bytes, type], int] = {}
        for entry in entries:
            body = body_as(entry.header.kind, entry.body, Delivered) or body_as(entry.header.kind, entry.body, Read)
            for message in body.entries if body is not None else ():
                self._said.setdefault((entry.header.ally, message, type(body)), entry.header.at)

    def of(self, message: Entry) -> list[ReceiptView]:
        return [
            ReceiptView(
                ally=ally,
                sent=self._sent(message, ally),
                received=self._received(message, ally),
                delivered=self._said.get((ally, message.digest, Delivered)),
                read=self._said.get((ally, message.digest, Read)),
                answered=self._answered(message, ally),
            )
            for ally in self._consultation.standings
            if ally != message.header.ally
        ]

    def _sent(self, message: Entry, ally: str) -> int | None:
        header = message.header
        if header.ally != self._state.own.ally:
            return None
        prefix = f"local/sent/{header.room.hex()}/{ally}/{header.epoch:016x}/"
        found = self._state.store.first_fact(prefix, f"{prefix}{header.seq + 1:016x}")
        return int.from_bytes(found, "big") if found is not None else None

    def _received(self, message: Entry, ally: str) -> int | None:
        header = message.header
        if ally == self._state.own.ally:
            kept = self._state.kept(message.digest)
            return kept.arrived_at if kept else None
        found = self._state.store.first_statement(header.room, header.ally, header.epoch, header.seq + 1, ally)
        return found.arrived_at if found is not None else None

    def _answered(self, message: Entry, ally: str) -> int | None:
        header = message.header
        answers = (
            entry.header.at
            for entry in self._entries
            if entry.header.ally == ally
            and entry.header.kind in MESSAGES
            and (message.digest in entry.header.about or seen_of(entry.header, header.ally) >= (header.epoch, header.seq))
        )
        return min(answers, default=None)


def link_views(state: State, peers: dict[str, Peer]) -> list[LinkView]:
    """Return how the link to each paired ally stands."""
    views = []
    for ally, paired in sorted(state.allies.now.items()):
        peer = peers.get(ally)
        shared = [room for room in state.rooms.now.values() if ally in room.members and not room.is_national and not room.missing]
        chains = {room.id: state.chain(room.id, state.own.ally) for room in shared}
        views.append(
            LinkView(
                ally=ally,
                up=bool(peer and peer.is_up),
                compared=paired.compared,
                address=paired.address,
                version=peer.version if peer and peer.is_up else None,
                features=sorted(peer.features) if peer else [],
                delay_ms=peer.delay_us / 1000 if peer and peer.delay_us is not None else None,
                skew_ms=peer.skew_us / 1000 if peer and peer.skew_us is not None else None,
                heard_at=peer.heard_at if peer else None,
                waiting=sum(
                    peer.waiting(room.id) if peer else chains[room.id].length - _confirmed(chains[room.id], ally)
                    for room in shared
                ),
                equal_to={room.id.hex(): _confirmed(chains[room.id], ally) for room in shared},
            )
        )
    return views


def _waiting(peer: Peer | None, chain: Chain, ally: str) -> int:
    return peer.waiting(chain.room) if peer else chain.length - _confirmed(chain, ally)


def _confirmed(chain: Chain, ally: str) -> int:
    return chain.newest.confirmed.get(ally, 0) if chain.newest else 0


class HeldEntry(msgspec.Struct, kw_only=True):
    """One entry in a picture of what a side held."""

    place: str
    kind: str
    at: int
    arrived_at: int | None
    id: str
    text: str


class HeldView(msgspec.Struct, kw_only=True):
    """What one side held at a time, and on whose word."""

    ally: str
    as_of: int
    by: str  # "own arrival times" or "its own statement"
    entries: list[HeldEntry]
    contradicted: list[str]  # countersignatures that show it held more than it stated


def held_view(state: State, room: Room, *, ally: str, as_of: int) -> HeldView:
    """Return what `ally` held of a room at `as_of`.

    Of our own node by arrival times; of another by its own statements (`sees`), with countersignatures
    of its own that contradict them beside it.
    """
    kept = list(state.store.entries(room.id))
    if ally == state.own.ally:
        held = [k for k in kept if k.arrived_at <= as_of]
        return HeldView(ally=ally, as_of=as_of, by="own arrival times", entries=[_held(k) for k in held], contradicted=[])
    spoken = [k.entry.header for k in kept if k.entry.header.ally == ally and k.entry.header.at <= as_of]
    seen = {other: max((seen_of(header, other) for header in spoken), default=(-1, -1)) for other in room.members}
    held = [
        k
        for k in kept
        if (k.entry.header.ally == ally and k.entry.header.at <= as_of)
        or (k.entry.header.ally != ally and (k.entry.header.epoch, k.entry.header.seq) <= seen[k.entry.header.ally])
    ]
    contradicted = [
        f"{ally} countersigned {s.ally} to {s.length}, but had stated to have seen {seen[s.ally][1] + 1}"
        for s in state.store.statements(room.id)
        if s.by == ally and s.ally != ally and s.arrived_at <= as_of and s.length > seen[s.ally][1] + 1
    ]
    return HeldView(
        ally=ally, as_of=as_of, by="its own statement", entries=[_held(k) for k in held], contradicted=contradicted[-3:]
    )


def _held(kept: Kept) -> HeldEntry:
    entry = kept.entry
    body = read_body(entry.header.kind, entry.body)[0] if entry.body is not None else None
    text = next((str(getattr(body, name)) for name in ("subject", "text", "words", "reason") if getattr(body, name, None)), "")
    return HeldEntry(
        place=entry.place,
        kind=entry.header.kind,
        at=entry.header.at,
        arrived_at=kept.arrived_at,
        id=entry.digest.hex(),
        text=text,
    )


def openings(state: State) -> list[bytes]:
    """Return the openings of all consultations held."""
    return [kept.entry.digest for room in state.rooms.now for kept in state.store.openings(room)]
