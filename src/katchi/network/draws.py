"""What chance decides in one run, in plain Python, with the same bits as the kernel: lengths, alternatives, outages.

Every number hangs on seed and run alone, never on what happened before it in the run: so whoever plays a run in another way
(rehearse/, on real nodes) meets the same chance. A bearer's outages are drawn as far ahead as a transmission needs them.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from katchi.network import chance
from katchi.network.laws import CONSTANT, ERLANG, EXPONENTIAL, LOGNORMAL, NONE, PERT, TRIANGULAR, UNIFORM


class Switch:
    """What goes up and down in one run, drawn as far as needed."""

    def __init__(self, up_mean: float, down_mean: float, stream: chance.Stream, given: Sequence[float] = ()) -> None:
        self.means, self.stream, self.given = (up_mean, down_mean), stream, given
        self.drawn = 0
        self.down_first = self._uniform() >= up_mean / (up_mean + down_mean)
        self.turns: list[float] = []
        self._draw()

    def _uniform(self) -> float:
        self.drawn += 1
        return self.given[self.drawn - 1] if self.drawn <= len(self.given) else self.stream.uniform()

    def _draw(self) -> None:
        last = self.turns[-1] if self.turns else 0.0
        mean = self.means[(len(self.turns) + self.down_first) % 2]
        self.turns.append(last + mean * -chance.log(self._uniform()))

    def at(self, time: float) -> tuple[bool, float]:
        """Return whether it is up just after `time`, and until when it stays so."""
        while self.turns[-1] <= time:
            self._draw()
        turn = bisect_right(self.turns, time)
        return (turn + self.down_first) % 2 == 0, self.turns[turn]


class Draws:
    """What chance decides in one run: how long a stage takes, which alternative follows, when a bearer is up."""

    def __init__(self, flat: Any, key: int, given: Sequence[float]) -> None:
        self.flat, self.key = flat, key
        count, exponential, _ = flat.sizes
        stream = chance.Stream(key, 0)
        self.numbers = list(given[:count]) if given else [stream.uniform() for _ in range(count)]
        self.numbers[:exponential] = [-chance.log(u) for u in self.numbers[:exponential]]
        self.turn_numbers = given[count:]
        self.factors = [
            chance.exp(sigma * chance.normal(self.numbers[draw]) - 0.5 * (sigma * sigma))
            for sigma, draw in zip(flat.sigma, flat.factor_draw, strict=True)
        ]
        self._switches: dict[int, Switch] = {}

    def switch(self, number: int) -> Switch:
        """Return a bearer's own switch or a cause's."""
        if number not in self._switches:
            flat = self.flat
            each = len(self.turn_numbers) // max(len(flat.up_mean), 1)
            given = self.turn_numbers[number * each : (number + 1) * each]
            stream = chance.Stream(self.key, flat.stream[number])
            self._switches[number] = Switch(flat.up_mean[number], flat.down_mean[number], stream, given)
        return self._switches[number]

    def bearer_at(self, bearer: int, time: float) -> tuple[bool, float]:
        """Return whether a bearer is up just after `time`, and a time until which that is sure (inf: for ever)."""
        flat = self.flat
        states = [self.switch(flat.switch[i]).at(time) for i in range(flat.switch_first[bearer], flat.switch_first[bearer + 1])]
        for from_s, until_s in flat.cuts[flat.cut_first[bearer] : flat.cut_first[bearer + 1]]:
            if time < until_s:
                is_cut = from_s <= time
                states.append((not is_cut, until_s if is_cut else from_s))
                break
        down = [until for is_up, until in states if not is_up]
        if down:
            return False, max(down)
        return True, min([until for _, until in states], default=math.inf)

    def carried(self, bearer: int, start: float, needed: float) -> float:
        """Return when a transmission that begins at `start` has had its up-time."""
        at, left = start, needed
        while True:
            is_up, until = self.bearer_at(bearer, at)
            if is_up and at + left <= until:
                return at + left
            if is_up:
                left -= until - at
            at = until

    def branch(self, stage: int) -> int:
        """Return which alternative follows a stage, or NONE."""
        flat = self.flat
        if flat.choice[stage] == NONE:
            return NONE
        upto = flat.branch_upto[flat.branch_first[stage] : flat.branch_first[stage + 1]]
        return bisect_right(upto, self.numbers[flat.choice[stage]])

    def duration(self, stage: int) -> float:
        """Return how long a stage takes, seconds; of a transmission, how much up-time it needs."""
        factor = self.flat.factor[stage]
        return self._alone(stage) if factor == NONE else self._alone(stage) * self.factors[factor]

    def _alone(self, stage: int) -> float:
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
