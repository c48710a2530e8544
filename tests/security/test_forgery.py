"""Nothing passes for what its author did not sign: each forgery by its name, against real signatures."""

from __future__ import annotations

import hashlib

import cbor2
import msgspec
import pytest
from attacker import Node, a_real_ally, sent
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from katchi.consult import rules
from katchi.errors import Unverified
from katchi.link import frames as f
from katchi.node.commands import FoundRoom
from katchi.record import digest as d
from katchi.record import edwards as e
from katchi.record import merkle
from katchi.record.canonical import decode, decode_struct, encode
from katchi.record.chain import Chain
from katchi.record.charter import Charter, SignedCharter, charter_bytes, sign_charter, verified_charter
from katchi.record.checkpoint import Checkpoint, Signed, sign, verified_checkpoint, verified_countersignature
from katchi.record.entry import Header, check_body, verified
from katchi.record.growth import covered, grown
from katchi.record.identity import Identity, KnownAlly, SignedIdentity, fingerprint, known, sign_identity
from katchi.record.suite import SHIPPED
from katchi.testing.builders import NOON, a_chain, a_checkpoint, a_countersignature, a_room, an_entry
from katchi.testing.crooked import NEUTRAL, ORDER_8, crooked, encoded


def reason_of(call, *arguments, **named):
    with pytest.raises(Unverified) as refused:
        call(*arguments, **named)
    return refused.value.reason


def an_identity_of(ally, **changes):
    """The identity of an ally with fields changed, signed by the ally's own keys."""
    return sign_identity(msgspec.structs.replace(ally.known.identity, **changes), ally.signer)


# Replay.


def test_replay_into_another_room(azure, birch, room):
    entry = an_entry(room, azure)
    other = a_room(azure, birch, title="other talks")
    assert reason_of(verified, other, entry.header_bytes, entry.signature, entry.salt, entry.body) == "replay-other-room"


def test_replay_into_another_room_with_the_rooms_name_rewritten(azure, birch, room):
    entry, other = an_entry(room, azure), a_room(azure, birch, title="other talks")
    forged = encode(msgspec.structs.replace(entry.header, room=other.id, prev=other.id))
    assert reason_of(verified, other, forged, entry.signature, entry.salt, entry.body) == "signature-invalid"


def test_replay_into_another_mode(azure):
    live = a_real_ally("azure", "live")
    drill, real = a_room(azure), a_room(live)
    entry = an_entry(drill, azure)
    assert reason_of(verified, real, entry.header_bytes, entry.signature, entry.salt, entry.body) == "replay-other-room"
    disguised = encode(msgspec.structs.replace(entry.header, mode="live", room=real.id, prev=real.id))
    assert reason_of(verified, real, disguised, entry.signature, entry.salt, entry.body) == "signature-invalid"


def test_replay_of_an_exercise_identity_in_a_live_charter(azure):
    live = a_real_ally("birch", "live")
    charter = Charter(
        mode="live", hash="sha256", title="t", nonce=b"n" * 32, founded=NOON, members=(azure.identity, live.identity), after=None
    )
    data = charter_bytes(charter)
    signed = {a.name: sign_charter(data, "sha256", a.fingerprint, a.signer) for a in (azure, live)}
    assert reason_of(verified_charter, SignedCharter(data, signed), SHIPPED) == "replay-other-mode"


def test_replay_into_another_epoch(azure, room):
    before = a_chain(room, azure, 4)
    old = a_checkpoint(room, azure, before[:3])
    opened = an_entry(room, azure, 2, before[1].digest, epoch=9, kind="chain.opened")
    chain, digests = Chain(room.id, "azure", others=1), {}
    for entry in (*before[:3], opened):
        one = grown(
            chain, entry, room.hash, digests.get, lambda _, n: [b.digest for b in before[:n]], lambda _, s: before[s].digest
        )
        chain = one.chain
        digests[entry.digest] = (one.branch, entry.header.seq)
    said = decode_struct(old.statement, Checkpoint, size_max=4096)

    def frontier(_, length):
        return merkle.frontier_of(room.hash, [one.digest for one in before[:length]])

    chain, index = covered(chain, said, room.hash, frontier, lambda _, s: before[s].digest)
    assert (chain.branches[index].epoch, chain.branches[1].epoch) == (0, 9)
    assert chain.is_covered(0, 2) and not chain.is_covered(9, 2)
    forged = encode(msgspec.structs.replace(before[2].header, epoch=9))
    assert reason_of(verified, room, forged, before[2].signature, None, None) == "signature-invalid"


