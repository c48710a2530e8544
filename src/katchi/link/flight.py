"""What is on its way to one peer: how much may be, how fast it is taken, when to send it again."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

SECOND = 1_000_000
REWIND_AFTER_US_MIN, REWIND_AFTER_US_MAX = 3 * SECOND, 60 * SECOND
WINDOW_BYTES_MIN, WINDOW_BYTES_MAX = 64 * 1024, 4 * 1024 * 1024


class Flight:
    """Runs of entries that were sent and are not acknowledged, oldest first.

    At most about one second's worth is in flight, by the measured rate: so that an urgent message
    waits no longer than that behind what was sent before it.
    """

    def __init__(self, now: int) -> None:
        self._runs: deque[tuple[Hashable, int, int]] = deque()  # (branch, its length after the run, bytes)
        self._bytes = 0
        self._rate = 1024 * 1024  # bytes/s that the peer takes
        self._measured_at = now
        self._progress_at = now
        self._rewind_after = REWIND_AFTER_US_MIN

    @property
    def window(self) -> int:
        """Bytes that may be in flight."""
        return min(max(self._rate, WINDOW_BYTES_MIN), WINDOW_BYTES_MAX)

    @property
    def has_room(self) -> bool:
        """True while more may be sent."""
        return self._bytes < self.window

    @property
    def is_empty(self) -> bool:
        """True if all that was sent is acknowledged."""
        return not self._runs

    def sent(self, branch: Hashable, length: int, size: int, now: int) -> None:
        """Note a run of `size` bytes that brings the peer's `branch` to `length`."""
        if not self._runs:
            self._measured_at = self._progress_at = now
        self._runs.append((branch, length, size))
        self._bytes += size

    def landed(self, held: dict[Hashable, int], now: int) -> None:
        """Take off what the peer holds now, and measure how fast it takes it."""
        landed = 0
        while self._runs and held.get(self._runs[0][0], 0) >= self._runs[0][1]:
            landed += self._runs.popleft()[2]
        if landed:
            self._bytes -= landed
            elapsed = max(now - self._measured_at, 1000)
            self._rate = (self._rate + landed * SECOND // elapsed) // 2
            self._measured_at = now
            self.progressed(now)

    def progressed(self, now: int) -> None:
        """Note that the peer gave something of what we wait for."""
        self._progress_at, self._rewind_after = now, REWIND_AFTER_US_MIN

    def waits_from(self, now: int) -> None:
        """Begin to wait for something that is not a run, if nothing was awaited before."""
        if not self._runs:
            self._progress_at = max(self._progress_at, now)

    def clock_is(self, now: int) -> None:
        """Take no time for later than now: our clock may have been set back."""
        self._progress_at, self._measured_at = min(self._progress_at, now), min(self._measured_at, now)

    @property
    def silent_at(self) -> int:
        """When the silence has lasted too long and all must be sent again."""
        return self._progress_at + self._rewind_after

    def rewound(self, now: int) -> None:
        """Forget what is in flight, and wait twice as long for the next answer."""
        self._runs.clear()
        self._bytes = 0
        self._progress_at = now
        self._rewind_after = min(2 * self._rewind_after, REWIND_AFTER_US_MAX)
