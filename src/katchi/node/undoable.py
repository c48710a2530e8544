"""A mapping whose changes can be taken back, until the batch that they belong to is durable."""

from __future__ import annotations

from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Undoable(Generic[Key, Value]):
    """A mapping whose changes since the last `keep` can be taken back."""

    def __init__(self) -> None:
        self.now: dict[Key, Value] = {}
        self._before: dict[Key, Value | None] = {}

    def get(self, key: Key) -> Value | None:
        """Return the value, or None."""
        return self.now.get(key)

    def set(self, key: Key, value: Value | None) -> None:
        """Set the value; None removes it."""
        self._before.setdefault(key, self.now.get(key))
        if value is None:
            self.now.pop(key, None)
        else:
            self.now[key] = value

    @property
    def changed(self) -> list[Key]:
        """The keys whose value is another than at the last `keep`."""
        return [key for key, before in self._before.items() if self.now.get(key) is not before]

    def keep(self) -> None:
        """The changes are durable."""
        self._before.clear()

    def take_back(self) -> None:
        """The changes never happened."""
        for key, value in self._before.items():
            if value is None:
                self.now.pop(key, None)
            else:
                self.now[key] = value
        self._before.clear()
