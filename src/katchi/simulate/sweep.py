"""Sweep a network: many runs from one seed, added up, on as many threads as asked for, always with the same answer.

runs.py says how the runs are shared. Where numba is not installed the plain-Python interpreter does the same work with the same
bytes, about a hundred times slower. The answers are notional: they tell how a network as written behaves, and nothing follows
from them by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import msgspec

from katchi.errors import Malformed, Refused, Sentence
from katchi.network.arrays import Tally, groups_of
from katchi.network.model import Network
from katchi.simulate import exact, until
from katchi.simulate import runs as playing
from katchi.simulate.chain import Chain
from katchi.simulate.curve import Curve, curve, quantile
from katchi.simulate.interval import wilson
from katchi.simulate.quasi import Quasi, quasi
from katchi.simulate.runs import Part, Workers

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
SEED_MAX = (1 << 64) - 1
RUNS_DEFAULT = 100_000

Clock = Callable[[], float]


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one question."""

    probability: float  # sampled: the share of runs in time
    interval: tuple[float, float]  # Wilson, 95 %
    exact: float | None  # the probability itself, where it can be had
    by_s: float
    mean_s: float | None  # sampled, of the runs that finished; None if none did
    mean_exact_s: float | None
    finished: float  # the share of runs that finished at all
    without_exact: Sentence | None = None  # why there is no exact answer


class Criticality(msgspec.Struct, frozen=True, kw_only=True):
    """How often a stage, post or bearer held up the first question, and how much of its time that was."""

    runs: float  # share of the runs that finished
    time: float  # share of their time
    outage: float | None = None  # of a bearer: share of their time that a transmission waited for it


class Critical(msgspec.Struct, frozen=True, kw_only=True):
    """What held up the first question: from its stage back over whatever each stage waited for last."""

    stages: Mapping[str, Criticality]
    posts: Mapping[str, Criticality]
    bearers: Mapping[str, Criticality]


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep found."""

    questions: Mapping[str, Estimate]
    runs: int
    seed: int
    runs_per_s: float | None  # sampling alone; None without a clock
    compile_s: float | None  # making the kernel ready, or loading it
    quantiles: Mapping[str, Mapping[str, float | None]]  # of each question: seconds; None: so many runs never finished
    critical: Critical
    curves: Mapping[str, Curve]
    quasi: Quasi | None
    within: float | None  # the half-width asked for, a probability
    reached: bool  # whether it was reached; True if none was asked for
    engine: str  # "kernel" or "interpreter"
    notional: bool = True


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """How much to play.

    Raises:
        Malformed: no runs, no threads, or a seed out of range.
    """

    runs: int = RUNS_DEFAULT  # with `within`: at most so many
    seed: int = 1
    threads: int = 1  # the answer is the same for any number
    within: float | None = None  # play until the half-width of every probability is no more than this
    quasi: int = 0  # points of each replicate of quasi-Monte Carlo beside; 0: none
    with_exact: bool = True  # solve exactly beside the sample where that is possible

    def __post_init__(self) -> None:
        if self.runs < 1 or self.threads < 1 or not 0 <= self.seed <= SEED_MAX:
            raise Malformed(
                "runs and threads are at least 1, and a seed is between 0 and {limit}",
                hint="Example: --runs 100000 --seed 7", limit=SEED_MAX,
            )  # fmt: skip
        if self.within is not None:
            until.checked(self.within)


def sweep(
    network: Network,
    asked: Asked,
    *,
    workers: Workers | None = None,
    part: Part | None = None,
    clock: Clock | None = None,
    progress: Callable[[Part], None] | None = None,
) -> Sweep:
    """Answer every question of a network from many runs of one seed.

    Args:
        network: what is played.
        asked: how much.
        workers: processes or a cluster to play on; `asked.threads` threads of this process if None.
        part: what was played before of the same network and seed.
        clock: seconds, for the two figures of speed; without it they are None.
        progress: told what is added up, now and then: it can be kept.
    Raises:
        Malformed: the part is of another network or seed.
    """
    now = clock or (lambda: 0.0)
    playing.sampler()  # imported, not yet compiled
    begun_at = now()
    part = part or playing.begun(network, asked.seed)
    if (part.network, part.seed) != (playing.digest_of(network), asked.seed):
        raise Malformed(
            "this part was kept of another scenario or seed", hint="Name another file, or remove it to begin anew.",
        )  # fmt: skip
    playing.played(network, asked.seed, 0, 0)
    ready_at, before = now(), part.done
    part = _gathered(part, network, asked, workers, progress or (lambda _: None))
    sampled_s = now() - ready_at
    found = answered(network, part, asked)
    return msgspec.structs.replace(
        found,
        runs_per_s=(part.done - before) / sampled_s if sampled_s > 0 else None,
        compile_s=ready_at - begun_at if clock else None,
    )


def _gathered(part: Part, network: Network, asked: Asked, workers: Workers | None, progress: Callable[[Part], None]) -> Part:
    looks = until.looks(asked.runs) if asked.within is not None else iter((asked.runs,))
    with ThreadPoolExecutor(asked.threads) as threads:
        shared_by = workers or (threads if asked.threads > 1 else None)
        for upto in looks:
            for reached in playing.go_on(part, network, upto, shared_by, ahead=3 * asked.threads):
                part = reached
                progress(part)
            if asked.within is not None and not until.goes_on(part.tally, asked.within):
                break
    return part


def answered(network: Network, part: Part, asked: Asked) -> Sweep:
    """Return what the runs of a part tell, however few.

    Raises:
        Malformed: there are none.
    """
    if part.done < 1:
        raise Malformed("no run was played", hint="Example: --runs 100000 --seed 7")
    total, chains = part.tally, [_chain(network, question.stage, asked) for question in network.questions]
    bins = dict(zip((question.name for question in network.questions), total.bins, strict=True))
    within = asked.within
    return Sweep(
        questions={question.name: _estimate(network, total, i, chains[i]) for i, question in enumerate(network.questions)},
        runs=part.done,
        seed=part.seed,
        runs_per_s=None,
        compile_s=None,
        quantiles={name: {f"{p:g}": quantile(own, part.done, p) for p in QUANTILES} for name, own in bins.items()},
        critical=_critical(network, total),
        curves={
            question.name: curve(bins[question.name], part.done, question.by_s, chain if isinstance(chain, Chain) else None)
            for question, chain in zip(network.questions, chains, strict=True)
        },
        quasi=quasi(network, points=asked.quasi, seed=part.seed) if asked.quasi else None,
        within=within,
        reached=within is None or not until.goes_on(total, within),
        engine=playing.sampler()[1],
    )


def _chain(network: Network, stage: str, asked: Asked) -> Chain | Sentence | None:
    """Return the exact law of a stage's finish, or why there is none; None if nobody asked."""
    if not asked.with_exact:
        return None
    try:
        return exact.chain_of(network, stage)
    except Refused as refusal:
        return Sentence.of(refusal)


