"""What is still to be done: which consultations are open, and which of our messages an ally has not read."""

from __future__ import annotations

import pytest

from katchi.consult import rules
from katchi.link import frames as f
from katchi.node.audit import audit_store
from katchi.node.batch import Batch
from katchi.node.docket import WAITING, Docket, waiting_of
from katchi.node.listing import Listing
from katchi.node.machine import Machine
from katchi.node.state import State
from katchi.node.views.consultation import consultation_page
from katchi.node.views.duty import duty_view
from katchi.store.memory import MemoryStore
from katchi.testing.alliance import SimulatedAlliance
from katchi.testing.cheap import SUITES
from katchi.testing.checkers import audited
from katchi.vocabulary import Precedence


@pytest.fixture
def alliance():
    return SimulatedAlliance(["azure", "birch"], seed=1)


def opened(alliance, subject="an event", ally="azure", **fields):
    opening = alliance.act(ally, rules.Open(subject=subject, room=alliance.room, **fields)).digest
    alliance.run(3)
    return opening


def view(alliance, name, **limits):
    machine = alliance.machine(name)
    return duty_view(machine.state, machine.peers, alliance.world.now, **limits)


def waits(alliance, name="azure"):
    return [waiting_of(value).message for _, value in alliance.machine(name).state.docket.waiting.first(100)]


def restarted(alliance, name):
    """The state that a node has after a start on what is durable."""
    machine = alliance.machine(name)
    return State(machine.settings, machine.own, SUITES, MemoryStore(alliance.store(name).snapshot()))


def test_a_consultation_is_open_until_every_member_has_ended_its_own_part(alliance):
    opening = opened(alliance)
    alliance.act("birch", rules.Acknowledge(consultation=opening))
    alliance.act("azure", rules.End(consultation=opening, reason="done"))
    alliance.run(3)
    assert [one.summary.id for one in view(alliance, "birch").open] == [opening.hex()]
    alliance.act("birch", rules.End(consultation=opening, reason="done"))
    alliance.run(3)
    for name in alliance.parties:
        assert (view(alliance, name).open, view(alliance, name).open_total) == ([], 0)


def test_a_consultation_that_could_not_be_held_is_open_again_once_its_member_answers_after_all(alliance):
    opening = opened(alliance)
    alliance.act("azure", rules.End(consultation=opening, reason="done"))
    alliance.act("birch", rules.CouldNotConsult(consultation=opening, effort="three calls", reason="no answer"))
    alliance.run(3)
    assert view(alliance, "azure").open_total == 0
    alliance.act("birch", rules.Acknowledge(consultation=opening))
    alliance.run(3)
    assert [view(alliance, name).open_total for name in alliance.parties] == [1, 1]
    assert audited(alliance, "azure").is_sound


def test_a_message_of_ours_waits_until_every_ally_has_read_it(alliance):
    three = SimulatedAlliance(["azure", "birch", "cedar"], seed=1)
    opening = opened(three)
    assert [row.ally for row in view(three, "azure").waiting] == ["birch", "cedar"]
    three.act("birch", rules.Acknowledge(consultation=opening))
    three.run(3)
    assert [row.ally for row in view(three, "azure").waiting] == ["cedar"]
    three.read_all()
    three.run(3)
    assert (view(three, "azure").waiting, view(three, "azure").waiting_total) == ([], 0)


def test_the_most_urgent_message_comes_first_then_the_oldest_and_the_rest_is_counted(alliance):
    first = opened(alliance, "first")
    second = opened(alliance, "second")
    urgent = opened(alliance, "urgent", precedence=Precedence.FLASH)
    shown = view(alliance, "azure", limit=2)
    assert [row.message for row in shown.waiting] == [urgent.hex(), first.hex()]
    needed = view(alliance, "birch", limit=2)
    assert [row.message for row in needed.needs] == [urgent.hex(), first.hex()]
    assert (shown.waiting_total, needed.needs_total) == (3, 3)
    assert [row.message for row in view(alliance, "azure").waiting][2] == second.hex()


def test_the_record_says_where_our_message_lies_with_them(alliance):
    alliance.world.cut(alliance.world.wire("azure", "birch"))
    opening = alliance.act("azure", rules.Open(subject="cut off", room=alliance.room, precedence=Precedence.FLASH)).digest
    (row,) = view(alliance, "azure").waiting
    assert (row.message, row.sent, row.received, row.delivered, row.post) == (opening.hex(), None, None, None, None)
    alliance.heal()
    alliance.run(20)
    (row,) = view(alliance, "azure").waiting
    assert row.sent <= row.received
    assert row.delivered and row.post == "duty"
    alliance.run(130)
    assert view(alliance, "azure").waiting[0].post == "deputy"
    assert view(alliance, "birch").needs[0].post == "deputy"


def test_what_a_node_shows_after_a_start_is_what_it_showed_before(alliance):
    opening = opened(alliance, due=alliance.world.now + 10**9)
    alliance.act("azure", rules.StatePosition(consultation=opening, text="we assess"))
    alliance.run(3)
    for name in alliance.parties:
        again = restarted(alliance, name)
        before, after = view(alliance, name), duty_view(again, {}, alliance.world.now)
        assert (after.needs, after.waiting, after.open) == (before.needs, before.waiting, before.open)
        assert (after.waiting_total, after.open_total) == (before.waiting_total, before.open_total)
    assert before.needs[0].due is not None


