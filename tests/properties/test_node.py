"""Nodes under arbitrary arrivals: the same entries give the same view, and no ally's entry stops its chain or the node."""

from __future__ import annotations

import random
from contextlib import suppress
from functools import cache

import cbor2
import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from katchi.consult import rules
from katchi.errors import KatchiError, LinkFailed
from katchi.link import frames as f
from katchi.record.digest import body_digest
from katchi.record.entry import Header, Seen, sign_entry
from katchi.store.memory import MemoryStore
from katchi.testing.alliance import SimulatedAlliance
from katchi.testing.builders import NOON, a_checkpoint, an_entry
from katchi.testing.checkers import openings, status
from katchi.vocabulary import Kind, Status

SOME = settings(max_examples=40, suppress_health_check=list(HealthCheck))


@cache
def a_history():
    """Return an alliance in which azure and birch wrote much while cedar's node stood still, and cedar's store from before."""
    alliance = SimulatedAlliance(["azure", "birch", "cedar"], seed=5)
    before = alliance.store("cedar").snapshot()
    alliance.world.crash("cedar")
    alliance._away_until["cedar"] = 2**60
    alliance.swarm(40)
    alliance._away_until.clear()
    alliance.run(60)
    return alliance, before


def a_fresh_cedar():
    alliance, before = a_history()
    machine = alliance.world.stations["cedar"]._start(MemoryStore(before), False)
    for name in ("azure", "birch"):
        machine.connected(name, NOON)
        peer = alliance.machine(name).peers["cedar"]
        machine.receive(name, f.write_frame(peer.connected(NOON)), NOON)
    return machine


def items():
    """Return what azure and birch wrote, each chain in its order."""
    alliance, _ = a_history()
    kept = [k.entry for k in alliance.store("azure").entries(alliance.room)]
    return [(e, f.EntryItem(e.header_bytes, e.signature, e.salt, e.body)) for e in kept]


def commit(machine, store):
    batch = machine.close_group(NOON)
    if not batch.is_empty:
        store.append(batch)
    machine.committed()


@SOME
@given(st.integers(0, 2**32), st.integers(1, 40), st.floats(0, 1))
def test_any_interleaving_of_frames_gives_every_node_the_same_consultations(seed, run_max, late_share):
    chance = random.Random(seed)
    alliance, _ = a_history()
    machine = a_fresh_cedar()
    every = items()
    runs, rest = [], list(every)
    while rest:
        size = chance.randint(1, run_max)
        runs.append(rest[:size])
        rest = rest[size:]
    arrivals = runs + chance.choices(runs, k=3)  # repeated, and in any order: most leave gaps at first
    chance.shuffle(arrivals)
    for run in [*arrivals, *runs]:
        late = chance.random() < late_share
        frame = f.Entries(alliance.room, tuple(msgspec.structs.replace(i, salt=None, body=None) if late else i for _, i in run))
        machine.receive(chance.choice(["azure", "birch"]), f.write_frame(frame), NOON)
        if chance.random() < 0.5:
            commit(machine, machine.state.store)
    bodies = [f.BodyItem(e.digest, e.salt, e.body) for e, _ in every]
    chance.shuffle(bodies)
    for start in range(0, len(bodies), 50):
        machine.receive("azure", f.write_frame(f.Bodies(alliance.room, tuple(bodies[start : start + 50]))), NOON)
    commit(machine, machine.state.store)
    assert not machine.state.awaited.now
    for opening in openings(alliance):
        assert machine.state.consultation(opening) == alliance.machine("azure").state.consultation(opening)
        assert machine.state.fold(opening) == machine.state.consultation(opening)
    for ally in ("azure", "birch"):
        assert (
            machine.state.chain(alliance.room, ally).newest.head
            == alliance.machine("azure").state.chain(alliance.room, ally).newest.head
        )


