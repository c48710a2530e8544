"""`katchi game solve` of a scenario: the two halves meet, the probability of being consulted in time and what hangs on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from katchi.cli.__main__ import run
from katchi.errors import Malformed, NotFound, Refused
from katchi.simulate.game.clock import Stakes, required_consultation

CONSULTED = 0.8322264980  # exactly, by 6 h
TOP = 'title = "Model R"\nplayers = ["Challenger", "Protege", "Defender"]\nstart = "demand"\n'
PROCESS = """
posts = { staff-a = { seats = 2 }, staff-b = { seats = 2 } }
bearers = { line = { up = "6 h", down = "30 min" } }
questions = { consulted = { stage = "decision", by = "6 h" } }

[stages]
prepare = { copies = 3, at = "staff-a", takes = { exponential = "45 min" } }
send = { copies = 3, over = "line", takes = { exponential = "6 min" }, after = ["prepare"] }
study = { copies = 3, at = "staff-b", takes = { exponential = "1 h" }, after = ["send"] }
return = { copies = 3, over = "line", takes = { exponential = "6 min" }, after = ["study"] }
principal-a = { takes = { exponential = "30 min" }, after = ["return"] }
principal-b = { takes = { exponential = "30 min" }, after = ["return"] }
decision = { takes = { exponential = "30 min" }, after = ["principal-a", "principal-b"] }
"""
DECISIONS = """
[decisions.demand]
by = "Challenger"
choices = { Demand = "asked", Refrain = "quiet" }

[decisions.asked]
by = "Protege"
choices = { Hold = "clock", Concede = "ceded" }

[chances.clock]
question = "consulted"
in-time = "kind"
too-late = "alone"

[chances.kind]
choices = [{ label = "Hard", chance = HARD, to = "hard" }, { label = "Soft", chance = SOFT, to = "soft" }]

[decisions.hard]
by = "Defender"
choices = { Support = "supported", "Stand aside" = "alone" }

[decisions.soft]
by = "Defender"
choices = { Support = "reluctant", "Stand aside" = "alone" }

