"""A simulated wire between two stations, and the weather that decides what it does to frames.

Frames leave one after the other, as fast as the wire is wide, and arrive in the order in which they were sent. The weather loses
some, carries some twice, and lets some fall behind: only these arrive out of order. What a cut wire or a new session drops
is world.py's.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec

from katchi.link.flight import SECOND

LATE_US_MAX = 2 * SECOND  # how far a frame may fall behind


class Weather(msgspec.Struct, frozen=True):
    """How wires treat frames: probabilities per frame, delays in microseconds."""

    loss: float = 0.0
    repetition: float = 0.0
    reorder: float = 0.0
    delay_us: tuple[int, int] = (1_000, 20_000)
    bytes_per_s: int | None = None  # None: as wide as need be


class Wire:
    """What lies between two stations: up or cut, and how it treats frames."""

    def __init__(self, one: str, other: str) -> None:
        self.ends = (one, other)
        self.is_cut = False
        self.session = 0  # frames of an earlier session never arrive
        self.dialled_at: int | None = None
        self.free_at = {one: 0, other: 0}  # by sender: when the last byte handed over has left
        self.arrives_at = {one: 0, other: 0}  # by sender: when the last frame in order arrives

    def other(self, ally: str) -> str:
        """The far end as seen from `ally`."""
        return self.ends[1] if ally == self.ends[0] else self.ends[0]

    def arrivals(self, sender: str, size: int, now: int, weather: Weather, chance: random.Random) -> Iterator[int]:
        """Yield when a frame that is not lost arrives, microseconds: once for each copy of it.

        Args:
            sender: the near end.
            size: of the frame, bytes.
            now: when it was handed over, microseconds.
            weather: how the wire treats it.
            chance: what decides.
        """
        copies = 2 if chance.random() < weather.repetition else 1
        for _ in range(copies):
            left_at = max(now, self.free_at[sender])
            if weather.bytes_per_s is not None:
                left_at += size * SECOND // weather.bytes_per_s
            self.free_at[sender] = left_at
            arrives_at = max(left_at + chance.randint(*weather.delay_us), self.arrives_at[sender])
            if chance.random() < weather.reorder:
                arrives_at += chance.randint(0, LATE_US_MAX)
            else:
                self.arrives_at[sender] = arrives_at
            yield arrives_at
