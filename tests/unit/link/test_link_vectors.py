"""docs/spec/link.md and its vectors: what a node written from them alone must read, pass over and refuse."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from small_node import SmallNode

from katchi.errors import LinkFailed, Unverified
from katchi.link import frames as f
from katchi.link.tally import Tally
from katchi.node.commands import Pair
from katchi.node.machine import Machine
from katchi.node.settings import PairedAlly, Settings
from katchi.record.charter import verified_charter
from katchi.record.checkpoint import verified_checkpoint, verified_countersignature
from katchi.record.entry import check_body, verified
from katchi.record.identity import Contact, sign_contact
from katchi.record.merkle import leaf, root_of_leaves
from katchi.record.suite import SHIPPED
from katchi.store.memory import MemoryStore
from katchi.testing.builders import NOON, an_ally

SPEC = Path(__file__).resolve().parents[3] / "docs" / "spec"
VECTORS = SPEC / "vectors" / "link"
SUITE = "ed25519+mldsa65"
KOR, USA = an_ally("KOR", suite=SUITE), an_ally("USA", suite=SUITE)
SAID_BY_THE_LINK = {"other-mode": "mode live", "other-identity": "another identity", "no-common-version": "no common version"}


def names(kind: str) -> list[str]:
    return sorted(path.stem for path in VECTORS.glob(f"{kind}-*.json"))


def vector(name: str) -> dict[str, Any]:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def data_of(name: str) -> bytes:
    return bytes.fromhex(vector(name)["input"]["frame"])


def plain(value: Any) -> Any:
    """Return a frame as JSON shows it: bytes as {"hex": ...}."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def reads(name: str) -> Any:
    return plain(msgspec.to_builtins(f.read_frame(data_of(name)), builtin_types=(bytes,)))


@pytest.mark.parametrize("name", names("good"))
def test_a_good_frame_reads_as_the_vector_says_and_is_written_as_the_same_bytes(name):
    assert reads(name) == vector(name)["reads"]
    assert f.write_frame(f.read_frame(data_of(name))) == data_of(name)


@pytest.mark.parametrize("name", names("read"))
def test_a_frame_of_another_version_reads_as_the_vector_says(name):
    assert reads(name) == vector(name)["reads"]


@pytest.mark.parametrize("name", names("skip"))
def test_a_frame_that_is_not_known_is_passed_over(name):
    assert f.read_frame(data_of(name)) is None


@pytest.mark.parametrize("name", [name for name in names("bad") if vector(name)["reason"] == "frame-malformed"])
def test_a_malformed_frame_is_refused_by_its_reason(name):
    with pytest.raises(Unverified) as refused:
        f.read_frame(data_of(name))
    assert refused.value.reason == "frame-malformed"


@pytest.mark.parametrize("name", [name for name in names("bad") if vector(name)["reason"] in SAID_BY_THE_LINK])
def test_a_hello_that_is_not_the_paired_nodes_is_refused(name):
    peer = SmallNode(USA).peer(KOR)
    peer.connected(NOON)
    with pytest.raises(LinkFailed, match=SAID_BY_THE_LINK[vector(name)["reason"]]):
        peer.greeted(f.read_frame(data_of(name)), NOON)


def test_a_frame_before_hello_and_entries_of_a_room_not_shared_end_the_connection():
    machine = a_machine()
    machine.connected("KOR", NOON)
    with pytest.raises(LinkFailed, match=vector("bad-ping-before-hello")["reason"]):
        machine.receive("KOR", data_of("bad-ping-before-hello"), NOON)
    machine.receive("KOR", data_of("good-hello"), NOON)
    with pytest.raises(LinkFailed, match=vector("bad-entries-of-another-room")["reason"]):
        machine.receive("KOR", data_of("bad-entries-of-another-room"), NOON)


def a_machine() -> Machine:
    """USA's node, paired with KOR."""
    machine = Machine(
        Settings(ally="USA", mode="exercise"), USA.known, USA.signer, SHIPPED, MemoryStore(), lambda size: b"0" * size
    )
    contact = Contact(mode="exercise", ally="KOR", identity=KOR.fingerprint, serial=0, tls=(), seal=(), addresses=(), at=NOON)
    signed = sign_contact(contact, KOR.signer)
    paired = PairedAlly(
        identity=KOR.identity.statement,
        identity_signatures=KOR.identity.signatures,
        contact=signed.statement,
        contact_signatures=signed.signatures,
        certificate=b"",
        compared="fingerprint",
        paired_at=NOON,
    )
    machine.submit(Pair(ally=paired), NOON)
    machine.close_group(NOON)
    machine.committed()
    return machine


EXPECTED = {"good": "read", "read": "read", "skip": "passed over", "bad": "refused"}


def test_every_vector_says_what_it_is():
    for kind, expected in EXPECTED.items():
        assert names(kind)
        for name in names(kind):
            one = vector(name)
            assert (one["name"], one["object"], one["expect"]) == (name, "frame", expected)
            assert one["about"].endswith(".") and len(one["about"]) < 130
            assert (one["reason"] is None) == (expected != "refused")


def test_every_type_of_frame_has_a_good_vector_and_every_reason_a_bad_one():
    assert {f.read_frame(data_of(name)).__struct_config__.tag for name in names("good")} == set(f._SHAPES)
    assert {vector(name)["reason"] for name in names("bad")} == {
        "frame-malformed",
        "hello-missing",
        "not-a-member",
        *SAID_BY_THE_LINK,
    }


def test_what_the_good_frames_carry_verifies():
    charter, entries, late, bodies, statements = (
        f.read_frame(data_of(f"good-{name}")) for name in ("charter", "entries", "entries-late-bodies", "bodies", "statements")
    )
    room = verified_charter(charter.charter, SHIPPED)
    assert room.missing == ("USA",)
    held = [verified(room, item.header, item.signature, item.salt, item.body) for item in entries.entries]
    assert [verified(room, item.header, item.signature, None, None).digest for item in late.entries] == [e.digest for e in held]
    (body,) = bodies.bodies
    check_body(room.hash, next(entry.header for entry in held if entry.digest == body.digest), body.salt, body.body)
    assert verified_checkpoint(room, statements.checkpoints[0]).head == held[-1].digest
    assert verified_countersignature(room, statements.countersignatures[0]).by == "USA"
    leaves, chunk = f.read_frame(data_of("good-leaves")), f.read_frame(data_of("good-chunk"))
    assert root_of_leaves(room.hash, [leaves.leaves]) == leaves.root == chunk.root
    assert leaf(room.hash, chunk.data) == leaves.leaves


def test_taken_is_the_digest_that_the_vector_says():
    tally, said = Tally(), vector("taken")
    for frame in said["input"]["frames"]:
        tally.note(f.read_frame(bytes.fromhex(frame)))
    assert tally.digest().hex() == said["taken"]


def test_the_specification_shows_a_real_frame_and_names_every_type_field_and_reason():
    text = (SPEC / "link.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 150
    shown = "".join(re.findall(r"^[0-9a-f]{20,}$", text, re.MULTILINE))
    assert shown == data_of("good-have").hex()
    for name in names("good"):
        frame = f.read_frame(data_of(name))
        row = next(line for line in text.splitlines() if line.startswith(f"| {frame.__struct_config__.tag} |"))
        assert all(re.search(rf"\b{field}\b", row) for field in frame.__struct_fields__), row
    for name in names("bad"):
        assert f"`{vector(name)['reason']}`" in text
