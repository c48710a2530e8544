"""Checks the signatures of what arrives together on several threads: the Check of record/checking.py for a node.

Verifying Ed25519 lets other threads run, so the entries of one frame take as many cores as are free.
The caller waits meanwhile, and by turns does its own part: were it to go on in Python, every worker
would wait for it after each signature. A frame of a few entries is checked where it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from katchi.record.checking import Signature, checked_here, holds

SIGNATURES_MIN = 16  # below it, waking a thread costs what it saves
THREADS_MAX = 8

Item = TypeVar("Item")


class Threads:
    """A Check over threads of this process; they are started when first needed, and end with it."""

    def __init__(self, cores: int) -> None:
        self._parts = min(cores, THREADS_MAX)
        self._pool = ThreadPoolExecutor(max(self._parts - 1, 1), thread_name_prefix="verify")

    def __call__(self, items: Iterable[tuple[Item, Signature | None]]) -> Iterator[tuple[Item, bool | None]]:
        """See Check."""
        items = list(items)
        signatures = [signature for _, signature in items if signature is not None]
        if self._parts < 2 or len(signatures) < SIGNATURES_MIN:
            yield from checked_here(items)
            return
        ours, *theirs = (signatures[part :: self._parts] for part in range(self._parts))
        waiting = [self._pool.submit(_checked, part) for part in theirs]
        found = [_checked(ours), *(one.result() for one in waiting)]
        answers = (found[place % self._parts][place // self._parts] for place in range(len(signatures)))
        for item, signature in items:
            yield item, None if signature is None else next(answers)


def _checked(signatures: list[Signature]) -> list[bool]:
    return [holds(signature) for signature in signatures]
