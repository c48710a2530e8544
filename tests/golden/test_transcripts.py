"""No scenario without a transcript: each is rehearsed anew, and is to the byte what lies in scenarios/transcripts/."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = sorted((ROOT / "scenarios").glob("*.toml"))
TRANSCRIPTS = ROOT / "scenarios" / "transcripts"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("transcripts", ROOT / "tools" / "transcripts.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["transcripts"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_rehearsed_anew_is_its_transcript(tool, scenario):
    for path, text in tool.transcripts(scenario):
        assert path.read_text(encoding="utf-8") == text, "if it was meant to change: python tools/transcripts.py"


def test_every_transcript_has_its_scenario():
    assert len(SCENARIOS) >= 5
    expected = {f"{scenario.stem}.{language}.txt" for scenario in SCENARIOS for language in ("en", "ko")}
    assert {path.name for path in TRANSCRIPTS.iterdir()} == expected


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_transcript_ends_with_equal_records_and_nothing_refused(scenario, language):
    told = (TRANSCRIPTS / f"{scenario.stem}.{language}.txt").read_text(encoding="utf-8")
    equal, refused = {
        "en": ("records: equal on every node", "refused by a node: 0"),
        "ko": ("기록: 모든 노드가 같음", "거부한 행위: 0"),
    }[language]
    assert equal in told and refused in told
