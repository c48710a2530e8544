"""The export file: not one bit of it can change, and it vouches for no key by itself."""

from __future__ import annotations

import hashlib
import io

import msgspec
import pytest

from katchi.errors import KatchiError, Malformed, NotTrusted, RecordBroken, Unverified
from katchi.record import merkle
from katchi.record.audit import Said
from katchi.record.bundle import (
    ITEM_SIZE_MAX,
    MAGIC,
    CheckpointItem,
    ChunkItem,
    CountersignatureItem,
    EntryItem,
    Manifest,
    ManifestItem,
    charter_item,
    manifest_message,
    write_bundle,
)
from katchi.record.canonical import decode_struct, encode
from katchi.record.charter import SignedCharter
from katchi.record.entry import Seen
from katchi.record.papers import PaperName
from katchi.record.unbundle import bundle_items, verify_bundle, write_paper
from katchi.testing.builders import NOON, a_chain, a_checkpoint, a_countersignature, a_room, an_ally, an_entry
from katchi.testing.cheap import SUITES

AZURE, BIRCH, CEDAR = an_ally("azure"), an_ally("birch"), an_ally("cedar")
ROOM, NATIONAL = a_room(AZURE, BIRCH), a_room(AZURE, title="national")
CHAIN, ANSWERS = a_chain(ROOM, AZURE, 3), a_chain(ROOM, BIRCH, 2)
CHUNKS = [b"p" * 65536, b"q"]
ROOT = merkle.root_of_leaves("sha256", [merkle.leaf("sha256", chunk) for chunk in CHUNKS])
TRUSTED = {AZURE.fingerprint, BIRCH.fingerprint}


def entry_item(entry):
    return EntryItem(header=entry.header_bytes, signature=entry.signature, salt=entry.salt, body=entry.body)


def items_of(room=ROOM, entries=(*CHAIN, *ANSWERS), author=AZURE, by=BIRCH, chain=CHAIN):
    yield charter_item(room.signed)
    yield from map(entry_item, entries)
    checkpoint = a_checkpoint(room, author, chain)
    yield CheckpointItem(room=room.id, statement=checkpoint.statement, signatures=checkpoint.signatures)
    counter = a_countersignature(room, by, author.name, chain[:2], checkpoint)
    yield CountersignatureItem(room=room.id, statement=counter.statement, signatures=counter.signatures)


def chunk_items():
    return [ChunkItem(room=ROOM.id, root=ROOT, index=index, data=data) for index, data in enumerate(CHUNKS)]


def written(items=None, exporter=AZURE):
    out = io.BytesIO()
    write_bundle(out, items_of() if items is None else items, exporter.known, exporter.signer, at=NOON)
    return out.getvalue()


def verified(data, trusted=frozenset(TRUSTED), **kwargs):
    return verify_bundle(io.BytesIO(data), trusted, SUITES, **kwargs)


BUNDLE = written()


def test_a_bundle_comes_back_with_everything_recomputed():
    report = verified(BUNDLE)
    (room,) = report.rooms
    assert report.is_sound and room.room == ROOM.id and room.counts == {"azure": 3, "birch": 2}
    assert room.chains[0].said == "confirmed by birch to 2; beyond that, only azure's word"
    assert (report.manifest.exporter, report.manifest.mode, report.manifest.at) == ("azure", "exercise", NOON)
    assert report.manifest.rooms[0].heads == room.heads


def test_a_bundle_begins_with_its_magic_line_and_has_no_slack_bytes():
    assert BUNDLE.startswith(b"katchi bundle 1\n")
    at, parts = len(MAGIC), []
    while at < len(BUNDLE):
        size = int.from_bytes(BUNDLE[at : at + 4], "big")
        parts.append(decode_item(BUNDLE[at + 4 : at + 4 + size])["t"])
        at += 4 + size
    assert at == len(BUNDLE)
    assert parts == ["charter", *["entry"] * 5, "checkpoint", "countersignature", "manifest"]


def decode_item(data):
    from katchi.record.canonical import decode

    return decode(data, size_max=len(data))


