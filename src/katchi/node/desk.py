"""Messages that no one here has read yet, by consultation and by when they go to the next post."""

from __future__ import annotations

import heapq

from katchi.consult.duty import Duty, OnDesk
from katchi.node.undoable import Undoable


class Desk(Undoable[bytes, OnDesk]):
    """The unread messages of one node. Cost grows with what is overdue or asked for, not with what lies here."""

    def __init__(self, duty: Duty) -> None:
        super().__init__()
        self._duty = duty
        self._by_opening: dict[bytes, dict[bytes, None]] = {}
        self._due: list[tuple[int, bytes, int]] = []  # (when, message, step); stale ones are passed over

    def set(self, key: bytes, value: OnDesk | None) -> None:
        """See Undoable.set."""
        before = self.now.get(key)
        super().set(key, value)
        if value is not None:
            self._index(value)
        elif before is not None:
            self._by_opening.get(before.opening, {}).pop(key, None)

    def load(self, on_desk: OnDesk) -> None:
        """Lay a message that is durable already."""
        self.now[on_desk.message] = on_desk
        self._index(on_desk)

    def take_back(self) -> None:
        """See Undoable.take_back."""
        super().take_back()
        self._by_opening.clear()
        self._due.clear()
        for on_desk in self.now.values():
            self._index(on_desk)

    def unread(self, opening: bytes) -> list[bytes]:
        """Return the unread messages of a consultation, in order of arrival."""
        return list(self._by_opening.get(opening, ()))

    def overdue(self, now: int) -> list[OnDesk]:
        """Return the messages that go to the next post by `now`."""
        found: list[OnDesk] = []
        while self._due and self._due[0][0] <= now:
            _, message, step = heapq.heappop(self._due)
            on_desk = self.now.get(message)
            if on_desk is not None and on_desk.step == step:
                found.append(on_desk)
        return found

    def next_due(self) -> int | None:
        """Return when the next message goes to the next post, microseconds UTC."""
        while self._due:
            due, message, step = self._due[0]
            on_desk = self.now.get(message)
            if on_desk is not None and on_desk.step == step:
                return due
            heapq.heappop(self._due)
        return None

    def _index(self, on_desk: OnDesk) -> None:
        self._by_opening.setdefault(on_desk.opening, {})[on_desk.message] = None
        due = on_desk.due_at(self._duty)
        if due is not None:
            heapq.heappush(self._due, (due, on_desk.message, on_desk.step))
