"""One rehearsal: what is cut off is not seen, nothing is lost, and the same seed and run is the same again."""

from __future__ import annotations

import pytest
from productions import CUT, HEAD, production_of, scenario_of

from katchi.cli.rehearsing import PORTS as REAL_PORTS
from katchi.cli.transcript import Transcript
from katchi.rehearse.rehearsal import Production
from katchi.rehearse.wire import Weather
from katchi.testing.rehearsals import PORTS

MINUTE = 60.0


def seen_by(ally, step):
    (side,) = [side for side in step.sides if side.ally == ally]
    return side


@pytest.fixture(scope="module")
def cut():
    return production_of(CUT).rehearse(7, 0, is_watched=True)


def test_the_same_seed_and_run_is_the_same_to_the_byte():
    one, again, other = (production_of(CUT).rehearse(seed, 3, is_watched=True) for seed in (7, 7, 8))
    assert one == again
    assert one.frames != other.frames


def test_a_rehearsal_that_nobody_watches_is_the_same():
    watched, unwatched = (production_of(CUT).rehearse(7, 3, is_watched=flag) for flag in (True, False))
    assert (watched.frames, watched.verdicts, watched.equal) == (unwatched.frames, unwatched.verdicts, unwatched.equal)
    assert watched.steps and not unwatched.steps


def test_an_ally_cannot_see_what_has_not_arrived(cut):
    while_cut = [step for step in cut.steps if 15 * MINUTE <= step.at_s < 70 * MINUTE]
    assert [step.what for step in while_cut] == ["wrote", "wrote", "done"]
    for step in while_cut:
        ours, theirs = seen_by("azure", step), seen_by("birch", step)
        assert ours.consultations[0].stances["azure"] == "position-stated"
        assert theirs.consultations[0].stances["azure"] == "opened"
        assert ours.on_the_way == {"birch": 1}
        assert ours.links == {"birch": False} and theirs.links == {"azure": False}


def test_what_was_written_while_cut_off_arrives_and_is_shown_as_crossed(cut):
    held = [step for step in cut.steps if step.what == "held" and step.at_s > 70 * MINUTE]
    assert {(step.ally, step.of) for step in held} <= {("azure", "birch"), ("birch", "azure")}
    for side in cut.last:
        assert side.consultations[0].stances == {"azure": "position-stated", "birch": "position-stated"}
        assert side.consultations[0].crossed == 1
        assert side.links == dict.fromkeys(side.links, True)


def test_nothing_is_lost_and_the_records_are_equal(cut):
    assert cut.equal and cut.refused == 0
    assert cut.messages == {"azure": 2, "birch": 2}


def test_what_is_nobodys_and_writes_nothing_waits_for_no_link(cut):
    verdict = cut.verdicts["done"]
    assert verdict.finished_s == pytest.approx(verdict.swept_s, abs=1.0)
    assert verdict.finished_s < 70 * MINUTE


WORDS = """
[injects.cable]
at = "10 min"
bearer = "line"
lasts = "1 h"

[stages.ask]
over = "line"
by = "azure"
act = "open"
takes = "5 min"

[stages.take-up]
takes = "1 min"
after = ["ask"]
act = "acknowledge"

[stages.draft]
by = "azure"
takes = "10 min"
after = ["ask"]
act = "propose-words"

[stages.talk]
takes = "4 min"
after = ["draft"]
act = "sign-words"
"""


def test_what_answers_an_act_begins_only_when_that_has_arrived():
    rehearsal = production_of(HEAD + WORDS).rehearse(7, 0, is_watched=True)
    signed = [step.at_s for step in rehearsal.steps if step.kinds == ("words.signed",)]
    assert len(signed) == 2 and all(74 * MINUTE < at < 75 * MINUTE for at in signed)
    assert rehearsal.verdicts["done"].swept_s == 19 * MINUTE
    assert {seen.status for side in rehearsal.last for seen in side.consultations} == {"agreed"}


BEFORE = """
[injects.cable]
at = "1 min"
bearer = "line"
lasts = "1 h"

[stages.ask]
by = "azure"
act = "open"
takes = "5 min"

[stages.speak]
by = "birch"
act = "state-position"
takes = "20 min"

[stages.talk]
takes = "1 min"
after = ["speak"]
by = "birch"
"""


