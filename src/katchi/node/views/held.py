"""What one side held of a room at a time, and on whose word.

Nothing here is stored or sent, and nothing is decided. Digests are hex, times microseconds UTC.
"""

from __future__ import annotations

import msgspec

from katchi.consult.acts import read_body
from katchi.consult.crossing import seen_of
from katchi.node.batch import Kept
from katchi.node.state import State
from katchi.record.charter import Room


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
