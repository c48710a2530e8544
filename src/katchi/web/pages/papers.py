"""Papers, given out: only whole ones, of rooms that are here, and never opened inside a page."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from litestar import Response, get
from litestar.response import Stream

from katchi.errors import KatchiError, NotFound
from katchi.node.batch import CHUNK_SIZE
from katchi.web.front import Front
from katchi.web.papers import file_name, held_paper, read_paper
from katchi.web.visit import Visit


class PaperAwaited(KatchiError):
    """A paper is not here whole yet."""

    exit_status, http_status = 4, 409


@get("/papers/{room:str}/{root:str}")
async def paper(visit: Visit, room: str, root: str, name: str = "paper") -> Response[Any]:
    """Download one paper."""
    return await given_out(visit.front, bytes_of(room), bytes_of(root), name)


async def given_out(front: Front, room: bytes, root: bytes, name: str) -> Stream:
    """Return a paper as a file to download.

    Raises:
        NotFound, PaperAwaited: it is not here, or not whole.
    """
    held = await front.ask(lambda asked: held_paper(asked.state, room, root))
    if held is None:
        raise _no_paper()
    if not held.is_whole:
        raise PaperAwaited(
            "paper awaited: {n} of {m} chunks are here",
            hint="The link brings the rest, after all messages. Ask for it again later.",
            n=held.held,
            m=held.total,
        )
    last = await front.ask(lambda asked: asked.state.store.chunk(room, root, held.total - 1)) if held.total else b""
    size = max(held.total - 1, 0) * CHUNK_SIZE + len(last or b"")
    return Stream(
        read_paper(front, room, root, held.total),
        media_type="application/octet-stream",
        headers={
            "Content-Length": str(size),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file_name(name), safe='')}",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "X-Content-Type-Options": "nosniff",
        },
    )


def bytes_of(text: str) -> bytes:
    """Return an id in an address, or raise NotFound."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise _no_paper() from None


def _no_paper() -> NotFound:
    return NotFound("no paper here goes by that id", hint="A consultation's page leads to its papers.")


HANDLERS = (paper,)