def test_replay_of_a_signature_from_one_kind_of_object_on_another(azure, room):
    entry = an_entry(room, azure)
    for label in (d.CHECKPOINT, d.COUNTERSIGNATURE, d.CHARTER, d.IDENTITY, d.CONTACT, d.MANIFEST):
        other = azure.signer.entry(d.signed_message(label, azure.fingerprint, entry.digest))
        assert reason_of(verified, room, entry.header_bytes, other, None, None) == "signature-invalid"


def test_countersignature_replay(azure, birch, room):
    """For another chain, another length, another room, in another's name, or as a checkpoint."""
    chain = a_chain(room, azure, 3)
    counter = a_countersignature(room, birch, "azure", chain, a_checkpoint(room, azure, chain))
    verified_countersignature(room, counter)
    said = decode(counter.statement, size_max=4096)
    for change in ({"length": 4}, {"ally": "birch"}, {"by": "azure"}, {"epoch": 1}, {"head": b"h" * 32}, {"root": b"r" * 32}):
        forged = Signed(encode({**said, **change}), counter.signatures)
        assert reason_of(verified_countersignature, room, forged) in ("signature-invalid", "signature-other-identity")
    elsewhere = a_room(azure, birch, title="elsewhere")
    assert reason_of(verified_countersignature, elsewhere, counter) == "replay-other-room"
    with pytest.raises(Unverified):
        verified_checkpoint(room, counter)


# Signatures and keys.


def test_hybrid_stripping(azure, birch, room):
    """A checkpoint, countersignature, charter or identity without its ML-DSA signature, or with half of it forged."""
    chain = a_chain(room, azure, 2)
    checkpoint = a_checkpoint(room, azure, chain)
    counter = a_countersignature(room, birch, "azure", chain, checkpoint)
    for verify, signed in ((verified_checkpoint, checkpoint), (verified_countersignature, counter)):
        verify(room, signed)
        fast, slow = signed.signatures
        for kept, reason in (
            ((fast,), "signature-missing"),
            ((slow,), "signature-missing"),
            ((fast, fast), "signature-invalid"),
            ((slow, fast), "signature-invalid"),
            ((fast, bytes(len(slow))), "signature-invalid"),
            ((fast, slow, slow), "signature-missing"),
            ((), "signature-missing"),
        ):
            assert reason_of(verify, room, Signed(signed.statement, kept)) == reason
    charter = room.signed
    stripped = {**charter.signatures, "azure": charter.signatures["azure"][:1]}
    assert reason_of(verified_charter, SignedCharter(charter.statement, stripped), SHIPPED) == "signature-missing"
    identity = azure.identity
    assert reason_of(known, SignedIdentity(identity.statement, identity.signatures[:1]), SHIPPED) == "signature-missing"


def test_hybrid_stripping_by_a_suite_that_has_no_slow_signature(azure):
    cheap = an_identity_of(azure, suite="cheap")
    assert reason_of(known, cheap, SHIPPED) == "suite-unknown"
    half = an_identity_of(azure, keys=azure.known.identity.keys[:1])
    assert reason_of(known, half, SHIPPED) == "key-malformed"


