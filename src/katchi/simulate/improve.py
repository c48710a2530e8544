"""Which change buys the most? Each change of a scenario is played beside the scenario as it is, run by run with the same chance.

Every run number draws the same numbers in all variants (`compiled(network, beside=...)`), so what differs between two runs of one
number is the change alone, and the error of a gain is that of the paired difference: far smaller than that of two sweeps.
Sums of differences and of their squares are folded chunk by chunk in their order, so memory is flat and the answer is the
same on any number of threads. Each change stands alone: nothing is claimed of two changes made together.

Gains are notional: they tell how the network as written would behave, and nothing follows from them by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import msgspec

from katchi.errors import Malformed, Refused, Sentence
from katchi.exercise.scenario import Change, Text
from katchi.network.model import Network
from katchi.simulate import exact, until
from katchi.simulate.interval import WILSON_Z, paired, wilson
from katchi.simulate.pairing import MINUTE_S, Sums, Variants, add, no_sums, pieces, player, side_by_side
from katchi.simulate.sweep import SEED_MAX

RUNS = 100_000
POINTS = 100.0

Progress = Callable[[int, int], None]


class Gain(msgspec.Struct, frozen=True, kw_only=True):
    """How much better something is with a change; + is better."""

    value: float
    se: float  # of the paired difference
    interval: tuple[float, float]  # 95 %
    exact: float | None  # the gain itself, where it can be had


class AsItIs(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one question with nothing changed."""

    probability: float  # sampled: the share of runs in time
    interval: tuple[float, float]  # Wilson, 95 %
    exact: float | None
    by_s: float
    mean_s: float | None  # sampled, of the runs that finished; None if none did
    mean_exact_s: float | None


