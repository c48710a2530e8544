"""The exact answer, where every stage is exponential or Erlang: the time is then phase-type, and no sampling is needed.

The network is unfolded into a Markov chain: which stages are in which phase, who waits in which queue, which bearers are
up. States that cannot be told apart (the same topics in another order) are then lumped: they have equal rates to every
group of states. The probability of being done by a deadline is a matrix exponential: dense where the chain is small, else
scipy's `expm_multiply`; the expected time is a linear solve. Constants of 0 take no time and are passed through.
What is too large, or has stages of other laws, is refused with the reason; the sampled answer then stands alone.

Sources: Neuts (1981) for phase-type laws; Kemeny and Snell (1960) for lumping; Al-Mohy and Higham (2011) for
`expm_multiply`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm
from scipy.sparse import csr_array, identity
from scipy.sparse.linalg import expm_multiply, splu

from katchi.errors import Malformed, Refused
from katchi.network.model import Constant, Erlang, Exponential, Network

STATES_MAX = 20_000  # lumped
UNFOLDED_MAX = 60_000
DENSE_MAX = 400
SAME_RATE_DIGITS = 11

DONE, LATER = -1, -2  # a stage that has finished; one that waits for others (its need is counted apart)


class Answer(NamedTuple):
    """The law of the time at which a stage finishes."""

    states: int
    mean_s: float  # inf if it may never finish
    probability: float  # of having finished by the deadline asked for


class Chain:
    """The Markov chain of one stage's finish: row 0 of `generator` is the start; the rates to the finish are not in it."""

    def __init__(self, generator: csr_array, start: NDArray[np.float64], unfolded: int) -> None:
        self.generator, self.start, self.unfolded = generator, start, unfolded

    @property
    def states(self) -> int:
        """How many states it has, the finish not counted."""
        return int(self.generator.shape[0])

    def probability_by(self, time_s: float) -> float:
        """Return the probability of having finished by then; to about 1e-12."""
        if self.states == 0:
            return 1.0
        if self.states <= DENSE_MAX:
            left = self.start @ expm(self.generator.toarray() * time_s)
        else:
            left = expm_multiply(self.generator.T.tocsr() * time_s, self.start)
        return min(max(1.0 - float(left.sum()), 0.0), 1.0)

    def mean_s(self) -> float:
        """Return the expected time; inf if there are ways on which it never finishes."""
        if self.states == 0:
            return 0.0
        if self._may_never_finish():
            return math.inf
        spent = splu((-self.generator.T).tocsc()).solve(self.start)
        return float(spent.sum())

    def _may_never_finish(self) -> bool:
        leaves = -np.asarray(self.generator.sum(axis=1)).ravel()
        rate = np.abs(self.generator.diagonal())
        good = leaves > 1e-9 * np.maximum(rate, 1e-300)
        moves = (self.generator - csr_array(identity(self.states).multiply(self.generator.diagonal()))) > 0
        while True:
            wider = good | ((moves @ good.astype(np.int64)) > 0)
            if (wider == good).all():
                return not bool(good.all())
            good = wider


def answer(network: Network, question: str) -> Answer:
    """Return the exact answer to one question of the network.

    Raises:
        Malformed: no such question.
        Refused: a stage of another law, or too many states; the message says which.
    """
    asked = next((one for one in network.questions if one.name == question), None)
    if asked is None:
        raise Malformed("there is no question '{name}'", hint="The file's [questions] name them.", name=question)
    chain = chain_of(network, asked.stage)
    return Answer(chain.states, chain.mean_s(), chain.probability_by(asked.by_s))


def chain_of(network: Network, stage: str) -> Chain:
    """Return the chain that ends when `stage` finishes.

    Raises:
        Refused: a stage that it may wait for is of another law, or there are too many states.
    """
    return _lumped(*_Unfolding(network, stage).unfold())


State = tuple[tuple[int, ...], tuple[tuple[int, ...], ...], tuple[int, ...]]
"""Of each stage: phases left > 0, DONE, or LATER - need; of each post: the queue; of each bearer: 1 up, 0 down."""


