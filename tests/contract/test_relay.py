"""The relay does to a connection what a network can: pass, delay, drop in silence, close."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from katchi.testing.relay import Relay


@asynccontextmanager
async def an_echo(callers: list[asyncio.StreamWriter] | None = None) -> AsyncIterator[int]:
    """Yield the port of a server that sends back what it gets, until the end of it; `callers` are kept there."""
    writers = [] if callers is None else callers

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        for writer in writers:
            writer.close()


def test_bytes_and_ends_pass_whole_and_are_counted() -> None:
    async def story() -> None:
        async with an_echo() as port, Relay("127.0.0.1", port) as relay:
            reader, writer = await asyncio.open_connection("127.0.0.1", await relay.start())
            writer.write(b"a" * 300_000)
            writer.write_eof()
            assert await reader.read() == b"a" * 300_000
            writer.close()
            assert (relay.stats().passed, relay.stats().dropped) == (600_000, 0)

    asyncio.run(story())


def test_a_cut_is_silent_and_healing_closes_only_what_has_a_hole() -> None:
    async def story() -> None:
        callers: list[asyncio.StreamWriter] = []
        async with an_echo(callers) as echo, Relay("127.0.0.1", echo) as relay:
            port = await relay.start()
            whole = await asyncio.open_connection("127.0.0.1", port)
            holed = await asyncio.open_connection("127.0.0.1", port)
            for reader, writer in (whole, holed):
                writer.write(b"before")
                assert await reader.readexactly(6) == b"before"
            relay.cut()
            late = await asyncio.open_connection("127.0.0.1", port)
            for _, writer in (holed, late):
                writer.write(b"lost")
            ended = await asyncio.open_connection("127.0.0.1", port)
            ended[1].write_eof()
            for reader, _ in (whole, holed, late, ended):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(reader.read(1), 0.1)
            assert len(callers) == 2, "nobody beyond a cut hears of a new connection"
            assert (relay.stats().cut, relay.stats().connections, relay.stats().dropped) == (True, 4, 8)

            relay.heal()
            for reader, _ in (holed, late, ended):
                assert await reader.read() == b""
            new = await asyncio.open_connection("127.0.0.1", port)
            for reader, writer in (whole, new):
                writer.write(b"after")
                assert await reader.readexactly(5) == b"after"
            for _, writer in (whole, holed, late, ended, new):
                writer.close()

    asyncio.run(story())


def test_a_delay_holds_every_byte_back_and_keeps_their_order() -> None:
    async def story() -> None:
        async with an_echo() as port, Relay("127.0.0.1", port) as relay:
            relay.delay_ms = 100
            reader, writer = await asyncio.open_connection("127.0.0.1", await relay.start())
            begun = time.monotonic()
            for n in range(10):
                writer.write(bytes([n]))
                await asyncio.sleep(0.005)
            assert await reader.readexactly(10) == bytes(range(10))
            assert 0.2 <= time.monotonic() - begun < 1.0  # there and back, all under way at once
            writer.close()

    asyncio.run(story())


def test_a_relay_to_nobody_closes_its_callers() -> None:
    async def story() -> None:
        async with Relay("127.0.0.1", 1) as relay:
            reader, writer = await asyncio.open_connection("127.0.0.1", await relay.start())
            assert await reader.read() == b""
            writer.close()

    asyncio.run(story())


def test_the_process_obeys_lines_and_ends_with_its_input() -> None:
    async def story() -> None:
        async with an_echo() as echo:
            command = [sys.executable, "-m", "katchi.testing.relay", "--to", f"127.0.0.1:{echo}"]
            process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
            assert process.stdin and process.stdout
            port = json.loads(await process.stdout.readline())["port"]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            answers = []
            for line in (b"delay 5\n", b"cut\n", b"jump\n", b"heal\n", b"stats\n"):
                process.stdin.write(line)
                answers.append(json.loads(await process.stdout.readline()))
            writer.close()
            process.stdin.close()
            assert json.loads(await process.stdout.readline())["passed"] == 10
            assert await asyncio.wait_for(process.wait(), 10) == 0
            assert [answer.get("delay_ms") for answer in answers] == [5, 5, None, 5, 5]
            assert [answer.get("cut") for answer in answers] == [False, True, None, False, False]
            assert "cut, heal, delay MS, stats, quit" in answers[2]["error"]

    asyncio.run(story())
