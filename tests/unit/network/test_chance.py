"""Chance by IEEE operations alone: vectors of the generators, and logarithm, exponential and normal quantile to an ulp or so."""

from __future__ import annotations

import math
from random import Random
from statistics import NormalDist

import numpy as np
import pytest

from katchi.network import chance, kernel


def test_splitmix64_gives_its_published_sequence():
    # From the state 1234567, as in the reference implementation.
    state, drawn = 1234567, []
    for _ in range(3):
        state = (state + chance.GOLDEN) & chance.MASK
        drawn.append(chance.mix(state))
    assert drawn == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_xoshiro256_plus_plus_gives_its_published_sequence():
    stream = chance.Stream(0, 0)
    stream.state = [1, 2, 3, 4]
    assert [stream.word() for _ in range(4)] == [41943041, 58720359, 3588806011781223, 3591011842654386]


def test_a_uniform_number_is_never_0_or_1():
    stream = chance.Stream(0, 0)
    stream.state = [0, 0, 0, 0]
    assert stream.uniform() == 2.0**-53
    stream.state = [chance.MASK, 0, 0, 1]  # adds up to 0: the word is the first of the state
    assert stream.uniform() == 1.0 - 2.0**-53


def test_streams_of_one_run_and_of_neighbouring_runs_differ():
    firsts = {
        chance.Stream(chance.key_of(seed, run), number).word() for seed in range(9) for run in range(99) for number in range(9)
    }
    assert len(firsts) == 9 * 99 * 9


def numbers(count):
    random = Random(11)
    return [random.random() ** random.randint(1, 12) for _ in range(count)]


def test_the_logarithm_is_within_an_ulp():
    for x in [*numbers(20_000), 2.0**-53, 1.0 - 2.0**-53, 1.0, 1e300]:
        assert abs(chance.log(x) - math.log(x)) <= math.ulp(math.log(x))


def test_the_exponential_is_within_an_ulp():
    random = Random(12)
    for x in [random.uniform(-600, 600) for _ in range(20_000)]:
        assert abs(chance.exp(x) - math.exp(x)) <= math.ulp(math.exp(x))


def test_the_normal_quantile_is_close_to_another_one():
    other = NormalDist()
    for u in numbers(20_000):
        assert chance.normal(u) == pytest.approx(other.inv_cdf(u), rel=1e-9, abs=1e-12)
        assert chance.normal(u) == pytest.approx(-chance.normal(1.0 - u), rel=1e-6) or u < 1e-9


@pytest.mark.parametrize("name", ["log", "exp", "normal"])
def test_compiled_functions_have_the_same_bits(name):
    from numba import njit

    inner = getattr(kernel, f"_{name}")

    @njit
    def compiled(x):
        return inner(x)

    random = Random(13)
    for u in numbers(5_000):
        x = random.uniform(-700, 700) if name == "exp" else u
        assert np.float64(compiled(x)).tobytes() == np.float64(getattr(chance, name)(x)).tobytes()
