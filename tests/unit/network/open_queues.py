"""Open queues as networks of stages: customers arrive by a chain of exponential delays, and are served at posts.

An activity network has an end, a queue in its steady state has none. So a chain of customers is played from an empty post, and
the last few are asked when they came and when they left; how far those still are from the steady state is computed
beside it, apart from any sampling: `found_by` and `spitzer_rest` for one queue, `network_found_by` for several.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.sparse import csc_array, identity
from scipy.sparse.linalg import splu

from katchi.network.arrays import compiled
from katchi.network.durations import Constant, Duration, Exponential
from katchi.network.kernel import times_of
from katchi.network.model import Alternative, Network, Post, Question, Stage

SEED = 20_239


def arrivals(count: int, rate: float) -> list[Stage]:
    """A Poisson stream: each comes after the one before."""
    return [
        Stage(name=f"arrival.{k}", duration=Exponential(1.0 / rate), after=(f"arrival.{k - 1}",) if k else ())
        for k in range(count)
    ]


def asking(stages: Sequence[Stage], posts: Sequence[Post], pairs: Sequence[tuple[str, str]]) -> Network:
    """The network that is asked when each pair of stages has finished."""
    names = [name for pair in pairs for name in pair]
    questions = tuple(Question(f"q{i}", name, 1.0) for i, name in enumerate(names))
    return Network(stages=tuple(stages), posts=tuple(posts), questions=questions)


def between(network: Network, runs: int) -> np.ndarray:
    """How long after the first of each pair the second finished: shape (runs, pairs)."""
    times = times_of(compiled(network), SEED, 0, runs)
    return times[:, 1::2] - times[:, 0::2]


def one_queue(*, customers: int, rate: float, service: Duration, seats: int = 1, asked: int = 1, probe: bool = False) -> Network:
    """Customers in one queue; the last `asked` of them are asked. A `probe` comes last, is served at once in its turn, and so
    leaves after its wait alone; it sees what any customer sees, since arrivals are Poisson."""
    stages = arrivals(customers, rate)
    for k in range(customers):
        is_probe = probe and k == customers - 1
        stages.append(
            Stage(name=f"serve.{k}", at="desk", duration=Constant(0.0) if is_probe else service, after=(f"arrival.{k}",))
        )
    pairs = [(f"arrival.{k}", f"serve.{k}") for k in range(customers - asked, customers)]
    return asking(stages, [Post("desk", seats)], pairs)


def fork_join(*, customers: int, rate: float, service: Duration, queues: int = 2, asked: int = 1) -> Network:
    """Each customer has a task in every queue at once, and leaves when all are done."""
    stages = arrivals(customers, rate)
    for k in range(customers):
        tasks = [f"serve.{k}.{queue}" for queue in range(queues)]
        stages += [
            Stage(name=task, at=f"desk{queue}", duration=service, after=(f"arrival.{k}",)) for queue, task in enumerate(tasks)
        ]
        stages.append(Stage(name=f"join.{k}", duration=Constant(0.0), after=tuple(tasks)))
    pairs = [(f"arrival.{k}", f"join.{k}") for k in range(customers - asked, customers)]
    return asking(stages, [Post(f"desk{queue}", 1) for queue in range(queues)], pairs)


class Node(NamedTuple):
    """A place of a Jackson network: where a customer goes on from it, with which probability; the rest leaves."""

    mean: float
    seats: int
    onward: Mapping[int, float]  # later nodes, or node 0: round again


def jackson(nodes: Sequence[Node], *, rate: float, customers: int, asked: range, rounds: int) -> Network:
    """Customers come to node 0 and are routed by alternatives; whoever would begin one round more than `rounds` leaves."""
    stages = arrivals(customers, rate)
    for k in range(customers):
        comes_after: dict[tuple[int, int], list[str]] = {}
        leaves = []
        served = []
        for turn, number in product(range(rounds), range(len(nodes))):
            name = f"serve.{k}.{turn}.{number}"
            ways: dict[str, float] = {}
            for onward, share in nodes[number].onward.items():
                following = (turn + (onward == 0), onward)
                if following[0] < rounds:
                    comes_after.setdefault(following, []).append(name)
                    ways[f"serve.{k}.{following[0]}.{onward}"] = share
            out = 1.0 - sum(ways.values())
            alternatives = [Alternative(share, (later,)) for later, share in ways.items()]
            if out > 1e-12:
                leaves.append(f"leave.{k}.{turn}.{number}")
                alternatives.append(Alternative(out, (leaves[-1],)))
            after = (f"arrival.{k}",) if (turn, number) == (0, 0) else ()
            served.append(
                Stage(name=name, at=f"desk{number}", duration=Exponential(nodes[number].mean), after=after, join="any",
                      alternatives=tuple(alternatives))
            )  # fmt: skip
        stages += served
        stages += [Stage(name=name, duration=Constant(0.0)) for name in leaves]
        stages.append(Stage(name=f"left.{k}", duration=Constant(0.0), after=tuple(leaves), join="any"))
    pairs = [(f"arrival.{k}", f"left.{k}") for k in asked] + [(f"left.{asked[-1]}", f"arrival.{customers - 1}")]
    return asking(stages, [Post(f"desk{i}", node.seats) for i, node in enumerate(nodes)], pairs)


def erlang_c(servers: int, load: float) -> float:
    """The probability that a customer of M/M/c waits at all."""
    last = load**servers / math.factorial(servers) / (1 - load / servers)
    return last / (sum(load**k / math.factorial(k) for k in range(servers)) + last)


def found_by(customer: int, *, rate: float, service_rate: float, servers: int = 1, room: int = 300) -> np.ndarray:
    """How many others an M/M/c customer finds: the probabilities for customer number `customer` (0 finds nobody)."""
    leaving = np.minimum(np.arange(room), servers) * service_rate
    until_next = np.diag(rate + leaving) - np.diag(leaving[1:], -1)  # those there at an arrival thin out until the next one
    step = rate * np.linalg.inv(until_next)
    found = np.zeros(room)
    found[0] = 1.0
    for _ in range(customer):
        found = np.concatenate([[0.0], found[:-1]]) @ step
    return found


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Total variation: by how much any probability may differ between the two."""
    return 0.5 * float(np.abs(one - other).sum())


