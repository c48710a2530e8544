"""A paired ally's node in hostile hands: what it may send, and that ours neither takes it over nor stops.

The node attacked is the real machine (see attacker.py); what a bearer adds is in test_tls_impostors.py.
"""

from __future__ import annotations

import io
import os
import random
import time

import cbor2
import msgspec
import pytest
from attacker import Node, a_hello, a_pairing, a_real_ally, sent

from katchi.consult import rules
from katchi.errors import LinkFailed
from katchi.link import frames as f
from katchi.link.faults import last_frame
from katchi.node.audit import audit_store
from katchi.node.batch import CHUNK_SIZE
from katchi.node.commands import KeepChunk, Pair
from katchi.node.exporting import items_of
from katchi.node.notices import Told
from katchi.node.shared import SharedView
from katchi.node.views.link import link_views
from katchi.record import merkle
from katchi.record.bundle import write_bundle
from katchi.record.canonical import encode
from katchi.record.chain import BRANCHES_BESIDE_MAX
from katchi.record.checkpoint import vouched_head
from katchi.record.entry import Seen, sign_entry
from katchi.record.suite import SHIPPED
from katchi.record.unbundle import verify_bundle
from katchi.testing.builders import NOON, SECOND, a_chain, a_checkpoint, a_countersignature, a_room, an_entry

DAY_US = 86_400 * SECOND
NOTHING = b"x" * 32


def refused(node, by, *frames):
    """Send frames of which the last must cut the link, and return why."""
    with pytest.raises(LinkFailed) as failed:
        node.take(by, *frames)
    node.keep()
    return failed.value.parameters.get("reason", str(failed.value))


def opened_by(room, ally, n=1, **first):
    """The first entries of an ally's chain, the chain's opening among them."""
    opening = an_entry(room, ally, kind="chain.opened", body={"by": None}, **first)
    return [opening, *a_chain(room, ally, n - 1, after=opening)]


# Before, and instead of, an honest hello.


@pytest.mark.parametrize(
    "frame", [f.Ping(NOON, None, 0), f.Have(NOTHING, ()), f.Entries(NOTHING, ())], ids=["ping", "have", "entries"]
)
def test_a_frame_before_hello(azure, birch, frame):
    node = Node(azure, birch)
    node.machine.connected("birch", node.now)
    with pytest.raises(LinkFailed, match="hello-missing") as failed:
        node.take("birch", frame)
    assert node.said_to("birch") == [] and last_frame(failed.value) is None


@pytest.mark.parametrize("name", ["mode", "ally", "identity"])
def test_hello_of_another_mode_ally_or_identity(azure, birch, cedar, name):
    node = Node(azure, birch, cedar)
    node.machine.connected("birch", node.now)
    said = {"mode": "live", "ally": "cedar", "identity": cedar.fingerprint}
    assert refused(node, "birch", a_hello(birch, **{name: said[name]})) == ("other-mode" if name == "mode" else "other-identity")
    assert not node.machine.peers["birch"].is_up and node.said_to("birch") == []


@pytest.mark.parametrize(
    ("said", "reason", "words"),
    [
        ({"mode": "live"}, "other-mode", "another mode"),
        ({"identity": NOTHING}, "other-identity", "another identity"),
        ({"versions": (99,)}, "no-common-version", "no version"),
    ],
)
def test_a_node_whose_hello_is_refused_is_told_why_and_shows_it_in_words(azure, birch, said, reason, words):
    node, refused_one = Node(azure, birch), Node(birch, azure)
    node.machine.connected("birch", node.now)
    with pytest.raises(LinkFailed) as failed:
        node.take("birch", a_hello(birch, **said))
    last = last_frame(failed.value)
    assert f.read_frame(last).reason == reason
    refused_one.greet(azure)
    with pytest.raises(LinkFailed, match=words) as told:
        refused_one.take("azure", last)
    assert last_frame(told.value) is None  # nothing is answered to a fault
    for shown in (node, refused_one):
        shown.keep()
    assert link_views(node.machine.state, node.machine.peers)[0].ended.parameters["reason"] == reason
    assert words in link_views(refused_one.machine.state, refused_one.machine.peers)[0].ended.message
    refused_one.greet(azure)
    assert link_views(refused_one.machine.state, refused_one.machine.peers)[0].ended is None


