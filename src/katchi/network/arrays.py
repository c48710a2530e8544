"""A network compiled once to flat arrays: what the interpreter and the kernel both play.

Shapes: n stages (in the order of the network), G groups of copies of one stage, E edges, P posts, B bearers, C causes,
F factors, S changes of seats, Q questions, D uniform numbers a run.
A place is a post (0 to P - 1) or a bearer (P to P + B - 1). What goes up and down in turn is a switch: each bearer's own
(0 to B - 1), then each cause's. The D numbers of a run are drawn before it is played, first those that become
exponential ones, so every stage has its own, whatever happens in the run. Networks compiled `beside` each other give stages,
switches and factors of one name the same numbers, whatever their laws: they can be compared run by run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from katchi.network.laws import NONE, law_of
from katchi.network.model import Bearer, Cause, Factor, Network, Post, Stage
from katchi.network.numbering import Numbering
from katchi.network.seats import seat_turns, seats_at_start

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Part = dict[str, NDArray[Any]]  # some of the arrays, by name

DELAY, WORK, TRANSMISSION = range(3)
BIN_MANTISSA_BITS = 7  # a bin of time is 1/128 of its power of two
BIN_LOWEST = -10  # the first bins: 2^-10 s and less
BIN_OCTAVES = 42  # the last: beyond a century
BINS = BIN_OCTAVES << BIN_MANTISSA_BITS


class Arrays(NamedTuple):
    """A network, flat. All integers int64, all numbers float64, so compiled code serves every network."""

    kind: Integers  # (n,) DELAY, WORK or TRANSMISSION
    place: Integers  # (n,) or NONE
    group: Integers  # (n,) under which copies are reported together
    law: Integers  # (n,) CONSTANT ... EMPIRICAL
    a: Floats  # (n,) first parameter of the law, seconds: value, mean (of one phase for Erlang), median, low
    b: Floats  # (n,) second: sigma; high - low
    c: Floats  # (n,) third: mode - low
    draw: Integers  # (n,) the stage's first uniform number
    draws: Integers  # (n,) how many
    table_first: Integers  # (n,) of `table` and `upto`, for PERT and EMPIRICAL
    table_size: Integers  # (n,)
    table: Floats  # (...) observed times; shares of the range where a PERT cell begins
    upto: Floats  # (...) PERT: the probability that lies before that cell
    need: Integers  # (n,) how many earlier stages must finish first
    choice: Integers  # (n,) the uniform number that draws an alternative, or NONE
    branch_first: Integers  # (n + 1,) of `branch_upto`
    branch_upto: Floats  # (...) cumulated probabilities of the alternatives
    edge_first: Integers  # (n + 1,) of `edge_to`
    edge_to: Integers  # (E,) stages that come after
    edge_branch: Integers  # (E,) the alternative an edge hangs on, or NONE
    factor: Integers  # (n,) or NONE
    sigma: Floats  # (F,)
    factor_draw: Integers  # (F,) the factor's uniform number
    seats: Integers  # (P,) at the start
    shift_at: Floats  # (S,) seconds, in order: when a post gains or loses seats
    shift_post: Integers  # (S,)
    shift_by: Integers  # (S,) by how many
    queue_first: Integers  # (P + 1,) room in the queues: each stage joins at most one, once
    up_mean: Floats  # (B + C,) seconds
    down_mean: Floats  # (B + C,) seconds; 0: always up
    stream: Integers  # (B + C,) number of the switch's stream of chance
    switch_first: Integers  # (B + 1,) of `switch`
    switch: Integers  # (...) the switches that a bearer needs, if they are not always up
    cut_first: Integers  # (B + 1,) of `cuts`
    cuts: Floats  # (..., 2) scripted outages in order: from, until, seconds
    asked: Integers  # (Q,) the stage each question is about
    by: Floats  # (Q,) its deadline, seconds
    sizes: Integers  # (3,) D, how many of the D become exponential, G

    @property
    def stages(self) -> int:
        """How many stages."""
        return len(self.kind)

    @property
    def places(self) -> int:
        """How many posts and bearers."""
        return len(self.seats) + len(self.switch_first) - 1


class Tally(NamedTuple):
    """What a range of runs adds up to: sums and counts only, so its size does not grow with the runs.

    Criticality is that of the first question: from its stage back over whatever each stage waited for last, an earlier
    stage or the one whose seat it took, to the start. The times of the stages on that chain add up to the whole.
    """

    runs: Integers  # (1,)
    hits: Integers  # (Q,) runs that finished the question's stage by its deadline
    finished: Integers  # (Q,) runs that finished it at all
    total: Floats  # (Q,) sum of the times, seconds
    squares: Floats  # (Q,) sum of their squares
    bins: Integers  # (Q, BINS) how many finished when
    group_hits: Integers  # (G,) runs with the stage, or a copy of it, on the critical chain
    group_time: Floats  # (G,) its time there, seconds
    place_hits: Integers  # (P + B,)
    place_time: Floats  # (P + B,)
    outage_time: Floats  # (P + B,) time on the chain that a transmission waited for its bearer, or work for a shift


def empty_tally(arrays: Arrays) -> Tally:
    """Return a tally of no runs."""
    questions, groups, places = len(arrays.asked), int(arrays.sizes[2]), arrays.places
    whole = np.int64
    return Tally(
        np.zeros(1, whole), np.zeros(questions, whole), np.zeros(questions, whole), np.zeros(questions), np.zeros(questions),
        np.zeros((questions, BINS), whole), np.zeros(groups, whole), np.zeros(groups),
        np.zeros(places, whole), np.zeros(places), np.zeros(places),
    )  # fmt: skip


def added(tallies: Sequence[Tally], arrays: Arrays) -> Tally:
    """Return the sum of tallies, added in their order: the same order gives the same bits."""
    total = empty_tally(arrays)
    for tally in tallies:
        for into, part in zip(total, tally, strict=True):
            np.add(into, part, out=into)
    return total


def groups_of(network: Network) -> list[str]:
    """Return the names under which stages are reported, in their order."""
    return list(dict.fromkeys(stage.reported for stage in network.stages))


def compiled(network: Network, beside: Sequence[Network] = ()) -> Arrays:
    """Return the flat arrays of a network.

    Args:
        network: what is played.
        beside: other networks that it is compared with run by run; compile each beside all others.
    """
    numbering = Numbering((network, *beside))
    groups = groups_of(network)
    return Arrays(
        **_stages(network, groups),
        **_durations(network, numbering),
        **_order(network, numbering),
        **_factors(network, numbering),
        **_posts(network),
        **_bearers(network, numbering),
        **_questions(network),
        sizes=_ints((numbering.count, numbering.exponential, len(groups))),
    )


def _stages(network: Network, groups: Sequence[str]) -> Part:
    """What each stage is, where, and under which name it is reported."""
    kinds = [_kind(stage) for stage in network.stages]
    posts = _numbered(network.posts)
    bearers = _numbered(network.bearers, first=len(posts))
    number = {name: i for i, name in enumerate(groups)}
    places = (
        posts[stage.at or ""] if kind == WORK else bearers[stage.over or ""] if kind == TRANSMISSION else NONE
        for stage, kind in zip(network.stages, kinds, strict=True)
    )
    return {"kind": _ints(kinds), "place": _ints(places), "group": _ints(number[stage.reported] for stage in network.stages)}


def _durations(network: Network, numbering: Numbering) -> Part:
    """How long each stage takes, and the numbers that it draws for that."""
    laws = [law_of(stage.duration) for stage in network.stages]
    tables = [law.table for law in laws]
    return {
        "law": _ints(law.law for law in laws),
        "a": _floats(law.a for law in laws),
        "b": _floats(law.b for law in laws),
        "c": _floats(law.c for law in laws),
        "draw": _ints(numbering.draw_of(stage) for stage in network.stages),
        "draws": _ints(law.draws for law in laws),
        "table_first": _firsts(len(table) for table in tables)[:-1],
        "table_size": _ints(len(table) for table in tables),
        "table": _floats(x for table in tables for x in table),
        "upto": _floats(x for law in laws for x in law.upto),
    }


def _order(network: Network, numbering: Numbering) -> Part:
    """What each stage waits for, and what follows it under which alternative."""
    rank = _numbered(network.stages)
    edges: list[list[tuple[int, int]]] = [[] for _ in network.stages]
    earlier_ones = [0] * len(network.stages)
    for earlier, later, branch in network.edges():
        edges[rank[earlier]].append((rank[later], NONE if branch is None else branch))
        earlier_ones[rank[later]] += 1
    needs = (1 if stage.join == "any" and n else n for stage, n in zip(network.stages, earlier_ones, strict=True))
    branches = [list(_cumulated([one.probability for one in stage.alternatives])) for stage in network.stages]
    return {
        "need": _ints(needs),
        "choice": _ints(numbering.choice_of(stage) for stage in network.stages),
        "branch_first": _firsts(len(branch) for branch in branches),
        "branch_upto": _floats(x for branch in branches for x in branch),
        "edge_first": _firsts(len(one) for one in edges),
        "edge_to": _ints(to for one in edges for to, _ in one),
        "edge_branch": _ints(branch for one in edges for _, branch in one),
    }


def _factors(network: Network, numbering: Numbering) -> Part:
    """What stages have in common."""
    factors = _numbered(network.factors)
    return {
        "factor": _ints(NONE if stage.factor is None else factors[stage.factor] for stage in network.stages),
        "sigma": _floats(factor.sigma for factor in network.factors),
        "factor_draw": _ints(numbering.factor_of(factor) for factor in network.factors),
    }


def _posts(network: Network) -> Part:
    """How many seats when, and room for whoever queues for them."""
    turns = seat_turns(network)
    return {
        "seats": _ints(seats_at_start(post) for post in network.posts),
        "shift_at": _floats(turn.at_s for turn in turns),
        "shift_post": _ints(turn.post for turn in turns),
        "shift_by": _ints(turn.by for turn in turns),
        "queue_first": _firsts(sum(stage.at == post.name for stage in network.stages) for post in network.posts),
    }


def _bearers(network: Network, numbering: Numbering) -> Part:
    """What goes up and down by chance, which of it each bearer hangs on, and what is scripted for it."""
    outages: tuple[Bearer | Cause, ...] = (*network.bearers, *network.causes)
    causes = _numbered(network.causes, first=len(network.bearers))
    switches = [
        [*([i] if bearer.has_outages else []), *(causes[name] for name in bearer.causes if outages[causes[name]].has_outages)]
        for i, bearer in enumerate(network.bearers)
    ]
    return {
        "up_mean": _floats(one.up_mean_s if one.has_outages else 0.0 for one in outages),
        "down_mean": _floats(one.down_mean_s if one.has_outages else 0.0 for one in outages),
        "stream": _ints(numbering.stream_of(one) for one in outages),
        "switch_first": _firsts(len(one) for one in switches),
        "switch": _ints(number for one in switches for number in one),
        "cut_first": _firsts(len(bearer.cuts) for bearer in network.bearers),
        "cuts": _floats(x for bearer in network.bearers for cut in bearer.cuts for x in (cut.from_s, cut.until_s)).reshape(-1, 2),
    }


def _questions(network: Network) -> Part:
    rank = _numbered(network.stages)
    return {
        "asked": _ints(rank[question.stage] for question in network.questions),
        "by": _floats(question.by_s for question in network.questions),
    }


def _numbered(named: Iterable[Bearer | Cause | Factor | Post | Stage], first: int = 0) -> dict[str, int]:
    return {one.name: first + i for i, one in enumerate(named)}


def _kind(stage: Stage) -> int:
    if stage.at is not None:
        return WORK
    return DELAY if stage.over is None else TRANSMISSION


def _cumulated(probabilities: Sequence[float]) -> Iterator[float]:
    """Yield the sums up to each alternative; from the last possible one on 1, whatever was lost in decimals."""
    last = max((i for i, p in enumerate(probabilities) if p > 0), default=0)
    total = 0.0
    for i, p in enumerate(probabilities):
        total += p
        yield 1.0 if i >= last else total


def _ints(values: Iterable[int]) -> Integers:
    return np.array(list(values), dtype=np.int64)


def _floats(values: Iterable[float]) -> Floats:
    return np.array(list(values), dtype=np.float64)


def _firsts(sizes: Iterable[int]) -> Integers:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(_ints(sizes))]).astype(np.int64)
