"""A network unfolded into a Markov chain, where every stage that matters is exponential or Erlang.

A state says which stages are in which phase, who waits in which queue, and what is up: each bearer's own switch and each
common cause is one part that is on or off, and a bearer carries while all its parts are on. Every rate bears a label, which of
the inputs drives it (0: none), so that one unfolding serves all values of the inputs (template.py).

Only what can touch the stage asked about is unfolded: what it comes after, the posts where that waits, what else waits there.
A post that always has a seat for everybody is no queue. A Constant of 0 takes no time and is passed through. Anything else is
refused with its reason: other laws, factors, seats that change, scripted outages.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from katchi.errors import Refused
from katchi.network.durations import Constant, Erlang, Exponential
from katchi.network.model import Bearer, Cause, Network, Post, Stage
from katchi.simulate.varied import NOTHING, Key, driven

UNFOLDED_MAX = 60_000
FINISH = -1  # the state in which the stage asked about has finished
UNVARIED = 0

DONE, LATER = -1, -2  # a stage that has finished; one that waits for others (its need is counted apart)

State = tuple[tuple[int, ...], tuple[tuple[int, ...], ...], tuple[int, ...]]
"""Of each stage: phases left > 0, DONE, or LATER - need; of each post: the queue; of each part: 1 on, 0 off."""


class Part(NamedTuple):
    """What is on and off in turn: a bearer's own switch, or a cause."""

    name: str
    up_mean_s: float
    down_mean_s: float
    labels: tuple[int, int]  # of the rate to off, of the rate to on
    carries: tuple[int, ...]  # stages that need it on


class Move(NamedTuple):
    """From one state to another, at a rate that one input drives."""

    origin: int
    to: int  # or FINISH
    label: int
    rate: float  # per second


class Unfolded(NamedTuple):
    """The whole chain before lumping."""

    states: int
    moves: Sequence[Move]
    parts: Sequence[Part]
    starts: Mapping[tuple[int, ...], Mapping[int, float]]  # given what is on and off: the probability of each state


def unfolded(network: Network, target: str, keys: Sequence[Key] = ()) -> Unfolded:
    """Return the chain that ends when stage `target` finishes; rates driven by `keys[i]` bear the label i + 1.

    Raises:
        Refused: something that may touch it has no place in such a chain, or there are too many states.
    """
    return _Unfolding(network, target, {key: i + 1 for i, key in enumerate(keys)}).unfold()


def relevant(network: Network, target: str) -> tuple[list[Stage], list[Post]]:
    """Return the stages that can touch the time of `target`, in their order, and the posts at which they may wait."""
    stages = {stage.name: stage for stage in network.stages}
    at = {post.name: [stage for stage in network.stages if stage.at == post.name] for post in network.posts}
    crowded = {post.name: post for post in network.posts if min(capacities(post)) < len(at[post.name])}
    before: dict[str, list[str]] = {name: [] for name in stages}
    for earlier, later, _ in network.edges():
        before[later].append(earlier)
    found, todo = {target}, deque([target])
    while todo:
        name = todo.popleft()
        place = stages[name].at
        near = [*before[name], *([stage.name for stage in at[place]] if place in crowded else [])]
        for other in near:
            if other not in found:
                found.add(other)
                todo.append(other)
    kept = [stage for stage in network.stages if stage.name in found]
    return kept, [crowded[name] for name in dict.fromkeys(stage.at for stage in kept) if name in crowded]


def capacities(post: Post) -> set[int]:
    """Return the numbers of seats that a post may have at one time or another."""
    seats = {shift.seats for shift in post.shifts}
    if not post.shifts or post.shifts[0].from_s > 0:
        seats.add(post.seats)
    return seats | {min(some, absence.seats) for some in seats for absence in post.absences}


def _refused(reason: str, **names: str) -> Refused:
    return Refused(reason, hint="The sampled answer and its interval stand.", **names)


