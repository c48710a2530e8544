"""The auditor: everything recomputed, every fault named, in whatever order the parts come."""

from __future__ import annotations

import random

import msgspec
import pytest

from katchi.errors import Unverified
from katchi.record import merkle
from katchi.record.audit import Auditor, Said, same_record
from katchi.record.canonical import decode_struct
from katchi.record.charter import SignedCharter, verified_charter
from katchi.record.checkpoint import Checkpoint, Countersignature, Signed, sign
from katchi.record.entry import Seen, sign_entry
from katchi.record.fork import verified_fork
from katchi.record.papers import PaperName
from katchi.testing.builders import a_chain, a_checkpoint, a_countersignature, a_room, an_ally, an_entry
from katchi.testing.cheap import SUITES

AZURE, BIRCH, CEDAR = an_ally("azure"), an_ally("birch"), an_ally("cedar")
ROOM = a_room(AZURE, BIRCH, CEDAR)
CHAIN, ANSWERS = a_chain(ROOM, AZURE, 8), a_chain(ROOM, BIRCH, 3)
OTHER = {"by": None, "text": "other"}
FORK = a_chain(ROOM, AZURE, 2, after=CHAIN[4], body=OTHER)
EPOCH = [an_entry(ROOM, AZURE, 6, CHAIN[5].digest, epoch=9, kind="chain.opened")]


def audited(*entries, checkpoints=(), counters=(), room=ROOM, is_whole=True, **kwargs):
    auditor = Auditor(room, **kwargs)
    for signed in checkpoints:
        auditor.checkpoint(signed)
    for signed in counters:
        auditor.countersignature(signed)
    for entry in entries:
        auditor.entry(entry.header_bytes, entry.signature, entry.salt, entry.body)
    held = {entry.digest: entry for entry in entries}
    for digest in auditor.needed:
        auditor.give(digest, held[digest].header_bytes, held[digest].signature)
    return auditor.report(is_whole=is_whole)


def reasons(findings):
    return [finding.reason for finding in findings]


def chain_of(report, ally):
    return next(chain for chain in report.chains if chain.ally == ally)


def checkpoint(entries):
    return a_checkpoint(ROOM, AZURE, entries)


def counter(entries, by=BIRCH):
    return a_countersignature(ROOM, by, "azure", entries, checkpoint(entries))


def test_a_record_that_holds_has_no_finding_and_says_how_far_it_is_vouched_for():
    report = audited(*CHAIN, *ANSWERS, checkpoints=[checkpoint(CHAIN)], counters=[counter(CHAIN[:5])])
    assert report.is_sound and not report.marks and not report.allegations
    azure = chain_of(report, "azure")
    assert (azure.length, azure.entries, azure.covered, azure.confirmed, azure.epochs) == (8, 8, 8, {"birch": 5}, (0,))
    assert azure.head == CHAIN[7].digest
    assert azure.branches[0].root == merkle.root("sha256", merkle.frontier_of("sha256", [e.digest for e in CHAIN]))
    assert azure.said == "confirmed by birch to 5; beyond that, only azure's word"
    assert chain_of(report, "birch").said == "only birch's word"
    assert chain_of(report, "cedar").said == "no entries"
    assert report.counts == {"azure": 8, "birch": 3, "cedar": 0}


def test_a_chain_confirmed_to_its_head_leaves_nothing_to_its_authors_word():
    counters = [counter(CHAIN), counter(CHAIN[:2], CEDAR)]
    azure = chain_of(audited(*CHAIN, checkpoints=[checkpoint(CHAIN)], counters=counters), "azure")
    assert azure.said == "confirmed by birch to 8, by cedar to 2"


@pytest.mark.parametrize("seed", range(12))
def test_the_report_is_the_same_in_any_order(seed):
    entries = [*CHAIN, *ANSWERS, *EPOCH]
    statements = {"checkpoints": [checkpoint(CHAIN[:n]) for n in (2, 5, 8)], "counters": [counter(CHAIN[:4])]}
    expected = audited(*entries, **statements)
    assert expected.is_sound
    random.Random(seed).shuffle(entries)
    report = audited(*entries, **statements)
    assert report.findings == expected.findings and report.heads == expected.heads
    assert report.heads_digest == expected.heads_digest
    assert {chain.ally: (chain.covered, chain.confirmed) for chain in report.chains} == {
        chain.ally: (chain.covered, chain.confirmed) for chain in expected.chains
    }


