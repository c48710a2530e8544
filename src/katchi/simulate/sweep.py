"""Sweep a network: many runs from one seed, added up, on as many threads as asked for, always with the same answer.

Runs are cut into chunks at fixed run numbers and the chunks' tallies are added in their order, so the same seed and number of
runs give the same bytes on any number of threads, in any processes, on any machine (network/chance.py). Where numba is not
installed the plain-Python interpreter does the same work with the same bytes, about a hundred times slower.

The answers are notional: they tell how a network as written behaves, and nothing follows from them by itself.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec
import numpy as np
from numpy.typing import NDArray

from katchi.errors import Malformed, Refused
from katchi.network.arrays import BIN_LOWEST, BIN_MANTISSA_BITS, Arrays, Tally, added, compiled, empty_tally, groups_of
from katchi.network.interpreter import Interpreter
from katchi.network.model import Network
from katchi.simulate import exact

CHUNK = 1 << 16  # runs
WILSON_Z = 1.959963984540054  # 95 %
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
SEED_MAX = (1 << 64) - 1

Clock = Callable[[], float]
Sampler = Callable[[Arrays, int, int, int], Tally]


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one question."""

    probability: float  # sampled: the share of runs in time
    interval: tuple[float, float]  # Wilson, 95 %
    exact: float | None  # the probability itself, where it can be had
    by_s: float
    mean_s: float | None  # sampled, of the runs that finished; None if none did
    mean_exact_s: float | None
    finished: float  # the share of runs that finished at all
    without_exact: str = ""  # why there is no exact answer


class Criticality(msgspec.Struct, frozen=True, kw_only=True):
    """How often a stage, post or bearer held up the first question, and how much of its time that was."""

    runs: float  # share of the runs that finished
    time: float  # share of their time
    outage: float | None = None  # of a bearer: share of their time that a transmission waited for it


