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
from katchi.node.state import State
from katchi.node.views.receipts import Receipts, ReceiptView
from katchi.vocabulary import MESSAGES, Flag


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


def openings(state: State) -> list[bytes]:
    """Return the openings of all consultations held."""
    return [kept.entry.digest for room in state.rooms.now for kept in state.store.openings(room)]


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
    receipts = Receipts(state, consultation, entries)
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
