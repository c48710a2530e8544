"""Games that tests share: third-party files read in place, and small ones written here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from katchi.formats import efg, nfg
from katchi.simulate.game.tree import Decides, Ends, Game, grow

SAMPLES = Path(__file__).resolve().parents[5] / "shared" / "samples"

CYCLE = """NFG 1 R "Matching pennies" { "Row" "Column" } { { "H" "T" } { "H" "T" } } ""
1 -1 -1 1 -1 1 1 -1
"""

THREE = """NFG 1 D "Irrational" { "One" "Two" "Three" } { 2 2 2 } "a game of three whose only equilibrium is irrational"
{ { "" 3, 0, 2 } { "" 0, 1, 0 } { "" 0, 2, 0 } { "" 1, 0, 0 } { "" 1, 0, 0 } { "" 0, 3, 0 } { "" 0, 1, 0 } { "" 2, 0, 3 } }
1 2 3 4 5 6 7 8
"""  # written after Nau, Gomez Canovas and Hansen (2004), section 4

HORSE = """EFG 2 R "Three in a row" { "One" "Two" "Three" } ""
p "" 1 1 "" { "Across" "Down" } 0
p "" 2 1 "" { "Across" "Down" } 0
t "" 1 "" { 1 1 1 }
p "" 3 1 "" { "Left" "Right" } 0
t "" 2 "" { 4 4 0 }
t "" 3 "" { 0 0 1 }
p "" 3 1 0
t "" 4 "" { 3 2 2 }
t "" 5 "" { 0 0 0 }
"""  # after Selten (1975), figure 1


def sample(name: str) -> Game:
    """Return a third-party game; skip where the folder is absent."""
    found = sorted(SAMPLES.rglob(name))
    if not found:
        pytest.skip(f"no third-party sample {name} under {SAMPLES}")
    return efg.read(found[0].read_text(encoding="utf-8"), name)


def cycle() -> Game:
    return nfg.read(CYCLE, "cycle.nfg")


def random_tree(seed: int, *, players: int = 2, moves: int = 3) -> Game:
    """Return a game of perfect recall: players move in turn, knowing their own moves and at times the last other one."""
    draw = np.random.default_rng(seed)
    names = [f"P{i}" for i in range(players)]

    def grown(depth: int, seen: tuple[tuple[int, str], ...]) -> Decides | Ends:
        if depth == moves * players:
            return Ends("-".join(a for _, a in seen), [int(v) for v in draw.integers(-9, 10, players)])
        mover = depth % players
        own = "".join(a for who, a in seen if who == mover)
        last = seen[-1][1] if seen and depth % 3 != 2 else "?"
        knows = f"{depth}:{own}:{last}" if depth < 3 else f"{depth}:{own}:{_past(seen, mover)}"
        choices = {a: grown(depth + 1, (*seen, (mover, a))) for a in ("l", "r")}
        return Decides(names[mover], knows, choices)

    return grow(f"random {seed}", names, grown(0, ()))


def _past(seen: tuple[tuple[int, str], ...], mover: int) -> str:
    """Return what a player saw when it moved before, so that it recalls it."""
    return "".join(seen[i - 1][1] if i and i % 3 != 2 else "?" for i, (who, _) in enumerate(seen) if who == mover)
