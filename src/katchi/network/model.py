"""An activity network as frozen values: what must happen, where, after what, for how long, and what is asked of it.

A run starts at time 0. A stage is ready once all (or any) of the stages it comes after have finished; it then waits
its turn at its post, begins, and finishes after its duration. Each stage happens at most once in a run. After a stage
with alternatives, one of them is drawn, and what hangs on the others does not follow from it.

- A post has seats, as many as its shift at the time; stages queue for them in the order in which they became ready. Work
  that has begun goes on when a shift with fewer seats follows.
- A bearer is up and down in turn, each for an exponential time, stationary at the start, and carries any number of
  transmissions at once; a transmission needs its duration of up-time and resumes after an outage. It is down too while
  one of its causes is (a common cause takes several bearers at once), and in the spans that are scripted for it.
- A factor multiplies the durations of the stages under it, all by the same draw of mean 1: so stages are correlated.
- All times are in seconds, all probabilities between 0 and 1.

A network that is made is sound: `Network` refuses what could not be played. It says nothing of any act of an ally,
and nothing in it approves, orders or releases anything: it is a notional process whose time is studied.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from katchi.errors import Malformed

PHASES_MAX = 100
SIGMA_MAX = 5.0
REPEATS_MAX = 400
STAGES_MAX = 4_096
PROBABILITY_SLACK = 1e-9  # alternatives written in decimals may miss 1 by so much


class Constant(msgspec.Struct, frozen=True, tag="constant"):
    """Always the same."""

    value_s: float


class Exponential(msgspec.Struct, frozen=True, tag="exponential"):
    """Exponential: as likely to end now whatever has passed."""

    mean_s: float


class Erlang(msgspec.Struct, frozen=True, tag="erlang"):
    """The sum of `phases` exponential times with this mean in all."""

    mean_s: float
    phases: int


class Lognormal(msgspec.Struct, frozen=True, tag="lognormal"):
    """Its logarithm is normal: half take longer than the median; `sigma` is the standard deviation of the logarithm."""

    median_s: float
    sigma: float


class Uniform(msgspec.Struct, frozen=True, tag="uniform"):
    """Any time between the two, alike."""

    low_s: float
    high_s: float


class Triangular(msgspec.Struct, frozen=True, tag="triangular"):
    """Between low and high, most likely near the mode, by straight lines."""

    low_s: float
    mode_s: float
    high_s: float


class Pert(msgspec.Struct, frozen=True, tag="pert"):
    """The PERT beta: between low and high, mean (low + 4 mode + high) / 6. Drawn from 512 cells of its distribution."""

    low_s: float
    mode_s: float
    high_s: float


class Empirical(msgspec.Struct, frozen=True, tag="empirical"):
    """One of the times that were observed, each as likely."""

    values_s: tuple[float, ...]


Duration = Constant | Exponential | Erlang | Lognormal | Uniform | Triangular | Pert | Empirical


class Span(msgspec.Struct, frozen=True):
    """From one time to another, seconds after the start."""

    from_s: float
    until_s: float


class Shift(msgspec.Struct, frozen=True):
    """From this time on a post has so many seats."""

    from_s: float
    seats: int


class Absence(msgspec.Struct, frozen=True):
    """For a span a post has at most so many seats, whatever its shift says."""

    span: Span
    seats: int


class Post(msgspec.Struct, frozen=True):
    """A pool of seats; whoever sits there takes what became ready first."""

    name: str
    seats: int  # until the first shift
    shifts: tuple[Shift, ...] = ()  # in order
    repeat_s: float = 0.0  # after so long the shifts begin anew, for `REPEATS_MAX` times; 0: the last one stays
    absences: tuple[Absence, ...] = ()


class _Outages(msgspec.Struct, frozen=True):
    name: str
    up_mean_s: float = math.inf
    down_mean_s: float = 0.0

    @property
    def has_outages(self) -> bool:
        """Whether it is ever down by chance of its own."""
        return self.down_mean_s != 0 and self.up_mean_s != math.inf


class Cause(_Outages, frozen=True):
    """What takes down every bearer that names it, up and down in turn."""


class Bearer(_Outages, frozen=True):
    """A way between two nodes, up and down in turn; without outages of its own where `down_mean_s` is 0."""

    causes: tuple[str, ...] = ()
    cuts: tuple[Span, ...] = ()  # scripted, in order, apart from each other

    @property
    def is_always_up(self) -> bool:
        """Whether it is never down."""
        return not (self.has_outages or self.causes or self.cuts)


class Factor(msgspec.Struct, frozen=True):
    """What the stages under it have in common: lognormal of mean 1, `sigma` the standard deviation of its logarithm."""

    name: str
    sigma: float


class Alternative(msgspec.Struct, frozen=True):
    """What may follow a stage: drawn with this probability, the stages named come after it."""

    probability: float
    stages: tuple[str, ...]


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that takes time: work `at` a post, a transmission `over` a bearer, or a delay that needs neither."""

    name: str
    duration: Duration
    at: str | None = None
    over: str | None = None
    after: tuple[str, ...] = ()
    join: Literal["all", "any"] = "all"
    alternatives: tuple[Alternative, ...] = ()
    group: str = ""  # copies of one stage are reported together under this name
    factor: str | None = None

    @property
    def reported(self) -> str:
        """The name under which it is reported."""
        return self.group or self.name


