"""One request of one browser: who sits there, which language it reads, and how a page is answered."""

from __future__ import annotations

import secrets
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Request, Response
from litestar.datastructures import Cookie, FormMultiDict
from markupsafe import Markup

from katchi import __version__
from katchi.errors import KatchiError, Malformed
from katchi.language import Language
from katchi.web.front import Front
from katchi.web.sessions import Officer, SignedOut
from katchi.web.speech import LANGUAGE_COOKIE, LANGUAGES, ZONES, bracketed, commands, iso, language_of, plain, speech

TEMPLATES, STATIC = Path(__file__).parent / "templates", Path(__file__).parent / "static"
YEAR_S = 365 * 24 * 3600


@cache
def environment(language: Language) -> Environment:
    """Return the templates, speaking one language."""
    said = speech(language)
    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.globals |= {"_": said.translate, "said": said.said, "speech": said, "zones": ZONES, "languages": LANGUAGES}
    made.globals |= {"language": language, "version": __version__, "asset": asset}
    made.filters |= {"iso": iso, "plain": plain, "bracketed": bracketed, "commands": commands}
    made.filters["drawing"] = Markup  # charts/figure.py made it in a process of ours, and escaped what it was given
    return made


@cache
def asset(path: str) -> str:
    """Return the address of a script or style: another one once its content is another, so that it may be kept for long."""
    digest = sha256((STATIC / path).read_bytes()).hexdigest()
    return f"/static/{path}?v={digest[:12]}"


class Visit:
    """One request."""

    def __init__(self, request: Request[Any, Any, Any], front: Front) -> None:
        self.request, self.front = request, front
        self.officer: Officer | None = request.scope["state"].get("officer")
        self.nonce: str = request.scope["state"].get("nonce") or secrets.token_urlsafe(16)
        cookies = request.cookies
        self.speech = speech(language_of(cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", "")))

    @property
    def who(self) -> Officer:
        """The officer who is signed in.

        Raises:
            SignedOut: nobody is.
        """
        if self.officer is None:
            raise signed_out()
        return self.officer

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response[str]:
        """Return a page."""
        front = self.front
        text = (
            environment(self.speech.language)
            .get_template(template)
            .render(
                ally=front.ally,
                mode=front.mode,
                officer=self.officer,
                nonce=self.nonce,
                now=front.clock(),
                path=self.request.url.path,
                here=_here(self.request),
                form_token=front.sessions.form_token(self.officer) if self.officer else "",
                **values,
            )
        )
        return Response(text, status_code=status, media_type=MediaType.HTML)

    def part(self, template: str, **values: Any) -> Markup:
        """Return a part of a page that knows nothing of who reads it, but the language."""
        return Markup(environment(self.speech.language).get_template(template).render(**values))  # noqa: S704  a template's own

    def to(self, path: str, *, cookies: list[Cookie] | None = None) -> Response[str]:
        """Return a redirect to one of our own pages, by its path."""
        where = {"Location": local_path(path)}
        return Response("", status_code=303, headers=where, cookies=cookies or [], media_type=MediaType.TEXT)

    async def fields(self) -> FormMultiDict:
        """Return the fields of the form that was sent; `door.py` has seen that it is ours."""
        return await self.request.form()

    def told(self, error: KatchiError | None) -> list[dict[str, str]]:
        """Return an error, and what else is wrong, as the summary on top of a form says it."""
        each = error.each if isinstance(error, Malformed) else (error,) if error is not None else ()
        said = [(one.field, *one.said(self.speech.in_a_sentence)) for one in each]
        return [{"field": field, "message": capital(message), "hint": hint} for field, message, hint in said]

    def error(self, error: KatchiError, *, template: str = "error.html", **values: Any) -> Response[str]:
        """Return a page that says what happened and what to do next."""
        message, hint = error.said(self.speech.in_a_sentence)
        return self.page(template, status=error.http_status, error={"message": capital(message), "hint": hint}, **values)


def capital(sentence: str) -> str:
    """Return a sentence with a capital at its beginning, unless it begins with a name as a file, a command or a user wrote it."""
    first, _, rest = sentence.partition(" ")
    return (
        f"{first[0].upper()}{first[1:]} {rest}"
        if rest and first.isascii() and first.isalpha() and first != "katchi"
        else sentence
    )


def signed_out() -> SignedOut:
    """Return the error that nobody is signed in."""
    return SignedOut(
        "you are not signed in",
        hint="Beside the node, `katchi officer link DIR` prints a link that signs you in.",
    )


def local_path(path: str) -> str:
    """Return `path` if it is a page of ours, else the first page: no redirect leads to another host."""
    parts = urlsplit(path)
    is_ours = not parts.scheme and not parts.netloc and path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if is_ours and path.isprintable() else "/"


def _here(request: Request[Any, Any, Any]) -> str:
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")
