"""What attacks need: a node to be attacked, an attacker with keys of its own, two real nodes on one wire.

Everything signs by the real suite. The node attacked is the real machine on a store in memory, under a
clock that the test moves; `two_nodes` runs two whole nodes, TLS and all, and shows every frame before TLS.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from katchi.link import frames as f
from katchi.node.commands import FoundRoom, NodeCommand, Pair
from katchi.node.machine import Machine, Written
from katchi.node.notices import Notice
from katchi.node.settings import PairedAlly, Settings
from katchi.record.entry import Entry
from katchi.record.identity import Contact, sign_contact
from katchi.record.suite import SHIPPED
from katchi.serve.clock import now_us
from katchi.serve.directory import NodeDirectory
from katchi.serve.invitation import compared, paired, read_invitation, write_invitation
from katchi.serve.questions import QUESTIONS, Asked
from katchi.serve.service import Service
from katchi.store.memory import MemoryStore
from katchi.testing.builders import NOON, SECOND, Ally, an_ally
from katchi.testing.relay import Relay

REAL = "ed25519+mldsa65"


def a_real_ally(name: str, mode: str = "exercise", *, serial: int = 0) -> Ally:
    """Return an ally whose keys are real ones."""
    return an_ally(name, mode, suite=REAL, serial=serial)  # type: ignore[arg-type]


def a_pairing(ally: Ally, *, serial: int = 1, certificate: bytes | None = None) -> PairedAlly:
    """Return what people took of an ally's invitation."""
    contact = Contact(
        mode=ally.known.mode, ally=ally.name, identity=ally.fingerprint, serial=serial, tls=(), seal=(), addresses=(), at=NOON
    )
    signed = sign_contact(contact, ally.signer)
    return PairedAlly(
        identity=ally.identity.statement,
        identity_signatures=ally.identity.signatures,
        contact=signed.statement,
        contact_signatures=signed.signatures,
        certificate=ally.name.encode() if certificate is None else certificate,
        compared="phrase",
        paired_at=NOON,
    )


class Node:
    """A node machine of `ally`, paired with `others`: commands and frames in, all kept at once."""

    def __init__(self, ally: Ally, *others: Ally, **settings: Any) -> None:
        self.ally, self.now, self.store = ally, NOON, MemoryStore()
        self._settings = Settings(ally=ally.name, mode=ally.known.mode, **settings)
        self.restart()
        for other in others:
            self.do(Pair(ally=a_pairing(other)))
        self.national = self.do(FoundRoom(title="national matters", allies=())).room or b""

    def restart(self) -> None:
        """Begin again from the store."""
        self.machine = Machine(self._settings, self.ally.known, self.ally.signer, SHIPPED, self.store, os.urandom)

    @property
    def notices(self) -> list[Notice]:
        """What the node told so far."""
        return self.machine.notices

    def keep(self) -> None:
        """Close the batch and keep it, a second later."""
        self.now += SECOND
        self.store.append(self.machine.close_group(self.now))
        self.machine.committed()

    def do(self, command: NodeCommand) -> Written:
        """Give a command and keep what it wrote."""
        written = self.machine.submit(command, self.now)
        self.keep()
        return written

    def take(self, by: str, *frames: f.Frame | bytes) -> None:
        """Take frames from an ally's node, and keep what came of them."""
        for frame in frames:
            self.machine.receive(by, frame if isinstance(frame, bytes) else f.write_frame(frame), self.now)
        self.keep()

    def greet(self, by: Ally) -> None:
        """Let an ally's node come up and say an honest hello."""
        self.machine.connected(by.name, self.now)
        self.take(by.name, a_hello(by))

    def said_to(self, ally: str) -> list[f.Frame]:
        """Return all that the node has to say to an ally now."""
        said: list[f.Frame] = []
        while frames := self.machine.outgoing(ally, self.now):
            said += [frame for frame in map(f.read_frame, frames) if frame is not None]
        return said


def exchange(*nodes: Node) -> None:
    """Let two nodes' links come up, if they are not, and say all that they have to say."""
    ways = (nodes, nodes[::-1])
    if not all(node.machine.peers[other.ally.name].is_up for node, other in ways):
        for node, other in ways:
            node.machine.connected(other.ally.name, node.now)
        for node, other in ways:
            node.take(other.ally.name, a_hello(other.ally))
    quiet = 0
    while quiet < 2:
        quiet += 1
        for node, other in ways:
            frames = node.machine.outgoing(other.ally.name, node.now)
            if frames:
                quiet = 0
                other.take(node.ally.name, *frames)
        nodes[0].now = nodes[1].now = max(node.now for node in nodes)


