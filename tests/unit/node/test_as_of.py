"""What each side held at a time: the same by halving as by looking at every entry, on any history."""

from __future__ import annotations

import random

import pytest

from katchi.consult import rules
from katchi.node.batch import Batch
from katchi.node.state import State
from katchi.node.turns import TURNS_MAX, Turns, TurnsOf
from katchi.node.views.held import heights_view, held_view, moments
from katchi.node.views.spans import Spans, without
from katchi.record.entry import Seen
from katchi.store.memory import MemoryStore
from katchi.testing.alliance import SimulatedAlliance
from katchi.testing.builders import NOON, SECOND, a_room, an_ally, an_entry
from katchi.testing.cheap import SUITES
from katchi.testing.planting import deliver, entry_at, some_entry

AZURE, BIRCH = an_ally("azure"), an_ally("birch")


def ids_of(spans, held):
    return {kept.entry.digest.hex() for kept in spans.entries(held.spans, 10**6, newest=True)}


def compare(state, room, as_of):
    """Hold the view by halving against the one that looks at every entry."""
    shown = heights_view(state, room, as_of)
    spans = Spans(state, room)
    exact = {ally: held_view(state, room, ally=ally, as_of=as_of) for ally in room.members}
    held = {ally: {entry.id for entry in view.entries} for ally, view in exact.items()}
    for side in shown.sides:
        view = exact[side.ally]
        assert side.exact
        assert ids_of(spans, spans.at(side.ally, as_of)) == held[side.ally]
        assert (side.entries, side.by) == (len(view.entries), view.by)
        newest = {entry.id for entry in side.newest}
        assert newest <= held[side.ally] and len(newest) == min(20, len(held[side.ally]))
        assert set(side.heights) == {entry.place.split()[0] for entry in view.entries}
        for ally, height in side.heights.items():
            places = [entry.place.split()[1] for entry in view.entries if entry.place.startswith(f"{ally} ")]
            assert (height.epoch, height.length - 1) == max(tuple(map(int, place.split("/"))) for place in places)
    told = {(one.held_by, one.not_by): one for one in shown.differences}
    for one in held:
        for other in held:
            missing = held[one] - held[other]
            if one != other:
                assert (told[one, other].total if missing else 0) == len(missing)
                assert {entry.id for entry in told[one, other].entries} <= missing if missing else (one, other) not in told
    now = {kept.entry.digest.hex() for kept in state.store.entries(room.id)}
    since = {one.not_by: one.total for one in shown.since}
    assert since == {ally: len(now - some) for ally, some in held.items() if now - some}
    return shown, exact


def times_in(state, room, chance):
    """Times at which something came or was said, one before each, and some between."""
    times = {time for kept in state.store.entries(room.id) for time in (kept.arrived_at, kept.entry.header.at)}
    chosen = chance.sample(sorted(times), min(8, len(times)))
    return [*chosen, *(time - 1 for time in chosen), min(times) - 1, max(times) + 1, chance.randint(min(times), max(times))]


@pytest.mark.parametrize("seed", range(16))
def test_halving_finds_what_every_side_held_in_any_room_after_any_outage(seed):
    alliance = SimulatedAlliance.of_seed(seed)
    chance = random.Random(seed)
    for _ in range(2):
        alliance.swarm(steps=25)
        for name in alliance.running:
            state = alliance.machine(name).state
            for room in state.rooms.now.values():
                if next(iter(state.store.entries(room.id)), None) is not None:
                    for as_of in times_in(state, room, chance):
                        compare(state, room, as_of)


def test_clocks_that_went_back_are_among_the_histories_that_are_compared():
    turned = 0
    for seed in range(16):
        alliance = SimulatedAlliance.of_seed(seed)
        alliance.swarm(steps=50)
        turned += sum(len(alliance.machine(name).state.turns.now) for name in alliance.running)
    assert turned > 0


def test_a_countersignature_over_more_than_was_stated_contradicts_the_statement():
    alliance = SimulatedAlliance(["azure", "birch"], seed=2)
    opening = alliance.act("azure", rules.Open(subject="an event", room=alliance.room)).digest
    alliance.run(5)
    alliance.act("azure", rules.StatePosition(consultation=opening, text="once"))
    alliance.run(0.03)
    state = alliance.machine("azure").state
    room = state.rooms.now[alliance.room]
    contradicted = 0
    for kept in list(state.store.statements(room.id)):
        for as_of in (kept.arrived_at, kept.arrived_at + SECOND):
            shown, exact = compare(state, room, as_of)
            for side in shown.sides:
                assert bool(side.contradicted) == bool(exact[side.ally].contradicted)
                contradicted += bool(side.contradicted)
    assert contradicted > 0


