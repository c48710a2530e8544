"""`katchi sweep` and `katchi scenario check` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from katchi.cli.__main__ import run
from katchi.errors import Malformed, NotFound

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = str(ROOT / "scenarios" / "reference.toml")


def test_a_sweep_answers_as_json(capsys):
    assert run(["sweep", REFERENCE, "--runs", "20000", "--seed", "7", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    one = found["questions"]["consulted"]
    assert one["interval"][0] < one["probability"] < one["interval"][1]
    assert one["exact"] == pytest.approx(0.8322264980, abs=1e-9)
    assert (found["runs"], found["seed"], found["notional"]) == (20_000, 7, True)
    assert found["runs_per_s"] > 0 and found["compile_s"] >= 0
    assert set(found["quantiles"]) == {"consulted"} and set(found["critical"]) == {"stages", "posts", "bearers"}


def test_a_sweep_answers_in_words(capsys):
    assert run(["sweep", REFERENCE, "--runs", "2000", "--threads", "1"]) == 0
    told = capsys.readouterr().out
    assert "exact: 83.2226%" in told and "staff-b" in told and "Notional" in told


def test_the_same_seed_gives_the_same_answer_on_any_number_of_threads(capsys):
    answers = []
    for threads in ("1", "2"):
        run(["sweep", REFERENCE, "--runs", "150000", "--seed", "7", "--threads", threads, "--json"])
        found = json.loads(capsys.readouterr().out)
        answers.append({key: value for key, value in found.items() if key not in ("runs_per_s", "compile_s")})
    assert answers[0] == answers[1]


def test_a_check_says_what_a_file_holds(capsys):
    assert run(["scenario", "check", REFERENCE]) == 0
    assert "15 stages, 2 posts, 1 bearers, 1 questions" in capsys.readouterr().out
    assert run(["scenario", "check", REFERENCE, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sources"] == {"guess": 7}


def test_a_bad_file_is_refused_and_a_missing_one_not_found(tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text("[stages.a]\ntakes = '1 parsec'\n[questions.q]\nstage = 'a'\nby = '1 s'\n")
    with pytest.raises(Malformed, match=r"bad\.toml:2: '1 parsec' is not a time"):
        run(["scenario", "check", str(bad)])
    with pytest.raises(NotFound):
        run(["sweep", str(tmp_path / "none.toml")])
