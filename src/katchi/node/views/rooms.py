"""Rooms, and how each chain stands in them.

Nothing here is stored or sent, and nothing is decided. Digests are hex, times microseconds UTC.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from katchi.node.state import State
from katchi.record.chain import Chain
from katchi.record.charter import Room
from katchi.record.digest import digest

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
