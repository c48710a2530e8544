"""The state of one consultation: a total fold over its entries, the same in any order of arrival.

Each ally's standing is the fold of its own acts alone, in the order of its own chain, so acts that
cross commute. `evolve` never refuses: what leaves the rules changes no stance and is flagged. What
bodies say is not needed for any status, so a body that is awaited or destroyed changes none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from katchi.consult.acts import Opened, body_as
from katchi.consult.stances import Signature, Standing, stance_after
from katchi.record.entry import Entry
from katchi.vocabulary import MESSAGES, Flag, Kind, Stance


class Consultation(msgspec.Struct, frozen=True):
    """What all members' acts have made of one consultation."""

    room: bytes
    opening: bytes
    opener: str
    opened_at: int  # by the opener's own clock
    precedence: int
    standings: dict[str, Standing]
    proposals: dict[bytes, str] = {}  # digest of words.proposed: by whom, in no particular order
    terms: Opened | None = None  # the opening's body, once held


class Folded(NamedTuple):
    """A consultation and how its entries leave the rules."""

    consultation: Consultation
    flags: dict[bytes, tuple[Flag, ...]]


def begun(opening: Entry, members: Iterable[str]) -> Consultation:
    """Return the consultation that `opening` opens among `members`."""
    header = opening.header
    return Consultation(
        room=header.room,
        opening=opening.digest,
        opener=header.ally,
        opened_at=header.at,
        precedence=header.precedence,
        standings=dict.fromkeys(members, Standing()),
        terms=body_as(header.kind, opening.body, Opened),
    )


def evolve(state: Consultation, entry: Entry) -> tuple[Consultation, Flag | None]:
    """Return the state with one more act, which comes after its author's earlier ones here.

    Total: an act that leaves the rules is flagged and moves no stance.
    """
    header = entry.header
    if header.kind not in MESSAGES:
        return state, None
    kind = Kind(header.kind)
    standing = state.standings[header.ally]
    last = (header.epoch, header.seq, entry.digest)
    if kind is Kind.CONSULTATION_OPENED and entry.digest != state.opening:
        return state, Flag.ABOUT_MISSING
    stance = stance_after(standing.stance, kind)
    flag = Flag.STANCE_FORBIDS if stance is None else None
    signatures, proposals = standing.signatures, state.proposals
    if kind is Kind.WORDS_PROPOSED:
        proposals = {**proposals, entry.digest: header.ally}
    elif kind is Kind.WORDS_SIGNED:
        if len(header.about) < 2:
            flag, stance = Flag.ABOUT_MISSING, None
        else:
            signatures = (*signatures, Signature(header.about[1], header.epoch, header.seq, entry.digest))
    moved = Standing(stance or standing.stance, signatures, last)
    return msgspec.structs.replace(state, standings={**state.standings, header.ally: moved}, proposals=proposals), flag


def is_in_order(state: Consultation, entry: Entry) -> bool:
    """Return whether `entry` comes after all that its author's standing already holds."""
    header = entry.header
    return (header.epoch, header.seq, entry.digest) > state.standings[header.ally].last


def folded(opening: Entry, members: Iterable[str], entries: Iterable[Entry]) -> Folded:
    """Return the consultation folded from the start over `entries` (the opening among them or not)."""
    state = begun(opening, members)
    flags: dict[bytes, tuple[Flag, ...]] = {}
    acts = {entry.digest: entry for entry in (opening, *entries)}
    ordered = sorted(acts.values(), key=lambda e: (e.header.ally, e.header.epoch, e.header.seq, e.digest))
    for entry in ordered:
        if entry.header.ally not in state.standings:
            continue
        state, flag = evolve(state, entry)
        if flag is not None:
            flags[entry.digest] = (flag,)
    for entry in ordered:  # only now are all proposals known
        header = entry.header
        if header.kind == Kind.WORDS_SIGNED and len(header.about) > 1 and header.about[1] not in state.proposals:
            flags[entry.digest] = (*flags.get(entry.digest, ()), Flag.PROPOSAL_UNKNOWN)
    return Folded(state, flags)


def stance_of(state: Consultation, ally: str) -> Stance:
    """Return where `ally` stands."""
    return state.standings[ally].stance