def test_two_records_have_one_heads_digest_only_if_they_hold_the_same_entries():
    whole = audited(*CHAIN, *ANSWERS)
    assert audited(*ANSWERS, *CHAIN).heads_digest == whole.heads_digest
    for other in (audited(*CHAIN), audited(*CHAIN[:7], *ANSWERS), audited(*CHAIN, *ANSWERS, *EPOCH)):
        assert other.heads_digest != whole.heads_digest


@pytest.mark.parametrize("part", ["header", "signature", "salt", "body"])
def test_one_changed_byte_of_any_entry_is_found_and_named_and_the_rest_is_still_audited(part):
    broken = CHAIN[3]
    parts = {"header": broken.header_bytes, "signature": broken.signature, "salt": broken.salt, "body": broken.body}
    parts[part] = parts[part][:-1] + bytes([parts[part][-1] ^ 1])
    auditor = Auditor(ROOM)
    for entry in (*CHAIN[:3], *ANSWERS):
        auditor.entry(entry.header_bytes, entry.signature, entry.salt, entry.body)
    auditor.entry(parts["header"], parts["signature"], parts["salt"], parts["body"])
    for entry in CHAIN[4:]:
        auditor.entry(entry.header_bytes, entry.signature, entry.salt, entry.body)
    report = auditor.report()
    assert len(report.findings) == 2
    assert report.findings[0].reason in ("signature-invalid", "body-digest-mismatch", "field-malformed", "not-cbor")
    assert report.findings[1] == msgspec.structs.replace(report.findings[1], where="azure 0/4", reason="prev-missing")
    assert chain_of(report, "birch").length == 3


def test_an_entry_that_was_left_out_shows_as_a_gap_where_it_was():
    report = audited(*CHAIN[:3], *CHAIN[4:])
    assert [(f.where, f.reason) for f in report.findings] == [("azure 0/4", "prev-missing")]
    assert chain_of(report, "azure").length == 3


def test_an_entry_that_is_there_twice_is_named():
    assert reasons(audited(*CHAIN, CHAIN[2]).findings) == ["entry-repeated"]
    assert reasons(audited(CHAIN[1], CHAIN[1], CHAIN[0]).findings) == ["entry-repeated"]


def test_an_entry_that_does_not_follow_what_it_names_is_named():
    assert reasons(audited(*CHAIN[:2], an_entry(ROOM, AZURE, 7, CHAIN[1].digest)).findings) == ["prev-mismatch"]


def test_a_signature_that_was_checked_elsewhere_is_believed_either_way():
    auditor = Auditor(ROOM)
    entry = CHAIN[0]
    auditor.entry(entry.header_bytes, entry.signature, entry.salt, entry.body, signature_holds=False)
    assert reasons(auditor.report().findings) == ["signature-invalid"]


def test_bodies_that_are_not_there_are_listed_and_are_no_fault():
    entry = msgspec.structs.replace(CHAIN[2], salt=None, body=None)
    report = audited(*CHAIN[:2], entry, *CHAIN[3:])
    assert report.is_sound and chain_of(report, "azure").lacking == ("azure 0/2",)


def test_a_room_that_not_all_have_signed_holds_no_entries():
    signed = SignedCharter(ROOM.signed.statement, {"azure": ROOM.signed.signatures["azure"]})
    proposed = verified_charter(signed, SUITES)
    assert reasons(audited(CHAIN[0], room=proposed).findings) == ["charter-missing-signature"]
    empty = audited(room=proposed)
    assert empty.is_sound and reasons(empty.marks) == ["not-in-force"]


def test_a_fork_is_found_with_a_proof_that_stands_alone():
    report = audited(*CHAIN, *FORK)
    assert [(f.where, f.reason, f.against) for f in report.findings] == [("azure 0/5", "fork-pair", "azure")]
    (fork,) = chain_of(report, "azure").forks
    one, other = verified_fork(ROOM, fork.proof)
    assert one.seq == other.seq == 5 and not fork.is_settled
    assert {branch.length for branch in chain_of(report, "azure").branches} == {8, 7}


def test_a_fork_that_all_others_accepted_as_repaired_is_a_mark():
    unsettled = audited(*CHAIN, *FORK, REPAIR, ACCEPTS[0], read=read_repairs)
    assert reasons(unsettled.findings) == ["fork-pair"]
    settled = audited(*CHAIN, *FORK, REPAIR, *ACCEPTS, read=read_repairs)
    assert settled.is_sound and reasons(settled.marks) == ["fork-pair"]


