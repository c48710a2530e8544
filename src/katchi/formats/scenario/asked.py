"""What is asked: questions, changes to compare, inputs that nobody knows exactly."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from katchi.errors import Malformed
from katchi.exercise.scenario import Change, Uncertain
from katchi.formats.scenario.keys import TABLES
from katchi.formats.scenario.stages import Written
from katchi.formats.scenario.table import Table, defined, tables
from katchi.network.model import Network, Question

_UNCERTAIN = re.compile(r"(stages|bearers|posts)\.([^.]+)(?:\.(up|down|seats))?")
CHANGED = ("posts", "bearers", "causes", "factors", "stages", "injects", "deadline")
SEATS_MAX = 1_000


def questions_of(tree: Mapping[str, Any], stages: Written) -> Iterator[Question]:
    """Yield the questions."""
    top = Table({key: value for key, value in tree.items() if key == "deadline"}, "", ("deadline",))
    for name, table in tables(tree, "questions", TABLES["questions"]):
        table.words("about")
        stage = defined(table.text("stage"), stages.copies, field=table.at("stage"), what="stage")
        if stages.copies[stage] > 1:
            raise Malformed(
                "question '{name}' is about stage '{other}', which has copies",
                hint="Ask about a single stage that comes after all of them.",
                field=table.at("stage"), name=name, other=stage,
            )  # fmt: skip
        if "by" not in table and "deadline" not in top:
            raise Malformed(
                "question '{name}' needs a deadline above 0", hint='Write by = "6 h", or a `deadline` for the whole scenario.',
                field=table.field, name=name,
            )  # fmt: skip
        by_s = table.time("by") if "by" in table else top.time("deadline")
        if by_s <= 0:
            raise Malformed(
                "question '{name}' needs a deadline above 0", hint='Write by = "6 h", or a `deadline` for the whole scenario.',
                field=table.at("by") if "by" in table else "deadline", name=name,
            )  # fmt: skip
        yield Question(name, stage, by_s)


def changes_of(tree: Mapping[str, Any], network_of: Callable[[Mapping[str, Any]], Network]) -> Iterator[Change]:
    """Yield the changes, each with the network that it makes."""
    for name, table in tables(tree, "changes", TABLES["changes"]):
        paths = table.values["set"]
        if not isinstance(paths, dict) or not paths:
            raise Malformed(
                "change '{name}' sets nothing", hint='Write set = {{ "posts.duty.seats" = 2 }}.', field=table.at("set"), name=name
            )
        changed = copy.deepcopy(dict(tree))
        for path, value in paths.items():
            _set(changed, path, value, name, table.at("set"))
        try:
            network = network_of(changed)
        except Malformed as fault:
            raise Malformed(
                "with change '{name}', {place}: {fault}", hint="Mend what it sets.", field=table.at("set"), name=name,
                place=fault.field or "-", fault=str(fault),
            ) from None  # fmt: skip
        yield Change(name=name, about=table.words("about"), network=network)


def _set(tree: dict[str, Any], path: str, value: object, name: str, field: str) -> None:
    keys = _keys(path)
    kind = keys[0] if keys else ""
    is_new = len(keys) == 2 and kind in CHANGED and isinstance(value, dict)
    at: Any = tree
    for key in keys[:-1]:
        at = at.get(key) if isinstance(at, dict) else None
    leads_somewhere = isinstance(at, dict) and kind in CHANGED and (len(keys) > 2 or kind == "deadline")
    if is_new:
        tree.setdefault(kind, {})[keys[1]] = value
    elif leads_somewhere and (kind == "deadline" or len(keys) > 3 or keys[2] in TABLES[kind]):
        at[keys[-1]] = value
    else:
        raise Malformed(
            "change '{name}' sets {path}, which is nowhere in this file",
            hint="Write a path such as posts.duty.seats: a table of this file and one of its keys.",
            field=field, name=name, path=path,
        )  # fmt: skip


def _keys(path: str) -> list[str]:
    """Return the keys of a dotted path."""
    try:
        at: Any = tomllib.loads(f"{path} = 0")
    except tomllib.TOMLDecodeError:
        return []
    keys = []
    while isinstance(at, dict) and at:
        key, at = next(iter(at.items()))
        keys.append(key)
    return keys


def uncertain_of(tree: Mapping[str, Any]) -> Iterator[Uncertain]:
    """Yield the inputs that nobody knows exactly."""
    for name, table in tables(tree, "uncertain", TABLES["uncertain"]):
        yield _uncertain(name, table, tree)


def _uncertain(name: str, table: Table, tree: Mapping[str, Any]) -> Uncertain:
    found = _UNCERTAIN.fullmatch(table.text("of"))
    kind, of, what = found.groups() if found else ("", "", "")
    fits = {"stages": (None,), "bearers": ("up", "down"), "posts": ("seats",), "": ()}[kind]
    if what not in fits:
        raise Malformed(
            "'{of}' is nothing that could be uncertain", hint="Write stages.NAME, bearers.NAME.up or .down, or posts.NAME.seats.",
            field=table.at("of"), of=table.text("of"),
        )  # fmt: skip
    defined(of, tree.get(kind, {}), field=table.at("of"), what=kind[:-1])
    if kind == "bearers" and what not in tree["bearers"][of]:
        raise Malformed(
            "bearer '{name}' has no outages that could be uncertain",
            hint="Write up and down there.",
            field=table.at("of"),
            name=of,
        )
    low, high = _range(table, seats=kind == "posts")
    return msgspec.convert(
        {"name": name, "about": table.words("about"), "kind": kind, "of": of, "what": what or "mean", "low": low, "high": high},
        Uncertain,
    )


def _range(table: Table, *, seats: bool) -> tuple[float, float]:
    value = table.values["between"]
    if not isinstance(value, list) or len(value) != 2:
        raise Malformed(
            "{place} must be two values", hint='Write ["45 min", "90 min"], or [1, 3] for seats.', field=table.at("between"),
            place=table.at("between"),
        )  # fmt: skip
    pair = [Table({"between": one}, table.field, ("between",)) for one in value]
    low, high = (float(one.whole("between", 1)) if seats else one.time("between") for one in pair)
    if not 0 < low < high or (seats and high > SEATS_MAX):
        raise Malformed(
            "'{name}' is between nothing", hint="Write the lower value first, above 0, and another one second.",
            field=table.at("between"), name=table.field,
        )  # fmt: skip
    return low, high