class _Unfolding:
    def __init__(self, network: Network, target: str, labels: Mapping[Key, int]) -> None:
        self.stages, posts = relevant(network, target)
        self.rank = {stage.name: i for i, stage in enumerate(self.stages)}
        self.target = self.rank[target]
        self.law = [_phases(stage) for stage in self.stages]
        keys = driven(network)
        self.label = [labels.get(keys.get(stage.name, NOTHING), UNVARIED) for stage in self.stages]
        self.seats = [_seats(post) for post in posts]
        self.post = _places(self.stages, posts)
        self.at = [[i for i, place in enumerate(self.post) if place == post] for post in range(len(posts))]
        self.parts = list(self._parts(network, labels))
        self.needs_on = [[p for p, part in enumerate(self.parts) if i in part.carries] for i in range(len(self.stages))]
        self.after: list[list[tuple[int, int | None]]] = [[] for _ in self.stages]
        needs = [0] * len(self.stages)
        for earlier, later, branch in network.edges():
            if later in self.rank and earlier in self.rank:
                self.after[self.rank[earlier]].append((self.rank[later], branch))
                needs[self.rank[later]] += 1
        self.needs = [min(need, 1) if stage.join == "any" else need for stage, need in zip(self.stages, needs, strict=True)]

    def _parts(self, network: Network, labels: Mapping[Key, int]) -> Iterator[Part]:
        carried = {
            bearer.name: [i for i, stage in enumerate(self.stages) if stage.over == bearer.name] for bearer in network.bearers
        }
        for bearer in network.bearers:
            if carried[bearer.name] and bearer.cuts:
                raise _refused("no exact answer: bearer '{name}' is cut at set times", name=bearer.name)
        outages: tuple[Bearer | Cause, ...] = (*network.bearers, *network.causes)
        for one in outages:
            carries: set[int] = set()
            for bearer in network.bearers:
                if bearer is one or (isinstance(one, Cause) and one.name in bearer.causes):
                    carries.update(carried[bearer.name])
            if carries and one.has_outages:
                kind = "bearers" if isinstance(one, Bearer) else "causes"
                up, down = (labels.get((kind, one.name, what), UNVARIED) for what in ("up", "down"))
                yield Part(one.name, one.up_mean_s, one.down_mean_s, (up, down), tuple(sorted(carries)))

    def unfold(self) -> Unfolded:
        number: dict[State, int] = {}
        todo: list[State] = []

        def numbered(state: State | None) -> int:
            if state is None:
                return FINISH
            if state not in number:
                if len(number) == UNFOLDED_MAX:
                    raise _refused("no exact answer: the network has more than {limit} states", limit=str(UNFOLDED_MAX))
                number[state] = len(number)
                todo.append(state)
            return number[state]

        starts: dict[tuple[int, ...], dict[int, float]] = {}
        for on, probability, state in self._starts():
            to = starts.setdefault(on, {})
            place = numbered(state)
            to[place] = to.get(place, 0.0) + probability
        moves: list[Move] = []
        for origin, state in enumerate(todo):  # grows while it is walked
            out: dict[tuple[int, int], float] = {}
            for label, rate, following in self._moves(state):
                way = numbered(following), label
                out[way] = out.get(way, 0.0) + rate
            moves += [Move(origin, to, label, rate) for (to, label), rate in out.items()]
        return Unfolded(len(todo), moves, self.parts, starts)

    def _starts(self) -> Iterator[tuple[tuple[int, ...], float, State | None]]:
        """Yield what is on and off, a state that may begin so, and its probability given that."""
        waiting = tuple(LATER - need for need in self.needs)
        sources = [i for i, need in enumerate(self.needs) if need == 0]
        ons: list[tuple[int, ...]] = [()]
        for _ in self.parts:
            ons = [(*on, one) for on in ons for one in (1, 0)]
        for on in ons:
            for probability, state in self._readied((waiting, tuple(() for _ in self.seats), on), sources):
                yield on, probability, state

    def _moves(self, state: State) -> Iterator[tuple[int, float, State | None]]:
        stages, queues, on = state
        waits = {i for queue in queues for i in queue}
        for i, phases in enumerate(stages):
            if phases <= 0 or i in waits or not all(on[part] for part in self.needs_on[i]):
                continue
            rate, label = self.law[i][1], self.label[i]
            if phases > 1:
                yield label, rate, ((*stages[:i], phases - 1, *stages[i + 1 :]), queues, on)
            else:
                for p, following in self._finished(state, i):
                    yield label, rate * p, following
        for p, part in enumerate(self.parts):
            if any(stages[i] != DONE for i in part.carries):
                mean, label = (part.up_mean_s, part.labels[0]) if on[p] else (part.down_mean_s, part.labels[1])
                yield label, 1.0 / mean, (stages, queues, (*on[:p], 1 - on[p], *on[p + 1 :]))

    def _finished(self, state: State, i: int) -> Iterator[tuple[float, State | None]]:
        """Yield each state that may follow at once when stage `i` finishes, with its probability; None: the finish."""
        if i == self.target:
            yield 1.0, None
            return
        stages, queues, on = state
        changed = list(stages)
        changed[i] = DONE
        post = self.post[i]
        instant: list[int] = []
        if post is not None and queues[post]:
            following, *rest = queues[post]
            queues = (*queues[:post], tuple(rest), *queues[post + 1 :])
            if self.law[following][0] == 0:
                instant.append(following)
        for part in self.needs_on[i]:
            if all(changed[j] == DONE for j in self.parts[part].carries):
                on = (*on[:part], 1, *on[part + 1 :])  # nobody will ask again
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
            for p, following_state in self._readied((tuple(now), queues, on), ready, instant):
                yield probability * p, following_state

    def _readied(self, state: State, ready: Sequence[int], instant: Sequence[int] = ()) -> Iterator[tuple[float, State | None]]:
        """Begin or queue what is ready; whatever takes no time then finishes at once, in its turn."""
        changed, queues, on = list(state[0]), [list(queue) for queue in state[1]], state[2]
        over_at_once = list(instant)
        for i in ready:
            post = self.post[i]
            busy = post is not None and self._busy(changed, queues, post) >= self.seats[post]
            changed[i] = self.law[i][0] or 1  # one that takes no time is in its only phase until it is its turn
            if busy and post is not None:
                queues[post].append(i)
            elif self.law[i][0] == 0:
                over_at_once.append(i)
        yield from self._passed((tuple(changed), tuple(tuple(queue) for queue in queues), on), over_at_once)

    def _passed(self, state: State, instant: Sequence[int]) -> Iterator[tuple[float, State | None]]:
        if not instant:
            yield 1.0, state
            return
        first, *rest = instant
        if not all(state[2][part] for part in self.needs_on[first]):
            raise _refused(
                "no exact answer: stage '{name}' takes no time over a bearer that may be down", name=self.stages[first].name
            )
        for p, following in self._finished(state, first):
            if following is None:
                yield p, None
            else:
                for q, last in self._passed(following, rest):
                    yield p * q, last

    def _busy(self, stages: Sequence[int], queues: Sequence[Sequence[int]], post: int) -> int:
        return sum(stages[i] > 0 for i in self.at[post]) - len(queues[post])


def _places(stages: Sequence[Stage], posts: Sequence[Post]) -> list[int | None]:
    number = {post.name: i for i, post in enumerate(posts)}
    return [number.get(stage.at or "") for stage in stages]


def _seats(post: Post) -> int:
    seats = capacities(post)
    if len(seats) > 1:
        raise _refused("no exact answer: the seats of post '{name}' change with its shifts or absences", name=post.name)
    return seats.pop()


def _phases(stage: Stage) -> tuple[int, float]:
    """How many phases a stage has, and the rate of each; none for one that takes no time."""
    if stage.factor is not None and stage.duration != Constant(0.0):
        raise _refused(
            "no exact answer: stage '{name}' is under the factor '{factor}', which many stages share", name=stage.name,
            factor=stage.factor,
        )  # fmt: skip
    match stage.duration:
        case Exponential(mean):
            return 1, 1.0 / mean
        case Erlang(mean, phases):
            return phases, phases / mean
        case Constant(0.0):
            return 0, 0.0
        case other:
            raise _refused(
                "no exact answer: stage '{name}' is {law}, neither exponential nor Erlang",
                name=stage.name,
                law=type(other).__name__.lower(),
            )
