"""When what a third ally wrote is passed on: only once it had the time to come there by itself.

Every member sends its own entries to every other. Passing them all on would send each once per member, so
a relay waits; a clock that is set back holds nothing up.
"""

from __future__ import annotations

from collections.abc import Hashable

from katchi.link.flight import SECOND

RELAY_AFTER_US = 2 * SECOND  # a third ally's entry is passed on only if it has not come there by itself


class Relay:
    """What one peer still has to be given of third allies' words."""

    def __init__(self) -> None:
        self.due_at: int | None = None  # when to look again, microseconds UTC
        self._noticed: dict[Hashable, tuple[int, int]] = {}  # statements that the peer lacks: to what length, since when

    def begin(self) -> None:
        """All is looked at anew."""
        self.due_at = None

    def is_due(self, now: int) -> bool:
        """Whether something waits that is old enough now."""
        return self.due_at is not None and now >= self.due_at

    def is_old(self, since: int, now: int) -> bool:
        """Whether its author had the time to send it; if not, it is looked at again then."""
        if not 0 <= now - since < RELAY_AFTER_US:
            return True
        due = since + RELAY_AFTER_US
        self.due_at = due if self.due_at is None else min(self.due_at, due)
        return False

    def is_held_up(self, what: Hashable, length: int, held: int, now: int) -> bool:
        """Whether a statement to `length` has not come there by itself for a while; the peer holds one to `held`."""
        noticed, since = self._noticed.get(what, (0, now))
        if held >= noticed:
            noticed, since = self._noticed[what] = length, now
        return self.is_old(since, now)
