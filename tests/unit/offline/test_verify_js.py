"""The second implementation of the record's verifier, verify.js, under Node: the same verdicts as ours, on vectors and exports.

What it cannot do is tested too: an ML-DSA-65 signature is never called verified there.
"""

from __future__ import annotations

import io
import json
import os
import random
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from katchi.consult.acts import SHAPES
from katchi.node.audit import read
from katchi.offline.page import SCRIPTS
from katchi.record import bundle as b
from katchi.record.charter import Charter, Former
from katchi.record.checkpoint import Checkpoint, Countersignature
from katchi.record.entry import Entry, Header, Seen
from katchi.record.identity import Contact, Identity
from katchi.record.report import RoomReport
from katchi.record.suite import SHIPPED
from katchi.record.unbundle import BundleReport, verify_bundle
from katchi.testing import programs
from katchi.testing.builders import (
    NOON,
    Ally,
    a_chain,
    a_checkpoint,
    a_countersignature,
    a_room,
    an_ally,
    an_entry,
)
from katchi.vocabulary import MESSAGES, Kind

ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT / "docs" / "spec" / "vectors"
OFFLINE = ROOT / "src" / "katchi" / "offline"
JUDGE = Path(__file__).with_name("judge.js")
SUITE = "ed25519+mldsa65"
ONLY_MLDSA = {"checkpoint-mldsa-invalid"}  # nothing but an ML-DSA-65 signature is wrong with these
OURS = json.loads((OFFLINE / "forms.json").read_text(encoding="utf-8"))


