"""Stages: copies written out, retries unfolded into attempts, and what is known of each beyond its place in the network."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from katchi.errors import Malformed
from katchi.exercise.scenario import Part
from katchi.formats.scenario.keys import ACTS, INSIDE, JOINS, REQUIRED, SOURCES, TABLES
from katchi.formats.scenario.table import Table, defined, tables
from katchi.formats.scenario.times import duration_of
from katchi.network.durations import Constant
from katchi.network.model import Alternative, Stage

COPIES_MAX = 1_000
TRIES_MAX = 20


class Written(NamedTuple):
    """The stages as the file writes them."""

    tables: Mapping[str, Table]
    copies: Mapping[str, int]


def written(tree: Mapping[str, Any]) -> Written:
    """Return all [stages.NAME], their copies counted."""
    found = dict(tables(tree, "stages", TABLES["stages"]))
    copies = {}
    for name, table in found.items():
        copies[name] = table.whole("copies", 1)
        if not 1 <= copies[name] <= COPIES_MAX:
            raise Malformed(
                "stage '{name}' has {copies} copies", hint="Write a number from 1 to {limit}.",
                field=table.at("copies"), name=name, copies=copies[name], limit=COPIES_MAX,
            )  # fmt: skip
    return Written(found, copies)


def part_of(name: str, table: Table, copies: int, allies: Collection[str]) -> Part:
    """Return what a stage is beyond its place in the network."""
    by, act, source = table.text("by"), table.text("act"), table.text("source")
    if by:
        defined(by, allies, field=table.at("by"), what="ally")
    if act:
        defined(act, ACTS, field=table.at("act"), what="act")
    kind, _, where_from = (half.strip() for half in source.partition(":"))
    if kind and kind not in SOURCES:
        raise Malformed(
            "stage '{name}' has a source of no known kind: {source}",
            hint='Begin with played, published or guess, such as "published: where".',
            field=table.at("source"), name=name, source=source,
        )  # fmt: skip
    table.words("about")
    return Part(title=table.words("title"), by=by, act=act, source=kind, where_from=where_from, copies=copies)  # type: ignore[arg-type]


def stages_of(name: str, stages: Written, factor: str | None, begun_by: Sequence[str]) -> list[Stage]:
    """Return a stage's copies, each with its attempts.

    Args:
        name: the stage.
        stages: all of the file.
        factor: that it is under, or None.
        begun_by: injects that it waits for.
    """
    table, many = stages.tables[name], stages.copies[name]
    join = table.text("join") or "all"
    if join not in JOINS:
        raise Malformed(
            "stage '{name}' joins '{join}'", hint="Write join = \"all\" or join = \"any\".", field=table.at("join"),
            name=name, join=join,
        )  # fmt: skip
    duration = duration_of(table.values["takes"], table.at("takes"))
    after, then = table.names("after"), table.tables("then")
    for one in then:
        one.chance("chance")
    out = []
    for i in range(many):
        earlier = tuple(other for one in after for other in _matched(name, i, one, stages, table.at("after")))
        stage = Stage(
            name=copy_of(name, i, many),
            group=name,
            duration=duration,
            at=table.text("at") or None,
            over=table.text("over") or None,
            join="any" if join == "any" else "all",
            after=(*earlier, *begun_by),
            alternatives=tuple(Alternative(one.chance("chance"), _led_to(name, i, one, stages)) for one in then),
            factor=factor,
        )
        out += _tries(stage, table, name, i, stages) if "retries" in table else [stage]
    return out


def copy_of(name: str, i: int, copies: int) -> str:
    """Return what copy i is called."""
    return name if copies == 1 else f"{name}.{i + 1}"


def _matched(name: str, i: int, earlier: str, stages: Written, field: str) -> list[str]:
    """Return the copies of an earlier stage that copy i comes after."""
    defined(earlier, stages.copies, field=field, what="stage")
    mine, theirs = stages.copies[name], stages.copies[earlier]
    if theirs == mine:
        return [copy_of(earlier, i, theirs)]
    if mine > 1 and theirs > 1:
        raise Malformed(
            "stage '{name}' has {mine} copies and comes after '{other}', which has {theirs}",
            hint="Give both as many copies, or put a single stage between them.",
            field=field, name=name, other=earlier, mine=mine, theirs=theirs,
        )  # fmt: skip
    return [copy_of(earlier, j, theirs) for j in range(theirs)]


def _led_to(name: str, i: int, table: Table, stages: Written) -> tuple[str, ...]:
    """Return the copies that an alternative of copy i leads to."""
    mine, out = stages.copies[name], []
    for later in table.names("stages"):
        theirs = stages.copies[defined(later, stages.copies, field=table.field, what="stage")]
        if theirs not in (mine, 1) and mine != 1:
            raise Malformed(
                "stage '{name}' has {mine} copies and leads to '{other}', which has {theirs}",
                hint="Give both as many copies: an alternative leads from copy to copy.",
                field=table.field, name=name, mine=mine, other=later, theirs=theirs,
            )  # fmt: skip
        out += [copy_of(later, i, theirs)] if theirs == mine else [copy_of(later, j, theirs) for j in range(theirs)]
    return tuple(out)


def _tries(stage: Stage, table: Table, name: str, i: int, stages: Written) -> list[Stage]:
    """Return a stage that may fail as attempts, pauses, and a stage of its name that follows whichever succeeds."""
    retries = Table(table.values["retries"], table.at("retries"), INSIDE["retries"], REQUIRED["retries"])
    fails, again = retries.chance("chance"), retries.whole("times", 1)
    if not 1 <= again <= TRIES_MAX:
        raise Malformed(
            "stage '{name}' is tried again {n} times", hint="Write times = 1 to {limit}.", field=table.at("retries"), name=name,
            n=again, limit=TRIES_MAX,
        )  # fmt: skip
    pause_s = retries.time("pause") if "pause" in retries else 0.0
    given_up = Table({"stages": retries.names("otherwise")}, table.at("retries"), ("stages",))
    tries = [f"{stage.name}.try{n}" for n in range(1, again + 2)]
    pauses = [f"{stage.name}.pause{n}" for n in range(1, again + 1)]
    done = stage.name
    out = []
    for n, attempt in enumerate(tries):
        follows = (pauses[n],) if n < again else _led_to(name, i, given_up, stages)
        out.append(
            Stage(
                name=attempt,
                group=name,
                duration=stage.duration,
                at=stage.at,
                over=stage.over,
                factor=stage.factor,
                after=stage.after if n == 0 else (pauses[n - 1],),
                join=stage.join if n == 0 else "all",
                alternatives=(Alternative(1.0 - fails, (done,)), Alternative(fails, follows)),
            )
        )
    out += [Stage(name=pause, group=name, duration=Constant(pause_s)) for pause in pauses]
    out.append(Stage(name=done, group=name, duration=Constant(0.0), join="any", alternatives=stage.alternatives))
    return out
