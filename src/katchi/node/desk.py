"""Messages that no one here has read yet, by consultation and by when they go to the next post.

A node may lie unattended for days while its allies write, so a message costs a few hundred bytes
here and no more: the queues hold the messages themselves, and those that were read are passed over
and swept out once they are more than what lies here.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterable
from heapq import merge
from itertools import islice

from katchi.consult.duty import Duty, OnDesk
from katchi.node.undoable import Undoable

NEVER = 2**63  # later than any time: before the last post
SWEEP_FROM = 1000  # places in the queues, before those that were read are worth sweeping out


class Desk(Undoable[bytes, OnDesk]):
    """The unread messages of one node. Cost grows with what is overdue or asked for, not with what lies here."""

    def __init__(self, duty: Duty) -> None:
        super().__init__()
        self._duty = duty
        self._clear()

    def _clear(self) -> None:
        self._by_opening: dict[bytes, list[OnDesk]] = {}
        self._queues: dict[tuple[int, int], deque[OnDesk]] = {}  # by precedence and step, in order of delivered_at
        self._places = 0  # in the queues

    def set(self, key: bytes, value: OnDesk | None) -> None:
        """See Undoable.set."""
        if value is None:
            super().set(key, None)
            if self._places > SWEEP_FROM + 2 * len(self.now):
                self._index_all()
            return
        is_new = key not in self.now
        value = self._sharing(value)
        super().set(key, value)
        if is_new:
            self._by_opening.setdefault(value.opening, []).append(value)
        self._queue(value)

    def load(self, on_desk: Iterable[OnDesk]) -> None:
        """Lay messages that are durable already."""
        for one in on_desk:
            one = self._sharing(one)
            self.now[one.message] = one
            self._by_opening.setdefault(one.opening, []).append(one)
        self._index_all()

    def take_back(self) -> None:
        """See Undoable.take_back."""
        super().take_back()
        self._index_all()

    def unread(self, opening: bytes) -> list[bytes]:
        """Return the unread messages of a consultation, in order of arrival."""
        return [one.message for one in self._by_opening.get(opening, ()) if one.message in self.now]

    def most_urgent(self, limit: int) -> list[OnDesk]:
        """Return at most `limit` unread messages: by precedence, then in order of arrival."""
        found: list[OnDesk] = []
        for precedence in sorted({precedence for precedence, _ in self._queues}, reverse=True):
            queues = (filter(self._lies_here, queue) for (of, _), queue in self._queues.items() if of == precedence)
            found += islice(merge(*queues, key=_delivered_at), limit - len(found))
        return found

    def overdue(self, now: int) -> list[OnDesk]:
        """Return the messages that go to the next post by `now`."""
        found: list[OnDesk] = []
        for queue in self._queues.values():
            while (first := self._first(queue)) is not None and self._due_at(first) <= now:
                found.append(queue.popleft())
                self._places -= 1
        return sorted(found, key=self._due_at)

    def next_due(self) -> int | None:
        """Return when the next message goes to the next post, microseconds UTC."""
        firsts = (self._first(queue) for queue in self._queues.values())
        due = min((self._due_at(first) for first in firsts if first is not None), default=NEVER)
        return due if due < NEVER else None

    def _first(self, queue: deque[OnDesk]) -> OnDesk | None:
        """The first of a queue that still lies here at that step."""
        while queue and not self._lies_here(queue[0]):
            queue.popleft()
            self._places -= 1
        return queue[0] if queue else None

    def _lies_here(self, on_desk: OnDesk) -> bool:
        """Whether a place in a queue is not one of a message that was read or went to another post."""
        return self.now.get(on_desk.message) is on_desk

    def _due_at(self, on_desk: OnDesk) -> int:
        due = on_desk.due_at(self._duty)
        return NEVER if due is None else due

    def _sharing(self, on_desk: OnDesk) -> OnDesk:
        """The same, its digests shared with a message of the same consultation that lies here."""
        beside = self._by_opening.get(on_desk.opening)
        if not beside or beside[0].room != on_desk.room:
            return on_desk
        first = beside[0]
        return OnDesk(on_desk.message, first.opening, first.room, on_desk.precedence, on_desk.delivered_at, on_desk.step)

    def _index_all(self) -> None:
        """Order all that lies here anew; also in order of arrival after a restart."""
        self._clear()
        for on_desk in sorted(self.now.values(), key=_delivered_at):
            self._by_opening.setdefault(on_desk.opening, []).append(on_desk)
            self._queue(on_desk)

    def _queue(self, on_desk: OnDesk) -> None:
        queue = self._queues.setdefault((on_desk.precedence, on_desk.step), deque())
        self._places += 1
        if not queue or queue[-1].delivered_at <= on_desk.delivered_at:
            queue.append(on_desk)
        else:  # our clock was set back
            insort(queue, on_desk, key=_delivered_at)


def _delivered_at(on_desk: OnDesk) -> int:
    return on_desk.delivered_at
