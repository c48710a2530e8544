"""The TLS bearer moves frames: whole, in order, and to the one connection that they are meant for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from katchi.bearer.connection import Connection, Direction
from katchi.bearer.tls import CONNECTIONS_MAX, split_address
from katchi.errors import LinkFailed, Malformed, NotTrusted
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


def test_frames_arrive_whole_and_in_order_both_ways(tmp_path: Path) -> None:
    azure, birch = a_party(tmp_path, "azure"), a_party(tmp_path, "birch")
    sizes = [0, 1, 3, 4, 5, 1024, 16_379, 16_380, 16_384, 65_536, 100_000, 0, 7]
    frames = [bytes([n]) * size for n, size in enumerate(sizes)]

    async def story() -> None:
        visits = Visits()
        async with listening(birch.bearer(azure), visits) as address, azure.bearer(birch) as caller:
            there = await caller.dial("birch", address)
            await there.send(frames)
            for frame in frames:
                await there.send([frame])
            await visits.until(frames=2 * len(frames))
            assert visits.frames == [("azure", frame) for frame in frames + frames]
            here = visits.connections[0]
            await asyncio.gather(*(here.send([frame]) for frame in frames))
            assert await received(there, len(frames)) == frames
            assert (there.ally, there.dialed, there.address) == ("birch", True, address)
            assert (here.ally, here.dialed, here.address.rpartition(":")[0]) == ("azure", False, "127.0.0.1")

    asyncio.run(story())


def test_a_frame_may_be_as_large_as_agreed_and_no_larger(tmp_path: Path) -> None:
    azure, birch = a_party(tmp_path, "azure"), a_party(tmp_path, "birch")

    async def story() -> None:
        visits = Visits()
        async with listening(birch.bearer(azure), visits) as address, azure.bearer(birch) as caller:
            there = await caller.dial("birch", address)
            await there.send([b"a" * MIB])
            with pytest.raises(Malformed, match="1048577 bytes"):
                await there.send([b"before", b"b" * (MIB + 1)])
            await there.send([b"after"])
            await visits.until(frames=2)
            assert visits.frames == [("azure", b"a" * MIB), ("azure", b"after")]

    asyncio.run(story())


def test_a_frame_announced_too_large_ends_only_its_own_connection(tmp_path: Path) -> None:
    azure, birch, cedar = (a_party(tmp_path, ally) for ally in ("azure", "birch", "cedar"))

    async def story() -> None:
        visits = Visits()
        async with (
            listening(birch.bearer(azure, cedar, frame_size_max=1000), visits) as address,
            azure.bearer(birch) as large,
            cedar.bearer(birch) as small,
        ):
            quiet, loud = await small.dial("birch", address), await large.dial("birch", address)
            await loud.send([b"a" * 1000, b"b" * 1001])
            await visits.until(frames=1, ends=1)
            [(ally, failure)] = visits.ends
            assert ally == "azure" and isinstance(failure, LinkFailed)
            assert "frame of 1001 bytes" in str(failure) and "not read" in failure.hint
            await quiet.send([b"still here"])
            await visits.until(frames=2)
            assert visits.frames == [("azure", b"a" * 1000), ("cedar", b"still here")]
            with pytest.raises(LinkFailed, match="was cut"):
                await received(loud, 1)

    asyncio.run(story())


def test_a_close_ends_the_frames_and_a_cut_is_not_taken_for_a_close(tmp_path: Path) -> None:
    azure, birch = a_party(tmp_path, "azure"), a_party(tmp_path, "birch")

    async def story() -> None:
        visits = Visits()
        async with listening(birch.bearer(azure), visits) as address, Relay(*split_address(address)) as relay:
            way = f"127.0.0.1:{await relay.start()}"
            async with azure.bearer(birch) as caller:
                closing = await caller.dial("birch", way)
                await closing.send([b"a" * MIB, b"last words"])
                await closing.close()
                await visits.until(ends=1)
                assert visits.ends == [("azure", None)] and visits.frames[-1] == ("azure", b"last words")

                cut = await caller.dial("birch", way)
                await cut.send([b"heard"])
                await visits.until(frames=3)
                await relay.close()  # ends the TCP streams in good order: only TLS can tell
                with pytest.raises(LinkFailed, match="was cut"):
                    await received(cut, 1)
                await visits.until(ends=2)
                assert "was cut" in str(visits.ends[1][1])

    asyncio.run(story())


def test_closing_while_another_task_reads_ends_its_frames(tmp_path: Path) -> None:
    azure, birch = a_party(tmp_path, "azure"), a_party(tmp_path, "birch")

    async def story() -> None:
        async with listening(birch.bearer(azure), Visits()) as address, azure.bearer(birch) as caller:
            there = await caller.dial("birch", address)
            reading = asyncio.create_task(received(there, 1))
            await asyncio.sleep(0.05)
            await there.close()
            assert await reading == []
            with pytest.raises(LinkFailed):
                await there.send([b"too late"])

    asyncio.run(story())


def test_what_fails_in_one_task_is_reported_and_reaches_no_other_connection(tmp_path: Path) -> None:
    azure, birch, cedar = (a_party(tmp_path, ally) for ally in ("azure", "birch", "cedar"))
    reported: list[dict[str, object]] = []

    class FailsForAzure(Visits):
        async def accept(self, connection: Connection) -> None:
            if connection.ally == "azure":
                raise RuntimeError("a mistake of ours")
            await super().accept(connection)

    async def story() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        visits = FailsForAzure()
        async with (
            listening(birch.bearer(azure, cedar), visits) as address,
            azure.bearer(birch) as one,
            cedar.bearer(birch) as other,
        ):
            steady, struck = await other.dial("birch", address), await one.dial("birch", address)
            assert await received(struck, 1) == []
            await steady.send([b"still here"])
            await visits.until(frames=1)
            assert visits.frames == [("cedar", b"still here")]
            assert [str(context["exception"]) for context in reported] == ["a mistake of ours"]

    asyncio.run(story())


def test_an_ally_that_calls_again_and_again_displaces_only_its_own_oldest_calls(tmp_path: Path) -> None:
    azure, birch, cedar = (a_party(tmp_path, ally) for ally in ("azure", "birch", "cedar"))

    async def story() -> None:
        visits = Visits()
        async with (
            listening(birch.bearer(azure, cedar), visits) as address,
            azure.bearer(birch) as one,
            cedar.bearer(birch) as other,
        ):
            steady = await other.dial("birch", address)
            calls = [await one.dial("birch", address) for _ in range(CONNECTIONS_MAX + 1)]
            await visits.until(ends=1, connections=CONNECTIONS_MAX + 2)
            with pytest.raises(LinkFailed, match="was cut"):
                await received(calls[0], 1)
            for connection in (steady, *calls[1:]):
                await connection.send([b"here"])
            await visits.until(frames=CONNECTIONS_MAX + 1)

    asyncio.run(story())


def test_a_tap_is_shown_every_frame_as_it_is_outside_tls(tmp_path: Path) -> None:
    azure, birch = a_party(tmp_path, "azure"), a_party(tmp_path, "birch")
    tapped: list[tuple[Direction, str, bytes]] = []

    async def story() -> None:
        visits = Visits()
        tap = azure.bearer(birch, on_frame=lambda *seen: tapped.append(seen))
        async with listening(birch.bearer(azure), visits) as address, tap as caller:
            there = await caller.dial("birch", address)
            await there.send([b"one", b"two"])
            await visits.until(frames=2)
            await visits.connections[0].send([b"three"])
            await received(there, 1)

    asyncio.run(story())
    assert tapped == [("sent", "birch", b"one"), ("sent", "birch", b"two"), ("received", "birch", b"three")]


def test_dialing_says_what_is_wrong_and_what_to_do(tmp_path: Path) -> None:
    azure, birch = a_party(tmp_path, "azure"), a_party(tmp_path, "birch")

    async def story() -> None:
        async with azure.bearer(birch) as caller:
            with pytest.raises(NotTrusted, match="cedar"):
                await caller.dial("cedar", "127.0.0.1:1")
            for address in ("127.0.0.1", ":7420", "host:0", "host:65536", "host:７"):
                with pytest.raises(Malformed, match="host:port"):
                    await caller.dial("birch", address)
            with pytest.raises(LinkFailed, match=r"birch at 127\.0\.0\.1:1 cannot be reached") as refused:
                await caller.dial("birch", "127.0.0.1:1")
            assert "their node runs" in refused.value.hint
            port = await caller.listen("127.0.0.1", 0, Visits().accept)
            with pytest.raises(LinkFailed, match="cannot listen"):
                await caller.listen("127.0.0.1", port, Visits().accept)

    asyncio.run(story())
    assert split_address("[2001:db8::1]:7420") == ("2001:db8::1", 7420)
