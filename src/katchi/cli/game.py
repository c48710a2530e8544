"""`katchi game`: which decisions are stable where they interact, and what that hangs on. Notional, as the game is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import App, Parameter

from katchi.cli import deciding
from katchi.cli.options import JsonOption, SeedOption
from katchi.cli.speech import _, said, say, tell
from katchi.errors import Malformed, NotFound, Refused, os_reason

if TYPE_CHECKING:
    from katchi.simulate.game.answer import Solution
    from katchi.simulate.game.tree import Game

app = App(name="game", help=_("Decisions that interact: what is stable, how stable, and over which ranges."))
MAPPED_MAX = 5


@app.command(
    name="solve",
    help=_(
        "Find the Nash equilibria of a game in Gambit's .efg or .nfg text, or of a scenario's decisions, each with its regret."
    )
    + "\n\n"
    + _(
        "In a scenario, a chance that asks a question is as likely as the scenario's process answers it in time: exactly where"
        " that is possible, else sampled. Results are notional."
    )
    + "\n\n"
    + _("Example: katchi game solve clock.efg --map Challenger:Quiet"),
)
def solve(
    file: Annotated[Path, Parameter(help=_("The game, .efg or .nfg, or a scenario with decisions, .toml."))],
    *,
    precision: Annotated[
        float | None, Parameter(name="--lambda", help=_("Add the quantal response profile at this lambda (1/payoff)."))
    ] = None,
    turned: Annotated[
        list[str] | None,
        Parameter(
            name="--map",
            negative="",
            help=_("PLAYER:OUTCOME or chance:MOVE:BRANCH: over which range of it each answer holds; two for a joint map."),
        ),
    ] = None,
    runs: Annotated[int, Parameter(help=_("Of a scenario's process: how many runs."))] = 100_000,
    seed: SeedOption = 1,
    json: JsonOption = False,
) -> None:
    solvers = _solvers()
    staged = deciding.staged(file, runs=runs, seed=seed) if file.suffix.lower() == ".toml" else None
    game = staged.game if staged else read_game(file)
    solution = solvers.answer.solve(game)
    answer: dict[str, Any] = {
        "title": solution.title,
        "notional": True,
        "players": solution.players,
        "perfect_recall": solution.perfect_recall,
        "reduced_strategies": solution.reduced_strategies,
        "pure_equilibria": solution.pure_equilibria,
        "equilibria": solution.equilibria,
    }
    if precision is not None:
        answer["quantal_response"] = _quantal(game, precision)
    if turned:
        answer["robustness"] = _robustness(game, solution, turned)
    if staged:
        answer |= deciding.answer_of(staged, solution)
    if json:  # in the order of the game, not of the alphabet
        say(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())
        return
    _show(solution, answer)
    if staged:
        say()
        deciding.show(staged, answer)


def read_game(file: Path) -> Game:
    """Return the game of an .efg or .nfg file; which it is, its first word says.

    Raises:
        NotFound: it cannot be read. Malformed: it is no such file. Refused: it is too large.
    """
    _solvers()
    from katchi.formats import efg, gambit_text, nfg

    try:
        if file.stat().st_size > gambit_text.BYTES_MAX:
            raise Refused(
                "{path} is larger than the {n} bytes that are read", hint="Make the game coarser.", path=str(file),
                n=gambit_text.BYTES_MAX,
            )  # fmt: skip
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise NotFound(
            "cannot read {path}: {error}", hint="Name a file that can be read.", path=str(file), error=os_reason(error)
        ) from None
    except UnicodeDecodeError as error:
        raise Malformed(
            "{place}: this is no UTF-8 text",
            hint="Save the file as UTF-8.",
            place=f"{file}:{error.object[: error.start].count(10) + 1}",
        ) from None
    return nfg.read(text, str(file)) if text.lstrip().startswith("NFG") else efg.read(text, str(file))


def _solvers() -> Any:
    """Return the package of solvers; they need libraries that katchi does not always come with."""
    try:
        from katchi.simulate import game
        from katchi.simulate.game import answer  # noqa: F401
    except ModuleNotFoundError as missing:
        raise NotFound(
            "{name} is not installed", hint="Install what simulations need: pip install 'katchi[simulate]'.", name=missing.name
        ) from None
    return game


def _quantal(game: Game, precision: float) -> dict[str, Any]:
    from katchi.simulate.game.answer import described
    from katchi.simulate.game.quantal import quantal_response

    found = described(game, quantal_response(game, precision).profile)
    return {"lambda": precision, "profile": found.profile, "payoffs": found.payoffs, "regret": found.regret}


def _robustness(game: Game, solution: Solution, texts: Sequence[str]) -> list[dict[str, Any]]:
    from katchi.simulate.game.robustness import holds_over, joint_map, knob

    knobs = [knob(game, text) for text in texts]
    rows: list[dict[str, Any]] = []
    for number, profile in enumerate(solution.profiles[:MAPPED_MAX], 1):
        for turning in knobs:
            held = holds_over(game, profile, turning)
            rows.append({"equilibrium": number, "of": turning.name, **held._asdict()})
        if len(knobs) == 2:
            first, second = knobs
            points = [
                {
                    "value": value,
                    "low": held.low if held else None,
                    "high": held.high if held else None,
                    "holds": held is not None,
                }
                for value, held in joint_map(game, profile, first, second)
            ]
            rows.append({"equilibrium": number, "of": second.name, "across": first.name, "points": points})
    return rows


def _show(solution: Solution, answer: dict[str, Any]) -> None:
    say(_("{title} (notional)").format(title=solution.title))
    plans = " x ".join(map(str, solution.reduced_strategies))
    say(_("players: {players}; reduced strategies: {plans}").format(players=", ".join(solution.players), plans=plans))
    if solution.pure_equilibria is None:
        tell(_("There are too many profiles to count pure equilibria."))
    else:
        say(_("pure equilibria: {n}").format(n=solution.pure_equilibria))
    for number, one in enumerate(solution.equilibria, 1):
        say()
        ways = ", ".join(said(way) for way in one.found_by)
        say(_("{n}. found by: {ways}").format(n=number, ways=ways))
        say("   " + _("regret {regret:.2g}; at single information sets up to {sequential:.2g}").format(
            regret=one.regret, sequential=one.sequential_regret))  # fmt: skip
        _show_profile(one.profile, one.payoffs)
    if not solution.equilibria:
        tell(_("No equilibrium was found."))
    if "quantal_response" in answer:
        say()
        say(_("quantal response at lambda {precision}:").format(precision=answer["quantal_response"]["lambda"]))
        _show_profile(answer["quantal_response"]["profile"], answer["quantal_response"]["payoffs"])
    for row in answer.get("robustness", ()):
        _show_range(row)


def _show_profile(profile: dict[str, dict[str, dict[str, float]]], payoffs: dict[str, float]) -> None:
    for player, sets in profile.items():
        say("   " + _("{player}: payoff {payoff:.6g}").format(player=player, payoff=payoffs[player]))
        for called, actions in sets.items():
            say(f"     {called}: " + ", ".join(f"{action} {p:.4g}" for action, p in actions.items()))


def _show_range(row: dict[str, Any]) -> None:
    ends = {"low": _end(row.get("low")), "high": _end(row.get("high"))}
    if "points" not in row:
        template = _("equilibrium {equilibrium} holds while {of} is between {low} and {high}; it is {value:.6g}")
        say(template.format(equilibrium=row["equilibrium"], of=row["of"], value=row["value"], **ends))
        return
    say(_("equilibrium {equilibrium}, {of} for values of {across}:").format(**row))
    for point in row["points"]:
        held = f"{_end(point['low'])} … {_end(point['high'])}" if point["holds"] else "-"
        say(f"   {point['value']:.6g}: {held}")


def _end(value: float | None) -> str:
    return _("no end") if value is None else f"{value:.6g}"
