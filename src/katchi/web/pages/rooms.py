"""Rooms: all of them, founding one, joining one; the record of one; and what each side held of it then."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post

from katchi.errors import Faults, KatchiError, Malformed, NotFound
from katchi.node.commands import FoundRoom, JoinRoom
from katchi.node.views.held import heights_view, moments
from katchi.node.views.record import LIMIT, record_view, verified_page
from katchi.node.views.rooms import room_views
from katchi.record.charter import Room
from katchi.serve.clock import time_of
from katchi.serve.questions import Asked
from katchi.web.visit import Visit


@get("/rooms")
async def rooms(visit: Visit) -> Response[Any]:
    """All rooms, and the form that founds one."""
    return await _rooms(visit)


async def _rooms(visit: Visit, error: KatchiError | None = None, **typed: Any) -> Response[Any]:
    found, allies = await visit.front.ask(lambda asked: (room_views(asked.state), sorted(asked.state.allies.now)))
    return visit.page(
        "rooms.html",
        status=error.http_status if error else 200,
        rooms=found,
        allies=allies,
        errors=visit.told(error),
        typed=typed,
    )


@post("/rooms")
async def found(visit: Visit) -> Response[Any]:
    """Found a room with paired allies."""
    fields = await visit.fields()
    title, allies = str(fields.get("title", "")).strip(), tuple(str(ally) for ally in fields.getall("ally", []))
    try:
        faults = Faults()
        with faults:
            if not title:
                raise Malformed("a room needs a title", hint="Say in a few words whose room it is.", field="title")
        with faults:
            if not allies:
                raise Malformed("a shared room needs another member", hint="Choose at least one paired ally.", field="ally")
        faults.require_none()
        written = await visit.front.submit(FoundRoom(title=title, allies=allies))
    except KatchiError as error:
        return await _rooms(visit, error, title=title, ally=allies)
    return visit.to(f"/rooms/{(written.room or b'').hex()}")


@post("/rooms/{room:str}/join")
async def join(visit: Visit, room: str) -> Response[Any]:
    """Sign a charter that an ally proposed."""
    held = await visit.front.ask(lambda asked: room_named(asked, room))
    await visit.front.submit(JoinRoom(room=held.id))
    return visit.to(f"/rooms/{held.id.hex()}")


@get("/rooms/{room:str}")
async def record(
    visit: Visit, room: str, ally: str | None = None, start: int | None = None, verify: bool = False
) -> Response[Any]:
    """The record of a room: chains, checkpoints, countersignatures, and the entries of one chain page by page."""

    def look(asked: Asked) -> Any:
        held = room_named(asked, room)
        if ally is not None and ally not in held.members:
            raise NotFound("{ally} is not a member of that room", hint="Its members are: {members}.", ally=ally,
                           members=", ".join(held.members))  # fmt: skip
        view = record_view(asked.state, held, ally=ally, start=None if start is None else max(0, start))
        checked = verified_page(asked.state, held, ally=view.ally, start=view.start, limit=LIMIT) if verify else None
        return view, checked

    view, checked = await visit.front.ask(look)
    found = {one.seq: one for one in checked.entries} if checked else {}
    return visit.page("record.html", view=view, checked=checked, found=found, page_length=LIMIT)


@get("/rooms/{room:str}/as-of")
async def as_of(visit: Visit, room: str, at: str | None = None, tick: int | None = None) -> Response[Any]:
    """What each side held of a room at a time: by a slider over its entries, or a time that is typed."""
    now = visit.front.clock()
    errors: list[dict[str, str]] = []
    wanted: int | None = None
    if at and (tick is None or not at.isdigit()):
        try:
            wanted = int(at) if at.isdigit() and len(at) <= 17 else time_of(at, now=now)
        except KatchiError as error:
            errors = [one | {"field": "at"} for one in visit.told(error)]

    def look(asked: Asked) -> Any:
        held = room_named(asked, room)
        span = visit.front.shared.of(f"moments {room}", lambda: moments(asked.state, held))  # the same as a slider moves
        moment = wanted
        if moment is None and span.ticks:
            moment = span.ticks[min(max(tick if tick is not None else len(span.ticks) - 1, 0), len(span.ticks) - 1)]
        return held, span, heights_view(asked.state, held, moment if moment is not None else now)

    held, span, view = await visit.front.ask(look)
    place = sum(one <= view.as_of for one in span.ticks) - 1
    lengths = await visit.front.ask(lambda asked: {ally: asked.state.chain(held.id, ally).length for ally in held.members})
    return visit.page(
        "as_of.html", status=400 if errors else 200, room=held, span=span, view=view, place=max(place, 0), lengths=lengths,
        errors=errors, typed={"at": at or ""},
    )  # fmt: skip


def room_named(asked: Asked, name: str) -> Room:
    """Return the room of that id, or raise NotFound."""
    try:
        found = asked.state.rooms.get(bytes.fromhex(name))
    except ValueError:
        found = None
    if found is None:
        raise NotFound("no room here goes by that id", hint="The list of rooms shows all.")
    return found


HANDLERS = (rooms, found, join, record, as_of)
