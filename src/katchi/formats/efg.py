"""Gambit's .efg text: an extensive game, one node a line in preorder. Read and written; no file is opened here.

    EFG 2 R "title" { "Player 1" "Player 2" } "comment"
    c "node" 1 "what happens" { "rain" 1/3 "sun" 2/3 } 0
    p "node" 1 2 "what it knows" { "go" "stay" } 0
    t "node" 3 "outcome" { 1, -1/2 }

A number stands for an information set, a chance move or an outcome; its labels, actions and payoffs may be left out,
or must be the same, where it comes again. Outcome 0 is none; an outcome at a node with children adds to the path.
Source: the Gambit Project, "Game representation formats". Written anew from the description of the format.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple, NoReturn

from katchi.errors import Malformed, Parameter
from katchi.formats.gambit_text import Cursor, quoted, written
from katchi.simulate.game.tree import PLAYERS_MAX, ChanceMove, Game, InformationSet, Node, Outcome

NODES_MAX = 200_000
DEPTH_MAX = 2_000
ACTIONS_MAX = 10_000
ROUNDED = Fraction(1, 100_000)  # probabilities in decimals may miss 1 by so much; they are then divided by their sum


def read(text: str, file: str) -> Game:
    """Return the game that the text of an .efg file describes.

    Args:
        text: the file's text.
        file: its name, for errors.
    Raises:
        Malformed: it is no such text; the message begins with file:line.
        Refused: it is larger than these solvers take.
    """
    return _Reading(Cursor(text, file)).game()


class _Open(NamedTuple):
    """A node whose children are being read."""

    node: int
    children: list[int]
    wanted: int


class _Reading:
    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self.players: tuple[str, ...] = ()
        self.nodes: list[Node] = []
        self.sets: dict[tuple[int, int], InformationSet] = {}
        self.chances: dict[int, ChanceMove] = {}
        self.outcomes: dict[int, Outcome] = {}
        self._keys: list[tuple[int, int] | None] = []  # of each node: its information set

    def game(self) -> Game:
        cursor = self.cursor
        title = self._header()
        comment = cursor.text() if cursor.at_text() else ""
        self._tree()
        if not cursor.at_end():
            self._wrong("{place}: the tree is whole, yet {found} follows", hint="Look for a node with too few actions.")
        sets, chances, outcomes = sorted(self.sets), sorted(self.chances), sorted(self.outcomes)
        rank = {key: i for i, key in enumerate(sets)}
        chance_rank = {number: i for i, number in enumerate(chances)}
        outcome_rank = {number: i for i, number in enumerate(outcomes)}
        return Game(
            title=title,
            comment=comment,
            players=self.players,
            information_sets=tuple(self.sets[key] for key in sets),
            chance_moves=tuple(self.chances[number] for number in chances),
            outcomes=tuple(self.outcomes[number] for number in outcomes),
            nodes=tuple(
                Node(
                    label=node.label,
                    children=node.children,
                    decision=None if key is None else rank[key],
                    chance=None if node.chance is None else chance_rank[node.chance],
                    outcome=None if node.outcome is None else outcome_rank[node.outcome],
                )
                for node, key in zip(self.nodes, self._keys, strict=True)
            ),
        )

    def _wrong(self, what: str, *, hint: str, line: int | None = None, **parameters: Parameter) -> NoReturn:
        parameters.setdefault("found", self.cursor.shown())
        raise Malformed(what, hint=hint, field="", place=self.cursor.place(line), **parameters)

    def _header(self) -> str:
        cursor = self.cursor
        if cursor.now.value != "EFG":
            self._wrong("{place}: no .efg file: it does not begin with EFG", hint="An .nfg file is named so.")
        cursor.take()
        if cursor.now.value != "2":
            self._wrong("{place}: version {found}; version 2 is read", hint="Save it with a newer Gambit.")
        cursor.take()
        if cursor.now.value not in ("R", "D"):
            self._wrong("{place}: R or D is expected, not {found}", hint="Write EFG 2 R.")
        cursor.take()
        title = cursor.text()
        self.players = cursor.texts()
        if not 1 <= len(self.players) <= PLAYERS_MAX:
            self._wrong("{place}: {n} players where 1 to {n_max} are read", hint="Name them in braces.", n=len(self.players),
                        n_max=PLAYERS_MAX)  # fmt: skip
        return title

    def _tree(self) -> None:
        waiting: list[_Open] = []
        while True:
            if len(self.nodes) >= NODES_MAX:
                self._wrong("{place}: more than {n} nodes", hint="Make the game coarser.", n=NODES_MAX)
            if len(waiting) > DEPTH_MAX:
                self._wrong("{place}: nodes are nested deeper than {n}", hint="Make the game shorter.", n=DEPTH_MAX)
            at, wanted = len(self.nodes), self._node(waiting)
            if waiting:
                waiting[-1].children.append(at)
            if wanted:
                waiting.append(_Open(at, [], wanted))
            while waiting and len(waiting[-1].children) == waiting[-1].wanted:
                done = waiting.pop()
                node = self.nodes[done.node]
                self.nodes[done.node] = Node(node.label, tuple(done.children), None, node.chance, node.outcome)
            if not waiting:
                return

    def _node(self, waiting: list[_Open]) -> int:
        """Read one node; return how many children follow."""
        cursor = self.cursor
        if cursor.at_end():
            missing = sum(one.wanted - len(one.children) for one in waiting) or 1
            self._wrong(
                "{place}: the file ends where {n} branches are still open", hint="Every action needs a node below it.", n=missing
            )
        kind = cursor.now.value if cursor.now.kind == "word" else ""
        if kind not in ("c", "p", "t"):
            self._wrong(
                "{place}: a node (c, p or t) is expected, not {found}", hint="Look for a list that is too long or too short."
            )
        cursor.take()
        label = cursor.text() if cursor.at_text() else ""
        key = chance = None
        wanted = 0
        if kind == "p":
            key, wanted = self._information_set()
        elif kind == "c":
            chance, wanted = self._chance_move()
        outcome = self._outcome()
        self.nodes.append(Node(label=label, chance=chance, outcome=outcome))
        self._keys.append(key)
        return wanted

    def _information_set(self) -> tuple[tuple[int, int], int]:
        cursor = self.cursor
        line = cursor.now.line
        player = cursor.integer()
        if not 1 <= player <= len(self.players):
            self._wrong("{place}: there is no player {n}", hint="Players count from 1.", line=line, n=player)
        number = self._counted()
        label = cursor.text() if cursor.at_text() else None
        actions = cursor.texts() if cursor.at_brace("{") else None
        key = (player - 1, number)
        known = self.sets.get(key)
        if known is None:
            if not actions or len(actions) > ACTIONS_MAX:
                self._wrong(
                    "{place}: information set {n} is new and has no actions", hint="List them in braces.", line=line, n=number
                )
            self.sets[key] = known = InformationSet(player - 1, number, label or "", actions)
        elif actions not in (None, known.actions) or (label and label != known.label):
            self._wrong(
                "{place}: information set {n} has another label or other actions than before",
                hint="Nodes of one information set look alike. Give this one a number of its own.",
                line=line,
                n=number,
            )
        return key, len(known.actions)

    def _chance_move(self) -> tuple[int, int]:
        cursor = self.cursor
        line = cursor.now.line
        number = self._counted()
        label = cursor.text() if cursor.at_text() else None
        branches = self._branches(line) if cursor.at_brace("{") else None
        known = self.chances.get(number)
        if known is None:
            if not branches:
                self._wrong(
                    "{place}: chance move {n} is new and has no branches", hint="List them in braces.", line=line, n=number
                )
            self.chances[number] = known = ChanceMove(number, label or "", *branches)
        elif branches not in (None, (known.actions, known.probabilities)) or (label and label != known.label):
            self._wrong(
                "{place}: chance move {n} has another label or other branches than before",
                hint="Give this one a number of its own.",
                line=line,
                n=number,
            )
        return number, len(known.actions)

    def _branches(self, line: int) -> tuple[tuple[str, ...], tuple[Fraction, ...]] | None:
        cursor = self.cursor
        cursor.brace("{")
        labels, probabilities = [], []
        while cursor.at_text():
            labels.append(cursor.text())
            probabilities.append(cursor.number())
            if not 0 <= probabilities[-1] <= 1:
                self._wrong("{place}: a probability is not between 0 and 1", hint="Write it as a share of 1.", line=line)
        cursor.brace("}")
        total = sum(probabilities, Fraction(0))
        if not labels or len(labels) > ACTIONS_MAX:
            return None
        if abs(total - 1) > ROUNDED:
            self._wrong(
                "{place}: the probabilities sum to {total}, not to 1",
                hint="Write thirds as 1/3.",
                line=line,
                total=f"{float(total):.6g}",
            )
        return tuple(labels), tuple(p / total for p in probabilities)

    def _outcome(self) -> int | None:
        cursor = self.cursor
        line = cursor.now.line
        number = cursor.integer()
        if number == 0:
            return None
        label = cursor.text() if cursor.at_text() else None
        payoffs = self._payoffs(line) if cursor.at_brace("{") else None
        known = self.outcomes.get(number)
        if known is None:
            if payoffs is None:
                self._wrong("{place}: outcome {n} is new and has no payoffs", hint="List them in braces.", line=line, n=number)
            self.outcomes[number] = Outcome(number, label or "", payoffs)
        elif payoffs not in (None, known.payoffs) or (label and label != known.label):
            self._wrong(
                "{place}: outcome {n} has another label or other payoffs than before",
                hint="Give this one a number of its own.",
                line=line,
                n=number,
            )
        return number

    def _payoffs(self, line: int) -> tuple[Fraction, ...]:
        cursor = self.cursor
        cursor.brace("{")
        found = []
        while not cursor.at_brace("}"):
            found.append(cursor.number())
        cursor.brace("}")
        if len(found) != len(self.players):
            self._wrong(
                "{place}: {n} payoffs for {players} players", hint="Give one for each.", line=line, n=len(found),
                players=len(self.players),
            )  # fmt: skip
        return tuple(found)

    def _counted(self) -> int:
        """Take a number of an information set or a chance move: from 1."""
        line = self.cursor.now.line
        number = self.cursor.integer()
        if number < 1:
            self._wrong("{place}: information sets and chance moves count from 1", hint="Number it.", line=line)
        return number


def write(game: Game) -> str:
    """Return a game as the text of an .efg file; `read` gives the same game back."""
    players = " ".join(map(quoted, game.players))
    lines = [f"EFG 2 R {quoted(game.title)} {{ {players} }}"]
    lines += [quoted(game.comment), ""] if game.comment else [""]
    for node in game.nodes:
        kind, middle = "t", ""
        if node.decision is not None:
            one = game.information_sets[node.decision]
            actions = " ".join(map(quoted, one.actions))
            kind, middle = "p", f" {one.player + 1} {one.number} {quoted(one.label)} {{ {actions} }}"
        elif node.chance is not None:
            move = game.chance_moves[node.chance]
            branches = " ".join(f"{quoted(a)} {written(p)}" for a, p in zip(move.actions, move.probabilities, strict=True))
            kind, middle = "c", f" {move.number} {quoted(move.label)} {{ {branches} }}"
        end = " 0"
        if node.outcome is not None:
            outcome = game.outcomes[node.outcome]
            payoffs = ", ".join(map(written, outcome.payoffs))
            end = f" {outcome.number} {quoted(outcome.label)} {{ {payoffs} }}"
        lines.append(f"{kind} {quoted(node.label)}{middle}{end}")
    return "\n".join(lines) + "\n"
