"""The entries that were kept last: they are put on the link right away, without being read back from the store."""

from __future__ import annotations

from collections.abc import Iterable

from katchi.node.batch import Kept
from katchi.record.entry import Entry

BYTES_MAX = 1024 * 1024  # of headers and bodies; beyond it, it begins anew

Place = tuple[bytes, str, int, int]  # room, ally, branch, seq


class Fresh:
    """A few of the newest durable entries, by their places."""

    def __init__(self) -> None:
        self._entries: dict[Place, Entry] = {}
        self._bytes = 0

    def keep(self, batch: Iterable[Kept]) -> None:
        """These are durable."""
        for kept in batch:
            header = kept.entry.header
            size = len(kept.entry.header_bytes) + header.size
            if self._bytes + size > BYTES_MAX:
                self.clear()
            self._bytes += size
            self._entries[header.room, header.ally, kept.branch, header.seq] = kept.entry

    def run(self, room: bytes, ally: str, branch: int, start: int, end: int) -> list[Entry]:
        """Return the entries of a branch from `start`, before `end`, as far as they are here."""
        found: list[Entry] = []
        while start + len(found) < end and (entry := self._entries.get((room, ally, branch, start + len(found)))) is not None:
            found.append(entry)
        return found

    def clear(self) -> None:
        """Forget all of them, as when a body came to an entry that is here without it."""
        self._entries.clear()
        self._bytes = 0