def test_an_act_in_a_consultation_that_has_not_arrived_waits_for_it_and_is_written_then():
    rehearsal = production_of(HEAD + BEFORE).rehearse(7, 0, is_watched=True)
    waits = [(step.ally, step.of, step.at_s) for step in rehearsal.steps if step.what == "waits"]
    assert waits == [("birch", "opening", 20 * MINUTE)]
    (wrote,) = [step for step in rehearsal.steps if step.kinds == ("position.stated",)]
    assert 61 * MINUTE < wrote.at_s < 62 * MINUTE
    assert rehearsal.verdicts["done"].finished_s == pytest.approx(wrote.at_s + MINUTE, abs=0.01)
    assert rehearsal.equal


def test_words_are_not_signed_by_an_ally_that_has_not_answered():
    text = HEAD + WORDS.replace('act = "acknowledge"', "")
    rehearsal = production_of(text).rehearse(7, 0, is_watched=True)
    assert [(step.ally, step.stage) for step in rehearsal.steps if step.what == "refused"] == [("birch", "talk")]
    assert [seen.status for side in rehearsal.last for seen in side.consultations] == ["awaiting", "awaiting"]


def test_whoever_writes_first_opens_the_consultation():
    text = BEFORE.replace('act = "open"', 'act = "state-position"').replace('at = "1 min"', 'at = "2 h"')
    rehearsal = production_of(HEAD + text).rehearse(7, 0, is_watched=True)
    assert [(step.ally, step.kinds) for step in rehearsal.steps if step.kinds] == [
        ("azure", ("consultation.opened",)),
        ("birch", ("position.stated",)),
    ]


def test_what_a_node_refuses_is_told_and_the_rehearsal_goes_on():
    text = CUT.replace('act = "acknowledge"', 'act = "propose-words"')
    rehearsal = production_of(text).rehearse(7, 0, is_watched=True)
    (refused,) = [step for step in rehearsal.steps if step.what == "refused"]
    assert refused.ally == "birch" and "is not open to it" in str(refused.why)
    assert rehearsal.refused == 1 and rehearsal.verdicts["done"].finished_s is not None and rehearsal.equal


def test_a_transmission_is_done_when_the_others_hold_it_however_bad_the_link():
    scenario = scenario_of(CUT)
    weather = Weather(loss=0.2, repetition=0.1, reorder=0.2, delay_us=(300_000, 900_000))
    rehearsal = Production(scenario, PORTS, weather).rehearse(7, 0, is_watched=True)
    (held,) = [step for step in rehearsal.steps if step.what == "held" and step.stage == "ask"]
    assert held.at_s > 5 * MINUTE + 0.3
    took_up = next(step for step in rehearsal.steps if step.stage == "take-up")
    assert took_up.at_s == pytest.approx(held.at_s + 2 * MINUTE, abs=0.001)
    assert rehearsal.equal


def test_a_link_that_loses_what_is_said_first_after_an_outage_is_heard_again_within_seconds():
    production = Production(scenario_of(HEAD + WORDS), PORTS, Weather(loss=0.3, delay_us=(70_000, 120_000)))
    signed = []
    for run in range(30):
        steps = production.rehearse(7, run, is_watched=True).steps
        signed += [step.at_s for step in steps if step.kinds == ("words.signed",)]
    assert len(signed) == 60 and min(signed) > 74 * MINUTE and max(signed) < 76 * MINUTE


def test_three_allies_all_sign_the_words_and_hold_one_record():
    text = (HEAD + WORDS).replace('["azure", "birch"]', '["azure", "birch", "cedar"]')
    rehearsal = production_of(text).rehearse(7, 0, is_watched=True)
    assert rehearsal.messages == {"azure": 3, "birch": 2, "cedar": 2}
    assert [seen.status for side in rehearsal.last for seen in side.consultations] == ["agreed"] * 3
    assert rehearsal.equal


def test_signed_as_real_nodes_sign_it_is_the_same_transcript():
    scenario = scenario_of(CUT)
    cheap, real, again = (
        Production(scenario, ports).rehearse(7, 0, is_watched=True) for ports in (PORTS, REAL_PORTS, REAL_PORTS)
    )
    assert real == again, "though no two of its signatures are the same"
    assert Transcript(cheap, scenario, "en").text() == Transcript(real, scenario, "en").text()