REPAIR = an_entry(ROOM, AZURE, 8, CHAIN[7].digest, epoch=3, kind="chain.opened")
ACCEPTS = [an_entry(ROOM, ally, kind="repair.accepted", about=[REPAIR.digest]) for ally in (BIRCH, CEDAR)]
HEADS = ((0, 7, CHAIN[7].digest), (0, 6, FORK[1].digest))


def read_repairs(header, _body):
    repairs = HEADS if header.kind == "chain.opened" else None
    return Said(accepts="azure" if header.kind == "repair.accepted" else None, repairs=repairs)


@pytest.mark.parametrize("about", [[CHAIN[7].digest], [b"n" * 32], []])
def test_a_word_that_accepts_what_is_no_repair_settles_nothing_and_is_marked(about):
    accepts = [an_entry(ROOM, ally, kind="repair.accepted", about=about) for ally in (BIRCH, CEDAR)]
    report = audited(*CHAIN, *FORK, REPAIR, *accepts, read=read_repairs)
    assert reasons(report.findings) == ["fork-pair"]
    assert [(mark.where, mark.reason) for mark in report.marks] == [
        ("birch 0/0", "repair-unknown"),
        ("cedar 0/0", "repair-unknown"),
    ]


def test_a_word_that_has_no_place_in_its_chain_accepts_nothing():
    adrift = an_entry(ROOM, BIRCH, 1, b"p" * 32, kind="repair.accepted", about=[REPAIR.digest])
    report = audited(*CHAIN, *FORK, REPAIR, ACCEPTS[1], adrift, read=read_repairs)
    assert sorted(reasons(report.findings)) == ["fork-pair", "prev-missing"]


def test_two_who_allege_the_same_are_both_named_each_where_it_said_so_first():
    alleged = [Seen("azure", 0, 2, b"x" * 32)]
    birch, cedar = (an_entry(ROOM, ally, sees=alleged) for ally in (BIRCH, CEDAR))
    other = an_entry(ROOM, BIRCH, epoch=4, kind="chain.opened", sees=alleged)
    report = audited(*CHAIN, other, cedar, birch)
    assert {(f.where, f.reason, f.against) for f in report.allegations} == {
        ("birch 0/0", "fork-alleged", "birch"),
        ("cedar 0/0", "fork-alleged", "cedar"),
    }


def test_a_proof_needs_the_very_headers():
    auditor = Auditor(ROOM)
    for entry in (*CHAIN, *FORK):
        auditor.entry(entry.header_bytes, entry.signature, entry.salt, entry.body)
    assert auditor.needed == {CHAIN[4].digest, CHAIN[5].digest}  # what both follow, and the other side
    auditor.give(CHAIN[5].digest, CHAIN[6].header_bytes, CHAIN[6].signature)
    with pytest.raises(Unverified, match="fork-not-proven"):
        auditor.report()


def changed(signed, shape, by, **changes):
    said = decode_struct(signed.statement, shape, size_max=10_000)
    return sign(ROOM, msgspec.structs.replace(said, **changes), by.fingerprint, by.signer)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"root": b"r" * 32}, "checkpoint-inconsistent"),
        ({"length": 4}, "checkpoint-head-not-length"),
        ({"head": b"h" * 32}, "checkpoint-head-not-length"),
        ({"length": 9, "head": b"h" * 32}, "export-tail-withheld"),
        ({"epoch": 1}, "export-tail-withheld"),
        ({"mode": "live"}, "replay-other-mode"),
    ],
)
@pytest.mark.parametrize("length", [5, 8])
def test_a_checkpoint_that_does_not_fit_its_entries_is_named(change, reason, length):
    report = audited(*CHAIN, checkpoints=[changed(checkpoint(CHAIN[:length]), Checkpoint, AZURE, **change)])
    assert reasons(report.findings) == [reason]
    assert chain_of(report, "azure").covered == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"root": b"r" * 32}, "countersignature-other-history"),
        ({"head": b"h" * 32}, "countersignature-other-history"),
        ({"length": 30, "head": b"h" * 32}, "export-tail-withheld"),
        ({"by_identity": b"i" * 32}, "signature-other-identity"),
    ],
)
def test_a_countersignature_that_does_not_fit_the_entries_is_named(change, reason):
    report = audited(*CHAIN, counters=[changed(counter(CHAIN[:5]), Countersignature, BIRCH, **change)])
    assert reasons(report.findings) == [reason]
    assert chain_of(report, "azure").confirmed == {}


