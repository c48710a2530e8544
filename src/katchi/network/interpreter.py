"""The readable reference: plays runs of a network in plain Python, over the same arrays as the kernel and with the same bits.

One run is a list of what will finish when. The earliest is taken (of several at one moment the stage that is written first),
it gives its seat to the next in the queue, one of its alternatives is drawn, and whatever waited for it alone becomes ready.
Outages are no events: draws.py says when a transmission that begins now will have had its up-time. A change of seats comes
before whatever finishes at the same moment.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from katchi.network import chance
from katchi.network.arrays import (
    BIN_LOWEST,
    BIN_MANTISSA_BITS,
    BINS,
    TRANSMISSION,
    WORK,
    Arrays,
    Tally,
    empty_tally,
)
from katchi.network.draws import Draws
from katchi.network.laws import NONE


class Played(NamedTuple):
    """One run: of each stage when it was ready, began and finished (inf: never), and what it waited for last."""

    ready: list[float]
    began: list[float]
    finished: list[float]
    duration: list[float]  # of a transmission: its up-time
    cause: list[int]  # the earlier stage, or the one whose seat it took; NONE: the start
    shift: list[float]  # how long it waited, at the last, for a shift that gave it a seat; it began when that wait did

    def chain(self, stage: int) -> list[int]:
        """Return the critical chain that ends with `stage`, last first; empty if it never finished."""
        found = []
        at = stage if self.finished[stage] < math.inf else NONE
        while at != NONE:
            found.append(at)
            at = self.cause[at]
        return found


class Interpreter:
    """Plays runs of one network."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        self._: Any = Arrays(*(array.tolist() for array in arrays))  # plain Python numbers

    def run(self, seed: int, run: int, given: Sequence[float] = ()) -> Played:
        """Play run number `run` of `seed`.

        Args:
            seed: 0 to 2^64 - 1.
            run: 0 to 2^64 - 1.
            given: uniform numbers to play instead of chance: the run's D, then as many for each switch's turns as there are.
        """
        return Run(Draws(self._, chance.key_of(seed, run), given)).played()

    def draws(self, seed: int, run: int) -> Draws:
        """Return what chance decides in a run, for whoever plays it in another way."""
        return Draws(self._, chance.key_of(seed, run), ())

    def tally(self, seed: int, first: int, count: int) -> Tally:
        """Play runs `first` to `first + count - 1` and add them up."""
        tally = empty_tally(self.arrays)
        for number in range(first, first + count):
            self._add(tally, self.run(seed, number))
        tally.runs[0] = count
        return tally

    def _add(self, tally: Tally, played: Played) -> None:
        flat = self._
        for question, (stage, by) in enumerate(zip(flat.asked, flat.by, strict=True)):
            at = played.finished[stage]
            if at == math.inf:
                continue
            tally.hits[question] += at <= by
            tally.finished[question] += 1
            tally.total[question] += at
            tally.squares[question] += at * at
            tally.bins[question, bin_of(at)] += 1
        places, groups = set(), set()
        for stage in played.chain(flat.asked[0]):
            span = played.finished[stage] - played.began[stage]
            place = flat.place[stage]
            groups.add(flat.group[stage])
            tally.group_time[flat.group[stage]] += span
            if place != NONE:
                places.add(place)
                tally.place_time[place] += span
            if flat.kind[stage] == TRANSMISSION:
                tally.outage_time[place] += span - played.duration[stage]
            elif flat.kind[stage] == WORK:
                tally.outage_time[place] += played.shift[stage]
        for group in groups:
            tally.group_hits[group] += 1
        for place in places:
            tally.place_hits[place] += 1


def bin_of(at_s: float) -> int:
    """Return the bin of a time: its power of two, and which 128th of that."""
    if at_s <= 0.0:
        return 0
    mantissa, exponent = math.frexp(at_s)  # mantissa in [1/2, 1)
    within = int((2.0 * mantissa - 1.0) * (1 << BIN_MANTISSA_BITS))
    return min(max((exponent - 1 - BIN_LOWEST << BIN_MANTISSA_BITS) + within, 0), BINS - 1)


