"""The duty screen, and the list of keys."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from litestar import Response, get
from markupsafe import Markup

from katchi.node.views.duty import DutyView, duty_view
from katchi.node.views.rooms import RoomView, room_views
from katchi.serve.questions import Asked
from katchi.vocabulary import Precedence
from katchi.web.visit import Visit

ROWS_MAX = 20
REFRESH_S = 15  # without scripts


class Screen:
    """What all duty screens show alike, and how it was said to them."""

    def __init__(self, view: DutyView, rooms: list[RoomView]) -> None:
        self.view, self.rooms = view, {room.id: room for room in rooms}
        self._said: dict[Hashable, Markup] = {}

    def said(self, visit: Visit) -> Markup:
        """Return the part of the page that changes; said once to all who read it alike."""
        front = visit.front
        drafts = front.drafts.all_of(visit.who)
        screens = {post: front.live.posts[post] for post in front.posts}
        key = (visit.speech.language, tuple(drafts), tuple(screens.items()))
        if key not in self._said:
            rings = any(one.precedence >= Precedence.IMMEDIATE for one in self.view.needs)
            shown = {"view": self.view, "rooms": self.rooms, "rings": rings, "drafts": drafts, "screens": screens}
            self._said[key] = visit.part("duty_live.html", **shown)
        return self._said[key]


@get("/")
async def duty(visit: Visit) -> Response[Any]:
    """What needs this post, what waits for the others, how the link stands, what is open."""
    front = visit.front

    def look(asked: Asked) -> Screen:
        view = duty_view(asked.state, asked.peers, front.clock(), limit=ROWS_MAX)
        return Screen(view, room_views(asked.state))

    screen = await front.ask(lambda asked: front.shared.of("duty", lambda: look(asked)))
    return visit.page("duty.html", live=screen.said(visit), refresh_s=REFRESH_S)


@get("/keys", sync_to_thread=False)
def keys(visit: Visit) -> Response[Any]:
    """The keys by which all of it is worked."""
    return visit.page("keys.html")


HANDLERS = (duty, keys)
