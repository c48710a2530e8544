"""What an ally recorded as decided, beside what it states to have seen of each side by then.

Who was consulted, and what each side held, is read from the record as the decision's author states to
have seen it (`sees`; of its own acts, those before it), not as it stands now: what came later changes
nothing here. Nothing is stored or sent, and nothing is decided. Digests are hex, times microseconds UTC.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from katchi.consult.acts import DecisionRecorded, PositionStated, body_as
from katchi.consult.consultation import Consultation, folded
from katchi.consult.crossing import in_causal_order
from katchi.node.batch import Kept
from katchi.node.state import State
from katchi.record.entry import Entry
from katchi.vocabulary import Kind

Tip = tuple[int | None, int, int]  # (branch where it is held here, epoch, seq) of the newest entry seen of an ally
NOTHING: Tip = (None, -1, -1)


class DecisionView(msgspec.Struct, kw_only=True):
    """A decision as its author recorded it, and what its author states to have seen."""

    id: str
    place: str
    ally: str
    post: str
    by: str | None
    at: int  # its author's clock
    arrived_at: int  # our clock
    question: str
    options: list[str]
    outcome: str
    owner: str
    reason: str
    deadline: int | None
    follow_up: str | None
    consulted: dict[str, str]  # each other member: its stance as the author had seen it
    positions: dict[str, str | None]  # its own too: the latest stated that the author had seen; null while its text is not held
    seen: dict[str, list[int]]  # each other member of which anything was seen: [epoch, seq] of the newest entry
    lacking: list[str]  # members of whom that newest entry is not held here: what is shown of them may fall short


def decision_views(state: State, consultation: Consultation) -> list[DecisionView]:
    """Return the decisions recorded in a consultation, in causal order; those whose body is not held are left out."""
    kept = {k.entry.digest: k for k in state.store.about(consultation.opening) if k.entry.header.room == consultation.room}
    recorded = [k.entry for k in kept.values() if k.entry.header.kind == Kind.DECISION_RECORDED]
    views = []
    for entry in in_causal_order(recorded):
        body = body_as(entry.header.kind, entry.body, DecisionRecorded)
        if body is not None:
            views.append(_view(state, consultation, kept[entry.digest], body, kept.values()))
    return views


def _view(
    state: State, consultation: Consultation, decision: Kept, body: DecisionRecorded, entries: Collection[Kept]
) -> DecisionView:
    entry, header = decision.entry, decision.entry.header
    seen = _seen(state, decision, entries)
    opening = next(k.entry for k in entries if k.entry.digest == consultation.opening)
    standings = folded(opening, consultation.standings, seen).consultation.standings
    return DecisionView(
        id=entry.digest.hex(),
        place=entry.place,
        ally=header.ally,
        post=header.author,
        by=body.by,
        at=header.at,
        arrived_at=decision.arrived_at,
        question=body.question,
        options=list(body.options),
        outcome=body.outcome,
        owner=body.owner,
        reason=body.reason,
        deadline=body.deadline,
        follow_up=body.follow_up,
        consulted={ally: standing.stance.value for ally, standing in standings.items() if ally != header.ally},
        positions=_positions(consultation, seen),
        seen={one.ally: [one.epoch, one.seq] for one in header.sees},
        lacking=[one.ally for one in header.sees if state.locate(one.digest) is None],
    )


def _seen(state: State, decision: Kept, entries: Iterable[Kept]) -> list[Entry]:
    """Return those of `entries` that the author of `decision` states to have seen: on the path up to what `sees` names."""
    header = decision.entry.header
    tips: dict[str, Tip] = {header.ally: (decision.branch, header.epoch, header.seq - 1)}
    for newest in header.sees:
        found = state.locate(newest.digest)
        tips[newest.ally] = (found[2] if found else None, newest.epoch, newest.seq)

    def had_seen(kept: Kept) -> bool:
        place = kept.entry.header
        branch, epoch, seq = tips.get(place.ally, NOTHING)
        if branch is None:  # what it names has not come here: by its place alone
            return (place.epoch, place.seq) <= (epoch, seq)
        return place.seq <= seq and state.chain(place.room, place.ally).is_on_path(branch, kept.branch, place.seq)

    return [kept.entry for kept in entries if had_seen(kept)]


def _positions(consultation: Consultation, seen: Iterable[Entry]) -> dict[str, str | None]:
    """Return each member's latest position among `seen`; a member that stated none is not there."""
    stated = [entry for entry in seen if entry.header.kind == Kind.POSITION_STATED]
    latest: dict[str, str | None] = {}
    for entry in sorted(stated, key=lambda e: (e.header.epoch, e.header.seq)):
        body = body_as(entry.header.kind, entry.body, PositionStated)
        latest[entry.header.ally] = body.text if body is not None else None
    return {ally: latest[ally] for ally in consultation.standings if ally in latest}
