"""Vectors of whole records: checkpoints, links, epochs, forks, agreement, an export."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import cbor2
import msgspec
from vector_parts import (
    AZURE,
    BIRCH,
    CHAIN,
    ENTRY,
    ROOM,
    SUITE,
    Vector,
    judged,
    kept,
    record,
    refused,
    resigned,
    statement,
    verified,
)

from katchi.consult.acts import ChainOpened, write_body
from katchi.record import merkle
from katchi.record.bundle import CheckpointItem, CountersignatureItem, EntryItem, charter_item, write_bundle
from katchi.record.canonical import decode_struct
from katchi.record.checkpoint import Checkpoint, Countersignature, Signed, sign
from katchi.record.entry import Entry, Seen
from katchi.record.identity import SignedIdentity
from katchi.testing.builders import NOON, Ally, a_chain, a_checkpoint, a_countersignature, an_ally, an_entry
from katchi.vocabulary import Kind

OTHER = {"by": None, "text": "other"}


def statement_vectors() -> list[Vector]:
    """Checkpoints and countersignatures by themselves."""
    whole = a_checkpoint(ROOM, AZURE, CHAIN)
    counter = a_countersignature(ROOM, BIRCH, "azure", CHAIN[:2], a_checkpoint(ROOM, AZURE, CHAIN[:2]))
    said = decode_struct(counter.statement, Countersignature, size_max=10_000)
    impostor = sign(ROOM, msgspec.structs.replace(said, by_identity=AZURE.fingerprint), BIRCH.fingerprint, BIRCH.signer)
    stripped = Signed(whole.statement, whole.signatures[:1])
    first, second = whole.signatures
    forged = Signed(whole.statement, (first, second[:-1] + bytes([second[-1] ^ 1])))

    def here(signed: Signed) -> Vector:
        return {"room": "good-charter", **statement(signed)}

    changed = "One bit of its slow signature is changed."
    other_identity = "It names another identity than the one whose key signed it."
    return [
        verified("good-checkpoint", "azure's head at length 3, by both signatures.", "checkpoint", here(whole)),
        verified("good-countersignature", "birch's, to length 2.", "countersignature", here(counter)),
        refused("checkpoint-mldsa-invalid", changed, "checkpoint", here(forged), "signature-invalid"),
        refused("checkpoint-without-mldsa", "Its slow signature is stripped.", "checkpoint", here(stripped), "signature-missing"),
        refused(
            "countersignature-other-identity", other_identity, "countersignature", here(impostor), "signature-other-identity"
        ),
    ]


def vouching_vectors() -> list[Vector]:
    """Checkpoints and countersignatures against their entries."""
    whole = a_checkpoint(ROOM, AZURE, CHAIN)
    said = decode_struct(whole.statement, Checkpoint, size_max=10_000)
    counter = a_countersignature(ROOM, BIRCH, "azure", CHAIN[:2], a_checkpoint(ROOM, AZURE, CHAIN[:2]))
    lie = a_countersignature(ROOM, BIRCH, "azure", [ENTRY, *a_chain(ROOM, AZURE, 1, after=ENTRY, body=OTHER)], whole)

    def with_checkpoint(**changes: Any) -> Vector:
        return record(CHAIN, [sign(ROOM, msgspec.structs.replace(said, **changes), AZURE.fingerprint, AZURE.signer)])

    over_headers = with_checkpoint(root=_root([entry.header_bytes for entry in CHAIN]))
    left_out = with_checkpoint(root=_root([CHAIN[0].digest, CHAIN[2].digest]))
    good = verified("good-record", "A chain, its checkpoint and a countersignature.", "record", record(CHAIN, [whole], [counter]))
    two = record(CHAIN, [whole], [counter, lie])
    about = "birch vouches for two histories at one length."
    return [
        {**good, "confirmed": {"azure": {"birch": 2}}, "covered": {"azure": 3}},
        judged("checkpoint-root-over-headers", "Its root is over headers.", over_headers, "checkpoint-inconsistent"),
        judged("checkpoint-inconsistent", "Its root leaves an entry out.", left_out),
        judged("checkpoint-head-not-length", "Its length is not that of its head.", with_checkpoint(length=2)),
        judged("countersignature-two-histories", about, two, against="birch"),
    ]


def _root(leaves: Sequence[bytes]) -> bytes:
    return merkle.root("sha256", merkle.frontier_of("sha256", leaves))


def link_vectors() -> list[Vector]:
    """Links, epochs and forks."""
    far, adrift = an_entry(ROOM, AZURE, 3, ENTRY.digest), an_entry(ROOM, AZURE, 0, b"p" * 32)
    other = an_entry(ROOM, AZURE, 1, ENTRY.digest, body=OTHER)
    restored = _opening(CHAIN[1], "restored", AZURE.identity)
    heads = [["azure", 0, 3, CHAIN[2].digest], ["azure", NOON, 3, restored.digest]]
    taken = _opening(CHAIN[2], "compromised", an_ally("azure", suite=SUITE, serial=1).identity)
    counter = a_countersignature(ROOM, BIRCH, "azure", CHAIN, a_checkpoint(ROOM, AZURE, CHAIN))
    backup = "A backup that ended at entry 1 was restored and opened an epoch; entry 2 still binds."
    stolen = "azure claims that its key was stolen: what birch countersigned stays."
    after_theft = record([*CHAIN, taken], [], [counter])
    return [
        judged("prev-mismatch", "Entry 3 names entry 0 as the one before it.", record([*CHAIN, far])),
        judged("prev-mismatch-seq0", "The first entry does not begin at the room's id.", record([adrift]), "prev-mismatch"),
        judged("prev-missing", "An entry was left out.", record([CHAIN[0], CHAIN[2]])),
        judged("fork-pair", "Two entries signed for one place.", record([*CHAIN, other]), against="azure"),
        verified("good-epoch-after-restore", backup, "record", record([*CHAIN, restored]), heads=heads),
        verified("rekey-below-countersigned", stolen, "record", after_theft, confirmed={"azure": {"birch": 3}}),
    ]


def repair_vectors() -> list[Vector]:
    """A fork that a repair settles, and repairs that settle nothing."""
    other = an_entry(ROOM, AZURE, 1, ENTRY.digest, body=OTHER)

    def accepted(reason: str, heads: Sequence[Entry]) -> Vector:
        opening = _opening(CHAIN[2], reason, AZURE.identity, heads)
        word = an_entry(ROOM, BIRCH, kind=Kind.REPAIR_ACCEPTED, about=[opening.digest], body={"by": None, "ally": "azure"})
        return record([*CHAIN, other, opening, word])

    settled = "A fork: azure's repair names the head of each history, and birch, the only other member, accepts it."
    half = "birch accepts a repair that names two entries of one history and none of the other: the fork stays open."
    restored = "What birch accepts as a repair says that it is a restore: the fork stays open."
    both = [CHAIN[2], other]
    return [
        kept("fork-repaired", settled, accepted("repaired", both), "fork-pair"),
        judged("repair-of-something-else", half, accepted("repaired", CHAIN[1:]), "fork-pair", against="azure"),
        judged("repair-unknown", restored, accepted("restored", both), "fork-pair", against="azure"),
    ]


def word_vectors() -> list[Vector]:
    """What one ally says of another, and entries that leave the rules."""
    alleging = an_entry(ROOM, BIRCH, sees=[Seen("azure", 0, 1, b"x" * 32)])
    seeing = an_entry(ROOM, BIRCH, sees=[Seen("azure", 0, 2, CHAIN[2].digest)])
    less = an_entry(ROOM, BIRCH, 1, seeing.digest, sees=[Seen("azure", 0, 0, ENTRY.digest)])
    decomposed = {"by": None, "text": "\u1112\u1161\u11b8\u110b\u1174"}
    not_nfc = an_entry(ROOM, AZURE, 1, ENTRY.digest, kind=Kind.ACKNOWLEDGED, about=[ENTRY.digest], body=decomposed)
    tail, cut = "azure exports its chain to entry 1, and birch has seen entry 2.", record([*CHAIN[:2], seeing], holder="azure")
    alleged = "birch names a digest that is not at that place: its word alone, and nothing freezes."
    stripped = "The header names an officer's assertion, and none travels beside it."
    unopened = "An epoch that nothing opens grows from entry 1, which is no head."
    beside = an_entry(ROOM, AZURE, 2, CHAIN[1].digest, epoch=NOON)
    return [
        judged("fork-alleged", alleged, record([*CHAIN, alleging]), against="birch"),
        judged("export-tail-withheld", tail, cut, against="azure"),
        kept("epoch-not-opened", unopened, record([*CHAIN, beside])),
        kept("sees-goes-back", "birch states to have seen less than before.", record([*CHAIN, seeing, less])),
        kept("body-not-nfc", "Text in another normal form.", record([ENTRY, not_nfc])),
        kept("assent-stripped", stripped, record([resigned(assent=b"a" * 32)]), "assent-missing"),
    ]


def _opening(after: Entry, reason: str, identity: SignedIdentity, heads: Sequence[Entry] = ()) -> Entry:
    branches = tuple((head.header.epoch, head.header.seq, head.digest) for head in heads or [after])
    body = ChainOpened(identity=identity, reason=reason, reads=(1,), branches=branches)
    content = cbor2.loads(write_body(body))
    return an_entry(ROOM, AZURE, after.header.seq + 1, after.digest, kind=Kind.CHAIN_OPENED, epoch=NOON, body=content)


def agreement_vectors() -> list[Vector]:
    """Words that are agreed, and words that are not although they look so."""

    def said(ally: Ally, chain: list[Entry], kind: Kind, about: Sequence[Entry] = (), **body: Any) -> Entry:
        digests, prev = [entry.digest for entry in about], chain[-1].digest if chain else None
        chain.append(an_entry(ROOM, ally, len(chain), prev, kind=kind, about=digests, body={"by": None, **body}))
        return chain[-1]

    azures: list[Entry] = []
    one = said(AZURE, azures, Kind.CONSULTATION_OPENED, form="towards-consensus", subject="one")
    two = said(AZURE, azures, Kind.CONSULTATION_OPENED, form="towards-consensus", subject="two")
    words = said(AZURE, azures, Kind.WORDS_PROPOSED, [one], words={"en": "We agree."})
    said(AZURE, azures, Kind.WORDS_SIGNED, [one, words])
    birchs: list[Entry] = []
    said(BIRCH, birchs, Kind.ACKNOWLEDGED, [one], text=None)
    reused = list(birchs)
    said(BIRCH, birchs, Kind.WORDS_SIGNED, [one, words])
    said(BIRCH, reused, Kind.ACKNOWLEDGED, [two], text=None)
    said(BIRCH, reused, Kind.WORDS_SIGNED, [two, words])

    mine, theirs, elsewhere = (
        a_checkpoint(ROOM, ally, chain) for ally, chain in ((AZURE, azures), (BIRCH, birchs), (BIRCH, reused))
    )
    whole = record([*azures, *birchs], [mine, theirs], opening=one.digest)
    other = record([*azures, *reused], [mine, elsewhere], opening=one.digest)
    uncovered = record([*azures, *birchs], [mine], opening=one.digest)
    kind, not_yet = "consultation", "partly-signed"
    return [
        judged("good-agreed", "Both signed the same words, and both are covered.", whole, "agreed", kind),
        judged("agreed-other-consultation", "birch signed these words in another consultation.", other, not_yet, kind),
        judged("agreed-uncovered", "birch signed, and never put its full signatures under it.", uncovered, not_yet, kind),
    ]


def bundle_vectors() -> list[Vector]:
    """An export file."""
    checkpoint = a_checkpoint(ROOM, AZURE, CHAIN)
    counter = a_countersignature(ROOM, BIRCH, "azure", CHAIN[:2], a_checkpoint(ROOM, AZURE, CHAIN[:2]))
    items = [
        charter_item(ROOM.signed),
        *(EntryItem(header=e.header_bytes, signature=e.signature, salt=e.salt, body=e.body) for e in CHAIN),
        CheckpointItem(room=ROOM.id, statement=checkpoint.statement, signatures=checkpoint.signatures),
        CountersignatureItem(room=ROOM.id, statement=counter.statement, signatures=counter.signatures),
    ]
    out = io.BytesIO()
    write_bundle(out, items, AZURE.known, AZURE.signer, at=NOON)
    given = {"file": out.getvalue(), "trusted": [AZURE.fingerprint, BIRCH.fingerprint]}
    return [verified("good-bundle", "azure's export of the room, with both fingerprints given.", "bundle", given)]
