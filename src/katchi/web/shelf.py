"""The scenario files of one node: its own, in the folder `scenarios` of its directory, and those that come with katchi.

No file is read here but as bytes: what one says, and whether it fits, `katchi scenario show` tells in a process of its own.
A file is added whole or not at all, and never in the place of another.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from katchi.charts.telling import Outline
from katchi.errors import KatchiError, Malformed, NotFound, Refused, StoreFailed, os_reason
from katchi.language import Language
from katchi.web.outside import katchi

HERE = Path(__file__).resolve()
SHIPPED = (HERE.parents[1] / "scenarios", HERE.parents[3] / "scenarios")  # in a wheel, in a checkout
SIZE_MAX = 256 * 1024  # bytes
FILES_MAX = 200
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
READ_S_MAX = 20.0
OUTLINES_KEPT = FILES_MAX + 20

Stamp = tuple[int, int, int]


class ScenarioFile(NamedTuple):
    """One scenario file."""

    name: str
    path: Path
    is_own: bool  # the node's own; else it came with katchi


class Shelf:
    """The scenario files of one node."""

    def __init__(self, folder: Path, shipped: Sequence[Path] = SHIPPED) -> None:
        self._folder, self._shipped = folder, shipped
        self._seen: dict[Path, tuple[Stamp, Outline]] = {}
        self._reading = asyncio.Lock()  # one process at a time

    def files(self) -> list[ScenarioFile]:
        """Return all of them by name, the node's own first."""
        own = {file.name: file for file in _files_in(self._folder, is_own=True)}
        shipped: dict[str, ScenarioFile] = {}
        for place in self._shipped:
            for file in _files_in(place, is_own=False):
                if file.name not in own:
                    shipped.setdefault(file.name, file)
        return [*own.values(), *shipped.values()]

    def named(self, name: str) -> ScenarioFile:
        """Return the file of that name.

        Raises:
            NotFound: there is none.
        """
        found = next((file for file in self.files() if file.name == name), None)
        if found is None:
            raise NotFound("no scenario here goes by that name", hint="The list of scenarios shows all.")
        return found

    def source(self, file: ScenarioFile) -> bytes:
        """Return the bytes of a file.

        Raises:
            Malformed: it is too large.
            NotFound: it cannot be read.
        """
        try:
            with file.path.open("rb") as opened:
                source = opened.read(SIZE_MAX + 1)
        except OSError as error:
            raise _unreadable(file.path, error) from None
        if len(source) > SIZE_MAX:
            raise _too_large(file.path.name, len(source))
        return source

    async def outline(self, file: ScenarioFile, language: Language) -> Outline:
        """Return what a file says.

        Args:
            file: one of the shelf.
            language: in which an error is said.
        Raises:
            Malformed: it is no scenario; the message says line, rule and fix.
            NotFound: it cannot be read.
        """
        found = (await self.outlines([file], language))[file.name]
        if isinstance(found, KatchiError):
            raise found
        return found

    async def outlines(self, files: Sequence[ScenarioFile], language: Language) -> dict[str, Outline | KatchiError]:
        """Return what each of many files says, or what is wrong with it, by their names. A file is read again once it changed."""
        found: dict[str, Outline | KatchiError] = {}
        sources: dict[str, bytes] = {}
        stamps: dict[str, tuple[Path, Stamp]] = {}
        for file in files:
            try:
                stamp = _stamp(file.path)
                known = self._seen.get(file.path)
                if known is not None and known[0] == stamp:
                    found[file.name] = known[1]
                    continue
                sources[file.name] = self.source(file)
                stamps[file.name] = file.path, stamp
            except KatchiError as error:
                found[file.name] = error
        if sources:
            for name, one in (await self._read(sources, language)).items():
                found[name] = one
                if isinstance(one, Outline):  # an error is said in the language of whoever asks
                    path, stamp = stamps[name]
                    self._seen[path] = stamp, one
        while len(self._seen) > OUTLINES_KEPT:
            self._seen.pop(next(iter(self._seen)))
        return found

    async def add(self, name: str, source: bytes, language: Language) -> ScenarioFile:
        """Keep a file under a name, once it has been read and fits.

        Raises:
            Malformed: the name cannot be used, or the file does not fit.
            Refused: there is a file of that name, or the shelf is full.
            StoreFailed: the disk did not take it.
        """
        if not NAME.fullmatch(name):
            raise Malformed(
                "'{name}' cannot be the name of a scenario", hint="Use 1 to 64 letters of a to z, digits, '-' and '_'.",
                field="name", name=name[:80],
            )  # fmt: skip
        files = self.files()
        if any(file.name.lower() == name.lower() for file in files):
            raise _is_taken(name)
        if sum(file.is_own for file in files) >= FILES_MAX:
            raise Refused("{n} scenario files are kept here already", hint="Remove one that is not needed.", n=FILES_MAX)
        if len(source) > SIZE_MAX:
            raise _too_large(f"{name}.toml", len(source))
        read = (await self._read({name: source}, language))[name]
        if isinstance(read, Malformed):
            raise read
        path = self._folder / f"{name}.toml"
        await asyncio.to_thread(_keep, path, source)
        return ScenarioFile(name, path, is_own=True)

    def remove(self, name: str) -> None:
        """Remove a file of the node's own.

        Raises:
            NotFound: there is none.
            Refused: it came with katchi.
        """
        file = self.named(name)
        if not file.is_own:
            raise Refused(
                "'{name}' came with katchi and stays", hint="Only files that were added here can be removed.", name=name
            )
        file.path.unlink(missing_ok=True)

    async def _read(self, sources: Mapping[str, bytes], language: Language) -> dict[str, Outline | Malformed]:
        async with self._reading:
            return await _read(sources, language)


