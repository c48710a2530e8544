"""Long work outside the node's process: an audit, an export, all that concerns a scenario. None of it writes the store."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec

from katchi.errors import Malformed, Refused
from katchi.language import Language

PIECE_SIZE = 256 * 1024
SOUND, BROKEN = 0, 5  # exit statuses of `katchi record audit`


class Audit(msgspec.Struct, frozen=True):
    """One audit of the whole store."""

    began_at: int
    ended_at: int | None = None
    report: dict[str, Any] | None = None  # what `katchi record audit --json` says; None if it could not say
    failure: str = ""

    @property
    def is_sound(self) -> bool:
        """True only if the audit ended and found nothing."""
        return bool(self.report and self.report["sound"])


class Audits:
    """The audits of one node's store: one at a time."""

    def __init__(self, directory: Path, ended: Callable[[], None]) -> None:
        self._directory, self._ended = directory, ended  # `ended`: tells the screens
        self._running: asyncio.Task[None] | None = None
        self.last: Audit | None = None

    @property
    def is_running(self) -> bool:
        """Whether one is under way."""
        return self._running is not None and not self._running.done()

    def begin(self, language: Language, clock: Any) -> None:
        """Begin an audit.

        Raises:
            Refused: one is under way.
        """
        if self.is_running:
            raise Refused("an audit is under way", hint="Wait until it has ended; this page shows when.")
        self.last = Audit(clock())
        self._running = asyncio.create_task(self._run(language, clock))

    async def _run(self, language: Language, clock: Any) -> None:
        assert self.last is not None
        began = self.last.began_at
        status, out, log = await katchi(language, "record", "audit", str(self._directory), "--json")
        if status in (SOUND, BROKEN) and out:
            self.last = Audit(began, clock(), msgspec.json.decode(out))
        else:
            self.last = Audit(began, clock(), failure=log.decode(errors="replace")[-2_000:])
        self._ended()

    def end(self) -> None:
        """Give up what is under way."""
        if self._running is not None:
            self._running.cancel()


async def exported(directory: Path, room: bytes | None, suffix: str, language: Language) -> tuple[AsyncIterator[bytes], int]:
    """Write an export; return its bytes, piece by piece, and how many there are.

    Raises:
        Malformed: it could not be written.
    """
    holder = tempfile.TemporaryDirectory(prefix="katchi-export-")
    file = Path(holder.name) / f"export{suffix}"
    words = ["record", "export", str(directory), "--out", str(file), *(("--room", room.hex()) if room else ())]
    status, _, log = await katchi(language, *words)
    if status != 0:
        holder.cleanup()
        said = log.decode(errors="replace").strip().removeprefix("katchi: ")
        raise Malformed("the export could not be written: {reason}", hint="The node's log says more.", reason=said[:500])

    async def pieces() -> AsyncIterator[bytes]:
        with holder, file.open("rb") as source:
            while piece := await asyncio.to_thread(source.read, PIECE_SIZE):
                yield piece

    return pieces(), file.stat().st_size


async def katchi(
    language: Language, *words: str, at: Path | None = None, seconds_max: float | None = None
) -> tuple[int, bytes, bytes]:
    """Run a command of katchi in a process of its own; return its exit status and what it said.

    Args:
        language: in which it speaks.
        words: of the command.
        at: the folder in which it runs; the node's own if None.
        seconds_max: it is killed after so long, and TimeoutError raised.
    """
    process = await asyncio.create_subprocess_exec(
        *command(*words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=at,
        env=os.environ | {"KATCHI_LANG": language},
    )
    try:
        async with asyncio.timeout(seconds_max):
            out, log = await process.communicate()
    except BaseException:
        if process.returncode is None:
            process.kill()
        raise
    return process.returncode or 0, out, log


def command(*words: str) -> tuple[str, ...]:
    """Return what starts a command of katchi; -P: nothing is imported from the folder in which it runs."""
    return (sys.executable, "-P", "-m", "katchi.cli", *words)
