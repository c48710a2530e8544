"""Neither node: compares the exports of all nodes, as an outsider with the fingerprints would.

    python -m katchi.demo.judge FILE.json

The file names each node's export, every member's fingerprint, and the entries that officers were told
are kept. Prints what it finds as one JSON object.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from katchi.node.audit import read
from katchi.record.bundle import EntryItem
from katchi.record.digest import ENTRY, digest
from katchi.record.entry import decode_header
from katchi.record.suite import SHIPPED
from katchi.record.unbundle import BundleReport, bundle_items, verify_bundle


class Case(msgspec.Struct, frozen=True):
    """What the judge is given."""

    exports: dict[str, str]  # ally: its node's export
    fingerprints: list[str]
    acknowledged: list[str]  # entries that some officer was told are kept


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the judge finds."""

    entries: dict[str, int]
    lost: int  # acknowledged entries that some export lacks
    records_equal: bool
    sound: bool
    papers: list[dict[str, str]]


def judged(case: Case) -> Verdict:
    """Return what the exports show."""
    trusted = {bytes.fromhex(text) for text in case.fingerprints}
    reports: list[BundleReport] = []
    digests: list[set[str]] = []
    for path in case.exports.values():
        with Path(path).open("rb") as file:
            report = verify_bundle(file, trusted, SHIPPED, read=read)
            hashes = {room.room: room.hash for room in report.rooms}
            digests.append({_digest(item, hashes) for item in bundle_items(file) if isinstance(item, EntryItem)})
            reports.append(report)
    first = reports[0]
    heads = [sorted((room.room, room.heads_digest) for room in report.rooms) for report in reports]
    papers = [_papers(report) for report in reports]
    return Verdict(
        entries={ally: n for room in first.rooms for ally, n in room.counts.items()},
        lost=sum(any(entry not in held for held in digests) for entry in case.acknowledged),
        records_equal=all(other == heads[0] for other in heads) and all(held == digests[0] for held in digests),
        sound=all(report.is_sound for report in reports),
        papers=papers[0] if all(other == papers[0] for other in papers) else [],
    )


def _digest(item: EntryItem, hashes: dict[bytes, str]) -> str:
    return digest(hashes[decode_header(item.header).room], ENTRY, item.header).hex()


def _papers(report: BundleReport) -> list[dict[str, str]]:
    return [
        {"name": name, "sha256": paper.sha256.hex()}
        for room in report.rooms
        for paper in room.papers
        if paper.sha256 is not None
        for name in paper.names
    ]


def main(arguments: list[str]) -> None:
    """Judge the case in a file."""
    case = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=Case)
    answer: Any = judged(case)
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")


if __name__ == "__main__":
    main(sys.argv[1:])
