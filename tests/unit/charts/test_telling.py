"""What is told of a scenario: the same sections in both languages, laid out alike by report and pages; words stay words."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

import msgspec
import pytest

from katchi.charts.outline import outline
from katchi.charts.ranges import Attained, turning_said
from katchi.charts.report import report
from katchi.charts.speech import speech
from katchi.charts.telling import ANSWER, TOLD, Outline, Tellings
from katchi.cli import reporting
from katchi.cli.__main__ import run
from katchi.formats.scenario import read
from katchi.simulate.game.answer import Equilibrium
from katchi.simulate.game.regimes import Regime

ROOT = Path(__file__).resolve().parents[3]
SCENARIOS = ROOT / "scenarios"
BAD_WORDS = "</title><script>alert(1)</script>"


@pytest.fixture(scope="module")
def into(tmp_path_factory) -> Path:
    """What `katchi sweep --into` writes of the reference scenario; few samples are enough for how it is told."""
    folder = tmp_path_factory.mktemp("told") / "into"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reporting, "sensitivity", partial(reporting.sensitivity, samples=16))
        assert run(["sweep", str(SCENARIOS / "reference.toml"), "--runs", "2000", "--into", str(folder), "--json"]) == 0
    return folder


@pytest.fixture(scope="module")
def told(into: Path) -> Tellings:
    return msgspec.json.decode((into / TOLD).read_bytes(), type=Tellings)


def test_a_sweep_leaves_its_answer_what_is_told_of_it_and_a_report_in_each_language(into: Path):
    assert sorted(file.name for file in into.iterdir()) == [ANSWER, "report.en.html", "report.ko.html", TOLD]
    answer = json.loads((into / ANSWER).read_bytes())
    assert answer["questions"]["consulted"]["exact"] == pytest.approx(0.8322264980, abs=1e-9) and answer["notional"]


def test_both_languages_tell_the_same_sections_in_the_order_in_which_it_is_asked(told: Tellings):
    names = ["answer", "curve", "held", "changes", "hangs", "sources", "network", "manifest", "game"]
    for one in (told.en, told.ko):
        assert [section.name for section in one.sections] == names
    for english, korean in zip(told.en.sections, told.ko.sections, strict=True):
        assert [type(block) for block in english.blocks] == [type(block) for block in korean.blocks]
        assert re.search("[가-힣]", korean.title) and not re.search("[가-힣]", english.title)


def test_the_report_lays_out_every_section_in_both_languages_without_script(told: Tellings):
    page = report(told, language="ko")
    for language in ("en", "ko"):
        for section in told.of(language).sections:
            assert f'id="{language}-{section.name}"' in page
    assert page.index('<article id="en"') < page.index('<article id="ko"') and '<html lang="ko">' in page
    assert "<script" not in page and " style=" not in page and report(told, language="ko") == page


def test_how_good_consultation_must_be_is_told_beside_how_good_it_is(told: Tellings):
    (lines,) = [block.lines for block in told.en.sections[-1].blocks if hasattr(block, "lines")]
    assert lines[0].startswith("q* 76.92%: from there on Challenger: Refrain")
    assert lines[1].startswith("q attained: exact 83.22%, sampled")
    assert lines[2] == "the q attained is 6.30 points above q* 76.92%"


def regime(low: float, high: float, action: str) -> Regime:
    profile = {"Challenger": {"demand": {action: 1.0}}}
    held = Equilibrium(
        profile=profile, payoffs={}, regret=0.0, sequential_regret=0.0, sequential_regrets={}, found_by=(), is_pure=True
    )
    return Regime(low, high, (low + high) / 2, held)


@pytest.mark.parametrize(
    ("attained", "said"),
    [
        (Attained(0.5, (0.48, 0.52)), "the q attained is 10.00 points below q* 60.00%"),
        (Attained(0.61, (0.58, 0.64)), "too near to say: q* lies within the interval"),
        (Attained(0.61, (0.58, 0.64), exact=0.605), "the q attained is 0.50 points above q* 60.00%"),
    ],
)
def test_on_which_side_of_q_star_it_lies_is_said_only_where_it_is_known(attained: Attained, said: str):
    *_before, last = turning_said([regime(0, 0.6, "Demand"), regime(0.6, 1, "Refrain")], attained, speech("en"))
    assert last == said


def test_where_one_answer_holds_throughout_there_is_no_q_star():
    lines = list(turning_said([regime(0, 1, "Refrain")], Attained(0.5, (0.4, 0.6)), speech("en")))
    assert lines == ["no q*: one answer holds from never to always in time", "q attained: 50.00% (40.00–60.00%)"]


def test_an_outline_tells_what_a_file_says_before_anything_is_computed():
    source = (SCENARIOS / "bearer-lost.toml").read_bytes()
    found = outline(read(source, "bearer-lost.toml"), "bearer-lost.toml")
    assert [section.name for section in found.told.ko.sections] == ["questions", "network", "sources", "varied"]
    assert found.questions[0].by_s == 4 * 3_600 and found.questions[0].title["ko"] == "양국이 협의를 마침"
    assert msgspec.json.decode(msgspec.json.encode(found), type=Outline) == found


def test_words_of_a_file_are_only_ever_words_in_a_drawing():
    titled = f"title = '''{BAD_WORDS}'''\n"
    source = f"{titled}[stages.a]\n{titled}takes = '1 s'\n[questions.q]\nstage = 'a'\nby = '1 s'\n"
    drawn = outline(read(source.encode(), "x"), "x").told.en.sections[1].blocks[0].drawn[0].wide
    assert "<script" not in drawn and "&lt;script" in drawn


def test_of_several_files_each_is_shown_or_says_what_is_wrong_with_it(capsys, tmp_path: Path):
    bad = tmp_path / "bad.toml"
    bad.write_text('[stages.a]\ntakes = "5 minutes"\n', encoding="utf-8")
    words = ["scenario", "show", str(SCENARIOS / "reference.toml"), str(bad), str(SCENARIOS / "hotline-check.toml")]
    assert run([*words, "--json"]) == 2
    first, second, third = json.loads(capsys.readouterr().out)
    assert first["digest"] and third["questions"] and second["message"].startswith(f"{bad}:2: ")
    assert run(words[:3]) == 0
    assert "what is asked" not in (said := capsys.readouterr().out) and "? guess" in said
