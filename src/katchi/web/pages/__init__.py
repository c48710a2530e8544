"""The pages: one file for each noun, and the list of all their handlers."""

from __future__ import annotations

from collections.abc import Sequence

from litestar.types import ControllerRouterHandler

from katchi.web.pages import acts, consultations, duty, link, live, papers, record, results, rooms, scenarios, sign_in

HANDLERS: Sequence[ControllerRouterHandler] = (
    *sign_in.HANDLERS,
    *live.HANDLERS,
    *duty.HANDLERS,
    *consultations.HANDLERS,
    *acts.HANDLERS,
    *papers.HANDLERS,
    *rooms.HANDLERS,
    *record.HANDLERS,
    *scenarios.HANDLERS,
    *results.HANDLERS,
    *link.HANDLERS,
)
