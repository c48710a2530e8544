"""What one side held of a room at a time, and on whose word.

Nothing here is stored or sent, and nothing is decided. Digests are hex, times microseconds UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import msgspec

from katchi.consult.crossing import seen_of
from katchi.node.batch import Kept
from katchi.node.state import State
from katchi.node.views.lines import text_of
from katchi.node.views.spans import Held, Spans, segments, total, without
from katchi.record.charter import Room

NEWEST = 20  # entries of each side that are shown
DIFFERING = 50  # entries of each difference that are shown
TICKS = 200
PAIRS_OF_ALL_MAX = 4  # members


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


class Height(msgspec.Struct, kw_only=True):
    """The newest entry held of one chain."""

    epoch: int
    length: int  # its seq + 1


class SideHeld(msgspec.Struct, kw_only=True):
    """What one side held at a time, by its heights, and on whose word."""

    ally: str
    by: str  # "own arrival times" or "its own statement"
    heights: dict[str, Height]  # by chain; a chain of which nothing was held is not in it
    entries: int
    exact: bool  # false where a clock went back more often than is kept: then this may be a little off
    newest: list[HeldEntry]  # to come, newest first
    contradicted: list[str]  # countersignatures that show it held more than it stated


class Difference(msgspec.Struct, kw_only=True):
    """What one side held and another did not."""

    held_by: str
    not_by: str
    total: int
    entries: list[HeldEntry]  # the first of them to come


class AsOfView(msgspec.Struct, kw_only=True):
    """What each side held of a room at a time."""

    room: str
    as_of: int
    sides: list[SideHeld]
    differences: list[Difference]  # between two sides then; none where there was none
    since: list[Difference]  # what we hold now and a side did not hold then


class Moments(msgspec.Struct, kw_only=True):
    """The times between which a room can be looked at, by our own clock."""

    room: str
    first: int | None  # null: no entry is held
    newest: int | None
    entries: int
    ticks: list[int]  # ascending; about the same number of entries came between any two


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


def heights_view(state: State, room: Room, as_of: int) -> AsOfView:
    """Return what each member held of a room at `as_of`, as `held_view` says it, found by halving.

    Between more than four members, only differences to our own side are listed.
    """
    spans, own = Spans(state, room), state.own.ally
    held = {ally: spans.at(ally, as_of) for ally in room.members}
    pairs = permutations(held, 2)
    told = [(one, other) for one, other in pairs if len(held) <= PAIRS_OF_ALL_MAX or own in (one, other)]
    now = spans.now()
    differences = (_difference(spans, one, held[one], other, held[other]) for one, other in told)
    since = (_difference(spans, own, now, ally, one) for ally, one in held.items())
    return AsOfView(
        room=room.id.hex(),
        as_of=as_of,
        sides=[_side(state, room, spans, ally, one, as_of) for ally, one in held.items()],
        differences=[one for one in differences if one.total],
        since=[one for one in since if one.total],
    )


def _side(state: State, room: Room, spans: Spans, ally: str, held: Held, as_of: int) -> SideHeld:
    heights: dict[str, Height] = {}
    for (of, index), some in held.spans.items():
        epoch, length = state.chain(room.id, of).branches[index].epoch, max(end for _, end in some)
        before = heights.get(of)
        if before is None or (epoch, length) > (before.epoch, before.length):
            heights[of] = Height(epoch=epoch, length=length)
    return SideHeld(
        ally=ally,
        by="own arrival times" if ally == state.own.ally else "its own statement",
        heights=heights,
        entries=held.total,
        exact=held.is_exact,
        newest=[_held(kept) for kept in spans.entries(held.spans, NEWEST, newest=True)],
        contradicted=list(_contradicted(state, room, ally, held, as_of)),
    )


def _contradicted(state: State, room: Room, ally: str, held: Held, as_of: int) -> Iterator[str]:
    """Yield, chain by chain, the first countersignature by `ally` over more than it stated to have seen."""
    for other, (_, seq) in held.seen.items():
        for epoch in sorted({branch.epoch for branch in state.chain(room.id, other).branches}):
            found = state.store.first_statement(room.id, other, epoch, seq + 2, ally)
            if found is not None and found.arrived_at <= as_of:
                yield f"{ally} countersigned {other} to {found.length}, but had stated to have seen {seq + 1}"
                break


def _difference(spans: Spans, one: str, held: Held, other: str, lacking: Held) -> Difference:
    left = without(held.spans, lacking.spans)
    entries = [_held(kept) for kept in spans.entries(left, DIFFERING, newest=False)] if left else []
    return Difference(held_by=one, not_by=other, total=total(left), entries=entries)


def moments(state: State, room: Room, limit: int = TICKS) -> Moments:
    """Return the room's time span and at most `limit` times in it, spread evenly over its entries."""
    spans = Spans(state, room)
    branches = list(spans.branches())
    entries = sum(branch.length - branch.start for _, _, branch in branches)
    ends: list[int] = []
    ticks: set[int] = set()
    for ally, index, branch in branches:
        count = branch.length - branch.start
        turns = state.turns.of(room.id, ally, index).arrivals
        for start, end in segments(branch, turns):
            ends += (kept.arrived_at for seq in (start, end - 1) if (kept := spans.kept(ally, index, seq)) is not None)
        wanted = max(1, min(count, limit * count // entries))
        seqs = (branch.start + (2 * i + 1) * count // (2 * wanted) for i in range(wanted))
        ticks |= {kept.arrived_at for seq in seqs if (kept := spans.kept(ally, index, seq)) is not None}
    shown = sorted(ticks)
    if len(shown) > limit:
        shown = [shown[i * len(shown) // limit] for i in range(limit)]
    return Moments(
        room=room.id.hex(), first=min(ends, default=None), newest=max(ends, default=None), entries=entries, ticks=shown
    )


def _held(kept: Kept) -> HeldEntry:
    entry = kept.entry
    return HeldEntry(
        place=entry.place,
        kind=entry.header.kind,
        at=entry.header.at,
        arrived_at=kept.arrived_at,
        id=entry.digest.hex(),
        text=text_of(entry),
    )
