"""This node, and who asks."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get
from msgspec import Meta

from katchi import __version__
from katchi.web.visit import Visit


class Session(msgspec.Struct, kw_only=True):
    """Who is signed in."""

    post: Annotated[str, Meta(description="The post.")]
    name: Annotated[str | None, Meta(description="The officer's name, if one was given.")]
    csrf_token: Annotated[str, Meta(description="What changes something needs it in the header X-CSRF-Token.")]


class Node(msgspec.Struct, kw_only=True):
    """This node."""

    ally: Annotated[str, Meta(description="Whose node it is.")]
    mode: Annotated[str, Meta(description="live or exercise, for life.")]
    fingerprint: Annotated[str, Meta(description="What stands for this ally's keys.")]
    posts: Annotated[list[str], Meta(description="Its posts, in the order in which an unread message climbs them.")]
    version: Annotated[str, Meta(description="The version of katchi.")]
    now: Annotated[int, Meta(description="Its clock: microseconds UTC.")]
    session: Annotated[Session | None, Meta(description="Who asks; null with the node's own token.")]


@get("/api/node", sync_to_thread=False)
def node(visit: Visit) -> Node:
    """Show whose node this is, and who asks; a session learns its token here."""
    front, officer = visit.front, visit.officer
    session = None
    if officer is not None:
        session = Session(post=officer.post, name=officer.name, csrf_token=front.sessions.form_token(officer))
    return Node(
        ally=front.ally,
        mode=front.mode,
        fingerprint=front.fingerprint,
        posts=list(front.posts),
        version=__version__,
        now=front.clock(),
        session=session,
    )


HANDLERS = (node,)