def _estimate(network: Network, total: Tally, i: int, chain: Chain | Sentence | None) -> Estimate:
    question = network.questions[i]
    runs, hits, finished = int(total.runs[0]), int(total.hits[i]), int(total.finished[i])
    solved = chain if isinstance(chain, Chain) else None
    mean_s = solved.mean_s() if solved else math.inf
    return Estimate(
        probability=hits / runs,
        interval=wilson(hits, runs),
        exact=solved.probability_by(question.by_s) if solved else None,
        by_s=question.by_s,
        mean_s=float(total.total[i]) / finished if finished else None,
        mean_exact_s=mean_s if math.isfinite(mean_s) else None,
        finished=finished / runs,
        without_exact=chain if isinstance(chain, Sentence) else None,
    )


def _critical(network: Network, total: Tally) -> Critical:
    finished, time = max(int(total.finished[0]), 1), float(total.total[0]) or 1.0
    posts = len(network.posts)

    def places(names: list[str], first: int, *, outages: bool) -> dict[str, Criticality]:
        return {
            name: Criticality(
                runs=int(total.place_hits[first + i]) / finished,
                time=float(total.place_time[first + i]) / time,
                outage=float(total.outage_time[first + i]) / time if outages else None,
            )
            for i, name in enumerate(names)
        }

    return Critical(
        stages={
            name: Criticality(runs=int(total.group_hits[i]) / finished, time=float(total.group_time[i]) / time)
            for i, name in enumerate(groups_of(network))
        },
        posts=places([post.name for post in network.posts], 0, outages=False),
        bearers=places([bearer.name for bearer in network.bearers], posts, outages=True),
    )
