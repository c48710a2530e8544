"""Rehearsals of one scenario: what they are given, one of them, and many on all cores, always with the same answer."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor

from katchi.errors import Malformed
from katchi.formats.scenario import MalformedAt, line_of, read
from katchi.record.suite import SHIPPED
from katchi.rehearse.founding import Ports
from katchi.rehearse.rehearsal import Production
from katchi.rehearse.tally import Tally, tally_of
from katchi.rehearse.wire import Weather
from katchi.serve.keys import FileSigner
from katchi.store.memory import MemoryStore

CHUNK = 20  # rehearsals that go to a process at once
CHUNKS_AHEAD = 3  # for each process

PORTS = Ports(
    suite=FileSigner.suite,
    suites=SHIPPED,
    signer_of=lambda ally: FileSigner.from_seed(f"rehearsal {ally}".encode()),
    new_store=MemoryStore,
    copy_of=lambda store: MemoryStore(store.snapshot()),
)

_productions: list[Production] = []  # of this process, once it has begun


def production_of(source: bytes, file: str, weather: Weather, ports: Ports = PORTS) -> Production:
    """Return a scenario file ready to be rehearsed.

    Raises:
        MalformedAt: it breaks a rule; the message begins with file:line.
        Refused: it cannot be rehearsed.
    """
    scenario = read(source, file)
    try:
        return Production(scenario, ports, weather)
    except Malformed as fault:
        raise MalformedAt(f"{file}:{line_of(source.decode(), fault.field)}", fault) from None


def many(
    source: bytes, file: str, weather: Weather, *, seed: int, runs: int, processes: int, progress: Callable[[int, int], None]
) -> Tally:
    """Rehearse runs 0 to `runs - 1` of a seed and add them up.

    Args:
        source: the scenario file's bytes.
        file: its name, for errors.
        weather: how the links treat frames.
        seed: 0 to 2^64 - 1.
        runs: how many.
        processes: how many share the work; with one, this process does it.
        progress: told how many of how many are done.
    """
    total = Tally()
    for tally in _chunks(source, file, weather, seed, runs, processes):
        total = total.plus(tally)
        progress(total.runs, runs)
    return total


def _chunks(source: bytes, file: str, weather: Weather, seed: int, runs: int, processes: int) -> Iterator[Tally]:
    ranges = [(first, min(CHUNK, runs - first)) for first in range(0, runs, CHUNK)]
    if processes == 1:
        production = production_of(source, file, weather)
        for first, count in ranges:
            yield tally_of(production, seed, first, count)
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy locks of threads that hold them
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_start, initargs=(source, file, weather)) as pool:
        under_way: deque[Future[Tally]] = deque()
        try:
            for first, count in ranges:
                under_way.append(pool.submit(_played, seed, first, count))
                if len(under_way) >= processes * CHUNKS_AHEAD:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _start(source: bytes, file: str, weather: Weather) -> None:
    _productions[:] = [production_of(source, file, weather)]


def _played(seed: int, first: int, count: int) -> Tally:
    return tally_of(_productions[0], seed, first, count)
