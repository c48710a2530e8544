"""The stage: a node process for each ally, and a relay process for each link, which can be cut.

The nodes are ordinary ones, always in exercise mode, driven through the same door as the command
line. Everything lies in one temporary directory; every process that is started here is ended here.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar

import msgspec

from katchi.errors import LinkFailed
from katchi.node.commands import NodeCommand, Pair, Written
from katchi.record.suite import SHIPPED
from katchi.serve.clock import now_us
from katchi.serve.directory import NodeDirectory
from katchi.serve.invitation import compared, paired, read_invitation, write_invitation
from katchi.serve.office import Office

READY_S_MAX, WAIT_S_MAX = 20.0, 60.0
POLL_S = 0.03

Value = TypeVar("Value")


class Process:
    """A child process that speaks in lines of JSON."""

    def __init__(self, words: Sequence[str], log: Path) -> None:
        self._log: IO[bytes] = log.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, close_fds=True
        )

    def line(self) -> Any:
        """Return its next line."""
        assert self.process.stdout is not None
        data = b""
        while line := self.process.stdout.readline():
            data += line
            try:
                return msgspec.json.decode(data)
            except msgspec.DecodeError:
                continue
        raise LinkFailed("a process of the demo ended before it was ready", hint="See its log: {log}", log=self._log.name)

    def tell(self, command: str) -> Any:
        """Give it a line, and return its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        return self.line()

    def end(self) -> None:
        """End it, and wait until it has ended."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self._log.close()


class Stage:
    """Nodes of all allies, paired, with a relay on each link."""

    def __init__(self, directory: Path, allies: Sequence[str]) -> None:
        self.directory, self.allies = directory, tuple(allies)
        self.nodes = {ally: directory / ally for ally in allies}
        self.offices: dict[str, Office] = {}
        self.pages: dict[str, str] = {}  # where each ally's pages are
        self._ports: dict[str, tuple[int, int]] = {}  # of its link and its pages
        self._servers: list[Process] = []
        self._relays: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    def make(self) -> dict[str, str]:
        """Make all nodes; return their fingerprints as hex."""
        fingerprints = {}
        for ally, path in self.nodes.items():
            node = NodeDirectory.create(path, ally=ally, mode="exercise")
            fingerprints[ally] = node.own().fingerprint.hex()
        return fingerprints

    def start(self) -> None:
        """Start all nodes and relays."""
        self.start_nodes()
        for one, other in itertools.combinations(self.allies, 2):
            relay_words = ("-m", "katchi.testing.relay", "--to", f"127.0.0.1:{self._ports[other][0]}")
            relay = Process(relay_words, self.directory / f"{one}-{other}.relay.log")
            self._relays.append(relay)
            self._pair(one, other, address=f"127.0.0.1:{relay.line()['port']}")
            self._pair(other, one, address="")  # the other side waits to be called, through the relay

    def start_nodes(self) -> None:
        """Start all nodes: on free ports, or again on those that they had."""
        for ally, path in self.nodes.items():
            link_port, port = self._ports.get(ally, (0, 0))
            words = ("-m", "katchi.cli", "node", "serve", str(path), "--link-port", str(link_port), "--port", str(port), "--json")
            self._servers.append(Process(words, self.directory / f"{ally}.log"))
        for ally, server in zip(self.allies, self._servers, strict=True):
            line = server.line()
            self._ports[ally] = (line["link_port"], line["port"])
            self.pages[ally] = line["pages"]
            self.offices[ally] = Office(self.nodes[ally])

    def _pair(self, ally: str, other: str, *, address: str) -> None:
        file = self.directory / f"{other}.invitation"
        write_invitation(file, NodeDirectory(self.nodes[other]).invitation(address=None))
        invitation, known = read_invitation(file, SHIPPED)
        how = compared(known, known.fingerprint.hex())  # both officers are this demo
        self.submit(ally, Pair(ally=paired(invitation, how, now=now_us(), address=address)))

    def sign_in_link(self, ally: str, *, post: str | None = None) -> str:
        """Return a new one-time link to an ally's pages."""
        return str(self.ask(ally, "sign-in-link", post=post)["url"])

    def submit(self, ally: str, command: NodeCommand) -> Written:
        """Give a command to an ally's node; return once it is durable."""
        return self.offices[ally].submit(command)[0]

    def ask(self, ally: str, question: str, **arguments: Any) -> Any:
        """Ask an ally's node."""
        return self.offices[ally].ask(question, **arguments)

    def wait(self, what: str, condition: Callable[[], Value | None], *, seconds: float = WAIT_S_MAX) -> Value:
        """Return the first true value of `condition`, looking again and again.

        Raises:
            LinkFailed: it did not come true in time.
        """
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise LinkFailed(
                    "waited {seconds:.0f} s in vain until {what}",
                    hint="The logs are in {path}.",
                    seconds=seconds,
                    what=what,
                    path=str(self.directory),
                )
            time.sleep(POLL_S)
        return value

    def tell_relays(self, command: str) -> list[Any]:
        """Give all relays a command: cut, heal, stats."""
        return [relay.tell(command) for relay in self._relays]

    def stop_nodes(self) -> None:
        """End the node processes; their stores are closed cleanly."""
        for office in self.offices.values():
            office.__exit__(None, None, None)
        self.offices.clear()
        for server in self._servers:
            server.end()
        self._servers.clear()

    def end(self) -> None:
        """End everything that was started."""
        self.stop_nodes()
        for relay in self._relays:
            relay.end()
        self._relays.clear()
