"""How the link to each ally stands.

The only view that is not derived from the record. Digests are hex, times microseconds UTC.
"""

from __future__ import annotations

import msgspec

from katchi.errors import Parameter
from katchi.link.peer import Peer
from katchi.node.state import State
from katchi.record.chain import Chain


class Ended(msgspec.Struct):
    """Why a node refused to go on with a connection, ours or theirs: an error in its parts, to be said in any language."""

    error: str
    message: str
    hint: str
    parameters: dict[str, Parameter]


class LinkView(msgspec.Struct, kw_only=True):
    """The link to one ally; the only view that is not derived from the record."""

    ally: str
    up: bool
    ended: Ended | None
    compared: str
    address: str | None
    version: int | None
    features: list[str]
    delay_ms: float | None
    skew_ms: float | None
    heard_at: int | None
    waiting: int
    equal_to: dict[str, int]  # room: our own entries that the ally has countersigned


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
                ended=_ended(peer),
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


def _ended(peer: Peer | None) -> Ended | None:
    if peer is None or peer.ended is None:
        return None
    return Ended(type(peer.ended).__name__, peer.ended.message, peer.ended.hint_template, dict(peer.ended.parameters))


def _confirmed(chain: Chain, ally: str) -> int:
    return chain.newest.confirmed.get(ally, 0) if chain.newest else 0
