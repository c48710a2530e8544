"""Quasi-Monte Carlo: fewer runs for the same accuracy on model R, and intervals that cover."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from katchi.network.arrays import compiled
from katchi.network.durations import Exponential, Lognormal, Triangular, Uniform
from katchi.network.kernel import times_of
from katchi.simulate.quasi import quasi
from katchi.testing.networks import H, in_series, model_r

P, MEAN_S = 0.8322264980, 4.54560500 * H
REPLICATES, POINTS = 48, 1 << 12
FEWER_FOR_THE_MEAN, FEWER_FOR_THE_PROBABILITY = 20, 3


def variance_of_one_run():
    times = times_of(compiled(model_r()), 1, 0, 400_000)[:, 0]
    return times.var(), P * (1 - P)


def spread(interval):
    """The variance of one replicate's mean, from the interval of all."""
    return ((interval[1] - interval[0]) / 2 / stats.t.ppf(0.975, REPLICATES - 1)) ** 2 * REPLICATES


@pytest.mark.parametrize(("conditional", "fewer"), [(False, FEWER_FOR_THE_PROBABILITY), (True, 2 * FEWER_FOR_THE_PROBABILITY)])
def test_model_r_needs_far_fewer_runs(conditional, fewer):
    found = quasi(model_r(), points=POINTS, seed=7, replicates=REPLICATES, conditional=conditional).questions["consulted"]
    of_mean, of_share = variance_of_one_run()
    assert of_mean / POINTS / spread(found.mean_interval_s) >= FEWER_FOR_THE_MEAN
    assert of_share / POINTS / spread(found.interval) >= fewer
    assert found.probability == pytest.approx(P, abs=4 * math.sqrt(spread(found.interval) / REPLICATES))
    assert found.mean_s == pytest.approx(MEAN_S, abs=4 * math.sqrt(spread(found.mean_interval_s) / REPLICATES))


def test_intervals_from_replicates_cover():
    """Of 250 intervals of 16 replicates of 64 points, 95 % contain the exact answer; `make bench` counts 1,000."""
    covered = covered_mean = 0
    for seed in range(250):
        found = quasi(model_r(), points=64, seed=seed, replicates=16).questions["consulted"]
        covered += found.interval[0] <= P <= found.interval[1]
        covered_mean += found.mean_interval_s[0] <= MEAN_S <= found.mean_interval_s[1]
    assert 225 <= covered <= 249  # four standard deviations
    assert 225 <= covered_mean <= 249


@pytest.mark.parametrize(
    ("last", "law"),
    [
        (Exponential(900.0), stats.expon(scale=900.0)),
        (Uniform(300.0, 2_000.0), stats.uniform(300.0, 1_700.0)),
        (Triangular(0.0, 600.0, 1_800.0), stats.triang(1 / 3, 0.0, 1_800.0)),
        (Lognormal(600.0, 0.7), stats.lognorm(0.7, scale=600.0)),
    ],
)
def test_the_last_stages_own_chance_is_integrated_for_every_law(last, law):
    found = quasi(in_series(Uniform(0.0, 1_000.0), last, by_s=1_500.0), points=256, seed=1).questions["done"]
    grid = [(i + 0.5) for i in range(1_000)]
    expected = sum(law.cdf(1_500.0 - began) for began in grid) / 1_000
    assert found.conditional
    assert found.probability == pytest.approx(expected, abs=2e-4)
    assert found.mean_s == pytest.approx(500.0 + law.mean(), rel=1e-3)


def test_the_same_seed_gives_the_same_answer():
    assert quasi(model_r(), points=64, seed=3) == quasi(model_r(), points=64, seed=3)
    assert quasi(model_r(), points=64, seed=3) != quasi(model_r(), points=64, seed=4)
