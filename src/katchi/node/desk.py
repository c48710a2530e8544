"""Messages that no one here has read yet, by consultation and by when they go to the next post.

A node may lie unattended for days while its allies write, so a message costs a hundred bytes here
and no more: it lies in columns (pile.py), and the queues hold its slot. Those that were read are
passed over there, and swept out once they are more than what lies here.
"""

from __future__ import annotations

from array import array
from bisect import insort
from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from itertools import islice

from katchi.consult.duty import Duty, OnDesk
from katchi.node.pile import Pile

NEVER = 2**63  # later than any time: before the last post
SWEEP_FROM = 1000  # slots, before those of what was read are worth sweeping out


class Queue:
    """Slots in the order in which their messages were delivered."""

    def __init__(self) -> None:
        self._slots = array("I")
        self._passed = 0  # slots at the front that are done with

    def __len__(self) -> int:
        return len(self._slots) - self._passed

    def __iter__(self) -> Iterator[int]:
        return (self._slots[index] for index in range(self._passed, len(self._slots)))

    @property
    def first(self) -> int:
        """The slot at the front of a queue that is not empty."""
        return self._slots[self._passed]

    def add(self, slot: int, at: array[int]) -> None:
        """Add a slot; `at` says when the message of each was delivered."""
        if not self or at[self._slots[-1]] <= at[slot]:
            self._slots.append(slot)
        else:  # our clock was set back
            insort(self._slots, slot, lo=self._passed, key=at.__getitem__)

    def pass_first(self) -> int:
        """Take the slot at the front off, and return it."""
        self._passed += 1
        return self._slots[self._passed - 1]


class Desk(Mapping[bytes, OnDesk]):
    """The unread messages of one node. Cost grows with what is overdue or asked for, not with what lies here.

    Changes since the last `keep` can be taken back.
    """

    def __init__(self, duty: Duty) -> None:
        self._duty = duty
        self._before: dict[bytes, OnDesk | None] = {}
        self._clear()

    def _clear(self) -> None:
        self._pile = Pile()
        self._by_opening: dict[bytes, array[int]] = {}
        self._queues: dict[tuple[int, int], Queue] = {}  # by precedence and step

    def __len__(self) -> int:
        return self._pile.size

    def __iter__(self) -> Iterator[bytes]:
        return map(self._pile.message, self._pile)

    def __contains__(self, message: object) -> bool:
        return isinstance(message, bytes) and self._pile.find(message) is not None

    def __getitem__(self, message: bytes) -> OnDesk:
        slot = self._pile.find(message)
        if slot is None:
            raise KeyError(message)
        return self._pile.on_desk(slot)

    def set(self, message: bytes, value: OnDesk | None) -> None:
        """Lay a message here or before another post; None takes it off."""
        slot = self._pile.find(message)
        held = None if slot is None else self._pile.on_desk(slot)
        self._before.setdefault(message, held)
        if slot is not None and held is not None:
            if value is not None and value.step > held.step and value == held.at_step(value.step):
                self._pile.step[slot] = value.step  # it has climbed: its place in the lower queue is passed over
                self._queue(slot)
                return
            self._pile.remove(slot)
        if value is not None:
            self._lay(value)
        elif len(self._pile) > SWEEP_FROM + 2 * len(self):
            self._lay_anew()

    @property
    def changed(self) -> list[bytes]:
        """The messages that lie here otherwise than at the last `keep`."""
        return [message for message, before in self._before.items() if self.get(message) != before]

    def keep(self) -> None:
        """The changes are durable."""
        self._before.clear()

    def take_back(self) -> None:
        """The changes never happened."""
        for message, before in self._before.items():
            slot = self._pile.find(message)
            if slot is not None:
                self._pile.remove(slot)
            if before is not None:
                self._pile.add(before)
        self._before.clear()
        self._lay_anew()

    def load(self, on_desk: Iterable[OnDesk]) -> None:
        """Lay messages that are durable already."""
        for one in on_desk:
            self._pile.add(one)
        self._lay_anew()

    def unread(self, opening: bytes) -> list[bytes]:
        """Return the unread messages of a consultation, in order of arrival."""
        return [self._pile.message(slot) for slot in self._by_opening.get(opening, ()) if self._pile.lies(slot)]

    def most_urgent(self, limit: int) -> list[OnDesk]:
        """Return at most `limit` unread messages: by precedence, then in order of arrival."""
        found: list[int] = []
        for precedence in sorted({precedence for precedence, _ in self._queues}, reverse=True):
            queues = [self._waiting(of, step) for of, step in self._queues if of == precedence]
            found += islice(merge(*queues, key=self._pile.at.__getitem__), limit - len(found))
        return list(map(self._pile.on_desk, found))

    def overdue(self, now: int) -> list[OnDesk]:
        """Return the messages that go to the next post by `now`."""
        found: list[OnDesk] = []
        for place, queue in self._queues.items():
            while (first := self._first(queue, place[1])) is not None and self._due_at(first) <= now:
                found.append(self._pile.on_desk(queue.pass_first()))
        return sorted(found, key=lambda one: one.due_at(self._duty) or NEVER)

    def next_due(self) -> int | None:
        """Return when the next message goes to the next post, microseconds UTC."""
        firsts = (self._first(queue, step) for (_, step), queue in self._queues.items())
        due = min((self._due_at(first) for first in firsts if first is not None), default=NEVER)
        return due if due < NEVER else None

    def _first(self, queue: Queue, step: int) -> int | None:
        """The first of a queue that still lies here at that step."""
        while queue and self._pile.step[queue.first] != step:
            queue.pass_first()
        return queue.first if queue else None

    def _waiting(self, precedence: int, step: int) -> Iterator[int]:
        """The slots of a queue but for those whose message was read or went to another post."""
        return (slot for slot in self._queues[precedence, step] if self._pile.step[slot] == step)

    def _due_at(self, slot: int) -> int:
        due = self._pile.on_desk(slot).due_at(self._duty)
        return NEVER if due is None else due

    def _lay(self, one: OnDesk) -> None:
        slot = self._pile.add(one)
        self._by_opening.setdefault(one.opening, array("I")).append(slot)
        self._queue(slot)

    def _queue(self, slot: int) -> None:
        place = self._pile.precedence[slot], self._pile.step[slot]
        self._queues.setdefault(place, Queue()).add(slot, self._pile.at)

    def _lay_anew(self) -> None:
        """Order all that lies here anew, without gaps; also in order of arrival after a restart."""
        pile = self._pile
        self._clear()
        for slot in sorted(pile, key=pile.at.__getitem__):
            self._lay(pile.on_desk(slot))
