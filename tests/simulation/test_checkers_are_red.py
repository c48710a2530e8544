"""Each checker seen red: break what it checks, and it must say so by name.

An alliance that settled passes every checker; then one thing is broken behind its nodes' backs.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from katchi.consult import rules
from katchi.consult.acts import Delivered, write_body
from katchi.consult.stances import Standing
from katchi.node.batch import Batch
from katchi.node.commands import Written
from katchi.record.digest import body_digest
from katchi.store.memory import MemoryStore, Snapshot
from katchi.testing import checkers as c
from katchi.testing.alliance import SimulatedAlliance
from katchi.testing.builders import a_kept, an_entry
from katchi.testing.checkers import CheckFailed
from katchi.vocabulary import Kind, Stance

SALT = bytes(32)


@pytest.fixture
def alliance():
    alliance = SimulatedAlliance(["azure", "birch", "cedar"], seed=11)
    c.watch(alliance)
    opening = alliance.act("azure", rules.Open(subject="a rumour", room=alliance.room)).digest
    alliance.run(5)
    alliance.act("birch", rules.Acknowledge(consultation=opening))
    alliance.act("cedar", rules.StatePosition(consultation=opening, text="we heard it too"))
    alliance.attach("azure", opening)
    alliance.settle()
    c.check_in_the_end(alliance)
    return alliance


def rewrite(alliance, name, change):
    """Replace a node's store by one whose rows `change` has altered; its machine reads the new one."""
    rows: Snapshot = alliance.store(name).snapshot()
    change(rows)
    store = MemoryStore(rows)
    alliance.world.stations[name].store = store
    alliance.machine(name).state.store = store


def newest(alliance, ally) -> bytes:
    return alliance.machine(ally).state.chain(alliance.room, ally).newest.head


def opening_of(alliance) -> bytes:
    return c.openings(alliance)[0]


def drop(digest):
    """Return a change that makes a store forget an entry."""

    def change(rows):
        kept = rows.kept.pop(digest)
        rows.arrived[kept.entry.header.room].remove(digest)
        rows.numbers.pop(digest)
        run = rows.runs[kept.entry.header.room, kept.entry.header.ally, kept.branch]
        at = run.digests.index(digest)
        del run.digests[at], run.seqs[at]
        for digests in rows.about.values():
            if digest in digests:
                digests.remove(digest)

    return change


def append(alliance, name, entry, *, opening=None):
    kept = a_kept(entry, opening=opening)

    def change(rows):
        rows.kept[entry.digest] = kept
        rows.numbers[entry.digest] = len(rows.kept)
        rows.arrived[alliance.room].append(entry.digest)
        if opening is not None:
            rows.about[opening].append(entry.digest)

    rewrite(alliance, name, change)


def an_entry_after(alliance, ally, *, seq_before=0, **said):
    """Return an entry that `ally` signs after its head, or instead of its newest entries."""
    state = alliance.machine(ally).state
    chain = state.chain(alliance.room, ally)
    seq = chain.length - seq_before
    prev = state.path_digests(chain, chain.main, seq - 1, seq)[0]
    return an_entry(state.rooms.now[alliance.room], alliance.parties[ally], seq, prev, **said)


def replaced(alliance, name, digest, **fields):
    def change(rows):
        kept = rows.kept[digest]
        rows.kept[digest] = msgspec.structs.replace(kept, entry=msgspec.structs.replace(kept.entry, **fields))

    rewrite(alliance, name, change)


def test_red_an_author_that_lost_what_its_officer_was_told_is_kept(alliance):
    told = alliance.world.stations["azure"].acknowledged[-1].digest
    rewrite(alliance, "azure", drop(told))
    with pytest.raises(CheckFailed, match="azure lost"):
        c.acknowledged_entries_are_kept(alliance)


def test_red_an_officer_told_of_an_entry_that_never_was(alliance):
    alliance.world.stations["birch"].acknowledged.append(Written(b"\x01" * 32, "birch 0/99", alliance.room))
    with pytest.raises(CheckFailed, match="birch lost 0101"):
        c.acknowledged_entries_are_kept(alliance)


def test_red_a_member_that_lacks_an_acknowledged_entry(alliance):
    told = alliance.world.stations["azure"].acknowledged[-1].digest
    rewrite(alliance, "cedar", drop(told))
    with pytest.raises(CheckFailed, match="cedar lacks"):
        c.acknowledged_entries_reach_all_members(alliance)


def test_red_a_member_that_holds_a_header_and_waits_for_its_body(alliance):
    told = alliance.world.stations["azure"].acknowledged[-1].digest
    replaced(alliance, "cedar", told, salt=None, body=None)
    with pytest.raises(CheckFailed, match="cedar lacks"):
        c.acknowledged_entries_reach_all_members(alliance)


