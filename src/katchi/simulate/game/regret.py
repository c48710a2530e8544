"""How much anyone could gain by doing otherwise: the check that every answer passes, made apart from the solvers.

`regrets` is against a best reply over the whole tree, computed by going up each player's own information sets
(it needs perfect recall, and nothing that any solver computed). With a profile of Fractions it is exact.

`sequential_regrets` asks at each information set, also where play never comes: how much would another action
there gain, from there on? What is believed there: everyone trembles alike, so of the nodes those count that need
the fewest mistakes. Such beliefs are consistent (Kreps and Wilson 1982), and with them no gain by one step
anywhere means no gain at all (Hendon, Jacobsen and Sloth 1996). Another consistent belief may excuse what this
one does not: 0 everywhere proves a sequential equilibrium, more than 0 off the path does not disprove one.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from katchi.simulate.game.profile import Number, Profile, expected_payoffs
from katchi.simulate.game.tree import Game


def regrets(game: Game, profile: Profile) -> tuple[Number, ...]:
    """Return, for each player, what its best reply gets beyond what it gets now; at least 0, in its payoff unit."""
    now = expected_payoffs(game, profile)
    return tuple(max(best_reply(game, profile, player)[0] - held, type(held)(0)) for player, held in enumerate(now))


def regret(game: Game, profile: Profile) -> Number:
    """Return the largest of the players' regrets."""
    return max(regrets(game, profile), default=Fraction(0))


def best_reply(game: Game, profile: Profile, player: int) -> tuple[Number, dict[int, int]]:
    """Return the most that `player` can get against the others, and an action for each of its information sets."""
    gains: dict[int, list[Number]] = {i: [Fraction(0)] * len(game.information_sets[i].actions) for i in game.sets_of(player)}
    total: Number = Fraction(0)
    for end in game.ends:
        weight: Number = end.probability
        for where, action in end.moves:
            if game.information_sets[where].player != player:
                weight = weight * profile[where][action]
                if not weight:
                    break
        if not weight:
            continue
        gain = weight * end.payoffs[player]
        if end.own[player]:
            where, action = end.own[player][-1]
            gains[where][action] += gain
        else:
            total += gain
    chosen: dict[int, int] = {}
    for where in game.deepest_first:
        if where not in gains:
            continue
        best = max(range(len(gains[where])), key=gains[where].__getitem__)
        chosen[where] = best
        before = game.before[where]
        if before is None:
            total += gains[where][best]
        else:
            gains[before[0]][before[1]] += gains[where][best]
    return total, chosen


class Likelihood(NamedTuple):
    """How likely a node is: first how many mistakes it takes, then how likely it is among those of as many."""

    mistakes: int
    share: Number

    def times(self, probability: Number, among: int) -> Likelihood:
        """Return the likelihood after a step of this probability, one of so many actions."""
        if probability > 0:
            return Likelihood(self.mistakes, self.share * probability)
        return Likelihood(self.mistakes + 1, self.share * Fraction(1, among))


def action_values(game: Game, profile: Profile) -> tuple[tuple[Number, ...], ...]:
    """Return what each action is worth to its player once its information set is come to, all playing on as in the profile."""
    onward = _onward(game, profile)
    likely = _likelihoods(game, profile)
    nodes: dict[int, list[int]] = {}
    for at, node in enumerate(game.nodes):
        if node.decision is not None:
            nodes.setdefault(node.decision, []).append(at)
    values: list[tuple[Number, ...]] = []
    for where, one in enumerate(game.information_sets):
        held = nodes.get(where, [])
        fewest = min((likely[at].mistakes for at in held), default=0)
        believed = [(at, likely[at].share) for at in held if likely[at].mistakes == fewest]
        whole = sum(share for _, share in believed) or 1
        values.append(
            tuple(
                sum((share * onward[game.nodes[at].children[action]][one.player] for at, share in believed), Fraction(0)) / whole
                for action in range(len(one.actions))
            )
        )
    return tuple(values)


def sequential_regrets(game: Game, profile: Profile) -> tuple[Number, ...]:
    """Return, for each information set, what its best action would gain over what is done there, given it is come to."""
    return tuple(
        max(worth) - sum((p * w for p, w in zip(profile[where], worth, strict=True)), Fraction(0))
        for where, worth in enumerate(action_values(game, profile))
    )


def _onward(game: Game, profile: Profile) -> list[tuple[Number, ...]]:
    """Return, for each node, what each player gets on average from there on."""
    onward: list[tuple[Number, ...]] = [()] * len(game.nodes)
    for at in range(len(game.nodes) - 1, -1, -1):
        node = game.nodes[at]
        nothing = tuple(Fraction(0) for _ in game.players)
        totals: list[Number] = list(game.outcomes[node.outcome].payoffs if node.outcome is not None else nothing)
        for child, weight in zip(node.children, _weights(game, profile, at), strict=True):
            if weight:
                totals = [total + weight * more for total, more in zip(totals, onward[child], strict=True)]
        onward[at] = tuple(totals)
    return onward


def _likelihoods(game: Game, profile: Profile) -> list[Likelihood]:
    likely = [Likelihood(0, Fraction(1))] * len(game.nodes)
    for at, node in enumerate(game.nodes):
        for child, weight in zip(node.children, _weights(game, profile, at), strict=True):
            likely[child] = likely[at].times(weight, len(node.children))
    return likely


def _weights(game: Game, profile: Profile, at: int) -> tuple[Number, ...]:
    node = game.nodes[at]
    if node.chance is not None:
        return game.chance_moves[node.chance].probabilities
    return profile[node.decision] if node.decision is not None else ()