def spitzer_rest(customer: int, rate: float, moment: Callable[[float], float], upto: float) -> float:
    """How much less customer number `customer` of GI/G/1 waits on average than in the steady state: a bound from above.

    By Spitzer (1956) the mean wait of customer n is the sum over j <= n of E[(S_j)+] / j, S_j a sum of j independent differences
    of a service and an arrival. So what is missing is the rest of that sum, and E[(S_j)+] <= m^j / (e theta) for any theta, where
    m = E[exp(theta (service - arrival))].

    Args:
        customer: counted from 0.
        rate: of arrivals.
        moment: E[exp(theta service)].
        upto: the greatest theta tried.
    """
    tried = [(theta, moment(theta) * rate / (rate + theta)) for theta in np.linspace(upto / 200, upto, 200)]
    later = customer + 1
    return min(m**later / (math.e * theta * later * (1 - m)) for theta, m in tried if m < 1)


def lindley_rest(customer: int, rate: float, moment: Callable[[float], float], upto: float) -> float:
    """How much less likely any wait is for that customer than in the steady state: some S_j with j > customer is above 0."""
    tried = [moment(theta) * rate / (rate + theta) for theta in np.linspace(upto / 200, upto, 200)]
    return min(m ** (customer + 1) / (1 - m) for m in tried if m < 1)


def network_found_by(customer: int, nodes: Sequence[Node], rate: float, room: int) -> np.ndarray:
    """How many others a customer finds at each node of a Jackson network with fewer than `room` at each: shape (room, ...)."""
    shape = (room,) * len(nodes)
    rows, columns, values = [], [], []
    for at in product(range(room), repeat=len(nodes)):
        here = int(np.ravel_multi_index(at, shape))
        for i, node in enumerate(nodes):
            if at[i] == 0:
                continue
            going = min(at[i], node.seats) / node.mean
            ways = [*node.onward.items(), (None, 1.0 - sum(node.onward.values()))]
            for onward, share in ways:
                to = list(at)
                to[i] -= 1
                if onward is not None:
                    to[onward] = min(to[onward] + 1, room - 1)
                rows += [here, here]
                columns += [int(np.ravel_multi_index(tuple(to), shape)), here]
                values += [going * share, -going * share]
    size = room ** len(nodes)
    moves = csc_array((values, (rows, columns)), shape=(size, size))
    thinned = splu((rate * identity(size, format="csc") - moves).T.tocsc())
    found = np.zeros(shape)
    found[(0,) * len(nodes)] = 1.0
    for _ in range(customer):
        joined = np.zeros(shape)
        joined[1:] = found[:-1]
        joined[-1] += found[-1]
        found = thinned.solve(rate * joined.ravel()).reshape(shape)
    return found
