"""A network with other values of its uncertain inputs: a stage's mean, a bearer's times up and down, a post's seats.

A stage keeps its law: all its times are scaled alike, so that its mean is the value. Its copies and its attempts, which have the
same duration, go together; the pauses between attempts stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from msgspec.structs import replace

from katchi.errors import Malformed
from katchi.exercise.scenario import Uncertain
from katchi.network import laws
from katchi.network.arrays import Arrays
from katchi.network.durations import (
    Constant,
    Duration,
    Empirical,
    Erlang,
    Exponential,
    Lognormal,
    Pert,
    Triangular,
    Uniform,
)
from katchi.network.model import Bearer, Network, Post, Stage

Key = tuple[str, str, str]
"""("stages", its name before copies, "mean"), ("bearers", name, "up" or "down"), ("posts", name, "seats")."""
NOTHING: Key = ("", "", "")


def key_of(uncertain: Uncertain) -> Key:
    """Return what an input is of, apart from its name and range."""
    return uncertain.kind, uncertain.of, uncertain.what


def driven(network: Network) -> Mapping[str, Key]:
    """Return of each stage the input that is its mean: those reported under one name that last as long as the first of them."""
    first: dict[str, Duration] = {}
    for stage in network.stages:
        first.setdefault(stage.reported, stage.duration)
    return {stage.name: ("stages", stage.reported, "mean") for stage in network.stages if stage.duration == first[stage.reported]}


def mean_of(duration: Duration) -> float:
    """Return the mean of a duration, seconds."""
    match duration:
        case Constant(value):
            return value
        case Exponential(mean) | Erlang(mean, _):
            return mean
        case Lognormal(median, sigma):
            return median * math.exp(sigma * sigma / 2)
        case Uniform(low, high):
            return (low + high) / 2
        case Triangular(low, mode, high):
            return (low + mode + high) / 3
        case Pert(low, mode, high):
            return (low + 4 * mode + high) / 6
        case Empirical(values):
            return math.fsum(values) / len(values)


def scaled(duration: Duration, by: float) -> Duration:
    """Return a duration whose times are all `by` times as long, > 0; shapes (phases, sigma) stay."""
    match duration:
        case Constant(value):
            return Constant(value * by)
        case Exponential(mean):
            return Exponential(mean * by)
        case Erlang(mean, phases):
            return Erlang(mean * by, phases)
        case Lognormal(median, sigma):
            return Lognormal(median * by, sigma)
        case Uniform(low, high):
            return Uniform(low * by, high * by)
        case Triangular(low, mode, high):
            return Triangular(low * by, mode * by, high * by)
        case Pert(low, mode, high):
            return Pert(low * by, mode * by, high * by)
        case Empirical(values):
            return Empirical(tuple(value * by for value in values))


def now_of(network: Network, key: Key) -> float:
    """Return the value that an input has in a network: seconds, or seats.

    Raises:
        Malformed: the network has no such stage, bearer or post.
    """
    kind, of, what = key
    if kind == "stages":
        for stage in network.stages:
            if stage.reported == of:
                return mean_of(stage.duration)
    if kind == "bearers":
        for bearer in network.bearers:
            if bearer.name == of:
                return bearer.up_mean_s if what == "up" else bearer.down_mean_s
    for post in network.posts:
        if kind == "posts" and post.name == of and post.shifts:
            raise Malformed(
                "post '{name}' has shifts, so its seats cannot be varied as one number",
                hint="Take it out of [uncertain].",
                name=of,
            )
        if kind == "posts" and post.name == of:
            return float(post.seats)
    raise Malformed(
        "nothing named '{name}' is there to vary", hint="Name a stage, a bearer or a post of the file.", name=f"{kind}.{of}"
    )


def varied(network: Network, values: Mapping[Key, float]) -> Network:
    """Return the network with these values of its inputs: means in seconds, seats in whole numbers.

    Raises:
        Malformed: there is nothing of that name, a stage without time is to have some, or the value cannot be.
    """
    for key in values:
        now_of(network, key)
    keys = driven(network)
    return replace(
        network,
        stages=tuple(_stage(stage, values.get(keys.get(stage.name, NOTHING))) for stage in network.stages),
        bearers=tuple(_bearer(bearer, values) for bearer in network.bearers),
        posts=tuple(_post(post, values) for post in network.posts),
    )


def _stage(stage: Stage, value: float | None) -> Stage:
    if value is None:
        return stage
    mean = mean_of(stage.duration)
    if mean == 0:
        raise Malformed(
            "stage '{name}' takes no time, so its mean cannot be varied",
            hint="Give it a duration, or take it out of [uncertain].", name=stage.reported,
            field=f"stages.{stage.reported}.takes",
        )  # fmt: skip
    return stage if value == mean else replace(stage, duration=scaled(stage.duration, value / mean))


def _bearer(bearer: Bearer, values: Mapping[Key, float]) -> Bearer:
    up, down = (values.get(("bearers", bearer.name, what)) for what in ("up", "down"))
    return replace(
        bearer,
        up_mean_s=bearer.up_mean_s if up is None else up,
        down_mean_s=bearer.down_mean_s if down is None else down,
    )


def _post(post: Post, values: Mapping[Key, float]) -> Post:
    seats = values.get(("posts", post.name, "seats"))
    return post if seats is None else replace(post, seats=int(seats))


def retimed(arrays: Arrays, network: Network, values: Mapping[Key, float]) -> Arrays:
    """Return the flat arrays of `varied(network, values)` from those of the network, without compiling again.

    Args:
        arrays: of `network`, perhaps compiled beside others.
        network: with the same seats, and outages where the values have some: those values of seats are not looked at.
        values: > 0, seconds.
    """
    keys, means = driven(network), [mean_of(stage.duration) for stage in network.stages]
    by = np.array(
        [
            values.get(keys.get(stage.name, NOTHING), mean) / mean if mean else 1.0
            for stage, mean in zip(network.stages, means, strict=True)
        ]
    )
    ranged = np.isin(arrays.law, (laws.UNIFORM, laws.TRIANGULAR, laws.PERT))
    table = arrays.table.copy()
    for stage in np.flatnonzero(arrays.law == laws.EMPIRICAL):
        first = arrays.table_first[stage]
        table[first : first + arrays.table_size[stage]] *= by[stage]
    up, down = arrays.up_mean.copy(), arrays.down_mean.copy()
    for i, bearer in enumerate(network.bearers):
        if bearer.has_outages:
            up[i] = values.get(("bearers", bearer.name, "up"), up[i])
            down[i] = values.get(("bearers", bearer.name, "down"), down[i])
    return arrays._replace(
        a=arrays.a * by,
        b=np.where(ranged, arrays.b * by, arrays.b),
        c=arrays.c * by,
        table=table,
        up_mean=up,
        down_mean=down,
    )