class _Unfolding:
    def __init__(self, network: Network, target: str) -> None:
        self.stages = network.stages
        self.rank = {stage.name: i for i, stage in enumerate(self.stages)}
        self.target = self.rank[target]
        self.posts = {post.name: i for i, post in enumerate(network.posts)}
        self.seats = [post.seats for post in network.posts]
        self.bearers = {bearer.name: i for i, bearer in enumerate(network.bearers)}
        self.outages = [
            None if bearer.is_always_up else (1.0 / bearer.up_mean_s, 1.0 / bearer.down_mean_s) for bearer in network.bearers
        ]
        self.after: list[list[tuple[int, int | None]]] = [[] for _ in self.stages]
        needs = [0] * len(self.stages)
        for earlier, later, branch in network.edges():
            self.after[self.rank[earlier]].append((self.rank[later], branch))
            needs[self.rank[later]] += 1
        self.needs = [min(need, 1) if stage.join == "any" else need for stage, need in zip(self.stages, needs, strict=True)]
        self.law = [self._phases(i) for i in range(len(self.stages))]
        self.carried = [[i for i, stage in enumerate(self.stages) if stage.over == bearer.name] for bearer in network.bearers]

    def _phases(self, i: int) -> tuple[int, float]:
        """How many phases a stage has, and the rate of each; none for one that takes no time."""
        match self.stages[i].duration:
            case Exponential(mean):
                return 1, 1.0 / mean
            case Erlang(mean, phases):
                return phases, phases / mean
            case Constant(0.0):
                return 0, 0.0
            case other:
                raise Refused(
                    "no exact answer: stage '{name}' is {law}, neither exponential nor Erlang",
                    hint="The sampled answer and its interval stand.",
                    name=self.stages[i].name,
                    law=type(other).__name__.lower(),
                )

    def unfold(self) -> tuple[list[dict[int, float]], dict[int, float]]:
        """Return the rates from each state to each other (-1: the finish), and the probability of each state at the start."""
        number: dict[State, int] = {}
        todo: list[State] = []

        def numbered(state: State | None) -> int:
            if state is None:
                return -1
            if state not in number:
                if len(number) == UNFOLDED_MAX:
                    raise Refused(
                        "no exact answer: the network has more than {limit} states",
                        hint="The sampled answer and its interval stand.",
                        limit=UNFOLDED_MAX,
                    )
                number[state] = len(number)
                todo.append(state)
            return number[state]

        start: dict[int, float] = {}
        for probability, state in self._starts():
            place = numbered(state)
            start[place] = start.get(place, 0.0) + probability
        rates: list[dict[int, float]] = []
        for state in todo:  # grows while it is walked
            out: dict[int, float] = {}
            for rate, following in self._moves(state):
                place = numbered(following)
                out[place] = out.get(place, 0.0) + rate
            rates.append(out)
        return rates, start

    def _starts(self) -> Iterator[tuple[float, State | None]]:
        empty: State = (
            tuple(LATER - need for need in self.needs),
            tuple(() for _ in self.seats),
            tuple(1 for _ in self.bearers),
        )
        ups: list[tuple[float, tuple[int, ...]]] = [(1.0, ())]
        for outage in self.outages:
            share = 1.0 if outage is None else outage[1] / (outage[0] + outage[1])
            ups = [(p * q, (*up, on)) for p, up in ups for q, on in ((share, 1), (1.0 - share, 0)) if q > 0]
        for p, up in ups:
            for q, state in self._readied((empty[0], empty[1], up), [i for i, need in enumerate(self.needs) if need == 0]):
                yield p * q, state

    def _moves(self, state: State) -> Iterator[tuple[float, State | None]]:
        stages, queues, up = state
        for i, phases in enumerate(stages):
            if phases <= 0 or self._waits(i, queues):
                continue
            over = self.stages[i].over
            if over is not None and not up[self.bearers[over]]:
                continue
            rate = self.law[i][1]
            if phases > 1:
                yield rate, ((*stages[:i], phases - 1, *stages[i + 1 :]), queues, up)
            else:
                for p, following in self._finished(state, i):
                    yield rate * p, following
        for b, outage in enumerate(self.outages):
            if outage is not None and any(stages[i] != DONE for i in self.carried[b]):
                yield outage[0 if up[b] else 1], (stages, queues, (*up[:b], 1 - up[b], *up[b + 1 :]))

    def _waits(self, i: int, queues: tuple[tuple[int, ...], ...]) -> bool:
        at = self.stages[i].at
        return at is not None and i in queues[self.posts[at]]

    def _finished(self, state: State, i: int) -> Iterator[tuple[float, State | None]]:
        """Yield each state that may follow at once when stage `i` finishes, with its probability; None: the finish."""
        if i == self.target:
            yield 1.0, None
            return
        stages, queues, up = state
        changed = list(stages)
        changed[i] = DONE
        at = self.stages[i].at
        instant: list[int] = []
        if at is not None and queues[self.posts[at]]:
            post = self.posts[at]
            following, *rest = queues[post]
            queues = (*queues[:post], tuple(rest), *queues[post + 1 :])
            if self.law[following][0] == 0:
                instant.append(following)
        if self.carried and self.stages[i].over is not None:
            bearer = self.bearers[self.stages[i].over or ""]
            if all(changed[j] == DONE for j in self.carried[bearer]):
                up = (*up[:bearer], 1, *up[bearer + 1 :])  # nobody will ask again
        alternatives = self.stages[i].alternatives
        branches = [(one.probability, b) for b, one in enumerate(alternatives)] if alternatives else [(1.0, None)]
        for probability, taken in branches:
            if probability == 0:
                continue
            now, ready = list(changed), []
            for later, branch in self.after[i]:
                if (branch is not None and branch != taken) or now[later] > LATER - 1:
                    continue  # not on this way, or an "any" that has begun
                now[later] += 1
                if now[later] == LATER:
                    ready.append(later)
            for p, following_state in self._readied((tuple(now), queues, up), ready, instant):
                yield probability * p, following_state

    def _readied(self, state: State, ready: list[int], instant: list[int] | None = None) -> Iterator[tuple[float, State | None]]:
        """Begin or queue what is ready; whatever takes no time then finishes at once, in its turn."""
        changed, queues, up = list(state[0]), [list(queue) for queue in state[1]], state[2]
        over_at_once = list(instant or [])
        for i in ready:
            at = self.stages[i].at
            busy = at is not None and self._busy(changed, queues, at) >= self.seats[self.posts[at]]
            changed[i] = self.law[i][0] or 1  # one that takes no time is in its only phase until it is its turn
            if busy and at is not None:
                queues[self.posts[at]].append(i)
            elif self.law[i][0] == 0:
                over_at_once.append(i)
        now: State = (tuple(changed), tuple(tuple(queue) for queue in queues), up)
        yield from self._passed(now, over_at_once)

    def _passed(self, state: State, instant: list[int]) -> Iterator[tuple[float, State | None]]:
        if not instant:
            yield 1.0, state
            return
        first, *rest = instant
        over = self.stages[first].over
        if over is not None and not state[2][self.bearers[over]]:
            raise Refused(
                "no exact answer: stage '{name}' takes no time over a bearer that may be down",
                hint="The sampled answer and its interval stand.",
                name=self.stages[first].name,
            )
        for p, following in self._finished(state, first):
            if following is None:
                yield p, None
            else:
                for q, last in self._passed(following, rest):
                    yield p * q, last

    def _busy(self, stages: list[int], queues: list[list[int]], at: str) -> int:
        waiting = queues[self.posts[at]]
        return sum(1 for i, stage in enumerate(self.stages) if stage.at == at and stages[i] > 0 and i not in waiting)


