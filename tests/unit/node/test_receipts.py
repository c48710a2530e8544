"""Receipts of delivery: at once, or together a moment later; once for each message, whatever fails in between."""

from __future__ import annotations

import pytest

from katchi.consult import rules
from katchi.consult.acts import Delivered, Read, body_as
from katchi.errors import StoreFailed
from katchi.link import frames as f
from katchi.node import commands as cmd
from katchi.node.machine import Machine
from katchi.node.state import UNRECEIPTED
from katchi.node.views.consultation import consultation_view
from katchi.record.entry import decode_header
from katchi.store.memory import MemoryStore
from katchi.testing.alliance import SimulatedAlliance
from katchi.vocabulary import Kind, Precedence

EVERY_US = 50_000
SECOND = 1_000_000


@pytest.fixture
def alliance():
    made = SimulatedAlliance(["azure", "birch"], seed=3)
    made.run(2)
    return made


def opened(alliance, *, precedence=Precedence.ROUTINE, room=None):
    return alliance.act("azure", rules.Open(subject="what is new", room=room or alliance.room, precedence=precedence)).digest


def state(alliance, opening, count=1, seconds=0.0):
    """Let azure state positions one after the other; return their digests."""
    said = []
    for _ in range(count):
        said.append(alliance.act("azure", rules.StatePosition(consultation=opening, text="a position")).digest)
        alliance.run(seconds)
    return said


def receipts(alliance, name="birch", kind=Delivered, store=None):
    """What each receipt of a node names, in order of its chain."""
    kept = (store or alliance.store(name)).entries(alliance.room)
    bodies = [body_as(k.entry.header.kind, k.entry.body, kind) for k in kept if k.entry.header.ally == name]
    return [body.entries for body in bodies if body is not None]


def node_of(alliance, name="birch"):
    """The machine of a node, and its clock."""
    return alliance.machine(name), alliance.world.clock(alliance.world.stations[name])


def test_a_single_message_is_receipted_in_the_batch_that_keeps_it(alliance):
    batches = []
    alliance.on_batch.append(lambda name, batch: batches.append((name, [k.entry.header.kind for k in batch.entries])))
    opening = opened(alliance)
    alliance.run(1)
    assert ("birch", [Kind.CONSULTATION_OPENED, Kind.DELIVERED]) in batches
    assert receipts(alliance) == [(opening,)]


def test_messages_that_follow_each_other_closely_share_their_receipts_and_each_is_named_once(alliance):
    opening = opened(alliance)
    said = state(alliance, opening, 60, seconds=0.004)
    alliance.run(1)
    written = receipts(alliance)
    assert [message for receipt in written for message in receipt] == [opening, *said]
    assert len(written) <= 2 + 60 * 4_000 // EVERY_US
    assert alliance.store("birch").fact(UNRECEIPTED) is None


def test_a_gathered_receipt_is_written_when_its_moment_is_over_without_anything_else_happening(alliance):
    machine, _ = node_of(alliance)
    machine._receipts._every_us = 10 * EVERY_US  # so that no checkpoint wakes the node
    opening = opened(alliance)
    alliance.run(0.2)
    (said,) = state(alliance, opening)
    alliance.run(0.2)
    assert receipts(alliance) == [(opening,)]
    _, now = node_of(alliance)
    assert now < machine.next_wakeup() < now + 3 * EVERY_US
    alliance.run(0.2)
    assert receipts(alliance) == [(opening,), (said,)]


def test_a_clock_set_back_holds_no_receipt_up(alliance):
    opening = opened(alliance)
    alliance.run(0.03)
    (said,) = state(alliance, opening)
    alliance.world.stations["birch"].clock_offset_us -= 3600 * SECOND
    alliance.run(0.03)
    assert receipts(alliance) == [(opening,), (said,)]


def test_each_consultation_and_room_has_its_own_receipt(alliance):
    other_room = alliance.act("azure", cmd.FoundRoom(title="other talks", allies=("birch",))).room
    alliance.run(20)
    alliance.world.cut(alliance.world.wire("azure", "birch"))
    one, two, elsewhere = opened(alliance), opened(alliance, precedence=Precedence.FLASH), opened(alliance, room=other_room)
    alliance.world.mend(alliance.world.wire("azure", "birch"))
    alliance.run(5)
    assert sorted(receipts(alliance)) == sorted([(one,), (two,)])
    kept = [k.entry for k in alliance.store("birch").entries(other_room) if k.entry.header.kind == Kind.DELIVERED]
    assert [entry.header.about for entry in kept] == [(elsewhere,)]
    flash = [k.entry.header for k in alliance.store("birch").entries(alliance.room) if k.entry.header.about == (two,)]
    assert [header.precedence for header in flash] == [Precedence.FLASH]


def test_read_implies_delivered_also_when_it_was_read_before_it_was_receipted(alliance):
    opening = opened(alliance)
    alliance.run(0.03)
    (said,) = state(alliance, opening)
    alliance.run(0.02)
    assert receipts(alliance) == [(opening,)]
    alliance.act("birch", cmd.MarkRead(consultation=opening, messages=(opening, said)))
    assert receipts(alliance) == [(opening,), (said,)]
    kinds = [k.entry.header.kind for k in alliance.store("birch").entries(alliance.room) if k.entry.header.ally == "birch"]
    assert kinds[-2:] == [Kind.DELIVERED, Kind.READ]
    alliance.run(5)
    assert receipts(alliance) == [(opening,), (said,)]
    machine, _ = node_of(alliance, "azure")
    view = consultation_view(machine.state, machine.consultation(opening))
    for shown in view.timeline:
        if shown.receipts:
            (facts,) = shown.receipts
            assert facts.sent and facts.received and facts.delivered and facts.read and facts.delivered <= facts.read


