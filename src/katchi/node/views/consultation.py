"""Consultations: one line of a list, and one whole with its timeline.

Nothing here is stored or sent, and nothing is decided. Digests are hex, times microseconds UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from katchi.consult.acts import Opened, WordsProposed, body_as, read_body
from katchi.consult.consultation import Consultation, folded
from katchi.consult.crossing import crossed_pairs, in_causal_order
from katchi.consult.stances import Counts, Signature, agreed_words, joint_status
from katchi.node.batch import Kept
from katchi.node.docket import open_key, open_key_of
from katchi.node.state import State
from katchi.node.views.decision import DecisionView, decision_views
from katchi.node.views.receipts import Receipts, ReceiptView
from katchi.record.entry import Entry
from katchi.vocabulary import MESSAGES, Flag, Kind

PAGE_LENGTH = 50  # consultations
TIMELINE_LENGTH = 200  # entries


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


class ConsultationPage(msgspec.Struct, kw_only=True):
    """Some lines of a list, newest first."""

    consultations: list[ConsultationSummary]
    next: str | None  # the consultation to give as `before` for the next page; null on the last


class ConsultationView(ConsultationSummary, kw_only=True):
    """A consultation: all but its timeline is of the whole."""

    citing: str | None
    proposals: list[ProposalView]
    crossed: int
    entries: int  # of the whole
    earlier: int  # entries before the first one shown
    timeline: list[EntryView]
    decisions: list[DecisionView]


def openings(state: State) -> list[bytes]:
    """Return the openings of all consultations held."""
    return [kept.entry.digest for room in state.rooms.now for kept in state.store.openings(room)]


def consultation_list(state: State, *, openings: Iterable[bytes]) -> list[ConsultationSummary]:
    """Return one line for each consultation, newest first."""
    found = [consultation for consultation in map(state.consultation, openings) if consultation is not None]
    return [consultation_summary(state, one) for one in sorted(found, key=lambda c: -c.opened_at)]


def consultation_summary(state: State, consultation: Consultation) -> ConsultationSummary:
    """Return one line of a list."""
    return ConsultationSummary(**_summary(state, consultation))


def consultation_page(
    state: State,
    *,
    room: bytes | None = None,
    before: bytes | None = None,
    limit: int = PAGE_LENGTH,
    open_only: bool = False,
) -> ConsultationPage:
    """Return a page of consultations, newest first by the arrival of their openings here.

    Args:
        room: only those of this room.
        before: only those that came before this one: `next` of the page before.
        open_only: only those that some member has not ended; by our clock, where it went back.
    """
    rooms = [room] if room is not None else list(state.rooms.now)
    if open_only:
        found = open_consultations(state, rooms, before, limit + 1)
    else:
        recent = state.store.recent_openings(rooms, before, limit + 1)
        found = [one for kept in recent if (one := state.consultation(kept.entry.digest)) is not None]
    shown = [consultation_summary(state, one) for one in found[:limit]]
    return ConsultationPage(consultations=shown, next=shown[-1].id if shown and len(found) > limit else None)


def open_consultations(state: State, rooms: Iterable[bytes], before: bytes | None, limit: int) -> list[Consultation]:
    """Return at most `limit` consultations that some member has not ended, newest first."""
    last = ""
    if before is not None:
        opening = state.kept(before)
        if opening is None:
            return []
        last = open_key(opening).removeprefix(open_key_of(opening.entry.header.room))
    lines: list[tuple[str, bytes]] = []
    for room in rooms:
        within = open_key_of(room)
        found = state.docket.open.first(limit, within=within, after=within + last if last else None)
        lines += [(key.removeprefix(within), digest) for key, digest in found]
    return [one for _, digest in sorted(lines)[:limit] if (one := state.consultation(digest)) is not None]


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
        chain = state.chain(room, ally)
        if not chain.counts(signature.epoch, signature.seq):
            return False
        if len(chain.branches) == 1:  # then its place alone says where it lies
            return chain.covers(0, signature.seq)
        found = state.locate(signature.entry)
        return found is not None and chain.covers(found[2], found[3])

    return counts


def consultation_view(
    state: State, consultation: Consultation, *, limit: int | None = TIMELINE_LENGTH, before: bytes | None = None
) -> ConsultationView:
    """Return a consultation, and of its timeline the newest `limit` entries: all of them if that is None.

    Args:
        before: only entries that stand before this one: the first one shown, to see earlier ones.
    """
    kept = {k.entry.digest: k for k in state.store.about(consultation.opening) if k.entry.header.room == consultation.room}
    entries = [k.entry for k in kept.values()]
    opening = kept[consultation.opening].entry
    flags = folded(opening, consultation.standings, entries).flags
    crossed: dict[bytes, list[str]] = {}
    pairs = crossed_pairs(entries)
    for one, other in pairs:
        crossed.setdefault(one, []).append(other.hex())
        crossed.setdefault(other, []).append(one.hex())
    receipts = Receipts(state, consultation, entries)
    terms = body_as(opening.header.kind, opening.body, Opened)
    ordered = in_causal_order(entries)
    end = next((place for place, entry in enumerate(ordered) if entry.digest == before), len(ordered))
    start = max(0, end - limit) if limit is not None else 0
    return ConsultationView(
        **_summary(state, consultation),
        citing=terms.citing if terms else None,
        proposals=_proposals(state, consultation, kept),
        crossed=len(pairs),
        entries=len(ordered),
        earlier=start,
        timeline=[
            _entry_view(state, kept[entry.digest], flags.get(entry.digest, ()), crossed.get(entry.digest, []), receipts)
            for entry in ordered[start:end]
        ],
        decisions=decision_views(state, consultation) if any(map(_records_decision, entries)) else [],
    )


def _records_decision(entry: Entry) -> bool:
    return entry.header.kind == Kind.DECISION_RECORDED


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


def _entry_view(state: State, kept: Kept, flags: tuple[Flag, ...], crossed: list[str], receipts: Receipts) -> EntryView:
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