def _lumped(rates: list[dict[int, float]], start: dict[int, float]) -> Chain:
    """Return the coarsest chain in which states of one block have the same rate to every other block."""
    n = len(rates)
    block = [0] * n
    count = 1 if n else 0
    while True:
        signs: dict[tuple[int, tuple[tuple[int, str], ...]], int] = {}
        refined = []
        for i in range(n):
            to: dict[int, float] = {}
            for j, rate in rates[i].items():
                b = -1 if j < 0 else block[j]
                if j < 0 or b != block[i]:
                    to[b] = to.get(b, 0.0) + rate
            sign = (block[i], tuple(sorted((b, f"{rate:.{SAME_RATE_DIGITS}e}") for b, rate in to.items())))
            refined.append(signs.setdefault(sign, len(signs)))
        block = refined
        if len(signs) == count:
            break
        count = len(signs)
    if count > STATES_MAX:
        raise Refused(
            "no exact answer: the network has more than {limit} states",
            hint="The sampled answer and its interval stand.",
            limit=STATES_MAX,
        )
    first: dict[int, int] = {}
    for i, b in enumerate(block):
        first.setdefault(b, i)
    entries: dict[tuple[int, int], float] = {}
    for b, i in first.items():
        for j, rate in rates[i].items():
            to_block = -1 if j < 0 else block[j]
            if to_block == b:
                continue
            entries[b, b] = entries.get((b, b), 0.0) - rate
            if to_block >= 0:
                entries[b, to_block] = entries.get((b, to_block), 0.0) + rate
    rows, columns = [b for b, _ in entries], [c for _, c in entries]
    generator = csr_array((list(entries.values()), (rows, columns)), shape=(count, count))
    at_start = np.zeros(count)
    for i, probability in start.items():
        if i >= 0:
            at_start[block[i]] += probability
    return Chain(generator, at_start, n)
