"""`katchi rehearse` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from productions import CUT, HEAD

from katchi.cli.__main__ import run
from katchi.errors import Malformed, NotFound, Refused

ROOT = Path(__file__).resolve().parents[3]
BEARER_LOST = ROOT / "scenarios" / "bearer-lost.toml"


def test_a_rehearsal_prints_its_transcript(capsys):
    assert run(["rehearse", str(BEARER_LOST), "--seed", "7"]) == 0
    assert capsys.readouterr().out == (ROOT / "scenarios" / "transcripts" / "bearer-lost.en.txt").read_text(encoding="utf-8")


def test_a_transcript_is_written_to_a_file(tmp_path, capsys):
    out = tmp_path / "told.txt"
    assert run(["rehearse", str(BEARER_LOST), "--seed", "7", "--out", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    assert out.read_bytes() == (ROOT / "scenarios" / "transcripts" / "bearer-lost.en.txt").read_bytes()
    with pytest.raises(NotFound, match="cannot write"):
        run(["rehearse", str(BEARER_LOST), "--out", str(tmp_path / "none" / "told.txt")])


def test_a_rehearsal_answers_as_json_with_what_each_ally_saw(capsys):
    assert run(["rehearse", str(BEARER_LOST), "--seed", "7", "--run", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["seed"], found["run"], found["equal"], found["notional"]) == (7, 2, True, True)
    assert found["verdicts"]["consulted"]["by_s"] == 14_400
    first, *rest = found["steps"]
    assert first["what"] == "start" and {side["ally"] for side in first["sides"]} == {"azure", "birch"}
    assert any(step["what"] == "wrote" and step["kinds"] == ["consultation.opened"] for step in rest)


def test_many_rehearsals_are_counted_beside_the_sweep_and_the_exact_answer(capsys):
    """Few of many: how well they agree is tests/simulation/test_rehearsals_beside_sweep.py's."""
    words = ["rehearse", str(ROOT / "scenarios" / "reference.toml"), "--seed", "7", "--processes", "1"]
    assert run([*words, "--runs", "12", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    one = found["questions"]["consulted"]
    assert one["interval"][0] < one["exact"] < one["interval"][1]
    assert one["exact"] == pytest.approx(0.8322264980, abs=1e-9)
    assert (one["agrees"], one["differ"], one["later_s_max"] < 10) == (True, 0, True)
    assert (found["runs"], found["equal"], found["refused"]) == (12, 12, 0)
    assert run([*words, "--runs", "4"]) == 0
    said = capsys.readouterr().out
    assert "they agree" in said and "exact" in said and "4 of 4" in said


def test_a_scenario_without_allies_is_refused_with_what_to_write(tmp_path):
    file = tmp_path / "nobody.toml"
    file.write_text('[stages.talk]\ntakes = "1 min"\n[questions.done]\nstage = "talk"\nby = "1 h"\n')
    with pytest.raises(Refused, match="it names 0 allies") as refused:
        run(["rehearse", str(file)])
    assert "allies = [" in refused.value.hint and refused.value.exit_status == 3


def test_a_transmission_that_nobody_sends_is_named_by_its_line(tmp_path):
    file = tmp_path / "unsent.toml"
    file.write_text(CUT.replace('over = "line"\nby = "azure"\n', 'over = "line"\n'))
    with pytest.raises(Malformed, match=r"unsent\.toml:16: nobody sends 'ask'") as refused:
        run(["rehearse", str(file)])
    assert refused.value.exit_status == 2 and 'by = "azure"' in refused.value.hint


@pytest.mark.parametrize(
    "words",
    [
        ["--loss", "0.9"], ["--delay", "0"], ["--runs", "0"], ["--seed", "-1"], ["--run", "-1"],
        ["--runs", "5", "--run", "2"], ["--runs", "5", "--out", "told.txt"],
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(words):
    with pytest.raises(Malformed):
        run(["rehearse", str(BEARER_LOST), *words])


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(NotFound, match="cannot read"):
        run(["rehearse", str(tmp_path / "none.toml")])


def test_a_worse_link_delays_what_is_sent_and_changes_nothing_else(tmp_path, capsys):
    file = tmp_path / "cut.toml"
    file.write_text(CUT)
    finished = []
    for words in ([], ["--delay", "2000", "--loss", "0"]):
        assert run(["rehearse", str(file), "--json", *words]) == 0
        finished.append(json.loads(capsys.readouterr().out)["verdicts"]["done"]["finished_s"])
    assert 1.0 < finished[1] - finished[0] < 3.0
    assert HEAD in CUT
