"""An extensive game as a value: who decides when, knowing what, and what each gets where it ends.

Nodes stand in preorder (a parent before its children), so no algorithm needs recursion and depth is no
limit. Payoffs and probabilities are exact Fractions; a payoff is in whatever unit its author chose, and no
unit is compared between players. An outcome may stand at any node: payoffs add up along the path.

Laws: probabilities of a chance move are at least 0 and sum to 1 exactly; an information set has one player
and one list of actions. The module solves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import msgspec

from katchi.errors import Malformed

Amount = int | float | str | Fraction
Move = tuple[int, int]  # index of an information set, index of an action in it

PLAYERS_MAX = 64


class InformationSet(msgspec.Struct, frozen=True):
    """Nodes that their player cannot tell apart."""

    player: int  # index into Game.players
    number: int  # as a file numbers it, from 1 for each player
    label: str
    actions: tuple[str, ...]


class ChanceMove(msgspec.Struct, frozen=True):
    """A move that nobody makes, with what can come of it."""

    number: int
    label: str
    actions: tuple[str, ...]
    probabilities: tuple[Fraction, ...]


class Outcome(msgspec.Struct, frozen=True):
    """What each player gets where this is reached."""

    number: int
    label: str
    payoffs: tuple[Fraction, ...]  # one for each player


class Node(msgspec.Struct, frozen=True):
    """A point of the tree: a decision, a chance move, or an end (neither)."""

    label: str = ""
    children: tuple[int, ...] = ()  # indices into Game.nodes, all higher than its own
    decision: int | None = None  # index into Game.information_sets
    chance: int | None = None  # index into Game.chance_moves
    outcome: int | None = None  # index into Game.outcomes


class End(NamedTuple):
    """One way that the game can end, with all that leads there."""

    node: int
    probability: Fraction  # of the chance moves on the way
    moves: tuple[Move, ...]  # of all players, in order
    payoffs: tuple[Fraction, ...]
    own: tuple[tuple[Move, ...], ...]  # for each player, its own moves, in order


class Game(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A finite game. Made by `grow`, or by a reader in formats/."""

    title: str
    players: tuple[str, ...]
    information_sets: tuple[InformationSet, ...]  # by player, then number
    chance_moves: tuple[ChanceMove, ...]
    outcomes: tuple[Outcome, ...]
    nodes: tuple[Node, ...]  # preorder, the root first
    comment: str = ""

    @cached_property
    def ends(self) -> tuple[End, ...]:
        """All ends in preorder."""
        return tuple(_ends(self))

    @cached_property
    def before(self) -> tuple[Move | None, ...]:
        """For each information set, its player's last own move before it; one of them where recall is imperfect."""
        found: list[Move | None] = [None] * len(self.information_sets)
        for end in self.ends:
            for moves in end.own:
                for earlier, later in pairwise(moves):
                    found[later[0]] = earlier
        return tuple(found)

    @cached_property
    def deepest_first(self) -> tuple[int, ...]:
        """Information sets, each after all that its player may come to after it."""
        depth = [0] * len(self.information_sets)
        for end in self.ends:
            for moves in end.own:
                for place, (where, _) in enumerate(moves):
                    depth[where] = max(depth[where], place)
        return tuple(sorted(range(len(depth)), key=lambda one: (-depth[one], one)))

    def sets_of(self, player: int) -> tuple[int, ...]:
        """Return the indices of a player's information sets."""
        return tuple(i for i, one in enumerate(self.information_sets) if one.player == player)

    def with_payoff(self, player: int, outcome: int, value: Fraction) -> Game:
        """Return the same game where `player` gets `value` in that outcome (by index)."""
        changed = list(self.outcomes)
        payoffs = list(changed[outcome].payoffs)
        payoffs[player] = value
        changed[outcome] = msgspec.structs.replace(changed[outcome], payoffs=tuple(payoffs))
        return msgspec.structs.replace(self, outcomes=tuple(changed))

    def with_probability(self, chance: int, action: int, value: Fraction) -> Game:
        """Return the same game where that branch has probability `value`; the others keep their proportions."""
        move = self.chance_moves[chance]
        others = 1 - move.probabilities[action]
        share = Fraction(1, len(move.actions) - 1) if others == 0 and len(move.actions) > 1 else None
        probabilities = tuple(
            value if i == action else (1 - value) * (share if share is not None else p / others)
            for i, p in enumerate(move.probabilities)
        )
        changed = list(self.chance_moves)
        changed[chance] = msgspec.structs.replace(move, probabilities=probabilities)
        return msgspec.structs.replace(self, chance_moves=tuple(changed))


