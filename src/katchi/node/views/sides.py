"""Where each side of a consultation stands, side by side: its stance, its latest line, its position, its signatures.

Nothing here is stored or sent, and nothing is decided. Digests are hex, times microseconds UTC by the author's clock.
"""

from __future__ import annotations

from typing import Any

import msgspec

from katchi.consult.acts import PositionStated, body_as
from katchi.consult.consultation import Consultation, folded
from katchi.consult.stances import MOVES_NONE
from katchi.node.state import State
from katchi.node.views.consultation import shown
from katchi.node.views.lines import line_of
from katchi.record.entry import Entry
from katchi.vocabulary import MESSAGES, Kind


class Position(msgspec.Struct, kw_only=True):
    """The latest position that a side stated."""

    entry: str
    at: int
    text: str | None  # null while it is awaited, once it is destroyed, and where it cannot be read
    papers: list[dict[str, Any]]
    stated: int  # how many positions it has stated by now


class SideView(msgspec.Struct, kw_only=True):
    """One side."""

    ally: str
    stance: str
    since: int | None  # when it came to that stance; null: it has done nothing yet
    latest: str | None  # the entry in which it last said something
    latest_kind: str
    latest_at: int | None
    line: str  # how that begins
    position: Position | None
    proposed: dict[str, int]  # words it proposed, and when
    signed: dict[str, int]  # words it signed, and when


def side_views(state: State, consultation: Consultation) -> list[SideView]:
    """Return all sides, in the order of the room's charter."""
    kept = state.store.about(consultation.opening, MESSAGES)
    entries = [k.entry for k in kept if k.entry.header.room == consultation.room]
    opening = next(entry for entry in entries if entry.digest == consultation.opening)
    flags = folded(opening, consultation.standings, entries).flags
    said: dict[str, list[Entry]] = {ally: [] for ally in consultation.standings}
    for entry in sorted(entries, key=lambda e: (e.header.epoch, e.header.seq, e.digest)):
        if entry.header.ally in said:
            said[entry.header.ally].append(entry)
    return [
        _side(ally, consultation.standings[ally].stance.value, acts, [e for e in acts if e.digest not in flags])
        for ally, acts in said.items()
    ]


def _side(ally: str, stance: str, acts: list[Entry], within: list[Entry]) -> SideView:
    latest = acts[-1] if acts else None
    moves = [entry for entry in within if entry.header.kind not in MOVES_NONE]
    return SideView(
        ally=ally,
        stance=stance,
        since=moves[-1].header.at if moves else None,
        latest=latest.digest.hex() if latest else None,
        latest_kind=latest.header.kind if latest else "",
        latest_at=latest.header.at if latest else None,
        line=line_of(latest) if latest else "",
        position=_position([entry for entry in acts if entry.header.kind == Kind.POSITION_STATED]),
        proposed={e.digest.hex(): e.header.at for e in acts if e.header.kind == Kind.WORDS_PROPOSED},
        signed={
            e.header.about[1].hex(): e.header.at for e in acts if e.header.kind == Kind.WORDS_SIGNED and len(e.header.about) > 1
        },
    )


def _position(stated: list[Entry]) -> Position | None:
    if not stated:
        return None
    entry = stated[-1]
    body = body_as(entry.header.kind, entry.body, PositionStated)
    return Position(
        entry=entry.digest.hex(),
        at=entry.header.at,
        text=body.text if body is not None else None,
        papers=shown(body.papers) if body is not None else [],
        stated=len(stated),
    )
