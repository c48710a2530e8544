"""The record as a whole: exporting it, and auditing the store."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.response import Stream

from katchi.node.views.rooms import room_views
from katchi.web.outside import exported
from katchi.web.pages.rooms import room_named
from katchi.web.visit import Visit

AS_PAGE, AS_BUNDLE = "html", "katchi"
TYPES = {AS_PAGE: "text/html; charset=utf-8", AS_BUNDLE: "application/octet-stream"}


@get("/export")
async def export(visit: Visit) -> Response[Any]:
    """What can be exported, in which form, and how the last audit went."""
    rooms = await visit.front.ask(lambda asked: room_views(asked.state))
    audits = visit.front.audits
    return visit.page("export.html", rooms=rooms, audit=audits.last, is_running=audits.is_running, refresh_s=3)


@post("/export")
async def download(visit: Visit) -> Response[Any]:
    """Write the export of one room, or of all shared ones, and hand it over as a file."""
    fields = await visit.fields()
    wanted, form = str(fields.get("room", "")), AS_PAGE if fields.get("form") == AS_PAGE else AS_BUNDLE
    room = (await visit.front.ask(lambda asked: room_named(asked, wanted))).id if wanted else None
    pieces, size = await exported(visit.front.directory.path, room, f".{form}", visit.speech.language)
    headers = {
        "Content-Disposition": f'attachment; filename="{visit.front.ally}.{form}"',
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Content-Length": str(size),
    }
    return Stream(pieces, media_type=TYPES[form], headers=headers, status_code=200)


@post("/audit")
async def audit(visit: Visit) -> Response[Any]:
    """Begin an audit of the whole store, in a process of its own."""
    visit.front.audits.begin(visit.speech.language, visit.front.clock)
    return visit.to("/export#audit")


HANDLERS = (export, download, audit)
