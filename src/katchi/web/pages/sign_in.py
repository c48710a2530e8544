"""Signing in and out, and the language switch."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.datastructures import Cookie

from katchi.errors import NotFound
from katchi.web.door import cookie_name
from katchi.web.speech import LANGUAGE_COOKIE, LANGUAGES
from katchi.web.visit import YEAR_S, Visit


@get("/sign-in/{link:str}")
async def sign_in(visit: Visit, link: str) -> Response[Any]:
    """Use a one-time link up, and show the duty screen."""
    session = visit.front.sessions.sign_in(link)
    # Plain HTTP on loopback: host-only, so no Domain, no Secure and no __Host- prefix.
    return visit.to("/", cookies=[Cookie(key=cookie_name(visit.front), value=session, httponly=True, samesite="lax")])


@post("/sign-out")
async def sign_out(visit: Visit) -> Response[Any]:
    """End the session."""
    visit.front.sessions.sign_out(visit.who)
    visit.front.live.look_again()
    return visit.to("/", cookies=[Cookie(key=cookie_name(visit.front), value="", max_age=0)])


@get("/language/{language:str}")
async def language(visit: Visit, language: str, to: str = "/") -> Response[Any]:
    """Choose the language of the pages in this browser."""
    if language not in LANGUAGES:
        raise NotFound("the pages do not speak that language", hint="They speak English and Korean.")
    return visit.to(to, cookies=[Cookie(key=LANGUAGE_COOKIE, value=language, max_age=YEAR_S, httponly=True, samesite="lax")])


HANDLERS = (sign_in, sign_out, language)
