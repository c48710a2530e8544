"""Attaching documents: kept chunk by chunk, durable before the act that names them is written."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from katchi.cli.speech import _
from katchi.consult.acts import PAPER_SIZE_MAX, Paper
from katchi.consult.rules import Open, StatePosition
from katchi.errors import Malformed, NotFound, os_reason
from katchi.node.batch import CHUNK_SIZE
from katchi.node.commands import Consider, KeepChunk
from katchi.record import merkle
from katchi.serve.office import Office

CHUNKS_AT_ONCE = 32  # 2 MiB under way, so that memory stays flat


def named_papers(office: Office, room: bytes, paths: Sequence[Path]) -> tuple[Paper, ...]:
    """Return what an act names the documents at `paths` by; nothing of them is kept yet.

    Raises:
        NotFound, Malformed: a file cannot be read, or is over 64 MiB.
    """
    if not paths:
        return ()
    hash_name = next(one["hash"] for one in office.ask("rooms") if one["id"] == room.hex())
    return tuple(_named(hash_name, path) for path in paths)


def keep_papers(office: Office, room: bytes, act: Open | StatePosition, paths: Sequence[Path]) -> None:
    """Keep the documents that `act` names, unless it would be refused: then nothing is kept of them.

    Raises:
        KatchiError: what refuses the act. NotFound: a file can be read no more.
    """
    if not paths:
        return
    office.submit(Consider(act=act))
    for paper, path in zip(act.papers, paths, strict=True):
        _keep(office, room, paper, path)


def _named(hash_name: str, path: Path) -> Paper:
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
    except OSError as error:
        raise _unreadable(path, error) from None
    return Paper(path.name, size, merkle.root_of_leaves(hash_name, leaves))


def _keep(office: Office, room: bytes, paper: Paper, path: Path) -> None:
    total = -(-paper.size // CHUNK_SIZE)
    try:
        with path.open("rb") as file:
            for first in range(0, total, CHUNKS_AT_ONCE):
                indexes = range(first, min(first + CHUNKS_AT_ONCE, total))
                chunks = ((index, file.read(CHUNK_SIZE)) for index in indexes)
                office.submit(*(KeepChunk(room=room, root=paper.root, index=index, data=data) for index, data in chunks))
                _show_progress(path.name, indexes[-1] + 1, total)
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> NotFound:
    return NotFound("cannot read {path}: {error}", hint="Name a file that can be read.", path=str(path), error=os_reason(error))


def _show_progress(name: str, done: int, total: int) -> None:
    if not sys.stderr.isatty():
        return
    filled = 30 * done // total
    line = _("keeping {name}").format(name=name) + f"  [{'#' * filled}{'.' * (30 - filled)}] {100 * done // total:3} %"
    sys.stderr.write("\r" + line + ("\n" if done == total else ""))
    sys.stderr.flush()
