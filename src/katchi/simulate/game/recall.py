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
    behind: dict[int, tuple[Move, ...]] = {}
    for end in game.ends:
        for player, moves in enumerate(end.own):
            for place, (where, _) in enumerate(moves):
                past = moves[:place]
                if any(earlier == where for earlier, _ in past):
                    return Forgetting(player, where, True, past, past)
                if behind.setdefault(where, past) != past:
                    return Forgetting(player, where, False, behind[where], past)
    return None


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
