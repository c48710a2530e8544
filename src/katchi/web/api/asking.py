"""Asking the node what the command line asks it: the same questions, so the same answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import ParameterKwarg, QueryParameter

from katchi.errors import Malformed
from katchi.record.canonical import INT_MAX
from katchi.serve import questions
from katchi.serve.questions import ROWS_MAX, Asked
from katchi.web.visit import Visit

Question = Callable[[Asked, Mapping[str, Any]], Any]

Limit = Annotated[int | None, QueryParameter(ge=1, le=ROWS_MAX, description="At most so many rows.")]
At = Annotated[
    int | None, QueryParameter(ge=0, le=INT_MAX, description="Microseconds UTC by this node's clock; now if not given.")
]


def require_known_parameters(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Refuse a parameter that an address does not have: a wrong name would silently change the answer.

    Raises:
        Malformed: there is one.
    """
    known = [
        (field.kwarg_definition.name if isinstance(field.kwarg_definition, ParameterKwarg) else None) or name
        for name, field in handler.parsed_fn_signature.parameters.items()
        if name != "visit" and name not in connection.path_params
    ]
    for name in connection.query_params:
        if name not in known:
            raise Malformed(
                "there is no parameter '{name}' here",
                hint="Its parameters are: {names}.",
                field=name,
                name=name,
                names=", ".join(known),
            )


async def ask(visit: Visit, question: Question, **arguments: Any) -> Any:
    """Ask a question of serve/questions.py; what is None is not given."""
    given = {name: value for name, value in arguments.items() if value is not None}
    return await visit.front.ask(lambda asked: question(asked, given))


async def room_id(visit: Visit, beginning: str | None) -> bytes:
    """Return the room whose id begins so; None means the only shared one, else the national one."""
    return bytes.fromhex(await ask(visit, questions.resolve, of="room", id=beginning))


async def opening_id(visit: Visit, beginning: str) -> bytes:
    """Return the consultation whose id begins so."""
    return bytes.fromhex(await ask(visit, questions.resolve, id=beginning))
