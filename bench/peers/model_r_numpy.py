"""Model R in plain NumPy: all runs of a batch at once, written for this one network."""

from __future__ import annotations

import numpy as np

TOPICS, TURNS = 3, 24


def times_h(runs: int, chance: np.random.Generator) -> np.ndarray:
    """Return how long each run takes, hours, shape (runs,)."""
    down_first = chance.random(runs) >= 6.0 / 6.5
    lengths = np.empty((runs, TURNS))
    for turn in range(TURNS):
        lengths[:, turn] = chance.exponential(np.where((turn + down_first) % 2 == 1, 0.5, 6.0))
    turns = np.cumsum(lengths, axis=1)

    def carried(at: np.ndarray, left: np.ndarray) -> np.ndarray:
        finish = np.full(runs, np.inf)
        at, left = at.copy(), left.copy()
        for turn in range(TURNS):
            ends = turns[:, turn]
            goes_on = (ends > at) & np.isinf(finish)
            if not goes_on.any():
                continue
            is_up = goes_on & ((turn + down_first) % 2 == 0)
            fits = is_up & (at + left <= ends)
            finish = np.where(fits, at + left, finish)
            rest = goes_on & ~fits
            left = np.where(is_up & rest, left - (ends - at), left)
            at = np.where(rest, ends, at)
            if not np.isinf(finish).any():
                break
        return finish

    def at_two_seats(ready: np.ndarray, mean: float) -> np.ndarray:
        free = np.zeros((runs, 2))
        done = np.empty((runs, TOPICS))
        every = np.arange(runs)
        for topic in range(TOPICS):
            seat = free.argmin(axis=1)
            done[:, topic] = np.maximum(free[every, seat], ready[:, topic]) + chance.exponential(mean, runs)
            free[every, seat] = done[:, topic]
        return done

    prepared = at_two_seats(np.zeros((runs, TOPICS)), 0.75)
    sent = np.stack([carried(prepared[:, i], chance.exponential(0.1, runs)) for i in range(TOPICS)], axis=1)
    studied = at_two_seats(np.sort(sent, axis=1), 1.0)
    back = np.stack([carried(studied[:, i], chance.exponential(0.1, runs)) for i in range(TOPICS)], axis=1).max(axis=1)
    principals = chance.exponential(0.5, (runs, 2)).max(axis=1)
    return back + principals + chance.exponential(0.5, runs)