def test_an_answer_is_a_receipt_too_and_leaves_none_outstanding(alliance):
    opening = opened(alliance)
    alliance.run(0.03)
    (said,) = state(alliance, opening)
    alliance.run(0.02)
    alliance.act("birch", rules.Acknowledge(consultation=opening))
    assert receipts(alliance) == [(opening,), (said,)]
    assert receipts(alliance, kind=Read) == [(opening, said)]
    assert not alliance.machine("birch").state.unreceipted.now


def crashed_between(alliance):
    """Crash birch's node after it kept a message and before it receipted it; return the opening and the message."""
    opening = opened(alliance)
    alliance.run(0.03)
    (said,) = state(alliance, opening)
    alliance.run(0.02)
    assert alliance.store("birch").entry(said) is not None
    assert receipts(alliance) == [(opening,)]
    alliance.world.crash("birch")
    return opening, said


def test_a_crash_between_a_message_and_its_receipt_forgets_no_receipt_and_doubles_none(alliance):
    opening, said = crashed_between(alliance)
    alliance.world.restart("birch")
    alliance.run(5)
    assert receipts(alliance) == [(opening,), (said,)]
    alliance.world.crash("birch")
    alliance.world.restart("birch")
    alliance.run(5)
    assert receipts(alliance) == [(opening,), (said,)] == receipts(alliance, store=alliance.store("azure"))


def test_after_a_long_outage_a_message_is_delivered_before_it_goes_to_the_next_post(alliance):
    _, said = crashed_between(alliance)
    alliance.run(24 * 3600)
    alliance.world.restart("birch")
    alliance.run(5)
    kinds = [
        kept.entry.header.kind
        for kept in alliance.store("birch").entries(alliance.room)
        if kept.entry.header.ally == "birch" and said in (*kept.entry.header.about, *named(kept.entry))
    ]
    assert kinds == [Kind.DELIVERED, Kind.ESCALATED, Kind.ESCALATED]


def named(entry):
    body = body_as(entry.header.kind, entry.body, Delivered)
    return body.entries if body else ()


def test_a_batch_that_was_not_kept_leaves_its_receipts_outstanding(alliance):
    opening = opened(alliance)
    alliance.run(0.03)
    (said,) = state(alliance, opening)
    alliance.run(0.02)
    machine, now = node_of(alliance)
    batch = machine.close_group(now + EVERY_US)
    assert Kind.DELIVERED in [kept.entry.header.kind for kept in batch.entries]
    machine.rolled_back()
    assert list(machine.state.unreceipted.now) == [said]
    batch = machine.close_group(now + EVERY_US + 1)
    assert [k.entry.header.kind for k in batch.entries] == [Kind.DELIVERED], "at once: nothing was written before"
    machine.rolled_back()
    alliance.run(5)
    assert receipts(alliance) == [(opening,), (said,)]


def test_what_a_full_disk_did_not_take_is_receipted_once_when_it_comes_again(alliance):
    alliance.store("birch").is_full = True
    opening = opened(alliance)
    alliance.run(4)
    with pytest.raises(StoreFailed):
        alliance.act("birch", rules.Open(subject="no space", room=alliance.room))
    alliance.store("birch").is_full = False
    alliance.run(30)
    assert receipts(alliance) == [(opening,)]


def test_what_an_earlier_version_laid_on_the_desk_is_not_receipted_again(alliance):
    """It wrote every receipt with its message, and kept no list of what is outstanding."""
    opened(alliance)
    alliance.run(5)
    rows = alliance.store("birch").snapshot()
    assert not [key for key in rows.facts if "unreceipted" in key] and [key for key in rows.facts if "derived/desk" in key]
    party = alliance.parties["birch"]
    old = alliance.machine("birch")
    machine = Machine(old.settings, party.known, party.signer, old.state.suites, MemoryStore(rows), bytes)
    assert machine.state.desk
    assert not machine.close_group(alliance.world.now).entries


def test_receipts_that_a_restored_node_gets_back_are_not_written_again(alliance):
    before = alliance.store("birch").snapshot()
    opening = opened(alliance)
    alliance.run(5)
    alliance.restored.add("birch")
    alliance.world.crash("birch")
    tail = []

    def own_tail_first(_sender, _receiver, data):
        frame = f.read_frame(data)
        if not isinstance(frame, f.Entries) or tail:
            return data
        tail.extend(item for item in frame.entries if decode_header(item.header).ally == "birch")
        return data if tail else None

    alliance.world.tamper = own_tail_first
    alliance.world.restart("birch", store=MemoryStore(before), was_restored=True)
    alliance.run(30)
    assert tail and alliance.machine("birch").state.entry(opening)
    assert receipts(alliance) == [(opening,)]
    assert not alliance.machine("birch").state.unreceipted.now
