"""Auditing a whole store: rooms from their rows, derived facts from the rooms, exports from both."""

from __future__ import annotations

import io

import msgspec
import pytest

from katchi.consult import acts, rules
from katchi.errors import RecordBroken
from katchi.node import commands as cmd
from katchi.node.audit import audit_store, read
from katchi.node.batch import Batch
from katchi.node.exporting import items_of
from katchi.node.state import chain_key, leaves_key
from katchi.record import merkle
from katchi.record.bundle import write_bundle
from katchi.record.chain import Chain
from katchi.record.checking import Signature, checked_here
from katchi.record.unbundle import verify_bundle
from katchi.store import cores
from katchi.store.cores import Cores
from katchi.store.memory import MemoryStore
from katchi.testing.alliance import SimulatedAlliance
from katchi.testing.builders import NOON, a_chain, a_kept, a_room, an_ally, an_entry
from katchi.testing.cheap import SUITES
from katchi.vocabulary import Kind

PAPER = b"a paper"
ROOT = merkle.root_of_leaves("sha256", [merkle.leaf("sha256", PAPER)])


def an_alliance():
    """Three allies, one consultation that all took part in, and a paper."""
    alliance = SimulatedAlliance(["azure", "birch", "cedar"], seed=3)
    alliance.act("azure", cmd.KeepChunk(room=alliance.room, root=ROOT, index=0, data=PAPER))
    paper = acts.Paper("plan.txt", len(PAPER), ROOT)
    opening = alliance.act("azure", rules.Open(subject="a test", room=alliance.room, papers=(paper,))).digest
    alliance.run(30)
    for ally in ("birch", "cedar"):
        alliance.act(ally, rules.Acknowledge(consultation=opening))
    alliance.run(60)
    return alliance


@pytest.fixture(scope="module")
def alliance():
    return an_alliance()


def audited(alliance, name, *changes, **kwargs):
    """The audit of a copy of an ally's store with these facts changed."""
    store = MemoryStore(alliance.store(name).snapshot())
    for facts in changes:
        store.append(Batch(facts=facts))
    return audit_store(store, SUITES, holder=name, **kwargs)


@pytest.mark.parametrize("name", ["azure", "birch", "cedar"])
def test_the_store_of_a_running_node_is_sound_and_all_nodes_hold_equal_records(alliance, name):
    report = audited(alliance, name)
    assert report.is_sound, report
    assert len(report.rooms) == 2  # its national room too
    shared = next(room for room in report.rooms if room.room == alliance.room)
    azures = next(room for room in audited(alliance, "azure").rooms if room.room == alliance.room)
    assert shared.heads_digest == azures.heads_digest
    assert [paper.names for paper in shared.papers] == [("plan.txt",)] and shared.papers[0].is_whole
    assert all(set(chain.confirmed) == {"azure", "birch", "cedar"} - {chain.ally} for chain in shared.chains)


def test_a_derived_chain_that_is_not_the_chain_regrown_is_named(alliance):
    key = chain_key(alliance.room, "birch")
    chain = msgspec.msgpack.decode(alliance.store("azure").fact(key), type=Chain)
    (branch,) = chain.branches
    for change in ({"length": 99}, {"head": b"h" * 32}, {"frontier": ()}, {"covered": 0}, {"confirmed": {}}, {"at": 0}):
        altered = chain.with_branch(0, msgspec.structs.replace(branch, **change))
        report = audited(alliance, "azure", {key: msgspec.msgpack.encode(altered)})
        (finding,) = [finding for room in report.rooms for finding in room.findings]
        assert finding.reason == "derived-differs" and next(iter(change)) in str(finding.what) and "birch" in str(finding.where)
    for lost in (None, b"\xc1"):
        assert not audited(alliance, "azure", {key: lost}).is_sound


def test_leaf_digests_of_a_paper_that_are_not_those_of_its_chunks_are_named(alliance):
    for value in (None, b"x" * 32):
        report = audited(alliance, "birch", {leaves_key(alliance.room, ROOT): value})
        assert [f.reason for room in report.rooms for f in room.findings] == ["derived-differs"]


def test_a_local_column_that_does_not_fit_the_entry_is_named():
    azure = an_ally("azure")
    room = a_room(azure, an_ally("birch"))
    chain = a_chain(room, azure, 3)
    store = MemoryStore()
    kept = [a_kept(chain[0]), a_kept(chain[1], branch=1), a_kept(chain[2], opening=b"o" * 32)]
    store.append(Batch(charters=[room.signed], entries=kept))
    (report,) = audit_store(store, SUITES).rooms
    columns = [(finding.where, finding.reason) for finding in report.findings if finding.reason == "local-column"]
    assert columns == [("azure 0/1", "local-column"), ("azure 0/2", "local-column")]


