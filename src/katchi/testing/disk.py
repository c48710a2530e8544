"""A disk that loses power, fails and fills up: what was written and not synced is kept apart.

The real files hold only what is durable; a write lies in memory until its file is synced. `crash()`
drops what was not synced, or keeps an arbitrary part of it, torn at a sector, as a real disk may.
Shared memory and locks are those of SQLite's own VFS over the real files, so that a store runs here
in the same mode as in production: write-ahead log, normal locking, other connections reading. (The
other way, EXCLUSIVE locking with the log's index on the heap, would test a mode that no node runs.)
It does not model lost directory entries: SQLite syncs the directory, and this disk takes its word.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Literal

import apsw
import msgspec

if TYPE_CHECKING:
    from typing_extensions import Buffer

SECTOR = 512  # bytes that are written whole or not at all

Operation = Literal["write", "sync", "truncate", "delete"]


class _Write(msgspec.Struct, frozen=True):
    """Bytes on their way to the disk; `data` None cuts or stretches the file to `offset`."""

    offset: int
    data: bytes | None

    def apply(self, content: bytearray) -> None:
        if self.data is None:
            del content[self.offset :]
            content.extend(bytes(self.offset - len(content)))
        else:
            content.extend(bytes(max(0, self.offset - len(content))))
            content[self.offset : self.offset + len(self.data)] = self.data

    def torn(self, chance: Random) -> _Write:
        """Return this write cut short at a sector's edge, if it is long enough to tear."""
        if self.data is None or len(self.data) <= SECTOR:
            return self
        return _Write(self.offset, self.data[: chance.randrange(0, len(self.data), SECTOR)])


class _File(msgspec.Struct):
    """One file: what the processes see, and which writes of it are not on the disk yet."""

    content: bytearray
    unsynced: list[_Write] = []


class FaultDisk(apsw.VFS):
    """A VFS of SQLite, registered as `name`: open a store with vfs=disk.name.

    Every write, sync, truncation and deletion is an operation; `operations` counts them. The power
    goes off before operation number `crash_at`, and comes back with `restart()`.
    """

    def __init__(self, name: str = "fault-disk", *, chance: Random | None = None) -> None:
        """Register the disk. `chance` decides what a crash keeps of unsynced writes; None keeps nothing."""
        super().__init__(name, "")
        self.name, self.chance = name, chance
        self.operations = 0
        self.crash_at: int | None = None
        self.space_bytes: int | None = None  # left for files to grow; None is endless
        self.power = 0  # rises with every crash: a handle of an older one is dead
        self.is_on = True
        self.files: dict[str, _File] = {}
        self._failing: dict[Operation, tuple[int, int]] = {}

    def fail(self, operation: Operation, *, after: int = 0, times: int = 1) -> None:
        """Let `times` operations of this kind fail with an I/O error, once `after` more have succeeded."""
        self._failing[operation] = (after, times)

    def crash(self) -> None:
        """Lose power now: unsynced writes are dropped, or some kept; all open handles are dead."""
        for path, file in self.files.items():
            if self.chance is not None and file.unsynced:
                self._keep_some(Path(path), file.unsynced, self.chance)
        self.files.clear()
        self.is_on, self.crash_at = False, None
        self.power += 1

    def restart(self) -> None:
        """Bring power back. Close the stores that were open before: their handles stay dead."""
        self.is_on = True

    def unregister(self) -> None:
        """Take the disk from SQLite's list; every store on it must be closed."""
        super().unregister()

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        """See apsw.VFS.xOpen."""
        self.require_power(self.power)
        if name is None:  # SQLite's own scratch file: nothing of it is meant to last
            return apsw.VFSFile("", name, flags)
        return _Handle(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        """See apsw.VFS.xDelete."""
        self.count("delete", self.power)
        super().xDelete(filename, syncdir)
        file = self.files.pop(filename, None)
        if file is not None and self.space_bytes is not None:
            self.space_bytes += len(file.content)

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802
        """See apsw.VFS.xAccess."""
        self.require_power(self.power)
        return super().xAccess(pathname, flags)

    def excepthook(
        self, etype: type[BaseException] | None, evalue: BaseException | None, etraceback: TracebackType | None
    ) -> bool:
        """Say nothing of faults that SQLite swallows: they are what this disk is for."""
        return True

    def count(self, operation: Operation, power: int) -> None:
        """Count an operation of a handle opened under `power`; raise if it is to fail."""
        self.require_power(power)
        if self.operations == self.crash_at:
            self.crash()
            raise apsw.IOError("the power went off")
        self.operations += 1
        after, times = self._failing.get(operation, (0, 0))
        if times:
            self._failing[operation] = (after - 1, times) if after else (0, times - 1)
            if not after:
                raise apsw.IOError(f"the disk failed to {operation}")

    def require_power(self, power: int) -> None:
        """Raise if the power is off, or has been since."""
        if not self.is_on or power != self.power:
            raise apsw.IOError("the power is off")

    def take_space(self, growth: int) -> None:
        """Let a file grow, or raise apsw.FullError."""
        if self.space_bytes is not None:
            if growth > self.space_bytes:
                raise apsw.FullError("the disk is full")
            self.space_bytes -= growth

    def _keep_some(self, path: Path, unsynced: list[_Write], chance: Random) -> None:
        """Put a part of the unsynced writes on the disk: all, some first ones, or any; at times one of them torn."""
        first = unsynced[: chance.randint(0, len(unsynced))]
        kept = chance.choice((list(unsynced), first, [write for write in unsynced if chance.random() < 0.5]))
        if kept and chance.random() < 0.5:
            torn = chance.randrange(len(kept))
            kept[torn] = kept[torn].torn(chance)
        with contextlib.suppress(FileNotFoundError):
            content = bytearray(path.read_bytes())
            for write in kept:
                write.apply(content)
            path.write_bytes(content)


class _Handle(apsw.VFSFile):
    """One open file of the disk; what it reads is what any handle has written, synced or not."""

    def __init__(self, disk: FaultDisk, name: str | apsw.URIFilename, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._disk, self._power = disk, disk.power
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path not in disk.files:
            size = super().xFileSize()
            disk.files[path] = _File(bytearray(super().xRead(size, 0) if size else b""))
        self._file = disk.files[path]

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        self._disk.require_power(self._power)
        return bytes(self._file.content[offset : offset + amount])

    def xWrite(self, data: Buffer, offset: int) -> None:  # noqa: N802
        self._disk.count("write", self._power)
        written = bytes(data)
        self._change(_Write(offset, written), max(0, offset + len(written) - len(self._file.content)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._disk.count("truncate", self._power)
        self._change(_Write(newsize, None), newsize - len(self._file.content))

    def _change(self, write: _Write, growth: int) -> None:
        self._disk.take_space(growth)
        write.apply(self._file.content)
        self._file.unsynced.append(write)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.count("sync", self._power)
        for write in self._file.unsynced:
            if write.data is None:
                super().xTruncate(write.offset)
            else:
                super().xWrite(write.data, write.offset)
        self._file.unsynced.clear()

    def xFileSize(self) -> int:  # noqa: N802
        self._disk.require_power(self._power)
        return len(self._file.content)

    def excepthook(
        self, etype: type[BaseException] | None, evalue: BaseException | None, etraceback: TracebackType | None
    ) -> bool:
        return True
