"""Which uniform numbers of a run belong to what: the same for all networks that are compared, by name."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from katchi.network.laws import EXPONENTIALS, NONE, law_of
from katchi.network.model import Bearer, Cause, Factor, Network, Stage


class Numbering:
    """For networks that are compared, in whatever order: numbers go by the order of the names."""

    def __init__(self, networks: Sequence[Network]) -> None:
        exponential: dict[str, int] = {}  # how many numbers a stage needs that become exponential
        others: dict[tuple[str, str], int] = {}  # and how many that do not
        for network in networks:
            for stage in network.stages:
                law = law_of(stage.duration)
                if law.law in EXPONENTIALS:
                    exponential[stage.name] = max(exponential.get(stage.name, 0), law.draws)
                elif law.draws:
                    others["law", stage.name] = law.draws
        for network in networks:
            others |= {("choice", stage.name): 1 for stage in network.stages if stage.alternatives}
            others |= {("factor", factor.name): 1 for factor in network.factors}
        exponential, others = dict(sorted(exponential.items())), dict(sorted(others.items()))
        self.exponential = sum(exponential.values())
        self.count = self.exponential + sum(others.values())
        self._exponentials = dict(zip(exponential, itertools.accumulate(exponential.values(), initial=0), strict=False))
        self._others = dict(zip(others, itertools.accumulate(others.values(), initial=self.exponential), strict=False))
        bearers = sorted({bearer.name for network in networks for bearer in network.bearers})
        causes = sorted({cause.name for network in networks for cause in network.causes})
        switches: list[tuple[type, str]] = [(Bearer, name) for name in bearers] + [(Cause, name) for name in causes]
        self._streams = {switch: 1 + i for i, switch in enumerate(switches)}

    def draw_of(self, stage: Stage) -> int:
        """Return the first number of a stage's duration; 0 if it needs none."""
        law = law_of(stage.duration)
        if law.law in EXPONENTIALS:
            return self._exponentials[stage.name]
        return self._others["law", stage.name] if law.draws else 0

    def choice_of(self, stage: Stage) -> int:
        """Return the number that draws a stage's alternative, or NONE."""
        return self._others.get(("choice", stage.name), NONE) if stage.alternatives else NONE

    def factor_of(self, factor: Factor) -> int:
        """Return the number of a factor."""
        return self._others["factor", factor.name]

    def stream_of(self, outages: Bearer | Cause) -> int:
        """Return the number of a switch's stream."""
        return self._streams[type(outages), outages.name]
