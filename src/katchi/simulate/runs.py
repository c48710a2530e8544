"""Runs of a network, cut into chunks and added up: by threads, processes or a cluster, always with the same bytes.

Runs are cut at fixed run numbers and the chunks' tallies added in their order. A chunk is a pure function of (network, seed,
range of runs), so whoever plays it adds nothing of its own; whatever has `submit` (a pool of threads or processes, a Dask
client) can share the work. What has been added up so far is a `Part`: it can be kept, and the rest played another day.
"""

from __future__ import annotations

import functools
import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import msgspec
import numpy as np

from katchi.errors import Malformed
from katchi.network.arrays import Arrays, Tally, added, compiled, empty_tally
from katchi.network.interpreter import Interpreter
from katchi.network.model import Network

CHUNK = 1 << 16  # runs
PART_FORMAT = 1

Sampler = Callable[[Arrays, int, int, int], Tally]


class Workers(Protocol):
    """A pool or a cluster: what it is given is played somewhere, and its future tells the result."""

    def submit(self, work: Callable[..., Tally], /, *arguments: Any) -> Any:
        """Begin the work; return its future."""


class Part(msgspec.Struct, frozen=True):
    """Runs 0 to `done - 1` of a seed, added up."""

    network: str  # its digest
    seed: int
    done: int
    tally: Tally


def sampler() -> tuple[Sampler, str]:
    """Return what plays runs: the compiled kernel, or the interpreter where numba is not installed."""
    try:
        from katchi.network import kernel
    except ImportError:
        return lambda arrays, seed, first, count: Interpreter(arrays).tally(seed, first, count), "interpreter"
    return kernel.tally_of, "kernel"


def played(network: Network, seed: int, first: int, count: int) -> Tally:
    """Play runs `first` to `first + count - 1` of `seed` and add them up."""
    return sampler()[0](_compiled(network), seed, first, count)


@functools.lru_cache(8)
def _compiled(network: Network) -> Arrays:
    return compiled(network)


def chunks(first: int, count: int) -> Iterator[tuple[int, int]]:
    """Yield (first run, how many) cut at multiples of CHUNK, so that the cuts depend on the run numbers alone."""
    at, end = first, first + count
    while at < end:
        upto = min((at // CHUNK + 1) * CHUNK, end)
        yield at, upto - at
        at = upto


def begun(network: Network, seed: int) -> Part:
    """Return the part of no runs."""
    return Part(digest_of(network), seed, 0, empty_tally(_compiled(network)))


def go_on(part: Part, network: Network, upto: int, workers: Workers | None = None, ahead: int = 4) -> Iterator[Part]:
    """Yield the part after each further chunk, until `upto` runs are done.

    Args:
        part: what is done.
        network: the same as the part's.
        upto: how many runs there shall be.
        workers: who plays them; this thread if None.
        ahead: how many chunks the workers have at once; a few for each, so that memory stays flat.
    """
    arrays = _compiled(network)
    for tally in _in_order(network, part.seed, part.done, upto, workers, ahead):
        done = part.done + int(tally.runs[0])
        part = Part(part.network, part.seed, done, added([part.tally, tally], arrays))
        yield part


def _in_order(network: Network, seed: int, done: int, upto: int, workers: Workers | None, ahead: int) -> Iterator[Tally]:
    ranges = chunks(done, max(upto - done, 0))
    if workers is None:
        for first, count in ranges:
            yield played(network, seed, first, count)
        return
    begun: deque[Any] = deque()
    try:
        for first, count in ranges:
            begun.append(workers.submit(played, network, seed, first, count))
            if len(begun) >= ahead:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        for future in begun:
            future.cancel()


def digest_of(network: Network) -> str:
    """Return a digest of a network: two that play alike but are called otherwise have two."""
    return hashlib.sha256(msgspec.json.encode(network)).hexdigest()


def packed(part: Part) -> bytes:
    """Return a part as bytes that can be kept."""
    arrays = [(array.dtype.str, array.shape, array.tobytes()) for array in part.tally]
    return msgspec.msgpack.encode((PART_FORMAT, part.network, part.seed, part.done, arrays))


def unpacked(kept: bytes, network: Network, seed: int) -> Part:
    """Return the part that was kept.

    Raises:
        Malformed: it is none, or of another network or seed.
    """
    empty = begun(network, seed)
    try:
        kind = tuple[int, str, int, int, list[tuple[str, tuple[int, ...], bytes]]]
        number, digest, of_seed, done, arrays = msgspec.msgpack.decode(kept, type=kind)
        tally = [np.frombuffer(raw, dtype).reshape(shape).copy() for dtype, shape, raw in arrays]
    except (msgspec.DecodeError, ValueError, TypeError):
        number, digest, of_seed, done, tally = 0, "", 0, 0, []
    fits = [(array.dtype, array.shape) for array in tally] == [(array.dtype, array.shape) for array in empty.tally]
    if number != PART_FORMAT or not fits or done != int(tally[0][0]):
        raise Malformed("this is no kept part of a sweep", hint="Name another file, or remove it to begin anew.")
    if (digest, of_seed) != (empty.network, seed):
        raise Malformed(
            "this part was kept of another scenario or seed", hint="Name another file, or remove it to begin anew.",
        )  # fmt: skip
    return Part(digest, of_seed, done, Tally(*tally))
