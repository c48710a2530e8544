"""`katchi scenario fit`: what was measured goes into a scenario, and nothing else of it changes."""

from __future__ import annotations

import json
import random
from pathlib import Path

import msgspec
import pytest

from katchi.cli.__main__ import run
from katchi.consult import rules
from katchi.errors import Malformed, NotFound, Refused
from katchi.formats import scenario
from katchi.network.durations import Constant, Empirical, Exponential, Lognormal
from katchi.node.views.consultation import consultation_view
from katchi.testing.alliance import SimulatedAlliance

SCENARIO = """# The desk's own notes stay.
allies = ["azure", "birch"]
[posts.desk]
ally = "birch"

[stages.send]   # nobody measured this
takes = "6 min"

[stages.study]
copies = 2
at = "desk"
takes = { exponential = "1 h" }  # somebody's guess
after = ["send"]
source = "guess"

[stages.answer]
at = "desk"
act = "acknowledge"
takes = { exponential = "2 h" }
after = ["study"]

[questions.q]
stage = "answer"
by = "3 h"
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    chance = random.Random(5)
    rows = [f"study,{chance.lognormvariate(7.5, 0.4):.1f}" for _ in range(60)]
    (tmp_path / "desk.toml").write_text(SCENARIO, encoding="utf-8")
    measured = tmp_path / "measured"
    measured.mkdir()
    (measured / "march.csv").write_text("stage,seconds\n" + "\n".join(rows[:40]) + "\n", encoding="utf-8")
    (measured / "april.CSV").write_text("stage,seconds\n" + "\n".join(rows[40:]) + "\n", encoding="utf-8")
    (measured / "notes.txt").write_text("not read", encoding="utf-8")
    return tmp_path


def recorded(seconds: float) -> bytes:
    """A consultation of which birch acknowledged the opening after so long."""
    alliance = SimulatedAlliance(["azure", "birch"], seed=3)
    opening = alliance.act("azure", rules.Open(subject="an event", room=alliance.room)).digest
    alliance.run(seconds)
    alliance.act("birch", rules.Acknowledge(consultation=opening))
    alliance.run(60)
    machine = alliance.machine("birch")
    return msgspec.json.encode(consultation_view(machine.state, machine.consultation(opening), limit=None))


def fitted(folder: Path, capsys, *words: str) -> dict:
    command = ["scenario", "fit", str(folder / "desk.toml"), "--from", str(folder / "measured"), *words, "--json"]
    assert run(command) == 0
    return json.loads(capsys.readouterr().out)


def test_only_what_was_measured_changes_in_the_file(folder, capsys):
    out = folder / "fitted.toml"
    said = fitted(folder, capsys, "--out", str(out))
    study = said["stages"]["study"]
    assert (study["observations"], study["law"]) == (60, "lognormal") and 0.05 < study["p"] <= 1
    before, after = SCENARIO.splitlines(), out.read_text(encoding="utf-8").splitlines()
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [
        ('takes = { exponential = "1 h" }  # somebody\'s guess', f"takes = {study['takes']}  # somebody's guess"),
        ('source = "guess"', f'source = "played: 60 observations, KS {study["ks"]:.3f}, p {study["p"]:.3f}"'),
    ]
    read = scenario.read(out.read_bytes(), "x")
    assert isinstance(read.network.stages[1].duration, Lognormal) and read.parts["study"].source == "played"
    assert read.network.stages[1].duration.sigma == pytest.approx(0.4, abs=4 * 0.4 / 120**0.5)
    assert isinstance(read.network.stages[3].duration, Exponential)


def test_a_scenario_can_be_fitted_in_place_and_the_same_seed_fits_alike(folder, capsys):
    first = fitted(folder, capsys)
    again = fitted(folder, capsys, "--out", str(folder / "desk.toml"), "--seed", "1")
    assert first["stages"] == again["stages"] and fitted(folder, capsys, "--seed", "2")["stages"] != first["stages"]
    assert "played: 60" in (folder / "desk.toml").read_text(encoding="utf-8")


def test_records_of_consultations_fit_the_stages_that_write_their_acts(folder, capsys):
    for number, seconds in enumerate((100, 250, 700)):
        (folder / "measured" / f"c{number}.json").write_bytes(recorded(seconds))
    said = fitted(folder, capsys)
    answer = said["stages"]["answer"]
    assert answer["law"] == "exponential" and answer["mean_s"] == pytest.approx(350, abs=3) and answer["observations"] == 3
    assert "too few" in answer["why"] and answer["with_the_way_there"] == 0 and said["not_taken"] == []


def test_what_belongs_to_no_stage_is_said(folder, capsys):
    (folder / "measured" / "c.json").write_bytes(recorded(100))
    text = SCENARIO.replace('act = "acknowledge"\n', "")
    (folder / "desk.toml").write_text(text, encoding="utf-8")
    assert fitted(folder, capsys)["not_taken"] == [{"act": "acknowledge", "ally": "birch", "durations": 1, "stages": []}]
    assert run(["scenario", "fit", str(folder / "desk.toml"), "--from", str(folder / "measured")]) == 0
    told = capsys.readouterr()
    assert "1 durations of acknowledge by birch belong to no stage here" in told.err and "Nothing was written" in told.err
    assert "study" in told.out and "the least AIC" in told.out


@pytest.mark.parametrize(
    ("seconds", "duration", "source"),
    [
        (["60"] * 9, Constant(60.0), "played: 9 observations, all alike"),
        (["10", "10.5", "10.2", "9.8", "10.1"] * 4 + ["900", "910", "905", "890"] * 5, Empirical, "as observed"),
    ],
)
def test_a_law_that_does_not_fit_is_not_written(folder, capsys, seconds, duration, source):
    (folder / "measured" / "march.csv").write_text("stage,seconds\n" + "".join(f"send,{s}\n" for s in seconds), encoding="utf-8")
    (folder / "measured" / "april.CSV").unlink()
    fitted(folder, capsys, "--out", str(folder / "fitted.toml"))
    stage = scenario.read((folder / "fitted.toml").read_bytes(), "x").network.stages[0].duration
    assert stage == duration if isinstance(duration, Constant) else isinstance(stage, duration)
    assert source in (folder / "fitted.toml").read_text(encoding="utf-8")


def test_what_cannot_be_fitted_is_refused_and_nothing_is_written(folder, capsys):
    file, measured, out = str(folder / "desk.toml"), folder / "measured", folder / "out.toml"
    command = ["scenario", "fit", file, "--from", str(measured), "--out", str(out)]
    (measured / "march.csv").write_text("stage,seconds\nstudy,1\nstuddy,2\n", encoding="utf-8")
    with pytest.raises(Malformed, match=r"march\.csv:3: there is no stage 'studdy'"):
        run(command)
    (measured / "march.csv").write_text("stage,seconds\nstudy,-2\n", encoding="utf-8")
    with pytest.raises(Malformed, match=r"march\.csv:2: a duration of -2\.0 s"):
        run(command)
    for path in measured.iterdir():
        path.unlink()
    with pytest.raises(NotFound, match="no table"):
        run(command)
    (measured / "empty.csv").write_text("stage,seconds\n", encoding="utf-8")
    with pytest.raises(NotFound, match="nothing in"):
        run(command)
    with pytest.raises(NotFound):
        run(["scenario", "fit", file, "--from", str(folder / "none")])
    with pytest.raises(Malformed, match="seed"):
        (measured / "empty.csv").write_text("stage,seconds\nstudy,1\n", encoding="utf-8")
        run([*command, "--seed", "-1"])
    inline = folder / "inline.toml"
    inline.write_text('stages = { study = { takes = "1 h" } }\n[questions.q]\nstage = "study"\nby = "1 h"\n', encoding="utf-8")
    with pytest.raises(Refused, match="does not write its duration"):
        run(["scenario", "fit", str(inline), "--from", str(measured), "--out", str(out)])
    with pytest.raises(Malformed, match="cannot write"):
        run(["scenario", "fit", file, "--from", str(measured), "--out", str(folder / "no" / "x.toml")])
    assert not out.exists() and (folder / "desk.toml").read_text(encoding="utf-8") == SCENARIO
