"""Where a store lies: told apart from a copy of it, so that a restored node opens a new epoch.

Device, inode and time of creation of the store's file are noted beside it. A backup that is put back,
or a directory that is copied, has others. A virtual machine that is rolled back has the same ones:
that shows as a fork, once an ally's node returns what this one has forgotten.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import msgspec

_AT_FDCWD, _STATX_BTIME = -100, 0x800
_STATX_SIZE, _BTIME_SECONDS, _BTIME_NANOSECONDS = 256, 80, 88  # linux/stat.h, struct statx


class Place(msgspec.Struct, frozen=True):
    """What tells one file from its copies."""

    device: int
    inode: int
    created_ns: int  # 0 where the file system does not say


def place_of(path: Path) -> Place:
    """Return where the file at `path` lies now."""
    status = path.stat()
    return Place(status.st_dev, status.st_ino, _created_ns(path, status))


def noted(path: Path) -> Place | None:
    """Return the place noted in the file at `path`, None if there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Place)
    except (OSError, msgspec.DecodeError):
        return None


def note(path: Path, place: Place) -> None:
    """Note `place` in the file at `path`."""
    draft = path.with_suffix(".new")
    draft.write_bytes(msgspec.json.encode(place))
    draft.replace(path)


def _created_ns(path: Path, status: os.stat_result) -> int:
    birth = getattr(status, "st_birthtime", None)
    if birth is not None:
        return int(birth * 1_000_000_000)
    statx = getattr(ctypes.CDLL(None), "statx", None)
    if statx is None:
        return 0
    buffer = ctypes.create_string_buffer(_STATX_SIZE)
    if statx(_AT_FDCWD, os.fsencode(path), 0, _STATX_BTIME, buffer) != 0:
        return 0
    if not int.from_bytes(buffer.raw[:4], "little") & _STATX_BTIME:
        return 0
    seconds = int.from_bytes(buffer.raw[_BTIME_SECONDS : _BTIME_SECONDS + 8], "little", signed=True)
    return seconds * 1_000_000_000 + int.from_bytes(buffer.raw[_BTIME_NANOSECONDS : _BTIME_NANOSECONDS + 4], "little")
