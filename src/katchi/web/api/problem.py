"""How an error is answered on the API: RFC 9457, in the words of the pages and the command line.

`detail` says what happened and `hint` what to do next, in the language of the request; `error` and
`type` name its class for programs. No answer holds a stack trace.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from msgspec import Meta

from katchi.errors import (
    KatchiError,
    LinkFailed,
    Malformed,
    NodeBusy,
    NotFound,
    NotTrusted,
    RecordBroken,
    Refused,
    StoreFailed,
    Unverified,
)
from katchi.web.pages.papers import PaperAwaited
from katchi.web.sessions import Forged, SignedOut
from katchi.web.visit import Visit

MEDIA_TYPE = "application/problem+json"
_MISSING = re.compile(r"Missing required query parameter '(.*?)'")
SEE_SCHEMA = "`/schema` lists all addresses of the API, and what each takes."


class WrongMethod(KatchiError):
    """The address is there, and does not take that method."""

    http_status = 405


class TooLarge(KatchiError):
    """What was sent is larger than this address takes."""

    http_status = 413


class Wrong(msgspec.Struct, kw_only=True):
    """One of several things that are wrong with what was sent."""

    field: Annotated[str, Meta(description="The field that it is about.")]
    detail: Annotated[str, Meta(description="What is wrong with it.")]
    hint: Annotated[str, Meta(description="What to do next.")]


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What went wrong (RFC 9457)."""

    type: Annotated[str, Meta(description="Names the class of error: a part of the page /schema.")]
    title: Annotated[str, Meta(description="The class of error in a few words.")]
    status: Annotated[int, Meta(description="The HTTP status.")]
    detail: Annotated[str, Meta(description="What happened, and where.")]
    error: Annotated[str, Meta(description="The class of error, as the command line's --json names it.")]
    hint: Annotated[str, Meta(description="What still holds, and what to do next.")] = ""
    field: Annotated[str | None, Meta(description="The field or parameter that it is about.")] = None
    others: Annotated[tuple[Wrong, ...], Meta(description="What else is wrong with what was sent.")] = ()


def _(text: str) -> str:
    """Mark a string for the catalogue; it is translated where it is answered."""
    return text


TITLES: Mapping[type[KatchiError], str] = {  # the page /schema lists them
    Malformed: _("The request cannot be read"),
    Refused: _("The rules do not allow this now; nothing was written"),
    PaperAwaited: _("Not all of it has arrived yet"),
    NotFound: _("Nothing here goes by that name"),
    SignedOut: _("Not signed in"),
    Forged: _("Not sent by the officer who is signed in"),
    NotTrusted: _("A key or phrase is not the expected one"),
    WrongMethod: _("The address does not take that method"),
    TooLarge: _("What was sent is too large"),
    Unverified: _("Something signed does not hold"),
    RecordBroken: _("What is stored does not verify"),
    StoreFailed: _("The disk did not take it; nothing was kept"),
    NodeBusy: _("Another process holds this node"),
    LinkFailed: _("An ally's node did not answer, or not as agreed"),
    KatchiError: _("The node could not do this"),
}


def class_of(error: KatchiError) -> type[KatchiError]:
    """Return the class by which an error is named."""
    return next(cls for cls in type(error).__mro__ if cls in TITLES)


def anchor_of(cls: type[KatchiError]) -> str:
    """Return the part of the page /schema that speaks of a class of error."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", cls.__name__).lower()


def answer_problem(visit: Visit, error: KatchiError) -> Response[bytes]:
    """Return the answer that tells of an error."""
    cls, speech = class_of(error), visit.speech
    detail, hint = error.said(speech.in_a_sentence)
    problem = Problem(
        type=f"/schema#{anchor_of(cls)}",
        title=speech.translate(TITLES[cls]),
        status=error.http_status,
        detail=detail,
        error=cls.__name__,
        hint=hint,
        field=error.field or None,
        others=tuple(_wrong(visit, other) for other in error.others) if isinstance(error, Malformed) else (),
    )
    headers: dict[str, str] = {"Content-Language": speech.language}
    if error.http_status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="katchi"'
    return Response(msgspec.json.encode(problem), status_code=error.http_status, media_type=MEDIA_TYPE, headers=headers)


def _wrong(visit: Visit, error: KatchiError) -> Wrong:
    detail, hint = error.said(visit.speech.in_a_sentence)
    return Wrong(field=error.field, detail=detail, hint=hint)


def error_of_http(request: Request[Any, Any, Any], error: HTTPException) -> KatchiError:
    """Return what Litestar says of a request, in our own words."""
    match error.status_code:
        case 404:
            return NotFound("there is no such address in the API", hint=SEE_SCHEMA)
        case 405:
            return WrongMethod(
                "this address does not take {method}",
                hint="It takes: {methods}.",
                method=request.method,
                methods=(error.headers or {}).get("allow", ""),
            )
        case 413:
            return TooLarge(
                "what was sent is too large", hint="A paper has at most 64 MiB; a text about 16,000 letters; a scenario 256 KiB."
            )
        case _:
            return _of_parameter(request, error)


def _of_parameter(request: Request[Any, Any, Any], error: HTTPException) -> KatchiError:
    said = error.extra[0] if isinstance(error.extra, list) and error.extra else {}
    name = str(said.get("key", "")) if isinstance(said, dict) else ""
    if missing := _MISSING.match(error.detail):
        name = missing[1]
    if not name:
        return Malformed("the request cannot be read: {detail}", hint=SEE_SCHEMA, detail=error.detail)
    if name not in request.query_params:
        return Malformed("the parameter '{name}' is missing", hint=SEE_SCHEMA, name=name, field=name)
    value = str(request.query_params[name])
    return Malformed("the parameter '{name}' cannot be '{value}'", hint=SEE_SCHEMA, name=name, value=value, field=name)
