"""Entries a second, durable and verified at both ends, beside SQLite committing the same bytes at both ends.

The near node commits as often as the row says; the far node commits what has come meanwhile together. SQLite
commits as often at both ends, one end after the other, to a table of blobs without checks or other indexes.
What verifying alone allows stands beside it: it bounds whatever the nodes do.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
from pathlib import Path

import apsw

from bench.nodes import Near, linked, make_pair, seconds
from bench.rows import Row, row
from katchi.record.checking import Check, Signature, checked_here
from katchi.record.suite import Ed25519MlDsa65
from katchi.serve.clock import now_us
from katchi.serve.threads import Threads
from katchi.store.sqlite import SqliteStore
from katchi.testing.builders import an_ally

BATCH = 100
ROUNDS, ROUND_S = 5, 3.0
BYTES_SAMPLED = 1000
SIGNATURES, VERIFYING_S = 170, 1.0  # as many as the entries of a full frame


async def _ours(near: Near, batch: int, span_s: float) -> float:
    """Entries/s of our own chain, from the first command to the far node's countersignature."""
    await near.positions(1)
    await near.confirmed(await near.length())
    before, began = await near.length(), seconds()
    while seconds() - began < span_s:
        await near.positions(batch)
    after = await near.length()
    await near.confirmed(after)
    return (after - before) / (seconds() - began)


def _raw(directory: Path, payloads: list[bytes], batch: int, span_s: float) -> float:
    """Entries/s of plain SQLite (WAL, synchronous FULL) that commits the same bytes to one file, then to another."""
    ends = []
    for name in ("one", "other"):
        connection = apsw.Connection(str(directory / f"raw-{name}-{batch}.sqlite"))
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        connection.execute("CREATE TABLE IF NOT EXISTS entry (no INTEGER PRIMARY KEY, data BLOB NOT NULL)")
        ends.append(connection)
    count, began = 0, seconds()
    while seconds() - began < span_s:
        rows = [(payloads[(count + i) % len(payloads)],) for i in range(batch)]
        for connection in ends:
            with connection:
                connection.executemany("INSERT INTO entry (data) VALUES (?)", rows)
        count += batch
    rate = count / (seconds() - began)
    for connection in ends:
        connection.close()
    return rate


def _payloads(near: Path) -> list[bytes]:
    """The bytes of entries as they were kept: header, signature, salt and body."""
    store = SqliteStore.open(near / "record.sqlite")
    payloads = []
    for room in {kept.entry.header.room for kept in [k for c in store.charters() for k in store.entries(_room(c))]}:
        for kept in store.entries(room):
            entry = kept.entry
            if entry.header.kind == "position.stated":
                payloads.append(entry.header_bytes + entry.signature + (entry.salt or b"") + (entry.body or b""))
            if len(payloads) >= BYTES_SAMPLED:
                break
    store.close()
    return payloads


def _room(charter) -> bytes:
    from katchi.store.rows import room_of

    return room_of(charter)


async def _throughput(directory: Path, near: Path, far: Path, span_s: float, rounds: int, word: str) -> list[Row]:
    ours: dict[int, list[float]] = {1: [], BATCH: []}
    raw: dict[int, list[float]] = {1: [], BATCH: []}
    memory = 0.0
    payloads: list[bytes] = []
    for _ in range(rounds):
        async with linked(near, far) as (one, child):
            for batch in (1, BATCH):
                ours[batch].append(await _ours(one, batch, span_s))
            memory = max(memory, child.pss_mib)
        payloads = payloads or _payloads(near)
        for batch in (1, BATCH):
            raw[batch].append(_raw(directory, payloads, batch, span_s))
    size = statistics.mean(map(len, payloads))
    beside = f"SQLite, the same {size:.0f} B at both ends"
    one_rate, batched_rate = statistics.median(ours[1]), statistics.median(ours[BATCH])
    return [
        row(f"link, one entry per commit, {word}", one_rate, "entries/s", beside, statistics.median(raw[1])),
        row(f"link, batched {BATCH} per commit, {word}", batched_rate, "entries/s", beside, statistics.median(raw[BATCH])),
        row(f"memory of the far node after the load, {word}", memory, "MiB PSS", "aim", 60.0),
    ]


async def _latency(near: Path, far: Path, count: int) -> list[Row]:
    written: list[int] = []
    async with linked(near, far) as (one, child):
        await one.consultation()
        await asyncio.sleep(0.5)
        for _ in range(count):
            written.append(now_us())
            await one.position()
            await asyncio.sleep(0.2)
        await one.confirmed(await one.length())
        visible = child.end()[-count:]
    spans = sorted((seen - wrote) / 1000 for wrote, seen in zip(written, visible, strict=True))
    return [
        row("write to visible at the far node, 5/s, p50", spans[len(spans) // 2], "ms", "aim", 20.0),
        row("write to visible at the far node, 5/s, p99", spans[int(len(spans) * 0.99)], "ms", "aim", 60.0),
    ]


def _verified(check: Check) -> float:
    """Signatures of entries verified a second, a frame's worth at a time, with nothing else done."""
    azure = an_ally("azure", suite=Ed25519MlDsa65.token)
    messages = [number.to_bytes(79, "big") for number in range(SIGNATURES)]
    jobs = [(number, Signature(azure.known, one, azure.signer.entry(one))) for number, one in enumerate(messages)]
    count, began = 0, seconds()
    while seconds() - began < VERIFYING_S:
        count += sum(holds is True for _, holds in check(jobs))
    return count / (seconds() - began)


def _ceiling() -> list[Row]:
    one = _verified(checked_here)
    return [
        row("signatures alone, one thread", one, "verified/s"),
        row("signatures alone, a thread a core", _verified(Threads(os.cpu_count() or 1)), "verified/s", "one thread", one),
    ]


def rows() -> list[Row]:
    """Measure the link in bursts of a few seconds, interleaved."""
    with tempfile.TemporaryDirectory() as name:
        near, far = make_pair(Path(name))
        throughput = asyncio.run(_throughput(Path(name), near, far, ROUND_S, ROUNDS, "burst"))
        return throughput + _ceiling() + asyncio.run(_latency(near, far, 150))


def sustained_rows() -> list[Row]:
    """Measure the link over 40 s a figure, as long as the disk's burst does not last."""
    with tempfile.TemporaryDirectory() as name:
        near, far = make_pair(Path(name))
        return asyncio.run(_throughput(Path(name), near, far, 40.0, 1, "sustained 40 s"))
