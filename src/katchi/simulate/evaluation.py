"""The first question's answer at many values of the inputs: solved exactly, or sampled with the same chance at each point.

What is common to many points (the same seats, the same outages) is unfolded or compiled once; between them only times differ.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from katchi.errors import Refused
from katchi.network.arrays import Arrays, compiled
from katchi.network.model import Network, Question
from katchi.simulate.runs import sampler
from katchi.simulate.template import Template
from katchi.simulate.varied import Key, retimed, varied

EFFORT_S_MAX = 0.02  # of one point solved exactly


class Output(NamedTuple):
    """What one point comes to."""

    probability: float
    mean_s: float  # inf or NaN where it may never finish


class Structure(NamedTuple):
    """All points with the same seats and the same outages: one network, of which only times differ."""

    network: Network
    keys: tuple[Key, ...]  # those whose times drive a rate


class Evaluation:
    """Answers the first question at any values of the inputs; what is common to many points is made once."""

    def __init__(self, network: Network, question: Question, keys: Sequence[Key]) -> None:
        self.network, self.question, self.keys = network, question, tuple(keys)
        self._structures: dict[tuple[float, ...], Structure] = {}

    def structure(self, values: Mapping[Key, float]) -> tuple[tuple[float, ...], Structure]:
        """Return what tells a structure from others, and the structure of these values."""
        fixed = {key: value for key, value in values.items() if key[0] == "posts" or self._makes_or_ends_outages(key, value)}
        sign = tuple(value if key[0] == "posts" else float(value == 0) for key, value in values.items() if key in fixed)
        if sign not in self._structures:
            network = varied(self.network, fixed)
            never_down = {bearer.name for bearer in network.bearers if not bearer.has_outages}
            driven = [key for key in self.keys if key[0] == "stages" or (key[0] == "bearers" and key[1] not in never_down)]
            self._structures[sign] = Structure(network, tuple(driven))
        return sign, self._structures[sign]

    def _makes_or_ends_outages(self, key: Key, value: float) -> bool:
        return key[0] == "bearers" and (value == 0 or not next(b for b in self.network.bearers if b.name == key[1]).has_outages)


class Exactly(Evaluation):
    """Solves every point."""

    def __init__(self, network: Network, question: Question, keys: Sequence[Key]) -> None:
        super().__init__(network, question, keys)
        self._templates: dict[tuple[float, ...], Template] = {}

    def __call__(self, values: Mapping[Key, float]) -> Output:
        """Return the output at a point.

        Raises:
            Refused: there is no exact answer, or it takes too long.
        """
        sign, structure = self.structure(values)
        if sign not in self._templates:
            self._templates[sign] = Template(structure.network, self.question.stage, structure.keys)
        chain = self._templates[sign].chain(values)
        if chain.states and chain.effort_s(self.question.by_s) > EFFORT_S_MAX:
            raise Refused(
                "no exact indices: {states} states take too long to be solved at every point",
                hint="The sampled answer and its interval stand.",
                states=chain.states,
            )
        return Output(chain.probability_by(self.question.by_s), chain.mean_s())


class Sampled(Evaluation):
    """Plays the same runs at every point."""

    def __init__(self, network: Network, question: Question, keys: Sequence[Key], seed: int, runs: int) -> None:
        super().__init__(network, question, keys)
        self.seed, self.runs = seed, runs
        self.column = network.questions.index(question)
        self._arrays: dict[tuple[float, ...], Arrays] = {}
        self.sample, self.engine = sampler()

    def __call__(self, values: Mapping[Key, float]) -> Output:
        """Return the output at a point."""
        sign, structure = self.structure(values)
        if sign not in self._arrays:
            self._arrays[sign] = compiled(structure.network)
        tally = self.sample(retimed(self._arrays[sign], structure.network, values), self.seed, 0, self.runs)
        finished = int(tally.finished[self.column])
        mean_s = float(tally.total[self.column]) / finished if finished == self.runs else math.inf
        return Output(int(tally.hits[self.column]) / self.runs, mean_s)


def in_order(at: Exactly | Sampled, values: Iterator[Mapping[Key, float]], threads: int) -> Iterator[Output]:
    """Yield the output at each point, in their order; a few are in work ahead."""
    if threads == 1:
        yield from map(at, values)
        return
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[Future[Output]] = deque()
        try:
            for one in values:
                at.structure(one)
                ahead.append(pool.submit(at, one))
                if len(ahead) > 8 * threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
