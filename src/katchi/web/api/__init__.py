"""The API: the acts and views of the command line and the pages, as JSON; one file for each noun.

Views are answered as node/views/ has them. Digests are hex, times microseconds UTC.
"""

from __future__ import annotations

from collections.abc import Sequence

from litestar import Router
from litestar.types import ControllerRouterHandler

from katchi.web.api import consultations, link, node, papers, record, rooms, scenarios
from katchi.web.api.asking import require_known_parameters

HANDLERS: Sequence[ControllerRouterHandler] = (
    Router(
        "/",
        route_handlers=[
            *node.HANDLERS,
            *link.HANDLERS,
            *rooms.HANDLERS,
            *papers.HANDLERS,
            *record.HANDLERS,
            *consultations.HANDLERS,
            *scenarios.HANDLERS,
        ],
        guards=[require_known_parameters],
    ),
)