def test_an_entry_that_only_its_fast_signature_covers_agrees_to_nothing(attacked, birch):
    """A quantum computer forges Ed25519 alone: what no checkpoint covers never counts toward agreed words."""
    node, room = attacked.node, attacked.room
    opening = node.do(rules.Open(subject="words", room=room.id)).digest
    proposal = node.do(rules.ProposeWords(consultation=opening, words={"en": "these words"})).digest
    node.do(rules.SignWords(consultation=opening))
    first = an_entry(room, birch, kind="chain.opened")
    signing = an_entry(room, birch, 1, first.digest, kind="words.signed", about=[opening, proposal], body={"by": None})
    node.take("birch", sent(room.id, [first, signing]))
    state = node.machine.state

    def is_agreed():
        chain = state.chain(room.id, "birch")
        return rules.is_agreed(
            state.consultation(opening),
            lambda ally, s: ally == "azure" or (chain.counts(s.epoch, s.seq) and chain.is_covered(s.epoch, s.seq)),
        )

    assert state.consultation(opening).standings["birch"].signatures and not is_agreed()
    checkpoint = a_checkpoint(room, birch, [first, signing])
    node.take("birch", f.Statements(room.id, (Signed(checkpoint.statement, checkpoint.signatures[:1]),), ()))
    assert not is_agreed()
    node.take("birch", f.Statements(room.id, (checkpoint,), ()))
    assert is_agreed()


def test_key_substitution(azure, birch, room):
    """Another identity over the same Ed25519 key does not take over what that key signed."""
    first, second = birch.known.identity.keys[1], azure.known.identity.keys[0]
    stolen = Identity(mode="exercise", ally="azure", suite="ed25519+mldsa65", keys=(second, first), serial=1, at=NOON)
    statement = encode(stolen)
    own = fingerprint(statement)
    message = d.signed_message(d.IDENTITY, own, own)
    forged = SignedIdentity(statement, (azure.identity.signatures[0], birch.signer.full(message)[1]))
    assert reason_of(known, forged, SHIPPED) == "signature-invalid"
    entry = an_entry(room, azure)
    thief = KnownAlly(forged, SHIPPED["ed25519+mldsa65"].load(stolen.keys))  # as if it had been accepted
    assert reason_of(thief.verify_entry, entry.digest, entry.signature) == "signature-invalid"


def with_ed25519_key(azure, key):
    return SignedIdentity(encode(msgspec.structs.replace(azure.known.identity, keys=(key, azure.known.identity.keys[1]))), ())


def test_small_order_key(azure):
    key = encoded(ORDER_8)
    Ed25519PublicKey.from_public_bytes(key)  # libraries load it
    assert reason_of(known, with_ed25519_key(azure, key), SHIPPED) == "key-small-order"


def test_mixed_order_key(azure):
    sound = e._decompressed(azure.known.identity.keys[0])
    mixed = encoded(e._plus(sound, ORDER_8))
    Ed25519PublicKey.from_public_bytes(mixed)
    assert reason_of(known, with_ed25519_key(azure, mixed), SHIPPED) == "key-mixed-order"


@pytest.mark.parametrize(("nonce", "beside"), [(7, ORDER_8), (0, NEUTRAL), (0, ORDER_8)])
def test_signature_on_which_verifiers_differ(azure, birch, room, nonce, beside):
    entry = an_entry(room, azure)
    message = d.signed_message(d.ENTRY, azure.fingerprint, entry.digest)
    signature = crooked(azure.signer, message, nonce=nonce, beside=beside)
    assert reason_of(verified, room, entry.header_bytes, signature, entry.salt, entry.body) == "signature-invalid"
    as_by_rule = crooked(azure.signer, message, nonce=7)
    assert verified(room, entry.header_bytes, as_by_rule, entry.salt, entry.body).digest == entry.digest


def test_signature_that_takes_its_end_from_the_message(azure):
    """The library takes signature and message as one: their border is not the signer's to move."""
    message = b"words to sign"
    whole = azure.signer.entry(message)
    assert reason_of(azure.known.verifier.entry, message[1:], whole + message[:1]) == "signature-invalid"
    assert reason_of(azure.known.verifier.entry, whole[-1:] + message, whole[:-1]) == "signature-invalid"
    azure.known.verifier.entry(message, whole)


