"""A running node: its driver, its links and its command line's door, until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from katchi.bearer.certificate import CertificatePaths
from katchi.bearer.tls import TlsBearer
from katchi.errors import KatchiError
from katchi.link.frames import FRAME_SIZE_MAX
from katchi.node.batch import Batch
from katchi.node.commands import NodeCommand, Pair, Written
from katchi.node.notices import Notice
from katchi.record.canonical import encode
from katchi.serve.clock import now_us
from katchi.serve.control import ControlServer, Question
from katchi.serve.directory import NodeDirectory
from katchi.serve.driver import Driver
from katchi.serve.links import Links
from katchi.serve.questions import QUESTIONS, Asked

IDLE_S_MAX = 10.0  # the link pings every 4 s

Tap = Callable[[str, str, bytes], None]


class Door(Protocol):
    """A way in for this government's own people, open while the node serves: the command line, the pages."""

    async def start(self) -> None:
        """Listen."""

    async def close(self) -> None:
        """Stop listening."""


class Service:
    """One node, serving: to be run in one asyncio loop."""

    def __init__(
        self,
        directory: NodeDirectory,
        *,
        on_notice: Callable[[Notice], None] = lambda _: None,
        on_link: Callable[[str, KatchiError], None] = lambda _ally, _error: None,
        on_frame: Tap | None = None,
    ) -> None:
        self._directory = directory
        self._ended = asyncio.Event()
        self._unfiled = b""  # countersignatures that the disk did not take yet
        self.kept_watchers: list[Callable[[Batch], None]] = [self._keep_countersignatures]
        self.notice_watchers: list[Callable[[Notice], None]] = [on_notice]
        machine, self._store = directory.machine()
        self.driver = Driver(machine, self._store, now_us, on_notice=self._noticed, on_kept=self._kept)
        bearer = TlsBearer(
            CertificatePaths.within(directory.path), frame_size_max=FRAME_SIZE_MAX, idle_s_max=10.0, on_frame=on_frame
        )
        self.links = Links(self.driver, bearer, machine.own.ally, on_link)
        self._questions: dict[str, Question] = {name: functools.partial(self._ask, name) for name in QUESTIONS}
        self._control = ControlServer(directory.control_path, self.submit, self._questions)

    def answer(self, name: str, question: Question) -> None:
        """Answer one more question of the command line: one that only a running node can."""
        self._questions[name] = question

    def knows(self, token: str) -> bool:
        """Return whether a token is the one of this node's control.json, so that its bearer is the node's owner."""
        return self._control.knows(token)

    def _kept(self, batch: Batch) -> None:
        for watcher in self.kept_watchers:
            watcher(batch)

    def _noticed(self, notice: Notice) -> None:
        for watcher in self.notice_watchers:
            watcher(notice)

    def end(self) -> None:
        """Let `run` end."""
        self._ended.set()

    async def submit(self, command: NodeCommand) -> Written:
        """Give a command to the node; a newly paired ally is dialled at once."""
        written = await self.driver.submit(command)
        if isinstance(command, Pair):
            self.links.trust_all()
        return written

    async def _ask(self, name: str, arguments: Mapping[str, Any]) -> Any:
        machine = self.driver.machine
        return await self.driver.ask(lambda: QUESTIONS[name](Asked(machine.state, machine.peers), arguments))

    async def run(self, *, link_port: int, host: str, on_ready: Callable[[int], None], doors: Sequence[Door] = ()) -> None:
        """Serve until SIGINT or SIGTERM, with `doors` beside the command line's; `on_ready` is told the link's port."""
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self.end)
        driving = asyncio.create_task(self.driver.run())
        driving.add_done_callback(lambda _: self.end())
        try:
            port = await self.links.listen(host, link_port)
            self.links.trust_all()
            for door in (self._control, *doors):
                await door.start()
            on_ready(port)
            await self._ended.wait()
        finally:
            for door in (*doors, self._control):
                await door.close()
            await self.links.close()
            if driving.done():
                driving.result()  # what ended the driver ends the service
            driving.cancel()
            await asyncio.gather(driving, return_exceptions=True)
            self._store.close()

    def _keep_countersignatures(self, batch: Batch) -> None:
        """Allies' countersignatures under our chains, also outside the store: a rebuild is checked against them."""
        own = self.driver.machine.own.ally
        ours = [statement.signed for statement in batch.statements if statement.ally == own and statement.by != own]
        for signed in ours:
            data = encode(signed)
            self._unfiled += len(data).to_bytes(4, "big") + data
        if self._unfiled:
            with contextlib.suppress(OSError):  # they are in the store, and are filed with the next ones
                _append_whole(self._directory.countersignatures_path, self._unfiled)
                self._unfiled = b""


def _append_whole(path: Path, data: bytes) -> None:
    """Append `data` to a file, all of it or nothing."""
    with path.open("ab", buffering=0) as file:
        end = file.tell()
        try:
            written = file.write(data)
        except OSError:
            written = 0
        if written != len(data):
            file.truncate(end)
            raise OSError(errno.ENOSPC, "the disk took only a part")
