"""Each scenario has its report: of the very file that is there, and of the figures that a sweep finds now."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from katchi.formats.scenario import read
from katchi.simulate.sweep import Asked, sweep

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = sorted((ROOT / "scenarios").glob("*.toml"))
REPORTS = ROOT / "scenarios" / "reports"
RUNS, SEED = 100_000, 7
AGAIN = "if it was meant to change: python tools/reports.py"


def test_every_report_has_its_scenario():
    assert {path.name for path in REPORTS.iterdir()} == {f"{file.stem}.html" for file in SCENARIOS}


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda path: path.stem)
def test_a_report_is_of_the_file_and_the_figures_of_today(file):
    source, told = file.read_bytes(), (REPORTS / f"{file.stem}.html").read_text(encoding="utf-8")
    assert hashlib.sha256(source).hexdigest() in told, AGAIN
    found = sweep(read(source, file.name).network, Asked(runs=RUNS, seed=SEED, threads=2, with_exact=False))
    for one in found.questions.values():
        assert told.count(f"<b>{100 * one.probability:.2f}%</b>") >= 2, AGAIN  # in each language
