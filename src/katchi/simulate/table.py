"""Run by run: when each question's stage was finished, as arrays, CSV or Parquet. Nothing is written here."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from katchi.errors import NotFound
from katchi.network.arrays import compiled
from katchi.network.model import Network
from katchi.simulate.pairing import player

BLOCK = 1 << 16  # rows at once


def times(network: Network, *, seed: int, runs: int, first: int = 0) -> NDArray[np.float64]:
    """Return when each run finished the stage of each question.

    Args:
        network: what is played.
        seed: 0 to 2^64 - 1.
        runs: how many.
        first: number of the first.
    Returns:
        Shape (runs, questions), seconds after the start; inf where it never did.
    """
    return player()[0](compiled(network), seed, first, runs)


def csv_lines(network: Network, *, seed: int, runs: int) -> Iterator[str]:
    """Yield the rows as CSV, some thousands at once: the run, then seconds by question; empty where it never finished."""
    yield ",".join(["run", *(f"{question.name}_s" for question in network.questions)]) + "\n"
    for first in range(0, runs, BLOCK):
        block = times(network, seed=seed, runs=min(BLOCK, runs - first), first=first)
        cells = ([str(first + i), *("" if t == np.inf else repr(t) for t in row)] for i, row in enumerate(block.tolist()))
        yield "\n".join(map(",".join, cells)) + "\n"


def parquet(network: Network, *, seed: int, runs: int, manifest: Mapping[str, object]) -> bytes:
    """Return the rows as a Parquet file, the manifest in its metadata.

    Raises:
        NotFound: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet as writer
    except ImportError:
        raise NotFound(
            "{name} is not installed", hint="Install what simulations need: pip install 'katchi[simulate]'.", name="pyarrow"
        ) from None
    found = times(network, seed=seed, runs=runs)
    columns = {"run": np.arange(runs), **{f"{one.name}_s": found[:, i] for i, one in enumerate(network.questions)}}
    table = pa.table({name: pa.array(column) for name, column in columns.items()})
    table = table.replace_schema_metadata({f"katchi.{key}": str(value) for key, value in manifest.items()})
    into = io.BytesIO()
    writer.write_table(table, into, compression="zstd")
    return into.getvalue()
