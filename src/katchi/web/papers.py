"""Papers between a browser and the store: kept chunk by chunk before an act names them, given out the same way.

Memory stays flat both ways, and nothing that was only half kept or is only half here is taken for a paper.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import PurePosixPath
from typing import IO, NamedTuple

from katchi.consult.acts import PAPER_SIZE_MAX, Paper
from katchi.errors import Malformed, NotFound
from katchi.node.batch import CHUNK_SIZE
from katchi.node.commands import KeepChunk
from katchi.node.state import State, leaves_key
from katchi.record import merkle
from katchi.record.digest import HASHES
from katchi.serve.questions import Asked
from katchi.web.front import Front

CHUNKS_AT_ONCE = 32  # 2 MiB under way
NAME_LENGTH_MAX = 255


class HeldPaper(NamedTuple):
    """How much of a paper is here."""

    held: int  # chunks
    total: int

    @property
    def is_whole(self) -> bool:
        """Whether it can be given out."""
        return self.held == self.total


async def keep_paper(front: Front, room: bytes, hash_name: str, name: str, file: IO[bytes]) -> Paper:
    """Keep a document in a room, durably; return what an act names it by. It is read twice, from its start.

    Args:
        room: the room, whose hash is `hash_name`.
        name: as the browser gave it.
    Raises:
        Malformed: it is over 64 MiB, or its name cannot be used.
        NotFound, StoreFailed: there is no such room, or the disk did not take it.
    """
    name = file_name(name)
    size, leaves = await asyncio.to_thread(_measured, hash_name, name, file)
    root = merkle.root_of_leaves(hash_name, leaves)
    file.seek(0)
    for first in range(0, len(leaves), CHUNKS_AT_ONCE):
        indexes = range(first, min(first + CHUNKS_AT_ONCE, len(leaves)))
        chunks = [KeepChunk(room=room, root=root, index=index, data=file.read(CHUNK_SIZE)) for index in indexes]
        await asyncio.gather(*map(front.submit, chunks))
    return Paper(name, size, root)


def file_name(name: str) -> str:
    """Return the last part of a path, as a paper's name.

    Raises:
        Malformed: nothing of it is left, or it is too long.
    """
    found = "".join(letter for letter in PurePosixPath(name.replace("\\", "/")).name if letter.isprintable()).strip()
    if not found or len(found) > NAME_LENGTH_MAX:
        raise Malformed(
            "'{name}' cannot be the name of a paper",
            hint="Give the file a name of 1 to 255 letters, and attach it again.",
            field="papers",
            name=name[:NAME_LENGTH_MAX],
        )
    return found


def _measured(hash_name: str, name: str, file: IO[bytes]) -> tuple[int, list[bytes]]:
    """Return the size and leaf digests of a file; refuse one that is too large before any of it is kept."""
    size = file.seek(0, 2)
    if size > PAPER_SIZE_MAX:
        raise Malformed(
            "{path} has {size} bytes, and a paper at most {limit}",
            hint="Split it, or attach the part that matters.",
            field="papers",
            path=name,
            size=size,
            limit=PAPER_SIZE_MAX,
        )
    file.seek(0)
    return size, [merkle.leaf(hash_name, chunk) for chunk in iter(lambda: file.read(CHUNK_SIZE), b"")]


def held_paper(state: State, room: bytes, root: bytes) -> HeldPaper | None:
    """Return how much of a paper of a room here is held; None if no entry here names it."""
    found = state.rooms.get(room)
    if found is None:
        return None
    if root == merkle.root(found.hash, ()):
        return HeldPaper(0, 0)  # an empty document
    wanted = state.papers.get((room, root))
    if wanted is not None:
        return HeldPaper(len(state.store.chunk_indexes(room, root)), -(-wanted.size // CHUNK_SIZE))
    leaves = state.store.fact(leaves_key(room, root))
    if leaves is None:
        return None
    total = len(leaves) // HASHES[found.hash]().digest_size
    return HeldPaper(total, total)


async def read_paper(front: Front, room: bytes, root: bytes, chunks: int) -> AsyncIterator[bytes]:
    """Yield the chunks of a paper that is held whole, each read when the one before it was taken.

    Raises:
        NotFound: a chunk is gone.
        RecordBroken: a chunk was changed on the disk.
    """
    for index in range(chunks):
        yield await front.ask(_chunk_of(room, root, index))


def _chunk_of(room: bytes, root: bytes, index: int) -> Callable[[Asked], bytes]:
    def chunk(asked: Asked) -> bytes:
        found = asked.state.store.chunk(room, root, index)
        if found is None:
            raise NotFound("a part of this paper is gone", hint="`katchi record audit DIR` says what is here.")
        return found

    return chunk