def test_red_two_stores_with_different_entries_at_one_place(alliance):
    append(alliance, "birch", an_entry_after(alliance, "azure", seq_before=1))
    with pytest.raises(CheckFailed, match="one history"):
        c.histories_agree(alliance)


def test_red_a_chain_with_a_gap(alliance):
    state = alliance.machine("azure").state
    chain = state.chain(alliance.room, "azure")
    rewrite(alliance, "birch", drop(state.path_digests(chain, 0, 1, 2)[0]))
    with pytest.raises(CheckFailed, match="no gaps"):
        c.histories_agree(alliance)


def test_red_a_peer_that_holds_what_its_author_lost(alliance):
    rewrite(alliance, "azure", drop(newest(alliance, "azure")))
    with pytest.raises(CheckFailed, match="author lost"):
        c.histories_agree(alliance)


def test_red_a_countersignature_for_more_than_is_held(alliance):
    head = newest(alliance, "azure")
    statements = [s for s in alliance.store("birch").statements(alliance.room) if (s.ally, s.by) == ("azure", "birch")]
    rewrite(alliance, "birch", drop(head))
    with pytest.raises(CheckFailed, match="birch countersigned"):
        c.entries_are_countersigned_only_if_held(alliance, "birch", Batch(statements=statements))


@pytest.mark.parametrize("what", ["id", "title", "entry"])
def test_red_a_frame_that_tells_of_a_national_room(alliance, what):
    entry = alliance.act("azure", rules.Open(subject="ours alone", room=alliance.national["azure"])).digest
    secret = {"id": alliance.national["azure"], "title": b"national matters of azure", "entry": entry}[what]
    with pytest.raises(CheckFailed, match="national room never leaves"):
        alliance._frame("azure", "birch", b"frame " + secret + b" frame")


def test_red_a_store_that_lacks_one_entry(alliance):
    rewrite(alliance, "birch", drop(newest(alliance, "birch")))
    with pytest.raises(CheckFailed, match="same entries"):
        c.records_are_equal(alliance)


def test_red_a_signature_that_differs_in_one_store(alliance):
    replaced(alliance, "birch", newest(alliance, "birch"), signature=bytes(64))
    with pytest.raises(CheckFailed, match="same entries"):
        c.records_are_equal(alliance)


def test_red_a_countersignature_that_did_not_reach_a_third_ally(alliance):
    chains = alliance.machine("cedar").state.chains
    chain = chains.now[alliance.room, "azure"]
    forgetful = msgspec.structs.replace(chain.branches[0], confirmed={"cedar": chain.length})
    chains.now[alliance.room, "azure"] = chain.with_branch(0, forgetful)
    with pytest.raises(CheckFailed, match="same statements"):
        c.records_are_equal(alliance)


def test_red_a_charter_without_a_signature(alliance):
    def change(rows):
        signed = rows.charters[alliance.room]
        rows.charters[alliance.room] = msgspec.structs.replace(signed, signatures=dict(list(signed.signatures.items())[:2]))

    rewrite(alliance, "birch", change)
    with pytest.raises(CheckFailed, match="same charter"):
        c.records_are_equal(alliance)


def test_red_a_paper_that_is_not_whole_somewhere(alliance):
    rewrite(alliance, "cedar", lambda rows: rows.chunks.clear())
    with pytest.raises(CheckFailed, match="same papers"):
        c.records_are_equal(alliance)


def test_red_a_stance_that_one_member_sees_otherwise(alliance):
    consultations = alliance.machine("birch").state.consultations
    state = alliance.machine("birch").consultation(opening_of(alliance))
    moved = {**state.standings, "cedar": Standing(Stance.ENDED)}
    consultations.now[state.opening] = msgspec.structs.replace(state, standings=moved)
    for checker in (c.views_are_equal, c.folds_are_reproducible, c.stances_move_by_own_acts_alone):
        with pytest.raises(CheckFailed):
            checker(alliance)


def test_red_an_entry_that_no_checkpoint_covers(alliance):
    chains = alliance.machine("birch").state.chains
    chain = chains.now[alliance.room, "azure"]
    uncovered = msgspec.structs.replace(chain.branches[0], covered=chain.length - 1)
    chains.now[alliance.room, "azure"] = chain.with_branch(0, uncovered)
    with pytest.raises(CheckFailed, match="covered and confirmed"):
        c.all_is_covered_and_confirmed(alliance)


def test_red_an_entry_that_a_peer_never_confirmed(alliance):
    chains = alliance.machine("azure").state.chains
    chain = chains.now[alliance.room, "azure"]
    confirmed = {**chain.branches[0].confirmed, "birch": chain.length - 1}
    chains.now[alliance.room, "azure"] = chain.with_branch(0, msgspec.structs.replace(chain.branches[0], confirmed=confirmed))
    with pytest.raises(CheckFailed, match="covered and confirmed"):
        c.all_is_covered_and_confirmed(alliance)