def run(script: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run one of our scripts under Node."""
    program = programs.node()
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("CI has no Node: verify.js is not tested")
        pytest.skip("there is no Node.js here: verify.js cannot be run")
    return subprocess.run([program, script, *map(str, words)], capture_output=True, text=True, check=False, timeout=300)


def node(*words: object) -> Any:
    """What judge.js answers."""
    ran = run(JUDGE, *words)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Any]:
    return node("vectors", VECTORS)


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.json")), ids=lambda path: path.stem)
def test_another_implementation_comes_to_the_verdict_of_every_vector(path, verdicts):
    vector, found = json.loads(path.read_text(encoding="utf-8")), verdicts[path.stem]
    said = {one["reason"] for one in found.get("findings", []) + found.get("allegations", [])}
    if path.stem in ONLY_MLDSA:
        assert found == {"refused": None, "checked": 1, "unchecked": 1}
    elif vector["expect"] == "refused":
        assert found["refused"] == vector["reason"]
    elif vector["object"] == "consultation":
        assert (found["status"], said) == (vector["reason"], set())
    elif vector["expect"] == "judged":
        assert vector["reason"] in said
        against = {one["against"] for one in found["findings"] + found["allegations"] if one["reason"] == vector["reason"]}
        assert vector.get("against") in {None, *against}
    else:
        assert found["refused"] is None and not said
        kept = [vector["reason"]] if vector["expect"] == "kept" else []
        assert [one["reason"] for one in found.get("marks", []) if one["reason"] != "unknown-kind"] == kept
    chains = {chain["ally"]: chain for chain in found.get("chains", [])}
    for name in ("covered", "confirmed"):
        for ally, value in vector.get(name, {}).items():
            assert chains[ally][name] == value
    if "heads" in vector:
        assert found["heads"] == vector["heads"]


def test_whatever_rests_on_a_slow_signature_is_said_to_be_unchecked(verdicts):
    """A checkpoint that holds and one whose ML-DSA-65 signature is forged look the same here: neither is called verified."""
    assert verdicts["good-checkpoint"] == verdicts["checkpoint-mldsa-invalid"]
    for name in ("good-identity", "good-charter", "good-contact", "good-checkpoint", "good-countersignature", "good-bundle"):
        assert verdicts[name]["unchecked"] > 0, name
    assert verdicts["good-entry"]["unchecked"] == 0


# Exports.

AZURE, BIRCH, CEDAR = (an_ally(name, suite=SUITE) for name in ("azure", "birch", "cedar"))
ROOM = a_room(AZURE, BIRCH, CEDAR, hash_name="sha384")
PRINTS = {ally.name: ally.fingerprint.hex() for ally in (AZURE, BIRCH, CEDAR)}


def exported(entries: Sequence[Entry], statements: Sequence[b.Item] = (), more: Sequence[b.Item] = ()) -> bytes:
    items = [b.EntryItem(header=e.header_bytes, signature=e.signature, salt=e.salt, body=e.body) for e in entries]
    out = io.BytesIO()
    b.write_bundle(out, [b.charter_item(ROOM.signed), *items, *statements, *more], AZURE.known, AZURE.signer, at=NOON)
    return out.getvalue()


def checkpoint(*words: Any) -> b.CheckpointItem:
    signed = a_checkpoint(ROOM, *words)
    return b.CheckpointItem(room=ROOM.id, statement=signed.statement, signatures=signed.signatures)


def countersignature(*words: Any) -> b.CountersignatureItem:
    signed = a_countersignature(ROOM, *words)
    return b.CountersignatureItem(room=ROOM.id, statement=signed.statement, signatures=signed.signatures)


def a_repair(after: Entry, heads: Sequence[Entry], epoch: int = NOON) -> Entry:
    branches = [[one.header.epoch, one.header.seq, one.digest] for one in heads]
    identity = {"statement": AZURE.identity.statement, "signatures": list(AZURE.identity.signatures)}
    body = {"by": None, "identity": identity, "reason": "repaired", "reads": [1], "branches": branches, "old_signatures": None}
    return an_entry(ROOM, AZURE, after.header.seq + 1, after.digest, kind=Kind.CHAIN_OPENED, epoch=epoch, body=body)


def accepting(by: Ally, repair: Entry, after: Entry | None = None) -> Entry:
    seq, prev = (after.header.seq + 1, after.digest) if after else (0, None)
    body = {"by": None, "ally": "azure"}
    return an_entry(ROOM, by, seq, prev, kind=Kind.REPAIR_ACCEPTED, about=[repair.digest], body=body)


def exports() -> dict[str, bytes]:
    chain, other = a_chain(ROOM, AZURE, 5), a_chain(ROOM, BIRCH, 3)
    beside = a_chain(ROOM, AZURE, 2, after=chain[1], body={"by": None, "text": "another history"})
    seeing = an_entry(ROOM, CEDAR, sees=[Seen("azure", 0, 4, chain[4].digest), Seen("birch", 0, 7, b"x" * 48)])
    less = an_entry(ROOM, CEDAR, 1, seeing.digest, sees=[Seen("azure", 0, 1, b"y" * 48)], at=NOON - 1)
    stated = an_entry(ROOM, BIRCH, kind=Kind.POSITION_STATED, body={"by": None, "text": "\u1112\u1161"})
    broken = an_entry(ROOM, BIRCH, 1, stated.digest, kind=Kind.ENDED, about=[stated.digest], body={"by": 7, "reason": ""})
    whole, part = a_checkpoint(ROOM, AZURE, chain), a_checkpoint(ROOM, AZURE, chain[:3])
    vouched = [checkpoint(AZURE, chain), checkpoint(AZURE, chain[:3]), countersignature(BIRCH, "azure", chain[:3], part)]
    lie = [countersignature(CEDAR, "azure", chain, whole), countersignature(CEDAR, "azure", [*chain[:2], *beside], whole)]
    left_out = checkpoint(AZURE, [chain[0], chain[2]])
    repair, half = (a_repair(chain[4], heads) for heads in ([chain[4], beside[1]], [chain[4], chain[3]]))
    accepted, halved = ([accepting(ally, one) for ally in (BIRCH, CEDAR)] for one in (repair, half))
    third = an_entry(ROOM, AZURE, 3, chain[2].digest, body={"by": None, "text": "a third history"})
    twice = a_repair(repair, [chain[4], beside[1], third], epoch=NOON + 1)
    accepted_twice = [accepting(by, twice, after=before) for by, before in zip((BIRCH, CEDAR), accepted, strict=True)]
    adrift = accepting(CEDAR, repair, after=msgspec.structs.replace(accepted[1], digest=b"a" * 48))
    misfit = an_entry(ROOM, AZURE, 3, chain[0].digest)
    names_paper = {"by": None, "text": "with a paper", "papers": [{"name": "a.txt", "size": 3, "root": b"r" * 48}]}
    paper = an_entry(ROOM, BIRCH, kind=Kind.POSITION_STATED, about=[chain[0].digest], body=names_paper)
    return {
        "sound": exported([*chain, *other], vouched),
        "out of order": exported([chain[3], chain[0], chain[2], chain[1], chain[4]], vouched),
        "a gap": exported([chain[0], *chain[2:]], vouched),
        "nothing vouched for is there": exported(chain[:2], vouched),
        "forked": exported([*chain, *beside], vouched),
        "a fork that was repaired": exported([*chain, *beside, repair, *accepted], vouched),
        "a fork whose repair one member has not accepted": exported([*chain, *beside, repair, accepted[0]], vouched),
        "a fork whose repair came last": exported([*accepted, *chain, *beside, repair], vouched),
        "a repair of one history": exported([*chain, *beside, half, *halved], vouched),
        "a repair that is not here": exported([*chain, *beside, *accepted], vouched),
        "a third history after a repair": exported([*chain, *beside, repair, *accepted, third], vouched),
        "a third history before a repair": exported([third, chain[0], *beside, *chain[1:], repair, *accepted], vouched),
        "two repairs": exported([*chain, *beside, repair, *accepted, third, twice, *accepted_twice], vouched),
        "a word without a place": exported([*chain, *beside, repair, accepted[0], adrift], vouched),
        "what waits does not fit": exported([chain[1], misfit, chain[2], chain[0]]),
        "one wrong checkpoint twice": exported(chain, [left_out, left_out, *vouched, *vouched]),
        "six histories": exported([chain[0], *(an_entry(ROOM, AZURE, 1, chain[0].digest, at=NOON + n) for n in range(6))]),
        "lied to": exported([*chain, *beside], [*vouched, *lie]),
        "seen": exported([*chain[:3], seeing, less]),
        "seen by two": exported(
            [*chain[:3], *(an_entry(ROOM, by, sees=[Seen("azure", 0, 9, b"x" * 48)]) for by in (BIRCH, CEDAR))]
        ),
        "an epoch that nothing opens": exported([*chain, an_entry(ROOM, AZURE, 5, chain[4].digest, epoch=NOON)]),
        "twice": exported([*chain, chain[1]]),
        "outside the rules": exported([stated, broken]),
        "a paper that is not there": exported([paper]),
        "another paper": exported([paper], more=[b.ChunkItem(room=ROOM.id, root=b"r" * 48, index=0, data=b"abc")]),
        "papers where none belong": exported([an_entry(ROOM, BIRCH, kind=Kind.WORDS_SIGNED, body={"by": None, "papers": 5})]),
        "an unnamed paper": exported(chain, more=[b.ChunkItem(room=ROOM.id, root=b"q" * 48, index=0, data=b"abc")]),
        "restored": exported([*chain, an_entry(ROOM, AZURE, 3, chain[2].digest, kind=Kind.CHAIN_OPENED, epoch=NOON)]),
        "a body destroyed": exported([msgspec.structs.replace(chain[0], salt=None, body=None), *chain[1:]], vouched),
    }


EXPORTS = exports()


def signed_words(*, rival: bool) -> bytes:
    """Words that all three signed, each covered; with a rival, azure's chain forks before its signature."""
    opened = an_entry(
        ROOM, AZURE, kind=Kind.CONSULTATION_OPENED, body={"by": None, "form": "towards-consensus", "subject": "one"}
    )
    proposed = {"by": None, "words": {"en": "We agree."}}
    words = an_entry(ROOM, AZURE, 1, opened.digest, kind=Kind.WORDS_PROPOSED, about=[opened.digest], body=proposed)
    about = [opened.digest, words.digest]
    mine = an_entry(ROOM, AZURE, 2, words.digest, kind=Kind.WORDS_SIGNED, about=about, body={"by": None})
    theirs = {by: an_entry(ROOM, by, kind=Kind.WORDS_SIGNED, about=about, body={"by": None}) for by in (BIRCH, CEDAR)}
    covers = [checkpoint(AZURE, [opened, words, mine]), *(checkpoint(by, [entry]) for by, entry in theirs.items())]
    beside = [an_entry(ROOM, AZURE, 1, opened.digest, body={"by": None, "text": "another history"})] if rival else []
    return exported([opened, words, mine, *theirs.values(), *beside], covers)


def by_ours(file: bytes) -> BundleReport:
    return verify_bundle(io.BytesIO(file), {bytes.fromhex(one) for one in PRINTS.values()}, SHIPPED, read=read)


def told(found: Sequence[Any]) -> list[tuple[str, str, str | None]]:
    return sorted(((one.where, one.reason, one.against) for one in found), key=str)


def as_told(found: Sequence[dict[str, Any]]) -> list[tuple[str, str, str | None]]:
    return sorted(((one["where"], one["reason"], one["against"]) for one in found), key=str)


def require_equal(found: dict[str, Any], rooms: Sequence[RoomReport]) -> None:
    (room,) = rooms
    assert found["refused"] is None
    assert as_told(found["findings"]) == told(room.findings)
    assert as_told(found["allegations"]) == told(room.allegations)
    assert as_told(found["marks"]) == told(room.marks)
    assert found["heads"] == [[h.ally, h.epoch, h.length, h.head.hex()] for h in room.heads]
    for chain, ours in zip(found["chains"], room.chains, strict=True):
        assert chain["ally"] == ours.ally
        assert (chain["length"], chain["covered"], chain["confirmed"]) == (ours.length, ours.covered, dict(ours.confirmed))
        assert chain["lacking"] == list(ours.lacking)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What verify.js finds in each of the exports."""
    folder = tmp_path_factory.mktemp("exports")
    for name, data in EXPORTS.items():
        (folder / name).write_bytes(data)
    return node("exports", ",".join(str(path) for path in folder.iterdir()), json.dumps(PRINTS))


@pytest.mark.parametrize("name", EXPORTS)
def test_both_implementations_find_the_same_in_an_export(name, found):
    require_equal(found[name], by_ours(EXPORTS[name]).rooms)


def test_the_exports_above_show_every_finding_and_mark_that_is_not_in_a_vector():
    reports = [room for file in EXPORTS.values() for room in by_ours(file).rooms]
    found = {one.reason for room in reports for one in (*room.findings, *room.allegations, *room.marks)}
    assert found >= {
        "prev-missing", "export-tail-withheld", "fork-pair", "fork-alleged", "not-held-here", "entry-repeated", "about-missing",
        "body-malformed", "body-not-nfc", "sees-goes-back", "clock-went-back", "unknown-kind", "paper-awaited", "paper-unnamed",
        "paper-root-mismatch", "countersignature-two-histories",
        "fork-limit", "epoch-not-opened", "checkpoint-inconsistent", "prev-mismatch",
    }  # fmt: skip


def test_words_signed_after_an_open_fork_are_not_agreed(tmp_path):
    for rival, status in ((False, "agreed"), (True, "partly-signed")):
        (file := tmp_path / "one.katchi").write_bytes(signed_words(rival=rival))
        assert node("exports", file, json.dumps(PRINTS))["one.katchi"]["statuses"] == [status]


def test_a_file_that_is_cut_or_goes_on_is_refused(tmp_path):
    data = EXPORTS["sound"]
    for name, changed in {"cut": data[:-1], "longer": data + b"\0", "empty": b"", "its beginning": data[:1000]}.items():
        (tmp_path / name).write_bytes(changed)
    for name, found in node("exports", ",".join(map(str, tmp_path.iterdir())), json.dumps(PRINTS)).items():
        assert found["refused"] == "file-broken", name


def test_no_key_is_taken_on_the_files_word(tmp_path):
    (file := tmp_path / "one.katchi").write_bytes(EXPORTS["sound"])
    without = node("exports", file, json.dumps({"azure": PRINTS["azure"]}))["one.katchi"]
    assert {ally: key["isTrusted"] for ally, key in without["keys"].items()} == {"azure": True, "birch": False, "cedar": False}
    another = node("exports", file, json.dumps({**PRINTS, "birch": PRINTS["cedar"]}))["one.katchi"]
    assert another["refused"] == "not-trusted" and "birch" in another["what"]


def test_the_command_says_by_its_exit_status_whether_a_file_holds(tmp_path):
    (file := tmp_path / "one.katchi").write_bytes(EXPORTS["sound"])
    trust = [word for ally, found in PRINTS.items() for word in ("--trust", f"{ally}={found}")]
    for words, status in ((trust, 0), (trust[:2], 5), ([*trust[:4], "--trust", f"cedar={'0' * 64}"], 5)):
        ran = run(OFFLINE / "command.js", file, *words)
        assert ran.returncode == status, ran.stderr
        assert json.loads(ran.stdout)["ML-DSA-65"] == "not checked here"


def test_one_bit_flipped_anywhere_is_refused_but_in_the_one_signature_that_cannot_be_checked_there(tmp_path):
    data = EXPORTS["sound"]
    (file := tmp_path / "one.katchi").write_bytes(data)
    slow = range(len(data) - 3309, len(data))  # of the manifest: its last key, its last signature
    positions = sorted({*range(0, 60), *random.Random(7).sample(range(len(data)), 240), slow[0] - 1, slow[0], slow[-1]})
    for at, found in node("flips", file, json.dumps(positions)).items():
        if int(at) in slow:  # our own refuses it; there it counts among those that are not checked
            assert found["refused"] is None and found["unchecked"] > 0
        else:
            assert found["refused"] is not None and found["place"], at


# The table of forms.


def resolved(form: str | dict[str, Any]) -> dict[str, Any]:
    return resolved(OURS["forms"][form]) if isinstance(form, str) else form


@pytest.mark.parametrize(
    ("group", "name", "shape"),
    [
        *(("objects", name, shape) for name, shape in {
            "identity": Identity, "contact": Contact, "charter": Charter, "entry": Header, "checkpoint": Checkpoint,
            "countersignature": Countersignature, "manifest": b.Manifest,
        }.items()),
        *(("items", shape.__struct_config__.tag, shape) for shape in (
            b.CharterItem, b.EntryItem, b.CheckpointItem, b.CountersignatureItem, b.ChunkItem, b.ManifestItem,
        )),
        *(("kinds", kind, shape) for kind, shape in SHAPES.items()),
        ("forms", "after", Former),
    ],
)  # fmt: skip
def test_the_table_of_forms_has_the_fields_that_our_structs_have(group, name, shape):
    form = OURS[group][name]
    fields = {field.name for field in msgspec.structs.fields(shape)}
    if group == "kinds":
        may_lack = {field.name for field in msgspec.structs.fields(shape) if not field.required}
        named = {field: form.get("with", {}).get(field, field) for field in form["fields"].split()}
        forms = {field: resolved(one) for field, one in named.items()}
        assert {field for field, one in forms.items() if "absent" in one.get("or", ())} == may_lack
        assert form["open"]
    elif group == "items":
        fields |= {"t"}
    assert set(form["fields"].split()) == fields


def test_the_table_of_forms_knows_every_kind_and_which_of_them_answer():
    assert set(OURS["kinds"]) == {str(kind) for kind in SHAPES}
    answers = {kind for kind, form in OURS["kinds"].items() if form.get("answers")}
    assert answers == {str(kind) for kind in MESSAGES - {Kind.CONSULTATION_OPENED}}


def test_the_table_says_which_reasons_are_marks_and_allegations_as_the_specification_does():
    spec = (ROOT / "docs" / "spec" / "record.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`[a-z0-9-]+` ?)+)\| ([^|]*)\|", spec[spec.index("## 11. ") :], re.MULTILINE)
    said = {"allegations": re.compile("judged, an allegation"), "marks": re.compile("marks?\\b")}
    expected = {
        reason: found
        for reasons, what in rows
        for found, how in said.items()
        if how.match(what)
        for reason in re.findall("`(.*?)`", reasons)
    }
    assert OURS["as"] == expected
    assert "fork-pair" not in expected  # a finding, unless a repair settles it


LINES_MAX = {"verify.js": 300, "command.js": 15, "page.js": 70}  # the verifier; what starts it under Node; what draws in the page


@pytest.mark.parametrize("name", LINES_MAX)
def test_our_own_javascript_can_be_read_in_one_sitting(name):
    lines = (OFFLINE / name).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LINES_MAX[name]
    assert max(map(len, lines)) <= 130


def test_the_page_carries_no_other_javascript_of_our_own():
    assert {path.name for path in OFFLINE.glob("*.js")} == set(LINES_MAX)
    assert set(SCRIPTS) == set(LINES_MAX) - {"command.js"}
    assert '<script type="module">{{ script }}</script>' in (OFFLINE / "record.html").read_text(encoding="utf-8")
    assert not re.search(r"\son[a-z]+=", (OFFLINE / "record.html").read_text(encoding="utf-8"))
