"""The report of a scenario: everything that can be found of it, gathered for the charts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from katchi.charts.findings import Decided, Findings
from katchi.charts.report import report
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


def write_report(path: Path, scenario: Scenario, swept: Sweep, manifest: Mapping[str, object], *, threads: int) -> None:
    """Write the report of a sweep as one HTML file, with what changes gain, what it hangs on, and what is decided.

    Raises:
        NotFound: the file cannot be written.
    """
    runs = min(swept.runs, COMPARED_RUNS_MAX)
    found = Findings(
        scenario=scenario,
        sweep=swept,
        improvement=improve(scenario.network, scenario.changes, seed=swept.seed, runs=runs, threads=threads)
        if scenario.changes
        else None,
        sensitivity=sensitivity(scenario.network, scenario.uncertain, seed=swept.seed, threads=threads),
        decided=decided(scenario, swept),
        manifest=manifest,
    )
    try:
        path.write_text(report(found, language=LANGUAGE), encoding="utf-8")
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
