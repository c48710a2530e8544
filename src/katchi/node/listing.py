"""A list that a screen shows the first of: facts in the order of their keys, and how many there are.

It lives in the store alone, so neither memory nor start grows with it. What a batch changes lies
beside it until the batch is durable.
"""

from __future__ import annotations

from katchi.node.batch import Reader


class Listing:
    """Facts `NAME/KEY`, and fact `NAME`: their number. Changes since the last `keep` can be taken back."""

    def __init__(self, store: Reader, name: str) -> None:
        self._store, self._name, self._prefix = store, name, f"{name}/"
        held = store.fact(name)
        self.is_known = held is not None  # false in a store that has never had this list
        self.total = int.from_bytes(held or b"", "big")
        self._total_before = self.total
        self._is_written = False
        self._changed: dict[str, bytes | None] = {}

    def get(self, key: str) -> bytes | None:
        """Return one line, durable or in the batch."""
        return self._changed[key] if key in self._changed else self._store.fact(self._prefix + key)

    def set(self, key: str, value: bytes | None) -> None:
        """Set one line; None takes it off."""
        before = self.get(key)
        if before != value:
            self.total += (value is not None) - (before is not None)
            self._changed[key] = value

    def add(self, key: str, value: bytes) -> None:
        """Set a line that cannot be there yet: nothing is looked up."""
        self.total += 1
        self._changed[key] = value

    def first(self, limit: int, *, within: str = "", after: str | None = None) -> list[tuple[str, bytes]]:
        """Return at most `limit` lines in the order of their keys: those that begin with `within`, after `after`."""
        start = within if after is None else f"{after}\0"
        durable = self._store.facts_from(self._prefix + within, self._prefix + start, limit + len(self._changed))
        lines: dict[str, bytes | None] = {key[len(self._prefix) :]: value for key, value in durable}
        if self._changed:
            is_all = len(lines) < limit + len(self._changed)
            last = max(lines, default="")
            for key, value in self._changed.items():
                if key.startswith(within) and key >= start and (is_all or key <= last):
                    lines[key] = value
        return [(key, value) for key in sorted(lines) if (value := lines[key]) is not None][:limit]

    def write(self, facts: dict[str, bytes | None]) -> None:
        """Add the changes to a batch's facts."""
        for key, value in self._changed.items():
            facts[self._prefix + key] = value
        if self._changed or (facts and not self.is_known):
            facts[self._name] = self.total.to_bytes(8, "big")
            self._is_written = True

    def keep(self) -> None:
        """The changes are durable."""
        self._total_before = self.total
        self.is_known = self.is_known or self._is_written
        self._changed.clear()

    def take_back(self) -> None:
        """The changes never happened."""
        self.total = self._total_before
        self._changed.clear()
