"""All extreme equilibria of a small game of two: every pair of complementary vertices of the best-reply polytopes.

A profile (x, y) is an equilibrium when every strategy is either not played or a best reply: when the vertices x of
{x >= 0, B'x <= 1} and y of {y >= 0, Ay <= 1} carry, together, all labels (Mangasarian 1964; von Stengel 2002). Each
equilibrium of a two-player game is a mixture of extreme ones. Vertices are found in floats, all bases at once, and
each equilibrium is then solved again in Fractions: what is returned is exact, and checked exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from katchi.simulate.game.arrays import Floats
from katchi.simulate.game.strategies import StrategicForm

BASES_MAX = 200_000
NUMBERS_AT_ONCE = 2_000_000  # of all the systems that are solved in one go
NEAR = 1e-9
SINGULAR = 1e-30  # a determinant; what slips through is far outside, or no equilibrium when solved exactly
Mixture = tuple[Fraction, ...]


def is_small(form: StrategicForm) -> bool:
    """Return whether all bases of the game can be looked at."""
    if len(form.sizes) != 2 or max(form.sizes) > 60:
        return False
    return math.comb(sum(form.sizes), form.sizes[0]) <= BASES_MAX


def extreme_equilibria(form: StrategicForm, *, listed_max: int = 1_000) -> tuple[tuple[Mixture, Mixture], ...]:
    """Return the extreme equilibria of a game of two, as mixtures of reduced strategies; exact."""
    rows, columns = form.matrices()
    a, b = _positive(rows), _positive(columns)
    found = _pairs(a, b)
    exact = {solved for x, y in islice(found, listed_max) if (solved := _solved(a, b, x, y)) is not None}
    return tuple(sorted(exact, reverse=True))


def _positive(matrix: NDArray[Any]) -> list[list[int]]:
    """Return payoffs moved up so that all are at least 1; equilibria do not change."""
    low = int(matrix.min())
    return [[int(value) - low + 1 for value in row] for row in matrix]


def _pairs(a: list[list[int]], b: list[list[int]]) -> Iterator[tuple[list[int], list[int]]]:
    """Yield, for each equilibrium, which labels are tight at x and which at y."""
    other = len(a[0])
    scale_a, scale_b = max(map(max, a)), max(map(max, b))
    left = _vertices(np.array(b, dtype=float).T / scale_b)  # of x: first its own m labels, then the other's n
    right = _vertices(np.array(a, dtype=float) / scale_a)  # of y: its own n labels, then the other's m
    right = [(point, np.concatenate([tight[other:], tight[:other]])) for point, tight in right]
    masks = np.array([tight for _, tight in right])
    for point, tight in left:
        if not point.any():
            continue
        for index in np.flatnonzero((masks | tight).all(axis=1)):
            if right[index][0].any():
                yield np.flatnonzero(tight).tolist(), np.flatnonzero(masks[index]).tolist()


def _vertices(matrix: Floats) -> list[tuple[Floats, NDArray[np.bool_]]]:
    """Return the vertices of {z >= 0, Mz <= 1}, each with which constraints are tight: those of z, then those of M."""
    count, size = matrix.shape
    constraints = np.vstack([np.eye(size), matrix])
    bounds = np.concatenate([np.zeros(size), np.ones(count)])
    found: dict[tuple[float, ...], tuple[Floats, NDArray[np.bool_]]] = {}
    bases = combinations(range(size + count), size)
    while chunk := list(islice(bases, max(1, NUMBERS_AT_ONCE // size**2))):
        which = np.array(chunk)
        systems, right = constraints[which], bounds[which]
        regular = np.abs(np.linalg.det(systems)) > SINGULAR
        if not regular.any():
            continue
        points = np.linalg.solve(systems[regular], right[regular][..., None])[..., 0]
        slack = points @ matrix.T
        inside = (points >= -NEAR).all(axis=1) & (slack <= 1 + NEAR).all(axis=1)
        for point in points[inside]:
            key = tuple(np.round(point, 8) + 0.0)
            if key not in found:
                tight = np.concatenate([np.abs(point) <= NEAR, np.abs(matrix @ point - 1) <= NEAR])
                found[key] = (np.where(np.abs(point) <= NEAR, 0.0, point), tight)
    return list(found.values())


def _solved(a: list[list[int]], b: list[list[int]], left: Sequence[int], right: Sequence[int]) -> tuple[Mixture, Mixture] | None:
    """Return the equilibrium with these tight labels in Fractions, None if it is none after all."""
    size, other = len(a), len(a[0])
    x = _exact(
        [[b[i][j] for i in range(size)] for j in range(other)],
        [i for i in left if i < size],
        [i - size for i in left if i >= size],
    )
    y = _exact(a, [j - size for j in right if j >= size], [i for i in right if i < size])
    if x is None or y is None:
        return None
    gains = [sum((p * v for p, v in zip(y, row, strict=True)), Fraction(0)) for row in a]
    others = [sum((x[i] * b[i][j] for i in range(size)), Fraction(0)) for j in range(other)]
    holds = all(gains[i] == max(gains) for i in range(size) if x[i]) and all(
        others[j] == max(others) for j in range(other) if y[j]
    )
    return (x, y) if holds else None


def _exact(matrix: list[list[int]], zeros: Sequence[int], tight: Sequence[int]) -> Mixture | None:
    """Return the mixture that is 0 at `zeros` and makes all `tight` rows equally good, None if there is not just one."""
    played = [i for i in range(len(matrix[0])) if i not in set(zeros)]
    system = [[Fraction(matrix[row][i]) for i in played] + [Fraction(1)] for row in tight]
    solution = eliminated(system, len(played))
    if solution is None or min(solution) < 0:
        return None
    whole = sum(solution)
    shares = dict(zip(played, solution, strict=True))
    return tuple(shares.get(i, Fraction(0)) / whole for i in range(len(matrix[0])))


def eliminated(system: list[list[Fraction]], size: int) -> list[Fraction] | None:
    """Return the one solution of linear equations (each row's last number is its right side), None if not just one."""
    rows = [row[:] for row in system]
    at = 0
    for column in range(size):
        pivot = next((i for i in range(at, len(rows)) if rows[i][column]), None)
        if pivot is None:
            return None
        rows[at], rows[pivot] = rows[pivot], rows[at]
        rows[at] = [value / rows[at][column] for value in rows[at]]
        for i in range(len(rows)):
            if i != at and rows[i][column]:
                factor = rows[i][column]
                rows[i] = [value - factor * base for value, base in zip(rows[i], rows[at], strict=True)]
        at += 1
    if any(row[-1] for row in rows[at:]):
        return None
    return [rows[i][-1] for i in range(size)]
