"""The readable reference: plays runs of a network in plain Python, over the same arrays as the kernel and with the same bits.

One run is a list of what will finish when. The earliest is taken (of several at one moment the stage that is written first),
it gives its seat to the next in the queue, one of its alternatives is drawn, and whatever waited for it alone becomes ready. A
bearer's outages are drawn as far ahead as a transmission needs them, which is why they are no events of their own.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_right
from collections import deque
from typing import Any, NamedTuple

from katchi.network import chance
from katchi.network.arrays import (
    BIN_LOWEST,
    BIN_MANTISSA_BITS,
    BINS,
    CONSTANT,
    ERLANG,
    EXPONENTIAL,
    LOGNORMAL,
    NONE,
    PERT,
    TRANSMISSION,
    TRIANGULAR,
    UNIFORM,
    WORK,
    Arrays,
    Tally,
    empty_tally,
)


class Played(NamedTuple):
    """One run: of each stage when it was ready, began and finished (inf: never), and what it waited for last."""

    ready: list[float]
    began: list[float]
    finished: list[float]
    duration: list[float]  # of a transmission: its up-time
    cause: list[int]  # the earlier stage, or the one whose seat it took; NONE: the start

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

    def run(self, seed: int, run: int) -> Played:
        """Play run number `run` of `seed`."""
        return _Run(self._, chance.key_of(seed, run)).played()

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


class _Outages:
    """When a bearer turns from up to down and back in one run, drawn as far as needed."""

    def __init__(self, up_mean: float, down_mean: float, stream: chance.Stream) -> None:
        self.means, self.stream = (up_mean, down_mean), stream
        self.down_first = stream.uniform() >= up_mean / (up_mean + down_mean)
        self.turns: list[float] = []
        self._draw()

    def _draw(self) -> None:
        last = self.turns[-1] if self.turns else 0.0
        mean = self.means[(len(self.turns) + self.down_first) % 2]
        self.turns.append(last + mean * -chance.log(self.stream.uniform()))

    def finish(self, start: float, needed: float) -> float:
        """Return when a transmission that begins at `start` has had its up-time."""
        while self.turns[-1] <= start:
            self._draw()
        at, left = start, needed
        turn = bisect_right(self.turns, start)  # the next turn is behind `start`
        while True:
            is_up = (turn + self.down_first) % 2 == 0
            if is_up and at + left <= self.turns[turn]:
                return at + left
            if is_up:
                left -= self.turns[turn] - at
            at = self.turns[turn]
            turn += 1
            if turn == len(self.turns):
                self._draw()


class _Run:
    def __init__(self, flat: Any, key: int) -> None:
        self.flat, self.key = flat, key
        stream = chance.Stream(key, 0)
        drawn, exponential, _ = flat.sizes
        self.numbers = [stream.uniform() for _ in range(drawn)]
        self.numbers[:exponential] = [-chance.log(u) for u in self.numbers[:exponential]]
        n = len(flat.kind)
        self.need = list(flat.need)
        self.seats = list(flat.seats)
        self.queues: list[deque[int]] = [deque() for _ in flat.seats]
        self.outages: dict[int, _Outages] = {}
        self.due: list[tuple[float, int]] = []
        never = [math.inf] * n
        self.result = Played(never[:], never[:], never[:], [0.0] * n, [NONE] * n)

    def played(self) -> Played:
        for stage, need in enumerate(self.flat.need):
            if need == 0:
                self._ready(stage, 0.0, NONE)
        while self.due:
            now, stage = heapq.heappop(self.due)
            self._finish(stage, now)
        return self.result

    def _ready(self, stage: int, now: float, cause: int) -> None:
        self.result.ready[stage] = now
        if self.flat.kind[stage] == WORK:
            post = self.flat.place[stage]
            if self.seats[post] == 0:
                self.queues[post].append(stage)
                return
            self.seats[post] -= 1
        self._begin(stage, now, cause)

    def _begin(self, stage: int, now: float, cause: int) -> None:
        duration = self._duration(stage)
        self.result.began[stage], self.result.duration[stage], self.result.cause[stage] = now, duration, cause
        if self.flat.kind[stage] == TRANSMISSION:
            finish = self._carried(self.flat.place[stage] - len(self.flat.seats), now, duration)
        else:
            finish = now + duration
        heapq.heappush(self.due, (finish, stage))

    def _carried(self, bearer: int, now: float, duration: float) -> float:
        up, down = self.flat.up_mean[bearer], self.flat.down_mean[bearer]
        if down == 0.0:
            return now + duration
        if bearer not in self.outages:
            self.outages[bearer] = _Outages(up, down, chance.Stream(self.key, 1 + bearer))
        return self.outages[bearer].finish(now, duration)

    def _finish(self, stage: int, now: float) -> None:
        flat = self.flat
        self.result.finished[stage] = now
        if flat.kind[stage] == WORK:
            post = flat.place[stage]
            if self.queues[post]:
                self._begin(self.queues[post].popleft(), now, stage)
            else:
                self.seats[post] += 1
        taken = NONE
        if flat.choice[stage] != NONE:
            upto = flat.branch_upto[flat.branch_first[stage] : flat.branch_first[stage + 1]]
            taken = bisect_right(upto, self.numbers[flat.choice[stage]])
        for edge in range(flat.edge_first[stage], flat.edge_first[stage + 1]):
            if flat.edge_branch[edge] in (NONE, taken):
                later = flat.edge_to[edge]
                self.need[later] -= 1
                if self.need[later] == 0:  # below 0: an "any" that has begun
                    self._ready(later, now, stage)

    def _duration(self, stage: int) -> float:
        flat = self.flat
        law, a, b, c, draw = flat.law[stage], flat.a[stage], flat.b[stage], flat.c[stage], flat.draw[stage]
        if law == CONSTANT:
            return float(a)
        number = self.numbers[draw]
        if law == EXPONENTIAL:
            return float(a * number)
        if law == ERLANG:
            for other in self.numbers[draw + 1 : draw + flat.draws[stage]]:
                number += other
            return float(a * number)
        if law == LOGNORMAL:
            return float(a * chance.exp(b * chance.normal(number)))
        if law == UNIFORM:
            return float(a + b * number)
        if law == TRIANGULAR:
            if number * b < c:
                return float(a + math.sqrt(number * b * c))
            return float(a + (b - math.sqrt((1.0 - number) * b * (b - c))))
        first, size = flat.table_first[stage], flat.table_size[stage]
        if law == PERT:
            cell = first + bisect_right(flat.upto[first : first + size], number) - 1
            low, high = flat.upto[cell], flat.upto[cell + 1]
            width = flat.table[cell + 1] - flat.table[cell]
            return float(a + b * (flat.table[cell] + width * ((number - low) / (high - low))))
        return float(flat.table[first + int(number * size)])
