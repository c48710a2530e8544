"""What many screens show alike is worked out once, until something changes or half a second has passed.

Kept between two batches alone, and nothing of an officer's own: a hundred screens that refresh at once
cost the node little more than one. What changes without a batch (a link's delay) is shown so much later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

KEPT_US = 500_000

Value = TypeVar("Value")


class Shared:
    """What was worked out since the last change."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._held: dict[str, tuple[int, Any]] = {}

    def of(self, name: str, work_out: Callable[[], Value]) -> Value:
        """Return what goes by `name`, worked out if it is not held or too old."""
        now, held = self._clock(), self._held.get(name)
        if held is None or not held[0] <= now <= held[0] + KEPT_US:
            held = self._held[name] = now, work_out()
        value: Value = held[1]
        return value

    def forget(self) -> None:
        """Something has changed."""
        self._held.clear()
