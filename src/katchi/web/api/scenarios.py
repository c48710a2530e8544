"""Scenarios: their list, what one says, a run of one, how far it is, and its answer."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, delete, get, post, put
from litestar.params import PathParameter
from msgspec import Meta

from katchi.charts.telling import Outline, Question
from katchi.errors import KatchiError
from katchi.web.api.body import Seated, read_body, seat_of
from katchi.web.pages.scenarios import require_questions
from katchi.web.run import RUNS_MAX, RUNS_MIN, RUNS_USUAL, SEED_MAX, SEED_USUAL, Run
from katchi.web.shelf import SIZE_MAX, ScenarioFile
from katchi.web.visit import Visit

Name = Annotated[str, PathParameter(description="The scenario's name: its file's, without .toml.")]
RunId = Annotated[str, PathParameter(description="The run's id, all of its digits.")]


class ScenarioSummary(msgspec.Struct, kw_only=True):
    """One scenario."""

    name: Annotated[str, Meta(description="By which it is asked for.")]
    own: Annotated[bool, Meta(description="Whether it was added here; else it came with katchi.")]
    title: Annotated[str, Meta(description="In the language of the request.")]
    digest: Annotated[str, Meta(description="SHA-256 of the file; empty if it does not fit.")]
    questions: Annotated[list[Question], Meta(description="What it asks.")]
    fault: Annotated[str, Meta(description="What is wrong with the file; empty if it fits.")]
    last: Annotated[Run | None, Meta(description="The newest run whose answer is kept.")]


class ScenarioView(msgspec.Struct, kw_only=True):
    """A scenario, whole: what it asks and assumes, its network drawn, and its runs."""

    name: str
    own: bool
    outline: Outline
    under_way: list[Run]
    answers: list[Run]
    lacking: Annotated[str | None, Meta(description="The package without which nothing can be played; null if none lacks.")]


class Running(Seated, frozen=True, kw_only=True):
    """What is asked for."""

    runs: Annotated[int, Meta(description="How many runs.", ge=RUNS_MIN, le=RUNS_MAX, examples=[RUNS_USUAL])] = RUNS_USUAL
    seed: Annotated[int, Meta(description="Where chance begins.", ge=0, le=SEED_MAX, examples=[7])] = SEED_USUAL


@get("/api/scenarios")
async def list_scenarios(visit: Visit) -> list[ScenarioSummary]:
    """Show the scenarios of this node's own folder and those that came with katchi."""
    files = visit.front.shelf.files()
    outlines = await visit.front.shelf.outlines(files, visit.speech.language)
    return [_summary(visit, file, outlines[file.name]) for file in files]


@get("/api/scenarios/{name:str}")
async def show_scenario(visit: Visit, name: Name) -> ScenarioView:
    """Show what a scenario asks and assumes, its network drawn, and its runs."""
    simulations = visit.front.simulations
    file = visit.front.shelf.named(name)
    return ScenarioView(
        name=file.name,
        own=file.is_own,
        outline=await visit.front.shelf.outline(file, visit.speech.language),
        under_way=[run for run in simulations.under_way if run.scenario == name],
        answers=simulations.of(name),
        lacking=simulations.lacking,
    )


@put("/api/scenarios/{name:str}", request_max_body_size=SIZE_MAX, takes=bytes, status_code=201)
async def add_scenario(visit: Visit, name: Name) -> ScenarioSummary:
    """Add a scenario to this node: the body is its file. It is read first, and never takes another's place."""
    file = await visit.front.shelf.add(name, await visit.request.body(), visit.speech.language)
    return _summary(visit, file, await visit.front.shelf.outline(file, visit.speech.language))


@delete("/api/scenarios/{name:str}", status_code=204)
async def remove_scenario(visit: Visit, name: Name) -> None:
    """Remove a scenario that was added here, and its answers."""
    visit.front.shelf.remove(name)
    visit.front.simulations.remove_all_of(name)


@post("/api/scenarios/{name:str}/runs", takes=Running, status_code=202)
async def run_scenario(visit: Visit, name: Name) -> Run:
    """Run a scenario beside the node. The same file, runs and seed are the same run, and not played twice."""
    body = await read_body(visit, Running)
    post_of, by = seat_of(visit, body)
    front = visit.front
    file = front.shelf.named(name)
    require_questions(await front.shelf.outline(file, visit.speech.language))
    who = ", ".join(filter(None, (post_of or front.posts[0], by)))
    return front.simulations.begin(
        name, front.shelf.source(file), runs=body.runs, seed=body.seed, by=who, language=visit.speech.language
    )


@get("/api/scenarios/{name:str}/runs/{run:str}")
async def show_run(visit: Visit, name: Name, run: RunId) -> Run:
    """Show how far a run is, and its first figures once it is done."""
    return visit.front.simulations.named(name, run)


@delete("/api/scenarios/{name:str}/runs/{run:str}", status_code=204)
async def remove_run(visit: Visit, name: Name, run: RunId) -> None:
    """Cancel a run that is under way, or delete what one found."""
    found = visit.front.simulations.named(name, run)
    visit.front.simulations.cancel(found)
    visit.front.simulations.remove(found)


@get("/api/scenarios/{name:str}/runs/{run:str}/answer")
async def show_answer(visit: Visit, name: Name, run: RunId) -> Response[bytes]:
    """Give out the answer of a run that is done: what `katchi sweep --json` says."""
    simulations = visit.front.simulations
    return Response(simulations.answer(simulations.named(name, run)), media_type="application/json")


def _summary(visit: Visit, file: ScenarioFile, found: Outline | KatchiError) -> ScenarioSummary:
    speech, outline = visit.speech, found if isinstance(found, Outline) else None
    return ScenarioSummary(
        name=file.name,
        own=file.is_own,
        title=outline.told.of(speech.language).title if outline else file.name,
        digest=outline.digest if outline else "",
        questions=list(outline.questions) if outline else [],
        fault=found.said(speech.in_a_sentence)[0] if isinstance(found, KatchiError) else "",
        last=next(iter(visit.front.simulations.of(file.name)), None),
    )


HANDLERS = (
    list_scenarios,
    show_scenario,
    add_scenario,
    remove_scenario,
    run_scenario,
    show_run,
    remove_run,
    show_answer,
)