def test_a_fault_for_a_reason_that_is_not_known_is_shown_as_it_came(azure, birch):
    node = Node(azure, birch)
    node.greet(birch)
    with pytest.raises(LinkFailed, match="reads no more from us: full-moon we are out"):
        node.take("birch", f.Fault("full-moon", "we are out"))


def test_hello_of_another_paired_ally_whole(azure, birch, cedar):
    node = Node(azure, birch, cedar)
    node.machine.connected("birch", node.now)
    assert refused(node, "birch", a_hello(cedar)) == "other-identity"


def test_hello_with_no_version_that_we_speak(azure, birch):
    node = Node(azure, birch)
    node.machine.connected("birch", node.now)
    assert refused(node, "birch", a_hello(birch, versions=(99,))) == "no-common-version"


# Rooms that are not shared.


@pytest.mark.parametrize("kind", ["entries", "statements", "bodies", "leaves", "chunk"])
def test_a_frame_for_a_room_that_is_not_shared_is_refused_alike_whether_it_exists_or_not(attacked, birch, cedar, kind):
    node = attacked.node
    node.do(Pair(ally=a_pairing(cedar)))
    with_cedar = a_room(node.ally, cedar, title="without birch")
    node.greet(cedar)
    node.take("cedar", f.CharterFrame(with_cedar.signed))
    answers = set()
    for room in (node.national, with_cedar.id, NOTHING):
        frame = {
            "entries": sent(room, opened_by(attacked.room, birch)),
            "statements": f.Statements(room, (), ()),
            "bodies": f.Bodies(room, (f.BodyItem(attacked.secret, b"s" * 32, b"b"),)),
            "leaves": f.Leaves(room, NOTHING, b""),
            "chunk": f.ChunkFrame(room, NOTHING, 0, b"c"),
        }[kind]
        answers.add((refused(node, "birch", frame), node.notices[-1].detail))
        assert not [said for said in node.said_to("birch") if room in encode(said)]
    assert len(answers) == 1


def test_probing_whether_a_national_room_holds_an_entry(attacked, birch):
    """By want-bodies, by `about`, by `prev` and by `have`: what comes back is the same for any digest."""
    answers = []
    for probed in (attacked.secret, NOTHING):
        node = attacked.node
        node.take("birch", f.WantBodies(attacked.room.id, (probed,)))
        node.take("birch", f.WantBodies(node.national, (probed,)))
        assert not [said for said in node.said_to("birch") if isinstance(said, f.Bodies)]
        node.machine.disconnected("birch", node.now)
        node.greet(birch)
        ahead = f.Head("azure", 0, 10_000, probed, 0, ())
        node.take("birch", f.Have(attacked.room.id, (ahead,)))
        answers.append([type(said).__name__ for said in node.said_to("birch")])
        unheld = an_entry(attacked.room, birch, 5, probed)
        node.take("birch", sent(attacked.room.id, [unheld]))
        answers[-1].append(node.machine.state.chain(attacked.room.id, "birch").length)
    assert answers[0] == answers[1]


def test_probing_by_what_an_entry_is_about_folds_nothing_of_a_national_room(attacked, birch):
    node, secret = attacked.node, attacked.secret
    first = opened_by(attacked.room, birch)[0]
    entry = an_entry(
        attacked.room,
        birch,
        1,
        first.digest,
        kind="position.stated",
        about=[secret],
        body={"by": None, "text": "t", "papers": []},
    )
    before = node.machine.state.consultation(secret)
    node.take("birch", sent(attacked.room.id, [first, entry]))
    assert node.machine.state.chain(attacked.room.id, "birch").length == 2
    assert node.machine.state.consultation(secret) == before
    assert secret not in {e.header.about[0] for e in node.machine.state.consultation_entries(secret) if e.header.about}
    said = b"".join(encode(frame) for frame in node.said_to("birch"))
    assert node.national not in said


