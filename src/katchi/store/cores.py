"""Checks entries' signatures on all cores: the Check of record/checking.py for long audits.

Worker processes get keys, messages and signatures, and answer with true or false; what they are not
given they cannot see. Items go round in order, a few blocks ahead of the answers, so memory stays flat.
A worker that dies raises: nothing passes unchecked.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from types import TracebackType
from typing import TypeVar

from katchi.errors import Unverified
from katchi.record.checking import Signature
from katchi.record.suite import Suites, Verifier

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
        under_way: deque[tuple[list[tuple[Item, Signature | None]], Future[list[bool]]]] = deque()
        source = iter(items)
        while block := list(islice(source, BLOCK)):
            jobs = [_job(signature) for _, signature in block if signature is not None]
            under_way.append((block, self._pool.submit(_checked, jobs)))
            if len(under_way) >= self._blocks_max:
                yield from _answered(*under_way.popleft())
        while under_way:
            yield from _answered(*under_way.popleft())


def _answered(block: list[tuple[Item, Signature | None]], future: Future[list[bool]]) -> Iterator[tuple[Item, bool | None]]:
    answers = iter(future.result())
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
