"""Two real nodes on one machine: the far one in a process of its own, the near one here, under load."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from katchi.consult.rules import Open, StatePosition
from katchi.demo.stage import Stage
from katchi.node.commands import FoundRoom
from katchi.serve.directory import NodeDirectory
from katchi.serve.service import Service

TEXT = "Both sides hold what the other has said, in the order in which it was said, and neither can alter it. " * 6
ENTRIES_A_CONSULTATION = 500


def make_pair(directory: Path) -> tuple[Path, Path]:
    """Make two paired nodes with a room in force, at rest; return their directories."""
    with Stage(directory, ["near", "far"]) as stage:
        stage.make()
        stage.start()
        room = stage.submit("near", FoundRoom(title="bench", allies=("far",))).room or b""

        def in_force() -> bool:
            found = {one["id"]: one for one in stage.ask("far", "rooms")}.get(room.hex())
            return bool(found and not found["missing"] and all(chain["length"] for chain in found["chains"]))

        stage.wait("the room is in force", in_force)
        return stage.nodes["near"], stage.nodes["far"]


class Far:
    """The far node's process: prints the time at which each message became visible there."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", "bench.far", str(path)], stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def end(self) -> list[int]:
        """End it; return the times at which messages became visible, microseconds UTC."""
        self.process.terminate()
        assert self.process.stdout is not None
        times = [int(line) for line in self.process.stdout.read().split()]
        self.process.wait()
        self.process.stdout.close()
        return times

    @property
    def pss_mib(self) -> float:
        """Its proportional memory, MiB."""
        return pss_mib(self.process.pid)


def pss_mib(pid: int | str) -> float:
    """Return a process's proportional set size, MiB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise LookupError("the kernel does not say how much memory a process takes")


class Near:
    """The near node, in this process."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._opening = b""
        self._stated = ENTRIES_A_CONSULTATION

    async def position(self) -> None:
        """State one position: one entry of about 1 KiB; return once it is durable here."""
        await self.service.submit(StatePosition(consultation=self._opening, text=TEXT))

    async def consultation(self) -> None:
        """Open another consultation when the present one has become long."""
        if self._stated >= ENTRIES_A_CONSULTATION:
            self._stated = 0
            self._opening = (await self.service.submit(Open(subject="bench"))).digest or b""

    async def positions(self, count: int) -> None:
        """State `count` positions in one group."""
        await self.consultation()
        self._stated += count
        await asyncio.gather(*(self.position() for _ in range(count)))

    async def length(self) -> int:
        """Entries of our own chain."""
        return await self.service.driver.ask(lambda: self._chain().length)

    async def confirmed(self, length: int) -> None:
        """Return once the far node has countersigned our chain to `length`."""
        while await self.service.driver.ask(lambda: self._chain().newest.confirmed.get("far", 0)) < length:
            await asyncio.sleep(0.002)

    def _chain(self):
        state = self.service.driver.machine.state
        room = next(room for room in state.rooms.now.values() if not room.is_national)
        return state.chain(room.id, "near")


@asynccontextmanager
async def linked(near: Path, far: Path) -> AsyncIterator[tuple[Near, Far]]:
    """Run both nodes, linked."""
    directory = NodeDirectory.open(near)
    child = Far(far)
    with directory.locked():
        service = Service(directory)
        state = service.driver.machine.state
        state.allies.now["far"] = _at(state.allies.now["far"], child.port)
        running = asyncio.create_task(service.run(link_port=0, host="127.0.0.1", on_ready=lambda _: None))
        try:
            while not service.driver.machine.peers["far"].is_up:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.5)
            yield Near(service), child
        finally:
            service.end()
            await running
            if child.process.poll() is None:
                child.end()


def _at(paired, port: int):
    import msgspec

    return msgspec.structs.replace(paired, address=f"127.0.0.1:{port}")


def seconds() -> float:
    """A clock for spans."""
    return time.perf_counter()
