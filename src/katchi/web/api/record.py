"""The record of a room: its chains page by page, recomputed if asked, what each side held then, and its export."""

from __future__ import annotations

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter
from litestar.response import Stream

from katchi.node.views.held import AsOfView, HeldView, Moments
from katchi.node.views.record import RecordView, VerifiedPage
from katchi.serve import questions
from katchi.web.api.asking import At, Limit, ask, room_id
from katchi.web.outside import exported
from katchi.web.visit import Visit

Ally = Annotated[str | None, QueryParameter(description="Whose chain; our own if not given.")]
Branch = Annotated[int | None, QueryParameter(ge=0, description="Along which branch; the one that is written on if not given.")]


@get("/api/rooms/{id:str}/record")
async def record(
    visit: Visit,
    id: str,
    ally: Ally = None,
    start: Annotated[int | None, QueryParameter(ge=0, description="The first entry's seq; the newest ones if not given.")] = None,
    limit: Limit = None,
    branch: Branch = None,
) -> RecordView:
    """Show a room's chains and who vouches for them, and a page of one chain's entries."""
    found: RecordView = await ask(visit, questions.record, room=id, ally=ally, start=start, limit=limit, branch=branch)
    return found


@get("/api/rooms/{id:str}/verified")
async def verified(
    visit: Visit,
    id: str,
    ally: Ally = None,
    start: Annotated[int | None, QueryParameter(ge=0, description="The first entry's seq; 0 if not given.")] = None,
    limit: Limit = None,
    branch: Branch = None,
) -> VerifiedPage:
    """Recompute digests, links, signatures and bodies of a page of entries now."""
    found: VerifiedPage = await ask(visit, questions.verified, room=id, ally=ally, start=start, limit=limit, branch=branch)
    return found


@get("/api/rooms/{id:str}/moments")
async def moments(visit: Visit, id: str, limit: Limit = None) -> Moments:
    """Show the times between which a room can be looked at, spread evenly over its entries."""
    found: Moments = await ask(visit, questions.moments, room=id, limit=limit)
    return found


@get("/api/rooms/{id:str}/as-of")
async def as_of(visit: Visit, id: str, at: At = None) -> AsOfView:
    """Show what every side held of a room at a time, by its heights, and what one held and another did not.

    Our own node by arrival times, an ally by its own statements.
    """
    found: AsOfView = await ask(visit, questions.as_of, room=id, as_of=visit.front.clock() if at is None else at)
    return found


@get("/api/rooms/{id:str}/held")
async def held(
    visit: Visit,
    id: str,
    at: At = None,
    seen_by: Annotated[str | None, QueryParameter(description="The ally; ourselves if not given.")] = None,
) -> HeldView:
    """Show every entry of a room that one side held at a time: ours by arrival, an ally's by its own statements."""
    moment = visit.front.clock() if at is None else at
    found: HeldView = await ask(visit, questions.held, room=id, as_of=moment, seen_by=seen_by)
    return found


@get("/api/export", media_type="application/octet-stream")
async def export(
    visit: Visit,
    room: Annotated[
        str | None, QueryParameter(description="One room alone: its id, or its beginning; all shared ones if not given.")
    ] = None,
) -> Stream:
    """Give out rooms as one file that verifies by itself: `katchi record verify` reads it."""
    chosen = await room_id(visit, room) if room is not None else None
    pieces, size = await exported(visit.front.directory.path, chosen, ".katchi", visit.speech.language)
    headers = {
        "Content-Disposition": f'attachment; filename="{visit.front.ally}.katchi"',
        "Content-Length": str(size),
    }
    return Stream(pieces, media_type="application/octet-stream", headers=headers)


HANDLERS = (record, verified, moments, as_of, held, export)