def test_a_peer_that_countersigned_two_histories_at_one_length_is_proven_a_liar():
    lie = changed(counter(CHAIN[:5]), Countersignature, BIRCH, head=b"h" * 32)
    for order in ([counter(CHAIN[:5]), lie], [lie, counter(CHAIN[:5])]):
        report = audited(*CHAIN, counters=order)
        assert [(f.reason, f.against) for f in report.findings] == [("countersignature-two-histories", "birch")]
        assert chain_of(report, "azure").confirmed == {"birch": 5}


def test_a_peer_that_countersigned_both_sides_of_a_fork_at_different_lengths_is_a_liar_too():
    both = [counter(CHAIN), counter([*CHAIN[:5], *FORK])]
    report = audited(*CHAIN, *FORK, counters=both)
    assert sorted(reasons(report.findings)) == ["countersignature-two-histories", "fork-pair"]
    turned = audited(*CHAIN[:5], *FORK, *CHAIN[5:], counters=both)
    assert {(f.where, f.reason) for f in turned.findings} == {(f.where, f.reason) for f in report.findings}
    one_side = audited(*CHAIN, *FORK, counters=[counter(CHAIN), counter(CHAIN[:5]), counter(CHAIN[:6])])
    assert reasons(one_side.findings) == ["fork-pair"]


def test_a_peer_that_countersigned_an_epoch_and_its_orphans_is_no_liar():
    report = audited(*CHAIN, *EPOCH, counters=[counter(CHAIN), counter([*CHAIN[:6], *EPOCH])])
    assert report.is_sound and chain_of(report, "azure").confirmed == {"birch": 7}


def test_statements_that_were_changed_are_named_and_cover_nothing():
    signed = checkpoint(CHAIN)
    twisted = Signed(signed.statement, (signed.signatures[0][:-1] + b"x",))
    report = audited(*CHAIN, checkpoints=[twisted, Signed(b"\x00", ())], counters=[signed])
    assert reasons(report.findings) == ["signature-invalid", "field-malformed", "field-malformed"]
    assert chain_of(report, "azure").covered == 0


def test_what_vouches_for_a_shared_path_vouches_for_every_branch_of_it():
    report = audited(*EPOCH, *CHAIN, checkpoints=[checkpoint(CHAIN)], counters=[counter(CHAIN)])
    covered = {branch.epoch: (branch.covered, branch.confirmed) for branch in chain_of(report, "azure").branches}
    assert covered == {0: (8, {"birch": 8}), 9: (6, {"birch": 6})}


# What one ally states of another.


def stating(seq, digest, epoch=0, ally="azure"):
    return an_entry(ROOM, BIRCH, sees=[Seen(ally, epoch, seq, digest)])


def test_an_ally_that_saw_more_than_the_export_holds_shows_that_its_tail_is_withheld():
    report = audited(*CHAIN[:4], stating(6, CHAIN[6].digest), holder="azure")
    assert [(f.where, f.reason, f.against) for f in report.findings] == [("birch 0/0", "export-tail-withheld", "azure")]
    assert audited(*CHAIN[:7], stating(6, CHAIN[6].digest), holder="azure").is_sound


def test_what_the_holder_itself_stated_to_hold_must_be_there():
    report = audited(*CHAIN[:4], stating(6, CHAIN[6].digest), holder="birch")
    assert reasons(report.findings) == ["export-tail-withheld"]


def test_what_others_saw_of_each_other_need_not_have_come_here():
    report = audited(*CHAIN[:4], stating(6, CHAIN[6].digest), holder="cedar")
    assert report.is_sound and reasons(report.marks) == ["not-held-here"]


@pytest.mark.parametrize(("seq", "digest"), [(3, b"x" * 32), (3, CHAIN[4].digest), (9, CHAIN[2].digest)])
def test_a_digest_that_is_not_at_the_place_it_is_said_to_be_is_an_allegation_against_its_author_only(seq, digest):
    report = audited(*CHAIN, stating(seq, digest), holder="azure")
    assert [(f.reason, f.against) for f in report.allegations] == [("fork-alleged", "birch")]
    assert report.is_sound and not chain_of(report, "azure").forks


def test_what_an_ally_says_it_saw_may_come_later_than_its_word():
    assert audited(stating(6, CHAIN[6].digest), *CHAIN).is_sound


def test_sees_and_clocks_that_go_back_are_marks_and_break_nothing():
    first = an_entry(ROOM, BIRCH, sees=[Seen("azure", 0, 3, CHAIN[3].digest)], at=2_000_000)
    back = an_entry(ROOM, BIRCH, 1, first.digest, sees=[Seen("azure", 0, 1, CHAIN[1].digest)], at=1_000_000)
    silent = an_entry(ROOM, BIRCH, 2, back.digest, at=1_000_000)
    report = audited(*CHAIN, first, back, silent)
    assert report.is_sound
    assert [(m.where, m.reason) for m in report.marks] == [
        ("birch 0/1", "sees-goes-back"),
        ("birch 0/1", "clock-went-back"),
        ("birch 0/2", "sees-goes-back"),
    ]


