"""A sweep: the same bytes on any number of threads and processes, intervals that cover, quantiles and criticality."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from itertools import count

import msgspec
import numpy as np
import pytest

from katchi.errors import Malformed
from katchi.network.arrays import added, compiled
from katchi.network.interpreter import Interpreter
from katchi.network.kernel import tally_of, times_of
from katchi.network.model import Exponential, Network, Question
from katchi.simulate import sweep as sweeping
from katchi.simulate.sweep import CHUNK, chunks, quantile, sweep, tally, wilson
from katchi.testing.networks import H, all_at_once, alone, model_r, random_network


def as_bytes(found):
    return b"".join(part.tobytes() for part in found)


def test_one_thread_two_and_five_give_the_same_bytes():
    arrays, runs = compiled(random_network(3)), 4 * CHUNK + 17
    one, two, five = (as_bytes(tally(arrays, 7, runs, threads=threads)) for threads in (1, 2, 5))
    assert one == two == five


def test_processes_give_the_same_bytes_as_threads():
    arrays, runs = compiled(model_r()), 3 * CHUNK + 5
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        parts = [pool.submit(tally_of, arrays, 7, first, number) for first, number in chunks(0, runs)]
        found = added([part.result() for part in parts], arrays)
    assert as_bytes(found) == as_bytes(tally(arrays, 7, runs, threads=2))


def test_the_interpreter_gives_the_same_answer_where_numba_is_missing(monkeypatch):
    found = sweep(model_r(), runs=2_000, seed=7)
    monkeypatch.setattr(sweeping, "sampler", lambda: (lambda a, s, first, n: Interpreter(a).tally(s, first, n), "interpreter"))
    slow = sweep(model_r(), runs=2_000, seed=7)
    assert slow.engine == "interpreter"
    assert msgspec.structs.replace(slow, engine="kernel") == found


def test_the_answer_stands_beside_the_exact_one():
    found = sweep(model_r(), runs=400_000, seed=7, threads=2)
    one = found.questions["consulted"]
    low, high = one.interval
    assert one.exact == pytest.approx(0.8322264980, abs=1e-9)
    assert low < one.exact < high
    assert low < one.probability < high
    assert one.probability != one.exact
    assert one.mean_s == pytest.approx(one.mean_exact_s, rel=0.005)
    assert (found.runs_per_s, found.compile_s) == (None, None)


def test_time_is_an_argument():
    ticks = count()
    found = sweep(model_r(), runs=1_000, seed=7, clock=lambda: float(next(ticks)))
    assert (found.runs_per_s, found.compile_s) == (1_000.0, 1.0)


def test_progress_is_told_in_order():
    told = []
    tally(compiled(model_r()), 7, 2 * CHUNK + 1, threads=2, progress=told.append)
    assert told == [CHUNK, 2 * CHUNK, 2 * CHUNK + 1]


def test_quantiles_are_those_of_the_runs():
    arrays, runs = compiled(model_r()), 100_000
    times = times_of(arrays, 7, 0, runs)[:, 0]
    bins = tally_of(arrays, 7, 0, runs).bins[0]
    for p in (0.01, 0.05, 0.5, 0.95, 0.999):
        assert quantile(bins, runs, p) == pytest.approx(np.quantile(times, p), rel=0.002)
    assert quantile(bins, 2 * runs, 0.6) is None


def test_what_held_it_up_is_what_the_prototype_found():
    """Shares of critical time of model R, as measured apart from this program: within its two digits."""
    critical = sweep(model_r(), runs=200_000, seed=7, with_exact=False).critical
    assert critical.posts["staff-b"].time == pytest.approx(0.38, abs=0.015)
    assert critical.posts["staff-a"].time == pytest.approx(0.275, abs=0.015)
    assert critical.stages["principal-a"].time + critical.stages["principal-b"].time == pytest.approx(0.165, abs=0.005)
    assert critical.stages["decision"].time == pytest.approx(0.11, abs=0.005)
    assert critical.bearers["line"].time == pytest.approx(0.07, abs=0.005)
    assert sum(one.time for one in critical.stages.values()) == pytest.approx(1.0, abs=1e-9)
    assert critical.stages["principal-a"].runs + critical.stages["principal-b"].runs == pytest.approx(1.0, abs=1e-12)
    assert critical.stages["decision"].runs == 1.0


def test_intervals_cover():
    """Of 1,000 intervals of 400 runs each, 95 % contain the exact answer: between 93 and 97 of a hundred."""
    arrays = compiled(model_r())
    times = times_of(arrays, 12, 0, 400_000)[:, 0].reshape(1_000, 400)
    covered = sum(low <= 0.8322264980 <= high for low, high in (wilson(int(hits), 400) for hits in (times <= 6 * H).sum(axis=1)))
    assert 930 <= covered <= 970


def test_wilson_by_hand():
    assert wilson(0, 10) == pytest.approx((0.0, 0.27753279986288984))
    assert wilson(10, 10) == pytest.approx((0.7224672001371107, 1.0))
    assert wilson(50, 100) == pytest.approx((0.4038315303659956, 0.5961684696340044))


def test_chunks_are_cut_at_run_numbers():
    assert list(chunks(10, CHUNK)) == [(10, CHUNK - 10), (CHUNK, 10)]
    assert list(chunks(0, 0)) == []


def test_no_run_that_finishes_is_an_answer_too():
    stages = all_at_once(Exponential(1.0)).stages
    network = Network(stages=stages, questions=(Question("done", "end", 1e-9),))
    found = sweep(network, runs=100, seed=1)
    assert found.questions["done"].probability == 0.0


@pytest.mark.parametrize("bad", [{"runs": 0, "seed": 1}, {"runs": 1, "seed": -1}, {"runs": 1, "seed": 1, "threads": 0}])
def test_a_sweep_of_nothing_is_refused(bad):
    with pytest.raises(Malformed):
        sweep(alone(Exponential(1.0)), **bad)
