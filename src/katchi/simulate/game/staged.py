"""Decisions written as moves, unfolded to a game: a move that is come to in several ways stands once in the file.

Who decides knows all that happened before but what its move is blind to: two ways that differ only in that are one
information set. A chance move with a question takes its probability from whoever asks, as a rule from a sweep of the
scenario's process: that is where the two halves meet. A branch written with probability 0 never happens and is left out.

Nothing is solved here, and perfect recall is checked where it is needed (`recall`). The game is notional, as its payoffs are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from katchi.errors import Malformed, NotFound, Refused
from katchi.exercise.decisions import BLIND_ALL, Chance, Decision, Decisions, Outcome
from katchi.simulate.game.robustness import Knob
from katchi.simulate.game.tree import Decides, Ends, Game, Happens, exact, grow

NODES_MAX = 20_000
MOVES_MAX = 150  # on one way from the start to an end

History = tuple[tuple[str, str], ...]  # each move so far, and what came of it
Move = Decision | Chance


def unfolded(decisions: Decisions, in_time: Mapping[str, Fraction | float], *, title: str = "") -> Game:
    """Return the game of a scenario's decisions.

    Args:
        decisions: who chooses between what, and how it ends.
        in_time: for each question that a chance move asks, the probability that it is answered in time, 0 to 1.
        title: what the game is called.
    Raises:
        Malformed: two choices of one move with the same label, or a probability beyond its range.
        NotFound: `in_time` lacks a question.
        Refused: the tree would be larger than solvers here can bear.
    """
    return _Unfolding(decisions, in_time).game(title)


def questions_of(decisions: Decisions) -> list[str]:
    """Return the questions that chance moves ask, each once, in their order."""
    return list(dict.fromkeys(chance.question for chance in decisions.chances if chance.question))


def knob_of(game: Game, decisions: Decisions, question: str) -> Knob:
    """Return the one number that a question gives to an unfolded game: it turns every move that asks it.

    Raises:
        NotFound: no move of the game asks it.
    """
    asking = {chance.name for chance in decisions.chances if chance.question == question}
    moves = [i for i, move in enumerate(game.chance_moves) if move.label in asking]
    if not moves:
        raise NotFound("no move of the game asks '{name}'", hint="Moves ask: {known}.", name=question,
                       known=", ".join(questions_of(decisions)) or "-")  # fmt: skip
    return Knob(False, moves[0], 0, question, tuple(moves[1:]))


class _Unfolding:
    def __init__(self, decisions: Decisions, in_time: Mapping[str, Fraction | float]) -> None:
        self.decisions = decisions
        self.moves: dict[str, Move] = {move.name: move for _, move in decisions.moves()}
        self.outcomes: dict[str, Outcome] = {outcome.name: outcome for outcome in decisions.outcomes}
        self.shares = {move.name: _shares(move, in_time) for move in self.moves.values()}
        self.known: dict[str, dict[History, None]] = {}  # of each decision, what its player may know when it is come to
        self._size: dict[str, tuple[int, int]] = {}

    def game(self, title: str) -> Game:
        nodes, depth = self._measured(self.decisions.start)
        if nodes > NODES_MAX or depth > MOVES_MAX:
            raise Refused(
                "unfolded, these decisions are {n} points, and {depth} moves in a row; {n_max} and {depth_max} are solved",
                hint="Let ways that differ in nothing that matters later lead to one outcome, or leave out a move.",
                n=nodes,
                n_max=NODES_MAX,
                depth=depth,
                depth_max=MOVES_MAX,
            )
        self._walk(self.decisions.start, ())
        labels = {name: _labels(name, list(histories)) for name, histories in self.known.items()}
        return grow(title, self.decisions.players, self._grown(self.decisions.start, (), labels))

    def _onward(self, name: str) -> list[tuple[str, str, Fraction | None]]:
        """Return label, following move or outcome, and probability (None: a player chooses) of each way out of a move."""
        shares = self.shares[name]
        choices = self.moves[name].choices
        if shares is None:
            return [(choice.label, choice.to, None) for choice in choices]
        return [(choice.label, choice.to, share) for choice, share in zip(choices, shares, strict=True) if share is not None]

    def _measured(self, start: str) -> tuple[int, int]:
        """Return how many points the tree from a move on has, and how many moves its longest way; the tree is not made."""
        waiting = [start]
        while waiting:
            name = waiting[-1]
            onward = [] if name in self.outcomes else [to for _, to, _ in self._onward(name)]
            missing = [to for to in onward if to not in self._size]
            if missing:
                waiting += missing
                continue
            sizes = [self._size[to] for to in onward]
            self._size[name] = (1 + sum(n for n, _ in sizes), 1 + max((depth for _, depth in sizes), default=-1))
            waiting.pop()
        return self._size[start]

    def _walk(self, name: str, history: History) -> None:
        if name in self.outcomes:
            return
        move = self.moves[name]
        if isinstance(move, Decision):
            self.known.setdefault(name, {})[_seen(move, history)] = None
        for label, to, _ in self._onward(name):
            self._walk(to, (*history, (name, label)))

    def _grown(self, name: str, history: History, labels: Mapping[str, Mapping[History, str]]) -> Ends | Decides | Happens:
        if name in self.outcomes:
            payoffs = self.outcomes[name].payoffs
            return Ends(name, [payoffs[player] for player in self.decisions.players])
        move = self.moves[name]
        onward = [(label, share, self._grown(to, (*history, (name, label)), labels)) for label, to, share in self._onward(name)]
        if isinstance(move, Decision):
            return Decides(move.by, labels[name][_seen(move, history)], {label: following for label, _, following in onward})
        return Happens(name, {label: (share or 0, following) for label, share, following in onward})


def _shares(move: Move, in_time: Mapping[str, Fraction | float]) -> list[Fraction | None] | None:
    """Return the probability of each way out of a chance move, exactly 1 in sum; None for one that never happens."""
    labels = [choice.label for choice in move.choices]
    twice = next((label for i, label in enumerate(labels) if label in labels[:i]), None)
    if twice is not None:
        raise Malformed(
            "'{name}' has two choices called '{label}'", hint="Call them by what tells them apart.",
            field=f"{'decisions' if isinstance(move, Decision) else 'chances'}.{move.name}", name=move.name, label=twice,
        )  # fmt: skip
    if isinstance(move, Decision):
        return None
    if move.question:
        if move.question not in in_time:
            raise NotFound(
                "chance '{name}' asks '{question}', and nobody said how likely that is",
                hint="Ask a question of the scenario's [questions].",
                name=move.name,
                question=move.question,
            )
        share = exact(in_time[move.question])
        if not 0 <= share <= 1:
            raise Malformed(
                "the probability of '{name}' is {p}, which is not between 0 and 1", hint="Write a share such as 0.8.",
                name=move.question, p=float(share),
            )  # fmt: skip
        return [share, 1 - share]
    written = [exact(choice.probability or 0.0) for choice in move.choices]
    whole = sum(written, Fraction(0))
    return [share / whole if share else None for share in written]


def _seen(move: Decision, history: History) -> History:
    """Return what of all that happened a player knows when it comes to a move."""
    return () if BLIND_ALL in move.blind else tuple(one for one in history if one[0] not in move.blind)


def _labels(name: str, known: Sequence[History]) -> dict[History, str]:
    """Return what the information sets of one move are called: by the move, and what tells them apart."""
    said: dict[History, str] = {}
    common = frozenset[tuple[str, str]].intersection(*map(frozenset, known))
    for history in known:
        telling = [label for move, label in history if (move, label) not in common]
        said[history] = f"{name}: {', '.join(telling)}" if telling else name
    if len(set(said.values())) < len(said):  # the same in other words: such as one that lacks what all the others have
        said = {history: f"{name}: {', '.join(f'{move} {label}' for move, label in history) or '-'}" for history in known}
    return said
