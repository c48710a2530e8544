"""Durations measured: from tables, and from what a record says between the acts of a consultation."""

from __future__ import annotations

import msgspec
import pytest

from katchi.consult import rules
from katchi.errors import Malformed
from katchi.exercise.scenario import Part, Scenario, Text
from katchi.formats.observations import by_stage, of_record, of_table
from katchi.network.durations import Exponential
from katchi.network.model import Network, Post, Question, Stage
from katchi.node.views.consultation import consultation_view
from katchi.node.views.held import held_view
from katchi.testing.alliance import SimulatedAlliance

WORDS = {"en": "Both will watch.", "ko": "양측이 지켜봅니다."}


def test_a_table_gives_a_duration_a_row_and_leaves_other_columns_alone():
    source = b'\xef\xbb\xbfNote, Seconds ,stage\r\n"two\r\nlines",240,study\r\n\r\n,0,study\r\nx,1.5e2,send\r\n'
    found = of_table(source, "m.csv")
    assert [(one.stage, one.seconds, one.place) for one in found] == [
        ("study", 240.0, "m.csv:2"), ("study", 0.0, "m.csv:5"), ("send", 150.0, "m.csv:6")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (b"stage;seconds\na;1\n", "m.csv:1: there is no column stage"),
        (b"stage,minutes\na,1\n", "m.csv:1: there is no column seconds"),
        (b"stage,seconds\na\n", "m.csv:2: this row has 1 cells"),
        (b"stage,seconds\na,4 min\n", "m.csv:2: '4 min' is no number of seconds"),
        (b"stage,seconds\na,\n", "m.csv:2: '' is no number of seconds"),
        (b"stage,seconds\na,1\nb,-1\n", "m.csv:3: a duration of -1.0 s cannot be"),
        (b"stage,seconds\na,nan\n", "m.csv:2: a duration of nan s cannot be"),
        (b"stage,seconds\na,1e12\n", "m.csv:2: a duration of 1000000000000.0 s cannot be"),
        (b'stage,seconds\n"a,1\n', "m.csv:2: the quotes of this row do not fit"),
        (b"stage,seconds\n\xff,1\n", "m.csv:2: this is no UTF-8 text"),
    ],
)
def test_a_row_that_gives_no_duration_is_refused_with_its_line_and_a_fix(source, says):
    with pytest.raises(Malformed) as refused:
        of_table(source, "m.csv")
    assert str(refused.value).startswith(says) and refused.value.hint


@pytest.fixture(scope="module")
def consulted():
    """A consultation that azure opens and birch answers; each act so many seconds after the one before."""
    alliance = SimulatedAlliance(["azure", "birch"], seed=3)
    opening = alliance.act("azure", rules.Open(subject="an event", room=alliance.room)).digest

    def after(seconds, ally, command):
        alliance.run(seconds)
        return alliance.act(ally, command).digest

    after(120, "birch", rules.Acknowledge(consultation=opening))
    after(300, "birch", rules.StatePosition(consultation=opening, text="we see it so"))
    after(200, "azure", rules.StatePosition(consultation=opening, text="and we so"))
    proposal = after(600, "birch", rules.ProposeWords(consultation=opening, words=WORDS))
    after(50, "azure", rules.SignWords(consultation=opening, proposal=proposal))
    after(30, "birch", rules.End(consultation=opening, reason="done"))
    alliance.run(60)
    return alliance, opening


def encoded(view):
    return msgspec.json.encode(view)


def view_of(alliance, ally, opening, **given):
    machine = alliance.machine(ally)
    return consultation_view(machine.state, machine.consultation(opening), limit=None, **given)


@pytest.mark.parametrize("seen_by", ["azure", "birch"])
def test_the_record_of_a_consultation_says_how_long_each_act_took_since_what_it_waited_for_was_there(consulted, seen_by):
    alliance, opening = consulted
    found = {(one.act, one.ally): one for one in of_record(encoded(view_of(alliance, seen_by, opening)), "c.json")}
    expected = {  # azure's position answers nothing that it waited for: it opened
        ("acknowledge", "birch"): 120,
        ("state-position", "birch"): 300,
        ("propose-words", "birch"): 600,  # since azure's position came
        ("sign-words", "azure"): 50,
        ("end", "birch"): 30,
    }
    assert set(found) == set(expected)
    for key, seconds in expected.items():
        assert found[key].seconds == pytest.approx(seconds, abs=2) and found[key].place == "c.json"
        assert found[key].exact, key