class Question(msgspec.Struct, frozen=True):
    """How likely is `stage` to have finished `by_s` seconds after the start?"""

    name: str
    stage: str
    by_s: float


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """The whole network. Making one checks it.

    Raises:
        Malformed: it could not be played; `field` is where the fault is, such as "stages.draft.after".
    """

    stages: tuple[Stage, ...]
    questions: tuple[Question, ...]
    posts: tuple[Post, ...] = ()
    bearers: tuple[Bearer, ...] = ()
    causes: tuple[Cause, ...] = ()
    factors: tuple[Factor, ...] = ()

    def __post_init__(self) -> None:
        check(self)

    def edges(self) -> Iterator[tuple[str, str, int | None]]:
        """Yield what comes after what: (earlier, later, the alternative it hangs on or None), in the order of the stages."""
        for stage in self.stages:
            for earlier in stage.after:
                yield earlier, stage.name, None
            for i, alternative in enumerate(stage.alternatives):
                for later in alternative.stages:
                    yield stage.name, later, i


def check(network: Network) -> None:
    """Raise Malformed, naming the field, unless the network can be played."""
    for kind, names in (
        ("posts", [post.name for post in network.posts]),
        ("bearers", [bearer.name for bearer in network.bearers]),
        ("stages", [stage.name for stage in network.stages]),
        ("questions", [question.name for question in network.questions]),
        ("causes", [cause.name for cause in network.causes]),
        ("factors", [factor.name for factor in network.factors]),
    ):
        twice = next((name for i, name in enumerate(names) if name in names[:i]), None) if len(set(names)) < len(names) else None
        if twice is not None:
            raise Malformed(
                "'{name}' is defined twice", hint="Give one of them another name.", field=f"{kind}.{twice}", name=twice
            )
    for post in network.posts:
        _check_post(post)
    for bearer in network.bearers:
        _check_outages(bearer)
    for cause in network.causes:
        _check_outages(cause)
    causes = {cause.name for cause in network.causes}
    for bearer in network.bearers:
        for name in bearer.causes:
            if name not in causes:
                raise Malformed(
                    "bearer '{name}' has the cause '{other}', which is not defined", hint="Defined are: {known}.",
                    field=f"bearers.{bearer.name}.causes", name=bearer.name, other=name, known=", ".join(sorted(causes)) or "-",
                )  # fmt: skip
    for factor in network.factors:
        if not 0 < factor.sigma <= SIGMA_MAX:
            raise Malformed(
                "factor '{name}' has sigma {sigma}", hint="Write a number above 0 and up to {limit}.",
                field=f"factors.{factor.name}.sigma", name=factor.name, sigma=factor.sigma, limit=SIGMA_MAX,
            )  # fmt: skip
    _check_stages(network)
    _check_order(network)
    _check_questions(network)


def _check_post(post: Post) -> None:
    capacities = [shift.seats for shift in post.shifts]
    if not post.shifts or post.shifts[0].from_s > 0:
        capacities.append(post.seats)
    if max(capacities) < 1 or min(*capacities, *(absence.seats for absence in post.absences), 0) < 0:
        raise Malformed(
            "post '{name}' has {seats} seats: nothing there would ever begin",
            hint="Give it at least one seat, or leave the stage without `at`.",
            field=f"posts.{post.name}.seats",
            name=post.name,
            seats=max(capacities),
        )
    times = [shift.from_s for shift in post.shifts]
    if any(not 0 <= time < math.inf for time in times) or any(a >= b for a, b in itertools.pairwise(times)):
        raise Malformed(
            "the shifts of post '{name}' are not in order", hint="Write each with a later time than the one before.",
            field=f"posts.{post.name}.shifts", name=post.name,
        )  # fmt: skip
    if post.repeat_s and not (math.isfinite(post.repeat_s) and times and post.repeat_s > times[-1] - times[0]):
        raise Malformed(
            "the shifts of post '{name}' cannot repeat that soon", hint="Write a time beyond the last shift, such as \"24 h\".",
            field=f"posts.{post.name}.repeat", name=post.name,
        )  # fmt: skip
    for absence in post.absences:
        _check_span(absence.span, f"posts.{post.name}")


