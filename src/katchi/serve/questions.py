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
from katchi.node.views.consultation import PAGE_LENGTH, TIMELINE_LENGTH, consultation_list, consultation_view, openings
from katchi.node.views.consultation import consultation_page as page_of_consultations
from katchi.node.views.duty import LIMIT as DUTY_ROWS
from katchi.node.views.duty import duty_view
from katchi.node.views.held import TICKS, heights_view, held_view
from katchi.node.views.held import moments as moments_of
from katchi.node.views.link import link_views
from katchi.node.views.record import LIMIT as RECORD_ROWS
from katchi.node.views.record import record_view, verified_page
from katchi.node.views.rooms import room_views
from katchi.record.charter import Room
from katchi.serve.clock import now_us

PREFIX_LENGTH_MIN = 4
AMBIGUOUS_MAX = 100  # ids that are looked at where a beginning may mean several
ROWS_MAX = 1000  # of one answer
DIGEST_SIZE_MAX = 48
HEX_DIGITS = frozenset("0123456789abcdef")


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
    """One consultation whole; argument `id`: its id or the beginning of it.

    Of its timeline the newest 200 entries; `limit`: so many; `all`: every one; `before`: those before this entry.
    """
    found = _consultation(asked.state, str(arguments.get("id", "")))
    limit = None if arguments.get("all") else _count(arguments, "limit", TIMELINE_LENGTH)
    view = consultation_view(asked.state, found, limit=limit, before=_digest(arguments.get("before")))
    return msgspec.to_builtins(view)


def consultation_page(asked: Asked, arguments: Mapping[str, Any]) -> Any:
    """A page of consultations, newest first; `room`, `before`: the consultation after which it goes on, `limit`, `open_only`."""
    room = arguments.get("room")
    before = arguments.get("before")
    page = page_of_consultations(
        asked.state,
        room=_room(asked.state, room).id if room is not None else None,
        before=_consultation(asked.state, str(before)).opening if before is not None else None,
        limit=_count(arguments, "limit", PAGE_LENGTH),
        open_only=bool(arguments.get("open_only")),
    )
    return msgspec.to_builtins(page)


def duty(asked: Asked, arguments: Mapping[str, Any]) -> Any:
    """The duty screen, at most `limit` rows a part; at `now` (microseconds UTC), this computer's if not given."""
    now = int(arguments["now"]) if arguments.get("now") is not None else now_us()
    return msgspec.to_builtins(duty_view(asked.state, asked.peers, now, limit=_count(arguments, "limit", DUTY_ROWS)))


def record(asked: Asked, arguments: Mapping[str, Any]) -> Any:
    """Room `room`: its chains, statements, and entries of `ally`'s chain from `start`, at most `limit`, along `branch`."""
    room = _room(asked.state, arguments.get("room"))
    ally, start, branch = arguments.get("ally"), arguments.get("start"), arguments.get("branch")
    view = record_view(
        asked.state,
        room,
        ally=_member(room, str(ally)) if ally is not None else None,
        start=int(start) if start is not None else None,
        limit=_count(arguments, "limit", RECORD_ROWS),
        branch=_branch(asked.state, room, ally, branch),
    )
    return msgspec.to_builtins(view)


def verified(asked: Asked, arguments: Mapping[str, Any]) -> Any:
    """What comes of recomputing entries of `ally`'s chain in `room` from `start`, at most `limit`, along `branch`, now."""
    room = _room(asked.state, arguments.get("room"))
    ally = _member(room, str(arguments.get("ally") or asked.state.own.ally))
    page = verified_page(
        asked.state,
        room,
        ally=ally,
        start=int(arguments.get("start") or 0),
        limit=_count(arguments, "limit", RECORD_ROWS),
        branch=_branch(asked.state, room, ally, arguments.get("branch")),
    )
    return msgspec.to_builtins(page)


def as_of(asked: Asked, arguments: Mapping[str, Any]) -> Any:
    """What every member held of room `room` at `as_of` (microseconds UTC), by heights, and what differed."""
    room = _room(asked.state, arguments.get("room"))
    return msgspec.to_builtins(heights_view(asked.state, room, int(arguments["as_of"])))


def moments(asked: Asked, arguments: Mapping[str, Any]) -> Any:
    """The times between which room `room` can be looked at, with at most `limit` of them."""
    room = _room(asked.state, arguments.get("room"))
    return msgspec.to_builtins(moments_of(asked.state, room, _count(arguments, "limit", TICKS)))


def held(asked: Asked, arguments: Mapping[str, Any]) -> Any:
    """What `seen_by` held of room `room` at `as_of` (microseconds UTC)."""
    state = asked.state
    room = _room(state, arguments.get("room"))
    seen_by = _member(room, str(arguments.get("seen_by") or state.own.ally))
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
    question.__name__: question
    for question in (
        *(rooms, consultations, consultation_page, consultation, duty, record, verified, held, as_of, moments),
        *(link, resolve),
    )
}


def _consultation(state: State, beginning: str) -> Consultation:
    opening = _one(_openings_that_begin(state, beginning.strip().lower()), beginning, "consultation")
    found = state.consultation(bytes.fromhex(opening))
    if found is None:
        raise NotFound("no consultation here goes by that id", hint="`katchi consultation list` shows all.")
    return found


def _openings_that_begin(state: State, beginning: str) -> list[str]:
    """Return the ids of consultations that begin so, at most AMBIGUOUS_MAX; none for what is too short or no id."""
    if len(beginning) < PREFIX_LENGTH_MIN or not set(beginning) <= HEX_DIGITS:
        return []
    lowest, highest = (bytes.fromhex(beginning + digit * (len(beginning) % 2)) for digit in "0f")
    found = state.store.openings_between(lowest, highest + b"\xff" * DIGEST_SIZE_MAX, AMBIGUOUS_MAX)
    return [opening.hex() for opening in found]


def _member(room: Room, ally: str) -> str:
    if ally not in room.members:
        raise NotFound(
            "{ally} is not a member of that room",
            hint="Its members are: {members}.",
            ally=ally,
            members=", ".join(room.members),
        )
    return ally


def _branch(state: State, room: Room, ally: Any, branch: Any) -> int | None:
    if branch is None:
        return None
    branches = len(state.chain(room.id, str(ally or state.own.ally)).branches)
    if not 0 <= int(branch) < branches:
        raise NotFound("that chain has no branch {branch}", hint="It has {n}, from 0.", branch=str(branch), n=branches)
    return int(branch)


def _count(arguments: Mapping[str, Any], name: str, otherwise: int) -> int:
    """Return how many rows are asked for: from 1 to ROWS_MAX."""
    given = arguments.get(name)
    return otherwise if given is None else max(1, min(int(given), ROWS_MAX))


def _digest(given: Any) -> bytes | None:
    if given is None:
        return None
    try:
        return bytes.fromhex(str(given))
    except ValueError:
        raise Malformed("'{id}' is not an entry's id", hint="Give all of its digits.", id=str(given)) from None


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
