"""Laws of duration as numbers: what a stage's law is called in the arrays, its parameters, and how many draws it needs."""

from __future__ import annotations

import functools
from typing import NamedTuple

from katchi.network import chance
from katchi.network.durations import (
    Constant,
    Duration,
    Empirical,
    Erlang,
    Exponential,
    Lognormal,
    Pert,
    Triangular,
    Uniform,
)

CONSTANT, EXPONENTIAL, ERLANG, LOGNORMAL, UNIFORM, TRIANGULAR, PERT, EMPIRICAL = range(8)
EXPONENTIALS = frozenset({EXPONENTIAL, ERLANG})
NONE = -1

PERT_CELLS = 512
GAUSS_5 = (  # Gauss-Legendre on (-1, 1): node, weight
    (0.0, 0.5688888888888888889),
    (0.5384693101056830910, 0.4786286704993664680), (-0.5384693101056830910, 0.4786286704993664680),
    (0.9061798459386639928, 0.2369268850561890875), (-0.9061798459386639928, 0.2369268850561890875),
)  # fmt: skip


class Law(NamedTuple):
    """A duration as the arrays hold it: arrays.py says what a, b, c and the tables are."""

    law: int
    draws: int  # uniform numbers that it needs
    a: float
    b: float = 0.0
    c: float = 0.0
    table: tuple[float, ...] = ()
    upto: tuple[float, ...] = ()


@functools.lru_cache(1_024)
def law_of(duration: Duration) -> Law:
    """Return a duration as numbers."""
    match duration:
        case Constant(value):
            return Law(CONSTANT, 0, value)
        case Exponential(mean):
            return Law(EXPONENTIAL, 1, mean)
        case Erlang(mean, phases):
            return Law(ERLANG, phases, mean / phases)
        case Lognormal(median, sigma):
            return Law(LOGNORMAL, 1, median, sigma)
        case Uniform(low, high):
            return Law(UNIFORM, 1, low, high - low)
        case Triangular(low, mode, high):
            return Law(TRIANGULAR, 1, low, high - low, mode - low)
        case Pert(low, mode, high):
            starts, upto = pert_cells((mode - low) / (high - low))
            return Law(PERT, 1, low, high - low, mode - low, starts, upto)
        case Empirical(values):
            return Law(EMPIRICAL, 1, 0.0, table=values, upto=(0.0,) * len(values))


def pert_cells(mode: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return where the cells of a PERT on (0, 1) begin, and the probability before each; both end with 1."""
    up, down = 4.0 * mode, 4.0 * (1.0 - mode)  # the beta's alpha - 1 and beta - 1
    half = 0.5 / PERT_CELLS
    masses = []
    for cell in range(PERT_CELLS):
        middle = (cell + 0.5) / PERT_CELLS
        xs = [(middle + half * node, weight) for node, weight in GAUSS_5]
        masses.append(sum(weight * chance.exp(up * chance.log(x) + down * chance.log(1.0 - x)) for x, weight in xs))
    upto, whole = [0.0], sum(masses)
    for mass in masses:
        upto.append(upto[-1] + mass / whole)
    upto[-1] = 1.0
    return tuple(cell / PERT_CELLS for cell in range(PERT_CELLS + 1)), tuple(upto)