class Run:
    """One run as it goes on, event by event. rehearse/ plays it too: there `finish` waits for what is written to arrive."""

    def __init__(self, draws: Draws) -> None:
        self.draws, self.flat = draws, draws.flat
        flat = self.flat
        n = len(flat.kind)
        self.need = list(flat.need)
        self.seats = list(flat.seats)
        self.queues: list[deque[tuple[int, int]]] = [deque() for _ in flat.seats]  # (stage, what made it ready)
        self.due: list[tuple[float, int]] = []
        self.shift = 0  # the next change of seats
        never = [math.inf] * n
        self.result = Played(never[:], never[:], never[:], [0.0] * n, [NONE] * n, [0.0] * n)

    def played(self) -> Played:
        """Play it to its end."""
        self.start()
        while self.next_at < math.inf:
            self.step()
        return self.result

    def start(self) -> None:
        """Let begin what waits for nothing."""
        for stage, need in enumerate(self.flat.need):
            if need == 0:
                self.ready(stage, 0.0, NONE)

    @property
    def next_at(self) -> float:
        """When the next event is; inf: there is none."""
        return min(self._shift_at, self.due[0][0] if self.due else math.inf)

    @property
    def _shift_at(self) -> float:
        """When the next change of seats is that may matter."""
        matters = self.shift < len(self.flat.shift_at) and self.goes_on
        return float(self.flat.shift_at[self.shift]) if matters else math.inf

    @property
    def goes_on(self) -> bool:
        """Whether anything is still to begin or to finish."""
        return bool(self.due) or any(self.queues)

    def step(self) -> None:
        """Let the next event happen."""
        if self._shift_at <= (self.due[0][0] if self.due else math.inf):
            self.change_seats()
        else:
            now, stage = heapq.heappop(self.due)
            self.finish(stage, now)

    def change_seats(self) -> None:
        """Let the next change of seats happen."""
        flat, shift = self.flat, self.shift
        self.shift += 1
        post, now = flat.shift_post[shift], flat.shift_at[shift]
        self.seats[post] += flat.shift_by[shift]
        while self.seats[post] > 0 and self.queues[post]:
            self.seats[post] -= 1
            stage, cause = self.queues[post].popleft()
            self.begin(stage, now, cause)
            ready = self.result.ready[stage]
            self.result.began[stage], self.result.shift[stage] = ready, now - ready

    def come(self, stage: int, now: float, cause: int) -> None:
        """Note that one of the stages that `stage` waits for is done."""
        self.need[stage] -= 1
        if self.need[stage] == 0:  # below 0: an "any" that has begun
            self.ready(stage, now, cause)

    def ready(self, stage: int, now: float, cause: int) -> None:
        """Let a stage begin that waits for no other, or queue for a seat."""
        self.result.ready[stage] = now
        if self.flat.kind[stage] == WORK:
            post = self.flat.place[stage]
            if self.seats[post] <= 0:
                self.queues[post].append((stage, cause))
                return
            self.seats[post] -= 1
        self.begin(stage, now, cause)

    def begin(self, stage: int, now: float, cause: int) -> None:
        """Let a stage begin."""
        duration = self.draws.duration(stage)
        self.result.began[stage], self.result.duration[stage], self.result.cause[stage] = now, duration, cause
        finish = now + duration
        if self.flat.kind[stage] == TRANSMISSION:
            finish = self.draws.carried(self.flat.place[stage] - len(self.flat.seats), now, duration)
        heapq.heappush(self.due, (finish, stage))

    def finish(self, stage: int, now: float) -> None:
        """Let a stage finish: its seat is free, and what waited for it alone is ready."""
        self.result.finished[stage] = now
        self.release(stage, now)
        for later in self.followers(stage):
            self.come(later, now, stage)

    def release(self, stage: int, now: float) -> None:
        """Give the seat of a stage to the next in the queue."""
        if self.flat.kind[stage] == WORK:
            post = self.flat.place[stage]
            self.seats[post] += 1
            if self.queues[post] and self.seats[post] > 0:
                self.seats[post] -= 1
                self.begin(self.queues[post].popleft()[0], now, stage)

    def followers(self, stage: int) -> list[int]:
        """Return what comes after a stage: after the alternative drawn, where it has some."""
        flat = self.flat
        taken = self.draws.branch(stage)
        edges = range(flat.edge_first[stage], flat.edge_first[stage + 1])
        return [flat.edge_to[edge] for edge in edges if flat.edge_branch[edge] in (NONE, taken)]