def test_lists_that_a_store_has_never_had_are_regrown_when_its_node_starts(alliance):
    opened(alliance)
    alliance.swarm(30)
    store = alliance.store("azure")
    before = store.facts("derived/")
    dropped = {key: None for key in before if key.startswith(("derived/open", "derived/waiting", "derived/turns"))}
    store.append(Batch(facts=dropped))
    alliance.world.crash("azure")
    alliance.world.restart("azure")
    assert len(view(alliance, "azure").open) == min(25, view(alliance, "azure").open_total)
    alliance.act("azure", rules.Open(subject="another", room=alliance.room))
    assert audited(alliance, "azure").is_sound
    assert dropped.keys() <= store.facts("derived/").keys()


@pytest.mark.parametrize("name", ["derived/open/", "derived/waiting/"])
def test_a_line_that_was_taken_off_a_list_by_hand_is_named_by_the_audit(alliance, name):
    opened(alliance)
    store = alliance.store("azure")
    store.append(Batch(facts={next(iter(store.facts(name))): None}))
    report = audited(alliance, "azure")
    assert [finding.reason for room in report.rooms for finding in room.findings] == ["derived-differs"]


def test_a_batch_that_fails_takes_its_lines_with_it(alliance):
    opening = opened(alliance)
    before = (waits(alliance), alliance.machine("azure").state.docket.open.total)
    machine = alliance.machine("azure")
    machine.submit(rules.StatePosition(consultation=opening, text="lost"), alliance.world.now)
    machine.submit(rules.Open(subject="lost too", room=alliance.room), alliance.world.now)
    assert len(waits(alliance)) == len(before[0]) + 2
    machine.close_group(alliance.world.now)
    machine.rolled_back()
    assert (waits(alliance), machine.state.docket.open.total) == before


@pytest.mark.parametrize("first", ["azure", "birch"])
def test_a_message_given_back_after_a_restore_waits_for_nobody_who_has_said_it_was_read(alliance, first):
    opening = opened(alliance, ally="birch")
    backup = alliance.store("azure").snapshot()
    message = alliance.act("azure", rules.StatePosition(consultation=opening, text="lost with our disk")).digest
    alliance.run(3)
    alliance.read_all()
    alliance.run(3)
    was, store = alliance.machine("azure"), MemoryStore(backup)
    machine = Machine(was.settings, was.own, alliance.parties["azure"].signer, SUITES, store, bytes, was_restored=True)
    for ally in sorted(alliance.parties, key=lambda ally: ally != first):
        length = machine.state.chain(alliance.room, ally).length
        run = alliance.store("birch").run(alliance.room, ally, 0, length, 10**6, 1000)
        items = [f.EntryItem(k.entry.header_bytes, k.entry.signature, k.entry.salt, k.entry.body) for k in run]
        machine._acceptor.entries("birch", f.Entries(alliance.room, tuple(items)), alliance.world.now)
    assert machine.state.entry(message) is not None
    assert machine.state.docket.waiting.first(10) == []
    store.append(machine.close_group(alliance.world.now))
    machine.committed()
    assert audit_store(store, SUITES, holder="azure").is_sound


def test_that_a_message_was_read_counts_only_where_it_belongs(alliance):
    opening, other = opened(alliance), opened(alliance, "another")
    docket = Docket(alliance.store("azure"), "azure")
    entry = alliance.machine("azure").state.entry(opening)
    docket.read(entry, other, alliance.room, "birch")
    docket.read(entry, opening, b"elsewhere", "birch")
    assert docket.waiting.total == 2
    docket.read(entry, opening, alliance.room, "birch")
    assert docket.waiting.total == 1


def test_pages_of_open_consultations_follow_each_other_without_gap_or_repetition(alliance):
    openings = [opened(alliance, str(number)) for number in range(7)]
    for opening in openings[::3]:
        alliance.act("birch", rules.CouldNotConsult(consultation=opening, effort="a call", reason="none"))
        alliance.act("azure", rules.End(consultation=opening, reason="done"))
    alliance.run(3)
    state = alliance.machine("azure").state
    for open_only, expected in ((False, openings[::-1]), (True, [o for o in openings[::-1] if o not in openings[::3]])):
        found, before = [], None
        while True:
            page = consultation_page(state, before=before, limit=2, open_only=open_only)
            found += [bytes.fromhex(one.id) for one in page.consultations]
            if page.next is None:
                break
            before = bytes.fromhex(page.next)
        assert found == expected
    assert consultation_page(state, room=next(r for r in state.rooms.now if r != alliance.room)).consultations == []


def test_a_listing_shows_a_batch_over_what_is_durable_and_counts_both():
    store = MemoryStore()
    listing = Listing(store, WAITING)
    for key in "bdfh":
        listing.set(key, key.encode())
    facts = {}
    listing.write(facts)
    store.append(Batch(facts=facts))
    listing.keep()
    listing.set("a", b"new")
    listing.set("d", None)
    listing.set("f", b"changed")
    assert listing.first(3) == [("a", b"new"), ("b", b"b"), ("f", b"changed")]
    assert listing.first(9, after="b") == [("f", b"changed"), ("h", b"h")]
    assert (listing.total, Listing(store, WAITING).total) == (4, 4)
    listing.take_back()
    assert listing.first(9) == [(key, key.encode()) for key in "bdfh"]
    assert listing.total == 4


def test_what_waits_for_them_says_by_when_it_is_due_and_at_which_post_it_lies_once_they_say_that_it_went_there(alliance):
    due = alliance.world.now + 3_600_000_000
    opened(alliance, precedence=Precedence.FLASH, due=due)
    (row,) = view(alliance, "azure").waiting
    assert (row.due, row.post, row.escalated) == (due, "duty", None)
    alliance.run(130)  # nobody at birch has read it for two minutes
    (row,) = view(alliance, "azure").waiting
    assert (row.post, row.due) == ("deputy", due)
    assert row.escalated is not None and row.delivered is not None and row.escalated > row.delivered
