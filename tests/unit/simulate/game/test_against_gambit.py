"""Gambit as a second opinion, where it is installed (or KATCHI_GAMBIT_PYTHON names a Python that has pygambit 17)."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from game_samples import SAMPLES

from katchi.formats import efg
from katchi.simulate.game.published import extended_deterrence
from katchi.simulate.game.pure import pure_equilibria
from katchi.simulate.game.quantal import quantal_response
from katchi.simulate.game.strategies import StrategicForm
from katchi.simulate.game.tree import Game

PYTHON = os.environ.get("KATCHI_GAMBIT_PYTHON") or (sys.executable if importlib.util.find_spec("pygambit") else "")
pytestmark = pytest.mark.skipif(not PYTHON, reason="pygambit is not installed here")


def asked(precision: float, *files: Path) -> dict:
    words = [PYTHON, str(Path(__file__).with_name("pygambit_answers.py")), str(precision), *map(str, files)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        pytest.skip(f"another pygambit than 17: {done.stderr[-200:]}")
    return json.loads(done.stdout)


def in_gambit_s_order(game: Game) -> list[int]:
    """Information sets by player and first appearance, as Gambit lists them; a file may number them otherwise."""
    met = list(dict.fromkeys(node.decision for node in game.nodes if node.decision is not None))
    return sorted(met, key=lambda where: (game.information_sets[where].player, met.index(where)))


@pytest.mark.parametrize("precision", [0.5, 2.0])
def test_samples_have_gambit_s_quantal_response_and_its_number_of_pure_equilibria(precision):
    files = sorted(SAMPLES.rglob("*.efg"))
    for file, answer in asked(precision, *files).items():
        game = efg.read(Path(file).read_text(encoding="utf-8"), file)
        assert pure_equilibria(StrategicForm(game)).total == answer["pure"], file
        found = quantal_response(game, precision).profile
        ours = [list(found[where]) for where in in_gambit_s_order(game)]
        for there, theirs in zip(ours, answer["sets"], strict=True):
            assert there == pytest.approx(theirs, abs=1e-8), file


def test_three_players_with_private_kinds_have_gambit_s_quantal_response(tmp_path):
    game = extended_deterrence(2)
    path = tmp_path / "kinds.efg"
    path.write_text(efg.write(game), encoding="utf-8")
    (answer,) = asked(5.0, path).values()
    ours = quantal_response(game, 5.0).profile
    theirs = [p for there in answer["sets"] for p in there]
    assert [p for where in in_gambit_s_order(game) for p in ours[where]] == pytest.approx(theirs, abs=1e-9)
    assert pure_equilibria(StrategicForm(game)).total == answer["pure"]