def test_a_bundle_is_written_the_same_way_each_time():
    assert written() == BUNDLE


def test_any_one_bit_that_flips_anywhere_is_refused():
    for at in range(len(BUNDLE)):
        changed = bytearray(BUNDLE)
        changed[at] ^= 1 << at % 8
        with pytest.raises((RecordBroken, Unverified, NotTrusted)):
            verified(bytes(changed))


def test_a_file_cut_anywhere_is_refused():
    for size in range(len(BUNDLE)):
        with pytest.raises(RecordBroken):
            verified(BUNDLE[:size])


@pytest.mark.parametrize("tail", [b"\x00", b"\n", BUNDLE[len(MAGIC) :], BUNDLE])
def test_nothing_may_follow_the_manifest(tail):
    with pytest.raises(RecordBroken, match="follows"):
        verified(BUNDLE + tail)


def test_an_item_that_states_more_bytes_than_any_item_has_is_refused_before_they_are_read():
    class Endless(io.BytesIO):
        asked = 0

        def read(self, size=-1, /):
            Endless.asked = max(Endless.asked, size)
            return super().read(size)

    data = MAGIC + (2**32 - 1).to_bytes(4, "big") + b"\xa0"
    with pytest.raises(RecordBroken, match="more than any item"):
        verify_bundle(Endless(data), TRUSTED, SUITES)
    assert Endless.asked <= ITEM_SIZE_MAX


@pytest.mark.parametrize("magic", [b"", b"katchi bundle 2\n", b"katchi bundle 1\r\n", b"PK\x03\x04" * 4])
def test_what_does_not_begin_as_format_1_is_refused(magic):
    with pytest.raises(RecordBroken, match="format 1"):
        verified(magic + BUNDLE[len(MAGIC) :])


# Whom to believe.


@pytest.mark.parametrize(("known", "missing"), [([], AZURE), ([AZURE], BIRCH), ([BIRCH, CEDAR], AZURE)])
def test_a_member_whose_fingerprint_was_not_given_is_named_and_nothing_is_believed(known, missing):
    with pytest.raises(NotTrusted, match=missing.name) as refused:
        verified(BUNDLE, {ally.fingerprint for ally in known})
    assert f"--trust {missing.fingerprint.hex()}" in refused.value.hint


def test_a_whole_record_forged_under_new_keys_of_the_same_names_is_not_trusted():
    thief = an_ally("azure", serial=5)
    room = a_room(thief, BIRCH)
    forged = written(items_of(room, a_chain(room, thief, 3), thief, BIRCH, a_chain(room, thief, 3)), thief)
    with pytest.raises(NotTrusted, match="azure"):
        verified(forged)


def test_an_exporter_must_be_a_trusted_member_of_every_room_in_the_file():
    data = written(exporter=CEDAR)
    with pytest.raises(NotTrusted, match="cedar"):
        verified(data)
    with pytest.raises(Unverified, match="manifest-not-a-member"):
        verified(data, {*TRUSTED, CEDAR.fingerprint})
    both = written([*items_of(), charter_item(NATIONAL.signed)], BIRCH)
    with pytest.raises(Unverified, match="manifest-not-a-member"):
        verified(both)


def test_keys_of_the_other_mode_cannot_export():
    live = an_ally("azure", mode="live")
    with pytest.raises(Unverified, match="manifest-not-a-member"):
        verified(written(exporter=live), {*TRUSTED, live.fingerprint})


def test_the_charters_signatures_are_verified():
    signed = SignedCharter(ROOM.signed.statement, {**ROOM.signed.signatures, "birch": ROOM.signed.signatures["azure"]})
    with pytest.raises(Unverified, match="signature-invalid"):
        verified(written([charter_item(signed), *map(entry_item, CHAIN)]))


# What a member who exports may try.