def a_hello(ally: Ally, /, **changes: Any) -> f.Hello:
    """Return an ally's hello, honest but for `changes`."""
    said = {"mode": ally.known.mode, "ally": ally.name, "identity": ally.fingerprint}
    return f.Hello(**{"versions": (1, 0), "features": f.FEATURES, "reads": (1,), "software": "x", "now": NOON, **said, **changes})


def sent(room: bytes, entries: Iterable[Entry], *, bodies: bool = True) -> f.Entries:
    """Return the frame that brings entries, with their bodies or without."""
    items = (f.EntryItem(e.header_bytes, e.signature, e.salt if bodies else None, e.body if bodies else None) for e in entries)
    return f.Entries(room, tuple(items))


class Wire:
    """Two whole nodes, KOR and USA, in this process: their services, the relay between, every frame."""

    def __init__(self, directories: dict[str, NodeDirectory]) -> None:
        self.directories = directories
        self.services: dict[str, Service] = {}
        self.frames: list[tuple[str, str, bytes]] = []  # whose node, sent or received, the frame before TLS
        self.events: list[tuple[str, str]] = []
        self.ports: dict[str, int] = {}
        self.relay: Relay | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self, ally: str) -> None:
        """Serve one node."""
        directory, ready = self.directories[ally].locked(), asyncio.Event()

        def on_ready(port: int) -> None:
            self.ports[ally] = port
            ready.set()

        service = self.services[ally] = Service(
            directory,
            on_frame=lambda direction, _, frame: self.frames.append((ally, direction, frame)),
            on_link=lambda _, error: self.events.append((ally, str(error))),
        )
        self._tasks[ally] = asyncio.create_task(service.run(link_port=0, host="127.0.0.1", on_ready=on_ready))
        async with asyncio.timeout(20):
            waiting = asyncio.create_task(ready.wait())
            await asyncio.wait({waiting, self._tasks[ally]}, return_when=asyncio.FIRST_COMPLETED)
            if self._tasks[ally].done():
                waiting.cancel()
                self._tasks[ally].result()

    async def stop(self, ally: str) -> None:
        """End one node."""
        task = self._tasks.pop(ally, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.directories[ally].__exit__()

    async def pair(self, ally: str, other: str, *, address: str) -> Written:
        """Pair with what `other` invites with; both officers are this test."""
        file = self.directories[ally].path / f"{other}.invitation"
        write_invitation(file, self.directories[other].invitation(address=None))
        invitation, known = read_invitation(file, SHIPPED)
        how = compared(known, known.fingerprint.hex())
        return await self.services[ally].submit(Pair(ally=paired(invitation, how, now=now_us(), address=address)))

    async def ask(self, ally: str, question: str, **arguments: Any) -> Any:
        """Ask a node."""
        driver = self.services[ally].driver
        return await driver.ask(lambda: QUESTIONS[question](Asked(driver.machine.state, driver.machine.peers), arguments))

    async def until(self, condition: Callable[[], Awaitable[Any]], *, seconds: float = 20.0) -> Any:
        """Return the first true value of `condition`."""
        async with asyncio.timeout(seconds):
            while not (value := await condition()):  # noqa: ASYNC110  what is waited for has no event
                await asyncio.sleep(0.02)
        return value


@asynccontextmanager
async def two_nodes(directory: Path, *, pair: bool = True) -> AsyncIterator[Wire]:
    """Run KOR and USA below `directory`, KOR dialling through a relay; end them whatever happens."""
    wire = Wire({ally: NodeDirectory.create(directory / ally, ally=ally, mode="exercise") for ally in ("KOR", "USA")})
    try:
        for ally in wire.directories:
            await wire.start(ally)
        wire.relay = Relay("127.0.0.1", wire.ports["USA"])
        port = await wire.relay.start()
        if pair:
            await wire.pair("KOR", "USA", address=f"127.0.0.1:{port}")
            await wire.pair("USA", "KOR", address="")
        yield wire
    finally:
        for ally in wire.directories:
            await wire.stop(ally)
        if wire.relay is not None:
            await wire.relay.close()
