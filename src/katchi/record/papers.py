"""Papers of a room as an audit finds them: what entries name, and which chunks are there.

A paper is named by its size and the RFC 9162 root over its 64 KiB chunks. Chunks are hashed as they
pass; no bytes are kept. A paper that is not here whole is awaited, not broken.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import msgspec

from katchi.errors import Sentence
from katchi.record import merkle
from katchi.record.fields import CHUNK_SIZE
from katchi.record.report import Finding, PaperReport


class PaperName(NamedTuple):
    """How an entry names a paper."""

    name: str
    size: int
    root: bytes


class PapersReport(NamedTuple):
    """All papers, and what is wrong with them."""

    papers: tuple[PaperReport, ...]
    findings: list[Finding]
    marks: list[Finding]


class _Passing(msgspec.Struct):
    """A paper whose chunks go by."""

    leaves: list[bytes]
    size: int
    is_unbroken: bool
    running: hashlib._Hash


class Papers:
    """Takes names and chunks, in any order but each paper's chunks ascending."""

    def __init__(self, hash_name: str) -> None:
        self._hash = hash_name
        self._names: dict[bytes, dict[PaperName, str]] = {}  # root: names, and where each stands first
        self._passing: dict[bytes, _Passing] = {}

    def name(self, paper: PaperName, where: str) -> None:
        """Note that an entry names a paper."""
        self._names.setdefault(paper.root, {}).setdefault(paper, where)

    def chunk(self, root: bytes, index: int, data: bytes) -> None:
        """Hash one chunk."""
        paper = self._passing.get(root)
        if paper is None:
            paper = self._passing[root] = _Passing([], 0, True, hashlib.sha256())
        is_full_before = paper.size == len(paper.leaves) * CHUNK_SIZE
        paper.is_unbroken &= index == len(paper.leaves) and is_full_before and 0 < len(data) <= CHUNK_SIZE
        paper.leaves.append(merkle.leaf(self._hash, data))
        paper.size += len(data)
        paper.running.update(data)

    def report(self, *, is_whole: bool) -> PapersReport:
        """Return how each paper stands; where what was fed broke off, no paper is called wrong."""
        found = PapersReport((), [], [])
        papers = tuple(self._paper(root, found) for root in sorted(self._names.keys() | self._passing.keys()))
        return found._replace(papers=papers, findings=found.findings if is_whole else [])

    def _paper(self, root: bytes, found: PapersReport) -> PaperReport:
        where = Sentence("paper {root}…", root=root[:4].hex())
        names = self._names.get(root, {})
        sizes = {name.size for name in names}
        paper = self._passing.get(root)
        held = paper.size if paper else 0
        named = next(({"name": name.name, "place": place} for name, place in names.items()), {})
        hashes = merkle.root_of_leaves(self._hash, paper.leaves if paper else ()) == root
        is_right = hashes and (paper is None or paper.is_unbroken)
        if len(sizes) > 1:
            what = Sentence("entries state different sizes: {sizes} bytes", sizes=", ".join(map(str, sorted(sizes))))
            found.marks.append(Finding(where, "paper-two-sizes", what))
        if not names:
            found.marks.append(Finding(where, "paper-unnamed", Sentence("its chunks are here, and no entry here names it")))
        elif not is_right and held < max(sizes):
            what = Sentence("{name}, named by {place}: {held} of {size} bytes are here", **named, held=held, size=max(sizes))
            found.marks.append(Finding(where, "paper-awaited", what))
        elif not is_right or held not in sizes:
            what = Sentence("the bytes here are not those of {name}, named by {place}", **named)
            found.findings.append(Finding(where, "paper-root-mismatch", what))
        is_whole = is_right and (not names or held in sizes)
        sha256 = paper.running.digest() if paper and is_whole else hashlib.sha256().digest() if is_whole else None
        return PaperReport(
            root=root,
            names=tuple(dict.fromkeys(name.name for name in names)),
            size=next(iter(names)).size if names else None,
            chunks=len(paper.leaves) if paper else 0,
            sha256=sha256,
        )
