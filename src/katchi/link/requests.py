"""What one peer is asked for, and what it asks of us: late bodies and papers, most urgent first.

Everything is asked by (room, digest) and served only from rooms that both share, never by content
address alone. A bounded number of requests is open each way, so neither side can flood the other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from katchi.link import frames as f
from katchi.link.holdings import Holdings

BODIES_IN_FLIGHT = 256
CHUNKS_IN_FLIGHT = 32
CHUNKS_A_REQUEST = 16
REQUESTS_QUEUED_MAX = 64
SERVE_BYTES = 256 * 1024

Key = tuple[str, bytes, int]  # what kind, digest, chunk index


class Requests:
    """Open requests to one peer, and its requests to us."""

    def __init__(self, holdings: Holdings, ally: str) -> None:
        self._holdings, self._ally = holdings, ally
        self._open: set[Key] = set()
        self._queue: deque[f.WantBodies | f.WantPaper] = deque()

    @property
    def is_waiting(self) -> bool:
        """True while the peer owes us an answer."""
        return bool(self._open)

    @property
    def is_asked(self) -> bool:
        """True while we owe the peer an answer."""
        return bool(self._queue)

    def forget(self) -> None:
        """Ask again for everything that has not come."""
        self._open.clear()

    def came(self, kind: str, digest: bytes, index: int = 0) -> bool:
        """Note an answer; True if it was asked for."""
        key = (kind, digest, index)
        was_open = key in self._open
        self._open.discard(key)
        return was_open

    def queue(self, want: f.WantBodies | f.WantPaper) -> None:
        """Take the peer's request; one beyond the bound is passed over, it will ask again."""
        if len(self._queue) < REQUESTS_QUEUED_MAX:
            self._queue.append(want)

    def wants(self, room: bytes, features: frozenset[str]) -> Iterator[f.Frame]:
        """Yield requests for what we lack of a room and the peer is to give."""
        bodies_open = sum(kind == "body" for kind, _, _ in self._open)
        if bodies_open < BODIES_IN_FLIGHT // 2:
            wanted = self._holdings.bodies_wanted(self._ally, room, BODIES_IN_FLIGHT)
            digests = tuple(digest for digest in wanted if ("body", digest, 0) not in self._open)[
                : BODIES_IN_FLIGHT - bodies_open
            ]
            if digests:
                self._open.update(("body", digest, 0) for digest in digests)
                yield f.WantBodies(room, digests)
        if f.PAPERS not in features:
            return
        for paper in self._holdings.papers_wanted(self._ally, room):
            if not paper.has_leaves:
                if ("leaves", paper.root, 0) not in self._open:
                    self._open.add(("leaves", paper.root, 0))
                    yield f.WantPaper(room, paper.root, 0, 0)
                continue
            yield from self._want_chunks(room, paper.root, paper.first_missing, -(-paper.size // f.CHUNK_SIZE))

    def _want_chunks(self, room: bytes, root: bytes, first_missing: int, count: int) -> Iterator[f.Frame]:
        asked = [index for kind, digest, index in self._open if kind == "chunk" and digest == root]
        first = max(first_missing, max(asked, default=-1) + 1)
        room_left = CHUNKS_IN_FLIGHT - len(asked)
        last = min(first + min(room_left, CHUNKS_A_REQUEST), count)
        if last > first and (room_left >= CHUNKS_A_REQUEST or last == count):
            self._open.update(("chunk", root, index) for index in range(first, last))
            yield f.WantPaper(room, root, first, last - first)

    def serve(self, shared: set[bytes]) -> Iterator[f.Frame]:
        """Yield answers to the peer's requests, about 256 KiB at most."""
        size = 0
        while self._queue and size < SERVE_BYTES:
            want = self._queue.popleft()
            if want.room not in shared:
                continue
            if isinstance(want, f.WantBodies):
                for frame in self._bodies(want):
                    size += sum(len(item.body) for item in frame.bodies)
                    yield frame
            elif want.count == 0:
                leaves = self._holdings.leaves(want.room, want.root)
                if leaves is not None:
                    size += len(leaves)
                    yield f.Leaves(want.room, want.root, leaves)
            else:
                data = self._holdings.chunk(want.room, want.root, want.first)
                if data is not None:
                    size += len(data)
                    yield f.ChunkFrame(want.room, want.root, want.first, data)
                    if want.count > 1:
                        self._queue.appendleft(f.WantPaper(want.room, want.root, want.first + 1, want.count - 1))

    def _bodies(self, want: f.WantBodies) -> Iterator[f.Bodies]:
        items: list[f.BodyItem] = []
        size = 0
        for digest in want.digests:
            found = self._holdings.body(want.room, digest)
            if found is None:
                continue
            items.append(f.BodyItem(digest, *found))
            size += len(found[1])
            if size > f.RUN_BYTES_MAX:
                yield f.Bodies(want.room, tuple(items))
                items, size = [], 0
        if items:
            yield f.Bodies(want.room, tuple(items))
