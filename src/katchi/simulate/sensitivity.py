"""What does the answer hang on? Sobol indices and one-at-a-time swings over the inputs that nobody knows exactly.

The first question's probability and its mean time are functions of the uncertain inputs, each uniform over its range and
independent of the others (seats: whole numbers, each as likely). They are evaluated exactly where that is possible, so the
indices carry no noise of sampling; else from the same runs at every point. Two outputs, one set of evaluations.

Notional: what matters in the network as written, over the ranges as written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from katchi.errors import Malformed, Refused, Sentence
from katchi.exercise.scenario import Text, Uncertain
from katchi.network.model import Network
from katchi.simulate.evaluation import Exactly, Output, Sampled, in_order
from katchi.simulate.sobol import Floats, Shares, shares
from katchi.simulate.sweep import SEED_MAX
from katchi.simulate.unfolding import relevant
from katchi.simulate.varied import Key, driven, key_of, mean_of, now_of, varied

SAMPLES, RUNS = 512, 2_000
SCRIPTED = "inject."  # so formats/scenario names a stage that lasts until an inject: its time is written, not uncertain
HALF = 0.5  # the ranges of inputs that nobody wrote: so much less, so much more

Progress = Callable[[int, int], None]


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """One uncertain input: seconds, or seats."""

    name: str
    about: Text
    kind: Literal["stages", "bearers", "posts"]
    of: str
    what: Literal["mean", "up", "down", "seats"]
    low: float
    high: float
    now: float  # as the file has it


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """A share of the variance, and its bootstrap interval, 95 %."""

    value: float
    interval: tuple[float, float]


class Indices(msgspec.Struct, frozen=True, kw_only=True):
    """Sobol's: `first` of the input alone, `total` with all it does together with others."""

    first: Index
    total: Index


class Swing(msgspec.Struct, frozen=True, kw_only=True):
    """An output with one input at its low or high end and the others as the file has them; None: it may never finish."""

    at_low: float | None
    at_high: float | None


class Influence(msgspec.Struct, frozen=True, kw_only=True):
    """What one input does to the first question."""

    input: Input
    probability: Indices
    mean: Indices | None  # None where it may never finish
    swing_probability: Swing
    swing_mean_s: Swing


class Sensitivity(msgspec.Struct, frozen=True, kw_only=True):
    """What the first question hangs on, the input with the largest total index first."""

    question: str
    by_s: float
    probability: float  # as the file has it
    mean_s: float | None
    influences: tuple[Influence, ...]
    probability_sd: float  # spread over the ranges
    mean_sd_s: float | None
    points: int  # evaluations
    exact: bool
    runs: int  # a point; 0 if exact
    without_exact: Sentence | None  # why it was sampled
    assumed: bool  # the file names no uncertain input: every mean was varied by half
    seed: int
    engine: str  # "exact", "kernel" or "interpreter"
    notional: bool = True


def sensitivity(
    network: Network,
    uncertain: Sequence[Uncertain],
    *,
    seed: int,
    samples: int = SAMPLES,
    runs: int = RUNS,
    threads: int = 1,
    progress: Progress | None = None,
    with_exact: bool = True,
) -> Sensitivity:
    """Say what the first question hangs on.

    Args:
        network: as the file has it.
        uncertain: the inputs and their ranges; if there are none, every mean is varied by half (`assumed_inputs`).
        seed: 0 to 2^64 - 1.
        samples: a power of 2; samples x (inputs + 2) points are evaluated, and both ends of each range.
        runs: of each point, where there is no exact answer; the same run numbers at each.
        threads: how many share the sampling; the answer is the same for any number.
        progress: told how many points are done, and how many there are.
        with_exact: evaluate exactly where that is possible.
    Raises:
        Malformed: an input that is not there or cannot have such values, or a number out of range.
    """
    if samples < 2 or samples & (samples - 1) or runs < 1 or threads < 1 or not 0 <= seed <= SEED_MAX:
        raise Malformed(
            "samples are a power of 2, runs and threads at least 1, and a seed is between 0 and {limit}",
            hint="Example: --samples 512 --runs 2000 --seed 7", limit=SEED_MAX,
        )  # fmt: skip
    inputs = inputs_of(network, uncertain or assumed_inputs(network))
    question, keys = network.questions[0], [(one.kind, one.of, one.what) for one in inputs]
    why = None
    if with_exact:
        try:
            found = _evaluated(inputs, Exactly(network, question, keys), samples, seed, 1, progress)
            return _told(network, inputs, found, seed, assumed=not uncertain, runs=0, engine="exact", why=None)
        except Refused as refusal:
            why = Sentence.of(refusal)
    sampled = Sampled(network, question, keys, seed, runs)
    found = _evaluated(inputs, sampled, samples, seed, threads, progress)
    return _told(network, inputs, found, seed, assumed=not uncertain, runs=runs, engine=sampled.engine, why=why)


