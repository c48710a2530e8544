"""The link to each ally: up or not, what waits, how far the records are equal."""

from __future__ import annotations

from typing import Any

from litestar import Response, get

from katchi.node.views.link import link_views
from katchi.node.views.rooms import room_views
from katchi.web.visit import Visit


@get("/link")
async def link(visit: Visit) -> Response[Any]:
    """How the link to each paired ally stands."""
    links, rooms = await visit.front.ask(lambda asked: (link_views(asked.state, asked.peers), room_views(asked.state)))
    return visit.page("link.html", links=links, rooms={room.id: room for room in rooms}, refresh_s=15)


HANDLERS = (link,)
