"""Runs until the answer is sharp: where it is looked, when it stops, and that stopping hardly bends the answer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from katchi.errors import Malformed
from katchi.network.arrays import compiled, empty_tally
from katchi.simulate import until
from katchi.simulate.interval import wilson
from katchi.testing.networks import model_r, random_network


def a_tally(network, runs, *hits):
    tally = empty_tally(compiled(network))
    tally.runs[0], tally.hits[:] = runs, hits
    return tally


def test_it_is_looked_after_each_doubling_and_at_the_limit():
    assert list(until.looks(40_000)) == [8_192, 16_384, 32_768, 40_000]
    assert list(until.looks(8_192)) == [8_192]
    assert list(until.looks(1)) == [1]


def test_it_goes_on_while_the_interval_is_wider_than_asked_for():
    low, high = wilson(8_000, 10_000)
    half = (high - low) / 2
    tally = a_tally(model_r(), 10_000, 8_000)
    assert until.goes_on(tally, half * 0.999)
    assert not until.goes_on(tally, half * 1.001)


def test_every_question_counts():
    network = random_network(1)  # it asks two
    sure, open_ = 10_000, 5_000
    assert not until.goes_on(a_tally(network, 10_000, sure, sure), 0.005)
    assert until.goes_on(a_tally(network, 10_000, sure, open_), 0.005)
    assert until.goes_on(a_tally(network, 10_000, open_, sure), 0.005)


def test_no_hit_at_all_is_not_known_at_once():
    assert until.half_width(0, 8_192) > 0.0002
    assert until.goes_on(a_tally(model_r(), 8_192, 0), 0.0002)


def test_what_is_still_needed_is_a_look():
    assert until.still_needed(8_192, 0.010, 0.005) == 32_768
    assert until.still_needed(8_192, 0.005, 0.005) == 8_192
    assert until.still_needed(8_192, 0.4, 1e-9) == until.RUNS_MAX


@pytest.mark.parametrize("within", [0.0, -0.1, 0.5, 50.0])
def test_a_half_width_that_cannot_be_is_refused(within):
    with pytest.raises(Malformed, match="cannot be asked for"):
        until.goes_on(a_tally(model_r(), 10, 5), within)


def at_the_stop(p, within):
    """Return the expected share at the stop, and how likely its interval is to hold p: exact, look by look."""
    going, before, mean, covered = np.ones(1), 0, 0.0, 0.0  # the law of the hits, of those who go on
    looks = list(until.looks(4_096))
    for runs in looks:
        new = runs - before
        going, before = np.convolve(going, binom.pmf(np.arange(new + 1), new, p)), runs
        for hits, chance in enumerate(going):
            if runs == looks[-1] or until.half_width(hits, runs) <= within:
                low, high = wilson(hits, runs)
                mean += chance * hits / runs
                covered += chance * (low <= p <= high)
                going[hits] = 0.0
    return mean, covered


@pytest.mark.parametrize(("first", "within", "worst"), [(256, 0.03, 0.105), (64, 0.05, 0.15)])
def test_stopping_bends_the_share_by_a_tenth_of_the_half_width_at_most_and_the_intervals_cover(monkeypatch, first, within, worst):
    """With a dozen hits at a look, a seventh; always towards the nearer end."""
    monkeypatch.setattr(until, "FIRST", first)
    shares = np.linspace(0.03, 0.5, 48)
    found = [at_the_stop(p, within) for p in shares]
    bias = np.array([mean - p for p, (mean, _) in zip(shares, found, strict=True)])
    assert 0.09 * within < np.abs(bias).max() < worst * within
    assert bias.max() < 1e-6
    coverage = [covered for _, covered in found]
    assert min(coverage) > 0.92 and np.mean(coverage) == pytest.approx(0.95, abs=0.002)
