"""The kernel against exact answers: fixed seed, and so many runs that four standard errors are under the tolerance.

P1 to P8 are the known answers of issue 4; each is held to a closed form or a number computed apart from this program.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from katchi.network.arrays import compiled
from katchi.network.durations import Constant, Empirical, Erlang, Exponential, Lognormal, Pert, Triangular, Uniform
from katchi.network.kernel import times_of
from katchi.network.model import Bearer, Network, Question, Stage
from katchi.testing.networks import H, all_at_once, alone, in_series, model_r

SEED = 20_231
RUNS = 2_000_000


def times(network, runs=RUNS):
    """When each run was done: seconds, shape (runs,)."""
    return times_of(compiled(network), SEED, 0, runs)[:, 0]


def assert_mean(sample, exact, tolerance):
    assert 4 * sample.std() / math.sqrt(len(sample)) < tolerance, "too few runs to tell"
    assert sample.mean() == pytest.approx(exact, abs=tolerance)


def assert_share(hits, exact, tolerance):
    assert 4 * math.sqrt(exact * (1 - exact) / len(hits)) < tolerance, "too few runs to tell"
    assert hits.mean() == pytest.approx(exact, abs=tolerance)


@pytest.mark.parametrize(
    ("outages", "probability", "mean_h"), [(True, 0.8322264980, 4.54560500), (False, 0.8480706053, 4.44965551)]
)
def test_p1_the_reference_model(outages, probability, mean_h):
    found = times(model_r(outages=outages)) / H
    assert_share(found <= 6.0, probability, 0.0011)
    assert_mean(found, mean_h, 0.006)


def test_p2_a_message_over_a_line_that_fails_and_resumes():
    message = Stage(name="message", over="line", duration=Exponential(0.1))
    line = Bearer("line", 6.0, 0.5)
    found = times(Network(stages=(message,), bearers=(line,), questions=(Question("carried", "message", 0.5),)))
    available = 6.0 / 6.5
    assert_mean(found, 0.1 * (1 + 0.5 / 6.0) + (1 - available) * 0.5, 0.0007)
    assert_share(found <= 0.5, 0.95020, 0.0007)


def test_p3_tasks_on_fewer_servers():
    found = times(all_at_once(*[Exponential(1.0)] * 5, seats=2))
    assert_mean(found, sum(1 / min(k, 2) for k in range(1, 6)), 0.005)


def test_p4_the_longest_of_several():
    found = times(all_at_once(*[Exponential(2.0)] * 4))
    assert_mean(found, 2.0 * (1 + 1 / 2 + 1 / 3 + 1 / 4), 0.008)
    assert_share(found <= 3.0, (1 - math.exp(-1.5)) ** 4, 0.0014)


def test_p5_one_after_the_other():
    found = times(in_series(Exponential(1.0), Exponential(2.0), Exponential(3.0)))
    assert_mean(found, 6.0, 0.011)
    rates = [1.0, 1 / 2, 1 / 3]
    left = sum(math.exp(-4.0 * rate) * math.prod(other / (other - rate) for other in rates if other != rate) for rate in rates)
    assert 1 - left == pytest.approx(0.34600, abs=5e-6)
    assert_share(found <= 4.0, 1 - left, 0.0014)


def test_p6_the_longest_path_of_constants():
    stages = (
        Stage(name="draft", duration=Constant(2.0)),
        Stage(name="send", duration=Constant(3.0), after=("draft",)),
        Stage(name="wait", duration=Constant(4.0)),
        Stage(name="both", duration=Constant(0.0), after=("send", "wait")),
        Stage(name="first", duration=Constant(1.0), after=("send", "wait"), join="any"),
    )
    network = Network(stages=stages, questions=(Question("both", "both", 5.0), Question("first", "first", 5.0)))
    assert times_of(compiled(network), SEED, 0, 3).tolist() == [[5.0, 5.0]] * 3


@pytest.mark.parametrize(("low", "mode", "high"), [(1.0, 2.0, 9.0), (0.0, 0.0, 1.0), (2.0, 4.0, 4.0), (0.0, 3.0, 6.0)])
def test_p7_the_pert_beta_has_its_mean_and_its_spread(low, mode, high):
    found = times(alone(Pert(low, mode, high)))
    alpha, beta = 1 + 4 * (mode - low) / (high - low), 1 + 4 * (high - mode) / (high - low)
    variance = (high - low) ** 2 * alpha * beta / (36 * 7)
    assert_mean(found, (low + 4 * mode + high) / 6, 0.004)
    assert_mean((found - found.mean()) ** 2, variance, 0.008)


def test_p8_the_later_of_two_normals():
    """Clark (1961): of two N(10, 2) the greater is 11.12838 on average; here they are logarithms of times."""
    found = np.log(times(all_at_once(Lognormal(math.exp(10.0), 2.0), Lognormal(math.exp(10.0), 2.0))))
    theta, standard = math.sqrt(8.0), NormalDist()
    exact = 10.0 + theta * standard.pdf(0.0)
    assert exact == pytest.approx(11.12838, abs=5e-6)
    assert_mean(found, exact, 0.005)
    assert_mean(found**2, 2 * (100.0 + 4.0) * 0.5 + 20.0 * theta * standard.pdf(0.0), 0.11)


@pytest.mark.parametrize(
    ("duration", "mean", "variance"),
    [
        (Erlang(3.0, 4), 3.0, 9.0 / 4),
        (Uniform(1.0, 5.0), 3.0, 16.0 / 12),
        (Triangular(1.0, 2.0, 6.0), 3.0, (1 + 4 + 36 - 2 - 6 - 12) / 18),
        (Lognormal(2.0, 0.5), 2.0 * math.exp(0.125), 4.0 * (math.exp(0.25) - 1) * math.exp(0.25)),
        (Empirical((1.0, 2.0, 2.0, 7.0)), 3.0, 5.5),
    ],
)
def test_each_law_has_its_mean_and_variance(duration, mean, variance):
    found = times(alone(duration))
    assert_mean(found, mean, 0.008)
    assert_mean((found - found.mean()) ** 2, variance, 0.04)