def test_probing_whether_a_national_room_holds_a_paper(attacked):
    node, data = attacked.node, b"a paper of azure alone"
    root = merkle.root_of_leaves("sha256", [merkle.leaf("sha256", data)])
    node.do(KeepChunk(room=node.national, root=root, index=0, data=data))
    paper = rules.acts.Paper("secret.pdf", len(data), root)
    node.do(rules.Open(subject="with a paper", room=node.national, papers=(paper,)))
    for room in (attacked.room.id, node.national):
        node.take("birch", f.WantPaper(room, root, 0, 0), f.WantPaper(room, root, 0, 4))
    said = node.said_to("birch")
    assert not [frame for frame in said if isinstance(frame, f.Leaves | f.ChunkFrame)]
    held = node.do(KeepChunk(room=attacked.room.id, root=root, index=0, data=data))
    node.take("birch", f.WantPaper(attacked.room.id, root, 0, 1))
    assert held and [type(frame) for frame in node.said_to("birch")].count(f.ChunkFrame) == 1  # in the shared room it is served


# Frames that are none.


def test_unknown_frame_types_are_passed_over_and_the_link_stays_up(attacked, birch):
    node = attacked.node
    for frame in ({"t": "weather", "x": [1, {"y": b"z"}]}, {"t": 7}, {"x": 1}, [1, 2], "hello", 5):
        node.take("birch", cbor2.dumps(frame, canonical=True))
    node.take("birch", sent(attacked.room.id, opened_by(attacked.room, birch)))
    assert node.machine.state.chain(attacked.room.id, "birch").length == 1


def test_an_oversized_frame(attacked):
    frame = {"t": "ping", "now": 0, "echo": None, "held_us": 0, "x": bytes(f.FRAME_SIZE_MAX)}
    assert refused(attacked.node, "birch", cbor2.dumps(frame, canonical=True)) == "frame-too-large"


@pytest.mark.parametrize("opening", [b"\x81", b"\xa1\x61a", b"\xc6"], ids=["arrays", "maps", "tags"])
def test_a_deeply_nested_frame(attacked, opening):
    for depth in (20, 100_000):
        assert refused(attacked.node, "birch", opening * depth + b"\x00") == "frame-malformed"
        attacked.node.greet(a_real_ally("birch"))


