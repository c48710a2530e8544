"""`katchi improve` and `katchi sensitivity` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from katchi.cli import improve as improve_command
from katchi.cli import sensitivity as sensitivity_command
from katchi.cli.__main__ import run
from katchi.cli.scenario import opened
from katchi.errors import Malformed
from katchi.exercise.scenario import Change, Scenario, Text, Uncertain
from katchi.network.durations import Lognormal
from katchi.network.model import Post
from katchi.testing.networks import H, alone, model_r

ROOT = Path(__file__).resolve().parents[3]
R = model_r()
SEAT = replace(R, posts=(Post("staff-a", 3), Post("staff-b", 2)))
SCENARIO = Scenario(
    title=Text(en="Reference model R"), about=Text(), allies=(), network=R, parts={}, posts={}, titles={}, injects=(),
    changes=(
        Change(name="as-it-is", about=Text(), network=R),
        Change(name="third-seat", about=Text(en="A third officer prepares"), network=SEAT),
        Change(name="line", about=Text(en="A line that never fails"), network=model_r(outages=False)),
    ),
    uncertain=(
        Uncertain(name="study time", about=Text(en="How long a study takes"), kind="stages", of="study", what="mean",
                  low=0.5 * H, high=1.5 * H),
        Uncertain(name="seats", about=Text(), kind="posts", of="staff-a", what="seats", low=1, high=3),
    ),
    decisions=None, digest="0" * 64,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _read(monkeypatch, request):
    if "scenario_file" in request.fixturenames:
        return
    read(monkeypatch, SCENARIO)


def read(monkeypatch, scenario):
    for command in (improve_command, sensitivity_command):
        monkeypatch.setattr(command, "opened", lambda _path: scenario)


def test_changes_are_ranked_in_words(capsys):
    assert run(["improve", "r.toml", "--runs", "20000", "--seed", "7"]) == 0
    told = capsys.readouterr().out
    places = [
        told.index(name) for name in ("Reference model R", "1. third-seat: A third officer prepares", "2. line", "3. as-it-is")
    ]
    assert places == sorted(places)
    assert "exact +1.852" in told and "minutes earlier on average" in told and "exact: 83.2226%" in told
    assert "makes no difference in any of 20,000 runs" in told
    assert "20,000 runs of each from seed 7, with the same chance in all. Notional." in told


def test_changes_are_ranked_as_json(capsys):
    assert run(["improve", "r.toml", "--runs", "20000", "--seed", "7", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [change["name"] for change in found["changes"]] == ["third-seat", "line", "as-it-is"]
    points = found["changes"][0]["questions"]["consulted"]["points"]
    assert points["interval"][0] < points["value"] < points["interval"][1]
    assert points["exact"] == pytest.approx(1.8520401, abs=1e-6)
    assert (found["runs"], found["seed"], found["reached"], found["notional"]) == (20_000, 7, True, True)
    assert found["manifest"]["scenario"] == SCENARIO.digest


def test_runs_until_a_half_width(capsys):
    run(["improve", "r.toml", "--within", "0.2", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["reached"] and found["within"] == 0.2 and found["runs"] % 8_192 == 0
    run(["improve", "r.toml", "--within", "0.001", "--runs", "9000"])
    assert "The runs ended before every gain was known to 0.001 points." in capsys.readouterr().out


def test_the_same_answer_on_any_number_of_threads(capsys):
    answers = []
    for threads in ("1", "2"):
        run(["improve", "r.toml", "--runs", "30000", "--threads", threads, "--json"])
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1]


def test_why_there_is_no_exact_gain_is_said(monkeypatch, capsys):
    slow, quick = alone(Lognormal(1.0, 0.5)), alone(Lognormal(0.5, 0.5))
    read(monkeypatch, replace(SCENARIO, network=slow, changes=(Change(name="quick", about=Text(), network=quick),), uncertain=()))
    run(["improve", "r.toml", "--runs", "2000"])
    assert capsys.readouterr().out.count("no exact answer: stage 'only' is lognormal") == 1
    run(["improve", "r.toml", "--runs", "2000", "--json"])
    assert "lognormal" in json.loads(capsys.readouterr().out)["changes"][0]["without_exact"]
    run(["sensitivity", "r.toml", "--samples", "4", "--runs", "100"])
    told = capsys.readouterr().out
    assert "no exact answer: stage 'only' is lognormal" in told and "12 points of 100 runs each from seed 1. Notional." in told
    assert "every mean was varied from half to one and a half" in told


def test_a_scenario_without_changes_is_refused(monkeypatch):
    read(monkeypatch, replace(SCENARIO, changes=()))
    with pytest.raises(Malformed, match="names no change"):
        run(["improve", "r.toml"])


def test_what_an_answer_hangs_on_in_words(capsys):
    assert run(["sensitivity", "r.toml", "--samples", "32", "--seed", "7"]) == 0
    told = capsys.readouterr().out
    assert told.index("study time: How long a study takes") < told.index("seats")
    assert "94.6% - 66.5%" in told and "1 to 3, now 2" in told and "30 min to 90 min, now 60 min" in told
    assert "Solved exactly at 128 points. Notional." in told and "[uncertain]" not in told


def test_what_an_answer_hangs_on_as_json(capsys):
    assert run(["sensitivity", "r.toml", "--samples", "32", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    first, second = found["influences"]
    assert first["input"]["name"] == "study time" and second["input"]["now"] == 2
    assert first["probability"]["total"]["value"] > second["probability"]["total"]["value"] > 0.05
    assert (found["exact"], found["points"], found["assumed"], found["without_exact"]) == (True, 128, False, None)
    assert found["manifest"]["points"] == 128


@pytest.mark.parametrize("noun", ["improve", "sensitivity"])
def test_help_shows_an_example_and_promises_no_more_than_is_so(noun, capsys):
    assert run([noun, "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"katchi {noun} " in told.split("Example:")[1] and "notional" in told
    if noun == "improve":
        assert "nothing is said of two changes made together" in told


@pytest.mark.parametrize("scenario_file", sorted(ROOT.glob("scenarios/*.toml")), ids=lambda path: path.stem)
def test_our_own_scenarios_can_be_improved_and_varied(scenario_file, capsys):
    scenario = opened(scenario_file)
    if scenario.changes:
        assert run(["improve", str(scenario_file), "--runs", "3000", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert {change["name"] for change in found["changes"]} == {change.name for change in scenario.changes}
    assert run(["sensitivity", str(scenario_file), "--samples", "2", "--runs", "50", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["assumed"] is (not scenario.uncertain)
    assert len(found["influences"]) == len(scenario.uncertain) or found["assumed"]