def test_a_store_whose_entries_end_before_what_its_own_node_countersigned_has_lost_them(alliance):
    whole = alliance.store("azure")
    short = MemoryStore()
    entries = [kept for kept in whole.entries(alliance.room) if kept.entry.place != "birch 0/4"]
    short.append(Batch(charters=whole.charters(), entries=entries, facts=whole.facts("")))
    short.append(Batch(statements=list(whole.statements(alliance.room))))
    report = audit_store(short, SUITES, holder="azure")
    assert "export-tail-withheld" in [finding.reason for room in report.rooms for finding in room.findings]


def test_an_export_of_a_store_verifies_and_has_the_same_heads(alliance):
    azure = alliance.parties["azure"]
    rooms = [room for room in alliance.machine("azure").state.rooms.now.values() if room.id == alliance.room]
    out = io.BytesIO()
    write_bundle(out, items_of(alliance.store("azure"), rooms), azure.known, azure.signer, at=NOON)
    out.seek(0)
    report = verify_bundle(out, {ally.fingerprint for ally in alliance.parties.values()}, SUITES, read=read)
    audit = next(room for room in audited(alliance, "birch").rooms if room.room == alliance.room)
    assert report.is_sound and report.rooms[0].heads_digest == audit.heads_digest
    assert report.rooms[0].papers[0].names == ("plan.txt",) and report.rooms[0].papers[0].is_whole


def test_what_bodies_mean_is_marked_and_breaks_nothing():
    azure = an_ally("azure")
    room = a_room(azure, an_ally("birch"))
    first = an_entry(room, azure, kind="future.thing")
    not_nfc = an_entry(room, azure, 1, first.digest, kind=Kind.ACKNOWLEDGED, body={"by": None, "text": "\u1112\u1161\u11b8"})
    broken = an_entry(room, azure, 2, not_nfc.digest, kind=Kind.POSITION_STATED, about=[first.digest], body={"by": 7})
    marks = [read(entry.header, entry.body).marks for entry in (first, not_nfc, broken)]
    assert marks == [("unknown-kind",), ("about-missing", "body-not-nfc"), ("body-malformed",)]


def test_signatures_checked_on_all_cores_come_back_in_order_with_the_same_answers():
    azure = an_ally("azure", suite="ed25519+mldsa65")
    signed = [azure.signer.entry(b"%d" % number) for number in range(700)]
    jobs = [
        (number, None if number % 7 == 0 else Signature(azure.known, b"%d" % (number + (number % 50 == 1)), signed[number]))
        for number in range(700)
    ]
    expected = list(checked_here(jobs))
    assert {holds for _, holds in expected} == {None, True, False}
    with Cores(1, SUITES) as check:
        assert list(check(jobs)) == expected


@pytest.mark.parametrize("until", [0, 3, 512, 700])
def test_a_store_that_breaks_off_has_all_before_it_judged_on_all_cores_as_here(until):
    azure = an_ally("azure", suite="ed25519+mldsa65")
    signature = Signature(azure.known, b"said", azure.signer.entry(b"said"))

    def items():
        yield from ((number, signature) for number in range(until))
        raise RecordBroken("row {n} is broken", n=until)

    with Cores(1, SUITES) as check:
        for one in (check, checked_here):
            judged = []
            with pytest.raises(RecordBroken, match=f"row {until}"):
                for item in one(items()):
                    judged.append(item)
            assert judged == [(number, True) for number in range(until)]


def test_workers_are_started_only_where_there_is_much_to_check(monkeypatch):
    monkeypatch.setattr(cores.os, "cpu_count", lambda: 2)
    with cores.checking(cores.ENTRIES_MIN - 1, SUITES) as check:
        assert check is checked_here
    with cores.checking(cores.ENTRIES_MIN, SUITES) as check:
        assert isinstance(check, Cores)
    monkeypatch.setattr(cores.os, "cpu_count", lambda: 1)
    with cores.checking(cores.ENTRIES_MIN, SUITES) as check:
        assert check is checked_here


def test_what_dead_workers_leave_undone_is_checked_all_the_same():
    azure = an_ally("azure", suite="ed25519+mldsa65")
    signed = azure.signer.entry(b"said")
    jobs = [(number, Signature(azure.known, b"other" if number == 1500 else b"said", signed)) for number in range(3000)]
    with Cores(1, SUITES) as check:
        answers = check(jobs)
        found = [next(answers)]
        for process in list(check._pool._processes.values()):
            process.kill()
        found += answers
    assert found == [(number, number != 1500) for number in range(3000)]
