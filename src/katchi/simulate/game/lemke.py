"""One equilibrium of any game of two, exactly: Lemke's algorithm on the sequence form.

The sequence form grows with the tree, not with the number of plans: a player's plan is the weight of each of its
sequences of moves. Equilibria are the solutions of a linear complementarity problem (Koller, Megiddo and von Stengel
1996, Games and Economic Behavior 14, 247-259), on which Lemke's algorithm ends with a solution. All arithmetic is in
Fractions, and ties are broken lexicographically, so it neither rounds nor cycles.
"""

from __future__ import annotations

from fractions import Fraction

from katchi.simulate.game.profile import Number, Profile
from katchi.simulate.game.strategies import completed
from katchi.simulate.game.tree import Game, Move

SEQUENCES_MAX = 240
SEQUENCES_QUICK = 60
PIVOTS_MAX = 20_000
Row = list[Fraction]


def is_within_reach(game: Game) -> bool:
    """Return whether a game is of two players and small enough for exact arithmetic."""
    return len(game.players) == 2 and sum(len(one.actions) for one in game.information_sets) <= SEQUENCES_MAX


def is_quick(game: Game) -> bool:
    """Return whether it takes about a second at most."""
    return is_within_reach(game) and sum(len(one.actions) for one in game.information_sets) <= SEQUENCES_QUICK


def lemke(game: Game) -> Profile | None:
    """Return a Nash equilibrium of a game of two, in Fractions; None if it takes too many steps."""
    sequences: list[list[Move | None]] = [
        [None, *((where, a) for where in game.sets_of(player) for a in range(len(game.information_sets[where].actions)))]
        for player in (0, 1)
    ]
    index = [{sequence: i for i, sequence in enumerate(held)} for held in sequences]
    solution = _complementary(*_problem(game, index))
    if solution is None:
        return None
    partial: dict[int, tuple[Number, ...]] = {}
    offset = 0
    for player in (0, 1):
        weights = {sequence: solution[offset + i] for sequence, i in index[player].items()}
        offset += len(index[player])
        for where in game.sets_of(player):
            there = [weights[where, a] for a in range(len(game.information_sets[where].actions))]
            if whole := sum(there):
                partial[where] = tuple(weight / whole for weight in there)
    return completed(game, partial)


def _problem(game: Game, index: list[dict[Move | None, int]]) -> tuple[list[Row], Row]:
    """Return M and q of w = Mz + q, w'z = 0, w, z >= 0; z begins with the weights of both players' sequences."""
    sizes = [len(held) for held in index]
    sets = [game.sets_of(player) for player in (0, 1)]
    constraints = [len(held) + 1 for held in sets]
    starts = [0, sizes[0]]
    duals = [sum(sizes), sum(sizes) + 2 * constraints[0]]
    size = sum(sizes) + 2 * sum(constraints)
    matrix = [[Fraction(0)] * size for _ in range(size)]
    right = [Fraction(0)] * size
    tops = [max(end.payoffs[player] for end in game.ends) + 1 for player in (0, 1)]
    for end in game.ends:
        at = [starts[p] + index[p][end.own[p][-1] if end.own[p] else None] for p in (0, 1)]
        for player in (0, 1):  # costs, not payoffs: all positive
            matrix[at[player]][at[1 - player]] += end.probability * (tops[player] - end.payoffs[player])
    for player in (0, 1):
        equations: list[tuple[dict[int, int], int]] = [({0: 1}, 1)]
        for where in sets[player]:
            held = index[player]
            row = {held[where, a]: 1 for a in range(len(game.information_sets[where].actions))}
            row[held[game.before[where]]] = -1
            equations.append((row, 0))
        for number, (row, total) in enumerate(equations):
            plus = duals[player] + number
            minus = plus + constraints[player]
            for sequence, value in row.items():
                at_sequence = starts[player] + sequence
                matrix[at_sequence][plus] += value
                matrix[at_sequence][minus] -= value
                matrix[plus][at_sequence] -= value
                matrix[minus][at_sequence] += value
            right[plus] += total
            right[minus] -= total
    return matrix, right


def _complementary(matrix: list[Row], right: Row) -> Row | None:
    """Return z of a linear complementarity problem by Lemke's algorithm, None on a ray or after too many pivots.

    The tableau's columns: right side, w (whose part is the inverse of the basis, by which ties are broken), z, z0.
    """
    size = len(right)
    artificial = 2 * size + 1
    tableau = [
        [right[i], *(Fraction(int(i == j)) for j in range(size)), *(-value for value in matrix[i]), Fraction(-1)]
        for i in range(size)
    ]
    basis = list(range(1, size + 1))
    leaving = min(range(size), key=lambda i: [tableau[i][0], *tableau[i][1 : size + 1]])
    if tableau[leaving][0] >= 0:
        return [Fraction(0)] * size
    entering = artificial
    for _ in range(PIVOTS_MAX):
        left = basis[leaving]
        _pivot(tableau, leaving, entering)
        basis[leaving] = entering
        if left == artificial:
            solution = [Fraction(0)] * size
            for row, variable in zip(tableau, basis, strict=True):
                if size < variable < artificial:
                    solution[variable - size - 1] = row[0]
            return solution
        entering = left + size if left <= size else left - size
        candidates = [i for i in range(size) if tableau[i][entering] > 0]
        if not candidates:
            return None
        leaving = _least(tableau, candidates, entering, size, basis, artificial)
    return None


def _least(tableau: list[Row], candidates: list[int], entering: int, size: int, basis: list[int], artificial: int) -> int:
    """Return the row of the lexicographically least ratio; the artificial variable's where it is among the least."""
    for column in range(size + 1):
        ratios = [(tableau[i][column] / tableau[i][entering], i) for i in candidates]
        least = min(ratio for ratio, _ in ratios)
        candidates = [i for ratio, i in ratios if ratio == least]
        if column == 0 and (done := next((i for i in candidates if basis[i] == artificial), None)) is not None:
            return done
        if len(candidates) == 1:
            break
    return candidates[0]


def _pivot(tableau: list[Row], at: int, column: int) -> None:
    pivot = tableau[at][column]
    base = tableau[at] = [value / pivot if value else value for value in tableau[at]]
    held = [(j, value) for j, value in enumerate(base) if value]
    for i, row in enumerate(tableau):
        factor = row[column]
        if i != at and factor:
            for j, value in held:
                row[j] -= factor * value
