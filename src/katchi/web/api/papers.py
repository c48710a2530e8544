"""Papers of a room: kept before an act names them, and given out as they are."""

from __future__ import annotations

import tempfile
from typing import Annotated

from litestar import get, put
from litestar.params import PathParameter, QueryParameter
from litestar.response import Stream

from katchi.consult.acts import PAPER_SIZE_MAX
from katchi.web.api.acts import AttachedPaper
from katchi.web.api.asking import room_id
from katchi.web.pages.papers import bytes_of, given_out
from katchi.web.papers import keep_paper
from katchi.web.visit import Visit

IN_MEMORY_SIZE_MAX = 1024 * 1024


@put("/api/rooms/{id:str}/papers", request_max_body_size=PAPER_SIZE_MAX, takes=bytes)
async def put_paper(
    visit: Visit, id: str, name: Annotated[str, QueryParameter(description="What the document is called.")]
) -> AttachedPaper:
    """Keep a document of at most 64 MiB in a room: the body as it is. Give the answer as a paper of an act.

    It is sent to nobody before an act names it.
    """
    room = await room_id(visit, id)
    hash_name = await visit.front.ask(lambda asked: asked.state.rooms.now[room].hash)
    with tempfile.SpooledTemporaryFile(IN_MEMORY_SIZE_MAX) as file:
        async for piece in visit.request.stream():
            file.write(piece)
        paper = await keep_paper(visit.front, room, hash_name, name, file)
    return AttachedPaper(name=paper.name, size=paper.size, root=paper.root.hex())


@get("/api/rooms/{id:str}/papers/{root:str}", media_type="application/octet-stream")
async def get_paper(
    visit: Visit,
    id: str,
    root: Annotated[str, PathParameter(description="The paper's root, as an act names it: all of its digits.")],
    name: Annotated[str | None, QueryParameter(description="The file name to answer with; the root if not given.")] = None,
) -> Stream:
    """Give out a document that is here whole, as an attachment."""
    return await given_out(visit.front, await room_id(visit, id), bytes_of(root), name or root)


HANDLERS = (put_paper, get_paper)
