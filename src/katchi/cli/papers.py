"""Attaching documents: kept chunk by chunk, durable before the act that names them is written."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from katchi.cli.speech import _
from katchi.consult.acts import PAPER_SIZE_MAX, Paper
from katchi.errors import Malformed, NotFound
from katchi.node.batch import CHUNK_SIZE
from katchi.node.commands import KeepChunk
from katchi.record import merkle
from katchi.serve.office import Office

CHUNKS_AT_ONCE = 32  # 2 MiB under way, so that memory stays flat


def keep_papers(office: Office, room: bytes, paths: Sequence[Path]) -> tuple[Paper, ...]:
    """Keep the documents at `paths` in `room`; return what an act names them by.

    Raises:
        NotFound, Malformed: a file cannot be read, or is over 64 MiB.
    """
    if not paths:
        return ()
    hash_name = next(one["hash"] for one in office.ask("rooms") if one["id"] == room.hex())
    return tuple(_keep(office, room, hash_name, path) for path in paths)


def _keep(office: Office, room: bytes, hash_name: str, path: Path) -> Paper:
    try:
        size = path.stat().st_size
        if size > PAPER_SIZE_MAX:
            raise Malformed(
                "{path} has {size} bytes, and a paper at most {limit}",
                hint="Split it, or attach the part that matters.",
                path=str(path),
                size=size,
                limit=PAPER_SIZE_MAX,
            )
        with path.open("rb") as file:
            leaves = [merkle.leaf(hash_name, chunk) for chunk in iter(lambda: file.read(CHUNK_SIZE), b"")]
            root = merkle.root_of_leaves(hash_name, leaves)
            file.seek(0)
            for first in range(0, len(leaves), CHUNKS_AT_ONCE):
                indexes = range(first, min(first + CHUNKS_AT_ONCE, len(leaves)))
                office.submit(*(KeepChunk(room=room, root=root, index=index, data=file.read(CHUNK_SIZE)) for index in indexes))
                _show_progress(path.name, indexes[-1] + 1, len(leaves))
    except OSError as error:
        raise NotFound(
            "cannot read {path}: {error}", hint="Name a file that can be read.", path=str(path), error=error.strerror or ""
        ) from None
    return Paper(path.name, size, root)


def _show_progress(name: str, done: int, total: int) -> None:
    if not sys.stderr.isatty():
        return
    filled = 30 * done // total
    line = _("keeping {name}").format(name=name) + f"  [{'#' * filled}{'.' * (30 - filled)}] {100 * done // total:3} %"
    sys.stderr.write("\r" + line + ("\n" if done == total else ""))
    sys.stderr.flush()
