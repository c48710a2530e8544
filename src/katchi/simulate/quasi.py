"""Randomised quasi-Monte Carlo: fewer runs for the same accuracy, where a few numbers decide most of a run.

The numbers of a run, and the first turns of what goes up and down, are a point of a scrambled Sobol sequence instead of chance;
replicates, each scrambled anew, tell how far the answer can be off (Student's t). Where the stage asked about is a delay of a
known law at the end, its own chance is integrated exactly (conditional Monte Carlo), which smooths the probability.

Sources: Owen (1997), Annals of Statistics 25(4), 1541-1562; L'Ecuyer and Lemieux (2002) for the replicates.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from katchi.errors import Refused
from katchi.network.arrays import Arrays, compiled
from katchi.network.durations import Constant, Duration, Erlang, Exponential, Lognormal, Triangular, Uniform
from katchi.network.interpreter import Interpreter
from katchi.network.model import Network, Stage

REPLICATES = 32
TURNS = 4  # numbers of each switch that are points: its state at the start and the first turns
HALF_STEP = 2.0**-31  # Sobol points are multiples of 2^-30; no number may be 0
DIMENSIONS_MAX = 21_201  # of SciPy's direction numbers

Floats = NDArray[np.float64]


class QuasiEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one question."""

    probability: float
    interval: tuple[float, float]  # 95 %, from the replicates
    mean_s: float | None  # None if some run never finished
    mean_interval_s: tuple[float, float] | None
    conditional: bool  # whether the last stage's own chance was integrated


class Quasi(msgspec.Struct, frozen=True, kw_only=True):
    """What quasi-Monte Carlo found."""

    questions: dict[str, QuasiEstimate]
    replicates: int
    points: int  # of each


def quasi(
    network: Network,
    *,
    points: int,
    seed: int,
    replicates: int = REPLICATES,
    play: Callable[..., Any] = map,
    conditional: bool = True,
) -> Quasi:
    """Answer every question of a network.

    Args:
        network: what is played.
        points: of each replicate, a power of 2.
        seed: 0 to 2^64 - 1: the same seed, the same answer.
        replicates: >= 2.
        play: maps over replicates, in order: `map`, or that of a pool of threads.
        conditional: integrate the last stage's own chance where that can be done.
    Raises:
        Refused: the network needs more numbers than the Sobol sequence has dimensions.
    """
    arrays = compiled(network)
    dimensions = int(arrays.sizes[0]) + TURNS * len(arrays.stream)
    if dimensions > DIMENSIONS_MAX:
        raise Refused(
            "a run needs {n} numbers, and quasi-Monte Carlo has at most {limit}", hint="Use plain sampling.",
            n=dimensions, limit=DIMENSIONS_MAX,
        )  # fmt: skip
    last = [_last(network, question.stage) if conditional else None for question in network.questions]
    rows = list(play(lambda number: _replicate(network, arrays, last, points, seed, number), range(replicates)))
    shares, means = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    return Quasi(
        questions={
            question.name: QuasiEstimate(
                probability=float(shares[:, i].mean()),
                interval=_clipped(_interval(shares[:, i])),
                mean_s=float(means[:, i].mean()) if np.isfinite(means[:, i]).all() else None,
                mean_interval_s=_interval(means[:, i]) if np.isfinite(means[:, i]).all() else None,
                conditional=last[i] is not None,
            )
            for i, question in enumerate(network.questions)
        },
        replicates=replicates,
        points=points,
    )


def _replicate(
    network: Network, arrays: Arrays, last: list[Stage | None], points: int, seed: int, number: int
) -> tuple[list[float], list[float]]:
    """Return each question's share and mean time (inf if some run never finished)."""
    from scipy.stats import qmc  # half a second to import: only where it is used

    sequence = qmc.Sobol(
        int(arrays.sizes[0]) + TURNS * len(arrays.stream), scramble=True, rng=np.random.default_rng([seed, number])
    )
    drawn = sequence.random(points) + HALF_STEP
    times = _times(arrays, drawn, seed, number * points)
    shares, means = [], []
    for i, question in enumerate(network.questions):
        stage = last[i]
        if stage is None:
            shares.append(float((times[:, i] <= question.by_s).mean()))
            means.append(float(times[:, i].mean()))
            continue
        law = _law(stage.duration)
        own = law.ppf(drawn[:, arrays.draw[arrays.asked[i]]])
        began = times[:, i] - own
        shares.append(float(law.cdf(question.by_s - began).mean()))
        means.append(float(began.mean() + law.mean()))
    return shares, means


def _times(arrays: Arrays, drawn: Floats, seed: int, first: int) -> Floats:
    try:
        from katchi.network.kernel import times_at
    except ImportError:
        player = Interpreter(arrays)
        played = (player.run(seed, first + i, list(map(float, row))).finished for i, row in enumerate(drawn))
        return np.array([[finished[stage] for stage in arrays.asked] for finished in played])
    return times_at(arrays, drawn, seed, first)


def _last(network: Network, name: str) -> Stage | None:
    """Return the stage asked about if its own chance can be integrated: a delay that needs one number, of a smooth law."""
    stage = next(one for one in network.stages if one.name == name)
    alone = stage.at is None and stage.over is None and stage.factor is None
    return stage if alone and isinstance(stage.duration, Exponential | Uniform | Triangular | Lognormal) else None


def _law(duration: Duration) -> Any:
    from scipy import stats

    match duration:
        case Exponential(mean):
            return _Exponential(mean)
        case Uniform(low, high):
            return stats.uniform(low, high - low)
        case Triangular(low, mode, high):
            return stats.triang((mode - low) / (high - low), low, high - low)
        case Lognormal(median, sigma):
            return stats.lognorm(sigma, scale=median)
        case Constant() | Erlang() | _:
            raise AssertionError(duration)


class _Exponential:
    """By the mirrored number: the kernel's exponential of u is -log u, so small times come from numbers near 1."""

    def __init__(self, mean: float) -> None:
        self._mean = mean

    def ppf(self, u: Floats) -> Floats:
        """Return the time that the kernel makes of a number."""
        return np.asarray(-self._mean * np.log(u))

    def cdf(self, time: Floats) -> Floats:
        """Return the probability of at most this time."""
        return np.asarray(-np.expm1(-np.maximum(time, 0.0) / self._mean))

    def mean(self) -> float:
        """Return the mean."""
        return self._mean


def _interval(values: Floats) -> tuple[float, float]:
    from scipy import stats

    half = float(stats.t.ppf(0.975, len(values) - 1)) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(values.mean()) - half, float(values.mean()) + half


def _clipped(interval: tuple[float, float]) -> tuple[float, float]:
    return max(interval[0], 0.0), min(interval[1], 1.0)
