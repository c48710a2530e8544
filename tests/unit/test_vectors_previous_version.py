"""docs/spec/vectors against the frozen node of the previous version: two implementations, one verdict.

Reasons may be coarser there ("not-canonical"); whether a thing is taken may not differ.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
VECTORS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((ROOT / "docs/spec/vectors").glob("*.json"))}
TAKEN_THERE = {"signature-r-neutral"}  # before ADR 7 nothing said whether it holds
ONLY_AN_AUDIT_SAYS = {"countersignature-two-histories", "export-tail-withheld", "fork-alleged"}

_spec = importlib.util.spec_from_file_location("node_v0", ROOT / "tests/frozen/node_v0.py")
v0 = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(v0)


def signed(given: dict[str, Any]) -> dict[str, Any]:
    signatures = given["signatures"]
    if isinstance(signatures, dict):
        held: Any = {ally: [bytes.fromhex(one) for one in each] for ally, each in signatures.items()}
    else:
        held = [bytes.fromhex(one) for one in signatures]
    return {"statement": bytes.fromhex(given["statement"]), "signatures": held}


def room_of(given: dict[str, Any]) -> Any:
    return v0.Room(signed(VECTORS[given["room"]]["input"]))


def item(given: dict[str, Any]) -> list[bytes | None]:
    return [bytes.fromhex(given[name]) if given[name] is not None else None for name in ("header", "signature", "salt", "body")]


def taken(given: dict[str, Any]) -> Any:
    """Return the room with all of a record taken, or raise what did not hold."""
    room = room_of(given)
    for entry in given["entries"]:
        room.take(item(entry), 0.0)
    for statement in given["checkpoints"] + given["countersignatures"]:
        room.vouch(signed(statement))
    return room


def judge_alone(vector: dict[str, Any]) -> None:
    given = vector["input"]
    if vector["object"] == "entry":
        room = room_of(given)
        room.take(item(given), 0.0)
    elif vector["object"] == "identity":
        v0.Ally(signed(given))
    elif vector["object"] == "charter":
        v0.need(not v0.Room(signed(given)).missing, "charter-missing-signature")
    else:
        room_of(given).vouch(signed(given))


@pytest.mark.parametrize(
    "name", [n for n, v in VECTORS.items() if v["object"] in ("entry", "identity", "charter", "checkpoint", "countersignature")]
)
def test_the_previous_version_takes_and_refuses_the_same_objects(name):
    vector = VECTORS[name]
    expected = "verified" if name in TAKEN_THERE else vector["expect"]
    try:
        judge_alone(vector)
    except v0.Gap:
        assert expected == "verified", "the entries it reaches are not in this vector"
    except v0.Bad as bad:
        assert expected == "refused", bad
    else:
        assert expected == "verified"


@pytest.mark.parametrize("name", [n for n, v in VECTORS.items() if v["object"] == "record" and n not in ONLY_AN_AUDIT_SAYS])
def test_the_previous_version_judges_the_same_records(name):
    vector = VECTORS[name]
    if vector["expect"] in ("verified", "kept"):
        room = taken(vector["input"])
        assert len(room.entries) == len(vector["input"]["entries"])
        for ally, confirmed in vector.get("confirmed", {}).items():
            assert {by: room.length(room.tips(ally)[0], by) for by in confirmed} == confirmed
        for ally, covered in vector.get("covered", {}).items():
            assert room.length(room.tip(ally), ally) == covered
        for ally, epoch, length, head in vector.get("heads", []):
            assert (epoch, length, head) in [(t.header["epoch"], t.header["seq"] + 1, t.digest.hex()) for t in room.tips(ally)]
    elif vector["reason"] == "fork-pair":
        assert taken(vector["input"]).forks(vector["against"])
    else:
        with pytest.raises((v0.Bad, v0.Gap)):
            taken(vector["input"])


@pytest.mark.parametrize("name", [n for n, v in VECTORS.items() if v["object"] == "consultation"])
def test_the_previous_version_comes_to_the_same_status(name):
    vector = VECTORS[name]
    room = taken(vector["input"])
    assert room.consultation(room.entries[bytes.fromhex(vector["input"]["opening"])])["status"] == vector["reason"]
