"""In which order the stages of a network can happen: each behind all that it comes after, or the circle that forbids it.

What comes after an alternative that is not drawn stands in this order, too: it says what can wait for what, not what happens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from katchi.network.model import Network, Stage


def earlier_of(network: Network) -> dict[str, list[str]]:
    """Return what each stage comes after, under whichever alternative; a stage that it comes after twice stands there twice."""
    earlier_ones: dict[str, list[str]] = {stage.name: [] for stage in network.stages}
    for earlier, later, _ in network.edges():
        earlier_ones[later].append(earlier)
    return earlier_ones


def cycle_of(before: Mapping[str, list[str]]) -> list[str]:
    """Return stages of which each comes after the next and the last after the first; empty if there are none."""
    done: set[str] = set()
    for root in before:
        path: dict[str, Iterator[str]] = {}
        if root not in done:
            path[root] = iter(before[root])
        while path:
            name, rest = next(reversed(path.items()))
            earlier = next(rest, None)
            if earlier is None:
                done.add(name)
                del path[name]
            elif earlier in path:
                names = list(path)
                return names[names.index(earlier) :]
            elif earlier not in done:
                path[earlier] = iter(before[earlier])
    return []


def in_order(network: Network) -> list[Stage]:
    """Return the stages so that each stands behind all it comes after; those of a circle are left out."""
    left = {name: len(earlier) for name, earlier in earlier_of(network).items()}
    after: dict[str, list[str]] = {name: [] for name in left}
    for earlier, later, _ in network.edges():
        after[earlier].append(later)
    stages = {stage.name: stage for stage in network.stages}
    free = [name for name, n in left.items() if n == 0]
    for name in free:  # grows while it is walked
        for later in after[name]:
            left[later] -= 1
            if left[later] == 0:
                free.append(later)
    return [stages[name] for name in free]
