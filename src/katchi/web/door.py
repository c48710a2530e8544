"""Who may come in, before any page is asked: the host, the site that sends, the session, the form's token.

Everything needs a session but what OPEN names. What changes something needs more: that no other site
sent it, and a token that only a page of this session carries (or the node's own token, from its file).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from litestar import Request, Response
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send

from katchi.errors import KatchiError
from katchi.web.front import Front
from katchi.web.sessions import Forged, Officer, SignedOut
from katchi.web.visit import signed_out

OPEN = re.compile(r"/(sign-in/[^/]*|language/[a-z]+|static/.*|health|schema(/.*)?|keys)")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Frame-Options": "DENY",
}
API_HINT = "Send `Authorization: Bearer` with the token of control.json in the node's directory, or an officer's session cookie."
KEEP_ASSET, KEEP_VERSION = "private, max-age=3600", "private, max-age=31536000, immutable"
POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; font-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Door:
    """Stands before the whole application: lets in only requests to this host, and marks every answer."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["nonce"] = nonce
        hosts = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            await _refuse_host(send)
            return

        marks = HEADERS | {"Content-Security-Policy": POLICY.format(nonce=nonce)}
        keep = KEEP_VERSION if scope["query_string"].startswith(b"v=") else KEEP_ASSET
        marks["Cache-Control"] = keep if scope["path"].startswith("/static/") else "no-store"

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                _mark(message, marks)
            await send(message)

        await self._app(scope, receive, marked)


def _mark(message: HTTPResponseStartEvent, marks: Mapping[str, str]) -> None:
    held = {name.lower() for name, _ in message["headers"]}
    more = [(name.lower().encode(), value.encode()) for name, value in marks.items()]
    message["headers"] = [*message["headers"], *((name, value) for name, value in more if name not in held)]


async def _refuse_host(send: Send) -> None:
    body = b"This node does not answer to that host name. Use the address that `katchi officer link` prints.\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 421, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def hosts_of(ally: str, port: int) -> frozenset[str]:
    """Return the host names under which a node's pages may be asked."""
    return frozenset(f"{name}:{port}" for name in (f"{ally.lower()}.localhost", "localhost", "127.0.0.1"))


def is_api(path: str) -> bool:
    """Return whether a path is the API's: its errors are problems, and the node's own token opens it."""
    return path == "/api" or path.startswith("/api/")


def cookie_name(front: Front) -> str:
    """Return the name of this node's session cookie: two nodes on one host name share a cookie jar."""
    return f"katchi-session-{front.fingerprint[:8]}"


def officer_of(front: Front, request: Request[Any, Any, Any]) -> Officer | None:
    """Return who is signed in, by the request's cookie."""
    return front.sessions.officer(request.cookies.get(cookie_name(front)))


class Guard:
    """Runs before each handler: finds the officer, and refuses what nobody here sent."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def __call__(self, request: Request[Any, Any, Any]) -> Response[Any] | None:
        """Let the request pass, or raise.

        Raises:
            SignedOut, Forged.
        """
        front = self._front
        officer = request.scope["state"]["officer"] = officer_of(front, request)
        if OPEN.fullmatch(request.url.path):
            return None
        if request.method not in SAFE:
            _require_same_site(request)
        if is_api(request.url.path):
            self._let_into_api(request, officer)
            return None
        if officer is None:
            await self._keep_draft(request)
            raise signed_out()
        if request.method not in SAFE:
            try:
                front.sessions.require_form_token(officer, await _token_of(request))
            except Forged:
                await self._keep_draft(request)
                raise
        return None

    def _let_into_api(self, request: Request[Any, Any, Any], officer: Officer | None) -> None:
        """Let in the bearer of the node's own token, or an officer; no form is read here."""
        front, given = self._front, request.headers.get("authorization")
        if given is not None:
            scheme, _, token = given.partition(" ")
            if scheme.lower() != "bearer" or not front.service.knows(token.strip()):
                raise SignedOut("the token is not this node's", hint=API_HINT)
            request.scope["state"]["officer"] = None  # the node's owner, who says with each act who acts
            return
        if officer is None:
            raise SignedOut("you are not signed in", hint=API_HINT)
        if request.method in SAFE:
            return
        try:
            front.sessions.require_form_token(officer, request.headers.get("x-csrf-token", ""))
        except Forged:
            raise Forged(
                "the request does not carry this session's token",
                hint="Nothing was written. Send the header X-CSRF-Token with the `csrf_token` that `GET /api/node` answers.",
            ) from None

    async def _keep_draft(self, request: Request[Any, Any, Any]) -> None:
        """Keep what was written, though the session is lost or another; the form's ticket says whose it is."""
        if request.method in SAFE or not _is_form(request):
            return
        fields = await request.form()
        texts = {name: value for name, value in fields.multi_items() if isinstance(value, str)}
        try:
            request.scope["state"]["kept"] = front_keeps(self._front, texts)
        except KatchiError:
            request.scope["state"]["kept"] = False


def front_keeps(front: Front, fields: dict[str, str]) -> bool:
    """Keep a form's fields as a draft if it carries a ticket, and what it says was not sent meanwhile."""
    is_wanted = bool(fields.get("draft")) and not front.sent.has(fields.get("number", ""))
    return is_wanted and front.drafts.keep(fields["draft"], fields)


def _is_form(request: Request[Any, Any, Any]) -> bool:
    return request.headers.get("content-type", "").split(";")[0].strip().lower() in FORMS


async def _token_of(request: Request[Any, Any, Any]) -> str:
    if (header := request.headers.get("x-csrf-token")) is not None:
        return header
    return str((await request.form()).get("csrf", "")) if _is_form(request) else ""


def _require_same_site(request: Request[Any, Any, Any]) -> None:
    """Refuse what a page of another site sent."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    host = request.headers.get("host", "")
    if site not in (None, "same-origin", "none") or (origin is not None and origin != f"http://{host}"):
        raise Forged(
            "the request was sent by a page of another site",
            hint="Nothing was written. Open this node's own page and do it there.",
        )
