"""The decisions of a scenario as a game: its question chances take their probability from the scenario's own process.

This is where the two halves meet. For each question that a chance move asks: how likely it is answered in time (exactly where
that is possible, else sampled, and the answer says which), over which range of that probability each equilibrium holds, and
which answer holds where from never to always. So "how good must our consultation be" has a number, beside what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from katchi.cli.figures import cores, time_said
from katchi.cli.scenario import opened
from katchi.cli.speech import _, say, spoken
from katchi.errors import Refused
from katchi.formats.manifest import manifest

if TYPE_CHECKING:
    from katchi.exercise.decisions import Decisions
    from katchi.exercise.scenario import Scenario
    from katchi.simulate.game.answer import Solution
    from katchi.simulate.game.regimes import Regime
    from katchi.simulate.game.robustness import Range
    from katchi.simulate.game.tree import Game
    from katchi.simulate.sweep import Sweep

MAPPED_MAX = 5


class Staged(NamedTuple):
    """The game of a scenario, and what its process said of the questions that it asks."""

    file: Path
    scenario: Scenario
    decisions: Decisions
    game: Game
    questions: tuple[str, ...]
    swept: Sweep | None  # None: it asks nothing
    seed: int


def staged(file: Path, *, runs: int, seed: int) -> Staged:
    """Return the game of a scenario file's decisions.

    Raises:
        NotFound, MalformedAt: it cannot be read.
        Refused: it has no decisions, or too many to solve.
    """
    from katchi.simulate.game.staged import questions_of, unfolded
    from katchi.simulate.sweep import Asked, sweep

    scenario = opened(file)
    if scenario.decisions is None:
        raise Refused(
            "{path} has no decisions: there is no game to solve",
            hint="docs/spec/scenario.md shows how decisions are written.",
            path=str(file),
        )
    questions = tuple(questions_of(scenario.decisions))
    swept = sweep(scenario.network, Asked(runs=runs, seed=seed, threads=cores())) if questions else None
    in_time = {name: _attained(swept, name) for name in questions} if swept is not None else {}
    game = unfolded(scenario.decisions, in_time, title=scenario.title.en or scenario.title.ko)
    return Staged(file, scenario, scenario.decisions, game, questions, swept, seed)


def _attained(swept: Sweep, question: str) -> float:
    """Return the probability that a question gives to the game: the exact one where it can be had."""
    found = swept.questions[question]
    return found.probability if found.exact is None else found.exact


def answer_of(one: Staged, solution: Solution) -> dict[str, Any]:
    """Return what is said of a scenario's game beside its equilibria."""
    from katchi.simulate.game.regimes import regimes
    from katchi.simulate.game.robustness import holds_over
    from katchi.simulate.game.staged import knob_of

    if one.swept is None:
        return {"manifest": manifest(one.scenario, file=str(one.file))}
    in_time, held, ranges = [], [], []
    for question in one.questions:
        turning = knob_of(one.game, one.decisions, question)
        over = regimes(one.game, turning)
        in_time.append(_in_time(one.swept, question, over))
        ranges += [_range(one.swept, question, regime) for regime in over]
        for number, profile in enumerate(solution.profiles[:MAPPED_MAX], 1):
            held.append(_held(one.swept, question, number, holds_over(one.game, profile, turning)))
    played = manifest(one.scenario, file=str(one.file), seed=one.seed, runs=one.swept.runs, engine=one.swept.engine)
    return {"in_time": in_time, "holds": held, "ranges": ranges, "manifest": played}


def _in_time(swept: Sweep, question: str, over: Sequence[Regime]) -> dict[str, Any]:
    """Return how likely a question is answered in time, and how likely it must be for the answer that certainty gives."""
    found = swept.questions[question]
    needed = over[-1].low if over and over[-1].high == 1 else None
    return {
        "question": question,
        "probability": found.probability,
        "interval": found.interval,
        "exact": found.exact,
        "used": "sampled" if found.exact is None else "exact",
        "by_s": found.by_s,
        "without_exact": spoken(found.without_exact) if found.without_exact else "",
        "needed": needed,
        "is_enough": None if needed is None else _attained(swept, question) >= needed,
    }


def _held(swept: Sweep, question: str, equilibrium: int, over: Range) -> dict[str, Any]:
    """Return over which range of a question's probability an equilibrium holds, beside what is attained."""
    found = swept.questions[question]
    low, high = over.low or 0.0, 1.0 if over.high is None else over.high
    sure = found.interval if found.exact is None else (found.exact, found.exact)
    return {
        "question": question,
        "equilibrium": equilibrium,
        "low": low,
        "high": high,
        "attained": over.value,
        "interval": found.interval,
        "sure": low <= sure[0] and sure[1] <= high,  # it holds at every probability that the interval allows
    }


def _range(swept: Sweep, question: str, regime: Regime) -> dict[str, Any]:
    return {
        "question": question,
        "low": regime.low,
        "high": regime.high,
        "attained": regime.low <= _attained(swept, question) <= regime.high,
        "profile": regime.equilibrium.profile,
        "payoffs": regime.equilibrium.payoffs,
        "sequential_regret": regime.equilibrium.sequential_regret,
    }


def show(one: Staged, answer: dict[str, Any]) -> None:
    """Say it at a terminal."""
    for row in answer.get("in_time", ()):
        low, high = row["interval"]
        template = (
            _("{question}: {p:.2%} by {by}, exact ({sampled:.2%} sampled)")
            if row["used"] == "exact"
            else _("{question}: {p:.2%} by {by}, sampled (95% interval {low:.2%} to {high:.2%})")
        )
        p = row["exact"] if row["used"] == "exact" else row["probability"]
        say(
            template.format(
                question=row["question"], p=p, by=time_said(row["by_s"]), sampled=row["probability"], low=low, high=high
            )
        )
    for row in answer.get("holds", ()):
        held = _("equilibrium {equilibrium} holds while {question} is {low:.2%} to {high:.2%}; it is {attained:.2%}")
        beyond = "" if row["sure"] else _(", and its interval reaches beyond")
        say(held.format(**row) + beyond)
    for row in answer.get("in_time", ()):
        if row["needed"] is not None:
            enough = _("enough") if row["is_enough"] else _("not enough")
            said = _("What always being in time would give needs {needed:.2%} ({question}): this is {enough}.")
            say(said.format(needed=row["needed"], question=row["question"], enough=enough))
    for question in one.questions:
        say(_("From never to always in time ({question}):").format(question=question))
        for row in answer["ranges"]:
            if row["question"] == question:
                here = _("  <- attained") if row["attained"] else ""
                say(f"  {row['low']:7.2%} … {row['high']:7.2%}  {_played(row['profile'])}{here}")


def _played(profile: dict[str, dict[str, dict[str, float]]]) -> str:
    """Return what each player does, in one line."""
    parts: list[str] = []
    for player, sets in profile.items():
        done: Sequence[str] = [
            f"{called} {action}" + ("" if p > 1 - 1e-9 else f" {p:.3g}")
            for called, actions in sets.items()
            for action, p in actions.items()
            if p > 1e-9
        ]
        parts.append(f"{player}: {', '.join(done)}")
    return "; ".join(parts)