def test_what_record_show_prints_gives_the_same_but_for_the_way_there(consulted):
    alliance, _ = consulted
    machine = alliance.machine("birch")
    room = machine.state.rooms.now[alliance.room]
    held = held_view(machine.state, room, ally="birch", as_of=2**62)
    found = {(one.act, one.ally): one for one in of_record(encoded(held), "r.json")}
    assert set(found) == {("acknowledge", "birch"), ("state-position", "birch"), ("propose-words", "birch"),
                          ("sign-words", "azure"), ("end", "birch")}  # fmt: skip
    assert found["state-position", "birch"].exact and not found["acknowledge", "birch"].exact
    assert found["acknowledge", "birch"].seconds == pytest.approx(120, abs=3)


def test_what_is_not_one_whole_consultation_is_refused(consulted):
    alliance, opening = consulted
    machine = alliance.machine("azure")
    part = consultation_view(machine.state, machine.consultation(opening), limit=3)
    for source in (encoded(part), b"{}", b"[]", b"not json", b'{"entries": [{"id": "1"}]}', b'{"timeline": []}'):
        with pytest.raises(Malformed, match=r"c\.json"):
            of_record(source, "c.json")


def test_a_clock_that_went_back_measures_nothing(consulted):
    alliance, opening = consulted
    tree = msgspec.json.decode(encoded(view_of(alliance, "birch", opening)))
    for entry in tree["timeline"]:
        if entry["kind"] == "consultation.acknowledged":
            entry["at"] -= 3_600_000_000
    found = {(one.act, one.ally) for one in of_record(msgspec.json.encode(tree), "c.json")}
    assert ("acknowledge", "birch") not in found and ("propose-words", "birch") in found


def scenario(**parts):
    stages = tuple(
        copy
        for name in parts
        for copy in (
            [Stage(name=f"{name}.{i}", group=name, duration=Exponential(60.0), at="desk-b") for i in (1, 2)]
            if name == "twice"
            else [Stage(name=name, group=name, duration=Exponential(60.0), at="desk-b" if name == "study" else None)]
        )
    )
    return Scenario(
        title=Text(), about=Text(), allies=("azure", "birch"),
        network=Network(stages=stages, questions=(Question("q", stages[0].name, 1.0),), posts=(Post("desk-b", 1),)),
        parts=parts, posts={"desk-b": "birch"}, titles={}, injects=(), changes=(), uncertain=(), decisions=None, digest="",
    )  # fmt: skip


def test_durations_go_to_the_stage_that_a_table_names_or_that_writes_the_act_for_this_ally(consulted):
    alliance, opening = consulted
    observed = of_record(encoded(view_of(alliance, "birch", opening)), "c.json")
    observed += of_table(b"stage,seconds\ntwice,10\ntwice.2,20\nstudy,30\n", "m.csv")
    found, left = by_stage(
        observed,
        scenario(
            study=Part(act="state-position"),  # at birch's post
            twice=Part(copies=2),
            answer=Part(act="acknowledge", by="birch"),
            other=Part(act="propose-words", by="azure"),  # nobody's that was measured
            sign=Part(act="sign-words"),
            **{"sign-again": Part(act="sign-words", by="azure")},
        ),
    )
    assert {name: [round(one.seconds, -1) for one in ones] for name, ones in found.items()} == {
        "study": [300, 30], "twice": [10, 20], "answer": [120]
    }  # fmt: skip
    assert {(one.act, one.ally, one.durations, one.stages) for one in left} == {
        ("propose-words", "birch", 1, ()), ("end", "birch", 1, ()), ("sign-words", "azure", 1, ("sign", "sign-again"))
    }  # fmt: skip


def test_a_stage_that_the_scenario_does_not_have_is_refused_with_the_line():
    with pytest.raises(Malformed, match=r"m\.csv:3: there is no stage 'studdy'") as refused:
        by_stage(of_table(b"stage,seconds\nstudy,1\nstuddy,2\n", "m.csv"), scenario(study=Part()))
    assert "study" in refused.value.hint
