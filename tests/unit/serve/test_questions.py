"""What may be asked of a node by name: plain values in, plain values out, ids by their beginning."""

from __future__ import annotations

import json

import pytest

from katchi.consult import rules
from katchi.errors import Malformed, NotFound, Refused
from katchi.serve.questions import QUESTIONS, ROWS_MAX, Asked
from katchi.testing.alliance import SimulatedAlliance


@pytest.fixture(scope="module")
def alliance():
    alliance = SimulatedAlliance(["azure", "birch"], seed=1)
    for number in range(5):
        alliance.act("azure", rules.Open(subject=f"matter {number}", room=alliance.room))
    alliance.run(5)
    for _ in range(250):
        alliance.act("birch", rules.StatePosition(consultation=alliance.openings[0], text="we assess"))
    alliance.run(5)
    return alliance


@pytest.fixture
def ask(alliance):
    machine = alliance.machine("azure")
    asked = Asked(machine.state, machine.peers)

    def answer(question, **arguments):
        found = QUESTIONS[question](asked, {"room": alliance.room.hex(), **arguments})
        return json.loads(json.dumps(found))

    return answer


@pytest.mark.parametrize(
    ("question", "arguments"),
    [
        ("duty", {"now": 5}),
        ("duty", {}),
        ("consultation_page", {"limit": 2, "open_only": True}),
        ("record", {"ally": "birch", "start": 3, "limit": 2, "branch": 0}),
        ("verified", {"ally": "birch", "start": 3, "limit": 2}),
        ("verified", {}),
        ("as_of", {"as_of": 10**16}),
        ("moments", {}),
    ],
)
def test_every_screen_is_answered_in_plain_values(ask, question, arguments):
    assert ask(question, **arguments)


def test_an_id_is_found_by_its_beginning_however_it_is_written(ask, alliance):
    for opening in alliance.openings:
        for length in (4, 5, 11, 64):
            assert ask("resolve", id=f" {opening.hex()[:length].upper()} ") == opening.hex()


def test_an_id_that_is_too_short_unknown_or_no_hex_is_refused_as_before(ask, alliance):
    with pytest.raises(Malformed, match="too short"):
        ask("resolve", id=alliance.openings[0].hex()[:3])
    for unknown in ("0" * 64, "zzzz", alliance.openings[0].hex() + "00"):
        with pytest.raises(NotFound):
            ask("resolve", id=unknown)
    entry = next(k.entry.digest for k in alliance.store("azure").entries(alliance.room) if k.opening != k.entry.digest)
    with pytest.raises(NotFound):
        ask("resolve", id=entry.hex())


def test_a_beginning_of_several_ids_is_refused(ask, alliance, monkeypatch):
    state = alliance.machine("azure").state
    monkeypatch.setattr(state.store, "openings_between", lambda *_: [b"\xab\xcd\x01" * 10, b"\xab\xcd\x02" * 10])
    with pytest.raises(Refused, match="beginning of 2 ids"):
        ask("resolve", id="abcd")


def test_the_timeline_is_the_newest_part_unless_all_of_it_is_asked_for(ask, alliance):
    opening = alliance.openings[0].hex()
    shown, whole = ask("consultation", id=opening), ask("consultation", id=opening, all=True)
    assert len(shown["timeline"]) == 200 and shown["entries"] == len(whole["timeline"]) == shown["earlier"] + 200
    earlier = ask("consultation", id=opening, before=shown["timeline"][0]["id"], limit=1000)
    assert earlier["timeline"] + shown["timeline"] == whole["timeline"]
    for part in ("stances", "proposals", "crossed", "unread", "decisions"):
        assert shown[part] == whole[part] == earlier[part]


def test_pages_of_consultations_go_on_after_the_last_one_shown(ask, alliance):
    first = ask("consultation_page", limit=3)
    second = ask("consultation_page", limit=3, before=first["next"])
    assert [one["id"] for one in first["consultations"] + second["consultations"]] == [o.hex() for o in alliance.openings[::-1]]
    assert second["next"] is None


def test_what_is_not_there_is_named(ask):
    with pytest.raises(NotFound, match="not a member"):
        ask("record", ally="cedar")
    with pytest.raises(NotFound, match="no branch 7"):
        ask("verified", ally="birch", branch=7)
    with pytest.raises(Malformed, match="not an entry's id"):
        ask("consultation", id=ask("consultation_page")["next"] or ask("consultation_page")["consultations"][0]["id"], before="x")


def test_no_answer_has_more_rows_than_the_limit(ask):
    assert len(ask("record", ally="birch", limit=10**9)["entries"]) <= ROWS_MAX
    assert len(ask("record", ally="birch", limit=-5)["entries"]) == 1