def test_non_canonical_key(azure):
    for number in (e.P, e.P + 1, 2**255 - 1, 1 | 1 << 255):
        assert reason_of(known, with_ed25519_key(azure, number.to_bytes(32, "little")), SHIPPED) == "key-non-canonical"


def test_a_zero_mldsa_key(azure):
    keys = (azure.known.identity.keys[0], bytes(1952))
    assert reason_of(known, an_identity_of(azure, keys=keys), SHIPPED) == "key-malformed"


def test_a_second_spelling_of_a_signature(azure, room):
    entry = an_entry(room, azure)
    r, s = entry.signature[:32], int.from_bytes(entry.signature[32:], "little")
    assert reason_of(verified, room, entry.header_bytes, r + (s + e.L).to_bytes(32, "little"), None, None) == "signature-invalid"


def test_keys_put_under_an_identity_by_someone_who_does_not_hold_them(azure):
    thief = Ed25519PrivateKey.generate()
    statement = azure.identity.statement
    own = fingerprint(statement)
    forged = (thief.sign(d.signed_message(d.IDENTITY, own, own)), azure.identity.signatures[1])
    assert reason_of(known, SignedIdentity(statement, forged), SHIPPED) == "signature-invalid"


# Digests.


def test_variable_salt(azure, room):
    """One digest opened as two bodies, by moving bytes between salt and body."""
    entry = an_entry(room, azure)
    both = entry.salt + entry.body
    for size in (0, 31, 33, 40):
        header = msgspec.structs.replace(entry.header, size=len(both) - size)
        assert hashlib.sha256(d.BODY + both).digest() == header.body  # without the rule it would open
        assert reason_of(check_body, room.hash, header, both[:size], both[size:]) == "salt-not-32"


def test_second_merkle_preimage(azure, room):
    """An inner node given out for a leaf: leaf and node are hashed apart."""
    entries = [entry.digest for entry in a_chain(room, azure, 4)]
    leaves = [merkle.leaf(room.hash, digest) for digest in entries]
    root = merkle.root(room.hash, merkle.frontier_of(room.hash, entries))
    for pairs in ([leaves[0] + leaves[1], leaves[2] + leaves[3]], [leaves[0] + leaves[1], entries[2], entries[3]]):
        assert merkle.root(room.hash, merkle.frontier_of(room.hash, pairs)) != root
    assert merkle.root_of_leaves(room.hash, leaves) == root  # the same tree, honestly
    two = merkle.root_of_leaves(room.hash, leaves[:2])
    assert merkle.leaf(room.hash, leaves[0] + leaves[1]) != two


def test_a_checkpoint_over_another_tree(azure, room):
    chain = a_chain(room, azure, 3)
    said = decode_struct(a_checkpoint(room, azure, chain).statement, Checkpoint, size_max=4096)
    held = Chain(room.id, "azure", others=1)
    for entry in chain:
        held = grown(held, entry, room.hash, lambda _: None, lambda _, n: [], lambda _, s: chain[s].digest).chain
    over_headers = merkle.root(room.hash, merkle.frontier_of(room.hash, (entry.header_bytes for entry in chain)))
    forged = msgspec.structs.replace(said, root=over_headers)
    verified_checkpoint(room, sign(room, forged, azure.fingerprint, azure.signer))  # signed well: only the chain can tell
    refused = reason_of(covered, held, forged, room.hash, lambda _, n: [], lambda _, s: chain[s].digest)
    assert refused == "checkpoint-inconsistent"


# Charters.


def test_charter_split(attacked, azure, birch):
    """An ally shows two charters of one title: they are two rooms, and nothing of one passes in the other."""
    node = attacked.node
    other = a_room(azure, birch, title="talks", hash_name="sha384")
    assert other.id != attacked.room.id
    node.take("birch", f.CharterFrame(other.signed))
    entry = an_entry(other, birch, kind="chain.opened")
    node.take("birch", sent(attacked.room.id, [entry]))
    assert node.machine.state.chain(attacked.room.id, "birch").length == 0
    assert node.notices[-1].detail.startswith("replay-other-room")


