"""How the links stand, and what needs the post on duty."""

from __future__ import annotations

from collections.abc import Iterable

from litestar import get

from katchi.node.views.duty import LIMIT as ROWS
from katchi.node.views.duty import DutyView, duty_view
from katchi.node.views.link import Ended, LinkView, link_views
from katchi.serve.control import Failure, error_of
from katchi.web.api.asking import Limit
from katchi.web.speech import Speech
from katchi.web.visit import Visit


@get("/api/link")
async def link(visit: Visit) -> list[LinkView]:
    """Show how the link to each paired ally stands; `ended` says in the language of the request why one was given up."""
    links = await visit.front.ask(lambda asked: link_views(asked.state, asked.peers))
    return list(said(links, visit.speech))


@get("/api/duty")
async def duty(visit: Visit, limit: Limit = None) -> DutyView:
    """Show the duty screen: what needs us, what waits for them, how the links stand, what is open."""
    now = visit.front.clock()
    view = await visit.front.ask(lambda asked: duty_view(asked.state, asked.peers, now, limit=limit or ROWS))
    view.links = list(said(view.links, visit.speech))
    return view


def said(links: Iterable[LinkView], speech: Speech) -> Iterable[LinkView]:
    """Yield links, with the reasons why they were given up in the language of `speech`."""
    for one in links:
        if one.ended is not None:
            ended = one.ended
            message, hint = error_of(Failure(ended.error, ended.message, ended.hint, ended.parameters)).said(speech.in_a_sentence)
            one.ended = Ended(ended.error, message, hint, ended.parameters)
        yield one


HANDLERS = (link, duty)
