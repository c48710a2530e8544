"""Any order of arrival: the same marks, findings, allegations and settled forks, in an audit as at a node."""

from __future__ import annotations

import random
from functools import cache

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from katchi.consult.acts import ChainOpened, write_body
from katchi.link import frames as f
from katchi.node.audit import audit_room, read
from katchi.record.audit import Auditor
from katchi.record.canonical import decode
from katchi.record.entry import Seen
from katchi.store.memory import MemoryStore
from katchi.testing.alliance import SimulatedAlliance
from katchi.testing.builders import NOON, SECOND, an_entry
from katchi.vocabulary import Flag, Kind

SOME = settings(max_examples=60, suppress_health_check=list(HealthCheck))


@cache
def a_record():
    """Return an alliance, what all its nodes hold, and what azure and birch are about to write: a fork and its repair."""
    alliance = SimulatedAlliance(["azure", "birch", "cedar"], seed=9)
    room = alliance.machine("azure").state.rooms.now[alliance.room]
    azure, birch, cedar = alliance.parties.values()
    held = [kept.entry for kept in alliance.store("cedar").entries(alliance.room)]
    first = {entry.header.ally: entry for entry in held}
    assert len(first) == len(held) == 3

    def said(by, before, **more):
        header = before.header
        at = first["azure"].header.at + (header.seq + 1) * SECOND
        return an_entry(room, by, header.seq + 1, before.digest, **{"epoch": header.epoch, "at": at, **more})

    def opening(by, before, reason, heads=(), **more):
        branches = tuple((one.header.epoch, one.header.seq, one.digest) for one in heads)
        body = ChainOpened(identity=by.identity, reason=reason, reads=(1,), branches=branches)
        return said(by, before, kind=Kind.CHAIN_OPENED, body=decode(write_body(body), size_max=2**16), **more)

    a0, b0, c0 = (first[name] for name in alliance.parties)
    b1 = said(birch, b0)
    sees = [Seen("birch", 0, 1, b1.digest)]
    a1 = said(azure, a0, sees=sees)
    a2 = said(azure, a1, sees=sees)
    a3 = said(azure, a2, sees=sees, kind=Kind.ENDED, body={"by": 7})  # about nothing, and no such body
    rival = said(azure, a1, body={"by": None, "text": "another history"})  # sees less
    its_next = said(azure, rival, body={"by": None, "text": "\u1112\u1161"}, kind=Kind.ACKNOWLEDGED, about=[a0.digest])
    unopened = said(azure, a1, epoch=5, at=NOON, sees=sees)  # its clock went back
    repair = opening(azure, a3, "repaired", [a3, its_next, unopened], epoch=9, sees=sees)
    b2 = said(birch, b1, kind=Kind.REPAIR_ACCEPTED, about=[repair.digest], body={"by": None, "ally": "azure"})
    b3 = said(birch, b2, kind=Kind.REPAIR_ACCEPTED, about=[a2.digest], body={"by": None, "ally": "azure"})
    b4 = said(birch, b3, sees=[Seen("azure", 0, 2, b"x" * 32)])
    b5 = said(birch, b2, epoch=7, sees=[Seen("azure", 0, 2, b"x" * 32)])
    accepts = {"kind": Kind.REPAIR_ACCEPTED, "about": [repair.digest], "body": {"by": None, "ally": "azure"}}
    c1 = said(cedar, c0, **accepts, sees=[Seen("azure", 0, 2, b"x" * 32)])
    return alliance, (a0, b0, c0), (a1, a2, a3, rival, its_next, unopened, repair, b1, b2, b3, b4, b5), c1


def told(found):
    return sorted((str(one.where), one.reason, str(one.what), one.against) for one in found)


def judged(entries):
    alliance, *_ = a_record()
    auditor = Auditor(alliance.machine("azure").state.rooms.now[alliance.room], holder="birch", read=read)
    for entry in entries:
        auditor.entry(entry.header_bytes, entry.signature, entry.salt, entry.body)
    by_digest = {entry.digest: entry for entry in entries}
    for digest in auditor.needed:
        auditor.give(digest, by_digest[digest].header_bytes, by_digest[digest].signature)
    report = auditor.report()
    return {
        "findings": told(report.findings),
        "allegations": told(report.allegations),
        "marks": told(report.marks),
        "heads": report.heads,
        "settled": [(chain.ally, fork.epoch, fork.seq, fork.is_settled) for chain in report.chains for fork in chain.forks],
    }