def test_both_sides_of_a_fork_are_held_if_the_place_was_seen():
    alliance = SimulatedAlliance(["azure", "birch"], seed=3)
    opening = alliance.act("birch", rules.Open(subject="an event", room=alliance.room)).digest
    alliance.run(5)
    alliance.act("birch", rules.StatePosition(consultation=opening, text="one history"))
    alliance.run(5)
    stated = some_entry(alliance, "birch", newest=True)
    deliver(alliance, "birch", "azure", entry_at(alliance, "birch", stated))
    alliance.run(5)
    state = alliance.machine("azure").state
    assert len(state.chain(alliance.room, "birch").branches) == 2
    for as_of in (alliance.world.now, alliance.world.now - 5 * SECOND, alliance.world.now - 9 * SECOND):
        compare(state, state.rooms.now[alliance.room], as_of)


def test_moments_lie_between_the_first_arrival_and_the_newest_and_never_fall():
    alliance = SimulatedAlliance.of_seed(5)
    alliance.swarm(40)
    for name in alliance.running:
        state = alliance.machine(name).state
        for room in state.rooms.now.values():
            arrivals = [kept.arrived_at for kept in state.store.entries(room.id)]
            shown = moments(state, room, 30)
            assert (shown.entries, shown.first, shown.newest) == (
                len(arrivals),
                min(arrivals, default=None),
                max(arrivals, default=None),
            )
            assert shown.ticks == sorted(set(shown.ticks)) and set(shown.ticks) <= set(arrivals)
            assert len(shown.ticks) == len(set(arrivals)) or len(shown.ticks) <= 30


def test_a_room_without_entries_has_no_moments_and_nothing_was_held_in_it():
    room = a_room(AZURE, BIRCH)
    store = MemoryStore()
    store.append(Batch(charters=[room.signed]))
    state = State(SimulatedAlliance(["azure"], seed=1, room=False).machine("azure").settings, AZURE.known, SUITES, store)
    assert moments(state, room).ticks == []
    assert [side.entries for side in heights_view(state, room, NOON).sides] == [0, 0]


def test_an_ally_whose_clock_turns_at_every_entry_costs_no_more_and_is_said_to_be_inexact():
    room, turns = a_room(AZURE, BIRCH), TurnsOf()
    key = (room.id, "azure", 0)
    entry = an_entry(room, AZURE, 1, b"p" * 32, at=NOON)
    for _ in range(TURNS_MAX + 5):
        turns.note(key, entry, (NOON + 1, ()), 5, 5)
    assert len(turns.of(*key).statements) == TURNS_MAX
    assert not turns.of(*key).is_whole
    assert turns.of(room.id, "birch", 0) == Turns()


def test_a_statement_of_having_seen_less_is_a_turn():
    room, turns = a_room(AZURE, BIRCH), TurnsOf()
    more, less = (Seen("birch", 0, 5, b"x" * 32),), (Seen("birch", 0, 4, b"y" * 32),)
    turns.note((room.id, "azure", 0), an_entry(room, AZURE, 1, b"p" * 32, sees=more), (0, less), 5, 5)
    assert turns.now == {}
    turns.note((room.id, "azure", 0), an_entry(room, AZURE, 2, b"p" * 32, sees=less), (0, more), 5, 5)
    assert turns.of(room.id, "azure", 0).statements == (2,)


@pytest.mark.parametrize(
    ("others", "left"),
    [
        ([], [(0, 10)]),
        ([(0, 10)], []),
        ([(2, 4), (6, 8)], [(0, 2), (4, 6), (8, 10)]),
        ([(6, 12), (0, 1)], [(1, 6)]),
        ([(10, 12)], [(0, 10)]),
    ],
)
def test_what_lies_in_some_spans_and_not_in_others(others, left):
    where = ("azure", 0)
    assert without({where: [(0, 10)]}, {where: others}).get(where, []) == left