def _check_outages(outages: Bearer | Cause) -> None:
    kind = "bearers" if isinstance(outages, Bearer) else "causes"
    if not (outages.up_mean_s > 0 and 0 <= outages.down_mean_s < math.inf):
        raise Malformed(
            "bearer '{name}' must be up for some time on average, and down for a finite one",
            hint='Write mean times such as up = "6 h" and down = "30 min", or leave both out if it is always up.',
            field=f"{kind}.{outages.name}.up",
            name=outages.name,
        )
    if isinstance(outages, Bearer):
        for cut in outages.cuts:
            _check_span(cut, f"bearers.{outages.name}")
        if any(a.until_s >= b.from_s for a, b in itertools.pairwise(outages.cuts)):
            raise Malformed(
                "two outages scripted for bearer '{name}' overlap", hint="Make one of them.",
                field=f"bearers.{outages.name}", name=outages.name,
            )  # fmt: skip


def _check_span(span: Span, field: str) -> None:
    if not 0 <= span.from_s < span.until_s < math.inf:
        raise Malformed(
            "a span must begin at 0 or later and end after it begins", hint='Write at = "2 h", lasts = "30 min".', field=field
        )


def _check_stages(network: Network) -> None:
    if not network.stages:
        raise Malformed("there is no stage", hint="Write at least one: [stages.NAME] with `takes`.", field="stages")
    if len(network.stages) > STAGES_MAX:
        raise Malformed(
            "{n} stages are more than the {limit} this plays", hint="Leave out what matters least.", field="stages",
            n=len(network.stages), limit=STAGES_MAX,
        )  # fmt: skip
    known = {
        "at": {post.name for post in network.posts},
        "over": {bearer.name for bearer in network.bearers},
        "after": {stage.name for stage in network.stages},
        "factor": {factor.name for factor in network.factors},
    }
    for stage in network.stages:
        place = f"stages.{stage.name}"
        if stage.at is not None and stage.over is not None:
            raise Malformed(
                "stage '{name}' is both at a post and over a bearer",
                hint="Make two stages of it: the work, and the transmission after it.",
                field=f"{place}.over",
                name=stage.name,
            )
        named = [("at", stage.at), ("over", stage.over), ("factor", stage.factor), *(("after", name) for name in stage.after)]
        named += [("then", name) for alternative in stage.alternatives for name in alternative.stages]
        for key, name in named:
            if name is not None and name not in known["after" if key == "then" else key]:
                raise Malformed(
                    "stage '{name}' has {key} = '{other}', which is not defined",
                    hint="Defined are: {known}.",
                    field=f"{place}.{key}",
                    name=stage.name,
                    key=key,
                    other=name,
                    known=", ".join(sorted(known["after" if key == "then" else key])) or "-",
                )
        if len(set(stage.after)) < len(stage.after):
            raise Malformed(
                "stage '{name}' comes twice after the same stage", hint="Name each stage once.",
                field=f"{place}.after", name=stage.name,
            )  # fmt: skip
        _check_duration(stage)
        _check_alternatives(stage)


def _check_duration(stage: Stage) -> None:
    duration = stage.duration
    values = [value for part in msgspec.structs.astuple(duration) for value in (part if isinstance(part, tuple) else (part,))]
    match duration:
        case Constant(value) | Exponential(value):
            sound = value >= 0 if isinstance(duration, Constant) else value > 0
        case Erlang(mean, phases):
            sound = mean > 0 and 1 <= phases <= PHASES_MAX
        case Lognormal(median, sigma):
            sound = median > 0 and 0 < sigma <= 10
        case Uniform(low, high):
            sound = 0 <= low < high
        case Triangular(low, mode, high) | Pert(low, mode, high):
            sound = 0 <= low <= mode <= high and low < high
        case Empirical(observed):
            sound = bool(observed) and min(observed) >= 0
    if not sound or not all(math.isfinite(value) for value in values):
        raise Malformed(
            "stage '{name}' has a duration that cannot be: {duration}",
            hint="Means and medians are above 0, no time is negative, low <= mode <= high with low < high.",
            field=f"stages.{stage.name}.takes",
            name=stage.name,
            duration=", ".join(f"{value:g}" for value in values) or "-",
        )


def _check_alternatives(stage: Stage) -> None:
    for alternative in stage.alternatives:
        if not 0 <= alternative.probability <= 1:
            raise Malformed(
                "after stage '{name}' an alternative has probability {p}, which is not between 0 and 1",
                hint="Write a share such as 0.8.",
                field=f"stages.{stage.name}.then",
                name=stage.name,
                p=alternative.probability,
            )
    total = math.fsum(alternative.probability for alternative in stage.alternatives)
    if stage.alternatives and abs(total - 1) > PROBABILITY_SLACK:
        raise Malformed(
            "after stage '{name}' the probabilities of the alternatives add up to {total:.6g}, not 1",
            hint="Add the missing alternative; one with no stages says that nothing follows.",
            field=f"stages.{stage.name}.then",
            name=stage.name,
            total=total,
        )