def inputs_of(network: Network, uncertain: Sequence[Uncertain]) -> list[Input]:
    """Return the inputs with the values that the network has.

    Raises:
        Malformed: one that is not there or named twice, or the network could not be played with an end of its range.
    """
    inputs: list[Input] = []
    for one in uncertain:
        key = key_of(one)
        if any(key == (other.kind, other.of, other.what) for other in inputs):
            raise Malformed(
                "'{name}' is varied twice", hint="Keep one of its ranges.", field=f"uncertain.{one.name}", name=one.of
            )
        if one.low > one.high:
            raise Malformed(
                "the range of '{name}' ends before it begins", hint="Write the lower value first.", field=f"uncertain.{one.name}",
                name=one.name,
            )  # fmt: skip
        for end in (one.low, one.high):
            varied(network, {key: end})
        inputs.append(
            Input(
                name=one.name, about=one.about, kind=one.kind, of=one.of, what=one.what, low=one.low, high=one.high,
                now=now_of(network, key),
            )
        )  # fmt: skip
    return inputs


def assumed_inputs(network: Network) -> list[Uncertain]:
    """Return every mean that can touch the first question and is not scripted, each from half to one and a half of it."""
    stages, _ = relevant(network, network.questions[0].stage)
    keys = driven(network)
    over = {stage.over for stage in stages}
    means: dict[Key, float] = {}
    for stage in stages:
        key = keys.get(stage.name)
        if key is not None and mean_of(stage.duration) > 0 and not stage.reported.startswith(SCRIPTED):
            means.setdefault(key, mean_of(stage.duration))
    for bearer in network.bearers:
        if bearer.name in over and bearer.has_outages:
            means |= {("bearers", bearer.name, "up"): bearer.up_mean_s, ("bearers", bearer.name, "down"): bearer.down_mean_s}
    if not means:
        raise Malformed(
            "nothing in the network takes time, so nothing can be varied", hint="Name what is uncertain: [uncertain.NAME]."
        )
    return [
        Uncertain(
            name=of if what == "mean" else f"{of} {what}", about=Text(), kind="stages" if what == "mean" else "bearers", of=of,
            what="mean" if what == "mean" else "up" if what == "up" else "down", low=mean * (1 - HALF), high=mean * (1 + HALF),
        )
        for (_, of, what), mean in means.items()
    ]  # fmt: skip


class _Found(NamedTuple):
    now: Output
    ends: Sequence[tuple[Output, Output]]  # of each input, the others as they are
    shares: Shares  # of the probability, and of the mean
    points: int
    finite: bool  # whether the mean is at every point


def _evaluated(
    inputs: Sequence[Input], at: Exactly | Sampled, samples: int, seed: int, threads: int, progress: Progress | None
) -> _Found:
    points, done, finite = samples * (len(inputs) + 2), 0, True
    now = {key: one.now for key, one in zip(at.keys, inputs, strict=True)}
    ends = [(at({**now, key: one.low}), at({**now, key: one.high})) for key, one in zip(at.keys, inputs, strict=True)]

    def evaluate(units: Floats) -> Floats:
        nonlocal done, finite
        outputs = np.empty((2, units.shape[1]))
        values = ({key: valued(one, float(u)) for key, one, u in zip(at.keys, inputs, column, strict=True)} for column in units.T)
        for i, output in enumerate(in_order(at, values, threads)):
            outputs[:, i] = output
            done += 1
            if progress is not None:
                progress(done, points)
        finite = finite and bool(np.isfinite(outputs).all())
        return np.where(np.isfinite(outputs), outputs, 0.0)

    found = shares(evaluate, len(inputs), samples, seed)
    return _Found(at(now), ends, found, points, finite)


def valued(one: Input, unit: float) -> float:
    """Return the value of an input at `unit` of its range, between 0 and 1; seats are whole numbers, each as likely."""
    if one.what == "seats":
        return one.low + min(math.floor(unit * (one.high - one.low + 1)), one.high - one.low)
    return one.low + unit * (one.high - one.low)


def _told(
    network: Network,
    inputs: Sequence[Input],
    found: _Found,
    seed: int,
    *,
    assumed: bool,
    runs: int,
    engine: str,
    why: Sentence | None,
) -> Sensitivity:
    question = network.questions[0]
    influences = [_influence(one, i, found) for i, one in enumerate(inputs)]
    return Sensitivity(
        question=question.name,
        by_s=question.by_s,
        probability=found.now.probability,
        mean_s=_finite(found.now.mean_s),
        influences=tuple(sorted(influences, key=lambda one: -one.probability.total.value)),
        probability_sd=float(found.shares.sd[0]),
        mean_sd_s=float(found.shares.sd[1]) if found.finite else None,
        points=found.points,
        exact=engine == "exact",
        runs=runs,
        without_exact=why,
        assumed=assumed,
        seed=seed,
        engine=engine,
    )


def _influence(one: Input, i: int, found: _Found) -> Influence:
    low, high = found.ends[i]
    return Influence(
        input=one,
        probability=_indices(found.shares, 0, i),
        mean=_indices(found.shares, 1, i) if found.finite else None,
        swing_probability=Swing(at_low=low.probability, at_high=high.probability),
        swing_mean_s=Swing(at_low=_finite(low.mean_s), at_high=_finite(high.mean_s)),
    )


def _indices(all_shares: Shares, output: int, i: int) -> Indices:
    first, total = all_shares.first_interval[:, output, i], all_shares.total_interval[:, output, i]
    return Indices(
        first=Index(value=float(all_shares.first[output, i]), interval=(float(first[0]), float(first[1]))),
        total=Index(value=float(all_shares.total[output, i]), interval=(float(total[0]), float(total[1]))),
    )


def _finite(time_s: float) -> float | None:
    return time_s if math.isfinite(time_s) else None