@SOME
@given(st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_an_audit_the_same_to_say(chance):
    _, held, entries, accepted = a_record()
    whole = [*held, *entries, accepted]
    expected = judged(whole)
    chance.shuffle(whole)
    assert judged(whole) == expected


def test_the_record_above_shows_what_is_compared():
    _, held, entries, accepted = a_record()
    found = judged([*held, *entries, accepted])
    assert not found["findings"] and found["settled"] == [("azure", 0, 2, True)]
    assert {reason for _, reason, *_ in found["marks"]} == {
        "fork-pair", "repair-unknown", "unknown-kind", "about-missing", "body-malformed", "body-not-nfc",
        "sees-goes-back", "clock-went-back", "epoch-not-opened",
    }  # fmt: skip
    assert {(where, against) for where, _, _, against in found["allegations"]} == {
        ("birch 0/4", "birch"),
        ("cedar 0/1", "cedar"),
    }
    assert judged([*held, *entries])["settled"] == [("azure", 0, 2, False)]  # cedar has not accepted


def took(seed):
    """What cedar's node keeps, having taken the entries in some order, bodies with them or later."""
    chance = random.Random(seed)
    alliance, before, entries, _ = a_record()
    machine = alliance.world.stations["cedar"]._start(MemoryStore(alliance.store("cedar").snapshot()), False)
    store = machine.state.store

    def take(frame):
        machine.receive(chance.choice(["azure", "birch"]), f.write_frame(frame), NOON)
        if chance.random() < 0.5:
            commit()

    def commit():
        batch = machine.close_group(NOON)
        if not batch.is_empty:
            store.append(batch)
        machine.committed()

    for name in ("azure", "birch"):
        machine.connected(name, NOON)
        machine.receive(name, f.write_frame(alliance.machine(name).peers["cedar"].connected(NOON)), NOON)
    rest, late = list(entries), []
    while rest:
        held = {entry.digest for entry in (*before, *entries) if entry not in rest}
        entry = chance.choice([one for one in rest if one.header.prev in held])
        rest.remove(entry)
        item = f.EntryItem(entry.header_bytes, entry.signature, entry.salt, entry.body)
        if chance.random() < 0.4:
            late.append(f.BodyItem(entry.digest, entry.salt, entry.body))
            item = msgspec.structs.replace(item, salt=None, body=None)
        take(f.Entries(alliance.room, (item,)))
    chance.shuffle(late)
    for body in late:
        take(f.Bodies(alliance.room, (body,)))
    commit()
    kept = {one.entry.digest: one.flags for one in store.entries(alliance.room)}
    kept = {entry.digest: kept[entry.digest] for entry in entries}
    chain = machine.state.chain(alliance.room, "azure")
    repair = next(entry for entry in entries if entry.header.epoch == 9)
    names = [chain.settles(one, fork) for one in chain.repairs for fork in chain.forks]
    report = audit_room(store, machine.state.rooms.now[alliance.room], holder="cedar")
    return kept, chain.acceptances, [one.digest == repair.digest for one in chain.repairs], names, told(report.findings)


@pytest.fixture(scope="module")
def first():
    return took(0)


@SOME
@given(seed=st.integers(1, 2**32))
def test_any_order_of_arrival_gives_a_nodes_entries_the_same_flags(seed, first):
    kept, acceptances, repairs, names, findings = took(seed)
    assert kept == first[0]
    assert set(acceptances) == set(first[1]) and (repairs, names, findings) == first[2:]


def test_the_flags_above_are_of_every_kind(first):
    kept, _, repairs, names, findings = first
    assert repairs == names == [True]
    assert [reason for _, reason, *_ in findings] == ["fork-pair"]  # cedar has not accepted
    assert {flag for flags in kept.values() for flag in flags} == {
        Flag.UNKNOWN_KIND, Flag.ABOUT_MISSING, Flag.BODY_MALFORMED, Flag.BODY_NOT_NFC,
        Flag.SEES_GOES_BACK, Flag.CLOCK_WENT_BACK, Flag.EPOCH_NOT_OPENED,
    }  # fmt: skip
