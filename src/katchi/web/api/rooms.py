"""Rooms: all of them, founding one, joining one."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from litestar import get, post
from msgspec import Meta

from katchi.errors import Refused
from katchi.node.commands import FoundRoom, JoinRoom
from katchi.node.views.rooms import RoomView, room_view
from katchi.serve import questions
from katchi.web.api.asking import ask, room_id
from katchi.web.api.body import read_body
from katchi.web.visit import Visit


class Founding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What founds a room."""

    title: Annotated[str, Meta(description="What the room is called.", examples=["Consultative group"])] = ""
    allies: Annotated[
        Annotated[tuple[str, ...], Meta(min_length=1)] | None,
        Meta(description="The other members; all paired allies if not given.", examples=[["USA"]]),
    ] = None
    hash: Annotated[Literal["sha256", "sha384"], Meta(description="The room's hash.")] = "sha256"


@get("/api/rooms")
async def list_rooms(visit: Visit) -> list[RoomView]:
    """Show all rooms, shared ones first, and how each chain in them stands."""
    found: list[RoomView] = await ask(visit, questions.rooms)
    return found


@post("/api/rooms", takes=Founding)
async def found_room(visit: Visit) -> RoomView:
    """Found a room with paired allies; it is in force once all have signed its charter."""
    body = await read_body(visit, Founding)
    allies = body.allies or await visit.front.ask(lambda asked: tuple(sorted(asked.state.allies.now)))
    if not allies:
        raise Refused(
            "no ally is paired with this node, so there is none to found a room with",
            hint="Exchange invitations first: `katchi node invite`, `katchi node pair`.",
        )
    written = await visit.front.submit(FoundRoom(title=body.title or " · ".join(allies), allies=allies, hash=body.hash))
    return await _room(visit, written.room or b"")


@post("/api/rooms/{id:str}/join", status_code=200)
async def join_room(visit: Visit, id: str) -> RoomView:
    """Sign the charter of a room that an ally proposed."""
    room = await room_id(visit, id)
    await visit.front.submit(JoinRoom(room=room))
    return await _room(visit, room)


async def _room(visit: Visit, room: bytes) -> RoomView:
    return await visit.front.ask(lambda asked: room_view(asked.state, asked.state.rooms.now[room]))


HANDLERS = (list_rooms, found_room, join_room)