def resealed(data=BUNDLE, exporter=AZURE, signer=None, **changes):
    """The file with another manifest, signed by its exporter."""
    out = io.BytesIO(data)
    body = data[: len(data) - len(last_item(data)) - 4]
    manifest = decode_struct(
        decode_item(last_item(data))["statement"],
        Manifest,
        size_max=ITEM_SIZE_MAX,
    )
    statement = encode(msgspec.structs.replace(manifest, **changes))
    signatures = (signer or exporter.signer).full(manifest_message(exporter.fingerprint, statement))
    item = encode(ManifestItem(statement=statement, signatures=signatures))
    out.close()
    return body + len(item).to_bytes(4, "big") + item


def last_item(data):
    at = len(MAGIC)
    while True:
        size = int.from_bytes(data[at : at + 4], "big")
        if at + 4 + size == len(data):
            return data[at + 4 :]
        at += 4 + size


def test_a_manifest_signed_by_anyone_else_is_refused():
    assert verified(resealed()).is_sound
    with pytest.raises(Unverified, match="signature-invalid"):
        verified(resealed(signer=BIRCH.signer))


def test_a_manifest_over_other_bytes_or_rooms_is_refused():
    with pytest.raises(RecordBroken, match="its bytes"):
        verified(resealed(digest=b"d" * 32))
    with pytest.raises(RecordBroken, match="other rooms"):
        verified(resealed(rooms=()))
    with pytest.raises(Unverified):
        verified(resealed(mode="live"))


def test_a_manifest_that_names_heads_which_the_entries_do_not_have_is_a_finding():
    rooms = verified(BUNDLE).manifest.rooms
    for lie in ({"entries": 9}, {"heads": rooms[0].heads[:1]}):
        report = verified(resealed(rooms=(msgspec.structs.replace(rooms[0], **lie),)))
        assert [finding.reason for finding in report.rooms[0].findings] == ["manifest-heads"]


def test_a_tail_that_the_exporter_withholds_shows_by_what_a_peer_has_seen():
    seen = an_entry(ROOM, BIRCH, 2, ANSWERS[1].digest, sees=[Seen("azure", 0, 2, CHAIN[2].digest)])
    assert verified(written([charter_item(ROOM.signed), *map(entry_item, (*CHAIN, *ANSWERS, seen))])).is_sound
    cut = verified(written([charter_item(ROOM.signed), *map(entry_item, (*CHAIN[:2], *ANSWERS, seen))]))
    assert [(f.where, f.reason) for f in cut.rooms[0].findings] == [("birch 0/2", "export-tail-withheld")]


def test_a_broken_entry_that_the_exporter_signed_for_is_a_finding_and_hides_no_other():
    forged = msgspec.structs.replace(CHAIN[2], signature=CHAIN[1].signature)
    report = verified(written([charter_item(ROOM.signed), *map(entry_item, (*CHAIN[:2], forged, *ANSWERS))]))
    assert {finding.reason for finding in report.rooms[0].findings} == {"signature-invalid", "manifest-heads"}
    assert report.rooms[0].counts == {"azure": 2, "birch": 2}


def test_a_fork_in_a_file_is_proven_from_the_file():
    other = an_entry(ROOM, AZURE, 1, CHAIN[0].digest, body={"by": None, "text": "other"})
    report = verified(written([charter_item(ROOM.signed), *map(entry_item, (*CHAIN, other))]))
    (fork,) = report.rooms[0].chains[0].forks
    assert fork.proof is not None and {fork.proof.one_header, fork.proof.other_header} == {
        CHAIN[1].header_bytes,
        other.header_bytes,
    }


@pytest.mark.parametrize(
    "items",
    [[entry_item(CHAIN[0])], [*chunk_items()], [charter_item(NATIONAL.signed), entry_item(CHAIN[0])]],
    ids=["entry", "chunk", "another room's"],
)
def test_an_item_before_the_charter_of_its_room_is_neither_written_nor_read(items):
    with pytest.raises(Malformed, match="before the charter"):
        written(items)
    sealed = b"".join(len(data).to_bytes(4, "big") + data for data in map(encode, items))
    with pytest.raises(RecordBroken, match="charter did not come before"):
        verified(MAGIC + sealed)


