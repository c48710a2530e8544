"""Checks entries' signatures on all cores: the Check of record/checking.py for long audits.

Worker processes get keys, messages and signatures, and answer with true or false; what they are not
given they cannot see. Items go round in order, a few blocks ahead of the answers, so memory stays flat.
What a worker that dies leaves undone is checked in this process: nothing passes unchecked.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from types import TracebackType
from typing import TypeVar

from katchi.errors import KatchiError, Unverified
from katchi.record.checking import Check, Signature, checked_here
from katchi.record.suite import Suites, Verifier

ENTRIES_MIN = 20_000  # below it, starting the workers costs what they save (at 10,000: 2.5 s without, 2.7 s with 2 of them)
BLOCK = 512  # items that go to a worker at once
BLOCKS_AHEAD = 3  # for each worker

Item = TypeVar("Item")
Job = tuple[str, tuple[bytes, ...], bytes, bytes]  # suite, public keys, message, signature

_suites: Suites = {}
_verifiers: dict[tuple[str, tuple[bytes, ...]], Verifier] = {}  # of this worker; a key is checked once (15 ms)


class Cores:
    """A Check over worker processes; close it, or use it in a `with`."""

    def __init__(self, workers: int, suites: Suites) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy locks of threads that hold them
        self._pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(suites,))
        self._blocks_max = workers * BLOCKS_AHEAD

    def __enter__(self) -> Cores:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the workers."""
        self._pool.shutdown(cancel_futures=True)

    def __call__(self, items: Iterable[tuple[Item, Signature | None]]) -> Iterator[tuple[Item, bool | None]]:
        """See Check."""
        under_way: deque[tuple[list[tuple[Item, Signature | None]], Future[list[bool]] | None]] = deque()
        source = _Source(iter(items))
        while block := list(islice(source, BLOCK)):
            under_way.append((block, self._given_out(block)))
            if len(under_way) >= self._blocks_max:
                yield from _answered(*under_way.popleft())
        while under_way:
            yield from _answered(*under_way.popleft())
        if source.broke_off is not None:
            raise source.broke_off

    def _given_out(self, block: list[tuple[Item, Signature | None]]) -> Future[list[bool]] | None:
        try:
            return self._pool.submit(_checked, [_job(signature) for _, signature in block if signature is not None])
        except BrokenProcessPool:
            return None


class _Source(Iterator[tuple[Item, Signature | None]]):
    """Items until they end or break off; why they broke off waits until all before it is answered."""

    def __init__(self, items: Iterator[tuple[Item, Signature | None]]) -> None:
        self._items = items
        self.broke_off: KatchiError | None = None

    def __next__(self) -> tuple[Item, Signature | None]:
        if self.broke_off is not None:
            raise StopIteration
        try:
            return next(self._items)
        except KatchiError as error:
            self.broke_off = error
            raise StopIteration from None


@contextlib.contextmanager
def checking(entries: int, suites: Suites) -> Iterator[Check]:
    """Give the Check for an audit of so many entries: on all cores where that pays, else in this process."""
    workers = os.cpu_count() or 1
    if entries < ENTRIES_MIN or workers < 2:
        yield checked_here
        return
    with Cores(workers, suites) as cores:
        yield cores


def _answered(
    block: list[tuple[Item, Signature | None]], future: Future[list[bool]] | None
) -> Iterator[tuple[Item, bool | None]]:
    try:
        found = future.result() if future is not None else None
    except BrokenProcessPool:
        found = None
    if found is None:
        yield from checked_here(block)
        return
    answers = iter(found)
    for item, signature in block:
        yield item, None if signature is None else next(answers)


def _job(signature: Signature) -> Job:
    identity = signature.signer.identity
    return identity.suite, identity.keys, signature.message, signature.signature


def _start(suites: Suites) -> None:
    global _suites
    _suites = suites


def _checked(jobs: Sequence[Job]) -> list[bool]:
    return [_holds(*job) for job in jobs]


def _holds(suite: str, keys: tuple[bytes, ...], message: bytes, signature: bytes) -> bool:
    verifier = _verifiers.get((suite, keys))
    if verifier is None:
        verifier = _verifiers[suite, keys] = _suites[suite].load(keys)
    try:
        verifier.entry(message, signature)
    except Unverified:
        return False
    return True
