"""Which copies of a stage are drawn as one box, and which apart: a process is never drawn as if it went in circles."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from katchi.exercise.scenario import Scenario
from katchi.network.model import Stage
from katchi.network.order import cycle_of


def grouped(scenario: Scenario) -> tuple[dict[str, list[Stage]], dict[tuple[str, str], float | None]]:
    """Return stages with their copies, and what comes after what with its chance; copies apart where they would go in circles."""
    apart: set[str] = set()
    groups, edges = _joined(scenario, apart)
    while several := {name for name in _circle(groups, edges) if len(groups[name]) > 1}:
        apart |= several
        groups, edges = _joined(scenario, apart)
    return groups, edges


def _joined(scenario: Scenario, apart: Container[str]) -> tuple[dict[str, list[Stage]], dict[tuple[str, str], float | None]]:
    groups: dict[str, list[Stage]] = {}
    of: dict[str, str] = {}
    for stage in scenario.network.stages:
        name = of[stage.name] = stage.name if stage.reported in apart else stage.reported
        groups.setdefault(name, []).append(stage)
    alternatives = {stage.name: stage.alternatives for stage in scenario.network.stages}
    edges: dict[tuple[str, str], float | None] = {}
    for earlier, later, branch in scenario.network.edges():
        chance = None if branch is None else alternatives[earlier][branch].probability
        if chance != 0:
            edges.setdefault((of[earlier], of[later]), chance)
    return groups, edges


def _circle(groups: Iterable[str], edges: Iterable[tuple[str, str]]) -> Sequence[str]:
    before: dict[str, list[str]] = {name: [] for name in groups}
    for earlier, later in edges:
        before[later].append(earlier)
    return cycle_of(before)
