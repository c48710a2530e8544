"""Scenarios: all of them, adding and removing one, what one says, and asking for a run of it."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import quote

from litestar import Response, get, post
from litestar.datastructures import UploadFile

from katchi.charts.telling import Outline
from katchi.errors import KatchiError, Malformed
from katchi.web.run import RUNS_MAX, RUNS_MIN, RUNS_USUAL, SEED_MAX, SEED_USUAL, Run
from katchi.web.shelf import SIZE_MAX, ScenarioFile
from katchi.web.visit import Visit

FORM_SIZE_MAX = 2 * SIZE_MAX + 64 * 1024  # bytes: a file and a text, of which one is refused


class Row(NamedTuple):
    """One scenario in the list."""

    file: ScenarioFile
    outline: Outline | None
    fault: str  # what is wrong with the file
    last: Run | None
    under_way: Run | None


@get("/scenarios")
async def scenarios(visit: Visit) -> Response[Any]:
    """All scenarios, each with its last answer, and the form that adds one."""
    return await _list(visit)


async def _list(visit: Visit, error: KatchiError | None = None, **typed: str) -> Response[Any]:
    front, rows = visit.front, []
    files = front.shelf.files()
    outlines = await front.shelf.outlines(files, visit.speech.language)
    for file in files:
        found = outlines[file.name]
        outline, fault = (found, "") if isinstance(found, Outline) else (None, found.said(visit.speech.in_a_sentence)[0])
        last = next(iter(front.simulations.of(file.name)), None)
        under_way = next((run for run in front.simulations.under_way if run.scenario == file.name), None)
        rows.append(Row(file, outline, fault, last, under_way))
    return visit.page(
        "scenarios.html",
        status=error.http_status if error else 200,
        rows=rows,
        errors=visit.told(error),
        typed=typed,
        size_max=SIZE_MAX,
    )


@post("/scenarios", request_max_body_size=FORM_SIZE_MAX)
async def add(visit: Visit) -> Response[Any]:
    """Add a scenario: a file, or a text that was pasted."""
    fields = await visit.fields()
    sent, text = fields.get("file"), str(fields.get("source", "")).replace("\r\n", "\n")
    source, named = text.encode(), str(fields.get("name", "")).strip()
    if isinstance(sent, UploadFile):
        held = await sent.read()
        named = named or sent.filename.replace("\\", "/").rpartition("/")[2].removesuffix(".toml")
        await sent.close()
        if held and not text.strip():
            source = held
    try:
        if not source.strip():
            raise Malformed("a scenario needs its text", hint="Choose a file, or paste what it says.", field="file")
        file = await visit.front.shelf.add(named, source, visit.speech.language)
    except KatchiError as error:
        return await _list(visit, error, name=named, source=text)
    return visit.to(f"/scenarios/{file.name}")


@get("/scenarios/{name:str}")
async def scenario(visit: Visit, name: str) -> Response[Any]:
    """What one scenario says, and the form that runs it."""
    return await _scenario(visit, name)


async def _scenario(visit: Visit, name: str, error: KatchiError | None = None, **typed: str) -> Response[Any]:
    front = visit.front
    file = front.shelf.named(name)
    try:
        outline = await front.shelf.outline(file, visit.speech.language)
    except Malformed as fault:
        return visit.page("scenario_unfit.html", file=file, errors=visit.told(fault), source=_shown(visit, file))
    under_way = front.simulations.under_way
    usual = {"runs": str(RUNS_USUAL), "seed": str(SEED_USUAL)}
    return visit.page(
        "scenario.html",
        status=error.http_status if error else 200,
        file=file,
        outline=outline,
        told=outline.told.of(visit.speech.language),
        results=front.simulations.of(name),
        under_way=[run for run in under_way if run.scenario == name],
        others=sum(run.scenario != name for run in under_way),
        lacking=front.simulations.lacking,
        errors=visit.told(error),
        typed=usual | typed,
        limits={"low": RUNS_MIN, "high": RUNS_MAX, "seed": SEED_MAX},
    )


def _shown(visit: Visit, file: ScenarioFile) -> str:
    """Return the text of a file that does not fit, as far as it can be shown."""
    try:
        return visit.front.shelf.source(file).decode("utf-8", "replace")
    except KatchiError:
        return ""


@get("/scenarios/{name:str}/file")
async def source(visit: Visit, name: str) -> Response[bytes]:
    """Download a scenario's file."""
    file = visit.front.shelf.named(name)
    return attachment(visit.front.shelf.source(file), f"{name}.toml", "application/toml")


@post("/scenarios/{name:str}/runs")
async def run(visit: Visit, name: str) -> Response[Any]:
    """Ask for a run; go to the page that shows how far it is, and then what it found."""
    fields = await visit.fields()
    typed = {field: str(fields.get(field, "")).strip() for field in ("runs", "seed")}
    front, officer = visit.front, visit.who
    file = front.shelf.named(name)
    try:
        runs, seed = (whole(typed[field], field) for field in ("runs", "seed"))
        outline = await front.shelf.outline(file, visit.speech.language)
        require_questions(outline)
        by = ", ".join(filter(None, (officer.post, officer.name)))
        begun = front.simulations.begin(
            name, front.shelf.source(file), runs=runs, seed=seed, by=by, language=visit.speech.language
        )
    except KatchiError as error:
        return await _scenario(visit, name, error, **typed)
    return visit.to(f"/scenarios/{name}/results/{begun.id}")


def whole(text: str, field: str) -> int:
    """Return a number that was typed, with or without commas.

    Raises:
        Malformed: it is none.
    """
    digits = text.replace(",", "").replace(" ", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 16):
        raise Malformed("'{text}' is not a whole number", hint="Write digits alone, such as 100000.", field=field, text=text[:40])
    return int(digits)


def require_questions(outline: Outline) -> None:
    """Refuse to play a scenario that asks nothing.

    Raises:
        Malformed: it asks nothing.
    """
    if not outline.questions:
        raise Malformed("the scenario asks no question", hint="Add a table [questions.NAME] to its file.", field="runs")


@get("/scenarios/{name:str}/remove")
async def ask_removal(visit: Visit, name: str) -> Response[Any]:
    """Ask whether a scenario is really to be removed."""
    file = visit.front.shelf.named(name)
    return visit.page("scenario_remove.html", file=file, results=visit.front.simulations.of(name))


@post("/scenarios/{name:str}/remove")
async def remove(visit: Visit, name: str) -> Response[Any]:
    """Remove a scenario of this node's own, and what its runs found."""
    visit.front.shelf.remove(name)
    visit.front.simulations.remove_all_of(name)
    return visit.to("/scenarios")


def attachment(data: bytes, name: str, media_type: str) -> Response[bytes]:
    """Return a file to download, which no browser opens as a page of this node."""
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(data, media_type=media_type, headers=headers)


HANDLERS = (scenarios, add, scenario, source, run, ask_removal, remove)