def test_an_epoch_that_does_not_say_why_it_began_and_an_assent_that_is_not_there_are_marks():
    report = audited(*CHAIN, an_entry(ROOM, AZURE, 8, CHAIN[7].digest, epoch=2))
    assert reasons(report.marks) == ["epoch-not-opened"]
    header = msgspec.structs.replace(CHAIN[0].header, assent=b"a" * 32)
    entry = sign_entry(ROOM, header, CHAIN[0].salt, CHAIN[0].body, AZURE.fingerprint, AZURE.signer)
    assert reasons(audited(entry).marks) == ["assent-missing"]


def test_what_broke_off_proves_nothing_by_what_is_missing():
    report = audited(*CHAIN[2:4], stating(9, b"x" * 32), checkpoints=[checkpoint(CHAIN)], is_whole=False)
    assert report.is_sound


# Papers.

SMALL = b"a paper"
SMALL_ROOT = merkle.root_of_leaves("sha256", [merkle.leaf("sha256", SMALL)])
CHUNKS = [b"x" * 65536, b"y" * 65536, b"end"]
ROOT = merkle.root_of_leaves("sha256", [merkle.leaf("sha256", chunk) for chunk in CHUNKS])


def with_paper(chunks, *, size=2 * 65536 + 3, root=ROOT, is_named=True):
    papers = (PaperName("plan.pdf", size, root),) if is_named else ()
    auditor = Auditor(ROOM, read=lambda header, body: Said(papers=papers))
    auditor.entry(CHAIN[0].header_bytes, CHAIN[0].signature, CHAIN[0].salt, CHAIN[0].body)
    for index, data in chunks:
        auditor.chunk(root, index, data)
    return auditor.report()


def test_a_paper_that_is_here_whole_hashes_to_its_name():
    import hashlib

    report = with_paper(enumerate(CHUNKS))
    (paper,) = report.papers
    assert report.is_sound and not report.marks and paper.is_whole and paper.names == ("plan.pdf",)
    assert paper.sha256 == hashlib.sha256(b"".join(CHUNKS)).digest()


def test_a_paper_that_has_not_all_come_is_awaited_and_no_fault():
    report = with_paper([(0, CHUNKS[0]), (2, CHUNKS[2])])
    assert report.is_sound and reasons(report.marks) == ["paper-awaited"] and not report.papers[0].is_whole
    assert reasons(with_paper([]).marks) == ["paper-awaited"]


@pytest.mark.parametrize(
    "chunks",
    [
        [(0, CHUNKS[0]), (1, CHUNKS[1]), (2, b"END")],
        [(0, CHUNKS[1]), (1, CHUNKS[0]), (2, CHUNKS[2])],
        [*enumerate(CHUNKS), (3, b"more")],
    ],
    ids=["changed", "swapped", "longer"],
)
def test_chunks_that_are_not_the_papers_are_named(chunks):
    report = with_paper(chunks)
    assert reasons(report.findings) == ["paper-root-mismatch"] and not report.papers[0].is_whole


def test_a_paper_whose_size_is_not_the_stated_one_is_named():
    assert reasons(with_paper([(0, SMALL)], root=SMALL_ROOT, size=3).findings) == ["paper-root-mismatch"]


def test_an_empty_paper_has_no_chunks_and_is_whole():
    report = with_paper([], size=0, root=merkle.root_of_leaves("sha256", []))
    assert report.is_sound and report.papers[0].is_whole


def test_chunks_that_no_entry_names_are_marked():
    assert reasons(with_paper(enumerate(CHUNKS), is_named=False).marks) == ["paper-unnamed"]


def test_what_differs_between_a_chain_kept_and_regrown_is_named():
    def regrown(*entries):
        auditor = Auditor(ROOM)
        for entry in entries:
            auditor.entry(entry.header_bytes, entry.signature, entry.salt, entry.body)
        auditor.report()
        return auditor.chains["azure"]

    whole = regrown(*CHAIN)
    assert same_record(whole, regrown(*CHAIN)) == {}
    assert {"length of branch 0", "head of branch 0", "frontier of branch 0"} <= same_record(whole, regrown(*CHAIN[:7])).keys()
    assert "branches" in same_record(whole, regrown(*CHAIN, *EPOCH))
