"""What all vectors are made of: invented allies with fixed keys, one room, and their parts as JSON.

The room is the one of the good-charter that is kept, where there is one: its id rests on signatures that differ on every
run, so that a vector made alone would otherwise be of another room than those that stay.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from katchi.record import digest as d
from katchi.record.charter import Room, SignedCharter, verified_charter
from katchi.record.checkpoint import Signed
from katchi.record.entry import Entry, sign_entry
from katchi.record.identity import SignedIdentity
from katchi.testing.builders import Ally, a_chain, a_room, an_ally
from katchi.testing.cheap import SUITES

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "spec" / "vectors"
SUITE = "ed25519+mldsa65"


def _kept_room() -> Room | None:
    try:
        given = json.loads((FOLDER / "good-charter.json").read_text(encoding="utf-8"))["input"]
    except FileNotFoundError:
        return None
    signatures = {ally: tuple(map(bytes.fromhex, each)) for ally, each in given["signatures"].items()}
    return verified_charter(SignedCharter(bytes.fromhex(given["statement"]), signatures), SUITES)


def _as_in(room: Room | None, ally: Ally) -> Ally:
    """The ally with the signatures under its identity that the room holds."""
    kept = [one for one in room.charter.members if one.identity.ally == ally.name] if room else []
    assert all(one.statement == ally.identity.statement for one in kept)
    return msgspec.structs.replace(ally, identity=kept[0]) if kept else ally


_KEPT = _kept_room()
AZURE, BIRCH, CEDAR = (_as_in(_KEPT, an_ally(name, suite=SUITE)) for name in ("azure", "birch", "cedar"))
ROOM = _KEPT or a_room(AZURE, BIRCH)  # what "room": "good-charter" names
CHAIN = a_chain(ROOM, AZURE, 3, body={"by": None, "text": "합의"})
ENTRY = CHAIN[0]

Vector = dict[str, Any]


def verified(name: str, about: str, kind: str, given: Vector, **more: Any) -> Vector:
    """Return a vector of something that holds."""
    return {"name": name, "about": about, "object": kind, "input": given, "expect": "verified", "reason": None, **more}


def refused(name: str, about: str, kind: str, given: Vector, reason: str = "") -> Vector:
    """Return a vector of something that does not; the attack's name is the reason where a verifier can know it."""
    return {**verified(name, about, kind, given), "expect": "refused", "reason": reason or name}


def judged(name: str, about: str, given: Vector, reason: str = "", kind: str = "record", **more: Any) -> Vector:
    """Return a vector whose parts hold, and of which an audit has this to say."""
    return {**verified(name, about, kind, given), "expect": "judged", "reason": reason or name, **more}


def kept(name: str, about: str, given: Vector, reason: str = "") -> Vector:
    """Return a vector of a record that holds, with an entry outside the rules."""
    return {**judged(name, about, given, reason), "expect": "kept"}


def entry_input(
    header: bytes = ENTRY.header_bytes,
    signature: bytes | None = None,
    salt: bytes | None = ENTRY.salt,
    body: bytes | None = ENTRY.body,
) -> Vector:
    """An entry as it travels; signed again over what stands here unless a signature is given."""
    digest = d.digest(ROOM.hash, d.ENTRY, header)
    made = AZURE.signer.entry(d.signed_message(d.ENTRY, AZURE.fingerprint, digest))
    signature = made if signature is None else signature
    return {"room": "good-charter", "header": header, "signature": signature, "salt": salt, "body": body}


def of(entry: Entry) -> Vector:
    """An entry in a record."""
    return {"header": entry.header_bytes, "signature": entry.signature, "salt": entry.salt, "body": entry.body}


def alone(entry: Entry) -> Vector:
    """An entry shown to the members of the room of "good-charter"."""
    return {"room": "good-charter", **of(entry)}


def statement(signed: Signed | SignedIdentity) -> Vector:
    """A signed statement."""
    return {"statement": signed.statement, "signatures": list(signed.signatures)}


def record(entries: Sequence[Entry], checkpoints: Sequence[Signed] = (), counters: Sequence[Signed] = (), **more: Any) -> Vector:
    """All of one room that a holder has, in order of arrival."""
    return {
        "room": "good-charter",
        "entries": [of(entry) for entry in entries],
        "checkpoints": [statement(signed) for signed in checkpoints],
        "countersignatures": [statement(signed) for signed in counters],
        **more,
    }


def resigned(entry: Entry = ENTRY, by: Ally = AZURE, **changes: Any) -> Entry:
    """The entry with header fields changed and signed again."""
    header = msgspec.structs.replace(entry.header, **changes)
    return sign_entry(ROOM, header, entry.salt or b"", entry.body or b"", by.fingerprint, by.signer)


def as_json(value: Any) -> Any:
    """Return `value` with bytes as hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {key: as_json(item) for key, item in value.items()}
    return [as_json(item) for item in value] if isinstance(value, list | tuple) else value
