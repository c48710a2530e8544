"""Keeps a TLS connection to each paired ally: dials, answers, tries again, and gives frames to the driver.

Either side may dial. Where both did at once the one dialled by the ally that sorts first stays, so
both nodes keep the same one; a connection that has gone quiet gives way to any new one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from katchi.bearer.connection import Connection
from katchi.bearer.tls import TlsBearer
from katchi.errors import KatchiError, LinkFailed, LinkRefused
from katchi.node.settings import PairedAlly
from katchi.record.canonical import decode_struct
from katchi.record.fields import STATEMENT_SIZE_MAX
from katchi.record.identity import Contact
from katchi.serve.driver import Driver

REDIAL_S_MIN, REDIAL_S_MAX = 0.2, 3.0
QUIET_S_MAX = 6.0  # the link pings every 4 s


class Links:
    """The TLS connections of one node."""

    def __init__(self, driver: Driver, bearer: TlsBearer, own: str, on_event: Callable[[str, KatchiError], None]) -> None:
        self._driver, self._bearer, self._own, self._on_event = driver, bearer, own, on_event
        self._up: dict[str, Connection] = {}
        self._heard: dict[Connection, float] = {}
        self._dialling: dict[str, asyncio.Task[None]] = {}
        self._trusted: dict[str, bytes] = {}  # by ally: the certificate
        self._closing: dict[Connection, asyncio.Task[None]] = {}  # those that sign off

    async def listen(self, host: str, port: int) -> int:
        """Answer allies on host:port; return the port."""
        return await self._bearer.listen(host, port, self._carry)

    def trust_all(self) -> None:
        """Trust every paired ally by its newest certificate, and dial it; called after each pairing too."""
        for ally, paired in self._driver.machine.state.allies.now.items():
            if self._trusted.get(ally) != paired.certificate:
                try:
                    self._bearer.trust(ally, paired.certificate)
                except KatchiError as error:  # one ally's bad certificate shuts out no other
                    self._on_event(ally, error)
                    continue
                self._trusted[ally] = paired.certificate
            if ally not in self._dialling:
                self._dialling[ally] = asyncio.create_task(self._keep_dialling(ally))

    async def close(self) -> None:
        """Stop dialling and close all connections."""
        for task in self._dialling.values():
            task.cancel()
        await asyncio.gather(*self._dialling.values(), return_exceptions=True)
        await self._bearer.close()

    async def _keep_dialling(self, ally: str) -> None:
        pause = REDIAL_S_MIN
        while True:
            if ally not in self._up:
                address = address_of(self._driver.machine.state.allies.now[ally])
                try:
                    if address:
                        connection = await self._bearer.dial(ally, address)
                        pause = REDIAL_S_MIN
                        await self._carry(connection)
                except LinkFailed as error:
                    self._on_event(ally, error)
                pause = min(pause * 1.6, REDIAL_S_MAX)
            await asyncio.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311 - spreads redials, guards nothing

    async def _carry(self, connection: Connection) -> None:
        """Carry frames on a connection until it ends."""
        ally = connection.ally
        held = self._up.get(ally)
        if held is not None and not self._gives_way(held, connection):
            await connection.close()
            return
        if held is not None:
            held.abort()
        self._up[ally] = connection
        loop = asyncio.get_running_loop()
        self._heard[connection] = loop.time()
        bearer = self._driver.attach(ally, connection.send, lambda error: self._end(connection, error))
        try:
            async for frame in connection.frames():
                self._heard[connection] = loop.time()
                await self._driver.received(bearer, frame)
        except LinkFailed as error:
            self._on_event(ally, error)
        finally:
            self._heard.pop(connection, None)
            if self._up.get(ally) is connection:
                del self._up[ally]
            self._driver.detach(bearer)
            if connection not in self._closing:
                connection.abort()

    def _gives_way(self, held: Connection, new: Connection) -> bool:
        if asyncio.get_running_loop().time() - self._heard.get(held, 0.0) > QUIET_S_MAX:
            return True
        dialler = self._own if new.dialed else new.ally
        return dialler == min(self._own, new.ally, key=str.casefold)

    def _end(self, connection: Connection, error: KatchiError) -> None:
        self._on_event(connection.ally, error)
        if isinstance(error, LinkRefused):
            self._closing[connection] = asyncio.create_task(connection.close())  # not cut: our last word is on its way
            self._closing[connection].add_done_callback(lambda _: self._closing.pop(connection))
        else:
            connection.abort()


def address_of(paired: PairedAlly) -> str | None:
    """Return where to reach an ally: as set here, else as its contact says."""
    if paired.address is not None:
        return paired.address or None
    contact = decode_struct(paired.contact, Contact, size_max=STATEMENT_SIZE_MAX)
    return contact.addresses[0] if contact.addresses else None
