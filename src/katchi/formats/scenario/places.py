"""Posts, bearers, causes, factors, and the injects that touch them."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from katchi.errors import Malformed
from katchi.exercise.scenario import Inject
from katchi.formats.scenario.keys import TABLES
from katchi.formats.scenario.table import Table, defined, tables
from katchi.network.model import Absence, Bearer, Cause, Factor, Post, Shift, Span

WAYS = ("stages", "bearer", "post")


class Places(NamedTuple):
    """Where stages happen, and who sits there."""

    posts: tuple[Post, ...]
    bearers: tuple[Bearer, ...]
    causes: tuple[Cause, ...]
    allies: Mapping[str, str]  # of each post, or ""


def injects_of(tree: Mapping[str, Any], stages: Collection[str]) -> tuple[Inject, ...]:
    """Return the scripted events, in the order of the file."""
    return tuple(_inject(name, table, tree, stages) for name, table in tables(tree, "injects", TABLES["injects"]))


def _inject(name: str, table: Table, tree: Mapping[str, Any], stages: Collection[str]) -> Inject:
    named = [way for way in WAYS if way in table]
    if len(named) != 1:
        raise Malformed(
            "inject '{name}' must do one thing", hint="Write one of: stages = [...], bearer = NAME, post = NAME.",
            field=table.field, name=name,
        )  # fmt: skip
    at_s, about = table.time("at"), table.words("about")
    if "stages" in table:
        begun = tuple(defined(one, stages, field=table.at("stages"), what="stage") for one in table.names("stages"))
        return Inject(name=name, at_s=at_s, about=about, stages=begun)
    if "lasts" not in table:
        raise Malformed(
            "inject '{name}' does not say how long it lasts", hint='Write lasts = "1 h".', field=table.field, name=name
        )
    span = Span(at_s, at_s + table.time("lasts"))
    if span.until_s <= span.from_s:
        raise Malformed("inject '{name}' lasts no time", hint='Write lasts = "1 h".', field=table.at("lasts"), name=name)
    if "bearer" in table:
        bearer = defined(table.text("bearer"), tree.get("bearers", {}), field=table.at("bearer"), what="bearer")
        return Inject(name=name, at_s=at_s, about=about, bearer=bearer, span=span)
    post = defined(table.text("post"), tree.get("posts", {}), field=table.at("post"), what="post")
    seats = table.whole("seats", 0)
    if seats < 0:
        raise Malformed(
            "inject '{name}' leaves {seats} seats", hint="Write 0 or more.", field=table.at("seats"), name=name, seats=seats
        )
    return Inject(name=name, at_s=at_s, about=about, post=post, seats=seats, span=span)


def places_of(tree: Mapping[str, Any], allies: Collection[str], injects: Collection[Inject]) -> Places:
    """Return posts and bearers, the injects laid into them."""
    absences: dict[str, list[Absence]] = defaultdict(list)
    cuts: dict[str, list[tuple[Span, str]]] = defaultdict(list)
    for inject in injects:
        if inject.post and inject.span is not None:
            absences[inject.post].append(Absence(inject.span, inject.seats))
        elif inject.bearer and inject.span is not None:
            cuts[inject.bearer].append((inject.span, inject.name))
    posts, owners = [], {}
    for name, table in tables(tree, "posts", TABLES["posts"]):
        owners[name] = table.text("ally")
        if owners[name]:
            _known_ally(owners[name], allies, table.at("ally"), name)
        posts.append(_post(name, table, tuple(absences[name])))
    causes = tuple(Cause(name, table.time("up"), table.time("down")) for name, table in tables(tree, "causes", TABLES["causes"]))
    bearers = [
        _bearer(name, table, {cause.name for cause in causes}, cuts[name])
        for name, table in tables(tree, "bearers", TABLES["bearers"])
    ]
    return Places(tuple(posts), tuple(bearers), causes, owners)


def _known_ally(ally: str, allies: Collection[str], field: str, name: str) -> None:
    if ally not in allies:
        raise Malformed(
            "'{name}' is of '{ally}', which is no ally here", hint="Write it in allies = [...] at the top.",
            field=field, name=name, ally=ally,
        )  # fmt: skip


def _post(name: str, table: Table, absences: tuple[Absence, ...]) -> Post:
    shifts = tuple(Shift(one.time("from"), one.whole("seats", 1)) for one in table.tables("shifts"))
    if "repeat" in table and not shifts:
        raise Malformed(
            "post '{name}' repeats no shifts", hint="Write shifts = [...], or leave repeat out.", field=table.at("repeat"),
            name=name,
        )  # fmt: skip
    repeat_s = table.time("repeat") if "repeat" in table else 0.0
    return Post(name, table.whole("seats", 1), shifts, repeat_s, absences)


def _bearer(name: str, table: Table, causes: Collection[str], cuts: list[tuple[Span, str]]) -> Bearer:
    if ("up" in table) != ("down" in table):
        raise Malformed(
            "bearer '{name}' has only one of up and down", hint="Write both mean times, or neither if it is always up.",
            field=table.field, name=name,
        )  # fmt: skip
    cuts = sorted(cuts, key=lambda cut: cut[0].from_s)
    for (one, first), (other, second) in itertools.pairwise(cuts):
        if one.until_s >= other.from_s:
            raise Malformed(
                "injects '{first}' and '{second}' take bearer '{name}' down at the same time", hint="Make one of them.",
                field=f"injects.{second}", first=first, second=second, name=name,
            )  # fmt: skip
    named = tuple(defined(one, causes, field=table.at("causes"), what="cause") for one in table.names("causes"))
    spans = tuple(span for span, _ in cuts)
    if "up" not in table:
        return Bearer(name, causes=named, cuts=spans)
    return Bearer(name, table.time("up"), table.time("down"), named, spans)


def factors_of(tree: Mapping[str, Any], stages: Collection[str]) -> tuple[tuple[Factor, ...], Mapping[str, str]]:
    """Return the factors, and of each stage under one its factor."""
    factors, under = [], {}
    for name, table in tables(tree, "factors", TABLES["factors"]):
        factors.append(Factor(name, table.number("sigma")))
        for stage in table.names("stages"):
            defined(stage, stages, field=table.at("stages"), what="stage")
            if stage in under:
                raise Malformed(
                    "stage '{stage}' is under two factors",
                    hint="Leave it out of one of them.",
                    field=table.at("stages"),
                    stage=stage,
                )
            under[stage] = name
    return tuple(factors), under
