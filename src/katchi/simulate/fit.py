"""Which law do measured durations follow? Maximum likelihood, the law chosen by AIC, and how well it fits.

Tried are the exponential, the Erlang and the lognormal; with fewer than `CHOICE_MIN` observations there is nothing to choose
by, and the exponential stands unless it is rejected. The Kolmogorov-Smirnov distance has its p-value from a parametric
bootstrap: samples of the fitted law are fitted anew, since a law whose parameters come from the same data is nearer to them
than a law given beforehand, and tables for the latter would call every fit a good one. Where even the chosen law is
rejected, what was observed is taken as it is (the empirical law). A seed makes the p-value the same each time.

A fit says what was measured, in exercises and consultations that were played; it says nothing of what will be.

Sources: Akaike (1974) for AIC; Lilliefors (1969), Stute, Gonzales Manteiga and Presedo Quindimil (1993) for the bootstrap.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaln, ndtr

from katchi.errors import Malformed, sayable
from katchi.network.durations import PHASES_MAX, Constant, Duration, Empirical, Erlang, Exponential, Lognormal

Floats = NDArray[np.float64]

CHOICE_MIN = 8  # observations
REJECTED_BELOW = 0.01  # p
RESAMPLES = 999
RESAMPLES_MIN = 199
DRAWN_MAX = 20_000_000  # numbers of one bootstrap, about
EMPIRICAL_MAX = 100  # of more observations, so many quantiles stand for all
OBSERVATIONS_MAX = 100_000
LONGEST_S = 366 * 86_400.0
SIGMA_MIN = 1e-9


class Fitted(msgspec.Struct, frozen=True, kw_only=True):
    """One law fitted to the observations."""

    law: str
    duration: Duration
    parameters: int
    aic: float
    ks: float  # greatest distance between what was observed and the law, 0 to 1
    p: float | None  # how often samples of the law itself are as far from their fit; None if not asked


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """What was observed of one stage, the laws tried, and the one chosen."""

    observations: int
    mean_s: float
    median_s: float
    chosen: Duration
    law: str  # of the chosen one
    ks: float | None  # None: nothing was fitted
    p: float | None
    why: str  # template of the catalogue: why this one
    tried: tuple[Fitted, ...]  # best AIC first


class _Law(NamedTuple):
    """How a law is fitted to rows of samples, of shape (m, n), and what it says."""

    parameters: int
    fitted: Callable[[Floats], tuple[Floats, ...]]  # each of shape (m,)
    likelihood: Callable[[Floats, tuple[Floats, ...]], Floats]  # logarithm, (m,)
    below: Callable[[Floats, tuple[Floats, ...]], Floats]  # its distribution function, (m, n)
    drawn: Callable[[np.random.Generator, tuple[int, int], tuple[Floats, ...]], Floats]
    duration: Callable[..., Duration]


def _exponential_fitted(rows: Floats) -> tuple[Floats, ...]:
    return (rows.mean(axis=1),)


def _erlang_fitted(rows: Floats) -> tuple[Floats, ...]:
    """Mean, and the whole number of phases (from 2) at which the likelihood is greatest."""
    mean, log_mean = rows.mean(axis=1), np.log(rows).mean(axis=1)
    phases = np.arange(2, PHASES_MAX + 1)
    each = phases * np.log(phases) - gammaln(phases) - phases
    height = each[None, :] + np.outer(log_mean - np.log(mean), phases)
    return mean, phases[height.argmax(axis=1)].astype(np.float64)


def _erlang_likelihood(rows: Floats, of: tuple[Floats, ...]) -> Floats:
    (mean, phases), n = of, rows.shape[1]
    whole: Floats = (
        n * (phases * np.log(phases / mean) - gammaln(phases))
        + (phases - 1) * np.log(rows).sum(axis=1)
        - phases / mean * rows.sum(axis=1)
    )
    return whole


def _lognormal_fitted(rows: Floats) -> tuple[Floats, ...]:
    logs = np.log(rows)
    return logs.mean(axis=1), np.maximum(logs.std(axis=1), SIGMA_MIN)


def _lognormal_likelihood(rows: Floats, of: tuple[Floats, ...]) -> Floats:
    (mu, sigma), n, logs = of, rows.shape[1], np.log(rows)
    squares = ((logs - mu[:, None]) ** 2).sum(axis=1)
    whole: Floats = -logs.sum(axis=1) - n * (np.log(sigma) + 0.5 * math.log(2 * math.pi)) - squares / (2 * sigma**2)
    return whole


LAWS: dict[str, _Law] = {
    "exponential": _Law(
        1,
        _exponential_fitted,
        lambda rows, of: -rows.shape[1] * np.log(of[0]) - rows.sum(axis=1) / of[0],
        lambda rows, of: -np.expm1(-rows / of[0][:, None]),
        lambda chance, shape, of: chance.standard_exponential(shape) * of[0][0],
        lambda mean: Exponential(float(mean)),
    ),
    "erlang": _Law(
        2,
        _erlang_fitted,
        _erlang_likelihood,
        lambda rows, of: gammainc(of[1][:, None], rows * (of[1] / of[0])[:, None]),
        lambda chance, shape, of: chance.standard_gamma(of[1][0], shape) * (of[0][0] / of[1][0]),
        lambda mean, phases: Erlang(float(mean), int(phases)),
    ),
    "lognormal": _Law(
        2,
        _lognormal_fitted,
        _lognormal_likelihood,
        lambda rows, of: ndtr((np.log(rows) - of[0][:, None]) / of[1][:, None]),
        lambda chance, shape, of: np.exp(of[0][0] + of[1][0] * chance.standard_normal(shape)),
        lambda mu, sigma: Lognormal(math.exp(mu), float(sigma)),
    ),
}


def fit(values_s: Sequence[float], *, seed: int, resamples: int = RESAMPLES) -> Fit:
    """Return the law that measured durations follow best, with all that were tried.

    Args:
        values_s: durations, seconds, 0 to LONGEST_S; at least one.
        seed: where the chance of the bootstrap begins, >= 0.
        resamples: how many samples the p-value rests on, at most (fewer of very many observations).
    Raises:
        Malformed: none, too many, or one that no duration can be.
    """
    _check(values_s)
    observed = np.sort(np.array(values_s, dtype=np.float64))
    whole: dict[str, Any] = {
        "observations": len(observed), "mean_s": float(observed.mean()), "median_s": float(np.median(observed)),
    }  # fmt: skip
    if observed[0] == observed[-1]:
        why = sayable("all observations are alike")
        return Fit(chosen=Constant(float(observed[0])), law="constant", ks=None, p=None, why=why, tried=(), **whole)
    possible = list(LAWS) if observed[0] > 0 else ["exponential"]  # a duration of 0 has no logarithm
    tried = sorted((_fitted(name, observed) for name in possible), key=lambda one: one.aic)
    is_choice = len(observed) >= CHOICE_MIN
    best = tried[0] if is_choice else next(one for one in tried if one.law == "exponential")
    p = bootstrap_p(best.law, observed, seed=seed, resamples=resamples)
    tried = [msgspec.structs.replace(one, p=p) if one is best else one for one in tried]
    if p < REJECTED_BELOW:
        why = sayable("no law that was tried fits: taken as observed")
        chosen: Duration = Empirical(observed_as_it_is(observed))
        return Fit(chosen=chosen, law="empirical", ks=best.ks, p=p, why=why, tried=tuple(tried), **whole)
    why = sayable("the least AIC") if is_choice else sayable("too few observations to choose by: the law with one parameter")
    return Fit(chosen=best.duration, law=best.law, ks=best.ks, p=p, why=why, tried=tuple(tried), **whole)


def _check(values_s: Sequence[float]) -> None:
    if not 1 <= len(values_s) <= OBSERVATIONS_MAX:
        raise Malformed(
            "{n} observations cannot be fitted", hint="From 1 to {limit} are.", n=len(values_s), limit=OBSERVATIONS_MAX
        )
    for value in values_s:
        if not 0 <= value <= LONGEST_S:
            raise Malformed(
                "a duration of {value} s cannot be", hint="Durations are from 0 to {limit:.0f} s, a year.", value=value,
                limit=LONGEST_S,
            )  # fmt: skip


def _fitted(name: str, observed: Floats) -> Fitted:
    law, rows = LAWS[name], observed[None, :]
    of = law.fitted(rows)
    likelihood = float(law.likelihood(rows, of)[0])
    return Fitted(
        law=name,
        duration=law.duration(*(float(one[0]) for one in of)),
        parameters=law.parameters,
        aic=2 * law.parameters - 2 * likelihood,
        ks=float(_distance(law, rows, of)[0]),
        p=None,
    )


def bootstrap_p(name: str, observed: Floats, *, seed: int, resamples: int = RESAMPLES) -> float:
    """Return how often a sample of the fitted law, itself fitted anew, is at least as far from its fit as what was observed.

    Args:
        name: of `LAWS`.
        observed: shape (n,), seconds, sorted.
        seed: >= 0.
        resamples: at most so many samples; the p-value is never below 1 / (1 + samples).
    """
    law, rows = LAWS[name], observed[None, :]
    of = law.fitted(rows)
    distance = float(_distance(law, rows, of)[0])
    n = len(observed)
    count = min(resamples, max(RESAMPLES_MIN, DRAWN_MAX // n))
    chance = np.random.default_rng(seed)
    at_once = max(1, 1_000_000 // n)
    as_far = 0
    for begun in range(0, count, at_once):
        drawn = np.sort(law.drawn(chance, (min(at_once, count - begun), n), of), axis=1)
        as_far += int((_distance(law, drawn, law.fitted(drawn)) >= distance).sum())
    return (1 + as_far) / (1 + count)


def _distance(law: _Law, rows: Floats, of: tuple[Floats, ...]) -> Floats:
    """Return the Kolmogorov-Smirnov distance of each sorted row from its law."""
    n = rows.shape[1]
    below = law.below(rows, of)
    steps = np.arange(n + 1) / n
    furthest: Floats = np.maximum((steps[1:] - below).max(axis=1), (below - steps[:-1]).max(axis=1))
    return furthest


def observed_as_it_is(observed: Floats) -> tuple[float, ...]:
    """Return sorted observations, or as many quantiles as stand for them (the middles of parts of equal weight)."""
    if len(observed) <= EMPIRICAL_MAX:
        return tuple(map(float, observed))
    middles = (np.arange(EMPIRICAL_MAX) + 0.5) / EMPIRICAL_MAX
    return tuple(map(float, np.quantile(observed, middles)))
