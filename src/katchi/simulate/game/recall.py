"""Whether each player remembers what it did and knew: without it, behaviour and plans are not the same thing.

A player has perfect recall if all nodes of one information set have the same own moves behind them
(Kuhn 1953). A game without it may have no equilibrium in behaviour at all (Wichardt 2008): it is refused.
"""

from __future__ import annotations

from typing import NamedTuple

from katchi.errors import Refused
from katchi.simulate.game.tree import Game, Move


class Forgetting(NamedTuple):
    """Where a player forgets: two points of one information set with different own moves behind them."""

    player: int
    information_set: int
    met_twice: bool  # on one path: it does not even remember having been there
    one: tuple[Move, ...]
    other: tuple[Move, ...]


def forgetting(game: Game) -> Forgetting | None:
    """Return the first information set whose player forgets something, None if all recall everything."""
    known: list[tuple[int, Move] | None] = [None]  # own moves as links: the link before, and the move
    numbered: dict[tuple[int, Move], int] = {}
    past: list[tuple[int, ...]] = [(0,) * len(game.players)] * len(game.nodes)  # at each node, each player's link
    behind: dict[int, int] = {}
    for at, node in enumerate(game.nodes):
        for action, child in enumerate(node.children):
            past[child] = past[at]
            if node.decision is not None:
                player = game.information_sets[node.decision].player
                link = (past[at][player], (node.decision, action))
                if link not in numbered:
                    numbered[link] = len(known)
                    known.append(link)
                past[child] = (*past[at][:player], numbered[link], *past[at][player + 1 :])
        if node.decision is not None:
            player = game.information_sets[node.decision].player
            held = behind.setdefault(node.decision, past[at][player])
            if held != past[at][player]:
                one, other = _moves_to(known, held), _moves_to(known, past[at][player])
                met_twice = any(where == node.decision for where, _ in other)
                return Forgetting(player, node.decision, met_twice, one, other)
    return None


def _moves_to(known: list[tuple[int, Move] | None], link: int) -> tuple[Move, ...]:
    """Return the moves that a link stands for, the first one first."""
    found: list[Move] = []
    while (before := known[link]) is not None:
        found.append(before[1])
        link = before[0]
    return tuple(reversed(found))


def require_recall(game: Game) -> None:
    """Let a game with perfect recall pass.

    Raises:
        Refused: imperfect recall; it names the player and the information set, and what is forgotten.
    """
    found = forgetting(game)
    if found is None:
        return
    where = game.information_sets[found.information_set]
    names = {
        "player": game.players[found.player],
        "place": f"{where.number} ({where.label})" if where.label else f"{where.number}",
    }
    if found.met_twice:
        raise Refused(
            "imperfect recall: player {player} can come to information set {place} twice on one path",
            hint="Such a game may have no equilibrium in behaviour. Give the second point an information set of its own.",
            **names,
        )
    raise Refused(
        "imperfect recall: player {player}, at information set {place}, forgets whether it did {one} or {other}",
        hint="Such a game may have no equilibrium in behaviour. Split the information set by what its player did before.",
        **names,
        one=_moves(game, found.one),
        other=_moves(game, found.other),
    )


def _moves(game: Game, moves: tuple[Move, ...]) -> str:
    """Return moves in short: number of the information set and its action."""
    sets = game.information_sets
    return " ".join(f"{sets[where].number}:{sets[where].actions[action]}" for where, action in moves) or "-"
