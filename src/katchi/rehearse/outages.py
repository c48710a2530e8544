"""Bearers go down and come up, in the very turns that the sweep draws, and the wires between the nodes with them.

Allies are linked while any bearer is up: a link uses all that work. What a scenario sends over one bearer still waits for that
one (officers.py): it is the operator's line. A scenario without bearers has a link that is never cut.
"""

from __future__ import annotations

import math

from katchi.network.draws import Draws
from katchi.network.model import Network
from katchi.rehearse.watching import Step, Watch
from katchi.rehearse.world import REPAIRED_IN_S, SECOND, World


class Outages:
    """All bearers of one rehearsal."""

    def __init__(self, world: World, draws: Draws, network: Network, watch: Watch) -> None:
        self.world, self.draws, self.watch = world, draws, watch
        self.names = [bearer.name for bearer in network.bearers]
        self.is_up = [True] * len(self.names)

    def begin(self) -> None:
        """Let every bearer be as it is at the start, and turn from then on."""
        for bearer in range(len(self.names)):
            self._look(bearer)

    @property
    def carries(self) -> bool:
        """Whether anything passes between the allies."""
        return not self.names or any(self.is_up)

    def _look(self, bearer: int) -> None:
        is_up, until = self.draws.bearer_at(bearer, self.watch.now_s)
        if is_up != self.is_up[bearer]:
            self._turn(bearer, is_up=is_up)
        if until < math.inf:
            self.world.at(self.watch.start + math.ceil(until * SECOND), lambda: self._look(bearer))

    def _turn(self, bearer: int, *, is_up: bool) -> None:
        carried = self.carries
        self.is_up[bearer] = is_up
        if self.carries != carried:
            for wire in self.world.wires:
                if self.carries:
                    self.world.ping_for(REPAIRED_IN_S)
                    self.world.mend(wire)
                else:
                    self.world.cut(wire)
        self.watch.note(Step(at_s=0, what="up" if is_up else "down", of=self.names[bearer], carries=self.carries))