[outcomes]
quiet = { Challenger = 0, Protege = 1, Defender = 1 }
ceded = { Challenger = 2, Protege = 0.3, Defender = 0 }
alone = { Challenger = 2, Protege = 0, Defender = -1 }
supported = { Challenger = -2, Protege = 1, Defender = 0 }
reluctant = { Challenger = -2, Protege = 1, Defender = -2 }
"""
STAKES = Stakes(c_quiet=0, c_ceded=2, c_alone=2, c_war=-2, p_quiet=1, p_ceded=0.3, p_alone=0, p_war=1)  # pP = 0.3, pC = 0.5


def scenario(folder: Path, hard: float, change=lambda text: text) -> str:
    path = folder / "clock.toml"
    decisions = DECISIONS.replace("HARD", f"{hard}").replace("SOFT", f"{1 - hard:.9g}")
    path.write_text(TOP + change(PROCESS) + decisions, encoding="utf-8")
    return str(path)


def solved(capsys, *words: str) -> dict:
    assert run(["game", "solve", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(("hard", "demands"), [(0.65, 0), (0.55, 1)])
def test_the_exact_answer_of_the_process_is_the_game_s_chance_and_is_held_against_what_is_needed(tmp_path, capsys, hard, demands):
    answer = solved(capsys, scenario(tmp_path, hard), "--runs", "20000", "--seed", "7")
    (asked,) = answer["in_time"]
    assert asked["question"] == "consulted" and asked["used"] == "exact"
    assert asked["exact"] == pytest.approx(CONSULTED, abs=1e-9)
    assert asked["interval"][0] < asked["probability"] < asked["interval"][1] and asked["probability"] != asked["exact"]
    needed = float(required_consultation(hard, STAKES))
    assert asked["needed"] == pytest.approx(needed, abs=1e-9) and asked["is_enough"] is not bool(demands)
    first = answer["equilibria"][0]
    assert first["profile"]["Challenger"]["demand"]["Demand"] == demands and first["sequential_regret"] == 0
    held = next(row for row in answer["holds"] if row["equilibrium"] == 1)
    assert held["attained"] == pytest.approx(CONSULTED, abs=1e-9) and held["sure"] is True
    assert held["high" if demands else "low"] == pytest.approx(needed, abs=1e-9)
    edges = [edge for row in answer["ranges"] for edge in (row["low"], row["high"])]
    assert edges == pytest.approx([0, 0.3 / hard, 0.3 / hard, needed, needed, 1], abs=1e-9)
    assert [row["attained"] for row in answer["ranges"]] == ([False, True, False] if demands else [False, False, True])
    assert (answer["manifest"]["runs"], answer["manifest"]["seed"], answer["notional"]) == (20_000, 7, True)


def uneven(text: str) -> str:
    return text.replace('takes = { exponential = "1 h" }', 'takes = { lognormal = "50 min", sigma = 0.6 }')


def test_a_process_that_has_no_exact_answer_gives_its_sampled_one_and_says_so(tmp_path, capsys):
    answer = solved(capsys, scenario(tmp_path, 0.65, uneven), "--runs", "5000", "--seed", "7")
    (asked,) = answer["in_time"]
    assert asked["used"] == "sampled" and asked["exact"] is None and "lognormal" in asked["without_exact"]
    held = answer["holds"][0]
    assert held["attained"] == asked["probability"] and held["interval"] == asked["interval"]


def test_an_interval_that_reaches_beyond_where_an_equilibrium_holds_is_not_sure_of_it(tmp_path, capsys):
    path = scenario(tmp_path, 0.65, uneven)
    attained = solved(capsys, path, "--runs", "200")["in_time"][0]["probability"]
    near = scenario(tmp_path, round(0.5 / (attained - 1e-3), 6), uneven)  # as good as what is needed
    assert solved(capsys, near, "--runs", "200")["holds"][0]["sure"] is False
    assert run(["game", "solve", near, "--runs", "200"]) == 0
    assert "its interval reaches beyond" in capsys.readouterr().out


def test_the_answer_in_words_says_what_is_needed_and_what_is_attained(tmp_path, capsys):
    assert run(["game", "solve", scenario(tmp_path, 0.65), "--runs", "2000", "--map", "chance:kind:Hard"]) == 0
    told = capsys.readouterr().out
    assert "Model R (notional)" in told and "consulted: 83.22% by 6 h, exact" in told
    assert "76.92% … 100.00%  Challenger: demand Refrain; Protege: asked Hold" in told and "<- attained" in told
    assert "needs 76.92% (consulted): this is enough" in told
    assert "holds while chance:kind:Hard is between" in told


def test_a_scenario_whose_chances_ask_nothing_is_not_swept(tmp_path, capsys):
    path = scenario(tmp_path, 0.65)
    text = Path(path).read_text(encoding="utf-8")
    written = 'choices = [{ label = "In time", chance = 0.5, to = "kind" }, { label = "Too late", chance = 0.5, to = "alone" }]'
    asking = 'question = "consulted"\nin-time = "kind"\ntoo-late = "alone"'
    Path(path).write_text(text.replace(asking, written), encoding="utf-8")
    answer = solved(capsys, path)
    assert "in_time" not in answer and answer["manifest"]["katchi"]
    assert answer["equilibria"][0]["profile"]["Protege"]["asked"]["Hold"] == 1  # 0.325 >= pP


def test_a_scenario_without_decisions_or_with_faults_is_refused(tmp_path):
    process = tmp_path / "process.toml"
    process.write_text(PROCESS, encoding="utf-8")
    with pytest.raises(Refused, match="has no decisions"):
        run(["game", "solve", str(process)])
    with pytest.raises(NotFound):
        run(["game", "solve", str(tmp_path / "none.toml")])
    path = scenario(tmp_path, 1.5)
    with pytest.raises(Malformed, match=r"clock\.toml:\d+"):
        run(["game", "solve", path])
    with pytest.raises(Malformed, match="runs and threads"):
        run(["game", "solve", scenario(tmp_path, 0.65), "--runs", "0"])
