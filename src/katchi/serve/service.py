"""A running node: its driver, its links and its command line's door, until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from katchi.bearer.certificate import CertificatePaths
from katchi.bearer.tls import TlsBearer
from katchi.link.frames import FRAME_SIZE_MAX
from katchi.node.batch import Batch
from katchi.node.commands import NodeCommand, Pair, Written
from katchi.node.notices import Notice
from katchi.record.canonical import encode
from katchi.serve.clock import now_us
from katchi.serve.control import ControlServer
from katchi.serve.directory import NodeDirectory
from katchi.serve.driver import Driver
from katchi.serve.links import Links
from katchi.serve.questions import QUESTIONS, Asked

IDLE_S_MAX = 10.0  # the link pings every 4 s

Tap = Callable[[str, str, bytes], None]


class Service:
    """One node, serving: to be run in one asyncio loop."""

    def __init__(
        self,
        directory: NodeDirectory,
        *,
        on_notice: Callable[[Notice], None] = lambda _: None,
        on_link: Callable[[str, str], None] = lambda _ally, _event: None,
        on_frame: Tap | None = None,
    ) -> None:
        self._directory = directory
        self._ended = asyncio.Event()
        self._unfiled = b""  # countersignatures that the disk did not take yet
        machine, self._store = directory.machine()
        self.driver = Driver(machine, self._store, now_us, on_notice=on_notice, on_kept=self._keep_countersignatures)
        bearer = TlsBearer(
            CertificatePaths.within(directory.path), frame_size_max=FRAME_SIZE_MAX, idle_s_max=10.0, on_frame=on_frame
        )
        self.links = Links(self.driver, bearer, machine.own.ally, on_link)
        questions = {name: functools.partial(self._ask, name) for name in QUESTIONS}
        self._control = ControlServer(directory.control_path, self.submit, questions)

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

    async def run(self, *, link_port: int, host: str, on_ready: Callable[[int], None]) -> None:
        """Serve until SIGINT or SIGTERM; `on_ready` is told the link's port."""
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self.end)
        driving = asyncio.create_task(self.driver.run())
        driving.add_done_callback(lambda _: self.end())
        try:
            port = await self.links.listen(host, link_port)
            self.links.trust_all()
            await self._control.start()
            on_ready(port)
            await self._ended.wait()
        finally:
            await self._control.close()
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
