"""Where each ally stands in a consultation, and what follows for all.

NEXT is the whole table: an ally's own act moves its own stance, nobody else's. The joint status is
a pure function of all standings, set by none. A pair that is not in the table is outside the rules:
`decide` refuses it to our own officers, `evolve` keeps an ally's and leaves its stance as it was.
Beside the table stands MOVES_NONE: what may be said from every stance, answers nothing and moves none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from katchi.vocabulary import Kind, Stance, Status

NEXT: Mapping[tuple[Stance, Kind], Stance] = {
    (Stance.UNANSWERED, Kind.CONSULTATION_OPENED): Stance.OPENED,
    (Stance.UNANSWERED, Kind.ACKNOWLEDGED): Stance.ACKNOWLEDGED,
    (Stance.UNANSWERED, Kind.POSITION_STATED): Stance.POSITION_STATED,
    (Stance.UNANSWERED, Kind.COULD_NOT_CONSULT): Stance.COULD_NOT_CONSULT,
    (Stance.OPENED, Kind.POSITION_STATED): Stance.POSITION_STATED,
    (Stance.OPENED, Kind.WORDS_PROPOSED): Stance.WORDS_PROPOSED,
    (Stance.OPENED, Kind.WORDS_SIGNED): Stance.WORDS_SIGNED,
    (Stance.OPENED, Kind.ENDED): Stance.ENDED,
    (Stance.OPENED, Kind.COULD_NOT_CONSULT): Stance.COULD_NOT_CONSULT,
    (Stance.ACKNOWLEDGED, Kind.POSITION_STATED): Stance.POSITION_STATED,
    (Stance.ACKNOWLEDGED, Kind.WORDS_PROPOSED): Stance.WORDS_PROPOSED,
    (Stance.ACKNOWLEDGED, Kind.WORDS_SIGNED): Stance.WORDS_SIGNED,
    (Stance.ACKNOWLEDGED, Kind.ENDED): Stance.ENDED,
    (Stance.ACKNOWLEDGED, Kind.COULD_NOT_CONSULT): Stance.COULD_NOT_CONSULT,
    (Stance.POSITION_STATED, Kind.POSITION_STATED): Stance.POSITION_STATED,
    (Stance.POSITION_STATED, Kind.WORDS_PROPOSED): Stance.WORDS_PROPOSED,
    (Stance.POSITION_STATED, Kind.WORDS_SIGNED): Stance.WORDS_SIGNED,
    (Stance.POSITION_STATED, Kind.ENDED): Stance.ENDED,
    (Stance.POSITION_STATED, Kind.COULD_NOT_CONSULT): Stance.COULD_NOT_CONSULT,
    (Stance.WORDS_PROPOSED, Kind.POSITION_STATED): Stance.POSITION_STATED,
    (Stance.WORDS_PROPOSED, Kind.WORDS_PROPOSED): Stance.WORDS_PROPOSED,
    (Stance.WORDS_PROPOSED, Kind.WORDS_SIGNED): Stance.WORDS_SIGNED,
    (Stance.WORDS_PROPOSED, Kind.ENDED): Stance.ENDED,
    (Stance.WORDS_PROPOSED, Kind.COULD_NOT_CONSULT): Stance.COULD_NOT_CONSULT,
    (Stance.WORDS_SIGNED, Kind.POSITION_STATED): Stance.POSITION_STATED,
    (Stance.WORDS_SIGNED, Kind.WORDS_PROPOSED): Stance.WORDS_PROPOSED,
    (Stance.WORDS_SIGNED, Kind.WORDS_SIGNED): Stance.WORDS_SIGNED,
    (Stance.WORDS_SIGNED, Kind.ENDED): Stance.ENDED,
    (Stance.COULD_NOT_CONSULT, Kind.ACKNOWLEDGED): Stance.ACKNOWLEDGED,
    (Stance.COULD_NOT_CONSULT, Kind.POSITION_STATED): Stance.POSITION_STATED,
}

MOVES_NONE: Final = frozenset({Kind.DECISION_RECORDED})


def stance_after(stance: Stance, kind: Kind) -> Stance | None:
    """Return where an ally that stood at `stance` stands after its own act, None if that is outside the rules."""
    return stance if kind in MOVES_NONE else NEXT.get((stance, kind))


def open_from(stance: Stance) -> list[Kind]:
    """Return what is open to an ally that stands at `stance`."""
    return [kind for kind in Kind if stance_after(stance, kind) is not None]


_ANSWERED = frozenset(Stance) - {Stance.UNANSWERED}
_STATED = frozenset({Stance.POSITION_STATED, Stance.WORDS_PROPOSED, Stance.WORDS_SIGNED})
_DONE = frozenset({Stance.ENDED, Stance.COULD_NOT_CONSULT})


class Signature(msgspec.Struct, frozen=True):
    """One ally's signature under a proposal, by the entry that signs it: a fork holds one place twice."""

    proposal: bytes
    epoch: int
    seq: int
    entry: bytes


class Standing(msgspec.Struct, frozen=True):
    """One ally's own stance and signatures; the fold of its own acts alone."""

    stance: Stance = Stance.UNANSWERED
    signatures: tuple[Signature, ...] = ()
    last: tuple[int, int, bytes] = (-1, -1, b"")  # (epoch, seq, digest) of its newest act here


Counts = Callable[[str, Signature], bool]  # whether the entry is covered by its author, and before any open fork


def agreed_words(standings: Mapping[str, Standing], proposals: Iterable[bytes], counts: Counts) -> tuple[bytes, ...]:
    """Return the proposals that every member has signed, by entries that count."""
    return tuple(
        proposal
        for proposal in proposals
        if all(
            any(s.proposal == proposal and counts(ally, s) for s in standing.signatures) for ally, standing in standings.items()
        )
    )


def is_over(standings: Mapping[str, Standing]) -> bool:
    """Return whether every member's own stance is done: it ended its part, or could not consult."""
    return all(standing.stance in _DONE for standing in standings.values())


def is_done(standing: Standing) -> bool:
    """Return whether one member's own stance is done."""
    return standing.stance in _DONE


def joint_status(standings: Mapping[str, Standing], proposals: Iterable[bytes], counts: Counts) -> Status:
    """Return the status that all standings make together."""
    proposals = tuple(proposals)
    if proposals and agreed_words(standings, proposals, counts):
        return Status.AGREED
    stances = {standing.stance for standing in standings.values()}
    if stances <= _DONE:
        return Status.ENDED if Stance.ENDED in stances else Status.COULD_NOT_CONSULT
    if not stances <= _ANSWERED:
        return Status.AWAITING
    if any(standing.signatures for standing in standings.values()):
        return Status.PARTLY_SIGNED
    if proposals:
        return Status.WORDS_PROPOSED
    return Status.POSITIONS_STATED if stances <= _STATED else Status.UNDER_WAY