class Gained(msgspec.Struct, frozen=True, kw_only=True):
    """What one change does to one question."""

    points: Gain  # percentage points of probability
    minutes: Gain | None  # earlier on average, over the runs that finish with and without it; None if there are none
    probability: float  # with the change, sampled
    exact: float | None
    mean_s: float | None
    differs: int  # runs in which the time or the answer was another; 0: it makes no difference here


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One change, and what it buys."""

    name: str
    about: Text
    questions: Mapping[str, Gained]
    without_exact: Sentence | None = None  # why there is no exact gain

    @property
    def differs(self) -> bool:
        """Whether it made any difference in any run."""
        return any(one.differs for one in self.questions.values())


class Improvement(msgspec.Struct, frozen=True, kw_only=True):
    """Every change, ranked by what it gains in the first question."""

    questions: Mapping[str, AsItIs]
    changes: tuple[Candidate, ...]
    runs: int
    seed: int
    within: float | None  # the half-width asked for, percentage points
    reached: bool  # whether every gain in the first question is known so well
    engine: str  # "kernel" or "interpreter"
    notional: bool = True


def improve(
    network: Network,
    changes: Sequence[Change],
    *,
    seed: int,
    runs: int | None = None,
    within: float | None = None,
    threads: int = 1,
    progress: Progress | None = None,
    with_exact: bool = True,
) -> Improvement:
    """Play a network and each change of it on the same run numbers of one seed, and rank the changes.

    Args:
        network: as it is.
        changes: each with the network that it would be; each is compared alone.
        seed: 0 to 2^64 - 1.
        runs: how many of each, > 0; with `within` the most there may be. 100,000, or until.RUNS_MAX with `within`, if None.
        within: go on until the gain of every change in the first question is known to this half-width, percentage points.
        threads: how many share the work; the answer is the same for any number.
        progress: told how many runs are done, and about how many there will be.
        with_exact: solve exactly beside the sample where that is possible.
    Raises:
        Malformed: no change, no runs, no threads, or a seed or half-width out of range.
    """
    limit = _limit(changes, runs, within, seed, threads)
    variants = side_by_side(network, [change.network for change in changes])
    times, engine = player()
    sums, done, widest = no_sums(variants), 0, math.inf
    expected = limit if within is None else until.FIRST
    for look in [limit] if within is None else until.looks(limit):
        for number, piece in pieces(times, variants, seed, done, look, threads):
            add(sums, piece)
            if progress is not None:
                progress(number, max(expected, look))
        done, widest = look, _widest(sums, variants, look)
        if within is not None and widest <= within:
            break
        expected = limit if within is None else min(until.still_needed(done, widest, within), limit)
    solved = _Solved(network, changes, with_exact=with_exact)
    as_it_is = {one.name: _as_it_is(network, sums, q, done, solved) for q, one in enumerate(network.questions)}
    found = [_candidate(network, changes, v, sums, done, variants, solved) for v in range(len(changes))]
    return Improvement(
        questions=as_it_is,
        changes=tuple(sorted(found, key=lambda one: _rank(one, network.questions[0].name))),
        runs=done,
        seed=seed,
        within=within,
        reached=within is None or widest <= within,
        engine=engine,
    )


def _limit(changes: Sequence[Change], runs: int | None, within: float | None, seed: int, threads: int) -> int:
    if not changes:
        raise Malformed(
            "the scenario names no change that could be made", hint="Write one: [changes.NAME], with what would be different."
        )
    if within is not None:
        until.checked(within / POINTS)
    limit = runs if runs is not None else RUNS if within is None else until.RUNS_MAX
    if limit < 1 or threads < 1 or not 0 <= seed <= SEED_MAX:
        raise Malformed(
            "runs and threads are at least 1, and a seed is between 0 and {limit}", hint="Example: --runs 100000 --seed 7",
            limit=SEED_MAX,
        )  # fmt: skip
    return limit


def _widest(sums: Sums, variants: Variants, runs: int) -> float:
    """Half the width of the gain in the first question that is known least, percentage points."""
    asked = [v for v in range(1, len(variants.arrays)) if variants.columns[v][0] >= 0]
    intervals = [paired(int(sums.gained[v, 0]), int(sums.lost[v, 0]), runs) for v in asked]
    return max((POINTS * (high - low) / 2 for low, high in intervals), default=0.0)


class _Solved:
    """The exact answers of the network as it is and of each change, as far as there are any."""

    def __init__(self, network: Network, changes: Sequence[Change], *, with_exact: bool) -> None:
        self.why: dict[int, Sentence] = {}
        self.answers: dict[tuple[int, str], exact.Answer] = {}
        asked = [question.name for question in network.questions] if with_exact else []
        for v, one in enumerate([network, *(change.network for change in changes)]):
            for name in {question.name: None for question in one.questions if question.name in asked}:
                try:
                    self.answers[v, name] = exact.answer(one, name)
                except Refused as refusal:
                    self.why.setdefault(v, Sentence.of(refusal))
                    if v == 0:
                        asked.remove(name)  # no gain can be exact then: it is not tried for any change

    def of(self, variant: int, question: str) -> exact.Answer | None:
        return self.answers.get((variant, question))

    def why_not(self, variant: int) -> Sentence | None:
        return self.why.get(0, self.why.get(variant))


def _as_it_is(network: Network, sums: Sums, q: int, runs: int, solved: _Solved) -> AsItIs:
    question, known = network.questions[q], solved.of(0, network.questions[q].name)
    hits, finished = int(sums.hits[0, q]), int(sums.finished[0, q])
    return AsItIs(
        probability=hits / runs,
        interval=wilson(hits, runs),
        exact=known.probability if known else None,
        by_s=question.by_s,
        mean_s=float(sums.total_s[0, q]) / finished if finished else None,
        mean_exact_s=known.mean_s if known and math.isfinite(known.mean_s) else None,
    )


def _candidate(
    network: Network, changes: Sequence[Change], number: int, sums: Sums, runs: int, variants: Variants, solved: _Solved
) -> Candidate:
    change, v = changes[number], number + 1
    questions = {
        question.name: _gained(question.name, q, v, sums, runs, solved)
        for q, question in enumerate(network.questions)
        if variants.columns[v][q] >= 0
    }
    return Candidate(name=change.name, about=change.about, questions=questions, without_exact=solved.why_not(v))


def _gained(name: str, q: int, v: int, sums: Sums, runs: int, solved: _Solved) -> Gained:
    gained, lost = int(sums.gained[v, q]), int(sums.lost[v, q])
    share = (gained - lost) / runs
    low, high = paired(gained, lost, runs)
    was, now = solved.of(0, name), solved.of(v, name)
    finished = int(sums.finished[v, q])
    return Gained(
        points=Gain(
            value=POINTS * share,
            se=POINTS * math.sqrt(max((gained + lost) / runs - share * share, 0.0) / runs),
            interval=(POINTS * low, POINTS * high),
            exact=POINTS * (now.probability - was.probability) if was and now else None,
        ),
        minutes=_minutes(sums, q, v, was, now),
        probability=int(sums.hits[v, q]) / runs,
        exact=now.probability if now else None,
        mean_s=float(sums.total_s[v, q]) / finished if finished else None,
        differs=int(sums.differs[v, q]),
    )


def _minutes(sums: Sums, q: int, v: int, was: exact.Answer | None, now: exact.Answer | None) -> Gain | None:
    both = int(sums.both[v, q])
    if both == 0:
        return None
    mean = float(sums.earlier_min[v, q]) / both
    se = math.sqrt(max(float(sums.squares[v, q]) / both - mean * mean, 0.0) / both)
    known = was and now and math.isfinite(was.mean_s) and math.isfinite(now.mean_s)
    return Gain(
        value=mean,
        se=se,
        interval=(mean - WILSON_Z * se, mean + WILSON_Z * se),
        exact=(was.mean_s - now.mean_s) / MINUTE_S if known and was and now else None,
    )


def _rank(candidate: Candidate, question: str) -> tuple[float, float]:
    """The best first: by points, the exact ones where they are known; then by minutes."""
    found = candidate.questions.get(question)
    if found is None:
        return math.inf, math.inf
    points, minutes = found.points, found.minutes
    return -(points.value if points.exact is None else points.exact), -(minutes.value if minutes else 0.0)
