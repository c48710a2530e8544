"""Who plays what, and which scenarios cannot be rehearsed."""

from __future__ import annotations

import pytest
from productions import CUT, HEAD, scenario_of

from katchi.errors import Malformed, Refused
from katchi.rehearse.casting import cast_of


def roles_of(text):
    cast = cast_of(scenario_of(text))
    return {stage.name: role for stage, role in zip(scenario_of(text).network.stages, cast.roles, strict=True)}


def test_a_transmission_without_an_act_states_a_position():
    role = roles_of(CUT.replace('act = "open"\n', ""))["ask"]
    assert (role.act, role.allies, role.bearer, role.is_sent) == ("state-position", ("azure",), "line", True)


def test_a_stage_is_its_posts_allys_and_is_written_from_there():
    text = CUT.replace('by = "birch"\ntakes = "2 min"', 'at = "desk"\ntakes = "2 min"') + '[posts.desk]\nally = "birch"\n'
    role = roles_of(text)["take-up"]
    assert (role.allies, role.post) == (("birch",), "desk")


def test_an_act_of_nobody_in_particular_is_every_allys_and_nothing_is_nobodys():
    roles = roles_of(CUT.replace('takes = "1 min"', 'takes = "1 min"\nact = "sign-words"'))
    assert roles["talk"].allies == ("azure", "birch")
    assert roles_of(CUT)["talk"].allies == ()


def test_of_a_stage_with_retries_only_what_follows_success_writes():
    roles = roles_of(CUT.replace('takes = "5 min"', 'takes = "5 min"\ncopies = 2\nretries = { chance = 0.5, times = 1 }'))
    assert {name: (role.copy, role.act) for name, role in roles.items() if role.name == "ask"} == {
        "ask.1.try1": (1, ""), "ask.1.try2": (1, ""), "ask.1.pause1": (1, ""), "ask.1": (1, "open"),
        "ask.2.try1": (2, ""), "ask.2.try2": (2, ""), "ask.2.pause1": (2, ""), "ask.2": (2, "open"),
    }  # fmt: skip
    assert roles["ask.2"].is_sent


def test_words_are_proposed_without_brackets():
    roles = roles_of(CUT.replace('act = "state-position"', 'act = "propose-words"\ntitle = "words [to be agreed]"', 1))
    assert roles["think-a"].words == {"en": "words (to be agreed)"}


@pytest.mark.parametrize(
    ("old", "new", "error", "says"),
    [
        ('"birch"]', "]", Refused, "it names 1 allies"),
        ('["azure", "birch"]', '["azure", "birch", "two_words"]', Malformed, "no node can be called 'two_words'"),
        ('["azure", "birch"]', '["azure", "birch", "Azure"]', Malformed, "no node can be called 'Azure'"),
        ('over = "line"\nby = "azure"\nact = "open"', 'over = "line"', Malformed, "nobody sends 'ask'"),
        ('over = "line"\nby = "azure"\nact = "open"', 'act = "open"', Malformed, "nobody in particular does it"),
    ],
)
def test_what_cannot_be_rehearsed_is_refused_with_what_to_write(old, new, error, says):
    text = CUT.replace(old, new, 1)
    if "birch" not in text.split("\n")[2]:
        text = text.replace('by = "birch"', 'by = "azure"')
    with pytest.raises(error, match=says) as refused:
        cast_of(scenario_of(text))
    assert refused.value.hint and refused.value.field


def test_a_scenario_that_writes_nothing_is_refused():
    text = HEAD + '[stages.talk]\ntakes = "1 min"\n'
    with pytest.raises(Refused, match="none of its stages writes anything"):
        cast_of(scenario_of(text))
