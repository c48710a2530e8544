"""One exact chain for many values of the inputs: unfolded and lumped once, evaluated in well under a millisecond.

Every rate is a number times the multiple of one input (`varied.Key`), and the chance of what is up at the start follows from
the inputs too. States are lumped that have, for each input apart, equal rates to every other group of states: so they are equal
for all values of the inputs, and the chain of any values has the answer of the network with these values. What is not named as
an input is a number, and its rates may add up.

Source: Kemeny and Snell (1960), section 6.3, for lumping.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from katchi.errors import Refused
from katchi.network.model import Network
from katchi.simulate.chain import Chain, Floats, Integers
from katchi.simulate.unfolding import FINISH, Unfolded, unfolded
from katchi.simulate.varied import Key, now_of

STATES_MAX = 20_000  # lumped
SAME_RATE_BITS = 15  # of 52 that are ignored where rates are compared: sums in another order differ in the last ones


class Template:
    """The chain that ends when one stage of a network finishes, for any values of some inputs."""

    def __init__(self, network: Network, stage: str, keys: Sequence[Key] = ()) -> None:
        """Unfold and lump a network.

        Args:
            network: the values of all that is not varied, and the structure.
            stage: whose finish ends the chain.
            keys: the inputs that may be given other values: means of stages (before copies), up and down means of bearers.
        Raises:
            Refused: something that may touch the stage is neither exponential nor Erlang (or what else unfolding.py refuses),
                or there are too many states.
        """
        self.keys = tuple(keys)
        whole = unfolded(network, stage, self.keys)
        self._now = np.array([1.0, *(now_of(network, key) for key in self.keys)])
        self._parts, self._unfolded = whole.parts, whole.states
        block = lumped(whole)
        self.states = int(block.max()) + 1 if len(block) else 0
        if self.states > STATES_MAX:
            raise Refused(
                "no exact answer: the network has more than {limit} states",
                hint="The sampled answer and its interval stand.",
                limit=STATES_MAX,
            )
        first = np.full(self.states, -1)
        first[block[::-1]] = np.arange(len(block))[::-1]  # of each block its first state
        origin, to, label, rate = _columns(whole)
        kept = first[block[origin]] == origin if len(origin) else np.zeros(0, bool)
        origin, to, label, rate = block[origin[kept]], to[kept], label[kept], rate[kept]
        inside = to != FINISH
        self._end = origin[~inside], label[~inside], rate[~inside]
        origin, to, label, rate = origin[inside], block[to[inside]], label[inside], rate[inside]
        other = origin != to
        self._move = origin[other], to[other], label[other], rate[other]
        self._starts = []
        for on, places in whole.starts.items():
            at = np.zeros(self.states)
            for place, probability in places.items():
                if place != FINISH:
                    at[block[place]] += probability
            self._starts.append((on, at))
        self.ends_surely = self._can_end_from_everywhere()

    def chain(self, values_s: Mapping[Key, float] | None = None) -> Chain:
        """Return the chain for these values of the inputs, seconds; as the network has them where none is given."""
        values = np.array([1.0, *((values_s or {}).get(key, now) for key, now in zip(self.keys, self._now[1:], strict=True))])
        times = self._now / values  # how many times faster each input makes its rates
        origin, to, label, rate = self._move
        end, end_label, end_rate = self._end
        return Chain(
            start=self._start(times),
            origin=origin,
            to=to,
            rate=rate * times[label],
            ends=np.bincount(end, weights=end_rate * times[end_label], minlength=self.states).astype(np.float64),
            ends_surely=self.ends_surely,
            unfolded=self._unfolded,
        )

    def _start(self, times: Floats) -> Floats:
        up = []
        for part in self._parts:
            up_s, down_s = part.up_mean_s / times[part.labels[0]], part.down_mean_s / times[part.labels[1]]
            up.append(up_s / (up_s + down_s))
        start = np.zeros(self.states)
        for on, at in self._starts:
            chance = 1.0
            for share, one in zip(up, on, strict=True):
                chance *= share if one else 1.0 - share
            start += chance * at
        return start

    def _can_end_from_everywhere(self) -> bool:
        origin, to = self._move[0], self._move[1]
        ends = np.zeros(self.states, bool)
        ends[self._end[0]] = True
        while True:
            wider = ends.copy()
            np.logical_or.at(wider, origin, ends[to])
            if (wider == ends).all():
                return bool(ends.all())
            ends = wider


def lumped(whole: Unfolded) -> NDArray[np.int64]:
    """Return the block of each state: the coarsest partition in which states of one block have, label by label, the same
    rate to every other block.
    """
    origin, to, label, rate = _columns(whole)
    labels = int(label.max(initial=0)) + 1
    block, count = np.zeros(whole.states, np.int64), min(whole.states, 1)
    while True:
        target = np.where(to == FINISH, 0, block[to] + 1)
        leaves = target != block[origin] + 1
        way = target[leaves] * labels + label[leaves]
        order = np.lexsort((way, origin[leaves]))
        who, way, fast = origin[leaves][order], way[order], rate[leaves][order]
        begins = np.flatnonzero(np.concatenate([[True], (who[1:] != who[:-1]) | (way[1:] != way[:-1])])) if len(who) else who
        sums = np.add.reduceat(fast, begins) if len(who) else fast
        signs = np.stack([way[begins], _coarse(sums)], axis=1)
        bounds = np.searchsorted(who[begins], np.arange(whole.states + 1))
        known: dict[tuple[int, bytes], int] = {}
        refined = np.empty(whole.states, np.int64)
        for i in range(whole.states):
            sign = int(block[i]), signs[bounds[i] : bounds[i + 1]].tobytes()
            refined[i] = known.setdefault(sign, len(known))
        block = refined
        if len(known) == count:
            return block
        count = len(known)


def _coarse(rates: Floats) -> Integers:
    """Return whole numbers that are equal where rates are but for their last bits."""
    return np.ascontiguousarray(rates + 0.0).view(np.int64) + (1 << (SAME_RATE_BITS - 1)) >> SAME_RATE_BITS


def _columns(whole: Unfolded) -> tuple[Integers, Integers, Integers, Floats]:
    if not whole.moves:
        none = np.zeros(0, np.int64)
        return none, none, none, np.zeros(0)
    origin, to, label, rate = zip(*whole.moves, strict=True)
    whole_numbers = [np.array(column, np.int64) for column in (origin, to, label)]
    return whole_numbers[0], whole_numbers[1], whole_numbers[2], np.array(rate, np.float64)
