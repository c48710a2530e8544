"""One run of a scenario: how far it is, then what it found, as a page and as a report to keep."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post

from katchi.errors import NotFound
from katchi.web.pages.scenarios import attachment
from katchi.web.speech import LANGUAGES
from katchi.web.visit import Visit

SHOWN_AGAIN_S = 2


@get("/scenarios/{name:str}/results/{id:str}")
async def result(visit: Visit, name: str, id: str) -> Response[Any]:
    """How far a run is; what it found, once it is done."""
    front = visit.front
    file, run = front.shelf.named(name), front.simulations.named(name, id)
    if run.state != "done":
        again = {"refresh_s": SHOWN_AGAIN_S} if run.is_under_way else {}
        return visit.page("run.html", file=file, run=run, ahead=front.simulations.ahead_of(run), **again)
    outline = await front.shelf.outline(file, visit.speech.language)
    told = front.simulations.told(run).of(visit.speech.language)
    return visit.page("result.html", file=file, run=run, told=told, is_of_now=outline.digest == run.digest)


@post("/scenarios/{name:str}/results/{id:str}/cancel")
async def cancel(visit: Visit, name: str, id: str) -> Response[Any]:
    """End a run before it is done."""
    visit.front.simulations.cancel(visit.front.simulations.named(name, id))
    return visit.to(f"/scenarios/{name}")


@post("/scenarios/{name:str}/results/{id:str}/remove")
async def remove(visit: Visit, name: str, id: str) -> Response[Any]:
    """Delete what a run found; the same file, seed and number of runs find it again."""
    visit.front.simulations.remove(visit.front.simulations.named(name, id))
    return visit.to(f"/scenarios/{name}")


@get("/scenarios/{name:str}/results/{id:str}/report/{language:str}")
async def report(visit: Visit, name: str, id: str, language: str) -> Response[bytes]:
    """Download the report of a run: one file, which needs no network."""
    known = next((one for one in LANGUAGES if one == language), None)
    if known is None:
        raise NotFound("the pages do not speak that language", hint="They speak English and Korean.")
    data = visit.front.simulations.report(visit.front.simulations.named(name, id), known)
    return attachment(data, f"{name}.{known}.html", "text/html; charset=utf-8")


HANDLERS = (result, cancel, remove, report)
