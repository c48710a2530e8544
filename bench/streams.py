"""A hundred browsers on one node: what their streams cost, how soon each hears of a write, and has its new page."""

from __future__ import annotations

import asyncio
import re
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from bench.filling import OPEN_LAST
from bench.nodes import pss_mib, seconds
from bench.pages import TEXT
from bench.rows import Row, row
from bench.site import Filled, Site, filled, served
from katchi.consult.rules import StatePosition
from katchi.serve.office import Office

SIZE = 1_000
BROWSERS = 100
WRITES, WRITES_A_SECOND = 30, 2.0
INTO = 10  # consultations, of those that the duty screen shows
REFRESHING = 10  # browsers that ask for their page after each event, while others write
WRITES_BESIDE = 200
SETTLED_S = 3.0
NUMBER = re.compile(rb"Position no (\d+)")


class Shown(NamedTuple):
    """A page that a browser has."""

    at: float
    number: int  # of the newest position on it


class Browser:
    """A stream that it listens to, and a connection on which it asks for its page."""

    def __init__(self, port: int, cookie: str) -> None:
        self._port, self._cookie = port, cookie
        self._news = asyncio.Event()
        self.heard: list[float] = []  # when each event came
        self.shown: list[Shown] = []

    async def listen(self) -> None:
        """Hear every event."""
        async with self._connected() as (reader, writer):
            writer.write(self._request("/events"))
            while line := await reader.readline():
                if line.startswith(b"data:"):
                    self.heard.append(seconds())
                    self._news.set()

    async def refresh(self) -> None:
        """Ask for the page after each event; events that come meanwhile are one more request."""
        async with self._connected() as (reader, writer):
            while True:
                await self._news.wait()
                self._news.clear()
                await self._ask(reader, writer)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self._request("/"))
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        page = await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        self.shown.append(Shown(seconds(), max(map(int, NUMBER.findall(page)), default=-1)))

    def _request(self, path: str) -> bytes:
        return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nCookie: {self._cookie}\r\n\r\n".encode()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            yield reader, writer
        finally:
            writer.close()


@asynccontextmanager
async def _doing(*doings: Awaitable[None]) -> AsyncIterator[None]:
    running = [asyncio.ensure_future(doing) for doing in doings]
    try:
        yield
        assert not any(task.done() for task in running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _all_heard(browsers: list[Browser]) -> None:
    while not all(browser.heard for browser in browsers):
        await asyncio.sleep(0.05)
    await asyncio.sleep(SETTLED_S)


async def _written(held: Filled, first: int = 0) -> list[float]:
    """State positions at a steady pace, numbered from `first`; return when each was durable."""
    durable: list[float] = []
    with Office(held.path) as office:
        for number in range(first, first + WRITES):
            began = seconds()
            opening = bytes.fromhex(held.openings[-1 - number % INTO])
            command = StatePosition(consultation=opening, text=f"Position no {number}. {TEXT}")
            await asyncio.to_thread(office.submit, command)
            durable.append(seconds())
            await asyncio.sleep(max(0.0, 1 / WRITES_A_SECOND - (seconds() - began)))
    await asyncio.sleep(SETTLED_S)
    return durable


async def _heard(site: Site, held: Filled) -> list[Row]:
    browsers = [Browser(site.port, cookie) for cookie in site.more_sessions(BROWSERS)]
    before = pss_mib(site.pid)
    async with _doing(*(browser.listen() for browser in browsers)):
        await _all_heard(browsers)
        after = pss_mib(site.pid)
        written = await _written(held)
    spans = sorted(
        (next(heard for heard in browser.heard if heard > durable) - durable) * 1000
        for durable in written
        for browser in browsers
    )
    streams = f"{BROWSERS} streams"
    return [
        row(f"memory of a node with {streams}", after, "MiB PSS", "before them", before),
        row(f"durable to heard on each of {streams}: p50", spans[len(spans) // 2], "ms", "gathered for", 100.0),
        row(f"durable to heard on each of {streams}: p99", spans[int(len(spans) * 0.99)], "ms", "gathered for", 100.0),
        row(f"durable to heard on each of {streams}: max", spans[-1], "ms", "gathered for", 100.0),
    ]


async def _refreshed(site: Site, held: Filled) -> list[Row]:
    browsers = [Browser(site.port, cookie) for cookie in site.more_sessions(BROWSERS)]
    async with _doing(*(doing for browser in browsers for doing in (browser.listen(), browser.refresh()))):
        await _all_heard(browsers)
        pages, used, began = _pages(browsers), site.cpu_s, seconds()
        written = await _written(held, first=WRITES)
        pages, used, span = _pages(browsers) - pages, site.cpu_s - used, seconds() - began
    spans = sorted(max(_had(browser, number) for browser in browsers) - at for number, at in enumerate(written, start=WRITES))
    pace = f"{BROWSERS} pages after each of {WRITES_A_SECOND:.0f} writes/s"
    return [
        row(f"{pace}: until all have it, p50", statistics.median(spans) * 1000, "ms", "aim", 500.0),
        row(f"{pace}: until all have it, max", spans[-1] * 1000, "ms", "aim", 500.0),
        row(f"{pace}: the node's share of a core", 100 * used / span, "%", "pages a write", pages / WRITES),
    ]


def _had(browser: Browser, number: int) -> float:
    """When a browser first had a page with this position, or one after it."""
    return next((shown.at for shown in browser.shown if shown.number >= number), float("inf"))


def _pages(browsers: list[Browser]) -> int:
    return sum(len(browser.shown) for browser in browsers)


async def _beside(site: Site, held: Filled) -> list[Row]:
    """What writes wait while some browsers refresh."""
    alone = await _spans_of_writes(held)
    browsers = [Browser(site.port, cookie) for cookie in site.more_sessions(REFRESHING)]
    async with _doing(*(doing for browser in browsers for doing in (browser.listen(), browser.refresh()))):
        among = await _spans_of_writes(held)
    name = f"a write, 20/s, beside {REFRESHING} browsers that refresh after each event"
    return [
        row(f"{name}: p50", among[len(among) // 2], "ms", "alone", alone[len(alone) // 2]),
        row(f"{name}: p99", among[int(len(among) * 0.99)], "ms", "alone", alone[int(len(alone) * 0.99)]),
    ]


async def _spans_of_writes(held: Filled) -> list[float]:
    spans = []
    with Office(held.path) as office:
        for number in range(WRITES_BESIDE):
            began = seconds()
            command = StatePosition(consultation=bytes.fromhex(held.openings[-1 - number % OPEN_LAST]), text=TEXT)
            await asyncio.to_thread(office.submit, command)
            spans.append((seconds() - began) * 1000)
            await asyncio.sleep(0.05)
    return sorted(spans)


MEASURES: tuple[Callable[[Site, Filled], Awaitable[list[Row]]], ...] = (_heard, _refreshed, _beside)


def rows() -> list[Row]:
    """Measure the streams, the refreshing, and what pages do to writes: each on a node that just started."""
    found: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        held = filled(Path(name), SIZE)
        for measure in MEASURES:
            with served(held.path) as site:
                time.sleep(1)
                found += asyncio.run(measure(site, held))  # type: ignore[arg-type]
    return found


if __name__ == "__main__":
    for one in rows():
        print(f"{one.name:80} {one.value:9.2f} {one.unit:8} {one.beside or ''} {one.beside_value} {one.ratio}")