def test_a_charter_that_comes_twice_is_refused():
    with pytest.raises(RecordBroken, match="twice"):
        verified(written([charter_item(ROOM.signed), charter_item(ROOM.signed)]))


def test_an_export_of_nothing_is_not_written():
    with pytest.raises(Malformed, match="at least one room"):
        written([])


@pytest.mark.parametrize(
    "item",
    [
        {"t": "note", "text": "hello"},
        {"t": "entry"},
        {**msgspec.to_builtins(entry_item(CHAIN[0]), builtin_types=(bytes,)), "arrived": 1},
        {"text": 1},
        [],
        7,
    ],
)
def test_an_item_that_format_1_does_not_have_is_refused(item):
    data = encode(item)
    with pytest.raises(RecordBroken, match="cannot be read"):
        verified(MAGIC + len(data).to_bytes(4, "big") + data)


# Papers and bodies.


def reads_a_paper(header, _body):
    return Said(papers=(PaperName("plan.pdf", 65537, ROOT),) if header.ally == "azure" and header.seq == 0 else ())


def test_a_papers_bytes_are_in_the_file_with_name_size_and_sha256():
    data = written([*items_of(), *chunk_items()])
    report = verified(data, read=reads_a_paper)
    (paper,) = report.rooms[0].papers
    assert report.is_sound and (paper.names, paper.size) == (("plan.pdf",), 65537)
    assert paper.sha256 == hashlib.sha256(b"".join(CHUNKS)).digest()
    out = io.BytesIO()
    assert write_paper(io.BytesIO(data), ROOM.id, ROOT, out) == 65537 and out.getvalue() == b"".join(CHUNKS)


def test_a_changed_chunk_that_the_exporter_signed_for_is_found():
    chunks = [chunk_items()[0], msgspec.structs.replace(chunk_items()[1], data=b"Q")]
    report = verified(written([*items_of(), *chunks]), read=reads_a_paper)
    assert [finding.reason for finding in report.rooms[0].findings] == ["paper-root-mismatch"]


def test_destroyed_bodies_leave_a_file_that_verifies():
    bare = [msgspec.structs.replace(entry, salt=None, body=None) for entry in CHAIN]
    report = verified(written([charter_item(ROOM.signed), *map(entry_item, bare)]))
    assert report.is_sound and report.rooms[0].chains[0].lacking == ("azure 0/0", "azure 0/1", "azure 0/2")


def test_items_can_be_read_again_after_verifying():
    file = io.BytesIO(BUNDLE)
    verify_bundle(file, TRUSTED, SUITES)
    assert [type(item).__name__ for item in bundle_items(file)][:2] == ["CharterItem", "EntryItem"]


# The real suite.


@pytest.fixture(scope="module")
def real():
    azure, birch = (an_ally(name, suite="ed25519+mldsa65") for name in ("azure", "birch"))
    room = a_room(azure, birch)
    chain = a_chain(room, azure, 2)
    return written(items_of(room, chain, azure, birch, chain), azure), {azure.fingerprint, birch.fingerprint}


def test_with_the_real_suite_a_bundle_verifies(real):
    assert verified(*real).is_sound


def test_with_the_real_suite_a_flipped_bit_is_refused_also_inside_every_signature(real):
    data, trusted = real
    manifest_at = len(data) - len(last_item(data))
    positions = [*range(17, len(data), 997), *range(manifest_at, len(data), 61)]
    for at in positions:
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        with pytest.raises(KatchiError) as refused:
            verified(bytes(changed), trusted)
        assert isinstance(refused.value, RecordBroken | Unverified | NotTrusted)


def test_the_file_written_is_the_file_read(tmp_path):
    path = tmp_path / "talks.katchi"
    with path.open("wb") as out:
        write_bundle(out, items_of(), AZURE.known, AZURE.signer, at=NOON)
    assert path.stat().st_size == len(BUNDLE)
    with path.open("rb") as file:
        assert verify_bundle(file, TRUSTED, SUITES).is_sound
