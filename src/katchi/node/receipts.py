"""When our receipts of delivery are written: at once while messages come singly, else together.

The first message is receipted in the batch that keeps it. What comes within a moment of that is
gathered, so that a stream of messages costs both nodes one receipt a moment and not one a message.
What is still to be receipted is durable with the message itself, so a crash forgets none. Read
implies delivered: whatever is outstanding is written before the receipt that says a message was read.
"""

from __future__ import annotations

from katchi.consult import acts
from katchi.consult.duty import OnDesk
from katchi.node.state import State
from katchi.node.writing import Author, Envelope
from katchi.vocabulary import Kind

RECEIPTS_AN_ENTRY = 500


class Receipts:
    """Writes for one node that messages were laid before its post on duty."""

    def __init__(self, state: State, author: Author) -> None:
        self._state, self._author = state, author
        self._every_us = state.settings.receipt_every_us
        self._wrote_at: int | None = None  # None: at once

    def next_due(self) -> int | None:
        """Return when the next receipts are due, microseconds UTC; None if nothing is outstanding."""
        return (self._wrote_at or 0) + self._every_us if self._state.unreceipted.now else None

    def write_due(self, now: int) -> None:
        """Add to the batch what is due; a clock set back holds nothing up."""
        if self._wrote_at is None or not 0 <= now - self._wrote_at < self._every_us:
            self.write(now)

    def write(self, now: int) -> None:
        """Add all that is outstanding to the batch."""
        outstanding: dict[tuple[bytes, bytes], list[OnDesk]] = {}
        for on_desk in self._state.unreceipted.now.values():
            outstanding.setdefault((on_desk.room, on_desk.opening), []).append(on_desk)
        for (room, opening), messages in outstanding.items():
            for start in range(0, len(messages), RECEIPTS_AN_ENTRY):
                self._write(room, opening, messages[start : start + RECEIPTS_AN_ENTRY], now)
        if outstanding:
            self._wrote_at = now

    def forget_batch(self) -> None:
        """The batch was not kept: what it receipted is outstanding again."""
        self._wrote_at = None

    def _write(self, room: bytes, opening: bytes, messages: list[OnDesk], now: int) -> None:
        post = self._state.settings.duty.posts[0]
        body = acts.Delivered(entries=tuple(on_desk.message for on_desk in messages), post=post)
        precedence = max(on_desk.precedence for on_desk in messages)
        self._author.write(self._state.rooms.now[room], Kind.DELIVERED, body, now, Envelope(post, (opening,), precedence))
        for on_desk in messages:
            self._state.unreceipted.set(on_desk.message, None)