def _files_in(folder: Path, *, is_own: bool) -> list[ScenarioFile]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False))
    except OSError:
        return []
    parts = [name.removesuffix(".toml") for name in names if name.endswith(".toml")]
    return [ScenarioFile(part, folder / f"{part}.toml", is_own) for part in parts if NAME.fullmatch(part)][:FILES_MAX]


def _stamp(path: Path) -> Stamp:
    """Return what tells whether a file has changed.

    Raises:
        NotFound: it is not there.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _unreadable(path: Path, error: OSError) -> NotFound:
    return NotFound("cannot read {path}: {error}", hint="Name a scenario file.", path=path.name, error=os_reason(error))


async def _read(sources: Mapping[str, bytes], language: Language) -> dict[str, Outline | Malformed]:
    """Let one process of its own read files; they stand alone in a folder, so that errors name them as people do."""
    names = list(sources)
    with tempfile.TemporaryDirectory(prefix="katchi-scenarios-") as folder:
        for name, source in sources.items():
            (Path(folder) / f"{name}.toml").write_bytes(source)
        words = ("scenario", "show", *(f"{name}.toml" for name in names), "--json")
        try:
            _status, out, log = await katchi(language, *words, at=Path(folder), seconds_max=READ_S_MAX)
        except TimeoutError:
            return {name: _too_slow(name) for name in names}
    try:
        if len(names) > 1:
            answers = msgspec.json.decode(out, type=list[dict[str, Any]])
        else:
            answers = [msgspec.json.decode(out or log.strip().split(b"\n")[-1], type=dict[str, Any])]
    except msgspec.DecodeError:
        raise KatchiError(
            "the node could not do this", hint="Nothing was lost. The node's log says more; try it again."
        ) from None
    return {name: _answered(answer) for name, answer in zip(names, answers, strict=True)}


def _answered(answer: dict[str, Any]) -> Outline | Malformed:
    if "told" in answer:
        return msgspec.convert(answer, Outline)
    return Malformed("{reason}", hint="{fix}", field="source", reason=str(answer["message"]), fix=str(answer["hint"]))


def _too_slow(name: str) -> Malformed:
    return Malformed(
        "{path} takes longer than {n} s to read", hint="Write it with fewer stages or changes.", field="source",
        path=f"{name}.toml", n=int(READ_S_MAX),
    )  # fmt: skip


def _keep(path: Path, source: bytes) -> None:
    """Write a file whole, under a name that nobody has; else nothing of it is left."""
    beside = path.with_name(f".{secrets.token_hex(8)}.new")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with beside.open("xb") as into:
            into.write(source)
            into.flush()
            os.fsync(into.fileno())
        path.hardlink_to(beside)  # fails where there is one: a rename would take its place
    except FileExistsError:
        raise _is_taken(path.stem) from None
    except OSError as error:
        raise StoreFailed(
            "cannot write {path}: {error}", hint="Nothing of it was kept. Make room on the disk, and send it again.",
            path=path.name, error=os_reason(error),
        ) from None  # fmt: skip
    finally:
        beside.unlink(missing_ok=True)


def _is_taken(name: str) -> Refused:
    return Refused(
        "there is a scenario '{name}' here", hint="Nothing was overwritten. Give it another name, or remove that one first.",
        field="name", name=name,
    )  # fmt: skip


def _too_large(name: str, size: int) -> Malformed:
    return Malformed(
        "{path} has {size} bytes, and a scenario file at most {limit}", hint="Write it with fewer stages or comments.",
        field="source", path=name, size=size, limit=SIZE_MAX,
    )  # fmt: skip