def _ends(game: Game) -> list[End]:
    zeros = tuple(Fraction(0) for _ in game.players)
    found: list[End] = []
    waiting: list[tuple[int, Fraction, tuple[Move, ...], tuple[Fraction, ...]]] = [(0, Fraction(1), (), zeros)]
    while waiting:
        at, probability, moves, payoffs = waiting.pop()
        node = game.nodes[at]
        if node.outcome is not None:
            payoffs = tuple(a + b for a, b in zip(payoffs, game.outcomes[node.outcome].payoffs, strict=True))
        if not node.children:
            own = tuple(tuple(m for m in moves if game.information_sets[m[0]].player == i) for i in range(len(game.players)))
            found.append(End(at, probability, moves, payoffs, own))
        elif node.chance is not None:
            chances = game.chance_moves[node.chance].probabilities
            waiting += [(c, probability * p, moves, payoffs) for c, p in zip(node.children, chances, strict=True)][::-1]
        else:
            assert node.decision is not None
            where = node.decision
            waiting += [(c, probability, (*moves, (where, i)), payoffs) for i, c in enumerate(node.children)][::-1]
    return found


# A game written down: `grow` makes the value of it.


class Ends(NamedTuple):
    """The game ends, and gives each player so much."""

    label: str
    payoffs: Sequence[Amount]


class Decides(NamedTuple):
    """A player chooses. Points with the same player and `knowing` are one information set."""

    player: str
    knowing: str
    choices: Mapping[str, Ends | Decides | Happens]


class Happens(NamedTuple):
    """Chance chooses."""

    what: str
    branches: Mapping[str, tuple[Amount, Ends | Decides | Happens]]


def exact(value: Amount) -> Fraction:
    """Return a number as it is written: 0.1 is 1/10, not its binary neighbour."""
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def grow(title: str, players: Sequence[str], root: Ends | Decides | Happens, *, comment: str = "") -> Game:
    """Return the game that is written down as nested moves.

    Raises:
        Malformed: probabilities that do not sum to 1, another list of actions in one information set, an unknown player.
    """
    growing = _Growing(tuple(players))
    growing.add(root)
    order = sorted(range(len(growing.sets)), key=lambda i: (growing.sets[i].player, growing.sets[i].number))
    rank = {old: new for new, old in enumerate(order)}
    nodes = tuple(msgspec.structs.replace(n, decision=None if n.decision is None else rank[n.decision]) for n in growing.nodes)
    return Game(
        title=title,
        players=tuple(players),
        information_sets=tuple(growing.sets[i] for i in order),
        chance_moves=tuple(growing.chances),
        outcomes=tuple(growing.outcomes),
        nodes=nodes,
        comment=comment,
    )


class _Growing:
    """Nodes, sets and outcomes as they are met; points that share what they know share a set."""

    def __init__(self, players: tuple[str, ...]) -> None:
        self.players = players
        self.nodes: list[Node] = []
        self.sets: list[InformationSet] = []
        self.chances: list[ChanceMove] = []
        self.outcomes: list[Outcome] = []
        self._known: dict[tuple[str, str], int] = {}
        self._ended: dict[tuple[str, tuple[Fraction, ...]], int] = {}

    def add(self, what: Ends | Decides | Happens) -> int:
        at = len(self.nodes)
        self.nodes.append(Node())
        match what:
            case Ends(label=label, payoffs=payoffs):
                self.nodes[at] = Node(outcome=self._outcome(label, tuple(map(exact, payoffs))))
            case Decides(choices=choices):
                where = self._set(what)
                self.nodes[at] = Node(children=tuple(self.add(one) for one in choices.values()), decision=where)
            case Happens(branches=branches):
                probabilities = tuple(exact(p) for p, _ in branches.values())
                chance = ChanceMove(len(self.chances) + 1, what.what, tuple(branches), probabilities)
                if sum(probabilities) != 1 or min(probabilities) < 0:
                    raise Malformed("the probabilities of {name} do not sum to 1", hint="Give each a share of 1.", name=what.what)
                index = len(self.chances)
                self.chances.append(chance)
                self.nodes[at] = Node(children=tuple(self.add(one) for _, one in branches.values()), chance=index)
        return at

    def _outcome(self, label: str, payoffs: tuple[Fraction, ...]) -> int:
        if len(payoffs) != len(self.players):
            raise Malformed("outcome {name} does not pay every player", hint="Give one payoff for each player.", name=label)
        if (label, payoffs) not in self._ended:
            self._ended[label, payoffs] = len(self.outcomes)
            self.outcomes.append(Outcome(len(self.outcomes) + 1, label, payoffs))
        return self._ended[label, payoffs]

    def _set(self, what: Decides) -> int:
        if what.player not in self.players:
            raise Malformed("{name} is no player of this game", hint="Name it among the players.", name=what.player)
        key = (what.player, what.knowing)
        if key not in self._known:
            player = self.players.index(what.player)
            number = 1 + sum(one.player == player for one in self.sets)
            self._known[key] = len(self.sets)
            self.sets.append(InformationSet(player, number, what.knowing, tuple(what.choices)))
        elif self.sets[self._known[key]].actions != tuple(what.choices):
            raise Malformed(
                "{name} has other actions at another point", hint="Points that look alike offer alike.", name=what.knowing
            )
        return self._known[key]
