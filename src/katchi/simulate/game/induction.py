"""Backward induction: where everyone always knows all that has happened, the choice that is best from each point on.

Exact. Where two actions are equally good the first is taken and the place is named: other subgame perfect equilibria
may then exist.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from katchi.simulate.game.profile import Profile, pure
from katchi.simulate.game.tree import Game


class Induced(NamedTuple):
    """A subgame perfect equilibrium, and where it might as well have chosen otherwise."""

    profile: Profile
    ties: tuple[int, ...]  # information sets


def has_perfect_information(game: Game) -> bool:
    """Return whether each information set is one node."""
    decisions = [node.decision for node in game.nodes if node.decision is not None]
    return len(decisions) == len(set(decisions))


def backward_induction(game: Game) -> Induced | None:
    """Return the subgame perfect equilibrium of a game with perfect information; None for any other game."""
    if not has_perfect_information(game):
        return None
    nothing = tuple(Fraction(0) for _ in game.players)
    worth: list[tuple[Fraction, ...]] = [nothing] * len(game.nodes)
    chosen = [0] * len(game.information_sets)
    ties = []
    for at in range(len(game.nodes) - 1, -1, -1):
        node = game.nodes[at]
        onward = nothing
        if node.decision is not None:
            player = game.information_sets[node.decision].player
            values = [worth[child][player] for child in node.children]
            chosen[node.decision] = values.index(max(values))
            if values.count(max(values)) > 1:
                ties.append(node.decision)
            onward = worth[node.children[chosen[node.decision]]]
        elif node.chance is not None:
            shares = game.chance_moves[node.chance].probabilities
            pairs = list(zip(node.children, shares, strict=True))
            onward = tuple(sum((p * worth[child][i] for child, p in pairs), Fraction(0)) for i in range(len(nothing)))
        here = game.outcomes[node.outcome].payoffs if node.outcome is not None else nothing
        worth[at] = tuple(a + b for a, b in zip(onward, here, strict=True))
    return Induced(pure(game, chosen), tuple(sorted(ties)))
