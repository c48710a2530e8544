"""How long games take: quantal response of three players with private kinds, beside Gambit where it is installed."""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.rows import Row, row
from katchi.formats import efg
from katchi.simulate.game.answer import solve
from katchi.simulate.game.arrays import Arrays
from katchi.simulate.game.polish import logit_limit
from katchi.simulate.game.published import extended_deterrence
from katchi.simulate.game.quantal import Branch, quantal_at

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT.parent / "shared" / "samples" / "games"
GAMBIT = ROOT / "tests" / "unit" / "simulate" / "game" / "pygambit_answers.py"
KINDS = (2, 3, 4, 6)
PRECISION = 5.0


def _median_ms(work: Callable[[], object], times: int) -> float:
    spans = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        spans.append(1_000 * (time.perf_counter() - began))
    return statistics.median(spans)


def _gambit(files: list[Path]) -> dict[str, float]:
    """Return Gambit's milliseconds by file, nothing where there is no pygambit 17 (KATCHI_GAMBIT_PYTHON may name one)."""
    python = os.environ.get("KATCHI_GAMBIT_PYTHON") or (sys.executable if importlib.util.find_spec("pygambit") else "")
    if not python:
        return {}
    words = [python, str(GAMBIT), str(PRECISION), *map(str, files)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        return {}
    return {file: 1_000 * answer["seconds"] for file, answer in json.loads(done.stdout).items()}


def rows() -> list[Row]:
    """Measure the path to lambda = 5, its limit, and the samples from file to answer."""
    games = {kinds: extended_deterrence(kinds) for kinds in KINDS}
    found: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        files = {kinds: Path(name) / f"{kinds}.efg" for kinds in KINDS}
        for kinds, game in games.items():
            files[kinds].write_text(efg.write(game), encoding="utf-8")
        theirs = _gambit([files[kinds] for kinds in KINDS if kinds <= 4])
        for kinds, game in games.items():
            arrays = Arrays(game)
            span = _median_ms(lambda arrays=arrays: quantal_at(Branch(arrays), PRECISION), 15)  # type: ignore[misc]
            label = f"quantal response at lambda 5, {len(game.ends):,} ends, {len(game.information_sets)} information sets"
            beside = theirs.get(str(files[kinds]))
            aim = ("pygambit", beside) if beside else ("aim", 20.0) if kinds == 4 else (None, None)
            found.append(row(label, span, "ms", *aim))
    for kinds in KINDS[:3]:
        game = games[kinds]
        limit = logit_limit(game)
        label = f"its limit, polished to Nash, {len(game.ends):,} ends"
        found.append(row(label, _median_ms(lambda game=game: logit_limit(game), 3), "ms"))  # type: ignore[misc]
        found.append(row(f"regret of that limit, {len(game.ends):,} ends", limit.regret * 1e9 if limit else float("nan"), "1e-9"))
    paths = sorted(SAMPLES.glob("*.efg"))
    if paths:
        spans = {path: _median_ms(lambda path=path: solve(efg.read(path.read_text(encoding="utf-8"), "")), 3) for path in paths}  # type: ignore[misc]
        slowest = max(spans, key=spans.__getitem__)
        found.append(row(f"the slowest of {len(paths)} sample games, solved", spans[slowest], "ms", "aim", 60_000.0))
    return found
