"""What is told of a scenario: everything that can be found of it, gathered for the charts, and written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from katchi.charts.findings import Decided, Findings
from katchi.charts.report import LANGUAGES, report
from katchi.charts.sections import tellings
from katchi.charts.telling import ANSWER, REPORT, TOLD, Tellings
from katchi.cli.figures import Progress
from katchi.cli.speech import LANGUAGE
from katchi.errors import NotFound, Refused, os_reason
from katchi.exercise.scenario import Scenario
from katchi.simulate.game.answer import solve
from katchi.simulate.game.regimes import most_credible, regimes
from katchi.simulate.game.staged import knob_of, questions_of, unfolded
from katchi.simulate.improve import improve
from katchi.simulate.sensitivity import sensitivity
from katchi.simulate.sweep import Sweep

COMPARED_RUNS_MAX = 200_000  # of each change


def told_of(scenario: Scenario, swept: Sweep, manifest: Mapping[str, object], *, threads: int, progress: Progress) -> Tellings:
    """Return what is told of a sweep, with what changes gain, what it hangs on, and what is decided."""
    improvement, runs = None, min(swept.runs, COMPARED_RUNS_MAX)
    if scenario.changes:
        progress.begins("improve")
        improvement = improve(scenario.network, scenario.changes, seed=swept.seed, runs=runs, threads=threads, progress=progress)
    progress.begins("sensitivity")
    hangs = sensitivity(scenario.network, scenario.uncertain, seed=swept.seed, threads=threads, progress=progress)
    progress.begins("game")
    game = decided(scenario, swept)
    progress.begins("drawing")
    found = Findings(scenario=scenario, sweep=swept, improvement=improvement, sensitivity=hangs, decided=game, manifest=manifest)
    told = tellings(found)
    progress.clear()
    return told


def write_report(path: Path, told: Tellings) -> None:
    """Write a report as one HTML file.

    Raises:
        NotFound: the file cannot be written.
    """
    _write(path, report(told, language=LANGUAGE).encode())


def write_all(folder: Path, told: Tellings, answer: Mapping[str, object]) -> None:
    """Write the answer, what is told of it, and a report in each language to a folder, made if it is not there.

    Raises:
        NotFound: a file cannot be written.
    """
    _write(folder / ANSWER, msgspec.json.encode(answer, order="deterministic"))
    _write(folder / TOLD, msgspec.json.encode(told))
    for language in LANGUAGES:
        _write(folder / REPORT.format(language=language), report(told, language=language).encode())


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise NotFound(
            "cannot write {path}: {error}", hint="Name a file that can be written.", path=str(path), error=os_reason(error)
        ) from None


def decided(scenario: Scenario, swept: Sweep) -> Decided | None:
    """Return a scenario's decisions solved with what the sweep says of its questions; None if it has none or too many."""
    if scenario.decisions is None:
        return None
    questions = tuple(questions_of(scenario.decisions))
    attained = {}
    for name in questions:
        one = swept.questions[name]
        attained[name] = one.probability if one.exact is None else one.exact
    try:
        game = unfolded(scenario.decisions, attained, title=scenario.title.said(LANGUAGE))
        solution = solve(game)
        ranges = {name: regimes(game, knob_of(game, scenario.decisions, name)) for name in questions}
    except Refused:
        return None
    best = most_credible(solution)
    shown = next((i for i, profile in enumerate(solution.profiles) if profile == best), 0)
    return Decided(game=game, solution=solution, shown=shown, ranges=ranges)
