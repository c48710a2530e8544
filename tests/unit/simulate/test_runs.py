"""Runs shared by threads, processes and a cluster, cut off and gone on with: always the same bytes."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from katchi.errors import Malformed
from katchi.simulate.runs import CHUNK, begun, go_on, packed, unpacked
from katchi.testing.networks import alone, model_r, random_network

RUNS = 3 * CHUNK + 17


def summed(network, workers=None, part=None, upto=RUNS):
    *_, last = go_on(part or begun(network, 7), network, upto, workers)
    return last


def as_bytes(part):
    return b"".join(array.tobytes() for array in part.tally)


@pytest.fixture(scope="module")
def alone_in_this_thread():
    return as_bytes(summed(model_r()))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_any_number_of_threads_gives_the_same_bytes(threads, alone_in_this_thread):
    with ThreadPoolExecutor(threads) as pool:
        assert as_bytes(summed(model_r(), pool)) == alone_in_this_thread


def test_processes_give_the_same_bytes(alone_in_this_thread):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert as_bytes(summed(model_r(), pool)) == alone_in_this_thread


def test_a_dask_cluster_of_two_workers_gives_the_same_bytes(alone_in_this_thread):
    distributed = pytest.importorskip("distributed", reason="pip install 'katchi[cluster]'")
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, worker_dashboard_address=None
    )
    with cluster, distributed.Client(cluster, set_as_default=False) as client:
        assert len(client.scheduler_info()["workers"]) == 2
        assert as_bytes(summed(model_r(), client)) == alone_in_this_thread


@pytest.mark.parametrize("seed", [3, 8])
def test_cut_off_and_gone_on_with_equals_uninterrupted(seed):
    network = random_network(seed)
    first = next(iter(go_on(begun(network, 7), network, RUNS)))
    kept = unpacked(packed(first), network, 7)
    assert kept.done == CHUNK
    assert as_bytes(summed(network, part=kept)) == as_bytes(summed(network))


def test_what_was_kept_of_something_else_is_refused():
    network = model_r()
    part = packed(begun(network, 7))
    for kept, of, seed in (
        (part, model_r(outages=False), 7),
        (part, network, 8),
        (b"not a part", network, 7),
        (part[:-9], network, 7),
    ):
        with pytest.raises(Malformed) as refused:
            unpacked(kept, of, seed)
        assert refused.value.hint


def test_memory_does_not_grow_with_the_runs():
    sizes = [len(packed(summed(alone(model_r().stages[0].duration), upto=upto))) for upto in (CHUNK, 4 * CHUNK)]
    assert sizes[1] - sizes[0] < 16  # a few more digits