def _check_order(network: Network) -> None:
    before: dict[str, list[str]] = {stage.name: [] for stage in network.stages}
    for earlier, later, _ in network.edges():
        before[later].append(earlier)
    for name, earlier_ones in before.items():
        if len(set(earlier_ones)) < len(earlier_ones):
            raise Malformed(
                "stage '{name}' comes after one stage in two ways", hint="Keep it in `after` or in one alternative, not in both.",
                field=f"stages.{name}.after", name=name,
            )  # fmt: skip
    cycle = cycle_of(before)
    if cycle:
        raise Malformed(
            "stage '{name}' waits for itself: {cycle}",
            hint="Take one of these out of another's `after`.",
            field=f"stages.{cycle[0]}.after",
            name=cycle[0],
            cycle=" after ".join([*cycle, cycle[0]]),
        )
    _check_startable(network, before)


def cycle_of(before: Mapping[str, list[str]]) -> list[str]:
    """Return stages of which each comes after the next and the last after the first; empty if there are none."""
    done: set[str] = set()
    for root in before:
        path: dict[str, Iterator[str]] = {}
        if root not in done:
            path[root] = iter(before[root])
        while path:
            name, rest = next(reversed(path.items()))
            earlier = next(rest, None)
            if earlier is None:
                done.add(name)
                del path[name]
            elif earlier in path:
                names = list(path)
                return names[names.index(earlier) :]
            elif earlier not in done:
                path[earlier] = iter(before[earlier])
    return []


def in_order(network: Network) -> list[Stage]:
    """Return the stages so that each stands behind all it comes after."""
    before: dict[str, list[str]] = {stage.name: [] for stage in network.stages}
    for earlier, later, _ in network.edges():
        before[later].append(earlier)
    left = {name: len(earlier) for name, earlier in before.items()}
    after: dict[str, list[str]] = {name: [] for name in before}
    for earlier, later, _ in network.edges():
        after[earlier].append(later)
    stages = {stage.name: stage for stage in network.stages}
    free = [name for name, n in left.items() if n == 0]
    for name in free:  # grows while it is walked
        for later in after[name]:
            left[later] -= 1
            if left[later] == 0:
                free.append(later)
    return [stages[name] for name in free]


def _check_startable(network: Network, before: Mapping[str, list[str]]) -> None:
    """Refuse a stage that can never begin: it waits for all of several that exclude each other, or hangs on a chance of 0."""
    ordered = in_order(network)
    hangs: dict[tuple[str, str], int | None] = {(earlier, later): branch for earlier, later, branch in network.edges()}
    for chooser in network.stages:
        if not chooser.alternatives:
            continue
        every = frozenset(i for i, one in enumerate(chooser.alternatives) if one.probability > 0)
        under: dict[str, frozenset[int]] = {}  # the alternatives of `chooser` under which a stage can finish
        for stage in ordered:
            ways = []
            for earlier in before[stage.name]:
                branch = hangs[earlier, stage.name]
                ways.append(under[earlier] & {branch} if earlier == chooser.name and branch is not None else under[earlier])
            if not ways:
                under[stage.name] = every
            elif stage.join == "any":
                under[stage.name] = frozenset().union(*ways)
            else:
                under[stage.name] = frozenset.intersection(*ways)
            if not under[stage.name]:
                raise Malformed(
                    "stage '{name}' can never begin: what it waits for never happens together after '{chooser}'",
                    hint='Write join = "any" where alternatives meet again, or give each alternative a probability above 0.',
                    field=f"stages.{stage.name}.after",
                    name=stage.name,
                    chooser=chooser.name,
                )


def _check_questions(network: Network) -> None:
    if not network.questions:
        raise Malformed("nothing is asked", hint="Write a question: [questions.NAME] with `stage` and `by`.", field="questions")
    names = {stage.name for stage in network.stages}
    for question in network.questions:
        if question.stage not in names:
            raise Malformed(
                "question '{name}' is about stage '{other}', which is not defined",
                hint="Defined are: {known}.",
                field=f"questions.{question.name}.stage",
                name=question.name,
                other=question.stage,
                known=", ".join(sorted(names)),
            )
        if not 0 < question.by_s < math.inf:
            raise Malformed(
                "question '{name}' needs a deadline above 0",
                hint='Write by = "6 h", or a `deadline` for the whole scenario.',
                field=f"questions.{question.name}.by",
                name=question.name,
            )
