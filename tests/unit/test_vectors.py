"""docs/spec/vectors against the code: each file's verdict and reason are what this node comes to."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import cbor2
import pytest

from katchi.consult.consultation import folded
from katchi.consult.stances import joint_status
from katchi.errors import Unverified
from katchi.node.audit import read
from katchi.node.writing import opening_of
from katchi.record.audit import Auditor
from katchi.record.charter import SignedCharter, require_in_force, verified_charter
from katchi.record.checkpoint import Signed, verified_checkpoint, verified_countersignature
from katchi.record.digest import ENTRY, digest
from katchi.record.entry import verified
from katchi.record.identity import SignedContact, SignedIdentity, known, verified_contact
from katchi.record.suite import SHIPPED
from katchi.record.unbundle import verify_bundle

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "spec" / "vectors"
VECTORS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}

# RECORD.md section C, one file a failure; variants have their own.
NAMES = [
    "header-extra-field",
    "header-keys-unsorted",
    "header-keys-duplicate",
    "not-shortest",
    "int-as-bignum-tag",
    "int-as-bool",
    "int-too-large",
    "salt-not-32",
    "body-digest-mismatch",
    "prev-mismatch",
    "prev-mismatch-seq0",
    "replay-other-room",
    "replay-other-mode",
    "replay-other-epoch",
    "signature-wrong-label",
    "signature-s-plus-l",
    "signature-r-mixed-order",
    "signature-r-neutral",
    "key-small-order",
    "key-mixed-order",
    "key-non-canonical",
    "signature-other-identity",
    "checkpoint-without-mldsa",
    "checkpoint-root-over-headers",
    "checkpoint-head-not-length",
    "checkpoint-inconsistent",
    "countersignature-two-histories",
    "fork-pair",
    "fork-alleged",
    "sees-goes-back",
    "agreed-other-consultation",
    "agreed-uncovered",
    "body-not-nfc",
    "charter-missing-signature",
    "charter-ally-case",
    "charter-members-unsorted",
    "repair-of-something-else",
    "export-tail-withheld",
    "rekey-below-countersigned",
    "assent-stripped",
    "contact-old-serial",
    "good-entry",
    "good-charter",
    "good-checkpoint",
    "good-countersignature",
    "good-identity",
    "good-contact",
    "good-bundle",
    "good-epoch-after-restore",
]


def raw(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


def signatures(given: dict[str, Any]) -> tuple[bytes, ...]:
    return tuple(map(bytes.fromhex, given["signatures"]))


def signed(given: dict[str, Any]) -> Signed:
    return Signed(bytes.fromhex(given["statement"]), signatures(given))


def charter_of(given: dict[str, Any]) -> SignedCharter:
    by_ally = {ally: tuple(map(bytes.fromhex, each)) for ally, each in given["signatures"].items()}
    return SignedCharter(bytes.fromhex(given["statement"]), by_ally)


def room_of(given: dict[str, Any]):
    return verified_charter(charter_of(VECTORS[given["room"]]["input"]), SHIPPED)


def parts(given: dict[str, Any]) -> tuple[bytes | None, ...]:
    return tuple(raw(given[name]) for name in ("header", "signature", "salt", "body"))


def judge_entry(given):
    verified(room_of(given), *parts(given))


def judge_identity(given):
    known(SignedIdentity(bytes.fromhex(given["statement"]), signatures(given)), SHIPPED)


def judge_contact(given):
    identity = VECTORS[given["identity"]]["input"]
    ally = known(SignedIdentity(bytes.fromhex(identity["statement"]), signatures(identity)), SHIPPED)
    contact = SignedContact(bytes.fromhex(given["statement"]), signatures(given))
    verified_contact(contact, ally, serial_min=given["serial_min"])


def judge_charter(given):
    require_in_force(verified_charter(charter_of(given), SHIPPED))


def judge_checkpoint(given):
    verified_checkpoint(room_of(given), signed(given))


def judge_countersignature(given):
    verified_countersignature(room_of(given), signed(given))


def judge_bundle(given):
    trusted = set(map(bytes.fromhex, given["trusted"]))
    report = verify_bundle(io.BytesIO(bytes.fromhex(given["file"])), trusted, SHIPPED, read=read)
    assert report.is_sound


ALONE = {
    "entry": judge_entry,
    "identity": judge_identity,
    "contact": judge_contact,
    "charter": judge_charter,
    "checkpoint": judge_checkpoint,
    "countersignature": judge_countersignature,
    "bundle": judge_bundle,
}


def audited(given):
    auditor = Auditor(room_of(given), holder=given.get("holder"), read=read)
    for entry in given["entries"]:
        auditor.entry(*parts(entry))
    for checkpoint in given["checkpoints"]:
        auditor.checkpoint(signed(checkpoint))
    for counter in given["countersignatures"]:
        auditor.countersignature(signed(counter))
    for entry in given["entries"]:
        header = bytes.fromhex(entry["header"])
        auditor.give(digest("sha256", ENTRY, header), header, bytes.fromhex(entry["signature"]))
    return auditor, auditor.report()


@pytest.mark.parametrize("name", [name for name, one in VECTORS.items() if one["object"] in ALONE])
def test_an_object_is_verified_or_refused_as_its_vector_says(name):
    vector = VECTORS[name]
    judge = ALONE[vector["object"]]
    if vector["expect"] == "verified":
        judge(vector["input"])
        return
    assert vector["expect"] == "refused"
    with pytest.raises(Unverified) as refused:
        judge(vector["input"])
    assert refused.value.reason == vector["reason"]


@pytest.mark.parametrize("name", [name for name, one in VECTORS.items() if one["object"] == "record"])
def test_a_record_is_judged_as_its_vector_says(name):
    vector = VECTORS[name]
    auditor, report = audited(vector["input"])
    named = [*report.findings, *report.allegations]
    if vector["expect"] in ("verified", "kept"):
        assert report.is_sound and not report.allegations
        assert [mark.reason for mark in report.marks if mark.reason != "unknown-kind"] == (
            [vector["reason"]] if vector["expect"] == "kept" else []
        )
        assert report.counts == {ally: sum(e["ally"] == ally for e in headers(vector)) for ally in report.members}
    else:
        assert vector["reason"] in {finding.reason for finding in named}
        assert vector.get("against") in {None, *(f.against for f in named if f.reason == vector["reason"])}
        assert (vector["reason"] == "fork-alleged") == report.is_sound
    chains = {chain.ally: chain for chain in report.chains}
    for ally, confirmed in vector.get("confirmed", {}).items():
        assert chains[ally].branches[0].confirmed == confirmed
    for ally, covered in vector.get("covered", {}).items():
        assert chains[ally].covered == covered
    if "heads" in vector:
        assert [[h.ally, h.epoch, h.length, h.head.hex()] for h in report.heads] == vector["heads"]
    is_open = vector["expect"] == "judged" and vector["reason"] == "fork-pair"
    assert any(chain.is_frozen for chain in auditor.chains.values()) == is_open


def headers(vector):
    return [cbor2.loads(bytes.fromhex(entry["header"])) for entry in vector["input"]["entries"]]


@pytest.mark.parametrize("name", [name for name, one in VECTORS.items() if one["object"] == "consultation"])
def test_a_consultation_comes_to_the_status_that_its_vector_says(name):
    vector = VECTORS[name]
    given = vector["input"]
    auditor, report = audited(given)
    assert report.is_sound
    room = room_of(given)
    entries = [verified(room, *parts(entry)) for entry in given["entries"]]
    opening = next(entry for entry in entries if entry.digest.hex() == given["opening"])
    ours = [entry for entry in entries if opening_of(entry) == opening.digest]
    state = folded(opening, room.members, ours).consultation

    def counts(ally, signature):
        chain = auditor.chains[ally]
        return chain.counts(signature.epoch, signature.seq) and chain.is_covered(signature.epoch, signature.seq)

    assert joint_status(state.standings, state.proposals, counts) == vector["reason"]


def test_every_vector_of_the_list_is_there_and_says_what_it_is():
    assert not set(NAMES) - VECTORS.keys()
    for name, vector in VECTORS.items():
        assert vector["name"] == name
        assert vector["expect"] in ("verified", "refused", "kept", "judged")
        assert vector["about"].endswith(".") and len(vector["about"]) < 130
        assert (vector["reason"] is None) == (vector["expect"] == "verified")


def test_the_specification_names_every_reason_and_every_vector():
    text = (ROOT / "docs" / "spec" / "record.md").read_text(encoding="utf-8")
    for vector in VECTORS.values():
        for token in (vector["reason"], vector["name"]):
            assert token is None or f"`{token}`" in text, token


def test_the_specification_names_every_reason_that_the_code_gives():
    text = (ROOT / "docs" / "spec" / "record.md").read_text(encoding="utf-8")
    source = "".join(
        path.read_text(encoding="utf-8")
        for path in [*(ROOT / "src/katchi/record").glob("*.py"), ROOT / "src/katchi/node/audit.py"]
    )
    patterns = (
        r'Unverified\(\s*"([a-z0-9-]+)"',
        r'reason = "([a-z0-9-]+)" if',
        r'reason = .* else "([a-z0-9-]+)"',
        r'(?:_find|Finding)\((?:[a-z_.]+|"[a-z ]+"), "([a-z0-9-]+)"',
    )
    reasons = {reason for pattern in patterns for reason in re.findall(pattern, source)}
    assert len(reasons) > 50
    assert not {reason for reason in reasons if f"`{reason}`" not in text}


def test_the_specifications_example_is_the_vector_byte_by_byte():
    text = (ROOT / "docs" / "spec" / "record.md").read_text(encoding="utf-8")
    example = text[text.index("## 1.") : text.index("## 2.")]
    header = "".join(re.findall(r"^\| `([0-9a-f ]+)` \|", example, flags=re.MULTILINE)).replace(" ", "")
    given = VECTORS["good-entry"]["input"]
    assert header == given["header"]
    assert given["salt"] in example and given["body"] in example
    assert digest("sha256", ENTRY, bytes.fromhex(header)).hex() in example