def a_delivery(alliance, ally, *digests):
    """Return a receipt entry of `ally` for these digests, after its head."""
    body = write_body(Delivered(entries=digests, post="duty"))
    entry = an_entry_after(alliance, ally, kind=Kind.DELIVERED, about=(opening_of(alliance),))
    header = msgspec.structs.replace(entry.header, body=body_digest("sha256", SALT, body), size=len(body))
    return msgspec.structs.replace(entry, header=header, salt=SALT, body=body)


def test_red_a_message_that_was_never_delivered(alliance):
    first = next(iter(alliance.parties))
    receipts = [k.entry.digest for k in alliance.store(first).entries(alliance.room) if k.entry.header.kind == Kind.DELIVERED]
    rewrite(alliance, first, drop(receipts[0]))
    with pytest.raises(CheckFailed, match="every message is delivered"):
        c.every_message_is_delivered_once(alliance)


def test_red_a_message_that_was_delivered_twice(alliance):
    append(alliance, "azure", a_delivery(alliance, "birch", opening_of(alliance)))
    with pytest.raises(CheckFailed, match="a receipt is written once"):
        c.every_message_is_delivered_once(alliance)


def test_red_a_receipt_that_was_receipted(alliance):
    receipt = next(k.entry for k in alliance.store("azure").entries(alliance.room) if k.entry.header.kind == Kind.DELIVERED)
    append(alliance, "azure", a_delivery(alliance, "cedar", receipt.digest))
    with pytest.raises(CheckFailed, match="another's message only"):
        c.every_message_is_delivered_once(alliance)


def test_red_an_entry_kept_twice(alliance):
    digest = newest(alliance, "azure")
    rewrite(alliance, "cedar", lambda rows: rows.arrived[alliance.room].append(digest))
    with pytest.raises(CheckFailed, match="keeps one twice"):
        c.nothing_is_doubled(alliance)


def test_red_two_entries_at_one_place_of_one_branch(alliance):
    append(alliance, "cedar", an_entry_after(alliance, "azure", seq_before=1))
    with pytest.raises(CheckFailed, match="two at one place"):
        c.nothing_is_doubled(alliance)


def test_red_a_chain_in_memory_that_the_entries_do_not_make(alliance):
    chains = alliance.machine("cedar").state.chains
    chain = chains.now[alliance.room, "azure"]
    chains.now[alliance.room, "azure"] = chain.with_branch(0, msgspec.structs.replace(chain.branches[0], frontier=()))
    for checker in (c.chains_are_reproducible, c.memory_comes_back):
        with pytest.raises(CheckFailed, match=r"azure's chain|cedar's chains"):
            checker(alliance)


def test_red_open_work_that_a_restart_would_forget(alliance):
    alliance.act("azure", rules.Open(subject="unread", room=alliance.room))
    alliance.run(5)
    c.memory_comes_back(alliance)
    rewrite(alliance, "birch", lambda rows: [rows.facts.pop(key) for key in list(rows.facts) if "desk" in key])
    with pytest.raises(CheckFailed, match="birch's desk"):
        c.memory_comes_back(alliance)


@pytest.mark.parametrize(
    ("field", "value", "reason"), [("signature", bytes(64), "signature-invalid"), ("body", b"\xa0", "body-digest-mismatch")]
)
def test_red_a_row_that_was_changed(alliance, field, value, reason):
    replaced(alliance, "azure", opening_of(alliance), **{field: value})
    with pytest.raises(CheckFailed, match=reason):
        c.stores_audit_clean(alliance)


def test_red_a_checkpoint_that_was_changed(alliance):
    def change(rows):
        place, kept = next(iter(rows.statements[alliance.room].items()))
        broken = msgspec.structs.replace(kept.signed, signatures=(bytes(64),))
        rows.statements[alliance.room][place] = msgspec.structs.replace(kept, signed=broken)

    rewrite(alliance, "azure", change)
    with pytest.raises(CheckFailed, match="signature-invalid"):
        c.stores_audit_clean(alliance)


def test_red_a_link_that_never_falls_quiet(alliance):
    peer = alliance.machine("azure").peers["birch"]
    alliance.world.at(alliance.world.now + 30_000_000, lambda: peer.changed(alliance.room))
    with pytest.raises(CheckFailed, match="azure to birch: Have"):
        c.the_link_falls_quiet(alliance)


def test_red_every_checker_of_the_end_is_shown_red_above():
    source = Path(__file__).read_text(encoding="utf-8")
    for checker in (*c.IN_THE_END, *c.AT_ALL_TIMES, c.entries_are_countersigned_only_if_held):
        assert f"c.{checker.__name__}(" in source or f"c.{checker.__name__}," in source or f"c.{checker.__name__})" in source