token = st.from_regex(r"\A[a-z0-9.-]{1,48}\Z")
digests = st.binary(min_size=32, max_size=32)
bodies = st.one_of(
    st.binary(max_size=200), st.dictionaries(st.text(max_size=5), st.integers(0, 5) | st.text(max_size=5)).map(cbor2.dumps)
)


@st.composite
def lawless(draw):
    """Draw what a header may say though no rule allows it."""
    kind = draw(st.sampled_from([str(kind) for kind in Kind]) | token)
    sees = draw(
        st.dictionaries(st.sampled_from(["azure", "cedar"]), st.tuples(st.integers(0, 9), st.integers(0, 2**40), digests))
    )
    return {
        "kind": kind,
        "sees": tuple(Seen(ally, *sees[ally]) for ally in sorted(sees)),
        "at": draw(st.integers(0, 2**53 - 1)),
        "precedence": draw(st.integers(0, 3)),
        "author": draw(token),
        "marking": draw(st.from_regex(r"\A[ -~]{0,20}\Z")),
        "about": tuple(draw(st.lists(digests, max_size=8))),
        "assent": draw(st.none() | digests),
        "epoch_step": draw(st.sampled_from([0, 0, 0, 1, 7])),
        "content": draw(bodies),
    }


@SOME
@given(st.lists(lawless(), min_size=1, max_size=12))
def test_an_allys_lawless_or_unknown_entry_never_stops_its_chain(said):
    alliance, _ = a_history()
    machine = a_fresh_cedar()
    room, party = machine.state.rooms.now[alliance.room], alliance.parties["birch"]
    chain = machine.state.chain(alliance.room, "birch")
    seq, prev, epoch = chain.length, chain.newest.head if chain.newest else room.id, 0
    written = []
    for one in said:
        content = one.pop("content")
        epoch += one.pop("epoch_step") if seq else 0
        salt = bytes(32)
        header = Header(
            mode=room.mode, room=room.id, ally="birch", epoch=epoch, seq=seq, prev=prev,
            body=body_digest(room.hash, salt, content), size=len(content), **one,
        )  # fmt: skip
        written.append(sign_entry(room, header, salt, content, party.fingerprint, party.signer))
        seq, prev = seq + 1, written[-1].digest
    entries = tuple(f.EntryItem(e.header_bytes, e.signature, e.salt, e.body) for e in written)
    machine.receive("birch", f.write_frame(f.Entries(room.id, entries)), NOON)
    commit(machine, machine.state.store)
    held = machine.state.chain(room.id, "birch")
    assert held.length == seq
    assert held.newest.head == prev
    machine.submit(rules.Open(subject="and we go on", room=room.id), NOON)
    commit(machine, machine.state.store)


@SOME
@given(st.data())
def test_bytes_that_no_node_would_send_end_the_connection_at_most(data):
    machine = a_fresh_cedar()
    alliance, _ = a_history()
    every = items()
    frames = [
        f.Entries(alliance.room, tuple(item for _, item in every[:3])),
        f.Have(alliance.room, (f.Head("azure", 0, 5, bytes(32), 3, (("birch", 2),)),)),
        f.Ping(NOON, None, 0),
        f.WantBodies(alliance.room, (bytes(32),)),
        f.WantPaper(alliance.room, bytes(32), 0, 3),
        f.Leaves(alliance.room, bytes(32), bytes(64)),
        f.ChunkFrame(alliance.room, bytes(32), 0, b"x"),
        f.CharterFrame(machine.state.rooms.now[alliance.room].signed),
        f.Statements(alliance.room, tuple(s.signed for s in list(alliance.store("azure").statements(alliance.room))[:2]), ()),
    ]
    raw = bytearray(f.write_frame(data.draw(st.sampled_from(frames))))
    for at in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=4)):
        raw[at] = data.draw(st.integers(0, 255))
    with suppress(LinkFailed):
        machine.receive("azure", bytes(raw), NOON)
    commit(machine, machine.state.store)
    machine.outgoing("azure", NOON)


