"""What is shown beside a decision: what its author states to have seen by then, the same at every node, and nothing later."""

from __future__ import annotations

import pytest

from katchi.consult import rules
from katchi.node.views.consultation import consultation_view
from katchi.node.views.decision import decision_views
from katchi.node.views.held import held_view
from katchi.testing.alliance import SimulatedAlliance
from katchi.testing.builders import NOON, SECOND
from katchi.testing.planting import deliver, entry_at
from katchi.vocabulary import Kind


@pytest.fixture
def alliance():
    return SimulatedAlliance(["azure", "birch", "cedar"], seed=1)


@pytest.fixture
def opening(alliance):
    """A consultation in which birch has stated two positions, the second of which azure cannot have seen, and cedar none."""
    opening = alliance.act("azure", rules.Open(subject="an event", room=alliance.room)).digest
    alliance.run(10)
    alliance.act("birch", rules.StatePosition(consultation=opening, text="birch at first"))
    alliance.act("azure", rules.StatePosition(consultation=opening, text="azure at first"))
    alliance.act("azure", rules.StatePosition(consultation=opening, text="azure after all"))
    alliance.run(10)
    for other in ("birch", "cedar"):
        alliance.world.cut(alliance.world.wire("azure", other))
    alliance.act("birch", rules.StatePosition(consultation=opening, text="birch after all"))
    alliance.act("cedar", rules.Acknowledge(consultation=opening))
    alliance.run(10)
    return opening


def record(alliance, ally, opening, **fields):
    given = {
        "question": "Whether to go on",
        "options": ("go on", "wait"),
        "outcome": "We go on",
        "owner": "the duty director",
        "reason": "Both assess alike",
        "deadline": NOON + 10_000 * SECOND,
        "follow_up": "Look again tomorrow",
        "by": "Kim",
        **fields,
    }
    return alliance.act(ally, rules.RecordDecision(consultation=opening, **given)).digest


def heal(alliance):
    alliance.heal()
    alliance.run(60)


def decisions(alliance, ally, opening):
    machine = alliance.machine(ally)
    return decision_views(machine.state, machine.consultation(opening))


def test_a_decision_stands_beside_what_its_author_had_seen_of_each_side_and_not_what_came_after(alliance, opening):
    digest = record(alliance, "azure", opening)
    alliance.act("azure", rules.StatePosition(consultation=opening, text="azure, later still"))
    heal(alliance)
    (view,) = decisions(alliance, "azure", opening)
    header = alliance.machine("azure").state.entry(digest).header
    assert (view.id, view.ally, view.post, view.by, view.at) == (digest.hex(), "azure", header.author, "Kim", header.at)
    assert (view.question, view.options, view.outcome) == ("Whether to go on", ["go on", "wait"], "We go on")
    assert (view.owner, view.reason, view.follow_up) == ("the duty director", "Both assess alike", "Look again tomorrow")
    assert view.deadline == NOON + 10_000 * SECOND
    assert view.consulted == {"birch": "position-stated", "cedar": "unanswered"}
    assert view.positions == {"azure": "azure after all", "birch": "birch at first"}
    assert view.seen == {one.ally: [one.epoch, one.seq] for one in header.sees} and view.seen.keys() == {"birch", "cedar"}
    assert view.lacking == []


def test_every_node_shows_a_decision_alike_but_for_when_it_came(alliance, opening):
    record(alliance, "azure", opening)
    heal(alliance)
    shown = [decisions(alliance, ally, opening)[0] for ally in alliance.parties]
    assert len({view.arrived_at for view in shown}) > 1
    for view in shown:
        view.arrived_at = 0
    assert shown[0] == shown[1] == shown[2]


def test_two_decisions_of_two_allies_each_stand_beside_what_their_own_author_had_seen(alliance, opening):
    record(alliance, "azure", opening, outcome="azure goes on")
    record(alliance, "birch", opening, outcome="birch waits")
    heal(alliance)
    views = {view.ally: view for view in decisions(alliance, "cedar", opening)}
    assert views["azure"].positions["birch"] == "birch at first"
    assert views["birch"].positions["birch"] == "birch after all"
    assert views["birch"].consulted == {"azure": "position-stated", "cedar": "acknowledged"}
    machine = alliance.machine("cedar")
    timeline = consultation_view(machine.state, machine.consultation(opening)).timeline
    crossed = {entry.id: entry.crossed for entry in timeline}
    assert views["birch"].id in crossed[views["azure"].id]


