"""The kernel has the bits of the interpreter, and depends on nothing but (network, seed, runs)."""

from __future__ import annotations

import numpy as np
import pytest

from katchi.network.arrays import added, compiled
from katchi.network.interpreter import Interpreter
from katchi.network.kernel import tally_of, times_of
from katchi.testing.networks import model_r, random_network


def assert_same_bits(one, other):
    for name, mine, theirs in zip(one._fields, one, other, strict=True):
        assert mine.tobytes() == theirs.tobytes(), name


@pytest.mark.parametrize("seed", range(60))
def test_the_kernel_plays_random_networks_as_the_interpreter_does_to_the_bit(seed):
    arrays = compiled(random_network(seed))
    assert_same_bits(tally_of(arrays, seed, 1_000, 300), Interpreter(arrays).tally(seed, 1_000, 300))


def test_the_kernel_plays_model_r_as_the_interpreter_does_to_the_bit():
    arrays = compiled(model_r())
    assert_same_bits(tally_of(arrays, 7, 0, 4_000), Interpreter(arrays).tally(7, 0, 4_000))


def test_a_bearer_that_fails_more_often_than_there_is_room_for_is_played_alike():
    network = model_r()
    bearer = type(network.bearers[0])("line", 9.0, 7.0)
    arrays = compiled(type(network)(stages=network.stages, posts=network.posts, bearers=(bearer,), questions=network.questions))
    assert_same_bits(tally_of(arrays, 3, 0, 20), Interpreter(arrays).tally(3, 0, 20))


def test_runs_are_the_same_wherever_their_range_is_cut():
    arrays = compiled(model_r())
    whole = times_of(arrays, 5, 100, 1_000)
    parts = np.concatenate([times_of(arrays, 5, 100, 1), times_of(arrays, 5, 101, 600), times_of(arrays, 5, 701, 399)])
    assert whole.tobytes() == parts.tobytes()
    tallies = [tally_of(arrays, 5, 100, 400), tally_of(arrays, 5, 500, 600)]
    assert added(tallies, arrays).hits[0] == (whole <= 6 * 3_600.0).sum()


def test_another_seed_gives_other_runs():
    arrays = compiled(model_r())
    assert not np.array_equal(times_of(arrays, 1, 0, 100), times_of(arrays, 2, 0, 100))
    assert len(np.unique(times_of(arrays, 1, 0, 10_000))) == 10_000


@pytest.mark.parametrize("seed", range(10))
def test_the_critical_chain_of_every_run_adds_up_to_its_time(seed):
    arrays = compiled(random_network(seed))
    player = Interpreter(arrays)
    target = int(arrays.asked[0])
    for run in range(50):
        played = player.run(seed, run)
        chain = played.chain(target)
        assert sum(played.finished[s] - played.began[s] for s in chain) == pytest.approx(
            played.finished[target] if chain else 0.0, abs=1e-6
        )
