"""Gambit's .nfg text: a game in strategic form, by payoffs or by outcomes. Read and written; no file is opened here.

    NFG 1 R "title" { "Player 1" "Player 2" } { { "a" "b" } { "l" "r" } } "comment"
    3 2  0 0  0 0  2 3                                  payoffs: the first player's strategy changes fastest
    { { "" 3, 2 } { "" 0, 0 } { "" 2, 3 } } 1 2 2 3     or outcomes, and which one each profile comes to; 0 is none

It is read as a tree in which each player chooses once, not knowing what the others chose; what is written is the
reduced strategic form of any game. Source: the Gambit Project, "Game representation formats".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from typing import NoReturn

from katchi.errors import Malformed, Parameter
from katchi.formats.gambit_text import Cursor, quoted, written
from katchi.simulate.game.profile import distinct
from katchi.simulate.game.strategies import StrategicForm
from katchi.simulate.game.tree import PLAYERS_MAX, Game, InformationSet, Node, Outcome

PROFILES_MAX = 100_000


def read(text: str, file: str) -> Game:
    """Return the game that the text of an .nfg file describes.

    Args:
        text: the file's text.
        file: its name, for errors.
    Raises:
        Malformed: it is no such text; the message begins with file:line.
        Refused: it is larger than these solvers take.
    """
    return _Reading(Cursor(text, file)).game()


class _Reading:
    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self.players: tuple[str, ...] = ()

    def game(self) -> Game:
        cursor = self.cursor
        title = self._header()
        strategies = self._strategies()
        profiles = math.prod(map(len, strategies))
        if profiles > PROFILES_MAX:
            self._wrong(
                "{place}: {n} profiles where {n_max} are read", hint="Make the game coarser.", n=profiles, n_max=PROFILES_MAX
            )
        comment = cursor.text() if cursor.at_text() else ""
        if cursor.at_brace("{"):
            outcomes, which = self._by_outcome(profiles)
        else:
            outcomes, which = self._by_payoff(profiles)
        if not cursor.at_end():
            self._wrong("{place}: every profile has its payoffs, yet {found} follows", hint="Count the strategies again.")
        return _as_tree(title, comment, self.players, strategies, outcomes, which)

    def _wrong(self, what: str, *, hint: str, line: int | None = None, **parameters: Parameter) -> NoReturn:
        parameters.setdefault("found", self.cursor.shown())
        raise Malformed(what, hint=hint, field="", place=self.cursor.place(line), **parameters)

    def _header(self) -> str:
        cursor = self.cursor
        if cursor.now.value != "NFG":
            self._wrong("{place}: no .nfg file: it does not begin with NFG", hint="An .efg file is named so.")
        cursor.take()
        if cursor.now.value != "1":
            self._wrong("{place}: version {found}; version 1 is read", hint="Save it with a newer Gambit.")
        cursor.take()
        if cursor.now.value not in ("R", "D"):
            self._wrong("{place}: R or D is expected, not {found}", hint="Write NFG 1 R.")
        cursor.take()
        title = cursor.text()
        self.players = cursor.texts()
        if not 1 <= len(self.players) <= PLAYERS_MAX:
            self._wrong("{place}: {n} players where 1 to {n_max} are read", hint="Name them in braces.", n=len(self.players),
                        n_max=PLAYERS_MAX)  # fmt: skip
        return title

    def _strategies(self) -> list[tuple[str, ...]]:
        cursor = self.cursor
        line = cursor.now.line
        cursor.brace("{")
        found: list[tuple[str, ...]] = []
        while not cursor.at_brace("}"):
            if cursor.at_brace("{"):
                found.append(cursor.texts())
            else:
                count = cursor.integer()
                if count > PROFILES_MAX:
                    self._wrong("{place}: {n} strategies", hint="Make the game coarser.", line=line, n=count)
                found.append(tuple(str(i + 1) for i in range(count)))
        cursor.brace("}")
        if len(found) != len(self.players) or not all(found):
            self._wrong(
                "{place}: {n} lists of strategies for {players} players, or an empty one",
                hint="Give one list, or one number, for each player.",
                line=line,
                n=len(found),
                players=len(self.players),
            )
        return found

    def _by_payoff(self, profiles: int) -> tuple[list[Outcome], list[int | None]]:
        outcomes = []
        for number in range(1, profiles + 1):
            if self.cursor.at_end():
                self._wrong(
                    "{place}: the file ends after {n} of {profiles} profiles", hint="Give every player's payoff for each.",
                    n=number - 1, profiles=profiles,
                )  # fmt: skip
            outcomes.append(Outcome(number, "", tuple(self.cursor.number() for _ in self.players)))
        return outcomes, list(range(profiles))

    def _by_outcome(self, profiles: int) -> tuple[list[Outcome], list[int | None]]:
        cursor = self.cursor
        cursor.brace("{")
        outcomes: list[Outcome] = []
        while cursor.at_brace("{"):
            line = cursor.now.line
            cursor.brace("{")
            label = cursor.text() if cursor.at_text() else ""
            payoffs: list[Fraction] = []
            while not cursor.at_brace("}"):
                payoffs.append(cursor.number())
            cursor.brace("}")
            if len(payoffs) != len(self.players):
                self._wrong(
                    "{place}: {n} payoffs for {players} players", hint="Give one for each.", line=line, n=len(payoffs),
                    players=len(self.players),
                )  # fmt: skip
            outcomes.append(Outcome(len(outcomes) + 1, label, tuple(payoffs)))
        cursor.brace("}")
        which: list[int | None] = []
        for done in range(profiles):
            if cursor.at_end():
                self._wrong(
                    "{place}: the file ends after {n} of {profiles} profiles",
                    hint="Name an outcome for each, 0 for none.",
                    n=done,
                    profiles=profiles,
                )
            line, number = cursor.now.line, cursor.integer()
            if number > len(outcomes):
                self._wrong("{place}: there is no outcome {n}", hint="Outcomes count from 1.", line=line, n=number)
            which.append(number - 1 if number else None)
        return outcomes, which


def _as_tree(
    title: str,
    comment: str,
    players: tuple[str, ...],
    strategies: Sequence[tuple[str, ...]],
    outcomes: Sequence[Outcome],
    which: Sequence[int | None],
) -> Game:
    """Return the tree in which the players choose one after the other, each in the dark."""
    sizes = [len(held) for held in strategies]
    below = [1] * (len(players) + 1)  # nodes of the part of the tree from each depth on
    for depth in range(len(players) - 1, -1, -1):
        below[depth] = 1 + sizes[depth] * below[depth + 1]
    strides = [math.prod(sizes[:i]) for i in range(len(players))]
    nodes: list[Node] = []
    waiting = [(0, 0)]  # depth, and the profile so far as its place in the file
    while waiting:
        depth, place = waiting.pop()
        at = len(nodes)
        if depth == len(players):
            nodes.append(Node(outcome=which[place]))
            continue
        nodes.append(Node(children=tuple(at + 1 + i * below[depth + 1] for i in range(sizes[depth])), decision=depth))
        waiting += [(depth + 1, place + i * strides[depth]) for i in range(sizes[depth] - 1, -1, -1)]
    return Game(
        title=title,
        comment=comment,
        players=players,
        information_sets=tuple(InformationSet(i, 1, "", held) for i, held in enumerate(strategies)),
        chance_moves=(),
        outcomes=tuple(outcomes),
        nodes=tuple(nodes),
    )


def write(game: Game) -> str:
    """Return the reduced strategic form of a game as the text of an .nfg file, by payoffs; exact.

    Raises:
        Refused: a player has more plans than can be listed.
        Malformed: the game has more profiles than are read.
    """
    form = StrategicForm(game)
    if form.profiles > PROFILES_MAX:
        raise Malformed("{n} profiles are more than a file takes", hint="Write the tree, as .efg.", n=form.profiles)
    lists = " ".join("{ " + " ".join(map(quoted, _plan_names(form, player))) + " }" for player in range(len(game.players)))
    lines = [f"NFG 1 R {quoted(game.title)} {{ {' '.join(map(quoted, game.players))} }}", "", f"{{ {lists} }}"]
    lines += [quoted(game.comment), ""]
    tables = form.matrices()
    for place in product(*(range(size) for size in reversed(form.sizes))):
        at = place[::-1]
        payoffs = (Fraction(int(table[at]), d) for table, d in zip(tables, form.denominators, strict=True))
        lines.append(" ".join(map(written, payoffs)))
    return "\n".join(lines) + "\n"


def _plan_names(form: StrategicForm, player: int) -> list[str]:
    """Return what a player's plans are called: their actions in the order of its information sets, * where it cannot come."""
    sets = form.game.sets_of(player)
    names = {where: distinct(form.game.information_sets[where].actions) for where in sets}
    return ["/".join(names[where][plan[where]] if where in plan else "*" for where in sets) or "*" for plan in form.plans[player]]
