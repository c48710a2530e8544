"""A chronicle replayed: the very times of the chronicle come out of the interpreter and of `katchi sweep`."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from katchi import language
from katchi.cli.__main__ import run
from katchi.errors import Malformed, NotFound, Refused
from katchi.formats import scenario, timeline
from katchi.formats.observations import of_table
from katchi.formats.replay import replay
from katchi.network.arrays import compiled
from katchi.network.interpreter import Interpreter

HAWAII = Path(__file__).resolve().parents[4] / "shared" / "samples" / "timelines" / "2018-01-13_hawaii_false_alert.csv"
HEADER = "t_local,tz,t_utc,kind,from,to,statement,source\n"
CRISIS = (
    "2026-03-07 22:00,America/New_York,2026-03-08T03:00Z,notify,azure watch,birch,reports an event,log 1",
    "2026-03-08 03:10,America/New_York,2026-03-08T07:10Z,notify,birch,cedar,passes it on,log 2",  # clocks went forward at 2:00
    "2026-03-08 16:40,Asia/Seoul,2026-03-08T07:40Z,call_unanswered,azure watch,cedar,rings,log 1",
    '2026-03-08 12:30,UTC,2026-03-08T12:30Z,consultation_refused,cedar,birch,"not now,\n""perhaps"" later",memoir',
    "2026-03-09,Asia/Seoul,,notify,birch,azure watch,tells of it,memoir",
    "2026-03-09 12:00,Asia/Seoul,2026-03-09T03:00Z,correction,azure watch,public,it was nothing,press",
)


def chronicle(*rows: str):
    return timeline.read((HEADER + "\n".join(rows) + "\n").encode(), "some where/crisis.csv")


def played(text: str, *, run: int = 0) -> dict[str, float]:
    """When each stage finished."""
    network = scenario.read(text.encode(), "c.toml").network
    finished = Interpreter(compiled(network)).run(5, run).finished
    return {stage.name: at for stage, at in zip(network.stages, finished, strict=True)}


def assert_replays(found) -> None:
    made = replay(found)
    for number in range(20):
        times = played(made.text, run=number)
        for name, row in zip(made.stages, found.rows, strict=True):
            if row.is_dated_only:
                assert row.earliest <= found.start + timedelta(seconds=times[name]) <= row.latest
            else:
                assert times[name] == (row.earliest - found.start).total_seconds()


def test_a_chronicle_of_several_zones_is_replayed_to_the_second_and_a_day_alone_within_that_day():
    found = chronicle(*CRISIS)
    assert_replays(found)
    times = played(replay(found).text)
    assert times["r2-notify"] == 4 * 3_600 + 10 * 60  # not five hours: the clocks went forward
    assert played(replay(found).text, run=1)["r5-notify"] != times["r5-notify"]


def test_a_day_alone_lies_after_its_cause_and_before_what_it_caused():
    found = chronicle(
        "2026-03-02 09:00,UTC,2026-03-02T09:00Z,notify,azure,birch,asks,log",
        "2026-03-02,UTC,,notify,birch,cedar,passes it on,memoir",
        "2026-03-02 11:00,UTC,2026-03-02T11:00Z,notify,cedar,azure,answers,log",
    )
    assert_replays(found)
    text = replay(found).text
    assert 'takes = { uniform = ["0 s", "2 h"] }\nafter = ["r1-notify"]' in text
    assert "# caused by r2-notify, of which only the day is known" in text
    assert found.rows[2].cause == 1 and played(text)["r3-notify"] == 7_200


def test_what_was_missed_leads_nowhere_and_what_was_refused_keeps_its_time_both_with_the_other_way_in_a_comment():
    text = replay(chronicle(*CRISIS)).text
    missed = text[text.index("[stages.r3-call_unanswered]") : text.index("[stages.r4")]
    assert "then = [{ chance = 1.0, stages = [] }]" in missed
    refused = text[text.index("[stages.r4-consultation_refused]") : text.index("[stages.r5")]
    assert refused.count("#   [stages.") == 2 and "r2-notify" in refused
    # An analyst follows both comments.
    said, _, rest = missed.partition("then = [{ chance = 1.0, stages = [] }]\n")
    followed = text.replace(
        missed, said + "".join(line.removeprefix("#   ") + "\n" for line in rest.splitlines() if line[:4] == "#   ")
    )
    times = [played(followed, run=number) for number in range(40)]
    answered = [one["r3-call_unanswered-answered"] for one in times]
    assert {at == float("inf") for at in answered} == {True, False}
    other = "".join(line.removeprefix("#   ") + "\n" for line in refused.splitlines() if line[:4] == "#   ")
    then, agreed = other.split("[stages.r4-consultation_refused-agreed]")
    followed = text.replace(
        refused, refused.replace('after = ["r2-notify"]\n', "") + "[stages.r4-consultation_refused-agreed]" + agreed
    )
    followed = followed.replace("[stages.r2-notify]", "[stages.r2-notify]\n" + then.splitlines()[1], 1)
    times = [played(followed, run=number) for number in range(40)]
    assert {one["r4-consultation_refused"] == float("inf") for one in times} == {True, False}
    for one in times:
        assert (one["r4-consultation_refused"] == float("inf")) != (one["r4-consultation_refused-agreed"] == float("inf"))


def test_parties_stages_sources_and_questions_are_those_of_the_chronicle():
    made = replay(chronicle(*CRISIS))
    read = scenario.read(made.text.encode(), "c.toml")
    assert read.allies == made.allies == ("azure-watch", "birch", "cedar") and read.title.en == "crisis"
    part = read.parts["r4-consultation_refused"]
    assert part.title.en == 'cedar → birch: not now, "perhaps" later' and part.by == "cedar"
    assert (part.source, part.where_from) == ("published", "memoir")
    asked = {question.name: question.by_s for question in read.network.questions}
    assert asked == {"r6-correction": 24 * 3_600.0} and made.questions == ("r6-correction",)
    assert "some where" not in made.text  # no path of whoever made it


def test_the_last_row_is_asked_about_though_only_its_day_is_known():
    found = chronicle(
        "2026-03-02 09:00,UTC,2026-03-02T09:00Z,notify,azure,birch,asks,log", "2026-03-03,UTC,,reply,birch,azure,answers,memoir"
    )
    (question,) = scenario.read(replay(found).text.encode(), "c.toml").network.questions
    assert question.stage == "r2-reply" and question.by_s == 39 * 3_600.0
    assert replay(chronicle("2026-03-02 09:00,UTC,2026-03-02T09:00Z,,azure,,alone,")).questions == ("r1-told",)


def test_words_that_are_no_names_become_names_apart_from_each_other():
    rows = [
        "2026-03-02 09:00,UTC,2026-03-02T09:00Z,경보 발령!,외교부 (당직),A/B,1,",
        "2026-03-02 09:01,UTC,2026-03-02T09:01Z,notify,A/B,x,2,",
        "2026-03-02 09:02,UTC,2026-03-02T09:02Z,notify,a b,x,3,",
        "2026-03-02 09:03,UTC,2026-03-02T09:03Z,notify,***,x,4,",
    ]
    made = replay(chronicle(*rows))
    assert made.stages[0] == "r1-경보-발령" and made.allies == ("외교부-당직", "a-b", "a-b-2", "party")
    assert scenario.read(made.text.encode(), "c.toml").allies == made.allies


def test_no_text_of_a_chronicle_can_become_a_line_of_the_scenario():
    evil = '"x\n[stages.evil]\ntakes = ""1 s""\n\x1b[31m\u2028\\"'
    found = chronicle(f"2026-03-02 09:00,UTC,2026-03-02T09:00Z,{evil},{evil},{evil},{evil},{evil}")
    made = replay(found)
    assert len(scenario.read(made.text.encode(), "c.toml").parts) == 1
    assert "\x1b" not in made.text and "\u2028" not in made.text


def test_a_spread_lets_each_length_vary_around_what_it_was():
    found = chronicle(*CRISIS[:2])
    text = replay(found, spread=2).text
    assert (
        'takes = { pert = ["125 min", "250 min", "500 min"] }' in text
        and 'source = "guess: 0.5 to 2 times as published; log 2"' in text
    )
    assert len({played(text, run=number)["r2-notify"] for number in range(9)}) == 9
    assert played(text)["r1-notify"] == 0


def test_comments_are_in_the_language_of_whoever_asked():
    def shouted(text: str) -> str:
        return text.upper() if "{" not in text else text

    assert "# IT WAS MISSED" in replay(chronicle(*CRISIS), translate=shouted).text
    assert language.translator("en")("x") == "x"


@pytest.fixture
def crisis(tmp_path) -> Path:
    path = tmp_path / "crisis.csv"
    path.write_text(HEADER + "\n".join(CRISIS) + "\n", encoding="utf-8")
    return path


def test_the_command_writes_a_scenario_that_the_sweep_replays(crisis, tmp_path, capsys):
    out = tmp_path / "crisis.toml"
    assert run(["scenario", "from-timeline", str(crisis), "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (
        said["start"] == "2026-03-08T03:00:00+00:00" and len(said["stages"]) == 6 and said["scenario"] == out.read_text("utf-8")
    )
    assert [one["place"] for one in said["remarks"]] == [f"{crisis}:7"]
    assert run(["sweep", str(out), "--runs", "500", "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["questions"].values()
    assert (answer["probability"], answer["mean_s"], answer["finished"]) == (1.0, 24 * 3_600.0, 1.0)


def test_the_command_prints_the_scenario_and_its_remarks_apart(crisis, capsys):
    assert run(["scenario", "from-timeline", str(crisis)]) == 0
    told = capsys.readouterr()
    assert scenario.read(told.out.encode(), "c.toml").parts and f"{crisis}:7: only the day is known" in told.err


def test_a_file_that_is_there_is_not_overwritten_and_what_cannot_be_is_refused(crisis, tmp_path):
    out = tmp_path / "mine.toml"
    out.write_text("my own work", encoding="utf-8")
    with pytest.raises(Refused, match="is there already"):
        run(["scenario", "from-timeline", str(crisis), "--out", str(out)])
    assert out.read_text(encoding="utf-8") == "my own work"
    with pytest.raises(Malformed, match="cannot write"):
        run(["scenario", "from-timeline", str(crisis), "--out", str(tmp_path / "no" / "c.toml")])
    with pytest.raises(NotFound):
        run(["scenario", "from-timeline", str(tmp_path / "none.csv")])
    with pytest.raises(Malformed, match="--spread"):
        run(["scenario", "from-timeline", str(crisis), "--spread", "0.5"])
    huge = tmp_path / "huge.csv"
    with huge.open("wb") as file:
        file.truncate(timeline.BYTES_MAX + 1)
    with pytest.raises(Refused, match="larger than"):
        run(["scenario", "from-timeline", str(huge)])


def test_as_long_a_chronicle_as_is_read_is_replayed():
    rows = [
        f"2026-03-{1 + i // 1_440:02} {i // 60 % 24:02}:{i % 60:02},UTC,,notify,azure,birch,{i},log"
        for i in range(timeline.ROWS_MAX)
    ]
    made = replay(chronicle(*rows))
    assert played(made.text)[made.stages[-1]] == (timeline.ROWS_MAX - 1) * 60.0


def test_the_examples_of_the_specification_are_read_and_its_words_are_those_of_the_code():
    page = (Path(__file__).resolve().parents[3] / "docs" / "spec" / "chronicle.md").read_text(encoding="utf-8")
    told, measured = re.findall(r"```csv\n(.*?)```", page, re.DOTALL)
    found = timeline.read(told.encode(), "chronicle.md")
    assert_replays(found)
    assert [row.cause for row in found.rows] == [None, None, 0, 2] and found.rows[1].was_missed and found.rows[2].was_refused
    assert {one.stage for one in of_table(measured.encode(), "chronicle.md")} == {"study", "send"}
    for words in (timeline.REFUSED, timeline.MISSED):
        assert any(set(line.split()) == words for line in re.findall(r"`([^`\n]+)`", page))
    assert f"{timeline.BYTES_MAX >> 20} MiB and {timeline.ROWS_MAX:,} rows" in page


def test_the_false_alert_of_2018_is_corrected_38_minutes_after_it_in_every_replay(tmp_path, capsys):
    if not HAWAII.exists():
        pytest.skip(f"no third-party sample at {HAWAII}")
    found = timeline.read(HAWAII.read_bytes(), HAWAII.name)
    assert_replays(found)
    times = played(replay(found).text)
    assert times["r10-correction_official"] - times["r02-alert_false"] == 38 * 60
    out = tmp_path / "hawaii.toml"
    assert run(["scenario", "from-timeline", str(HAWAII), "--out", str(out)]) == 0
    capsys.readouterr()
    assert run(["sweep", str(out), "--runs", "1000", "--json"]) == 0
    answers = json.loads(capsys.readouterr().out)["questions"]
    assert {name: answer["mean_s"] / 60 for name, answer in answers.items()} == {
        "r07-correction_social": 15, "r08-correction_social": 19, "r09-correction_social": 25, "r10-correction_official": 40,
        "r11-followup": 94,
    }  # fmt: skip
    assert all(answer["probability"] == 1 for answer in answers.values())
