"""The TLS bearer goes no faster than its reader, and notices a path that is cut without a word."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from pathlib import Path

import pytest

from katchi.bearer.connection import Connection
from katchi.bearer.tls import split_address
from katchi.errors import LinkFailed
from katchi.testing.relay import Relay
from katchi.testing.tls_parties import Visits, a_party, listening

MIB = 2**20


async def received(connection: Connection, count: int) -> list[bytes]:
    frames: list[bytes] = []
    async for frame in connection.frames():
        frames.append(frame)
        if len(frames) == count:
            break
    return frames


async def heartbeats(connection: Connection, every_s: float) -> None:
    while True:
        await connection.send([b"beat"])
        await asyncio.sleep(every_s)


def test_a_slow_reader_pushes_back_and_then_gets_everything(tmp_path: Path) -> None:
    azure, birch = a_party(tmp_path, "azure"), a_party(tmp_path, "birch")
    taken = 0

    async def pour(there: Connection) -> None:
        nonlocal taken
        for n in range(64):
            await there.send([bytes([n]) * MIB])
            taken += 1

    async def story() -> None:
        visits = Visits()
        visits.reading.clear()
        async with listening(birch.bearer(azure), visits) as address, azure.bearer(birch) as caller:
            pouring = asyncio.create_task(pour(await caller.dial("birch", address)))
            held = -1
            while held != taken:  # until nothing moves any more
                held = taken
                await asyncio.sleep(0.5)
            assert not pouring.done() and held <= 16, "the kernel's buffers and our own, not 64 MiB"
            visits.reading.set()
            await pouring
            await visits.until(frames=64)
            assert visits.frames == [("azure", bytes([n]) * MIB) for n in range(64)]

    asyncio.run(story())


def test_many_senders_wait_their_turn_outside_and_cost_no_memory(tmp_path: Path) -> None:
    azure, birch = a_party(tmp_path, "azure"), a_party(tmp_path, "birch")
    frame = b"a" * MIB

    async def story() -> None:
        visits = Visits()
        visits.reading.clear()
        async with listening(birch.bearer(azure), visits) as address, azure.bearer(birch) as caller:
            there = await caller.dial("birch", address)
            tracemalloc.start()
            sending = asyncio.gather(*(there.send([frame]) for _ in range(64)))
            await asyncio.sleep(0.5)
            held, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert not sending.done() and held < 8 * MIB
            visits.reading.set()
            await sending
            await visits.until(frames=64)

    asyncio.run(story())


def test_a_cut_is_noticed_on_both_sides_and_after_healing_allies_meet_again(tmp_path: Path) -> None:
    azure, birch = a_party(tmp_path, "azure"), a_party(tmp_path, "birch")
    idle_s_max = 0.6

    async def story() -> None:
        visits = Visits()
        async with (
            listening(birch.bearer(azure, idle_s_max=idle_s_max), visits) as address,
            Relay(*split_address(address)) as relay,
        ):
            way = f"127.0.0.1:{await relay.start()}"
            async with azure.bearer(birch, idle_s_max=idle_s_max, handshake_s_max=1.0) as caller:
                there = await caller.dial("birch", way)
                beating = asyncio.create_task(heartbeats(there, 0.1))
                await visits.until(frames=12, connections=1)  # 1.2 s: the beats hold it open for longer than idle_s_max
                answering = asyncio.create_task(heartbeats(visits.connections[0], 0.1))
                assert await received(there, 3) == [b"beat"] * 3

                relay.cut()
                begun = time.monotonic()
                with pytest.raises(LinkFailed, match=r"nothing came from birch at .* for 0\.6 s"):
                    await received(there, 10_000)
                await visits.until(ends=1)
                assert time.monotonic() - begun < idle_s_max + 1.5  # time for a busy machine
                assert "nothing came from azure" in str(visits.ends[0][1])
                assert relay.stats().dropped > 0
                with pytest.raises(LinkFailed, match="was cut"):
                    await there.send([b"too late"])
                await asyncio.gather(beating, answering, return_exceptions=True)
                with pytest.raises(LinkFailed, match="did not answer within 1 s"):
                    await caller.dial("birch", way)

                relay.heal()
                again = await caller.dial("birch", way)
                await again.send([b"we go together"])
                await visits.until(connections=2)
                await visits.until(frames=len(visits.frames) + (visits.frames[-1][1] != b"we go together"))
                assert visits.frames[-1] == ("azure", b"we go together")

    asyncio.run(story())


def test_a_sender_that_waits_for_room_is_released_by_a_cut(tmp_path: Path) -> None:
    azure, birch = a_party(tmp_path, "azure"), a_party(tmp_path, "birch")

    async def story() -> None:
        visits = Visits()
        visits.reading.clear()
        async with listening(birch.bearer(azure), visits) as address, azure.bearer(birch, idle_s_max=0.5) as caller:
            there = await caller.dial("birch", address)
            sending = asyncio.create_task(there.send([b"a" * MIB] * 64))
            with pytest.raises(LinkFailed, match="nothing came"):
                await received(there, 1)
            with pytest.raises(LinkFailed, match="was cut"):
                await sending
            visits.reading.set()

    asyncio.run(story())


def test_last_words_arrive_even_when_the_ally_is_still_talking(tmp_path: Path) -> None:
    azure, birch = a_party(tmp_path, "azure"), a_party(tmp_path, "birch")

    async def story() -> None:
        visits = Visits()
        visits.reading.clear()
        async with listening(birch.bearer(azure), visits) as address, azure.bearer(birch) as caller:
            there = await caller.dial("birch", address)
            await visits.until(connections=1)
            await visits.connections[0].send([b"b" * MIB])  # never read: a bare close would reset the connection
            await there.send([b"a" * 65_536] * 16 + [b"last words"])  # not read either, so still with us
            closing = asyncio.create_task(there.close())
            await asyncio.sleep(0.1)
            visits.reading.set()
            await closing
            await visits.until(ends=1)
            assert visits.ends == [("azure", None)]
            assert len(visits.frames) == 17 and visits.frames[-1] == ("azure", b"last words")

    asyncio.run(story())
