"""Laws fitted to durations: against closed forms, published critical values, and samples of known laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from katchi.errors import Malformed
from katchi.network.durations import Constant, Empirical, Erlang, Exponential, Lognormal
from katchi.simulate.fit import (
    EMPIRICAL_MAX,
    LAWS,
    LONGEST_S,
    REJECTED_BELOW,
    bootstrap_p,
    fit,
    observed_as_it_is,
)

SAMPLE = (240.0, 310.0, 95.0, 720.0, 410.0, 150.0, 1_800.0, 280.0, 65.0, 505.0, 930.0, 205.0)


def drawn(seed):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("mean", [40.0, 2_700.0])
def test_an_exponential_sample_gives_its_mean_within_four_standard_errors(mean):
    n = 4_000
    found = fit(drawn(1).exponential(mean, n), seed=1, resamples=199)
    assert isinstance(found.chosen, Exponential) and found.p > 0.05
    assert found.chosen.mean_s == pytest.approx(mean, abs=4 * mean / math.sqrt(n))


@pytest.mark.parametrize(("mean", "phases"), [(900.0, 2), (900.0, 4), (60.0, 9)])
def test_an_erlang_sample_gives_its_mean_and_its_phases_within_four_standard_errors(mean, phases):
    n = 4_000
    found = fit(drawn(2).gamma(phases, mean / phases, n), seed=1, resamples=199)
    assert isinstance(found.chosen, Erlang) and found.p > 0.05
    assert found.chosen.mean_s == pytest.approx(mean, abs=4 * mean / math.sqrt(phases * n))
    of_shape = math.sqrt(phases / (n * (phases * special.polygamma(1, phases) - 1)))
    assert found.chosen.phases == pytest.approx(phases, abs=max(4 * of_shape, 0.5))


@pytest.mark.parametrize(("median", "sigma"), [(900.0, 0.5), (60.0, 1.2)])
def test_a_lognormal_sample_gives_its_median_and_its_sigma_within_four_standard_errors(median, sigma):
    n = 4_000
    found = fit(drawn(3).lognormal(math.log(median), sigma, n), seed=1, resamples=199)
    assert isinstance(found.chosen, Lognormal) and found.p > 0.05
    assert math.log(found.chosen.median_s / median) == pytest.approx(0, abs=4 * sigma / math.sqrt(n))
    assert found.chosen.sigma == pytest.approx(sigma, abs=4 * sigma / math.sqrt(2 * n))


def test_the_likelihoods_and_the_distances_are_those_of_the_laws_as_scipy_writes_them():
    found = {one.law: one for one in fit(SAMPLE, seed=1).tried}
    assert list(found) == sorted(found, key=lambda name: found[name].aic)
    others = {
        "exponential": (1, lambda law: stats.expon(scale=law.mean_s)),
        "erlang": (2, lambda law: stats.gamma(law.phases, scale=law.mean_s / law.phases)),
        "lognormal": (2, lambda law: stats.lognorm(law.sigma, scale=law.median_s)),
    }
    for name, (parameters, made) in others.items():
        other = made(found[name].duration)
        assert found[name].aic == pytest.approx(2 * parameters - 2 * other.logpdf(SAMPLE).sum(), rel=1e-12)
        assert found[name].ks == pytest.approx(stats.kstest(SAMPLE, other.cdf).statistic, abs=1e-12)


def test_no_other_parameters_make_what_was_observed_likelier():
    evener = np.sqrt(SAMPLE)
    found = {one.law: one.duration for one in fit(evener, seed=1).tried}
    assert found["erlang"].phases > 2  # neither end of the phases that are tried
    rows = np.sort(evener)[None, :]
    best = {
        "exponential": (found["exponential"].mean_s,),
        "erlang": (found["erlang"].mean_s, float(found["erlang"].phases)),
        "lognormal": (math.log(found["lognormal"].median_s), found["lognormal"].sigma),
    }
    for name, of in best.items():
        height = LAWS[name].likelihood(rows, tuple(np.array([one]) for one in of))[0]
        for i in range(len(of)):
            for factor in (0.98, 1.02):
                other = of[i] + math.copysign(1, factor - 1) if (name, i) == ("erlang", 1) else of[i] * factor
                moved = tuple(np.array([other if j == i else one]) for j, one in enumerate(of))
                assert LAWS[name].likelihood(rows, moved)[0] < height, (name, i)


@pytest.mark.parametrize(("n", "level", "modified"), [(20, 0.05, 1.094), (20, 0.10, 0.990), (50, 0.05, 1.094)])
def test_the_p_value_of_an_exponential_is_that_of_stephens_s_table(n, level, modified):
    """Stephens (1974), table 1.2: D (1 + 0.26 / sqrt n + 0.5 / n) - 0.2 / n, so modified, at which an exponential of unknown
    mean is rejected. Without fitting each sample anew, p would be far above."""
    wanted = modified / (math.sqrt(n) + 0.26 + 0.5 / math.sqrt(n)) + 0.2 / n
    quantiles = -np.log1p(-(np.arange(n) + 0.5) / n)

    def bent(power):
        values = np.sort(quantiles**power)
        return values, stats.kstest(values, stats.expon(scale=values.mean()).cdf).statistic

    low, high = 1.0, 4.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if bent(middle)[1] < wanted else (low, middle)
    resamples = 19_999
    p = bootstrap_p("exponential", bent(high)[0], seed=5, resamples=resamples)
    assert 4 * math.sqrt(level * (1 - level) / resamples) < 0.01
    assert p == pytest.approx(level, abs=0.01)


@pytest.mark.parametrize("law", ["exponential", "erlang", "lognormal"])
def test_p_values_are_spread_evenly_where_the_law_is_true(law):
    chance, shape = drawn(7), (250, 25)
    samples = {
        "exponential": chance.exponential(600.0, shape),
        "erlang": chance.gamma(3, 200.0, shape),
        "lognormal": chance.lognormal(5.0, 0.8, shape),
    }[law]
    p = np.array([bootstrap_p(law, np.sort(sample), seed=i, resamples=199) for i, sample in enumerate(samples)])
    assert stats.kstest(p, "uniform").statistic < 1.63 / math.sqrt(len(p))  # its 1 % point
    assert 0.01 < (p < 0.05).mean() < 0.1


def test_a_law_that_is_wrong_is_rejected_and_what_was_observed_is_taken():
    chance = drawn(8)
    two_kinds = np.concatenate([chance.normal(300, 20, 150), chance.normal(3_000, 100, 150)])
    found = fit(two_kinds, seed=1)
    assert found.p < REJECTED_BELOW and found.law == "empirical" and isinstance(found.chosen, Empirical)
    assert {one.law for one in found.tried} == {"exponential", "erlang", "lognormal"}
    assert len(found.chosen.values_s) == EMPIRICAL_MAX
    assert bootstrap_p("exponential", np.sort(chance.uniform(0, 1, 500)), seed=1) == pytest.approx(1 / 1_000)


def test_few_observations_leave_nothing_to_choose_by():
    found = fit([240.0, 310.0, 95.0, 720.0], seed=1)
    assert found.law == "exponential" and found.chosen == Exponential(341.25) and "too few" in found.why
    assert fit([100.0, 101.0, 99.0, 100.5, 99.5, 100.2], seed=1).law == "empirical"  # no exponential is so even
    assert fit([60.0], seed=1).chosen == Constant(60.0)
    assert fit([60.0] * 20, seed=1).chosen == Constant(60.0)


def test_a_duration_of_nothing_leaves_only_the_exponential():
    found = fit([0.0, *drawn(9).exponential(60.0, 30)], seed=1)
    assert [one.law for one in found.tried] == ["exponential"] and found.law == "exponential"
    assert fit([0.0, 0.0], seed=1).chosen == Constant(0.0)


def test_the_same_seed_gives_the_same_fit_and_another_order_too():
    assert fit(SAMPLE, seed=4) == fit(SAMPLE[::-1], seed=4)
    assert fit(SAMPLE, seed=4).p != fit(SAMPLE, seed=5).p


def test_very_many_observations_are_fitted_with_fewer_samples():
    found = fit(drawn(10).exponential(60.0, 100_000), seed=1)
    assert found.p * 201 == pytest.approx(round(found.p * 201)) and found.law == "exponential"  # 200 samples, and itself


def test_quantiles_stand_for_many_observations_evenly():
    kept = observed_as_it_is(np.linspace(0, 1_000, 2_001))
    assert len(kept) == EMPIRICAL_MAX and kept[0] == pytest.approx(5.0) and kept[-1] == pytest.approx(995.0)


@pytest.mark.parametrize("values", [[], [-1.0], [math.nan], [math.inf], [LONGEST_S * 1.01], [1.0] * 100_001])
def test_observations_that_cannot_be_are_refused(values):
    with pytest.raises(Malformed):
        fit(values, seed=1)