class Critical(msgspec.Struct, frozen=True, kw_only=True):
    """What held up the first question: from its stage back over whatever each stage waited for last."""

    stages: Mapping[str, Criticality]
    posts: Mapping[str, Criticality]
    bearers: Mapping[str, Criticality]


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep found."""

    questions: Mapping[str, Estimate]
    runs: int
    seed: int
    runs_per_s: float | None  # sampling alone; None without a clock
    compile_s: float | None  # making the kernel ready, or loading it
    quantiles: Mapping[str, Mapping[str, float | None]]  # of each question: seconds; None: so many runs never finished
    critical: Critical
    engine: str  # "kernel" or "interpreter"
    notional: bool = True


def sampler() -> tuple[Sampler, str]:
    """Return what plays runs: the compiled kernel, or the interpreter where numba is not installed."""
    try:
        from katchi.network import kernel
    except ImportError:
        return lambda arrays, seed, first, count: Interpreter(arrays).tally(seed, first, count), "interpreter"
    return kernel.tally_of, "kernel"


def chunks(first: int, count: int) -> Iterator[tuple[int, int]]:
    """Yield (first run, how many) cut at multiples of CHUNK, so that the cuts depend on the run numbers alone."""
    at, end = first, first + count
    while at < end:
        upto = min((at // CHUNK + 1) * CHUNK, end)
        yield at, upto - at
        at = upto


def tally(arrays: Arrays, seed: int, runs: int, *, threads: int = 1, progress: Callable[[int], None] | None = None) -> Tally:
    """Play runs 0 to `runs - 1` of `seed` and add them up; `progress` is told how many are done."""
    sample, _ = sampler()
    total, done = empty_tally(arrays), 0
    for part in _in_order(sample, arrays, seed, runs, threads):
        total = added([total, part], arrays)
        done += int(part.runs[0])
        if progress is not None:
            progress(done)
    return total


def _in_order(sample: Sampler, arrays: Arrays, seed: int, runs: int, threads: int) -> Iterator[Tally]:
    """Yield the tallies of the chunks in their order; a few are in work ahead, so memory stays flat."""
    if threads == 1:
        for first, count in chunks(0, runs):
            yield sample(arrays, seed, first, count)
        return
    pool = ThreadPoolExecutor(threads)
    ahead: deque[Future[Tally]] = deque()
    try:
        for first, count in chunks(0, runs):
            ahead.append(pool.submit(sample, arrays, seed, first, count))
            if len(ahead) > 2 * threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def sweep(
    network: Network,
    *,
    runs: int,
    seed: int,
    threads: int = 1,
    clock: Clock | None = None,
    progress: Callable[[int], None] | None = None,
    with_exact: bool = True,
) -> Sweep:
    """Answer every question of a network from `runs` runs of `seed`.

    Args:
        network: what is played.
        runs: how many runs, > 0.
        seed: 0 to 2^64 - 1.
        threads: how many share the work; the answer is the same for any number.
        clock: seconds, for the two figures of speed; without it they are None.
        progress: told how many runs are done, now and then.
        with_exact: solve exactly beside the sample where that is possible.
    Raises:
        Malformed: no runs, no threads, or a seed out of range.
    """
    if runs < 1 or threads < 1 or not 0 <= seed <= SEED_MAX:
        raise Malformed(
            "runs and threads are at least 1, and a seed is between 0 and {limit}", hint="Example: --runs 100000 --seed 7",
            limit=SEED_MAX,
        )  # fmt: skip
    now = clock or (lambda: 0.0)
    begun = now()
    sample, engine = sampler()
    arrays = compiled(network)
    sample(arrays, seed, 0, 0)
    ready = now()
    total = tally(arrays, seed, runs, threads=threads, progress=progress)
    sampled = now()
    return Sweep(
        questions={
            question.name: _estimate(network, total, i, with_exact=with_exact) for i, question in enumerate(network.questions)
        },
        runs=runs,
        seed=seed,
        runs_per_s=runs / (sampled - ready) if sampled > ready else None,
        compile_s=ready - begun if clock else None,
        quantiles={
            question.name: {f"{p:g}": quantile(total.bins[i], runs, p) for p in QUANTILES}
            for i, question in enumerate(network.questions)
        },
        critical=_critical(network, total),
        engine=engine,
    )


def wilson(hits: int, runs: int, z: float = WILSON_Z) -> tuple[float, float]:
    """Return the interval of a share, 95 % unless told.

    Source:
        Wilson (1927), JASA 22(158), 209-212.
    """
    share, z2 = hits / runs, z * z
    middle = (share + z2 / (2 * runs)) / (1 + z2 / runs)
    half = z / (1 + z2 / runs) * math.sqrt(share * (1 - share) / runs + z2 / (4 * runs * runs))
    return (0.0 if hits == 0 else max(middle - half, 0.0)), (1.0 if hits == runs else min(middle + half, 1.0))


def quantile(bins: NDArray[np.int64], runs: int, p: float) -> float | None:
    """Return the time by which a share `p` of the runs had finished, straight within its bin; None if fewer ever did."""
    upto = np.cumsum(bins)
    wanted = p * runs
    if upto[-1] < wanted:
        return None
    found = int(np.searchsorted(upto, wanted))
    before = int(upto[found] - bins[found])
    low, high = bin_start_s(found), bin_start_s(found + 1)
    return low + (high - low) * ((wanted - before) / int(bins[found]) if bins[found] else 0.0)


def bin_start_s(number: int) -> float:
    """Return the time at which a bin of `Tally.bins` begins."""
    octave, within = divmod(number, 1 << BIN_MANTISSA_BITS)
    return math.ldexp(1.0 + within / (1 << BIN_MANTISSA_BITS), octave + BIN_LOWEST) if number else 0.0


def _estimate(network: Network, total: Tally, i: int, *, with_exact: bool) -> Estimate:
    question = network.questions[i]
    runs, hits, finished = int(total.runs[0]), int(total.hits[i]), int(total.finished[i])
    solved, why = None, ""
    if with_exact:
        try:
            solved = exact.answer(network, question.name)
        except Refused as refusal:
            why = str(refusal)
    return Estimate(
        probability=hits / runs,
        interval=wilson(hits, runs),
        exact=solved.probability if solved else None,
        by_s=question.by_s,
        mean_s=float(total.total[i]) / finished if finished else None,
        mean_exact_s=solved.mean_s if solved and math.isfinite(solved.mean_s) else None,
        finished=finished / runs,
        without_exact=why,
    )


def _critical(network: Network, total: Tally) -> Critical:
    finished, time = max(int(total.finished[0]), 1), float(total.total[0]) or 1.0
    posts = len(network.posts)

    def places(names: list[str], first: int, *, outages: bool) -> dict[str, Criticality]:
        return {
            name: Criticality(
                runs=int(total.place_hits[first + i]) / finished,
                time=float(total.place_time[first + i]) / time,
                outage=float(total.outage_time[first + i]) / time if outages else None,
            )
            for i, name in enumerate(names)
        }

    return Critical(
        stages={
            name: Criticality(runs=int(total.group_hits[i]) / finished, time=float(total.group_time[i]) / time)
            for i, name in enumerate(groups_of(network))
        },
        posts=places([post.name for post in network.posts], 0, outages=False),
        bearers=places([bearer.name for bearer in network.bearers], posts, outages=True),
    )
