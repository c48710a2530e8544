"""The decisions of a scenario as stages of a game: who chooses between what, what chance decides, how it ends.

A game is written by its moves, not by its tree: a move that is come to in several ways stands once, and is unfolded. Who
decides knows everything that happened before but what `blind` names; two ways that differ only in that are one information
set. A chance move with a question takes its probability from the sweep: that its stage was finished in time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from katchi.errors import Malformed

BLIND_ALL = "*"  # in `blind`: knows nothing of what happened before


class Choice(msgspec.Struct, frozen=True):
    """One way out of a move, and the move or outcome it leads to."""

    label: str
    to: str
    probability: float | None = None  # of a chance move without a question


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A player chooses."""

    name: str
    by: str
    choices: tuple[Choice, ...]
    blind: tuple[str, ...] = ()  # moves whose result this player does not see


class Chance(msgspec.Struct, frozen=True, kw_only=True):
    """Chance decides: by written probabilities, or by whether a question is answered in time (first choice: it is)."""

    name: str
    choices: tuple[Choice, ...]
    question: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """An end, and what it is worth to each player."""

    name: str
    payoffs: Mapping[str, float]


class Decisions(msgspec.Struct, frozen=True, kw_only=True):
    """The whole game. Making one checks it.

    Raises:
        Malformed: it could not be played; `field` is where the fault is.
    """

    players: tuple[str, ...]
    start: str
    decisions: tuple[Decision, ...]
    chances: tuple[Chance, ...]
    outcomes: tuple[Outcome, ...]

    def __post_init__(self) -> None:
        check(self)

    def moves(self) -> Iterator[tuple[str, Decision | Chance]]:
        """Yield every move with the table it stands in."""
        for decision in self.decisions:
            yield "decisions", decision
        for chance in self.chances:
            yield "chances", chance


def check(game: Decisions) -> None:
    """Raise Malformed, naming the field, unless the game can be unfolded to a finite tree."""
    moves = {move.name: (kind, move) for kind, move in game.moves()}
    ends = {outcome.name for outcome in game.outcomes}
    names = [move.name for _, move in game.moves()] + [outcome.name for outcome in game.outcomes]
    for name in names:
        if names.count(name) > 1:
            raise Malformed(
                "'{name}' is defined twice", hint="Give one of them another name.", field=f"decisions.{name}", name=name
            )
    for kind, move in game.moves():
        field = f"{kind}.{move.name}"
        if not move.choices:
            raise Malformed(
                "'{name}' leads nowhere", hint="Write its choices, each with the move or outcome it leads to.",
                field=field, name=move.name,
            )  # fmt: skip
        for choice in move.choices:
            if choice.to not in moves and choice.to not in ends:
                raise Malformed(
                    "'{name}' leads to '{other}', which is not defined", hint="Defined are: {known}.",
                    field=field_of(kind, move, choice), name=move.name, other=choice.to,
                    known=", ".join(sorted({*moves, *ends})) or "-",
                )  # fmt: skip
        if isinstance(move, Decision):
            _check_decision(game, move, moves)
        else:
            _check_chance(move)
    for outcome in game.outcomes:
        if set(outcome.payoffs) != set(game.players):
            raise Malformed(
                "outcome '{name}' does not say what it is worth to every player", hint="Write a number for each of: {known}.",
                field=f"outcomes.{outcome.name}", name=outcome.name, known=", ".join(game.players),
            )  # fmt: skip
    _check_reached(game, moves, ends)


def field_of(kind: str, move: Decision | Chance, choice: Choice) -> str:
    """Return where a file says what a choice leads to."""
    if isinstance(move, Chance) and move.question:
        return f"{kind}.{move.name}.{'in-time' if choice == move.choices[0] else 'too-late'}"
    return f"{kind}.{move.name}.choices"


def _check_decision(game: Decisions, move: Decision, moves: Mapping[str, tuple[str, Decision | Chance]]) -> None:
    if move.by not in game.players:
        raise Malformed(
            "'{name}' is decided by '{player}', who is no player", hint="Players are: {known}.",
            field=f"decisions.{move.name}.by", name=move.name, player=move.by, known=", ".join(game.players) or "-",
        )  # fmt: skip
    for other in move.blind:
        if other != BLIND_ALL and other not in moves:
            raise Malformed(
                "'{name}' is blind to '{other}', which is no move", hint="Moves are: {known}.",
                field=f"decisions.{move.name}.blind", name=move.name, other=other, known=", ".join(sorted(moves)),
            )  # fmt: skip


def _check_chance(move: Chance) -> None:
    field = f"chances.{move.name}"
    if move.question:
        if len(move.choices) != 2:
            raise Malformed(
                "chance '{name}' asks a question and has {n} choices", hint="Write two: in time, and too late.",
                field=field, name=move.name, n=len(move.choices),
            )  # fmt: skip
        return
    field = f"{field}.choices"
    for choice in move.choices:
        if choice.probability is None or not 0 <= choice.probability <= 1:
            raise Malformed(
                "in chance '{name}', '{label}' has no probability between 0 and 1", hint="Write a share such as chance = 0.8.",
                field=field, name=move.name, label=choice.label,
            )  # fmt: skip
    total = sum(choice.probability or 0.0 for choice in move.choices)
    if abs(total - 1) > 1e-9:
        raise Malformed(
            "in chance '{name}' the probabilities add up to {total:.6g}, not 1", hint="Add what is missing.",
            field=field, name=move.name, total=total,
        )  # fmt: skip


def _check_reached(game: Decisions, moves: Mapping[str, tuple[str, Decision | Chance]], ends: set[str]) -> None:
    if game.start not in moves:
        raise Malformed(
            "the game starts at '{name}', which is no move", hint="Moves are: {known}.", field="start", name=game.start,
            known=", ".join(sorted(moves)) or "-",
        )  # fmt: skip
    reached: set[str] = set()
    path: list[str] = []

    def walk(name: str, led_by: str) -> None:
        if name in path:
            raise Malformed(
                "'{name}' comes after itself: {cycle}", hint="A game must end: lead one of these to an outcome.",
                field=led_by, name=name, cycle=" -> ".join([*path[path.index(name) :], name]),
            )  # fmt: skip
        if name in reached or name in ends:
            reached.add(name)
            return
        path.append(name)
        for choice in moves[name][1].choices:
            if choice.probability != 0:
                walk(choice.to, field_of(*moves[name], choice))
        path.pop()
        reached.add(name)

    walk(game.start, "start")
    for name in (*moves, *ends):
        if name not in reached:
            kind = moves[name][0] if name in moves else "outcomes"
            raise Malformed(
                "nobody can reach '{name}'", hint="Let a move that is reached lead to it, or leave it out.",
                field=f"{kind}.{name}", name=name,
            )  # fmt: skip
