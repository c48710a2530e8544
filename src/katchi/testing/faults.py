"""The whole test: for each seed a swarm of random acts and outages, then one planted fault, all under watch.

A seed is all that it takes to replay a failure: the same seed has the same transcript in any process on
any machine. `katchi faults run` is this; ten thousand seeds of it are a night's work.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import msgspec

from katchi.errors import KatchiError
from katchi.record.digest import HASHES
from katchi.testing.alliance import SimulatedAlliance
from katchi.testing.checkers import acknowledged, check_at_all_times, check_in_the_end, watch
from katchi.testing.planted import FAULTS, NEEDS_THREE, Fault

STEPS = 60  # of the swarm in each seed
STEPS_BETWEEN_CHECKS = 15


class SeedResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one seed came to; equal whenever and wherever it runs."""

    seed: int
    allies: int
    fault: str
    named_by: str = ""  # how the planted fault was named; empty if it was not
    acknowledged: int = 0  # entries that officers were told are kept
    lost: int = 0
    refused: int = 0  # officers' acts that the rules or a full disk refused
    entries: int = 0  # in the shared room
    frames: int = 0
    cuts: int = 0
    crashes: int = 0
    simulated_s: int = 0
    transcript: str = ""
    failure: str | None = None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What many seeds came to."""

    first: int
    seeds: int
    acknowledged: int
    lost: int
    refused: int
    entries: int
    frames: int
    cuts: int
    crashes: int
    simulated_s: int
    planted: dict[str, int]  # fault: seeds that planted it
    detected: dict[str, int]  # fault: seeds in which it was named
    failures: tuple[SeedResult, ...]
    transcript: str  # digest over all transcripts
    seconds: float


Progress = Callable[[SeedResult], None]


def run_seed(seed: int) -> SeedResult:
    """Return what one seed came to: a swarm under watch, healing, a planted fault, and every claim checked twice."""
    alliance = SimulatedAlliance.of_seed(seed)
    name = _fault_of(seed, len(alliance.parties))
    result = SeedResult(seed=seed, allies=len(alliance.parties), fault=name)
    try:
        result = msgspec.structs.replace(result, named_by=_run(alliance, FAULTS[name]))
    except (AssertionError, KatchiError, LookupError, TypeError, ValueError, AttributeError) as error:
        result = msgspec.structs.replace(result, failure=f"{type(error).__name__}: {error}")
    told = list(acknowledged(alliance))
    return msgspec.structs.replace(
        result,
        acknowledged=len(told),
        lost=sum(alliance.store(name).entry(digest) is None for name, digest in told),
        refused=alliance.acts_refused,
        entries=sum(1 for _ in alliance.store(next(iter(alliance.parties))).entries(alliance.room)),
        frames=alliance.world.frames_delivered,
        cuts=alliance.cuts,
        crashes=alliance.crashes,
        simulated_s=alliance.seconds,
        transcript=alliance.transcript(),
    )


def run_seeds(first: int, seeds: int, progress: Progress | None = None, *, processes: int | None = None) -> Summary:
    """Return what `seeds` seeds from `first` on came to; the same for any number of processes.

    Args:
        progress: called after each seed, in the order of seeds.
        processes: how many share the work; None means one for each core.
    """
    started = time.monotonic()
    results: list[SeedResult] = []
    for result in _results(range(first, first + seeds), processes or os.cpu_count() or 1):
        results.append(result)
        if progress is not None:
            progress(result)
    names = sorted({result.fault for result in results})
    return Summary(
        first=first,
        seeds=seeds,
        **{
            total: sum(getattr(result, total) for result in results)
            for total in ("acknowledged", "lost", "refused", "entries", "frames", "cuts", "crashes", "simulated_s")
        },
        planted={name: sum(result.fault == name for result in results) for name in names},
        detected={name: sum(result.fault == name and bool(result.named_by) for result in results) for name in names},
        failures=tuple(result for result in results if result.failure is not None),
        transcript=HASHES["sha256"]("".join(result.transcript for result in results).encode()).hexdigest(),
        seconds=time.monotonic() - started,
    )


def _results(seeds: range, processes: int) -> Iterator[SeedResult]:
    if processes == 1 or len(seeds) < 2:
        yield from map(run_seed, seeds)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(run_seed, seeds, chunksize=4)


def _fault_of(seed: int, allies: int) -> str:
    names = [name for name in FAULTS if allies > 2 or name not in NEEDS_THREE]
    return names[seed // 2 % len(names)]


def _run(alliance: SimulatedAlliance, fault: Fault) -> str:
    watch(alliance)
    for _ in range(STEPS // STEPS_BETWEEN_CHECKS):
        alliance.swarm(STEPS_BETWEEN_CHECKS)
        check_at_all_times(alliance)
    alliance.heal()
    alliance.settle()
    check_in_the_end(alliance)
    named_by = fault(alliance)
    alliance.settle()
    check_in_the_end(alliance)
    return named_by
