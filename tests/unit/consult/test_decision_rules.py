"""Recording a decision: what the officer's command must say, from every stance, and that it moves nothing."""

from __future__ import annotations

import msgspec
import pytest

from katchi.consult import acts, rules
from katchi.consult.consultation import begun, evolve
from katchi.consult.stances import MOVES_NONE, NEXT, Standing, joint_status, open_from
from katchi.errors import Malformed, Refused
from katchi.testing.builders import NOON, SECOND, a_room, an_ally, an_entry
from katchi.vocabulary import BINDING, MESSAGES, Flag, Kind, Stance

AZURE, BIRCH = an_ally("azure"), an_ally("birch")
ROOM = a_room(AZURE, BIRCH)
OPENING = an_entry(ROOM, AZURE, kind=Kind.CONSULTATION_OPENED, body={"subject": "s", "form": "exchange-of-views"})
STATE = begun(OPENING, ROOM.members)
COMMAND = rules.RecordDecision(
    consultation=OPENING.digest,
    question="Whether to go on",
    options=("go on", "wait"),
    outcome="We go on",
    owner="the duty director",
    reason="Both assess alike",
    deadline=NOON + SECOND,
    follow_up="Look again tomorrow",
    by="Kim",
)


def decided(command=COMMAND, state=STATE):
    return rules.decide(state, "azure", command, lambda _digest: None, is_frozen=False, now=NOON)


def with_(**fields):
    return msgspec.structs.replace(COMMAND, **fields)


def test_a_decision_record_says_what_the_officer_said_and_is_about_the_opening_alone():
    act = decided()
    assert (act.kind, act.about) == (Kind.DECISION_RECORDED, (OPENING.digest,))
    fields = ("by", "question", "options", "outcome", "owner", "reason", "deadline", "follow_up")
    assert [getattr(act.body, name) for name in fields] == [getattr(COMMAND, name) for name in fields]
    assert acts.body_as(act.kind, acts.write_body(act.body), acts.DecisionRecorded) == act.body


@pytest.mark.parametrize("field", ["question", "outcome", "owner", "reason", "follow_up"])
@pytest.mark.parametrize("text", ["", " \n\t"])
def test_an_empty_text_is_malformed_and_says_what_to_do(field, text):
    with pytest.raises(Malformed, match="cannot be empty") as malformed:
        decided(with_(**{field: text}))
    assert field.replace("_", "-") in str(malformed.value) and malformed.value.hint


def test_an_empty_option_is_malformed():
    with pytest.raises(Malformed, match="an option cannot be empty"):
        decided(with_(options=("go on", " ")))


@pytest.mark.parametrize("late_us", [0, 1, SECOND])
def test_a_deadline_that_has_passed_is_malformed_and_one_ahead_is_not(late_us):
    with pytest.raises(Malformed, match="deadline of this decision has passed") as malformed:
        decided(with_(deadline=NOON - late_us))
    assert "later" in malformed.value.hint
    assert decided(with_(deadline=NOON + 1)).body.deadline == NOON + 1


def test_options_deadline_and_follow_up_may_be_left_out():
    body = decided(with_(options=(), deadline=None, follow_up=None)).body
    assert (body.options, body.deadline, body.follow_up) == ((), None, None)
    assert acts.write_body(body)


@pytest.mark.parametrize("field", [{"options": ("wait",) * 17}, {"owner": "o" * 201}])
def test_too_many_options_and_too_long_an_owner_are_malformed(field):
    with pytest.raises(Malformed, match=r"where (16|200) fit") as malformed:
        decided(with_(**field))
    assert malformed.value.hint
    with pytest.raises(Malformed, match="not well formed"):  # nor does the body's own shape take it, whoever writes it
        acts.write_body(msgspec.structs.replace(decided().body, **field))
    within = {name: value[:-1] for name, value in field.items()}
    assert acts.write_body(decided(with_(**within)).body)


@pytest.mark.parametrize("ally", ["azure", "birch"])
@pytest.mark.parametrize("stance", list(Stance))
def test_it_may_be_recorded_by_any_ally_from_every_stance_and_leaves_it_as_it_was(ally, stance):
    state = msgspec.structs.replace(STATE, standings={**STATE.standings, ally: Standing(stance)})
    assert rules.decide(state, ally, COMMAND, lambda _digest: None, is_frozen=True, now=NOON).kind is Kind.DECISION_RECORDED
    member = AZURE if ally == "azure" else BIRCH
    entry = an_entry(ROOM, member, 5, bytes(32), kind=Kind.DECISION_RECORDED, about=(OPENING.digest,))
    after, flag = evolve(state, entry)
    assert flag is None
    assert {name: one.stance for name, one in after.standings.items()} == {name: o.stance for name, o in state.standings.items()}
    assert (after.proposals, after.standings[ally].signatures) == (state.proposals, ())
    counts = lambda *_: True  # noqa: E731
    assert joint_status(after.standings, {}, counts) is joint_status(state.standings, {}, counts)


def test_a_decision_before_any_answer_leaves_its_author_unanswered():
    entry = an_entry(ROOM, BIRCH, kind=Kind.DECISION_RECORDED, about=(OPENING.digest,))
    after, _ = evolve(STATE, entry)
    assert after.standings["birch"].stance is Stance.UNANSWERED


def test_to_whoever_has_ended_a_refusal_names_the_decision_record_as_what_is_open():
    state = msgspec.structs.replace(STATE, standings={**STATE.standings, "azure": Standing(Stance.ENDED)})
    with pytest.raises(Refused) as refused:
        decided(rules.End(consultation=OPENING.digest, reason="again"), state)
    assert open_from(Stance.ENDED) == [Kind.DECISION_RECORDED]
    assert "decision recorded" in refused.value.said(lambda text: text)[1]


def test_it_is_a_message_binds_to_nothing_and_stands_outside_the_table_of_stances():
    assert Kind.DECISION_RECORDED in MESSAGES - BINDING
    assert {Kind.DECISION_RECORDED} == MOVES_NONE
    assert not {kind for _, kind in NEXT} & MOVES_NONE


def test_an_allys_decision_that_cannot_be_read_is_kept_and_flagged():
    body = b"\xa1\x61\x78\x01"  # {"x": 1}
    assert acts.read_body(Kind.DECISION_RECORDED, body) == (None, (Flag.BODY_MALFORMED,))
