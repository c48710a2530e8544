"""Posts on duty: which post a message lies before, and when an unread one goes to the next.

Overdue is a view of (record, now). Only the ally whose own post is overdue writes an escalation,
once for each message and step. Posts and their order come from this node's own settings.
"""

from __future__ import annotations

import msgspec

from katchi.vocabulary import Precedence

SECOND = 1_000_000

DEFAULT_ESCALATE_AFTER_S: dict[int, int] = {
    Precedence.ROUTINE: 8 * 3600,
    Precedence.PRIORITY: 3600,
    Precedence.IMMEDIATE: 600,
    Precedence.FLASH: 120,
}


class Duty(msgspec.Struct, frozen=True):
    """The posts of a node in the order in which an unread message climbs them."""

    posts: tuple[str, ...] = ("duty", "deputy", "principal")
    # Seconds before each step, by precedence.
    escalate_after_s: dict[int, int] = msgspec.field(default_factory=lambda: dict(DEFAULT_ESCALATE_AFTER_S))


class OnDesk(msgspec.Struct, frozen=True, gc=False):
    """A message from an ally that no one here has read yet."""

    message: bytes
    opening: bytes
    room: bytes
    precedence: int
    delivered_at: int  # our own clock
    step: int = 0  # 0: before the first post

    def at_step(self, step: int) -> OnDesk:
        """Return it as it lies before another post."""
        return OnDesk(self.message, self.opening, self.room, self.precedence, self.delivered_at, step)

    def due_at(self, duty: Duty) -> int | None:
        """Return when it goes to the next post, microseconds UTC; None before the last post."""
        if self.step + 1 >= len(duty.posts):
            return None
        return self.delivered_at + (self.step + 1) * duty.escalate_after_s[self.precedence] * SECOND

    def post(self, duty: Duty) -> str:
        """Return the post that it lies before."""
        return duty.posts[min(self.step, len(duty.posts) - 1)]
