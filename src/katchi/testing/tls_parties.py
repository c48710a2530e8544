"""Builders for tests of the TLS bearer: allies with certificates, a place to meet, what came in.

Everything runs on 127.0.0.1 over real sockets; certificates are made anew, nothing is shared
between tests. `plain_context` gives what another implementation, or an attacker, would use.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from katchi.bearer.certificate import CertificatePaths, create_certificate
from katchi.bearer.connection import Connection
from katchi.bearer.tls import TlsBearer
from katchi.errors import LinkFailed


@dataclass(frozen=True)
class Party:
    """A name, a certificate that says it, and where both files are."""

    ally: str
    paths: CertificatePaths
    der: bytes

    def bearer(self, *trusted: Party, **settings: Any) -> TlsBearer:
        """Return a bearer that shows this certificate and trusts each of `trusted` by its name."""
        bearer = TlsBearer(self.paths, **settings)
        for party in trusted:
            bearer.trust(party.ally, party.der)
        return bearer

    def plain_context(self, protocol: ssl._SSLMethod, *anchors: Party, version: ssl.TLSVersion) -> ssl.SSLContext:
        """Return a context of the standard library for this certificate, at one TLS version."""
        context = ssl.SSLContext(protocol)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        context.minimum_version = context.maximum_version = version
        context.load_cert_chain(self.paths.certificate, self.paths.key)
        for anchor in anchors:
            context.load_verify_locations(cadata=anchor.der)
        return context


def a_party(directory: Path, ally: str) -> Party:
    """Return an ally with a new certificate, kept in a directory of its own below `directory`."""
    home = directory / f"{ally}-{len([*directory.iterdir()])}"
    home.mkdir()
    paths = CertificatePaths.within(home)
    return Party(ally, paths, create_certificate(ally, paths))


@dataclass
class Visits:
    """What a listening bearer was given: connections, their frames and how they ended."""

    connections: list[Connection] = field(default_factory=list)
    frames: list[tuple[str, bytes]] = field(default_factory=list)
    ends: list[tuple[str, LinkFailed | None]] = field(default_factory=list)
    reading: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.reading.set()

    async def accept(self, connection: Connection) -> None:
        """Take in every frame, while `reading` is set."""
        self.connections.append(connection)
        try:
            await self.reading.wait()
            async for frame in connection.frames():
                self.frames.append((connection.ally, frame))
                await self.reading.wait()
        except LinkFailed as failure:
            self.ends.append((connection.ally, failure))
            raise
        self.ends.append((connection.ally, None))

    async def until(self, *, frames: int = 0, connections: int = 0, ends: int = 0) -> None:
        """Return once at least so much has come in, or raise TimeoutError."""
        await until(lambda: len(self.frames) >= frames and len(self.connections) >= connections and len(self.ends) >= ends)


async def until(holds: Callable[[], bool], *, within_s: float = 10.0) -> None:
    """Return once `holds`, or raise TimeoutError."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110  what is waited for has no event: it is what the test asks about
            await asyncio.sleep(0.005)


@asynccontextmanager
async def listening(bearer: TlsBearer, visits: Visits) -> AsyncIterator[str]:
    """Let `bearer` listen, and yield its address; closes the bearer."""
    async with bearer:
        yield f"127.0.0.1:{await bearer.listen('127.0.0.1', 0, visits.accept)}"
