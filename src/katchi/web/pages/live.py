"""The stream of changes, drafts as they are written, and whether the node is well."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.response import Stream

from katchi.web.door import front_keeps
from katchi.web.visit import Visit

DRAFT_SIZE_MAX = 1024 * 1024  # as browsers send it: a letter of Korean takes nine


@get("/events")
async def events(visit: Visit) -> Stream:
    """Server-sent events: that something changed, never what."""
    last = visit.request.headers.get("last-event-id")
    front, officer = visit.front, visit.who
    stream = front.live.stream(officer.post, last, is_open=lambda: front.sessions.is_open(officer))
    return Stream(stream, media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


@post("/drafts", status_code=200, request_max_body_size=DRAFT_SIZE_MAX)
async def keep_draft(visit: Visit) -> Response[Any]:
    """Keep what is written so far; with scripts this happens by itself, without them by a button. Or forget it."""
    fields = {name: value for name, value in (await visit.fields()).multi_items() if isinstance(value, str)}
    if "discard" in fields:
        visit.front.drafts.keep(fields.get("draft", ""), {})
        return visit.to(fields.get("back", "/"))
    kept = front_keeps(visit.front, fields)
    if "keep" in fields:
        return visit.to(fields.get("back", "/"))
    return Response(None, status_code=204, headers={"X-Draft": "kept" if kept else "empty"})


@get("/health", sync_to_thread=False)
def health(visit: Visit) -> dict[str, Any]:
    """Whether the node is well: anyone may ask, and learns nothing else."""
    failed = visit.front.service.driver.store_failed
    return {"status": "failing" if failed else "well", "mode": visit.front.mode}


HANDLERS = (events, keep_draft, health)
