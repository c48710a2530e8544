"""Makes docs/spec/vectors: one file for each thing that another node must verify, refuse, keep or judge.

Keys come from fixed seeds, so all is the same on every run but for ML-DSA-65 signatures, which draw
their own randomness: files are written only when asked with --write, and then stay as they are. With
--only NAME the others stay too; all are of the room of the good-charter that is there, if one is.
It judges nothing: tests/unit/test_vectors.py holds the files against the code.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence

import vector_objects as objects
import vector_records as records
from vector_parts import FOLDER, Vector, as_json


def all_vectors() -> Iterator[Vector]:
    """Yield every vector, in the order of docs/spec/record.md."""
    for make in (
        objects.header_vectors,
        objects.entry_vectors,
        objects.signature_vectors,
        objects.identity_vectors,
        objects.charter_vectors,
        records.statement_vectors,
        records.vouching_vectors,
        records.link_vectors,
        records.repair_vectors,
        records.word_vectors,
        records.agreement_vectors,
        records.bundle_vectors,
    ):
        yield from make()


def main(arguments: Sequence[str]) -> int:
    """Write the vectors, or say what would be written."""
    parser = argparse.ArgumentParser(description="Make docs/spec/vectors; ML-DSA signatures differ on every run.")
    parser.add_argument("--write", action="store_true", help="write the files, replacing those that are there")
    parser.add_argument("--only", action="append", metavar="NAME", help="this vector only; may be given several times")
    asked = parser.parse_args(arguments)
    is_asked, vectors = asked.write, list(all_vectors())
    unknown = set(asked.only or ()) - {one["name"] for one in vectors}
    if unknown:
        parser.error(f"there is no vector {', '.join(sorted(unknown))}")
    for one in vectors:
        if asked.only and one["name"] not in asked.only:
            continue
        if is_asked:
            FOLDER.mkdir(parents=True, exist_ok=True)
            text = json.dumps(as_json(one), ensure_ascii=False, indent=1)
            (FOLDER / f"{one['name']}.json").write_text(text + "\n", encoding="utf-8")
        print(f"{'wrote' if is_asked else 'would write'} {one['name']}: {one['expect']} {one['reason'] or ''}".rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