def test_charter_split_by_ally_ids_that_differ_in_case():
    one, other = a_real_ally("KOR"), a_real_ally("kor")
    members = tuple(ally.identity for ally in (one, other))
    charter = Charter(mode="exercise", hash="sha256", title="t", nonce=b"n" * 32, founded=NOON, members=members, after=None)
    data = charter_bytes(charter)
    signed = {a.name: sign_charter(data, "sha256", a.fingerprint, a.signer) for a in (one, other)}
    assert reason_of(verified_charter, SignedCharter(data, signed), SHIPPED) == "charter-ally-case"


def test_a_charter_that_lacks_a_members_signature_is_never_in_force(azure, birch):
    node = Node(azure, birch, join="ask")
    node.greet(birch)
    room = a_room(azure, birch)
    alone = SignedCharter(room.signed.statement, {"birch": room.signed.signatures["birch"]})
    node.take(
        "birch",
        f.CharterFrame(alone),
    )
    assert node.machine.state.rooms.now[room.id].missing == ("azure",)
    assert not [frame for frame in node.said_to("birch") if isinstance(frame, f.Have | f.Entries)]


def test_a_charter_that_names_another_key_for_its_sender_is_not_signed_and_ends_nothing(attacked, azure):
    """Found as a remote crash: one such frame ended the node of whoever read it."""
    node, second = attacked.node, a_real_ally("birch", serial=1)
    room = a_room(azure, second, title="trap")
    node.take("birch", f.CharterFrame(SignedCharter(room.signed.statement, {"birch": room.signed.signatures["birch"]})))
    assert node.machine.state.rooms.now[room.id].missing == ("azure",)
    assert "not the one paired here" in node.notices[-1].detail
    assert node.do(rules.Open(subject="still here", room=attacked.room.id)).digest


def test_a_room_cannot_be_founded_in_the_name_of_an_ally_that_is_not_paired(attacked):
    with pytest.raises(Exception, match="not paired"):
        attacked.node.do(FoundRoom(title="t", allies=("cedar",)))


# Bombs.


@pytest.mark.parametrize("depth", [17, 200, 20_000])
@pytest.mark.parametrize("opening", [b"\x81", b"\xa1\x61a", b"\xc6"], ids=["arrays", "maps", "tags"])
def test_deeply_nested_cbor(depth, opening):
    data = opening * depth + b"\x00"
    with pytest.raises(Unverified):
        decode(data, size_max=10**6)
    with pytest.raises(Unverified):
        decode_struct(data, Header, size_max=10**6)


@pytest.mark.parametrize(
    "data",
    [
        b"\x9b\x00\x00\x00\xff\xff\xff\xff\xff",
        b"\xbb\x00\x00\x00\xff\xff\xff\xff\xff",
        b"\x5b\x00\x00\x00\xff\xff\xff\xff\xff",
        b"\x7b\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\x9f\x9f\x9f",
        b"\xc2\x5a\x00\x0f\x42\x40" + bytes(10**6),
    ],
    ids=["array", "map", "bytes", "text", "indefinite", "bignum"],
)
def test_a_length_that_promises_more_than_there_is(data):
    with pytest.raises(Unverified):
        decode(data, size_max=2 * 10**6)


def test_integers_dates_and_floats_in_disguise(azure, room):
    entry = an_entry(room, azure)
    said = msgspec.to_builtins(entry.header, builtin_types=(bytes,))
    for value in (True, 1.0, cbor2.CBORTag(2, b"\x01"), cbor2.CBORTag(1, 0), -1, 2**53, "0", None):
        data = cbor2.dumps({**said, "seq": value}, canonical=True)
        with pytest.raises(Unverified):
            verified(room, data, entry.signature, None, None)
