"""A TCP relay that stands between two nodes and can be cut, as a process or in process.

A cut drops every byte both ways and says so to nobody: sockets stay open, new connections are
accepted, nothing passes. To heal lets new connections pass; those that lost bytes, or never
reached the other side, are closed, since a stream with a hole cannot go on. It knows nothing of
TLS or frames, so it can do to a node only what a network can.

    python -m katchi.testing.relay --to HOST:PORT [--port N]

prints {"port": N}, then answers each line of stdin (cut, heal, delay MS, stats, quit) by one line.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from types import TracebackType
from typing import Final, Self

import msgspec

CHUNK_SIZE: Final = 16 * 1024
WAITING_MAX: Final = 256  # chunks under way one way (4 MiB): beyond it the sender is pushed back

Waiting = asyncio.Queue[tuple[float, bytes | None]]  # when due; what came, nothing at the end, None at a reset


class RelayStats(msgspec.Struct, frozen=True):
    """What a relay has done so far; bytes are both ways together."""

    cut: bool
    delay_ms: int
    connections: int  # open now
    passed: int
    dropped: int


class Relay:
    """Passes bytes from a port of its own to `host`:`port`, until told otherwise.

    Args:
        host: where connections go.
        port: and its port.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.delay_ms = 0
        self.is_cut = False
        self.passed = self.dropped = 0
        self._server: asyncio.Server | None = None
        self._crossings: dict[_Crossing, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        await self.close()

    async def start(self, port: int = 0) -> int:
        """Listen on 127.0.0.1, and return the port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port, limit=CHUNK_SIZE)
        return int(self._server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        """Drop all bytes from now on, also those under way."""
        self.is_cut = True

    def heal(self) -> None:
        """Let new connections pass; close those that have a hole."""
        self.is_cut = False
        for crossing in self._crossings:
            if crossing.holed:
                crossing.abort()

    def stats(self) -> RelayStats:
        """Return what the relay has done so far."""
        return RelayStats(self.is_cut, self.delay_ms, len(self._crossings), self.passed, self.dropped)

    async def close(self) -> None:
        """Close every connection and the port."""
        if self._server:
            self._server.close()
        for crossing in self._crossings:
            crossing.abort()
        await asyncio.gather(*self._crossings.values(), return_exceptions=True)
        if self._server:
            await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        crossing = _Crossing(self, reader, writer)
        self._crossings[crossing] = task = asyncio.create_task(crossing.run())
        task.add_done_callback(lambda _: self._crossings.pop(crossing))


class _Crossing:
    """One connection through the relay: a pump and a queue each way."""

    def __init__(self, relay: Relay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._relay, self._near_reader, self._near = relay, reader, writer
        self._writers, self._ways_open = [writer], 0
        self._ended = asyncio.Event()
        self.holed = relay.is_cut

    def abort(self) -> None:
        """Close both sides at once."""
        for writer in self._writers:
            writer.transport.abort()
        self._ended.set()

    async def run(self) -> None:
        """Pass bytes until both sides have ended, or one failed."""
        tasks: list[asyncio.Task[None]] = []
        try:
            if self.holed:  # came during a cut: the far side must not even hear of it
                tasks += self._way(self._near_reader, None)
            else:
                far_reader, far = await asyncio.open_connection(self._relay.host, self._relay.port, limit=CHUNK_SIZE)
                self._writers.append(far)
                tasks += self._way(self._near_reader, far) + self._way(far_reader, self._near)
            await self._ended.wait()
        except OSError:
            pass  # nobody is there: the caller sees its connection closed
        finally:
            for task in tasks:
                task.cancel()
            for writer in self._writers:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    def _way(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None) -> list[asyncio.Task[None]]:
        self._ways_open += 1
        waiting: Waiting = asyncio.Queue(WAITING_MAX)
        return [asyncio.create_task(self._pump(reader, waiting)), asyncio.create_task(self._pour(waiting, writer))]

    async def _pump(self, reader: asyncio.StreamReader, waiting: Waiting) -> None:
        chunk: bytes | None = b"-"
        while chunk:
            try:
                chunk = await reader.read(CHUNK_SIZE)
            except OSError:
                chunk = None
            await waiting.put((asyncio.get_running_loop().time() + self._relay.delay_ms / 1000, chunk))

    async def _pour(self, waiting: Waiting, writer: asyncio.StreamWriter | None) -> None:
        """Write each chunk when it is due, or drop it if the path is cut by then."""
        while True:
            due, chunk = await waiting.get()
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            if self._relay.is_cut or self.holed or writer is None:
                self.holed = True
                self._relay.dropped += len(chunk or b"")  # an end is dropped too: nobody hears of it before `heal`
            elif chunk is None:
                self.abort()
            elif not chunk:
                writer.write_eof()
                self._ways_open -= 1
                if not self._ways_open:
                    self._ended.set()
            else:
                self._relay.passed += len(chunk)
                writer.write(chunk)
                with contextlib.suppress(OSError):  # the pump of the other way sees the reset
                    await writer.drain()


def _answer(relay: Relay, line: str) -> object:
    match line.split():
        case ["cut"]:
            relay.cut()
        case ["heal"]:
            relay.heal()
        case ["delay", milliseconds] if milliseconds.isdecimal():
            relay.delay_ms = int(milliseconds)
        case ["stats"]:
            pass
        case _:
            return {"error": f"{line.strip()!r} is none of: cut, heal, delay MS, stats, quit"}
    return relay.stats()


async def _obey(host: str, to_port: int, port: int) -> None:
    async with Relay(host, to_port) as relay:
        _say({"port": await relay.start(port)})
        while (line := await asyncio.to_thread(sys.stdin.readline)) and line.strip() != "quit":
            _say(_answer(relay, line))
        _say(relay.stats())


def _say(said: object) -> None:
    sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run a relay that obeys the lines of stdin and ends with it."""
    parser = argparse.ArgumentParser(prog="katchi.testing.relay", description="A TCP relay that can be cut.")
    parser.add_argument("--to", required=True, metavar="HOST:PORT", help="where connections go")
    parser.add_argument("--port", type=int, default=0, help="port to listen on at 127.0.0.1; any free one by default")
    arguments = parser.parse_args()
    host, _, to_port = arguments.to.rpartition(":")
    with contextlib.suppress(BrokenPipeError):  # whoever started us has gone
        asyncio.run(_obey(host.strip("[]"), int(to_port), arguments.port))


if __name__ == "__main__":
    main()