TAG = cbor2.CBORTag
BOMBS = {
    "decimal": TAG(4, [-5, TAG(2, b"\xff" * 900_000)]),  # found: 88 s of the node's time for one frame
    "rational": TAG(30, [TAG(2, b"\xff" * 400_000), TAG(2, b"\xfe" * 399_999 + b"\x01")]),
    "bigfloat": TAG(5, [10**9, 3]),
    "regex": TAG(35, "[a-z]" * 150_000),
    "mime": TAG(36, "A: b\n" * 100_000),
    "bignum": TAG(2, b"\xff" * 1_000_000),
    "array": b"\x9b\x00\x00\x00\xff\xff\xff\xff\xff",
    "map": b"\xbb\x00\x00\x00\xff\xff\xff\xff\xff",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_in_a_field_that_nobody_asked_for_costs_no_time(attacked, bomb):
    value = BOMBS[bomb]
    frame = value if isinstance(value, bytes) else cbor2.dumps({"t": "ping", "now": 1, "echo": None, "held_us": 0, "x": value})
    began = time.process_time()
    assert refused(attacked.node, "birch", frame) == "frame-malformed"
    assert time.process_time() - began < 0.5


def test_frames_with_any_bytes_changed_never_stop_the_node(azure, birch):
    """3,000 changed frames of every type from one seed, which a failure prints."""
    seed = int.from_bytes(os.urandom(4), "big")
    print("seed", seed)
    chance, room, node = random.Random(seed), a_room(azure, birch), Node(azure, birch)
    chain = opened_by(room, birch, 3)
    checkpoint = a_checkpoint(room, birch, chain)
    node.greet(birch)
    node.take("birch", f.CharterFrame(room.signed))
    honest = [
        a_hello(birch),
        f.CharterFrame(room.signed),
        sent(room.id, chain),
        f.Statements(room.id, (checkpoint,), ()),
        f.Have(room.id, (f.Head("birch", 0, 3, chain[-1].digest, 3, (("azure", 1),)),)),
        f.WantBodies(room.id, (NOTHING,)),
        f.Bodies(room.id, (f.BodyItem(chain[1].digest, chain[1].salt, chain[1].body),)),
        f.WantPaper(room.id, NOTHING, 0, 2),
        f.Leaves(room.id, NOTHING, b""),
        f.ChunkFrame(room.id, NOTHING, 0, b"d"),
        f.Ping(NOON, None, 0),
    ]
    frames = [f.write_frame(frame) for frame in honest]
    values = (None, True, -1, 0, 2**53 - 1, 2**63, 1.5, "x", "", b"", NOTHING, [], {}, [None], [[]], {"t": 1}, TAG(258, [1]))
    refusals = 0
    for number in range(3_000):
        data = bytearray(chance.choice(frames))
        if number % 3 == 0:
            fields = cbor2.loads(bytes(data))
            fields[chance.choice([*fields, "x"])] = chance.choice(values)
            data = bytearray(cbor2.dumps(fields, canonical=True))
        else:
            for _ in range(chance.randint(1, 3)):
                data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            node.machine.receive("birch", bytes(data), node.now)
        except LinkFailed:
            refusals += 1
        if number % 50 == 49:
            node.keep()
            node.said_to("birch")
            node.greet(birch)
    assert refusals > 500
    node.take("birch", sent(room.id, chain))
    assert node.machine.state.chain(room.id, "birch").length == 3
    assert audit_store(node.store, SHIPPED, holder="azure").is_sound


def test_more_bytes_in_a_day_than_are_agreed(azure, birch, cedar):
    node = Node(azure, birch, cedar, bytes_a_day_max=50_000)
    node.greet(birch)
    frame = cbor2.dumps({"t": "padding", "x": bytes(9_000)}, canonical=True)
    with pytest.raises(LinkFailed, match="more than 50000 bytes today") as failed:
        for _ in range(6):
            node.machine.receive("birch", frame, node.now)
    assert "bytes_a_day_max" in failed.value.hint
    assert f.read_frame(last_frame(failed.value)).reason == "day-limit"
    node.machine.connected("birch", node.now)
    with pytest.raises(LinkFailed, match="more than 50000"):  # a new connection is no new day
        node.machine.receive("birch", f.write_frame(a_hello(birch)), node.now)
    node.greet(cedar)  # another ally's share is its own
    node.now += DAY_US
    node.greet(birch)
    assert node.machine.peers["birch"].is_up


# Entries, bodies and papers that are not what they are said to be.


def test_entries_in_another_allys_name(attacked, birch, cedar):
    node, room = attacked.node, attacked.room
    mine = node.machine.state.chain(room.id, "azure").newest
    forged = an_entry(room, birch, mine.length, mine.head)
    forged = sign_entry(
        room, msgspec.structs.replace(forged.header, ally="azure"), forged.salt, forged.body, birch.fingerprint, birch.signer
    )
    node.take("birch", sent(room.id, [forged, *opened_by(a_room(node.ally, birch, cedar), cedar)]))
    assert node.machine.state.chain(room.id, "azure").newest == mine
    assert {notice.detail.split(":")[0] for notice in node.notices[-2:]} == {"signature-invalid", "replay-other-room"}


def test_a_body_that_is_not_the_one_signed(attacked, birch):
    node, room = attacked.node, attacked.room
    chain = opened_by(room, birch, 2)
    node.take("birch", sent(room.id, chain, bodies=False))
    wrong = f.BodyItem(chain[1].digest, chain[1].salt, encode({"by": None, "text": "what was never said"}))
    node.take("birch", f.Bodies(room.id, (wrong,)))
    assert node.store.entry(chain[1].digest).entry.body is None
    assert "body-digest-mismatch" in node.notices[-1].detail


def test_a_body_withheld_stalls_only_its_own_chain_and_is_said(attacked, birch):
    node, room = attacked.node, attacked.room
    first, *rest = opened_by(room, birch, 4)
    node.take(
        "birch", f.Have(room.id, ()), sent(room.id, [first]), sent(room.id, rest[:1], bodies=False), sent(room.id, rest[1:])
    )
    node.take("birch", f.Statements(room.id, (a_checkpoint(room, birch, [first, *rest]),), ()))
    state = node.machine.state
    assert state.unbroken(room.id, "birch") == 1
    written = node.do(rules.Open(subject="we go on", room=room.id))
    header = state.entry(written.digest).header
    assert [(seen.ally, seen.seq) for seen in header.sees] == [("birch", 0)]  # never states to have seen what it has not
    counter = next(s for s in node.store.statements(room.id) if (s.ally, s.by) == ("birch", "azure"))
    assert cbor2.loads(counter.signed.statement)["lacking"] == 1
    wanted = [frame for frame in node.said_to("birch") if isinstance(frame, f.WantBodies)]
    assert [frame.digests for frame in wanted] == [(rest[0].digest,)]


def paper_named(room, birch, chunks, *, size=None):
    """birch's chain with a paper of these chunks, and its leaves."""
    leaves = [merkle.leaf(room.hash, chunk) for chunk in chunks]
    root = merkle.root_of_leaves(room.hash, leaves)
    first = opened_by(room, birch)[0]
    named = {"name": "paper.pdf", "size": sum(map(len, chunks)) if size is None else size, "root": root}
    body = {"by": None, "subject": "see paper", "form": "exchange-of-views", "due": None, "citing": None, "papers": [named]}
    return [first, an_entry(room, birch, 1, first.digest, kind="consultation.opened", body=body)], leaves, root


def test_a_paper_whose_chunks_do_not_hash_to_its_leaves(attacked, birch):
    node, room = attacked.node, attacked.room
    chunks = [b"a" * CHUNK_SIZE, b"b" * 100]
    chain, leaves, root = paper_named(room, birch, chunks)
    node.take("birch", f.Have(room.id, ()), sent(room.id, chain))
    node.said_to("birch")
    node.take("birch", f.Leaves(room.id, root, b"".join(leaves)))
    node.take("birch", f.ChunkFrame(room.id, root, 0, b"z" * CHUNK_SIZE))
    assert "paper-chunk" in node.notices[-1].detail
    node.take("birch", f.ChunkFrame(room.id, root, 1, chunks[1]), f.ChunkFrame(room.id, NOTHING, 0, b"unasked"))
    assert node.store.papers(room.id) == []
    node.take("birch", f.ChunkFrame(room.id, root, 0, chunks[0]), f.ChunkFrame(room.id, root, 1, chunks[1]))
    assert list(node.store.chunk_indexes(room.id, root)) == [0, 1]


def test_a_paper_whose_leaves_do_not_hash_to_its_root(attacked, birch):
    node, room = attacked.node, attacked.room
    chain, leaves, root = paper_named(room, birch, [b"a" * CHUNK_SIZE, b"b"])
    node.take("birch", f.Have(room.id, ()), sent(room.id, chain))
    for forged in ([leaves[1], leaves[0]], [NOTHING, NOTHING], leaves[:1], leaves * 2):
        node.take("birch", f.Leaves(room.id, root, b"".join(forged)))
        node.take("birch", f.ChunkFrame(room.id, root, 0, b"a" * CHUNK_SIZE))
        assert node.store.papers(room.id) == []


def test_a_paper_that_is_said_to_be_endless(attacked, birch):
    node, room = attacked.node, attacked.room
    chain, _, root = paper_named(room, birch, [b"a"], size=2**40)
    node.take("birch", f.Have(room.id, ()), sent(room.id, chain))
    assert not node.machine.state.papers.now
    assert "body-malformed" in node.store.entry(chain[1].digest).flags and not list(node.store.papers(room.id)) and root


# Clocks, histories and tails.


def test_a_clock_of_2106_does_not_poison_a_chain(attacked, birch):
    node, room = attacked.node, attacked.room
    far, back = 4_294_967_296 * SECOND, 1 * SECOND
    first = opened_by(room, birch, at=far)[0]
    later = an_entry(room, birch, 1, first.digest, at=back)
    today = an_entry(room, birch, 2, later.digest, at=NOON)
    node.take("birch", sent(room.id, [first, later, today]))
    assert node.machine.state.chain(room.id, "birch").length == 3
    flags = [node.store.entry(e.digest).flags for e in (first, later, today)]
    assert ["clock-went-back" in each for each in flags] == [False, True, False]
    written = node.do(rules.Open(subject="now", room=room.id))
    entry = node.store.entry(written.digest)
    assert entry.entry.header.at < far and entry.arrived_at < NOON + DAY_US  # our own clock, untouched by theirs


def test_backdating_does_not_change_when_we_say_that_it_came(attacked, birch):
    node, room = attacked.node, attacked.room
    first = opened_by(room, birch, at=NOON - 30 * DAY_US)[0]
    node.take("birch", sent(room.id, [first]))
    assert node.store.entry(first.digest).arrived_at >= NOON


def test_a_clock_of_2106_in_hello_and_ping_sets_nothing_but_the_skew(attacked, birch):
    node = attacked.node
    node.machine.connected("birch", node.now)
    node.take("birch", a_hello(birch, now=2**53 - 1), f.Ping(2**53 - 1, 2**53 - 1, 2**53 - 1))
    assert node.machine.next_wakeup() < NOON + DAY_US
    assert node.do(rules.Open(subject="now", room=attacked.room.id)).digest


def test_two_histories_of_an_author(attacked, birch):
    """A fork: both branches are kept, named, and nothing of either counts until it is repaired."""
    node, room = attacked.node, attacked.room
    chain = opened_by(room, birch, 3)
    other = an_entry(room, birch, 2, chain[1].digest, body={"by": None, "text": "another history"})
    node.take("birch", sent(room.id, chain), sent(room.id, [other]))
    held = node.machine.state.chain(room.id, "birch")
    assert held.is_frozen and [(fork.epoch, fork.seq) for fork in held.forks] == [(0, 2)]
    assert any(notice.told is Told.FORK and notice.ally == "birch" for notice in node.notices)
    report = audit_store(node.store, SHIPPED, holder="azure")
    (fork,) = [f for room in report.rooms for f in room.findings if f.reason == "fork-pair"]
    assert fork.against == "birch"
    node.take("birch", f.Statements(room.id, (a_checkpoint(room, birch, chain),), ()))
    assert not [s for s in node.store.statements(room.id) if (s.ally, s.by) == ("birch", "azure")]  # never countersigned


def test_many_histories_are_refused_before_they_fill_the_store(attacked, birch):
    node, room = attacked.node, attacked.room
    chain = opened_by(room, birch, 2)
    node.take("birch", sent(room.id, chain))
    for number in range(5):
        node.take("birch", sent(room.id, [an_entry(room, birch, 1, chain[0].digest, body={"by": None, "text": f"{number}"})]))
    assert len(node.machine.state.chain(room.id, "birch").branches) == 1 + BRANCHES_BESIDE_MAX
    assert "fork-limit" in node.notices[-1].detail


def test_histories_that_others_forge_leave_room_for_what_the_ally_itself_sends(azure, birch, cedar):
    node, room = Node(azure, birch, cedar), a_room(azure, birch, cedar)
    for ally in (birch, cedar):
        node.greet(ally)
    node.take("birch", f.CharterFrame(room.signed))
    chain = opened_by(room, birch, 2)
    node.take("birch", sent(room.id, chain))
    for number in range(9):  # cedar stole birch's keys
        forged = an_entry(room, birch, 1, chain[0].digest, body={"by": None, "text": f"{number}"})
        node.take("cedar", sent(room.id, [forged, *a_chain(room, birch, 3, after=forged)]))
    own = an_entry(room, birch, 1, chain[0].digest, body={"by": None, "text": "what birch says"})
    node.take("cedar", sent(room.id, [own]))
    assert node.store.entry(own.digest) is None
    node.take("birch", sent(room.id, [own]))
    assert node.store.entry(own.digest) is not None
    assert len(node.machine.state.chain(room.id, "birch").branches) == 2 + BRANCHES_BESIDE_MAX
    findings = [finding.reason for one in audit_store(node.store, SHIPPED).rooms for finding in one.findings]
    assert findings == ["fork-pair"]


def test_a_liar_who_countersigns_two_histories(attacked, birch):
    node, room = attacked.node, attacked.room
    entries = [kept.entry for kept in node.store.run(room.id, "azure", 0, 0, 10, 10)]
    checkpoint = next(s.signed for s in node.store.statements(room.id) if s.by == "azure")
    other = an_entry(room, node.ally, kind="chain.opened", body={"by": None, "text": "never written"})
    node.take("birch", f.Statements(room.id, (), (a_countersignature(room, birch, "azure", entries, checkpoint),)))
    assert node.machine.state.chain(room.id, "azure").newest.confirmed == {"birch": 1}
    node.take("birch", f.Statements(room.id, (), (a_countersignature(room, birch, "azure", [other], checkpoint),)))
    assert node.notices[-1].told is Told.LIE and node.notices[-1].ally == "birch"
    assert node.machine.state.chain(room.id, "azure").newest.confirmed == {"birch": 1}
    file = io.BytesIO()
    write_bundle(file, items_of(node.store, [room]), node.ally.known, node.ally.signer, at=NOON)
    file.seek(0)
    report = verify_bundle(file, {node.ally.fingerprint, birch.fingerprint}, SHIPPED)
    assert [(f.reason, f.against) for f in report.rooms[0].findings] == [("countersignature-two-histories", "birch")]


def test_a_liar_who_countersigns_both_branches_of_a_fork_is_kept_on_both_and_each_is_sent_as_its_own(attacked, birch):
    node, room = attacked.node, attacked.room
    entries = [kept.entry for kept in node.store.run(room.id, "azure", 0, 0, 10, 10)]
    other = an_entry(room, node.ally, kind="chain.opened", body={"by": None, "text": "by a thief of our keys"})
    node.take("birch", sent(room.id, [other]))
    for path in (entries, [other]):
        counter = a_countersignature(room, birch, "azure", path, a_checkpoint(room, node.ally, path))
        node.take("birch", f.Statements(room.id, (), (counter,)))
        node.take("birch", f.Statements(room.id, (), (counter,)))
    assert [branch.confirmed for branch in node.machine.state.chain(room.id, "azure").branches] == [{"birch": 1}, {"birch": 1}]
    view = SharedView(node.machine.state)
    heads = [vouched_head(view.countersignature(room.id, "azure", branch, "birch")) for branch in (0, 1)]
    assert heads == [entries[0].digest, other.digest]
    (report,) = [one for one in audit_store(node.store, SHIPPED, holder="azure").rooms if one.room == room.id]
    assert [f.reason for f in report.findings] == ["countersignature-two-histories", "fork-pair"]


def test_a_countersignature_for_what_does_not_exist(attacked, birch):
    node, room = attacked.node, attacked.room
    entries = [kept.entry for kept in node.store.run(room.id, "azure", 0, 0, 10, 10)]
    longer = [*entries, *a_chain(room, node.ally, 2, after=entries[-1])]
    checkpoint = a_checkpoint(room, node.ally, longer)
    node.take("birch", f.Statements(room.id, (), (a_countersignature(room, birch, "azure", longer, checkpoint),)))
    assert node.machine.state.chain(room.id, "azure").newest.confirmed == {}


def test_a_checkpoint_that_contradicts_its_own_entries(attacked, birch):
    node, room = attacked.node, attacked.room
    chain = opened_by(room, birch, 2)
    other = [chain[0], an_entry(room, birch, 1, chain[0].digest, body={"by": None, "text": "other"})]
    node.take("birch", sent(room.id, chain), f.Statements(room.id, (a_checkpoint(room, birch, other),), ()))
    assert "checkpoint-head-not-length" in node.notices[-1].detail
    assert node.machine.state.chain(room.id, "birch").newest.covered == 0


def test_words_of_another_consultation_do_not_count(attacked, birch):
    """A signature names its opening and its proposal: in another consultation it agrees to nothing."""
    node, room = attacked.node, attacked.room
    one, other = (node.do(rules.Open(subject=text, room=room.id)).digest for text in ("one", "other"))
    for opening in (one, other):
        node.do(rules.ProposeWords(consultation=opening, words={"en": "the same words"}))
    proposal = next(iter(node.machine.state.consultation(one).proposals))
    node.do(rules.SignWords(consultation=one))
    node.do(rules.SignWords(consultation=other))
    first = opened_by(room, birch)[0]
    signing = an_entry(room, birch, 1, first.digest, kind="words.signed", about=[other, proposal], body={"by": None})
    node.take("birch", sent(room.id, [first, signing]), f.Statements(room.id, (a_checkpoint(room, birch, [first, signing]),), ()))
    for opening in (one, other):
        assert not rules.is_agreed(node.machine.state.consultation(opening), lambda *_: True)


def test_an_ally_that_feigns_not_to_have_seen_is_flagged(attacked, birch):
    node, room = attacked.node, attacked.room
    head = node.machine.state.chain(room.id, "azure").newest
    first = an_entry(room, birch, kind="chain.opened", body={"by": None}, sees=[Seen("azure", 0, 0, head.head)])
    blind = an_entry(room, birch, 1, first.digest)
    node.take("birch", sent(room.id, [first, blind]))
    assert "sees-goes-back" in node.store.entry(blind.digest).flags
