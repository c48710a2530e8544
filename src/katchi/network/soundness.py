"""Whether a network can be played: what is refused, with the field at fault and a fix. The first fault found is raised.

A sound network names only what is defined, once each. Posts have seats, spans and shifts are in order, durations are possible.
No stage waits for itself, or for what never happens together; alternatives add up to 1; something is asked, by a deadline. So
whoever plays it (interpreter.py, kernel.py, rehearse/) checks nothing more.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from katchi.errors import Malformed
from katchi.network.durations import (
    PHASES_MAX,
    Constant,
    Empirical,
    Erlang,
    Exponential,
    Lognormal,
    Pert,
    Triangular,
    Uniform,
)
from katchi.network.order import cycle_of, earlier_of, in_order

if TYPE_CHECKING:
    from katchi.network.model import Bearer, Cause, Network, Post, Span, Stage

SIGMA_MAX = 5.0
STAGES_MAX = 4_096
PROBABILITY_SLACK = 1e-9  # alternatives written in decimals may miss 1 by so much


def check(network: Network) -> None:
    """Raise unless the network can be played.

    Raises:
        Malformed: it could not; `field` is where the fault is, such as "stages.draft.after".
    """
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
        _check_outages(bearer, "bearers")
        _check_cuts(bearer)
    for cause in network.causes:
        _check_outages(cause, "causes")
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


def _check_outages(outages: Bearer | Cause, kind: str) -> None:
    if not (outages.up_mean_s > 0 and 0 <= outages.down_mean_s < math.inf):
        raise Malformed(
            "bearer '{name}' must be up for some time on average, and down for a finite one",
            hint='Write mean times such as up = "6 h" and down = "30 min", or leave both out if it is always up.',
            field=f"{kind}.{outages.name}.up",
            name=outages.name,
        )


def _check_cuts(bearer: Bearer) -> None:
    for cut in bearer.cuts:
        _check_span(cut, f"bearers.{bearer.name}")
    if any(a.until_s >= b.from_s for a, b in itertools.pairwise(bearer.cuts)):
        raise Malformed(
            "two outages scripted for bearer '{name}' overlap", hint="Make one of them.",
            field=f"bearers.{bearer.name}", name=bearer.name,
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
    before = earlier_of(network)
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
