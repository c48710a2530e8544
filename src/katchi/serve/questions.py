"""What may be asked of a node: one name and one function each, the same running and alone.

Every answer is plain values, as JSON has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from katchi.consult.consultation import Consultation
from katchi.errors import Malformed, NotFound, Refused
from katchi.link.peer import Peer
from katchi.node.state import State
from katchi.node.views.consultation import consultation_list, consultation_view, openings
from katchi.node.views.held import held_view
from katchi.node.views.link import link_views
from katchi.node.views.rooms import room_views
from katchi.record.charter import Room

PREFIX_LENGTH_MIN = 4


class Asked(msgspec.Struct, frozen=True):
    """What a question is asked of: a state, and the links where the node runs."""

    state: State
    peers: dict[str, Peer]


def rooms(asked: Asked, _: Mapping[str, Any]) -> Any:
    """All rooms."""
    return msgspec.to_builtins(room_views(asked.state))


def consultations(asked: Asked, _: Mapping[str, Any]) -> Any:
    """One line for each consultation."""
    return msgspec.to_builtins(consultation_list(asked.state, openings=openings(asked.state)))


def consultation(asked: Asked, arguments: Mapping[str, Any]) -> Any:
    """One consultation whole; argument `id`: its id or the beginning of it."""
    found = _consultation(asked.state, str(arguments.get("id", "")))
    return msgspec.to_builtins(consultation_view(asked.state, found))


def held(asked: Asked, arguments: Mapping[str, Any]) -> Any:
    """What `seen_by` held of room `room` at `as_of` (microseconds UTC)."""
    state = asked.state
    room = _room(state, arguments.get("room"))
    seen_by = str(arguments.get("seen_by") or state.own.ally)
    if seen_by not in room.members:
        raise NotFound(
            "{ally} is not a member of that room",
            hint="Its members are: {members}.",
            ally=seen_by,
            members=", ".join(room.members),
        )
    return msgspec.to_builtins(held_view(state, room, ally=seen_by, as_of=int(arguments["as_of"])))


def link(asked: Asked, _: Mapping[str, Any]) -> Any:
    """The link to each paired ally."""
    return msgspec.to_builtins(link_views(asked.state, asked.peers))


def resolve(asked: Asked, arguments: Mapping[str, Any]) -> Any:
    """The full id of what begins with `id`: a consultation, or (of = "proposal") words proposed in one."""
    if arguments.get("of") == "room":
        return _room(asked.state, arguments.get("id")).id.hex()
    found = _consultation(asked.state, str(arguments.get("id", "")))
    proposal = arguments.get("proposal")
    if proposal is None:
        return found.opening.hex()
    return _one([p.hex() for p in found.proposals], str(proposal), "words proposed in this consultation")


QUESTIONS: Mapping[str, Callable[[Asked, Mapping[str, Any]], Any]] = {
    question.__name__: question for question in (rooms, consultations, consultation, held, link, resolve)
}


def _consultation(state: State, beginning: str) -> Consultation:
    opening = _one([opening.hex() for opening in openings(state)], beginning, "consultation")
    found = state.consultation(bytes.fromhex(opening))
    if found is None:
        raise NotFound("no consultation here goes by that id", hint="`katchi consultation list` shows all.")
    return found


def _room(state: State, beginning: Any) -> Room:
    if beginning is None:
        shared = [room for room in state.rooms.now.values() if not room.is_national and not room.missing]
        if len(shared) > 1:
            raise Refused("this node shares {n} rooms", hint="Name one with --room ID: `katchi room list`.", n=len(shared))
        return (shared or [room for room in state.rooms.now.values() if room.is_national])[0]
    return state.rooms.now[bytes.fromhex(_one([room.hex() for room in state.rooms.now], str(beginning), "room"))]


def _one(ids: list[str], beginning: str, what: str) -> str:
    beginning = beginning.strip().lower()
    if len(beginning) < PREFIX_LENGTH_MIN:
        raise Malformed(
            "'{id}' is too short for an id", hint="Give at least {n} digits of it.", id=beginning, n=PREFIX_LENGTH_MIN
        )
    found = [one for one in ids if one.startswith(beginning)]
    if not found:
        raise NotFound(
            "no {what} here goes by '{id}'",
            hint="The list shows all: `katchi consultation list`, `katchi room list`.",
            what=what,
            id=beginning,
        )
    if len(found) > 1:
        raise Refused("'{id}' is the beginning of {n} ids", hint="Give more digits of it.", id=beginning, n=len(found))
    return found[0]
