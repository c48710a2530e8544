"""All that was found of one scenario, as the report shows it. What nobody asked for is None, and left out."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from katchi.charts.ranges import Attained
from katchi.exercise.scenario import Scenario
from katchi.simulate.game.answer import Solution
from katchi.simulate.game.regimes import Regime
from katchi.simulate.game.tree import Game
from katchi.simulate.improve import Improvement
from katchi.simulate.sensitivity import Sensitivity
from katchi.simulate.sweep import Sweep


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """The decisions of a scenario as a game, solved."""

    game: Game
    solution: Solution
    shown: int = 0  # which equilibrium is drawn: the most credible
    ranges: Mapping[str, tuple[Regime, ...]] = {}  # by question: what is stable at which probability of being in time


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What was found."""

    scenario: Scenario
    sweep: Sweep
    improvement: Improvement | None = None
    sensitivity: Sensitivity | None = None
    decided: Decided | None = None
    manifest: Mapping[str, object] = {}

    def attained(self, question: str) -> Attained:
        """Return how likely a question is in time."""
        found = self.sweep.questions[question]
        return Attained(found.probability, found.interval, found.exact)
