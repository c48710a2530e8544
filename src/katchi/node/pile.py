"""Messages on the desk in columns: some 70 bytes each, where an object for each would take 200.

A message has a slot, which is its for good: one that is taken off leaves a gap, and no slot is used again.
A table of slots by the message's keyed hash finds it, as a dictionary would, without holding any object.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from katchi.consult.duty import OnDesk

DIGEST_SIZE_MAX = 48
GONE = 2**16 - 1  # the step of a gap
_FREE, _TABLE_MIN = 0, 64


class Pile:
    """What lies on a desk, by slot."""

    def __init__(self) -> None:
        self.size = 0  # messages that lie here
        self.at = array("q")  # when each was delivered
        self.step = array("H")  # before which post it lies, or GONE
        self.precedence = array("B")
        self._digests = bytearray()  # DIGEST_SIZE_MAX each; one is as long as its consultation's
        self._place = array("I")  # of its consultation and room, below
        self._places: list[tuple[bytes, bytes]] = []
        self._place_of: dict[tuple[bytes, bytes], int] = {}
        self._table = array("I", [_FREE]) * _TABLE_MIN  # slot + 1, by hash; gaps stay in it

    def __len__(self) -> int:
        return len(self.at)

    def __iter__(self) -> Iterator[int]:
        return (slot for slot, step in enumerate(self.step) if step != GONE)

    def lies(self, slot: int) -> bool:
        """Whether a slot is not that of a message that was taken off."""
        return self.step[slot] != GONE

    def find(self, message: bytes) -> int | None:
        """Return the slot of a message that lies here."""
        table, mask = self._table, len(self._table) - 1
        place = hash(message) & mask
        while (entry := table[place]) != _FREE:
            slot = entry - 1
            if self.lies(slot) and self.message(slot) == message:
                return slot
            place = (place + 1) & mask
        return None

    def message(self, slot: int) -> bytes:
        """Return the digest of the message in a slot."""
        start = slot * DIGEST_SIZE_MAX
        return bytes(self._digests[start : start + len(self.opening(slot))])

    def opening(self, slot: int) -> bytes:
        """Return the consultation that the message in a slot belongs to."""
        return self._places[self._place[slot]][0]

    def on_desk(self, slot: int) -> OnDesk:
        """Return the message in a slot."""
        opening, room = self._places[self._place[slot]]
        return OnDesk(self.message(slot), opening, room, self.precedence[slot], self.at[slot], self.step[slot])

    def add(self, one: OnDesk) -> int:
        """Lay a message that does not lie here; return its slot."""
        slot, place = len(self), (one.opening, one.room)
        if place not in self._place_of:
            self._place_of[place] = len(self._places)
            self._places.append(place)
        self.at.append(one.delivered_at)
        self.step.append(one.step)
        self.precedence.append(one.precedence)
        self._place.append(self._place_of[place])
        self._digests += one.message.ljust(DIGEST_SIZE_MAX, b"\0")
        self.size += 1
        if 2 * (slot + 1) > len(self._table):
            self._table = array("I", [_FREE]) * (2 * len(self._table))
            for other in self:
                self._enter(other, self.message(other))
        else:
            self._enter(slot, one.message)
        return slot

    def remove(self, slot: int) -> None:
        """Take the message in a slot off."""
        self.step[slot] = GONE
        self.size -= 1

    def _enter(self, slot: int, message: bytes) -> None:
        table, mask = self._table, len(self._table) - 1
        place = hash(message) & mask
        while table[place] != _FREE:
            place = (place + 1) & mask
        table[place] = slot + 1