ACTS = st.tuples(
    st.sampled_from(
        ["open", "acknowledge", "propose", "sign", "sign", "sign", "forge elsewhere", "forge uncovered", "forge covered"]
    ),
    st.sampled_from(["azure", "birch", "cedar"]),
    st.integers(0, 3),
)


@settings(max_examples=25)
@given(st.lists(ACTS, min_size=5, max_size=30))
def test_no_sequence_of_acts_gives_agreed_without_every_members_signature(acts):
    alliance = SimulatedAlliance(["azure", "birch", "cedar"], seed=0)
    opening = alliance.act("azure", rules.Open(subject="words", room=alliance.room)).digest
    alliance.run(3)
    words = [alliance.act("azure", rules.ProposeWords(consultation=opening, words={"en": "first"})).digest]
    alliance.run(3)
    for kind, ally, number in acts:
        with suppress(KatchiError):
            act_or_forge(alliance, kind, ally, opening, words, number)
        alliance.run(1)
        for name in alliance.parties:
            for one in openings(alliance):
                assert (status(alliance.machine(name), one) is Status.AGREED) == agreed_by_the_store(alliance, name, one)


def act_or_forge(alliance, kind, ally, opening, words, number):
    proposal = words[number % len(words)]
    if kind == "open":
        alliance.act(ally, rules.Open(subject="another", room=alliance.room))
    elif kind == "acknowledge":
        alliance.act(ally, rules.Acknowledge(consultation=opening))
    elif kind == "propose":
        words.append(alliance.act(ally, rules.ProposeWords(consultation=opening, words={"en": str(number)})).digest)
    elif kind == "sign":
        alliance.act(ally, rules.SignWords(consultation=opening, proposal=proposal))
    else:  # by the ally's keys, but not by its node: given to its node as a tail to take back
        forge(
            alliance,
            ally,
            opening=openings(alliance)[-1] if kind == "forge elsewhere" else opening,
            words=proposal,
            is_covered=kind == "forge covered",
        )


def forge(alliance, ally, *, opening, words, is_covered):
    state = alliance.machine(ally).state
    room, chain = state.rooms.now[alliance.room], state.chain(alliance.room, ally)
    entry = an_entry(room, alliance.parties[ally], chain.length, chain.newest.head, kind=Kind.WORDS_SIGNED, body={"by": None},
                     about=(opening, words), sees=chain.newest.sees, epoch=chain.newest.epoch)  # fmt: skip
    path = [state.entry(digest) for digest in state.path_digests(chain, chain.main, 0, chain.length)]
    statement = a_checkpoint(room, alliance.parties[ally], [*path, entry])
    other = next(name for name in alliance.parties if name != ally)
    item = f.EntryItem(entry.header_bytes, entry.signature, entry.salt, entry.body)
    alliance.world.deliver(ally, other, f.write_frame(f.Entries(room.id, (item,))))
    if is_covered:
        alliance.world.deliver(ally, other, f.write_frame(f.Statements(room.id, (statement,), ())))


def agreed_by_the_store(alliance, name, opening):
    """Say again, from one node's rows alone, whether every member signed one proposal by entries that are covered."""
    rows = [kept.entry for kept in alliance.store(name).entries(alliance.room)]
    covered = {}
    for kept in alliance.store(name).statements(alliance.room):
        if kept.by == kept.ally:
            covered[kept.ally, kept.epoch] = max(covered.get((kept.ally, kept.epoch), 0), kept.length)
    proposed = {e.digest for e in rows if e.header.kind == Kind.WORDS_PROPOSED and e.header.about[0] == opening}
    signed = {
        (e.header.ally, e.header.about[1])
        for e in rows
        if e.header.kind == Kind.WORDS_SIGNED and e.header.about[0] == opening
        and covered.get((e.header.ally, e.header.epoch), 0) > e.header.seq
    }  # fmt: skip
    return any(all((ally, words) in signed for ally in alliance.parties) for words in proposed)
