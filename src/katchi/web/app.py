"""The application: all pages and API routes of one node, and how an error is answered on each."""

from __future__ import annotations

import traceback
from typing import Any

from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.static_files import create_static_files_router
from litestar.types import ASGIApp

from katchi.errors import KatchiError, NotFound
from katchi.web import api, pages
from katchi.web.api.problem import answer_problem, error_of_http
from katchi.web.api.schema import openapi_config
from katchi.web.door import Door, Guard, hosts_of, is_api, officer_of
from katchi.web.front import Front
from katchi.web.visit import STATIC, Visit

BODY_SIZE_MAX = 256 * 1024  # raised only where papers go


def application(front: Front, port: int) -> ASGIApp:
    """Return the ASGI application of a node whose pages are served on `port`."""

    def visit(request: Request[Any, Any, Any]) -> Visit:
        return Visit(request, front)

    static = create_static_files_router(
        path="/static", directories=[STATIC], include_in_schema=False, cache_control=None, name="static"
    )
    guard = Guard(front)
    app = Litestar(
        [*pages.HANDLERS, *api.HANDLERS, static],
        before_request=guard,
        dependencies={"visit": Provide(visit, sync_to_thread=False)},
        exception_handlers={KatchiError: _answer_error, HTTPException: _answer_http, Exception: _answer_fault},
        request_max_body_size=BODY_SIZE_MAX,
        openapi_config=openapi_config(front, guard),
        logging_config=None,
    )
    app.state.front = front
    return Door(app, hosts_of(front.ally, port))


def _answer_error(request: Request[Any, Any, Any], error: KatchiError) -> Response[Any]:
    visit = Visit(request, request.app.state.front)
    if is_api(request.scope["path"]):
        return answer_problem(visit, error)
    if error.http_status == 401:
        return visit.error(error, template="signed_out.html", kept=bool(request.scope["state"].get("kept")))
    return visit.error(error)


def _answer_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    if is_api(request.scope["path"]):
        answer = _answer_error(request, error_of_http(request, error))
        answer.headers.update(error.headers or {})
        return answer
    state = request.scope["state"]
    if "officer" not in state:  # the guard runs before handlers alone, and an address that is nobody's has none
        state["officer"] = officer_of(request.app.state.front, request)
    found = _as_ours(error)
    answer = _answer_error(request, found)
    answer.status_code = error.status_code
    return answer


def _as_ours(error: HTTPException) -> KatchiError:
    match error.status_code:
        case 404:
            return NotFound("there is no such page here", hint="The first page leads to all others.")
        case 405:
            return KatchiError("this address does not take that", hint="Go back, and use the page's own buttons.")
        case 413:
            return KatchiError(
                "what was sent is too large", hint="A paper has at most 64 MiB; a text about 16,000 letters; a scenario 256 KiB."
            )
        case _:
            return KatchiError("the request cannot be read: {detail}", hint="Go back and send it again.", detail=error.detail)


def _answer_fault(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    traceback.print_exception(error)  # to the node's own log; never to a browser
    return _answer_error(
        request, KatchiError("the node could not do this", hint="Nothing was lost. The node's log says more; try it again.")
    )
