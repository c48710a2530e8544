"""A room's record page by page, and what comes of recomputing a page."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from katchi.consult import rules
from katchi.errors import RecordBroken
from katchi.node.state import State
from katchi.node.views.record import record_view, verified_page
from katchi.store.memory import MemoryStore
from katchi.testing.alliance import SimulatedAlliance
from katchi.testing.cheap import SUITES
from katchi.testing.planting import deliver, entry_at, some_entry


@pytest.fixture
def alliance():
    alliance = SimulatedAlliance(["azure", "birch"], seed=1)
    opening = alliance.act("azure", rules.Open(subject="an event", room=alliance.room)).digest
    alliance.run(3)
    for number in range(8):
        alliance.act("birch", rules.StatePosition(consultation=opening, text=f"position\n{number}"))
    alliance.settle()
    return alliance


def state_and_room(alliance, name="azure"):
    state = alliance.machine(name).state
    return state, state.rooms.now[alliance.room]


def altered(alliance, change, seq):
    """Azure's state over a store in which one entry of birch is another: `change` makes it of the Kept."""

    class Altered(MemoryStore):
        def run(self, room, ally, branch, start, end, limit):
            found = super().run(room, ally, branch, start, end, limit)
            return [change(k) if (k.entry.header.ally, k.entry.header.seq) == ("birch", seq) else k for k in found]

    machine = alliance.machine("azure")
    return State(machine.settings, machine.own, SUITES, Altered(alliance.store("azure").snapshot()))


def test_the_newest_page_ends_at_the_head_and_pages_before_it_join_without_gap(alliance):
    state, room = state_and_room(alliance)
    chain = state.chain(room.id, "birch")
    newest = record_view(state, room, ally="birch", limit=4)
    assert (newest.end, newest.length) == (chain.length, chain.length)
    assert newest.entries[-1].id == chain.newest.head.hex()
    first = record_view(state, room, ally="birch", start=0, limit=newest.start)
    shown = first.entries + newest.entries
    assert [entry.seq for entry in shown] == list(range(chain.length))
    assert all(one.prev == before.id for before, one in pairwise(shown))
    assert record_view(state, room, ally="birch", start=10**6).entries == []


def test_an_entry_is_shown_with_who_vouches_for_it_and_how_it_begins(alliance):
    state, room = state_and_room(alliance)
    entries = record_view(state, room, ally="birch").entries
    (one,) = [entry for entry in entries if entry.line == "position 3"]
    assert (one.covered, one.confirmed_by, one.via, one.body_held) == (True, ["azure"], "birch", True)
    assert record_view(state, room).ally == "azure"


def test_the_newest_checkpoint_and_every_peers_countersignature_are_shown_and_accepted(alliance):
    state, room = state_and_room(alliance)
    found = {(one.ally, one.by): one for one in record_view(state, room).statements}
    assert set(found) == {(ally, by) for ally in room.members for by in room.members}
    assert all(one.accepted and one.length == state.chain(room.id, one.ally).length for one in found.values())


def test_a_statement_whose_signature_no_longer_holds_is_not_shown_as_accepted(alliance):
    class Altered(MemoryStore):
        def statements_at(self, *place):
            found = super().statements_at(*place)
            spoilt = (b"x" * 64,)
            return [msgspec.structs.replace(s, signed=msgspec.structs.replace(s.signed, signatures=spoilt)) for s in found]

    machine = alliance.machine("azure")
    state = State(machine.settings, machine.own, SUITES, Altered(alliance.store("azure").snapshot()))
    shown = record_view(state, state.rooms.now[alliance.room]).statements
    assert {(one.accepted, one.reason) for one in shown} == {(False, "signature-invalid")}


def test_a_sound_page_verifies_from_any_start(alliance):
    state, room = state_and_room(alliance)
    for start in (0, 1, 5):
        page = verified_page(state, room, ally="birch", start=start, limit=3)
        assert page.ok and [entry.seq for entry in page.entries] == [start, start + 1, start + 2]
    assert verified_page(state, room, ally="birch", start=10**6).entries == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"signature": b"s" * 64}, "signature-invalid"),
        ({"body": b"\xa0"}, "body-digest-mismatch"),
        ({"salt": b"short"}, "salt-not-32"),
        ({"digest": b"d" * 32}, "prev-mismatch"),
    ],
)
def test_an_entry_that_was_altered_is_named_with_its_reason_and_no_other(alliance, change, reason):
    state = altered(alliance, lambda kept: msgspec.structs.replace(kept, entry=msgspec.structs.replace(kept.entry, **change)), 4)
    page = verified_page(state, state.rooms.now[alliance.room], ally="birch", start=2, limit=6)
    assert not page.ok
    assert [(entry.seq, entry.reason) for entry in page.entries if not entry.ok] == [(4, reason)]


def test_an_entry_put_in_the_place_of_another_breaks_the_link_of_the_one_that_follows(alliance):
    forged = entry_at(alliance, "birch", alliance.store("azure").run(alliance.room, "birch", 0, 4, 5, 1)[0].entry)
    state = altered(alliance, lambda kept: msgspec.structs.replace(kept, entry=forged), 4)
    page = verified_page(state, state.rooms.now[alliance.room], ally="birch", start=3, limit=4)
    assert [(entry.seq, entry.reason) for entry in page.entries if not entry.ok] == [(5, "prev-mismatch")]
    page = verified_page(state, state.rooms.now[alliance.room], ally="birch", start=5, limit=1)
    assert [entry.reason for entry in page.entries] == ["prev-mismatch"]


def test_a_row_that_is_not_what_was_stored_is_named_and_the_others_still_verify(alliance):
    def broken(kept):
        raise RecordBroken("birch 0/4 was changed on disk", hint="Restore it.")

    state = altered(alliance, broken, 4)
    page = verified_page(state, state.rooms.now[alliance.room], ally="birch", start=3, limit=4)
    assert [(entry.seq, entry.reason) for entry in page.entries] == [(3, None), (4, "row-broken"), (5, "prev-missing"), (6, None)]


def test_each_side_of_a_fork_is_a_branch_with_pages_of_its_own(alliance):
    stated = some_entry(alliance, "birch", newest=True)
    deliver(alliance, "birch", "azure", entry_at(alliance, "birch", stated))
    alliance.run(5)
    state, room = state_and_room(alliance)
    newest = record_view(state, room, ally="birch", limit=1)
    assert [branch.main for branch in newest.branches] == [True, False]
    beside = record_view(state, room, ally="birch", limit=1, branch=1)
    assert newest.entries[0].place == beside.entries[0].place
    assert newest.entries[0].id != beside.entries[0].id
    assert verified_page(state, room, ally="birch", start=beside.start, branch=1).ok