def test_what_its_author_had_seen_and_is_not_here_yet_is_named(alliance):
    opening = alliance.act("azure", rules.Open(subject="an event", room=alliance.room)).digest
    alliance.run(10)
    alliance.act("birch", rules.StatePosition(consultation=opening, text="birch at first"))
    alliance.run(10)
    alliance.world.cut(alliance.world.wire("birch", "cedar"))
    alliance.world.tamper = without_entries_of(alliance, "birch", sender="azure", receiver="cedar")
    alliance.act("birch", rules.StatePosition(consultation=opening, text="birch after all"))
    alliance.run(5)
    record(alliance, "azure", opening)
    alliance.run(5)
    (view,) = decisions(alliance, "cedar", opening)
    assert view.lacking == ["birch"] and view.positions == {"birch": "birch at first"}
    assert view.seen["birch"] == decisions(alliance, "azure", opening)[0].seen["birch"]
    alliance.world.tamper = None
    heal(alliance)
    (view,) = decisions(alliance, "cedar", opening)
    assert view.lacking == [] and view.positions == {"birch": "birch after all"}


def test_of_an_ally_that_signed_two_histories_the_one_that_the_author_had_seen_is_shown(alliance):
    opening = alliance.act("azure", rules.Open(subject="an event", room=alliance.room)).digest
    alliance.run(10)
    said = alliance.act("birch", rules.StatePosition(consultation=opening, text="as azure saw it")).digest
    alliance.run(10)
    record(alliance, "azure", opening)
    body = {"by": None, "text": "as azure did not see it"}
    birch = alliance.machine("birch").state.entry(said)
    other = entry_at(alliance, "birch", birch, kind=Kind.POSITION_STATED, body=body, about=(opening,))
    alliance.forked.add("birch")
    deliver(alliance, "birch", "azure", other)
    assert alliance.machine("azure").state.chain(alliance.room, "birch").forks
    (view,) = decisions(alliance, "azure", opening)
    assert view.positions == {"birch": "as azure saw it"}


def without_entries_of(alliance, ally, *, sender, receiver):
    """Return what drops frames from `sender` to `receiver` that hold an entry of `ally`."""

    def tamper(frame_sender, frame_receiver, frame):
        if (frame_sender, frame_receiver) != (sender, receiver):
            return frame
        held = alliance.store(ally).entries(alliance.room)
        theirs = [kept.entry.header_bytes for kept in held if kept.entry.header.ally == ally]
        return None if any(header in frame for header in theirs) else frame

    return tamper


def test_only_a_consultation_with_a_decision_shows_any_and_its_timeline_holds_it(alliance, opening):
    machine = alliance.machine("azure")
    assert consultation_view(machine.state, machine.consultation(opening)).decisions == []
    digest = record(alliance, "azure", opening)
    view = consultation_view(machine.state, machine.consultation(opening))
    assert [one.id for one in view.decisions] == [digest.hex()]
    (entry,) = [one for one in view.timeline if one.id == digest.hex()]
    assert (entry.kind, entry.flags, entry.body["outcome"]) == (Kind.DECISION_RECORDED, [], "We go on")
    held = held_view(machine.state, machine.state.rooms.now[alliance.room], ally="azure", as_of=view.decisions[0].at)
    assert held.entries[-1].text == "We go on"


def test_a_decision_is_delivered_to_the_others_and_is_no_answer_and_no_reading_of_theirs(alliance, opening):
    heal(alliance)
    machine = alliance.machine("azure")
    unread = machine.state.desk.unread(opening)
    assert unread, "what birch and cedar said lies unread"
    stood = machine.consultation(opening)
    digest = record(alliance, "azure", opening)
    alliance.run(10)
    assert machine.state.desk.unread(opening) == unread
    assert {a: s.stance for a, s in machine.consultation(opening).standings.items()} == {
        a: s.stance for a, s in stood.standings.items()
    }
    timeline = {e.id: e for e in consultation_view(machine.state, machine.consultation(opening)).timeline}
    assert all(receipt.received and receipt.delivered for receipt in timeline[digest.hex()].receipts)
    of_others = [e for e in timeline.values() if e.body and e.body.get("text") == "birch after all"]
    assert [receipt.answered for receipt in of_others[0].receipts if receipt.ally == "azure"] == [None]


def test_a_decision_in_a_national_room_is_kept_at_home_with_nobody_consulted(alliance):
    opening = alliance.act("azure", rules.Open(subject="ours", room=alliance.national["azure"])).digest
    record(alliance, "azure", opening)
    (view,) = decisions(alliance, "azure", opening)
    assert (view.consulted, view.positions, view.seen) == ({}, {}, {})
    alliance.run(10)
    assert alliance.machine("birch").state.consultation(opening) is None
