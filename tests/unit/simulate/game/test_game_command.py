"""`katchi game solve` as people and programs use it: a process, its answer, and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from game_samples import HORSE, SAMPLES

from katchi.cli.__main__ import main
from katchi.formats import efg
from katchi.simulate.game.clock import consultation_clock
from katchi.simulate.game.profile import unnamed
from katchi.simulate.game.regret import regret

FORGETS = (
    'EFG 2 R "forgets" { "A" "B" } ""\np "" 1 1 "" { "l" "r" } 0\np "" 1 2 "later" { "x" "y" } 0\nt "" 1 "" { 1 0 }\n'
    't "" 2 "" { 0 1 }\np "" 1 2 0\nt "" 3 "" { 0 1 }\nt "" 4 "" { 1 0 }\n'
)


def katchi(*words: str, language: str = "C") -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "KATCHI_"))}
    command = [sys.executable, "-m", "katchi.cli", "game", "solve", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**kept, "LANG": language}, check=False)


@pytest.fixture
def here(monkeypatch, capsys):
    """Runs the same command in this process."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["katchi", "game", "solve", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return subprocess.CompletedProcess(words, int(str(ended.value.code)), said.out, said.err)

    return run


@pytest.fixture
def horse(tmp_path: Path) -> Path:
    path = tmp_path / "horse.efg"
    path.write_text(HORSE, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "name",
    [path.relative_to(SAMPLES).as_posix() for path in sorted((SAMPLES / "games").glob("*.efg"))]
    or [pytest.param("", marks=pytest.mark.skip)],
)
def test_every_sample_is_solved_by_the_command_within_its_time_and_its_regret_can_be_recomputed_from_the_answer(name):
    path = SAMPLES / name
    done = katchi(str(path), "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["perfect_recall"] is True and answer["notional"] is True
    game = efg.read(path.read_text(encoding="utf-8"), name)
    assert answer["equilibria"] and answer["players"] == list(game.players)
    for one in answer["equilibria"]:
        assert one["regret"] < 1e-6
        assert regret(game, unnamed(game, one["profile"])) < 1e-6
        assert set(one["payoffs"]) == set(answer["players"])
    assert sum(one["is_pure"] for one in answer["equilibria"]) >= answer["pure_equilibria"]


def test_a_profile_of_quantal_response_is_added_beside_the_equilibria(here, horse):
    answer = json.loads(here(str(horse), "--json", "--lambda", "1.5").stdout)
    found = answer["quantal_response"]
    assert found["lambda"] == 1.5 and 0 < found["profile"]["One"]["1"]["Down"] < 1 and found["regret"] > 0
    assert all(one["regret"] < 1e-6 for one in answer["equilibria"])


def test_a_map_says_over_which_range_each_answer_holds(here, tmp_path):
    path = tmp_path / "clock.efg"
    path.write_text(efg.write(consultation_clock(hard="0.8", in_time="0.95")), encoding="utf-8")
    done = here(str(path), "--json", "--map", "chance:Consultation:In time", "--map", "Challenger:Quiet")
    answer = json.loads(done.stdout)
    first = next(row for row in answer["robustness"] if row["equilibrium"] == 1 and row["of"].startswith("chance"))
    assert first["value"] == 0.95 and first["low"] == pytest.approx(0.625) and first["high"] == 1
    joint = next(row for row in answer["robustness"] if "points" in row)
    assert joint["across"] == "chance:Consultation:In time" and len(joint["points"]) == 11
    shown = here(str(path), "--map", "chance:Consultation:In time").stdout
    assert "(notional)" in shown and "holds while chance:Consultation:In time is between 0.625 and 1" in shown


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_imperfect_recall_is_refused_with_its_reason(here, tmp_path, options):
    path = tmp_path / "forgets.efg"
    path.write_text(FORGETS, encoding="utf-8")
    done = here(str(path), *options)
    assert done.returncode == 3 and done.stdout == ""
    assert "imperfect recall" in done.stderr and "player A, at information set 2 (later)" in done.stderr


def test_imperfect_recall_is_refused_in_korean_too(tmp_path):
    path = tmp_path / "forgets.efg"
    path.write_text(FORGETS, encoding="utf-8")
    assert katchi(str(path), language="ko_KR.UTF-8").returncode == 3


@pytest.mark.parametrize(
    ("content", "status", "says"),
    [
        (b'EFG 2 R "t" { "A" }\nt "" 1 "" { NaN }\n', 2, "bad.efg:2: a number is expected"),
        (b'EFG 2 R "t" { "A" }\np "" 1 1 "" { "l" } 0\n', 2, "bad.efg:3: the file ends"),
        (b'EFG 2 R "\xff" { "A" }\n', 2, "bad.efg:1: this is no UTF-8 text"),
        (b'NFG 1 R "t" { "A" } { 2 }\n1\n', 2, "bad.efg:3: the file ends after 1 of 2 profiles"),
        (None, 4, "cannot read"),
    ],
)
def test_a_bad_file_ends_with_its_status_and_its_line(here, tmp_path, content, status, says):
    path = tmp_path / "bad.efg"
    if content is not None:
        path.write_bytes(content)
    done = here(str(path), "--json")
    assert done.returncode == status
    error = json.loads(done.stderr)
    assert says in error["message"] and error["hint"] and error["exit_status"] == status


def test_a_precision_that_is_none_and_a_number_that_is_not_there_are_refused(here, horse):
    assert here(str(horse), "--lambda", "-1").returncode == 2
    assert here(str(horse), "--map", "Nobody:1").returncode == 4
    assert here(str(horse), "--map", "Nobody").returncode == 2


def test_a_byte_order_mark_does_no_harm(here, tmp_path):
    path = tmp_path / "mark.efg"
    path.write_bytes(b"\xef\xbb\xbf" + HORSE.encode())
    assert here(str(path)).returncode == 0
