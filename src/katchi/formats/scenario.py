"""The scenario file: TOML in which a consultation process is written as stages, and asked questions. No file is opened here.

    [stages.study]
    at = "staff-b"                       # or over = "line", or neither: a delay
    takes = { exponential = "1 h" }
    after = ["send"]

docs/spec/scenario.md has every key. What does not fit is refused with file:line, the rule broken and a fix. `copies = 3` makes
three stages of one: copy i comes after copy i of an earlier stage with as many, a single stage after all of them.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from katchi.errors import Malformed, Translate
from katchi.network.model import (
    Alternative,
    Bearer,
    Constant,
    Duration,
    Empirical,
    Erlang,
    Exponential,
    Lognormal,
    Network,
    Pert,
    Post,
    Question,
    Stage,
    Triangular,
    Uniform,
)

UNITS_S: Mapping[str, float] = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
SOURCES = ("played", "published", "guess")
COPIES_MAX = 1_000
_TIME = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([^\d\s.]*)\s*")
_KEY = re.compile(r"\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'))*)\s*=")
_TOML_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_OF_A_COPY = re.compile(r"^(stages\.[^.]+)\.\d+(?=\.|$)")
_NAME = re.compile(r"[^\W_][\w-]*")

TOP = ("title", "about", "deadline", "allies", "posts", "bearers", "stages", "questions")
KEYS: Mapping[str, tuple[str, ...]] = {
    "posts": ("seats", "ally"),
    "bearers": ("up", "down"),
    "stages": ("takes", "at", "over", "after", "join", "then", "copies", "source", "about"),
    "questions": ("stage", "by", "about"),
}
LAWS = ("exponential", "erlang", "lognormal", "uniform", "triangular", "pert", "empirical")
BESIDE: Mapping[str, str] = {"erlang": "phases", "lognormal": "sigma"}  # what a law needs besides its times


class Scenario(NamedTuple):
    """What a scenario file says."""

    title: str
    network: Network
    sources: Mapping[str, str]  # of each stage (not copy): played, published, guess, or "" if it does not say
    digest: str  # SHA-256 of the file


class MalformedAt(Malformed):
    """A scenario file breaks a rule at a line."""

    def __init__(self, place: str, fault: Malformed) -> None:
        self.place = place
        self.message, self.hint_template, self.field = fault.message, fault.hint_template, fault.field
        self.parameters = fault.parameters
        self.args = (f"{place}: {fault}",)

    def said(self, translate: Translate) -> tuple[str, str]:
        """Return the message, its place before it, and the hint in the language of `translate`."""
        message, hint = super().said(translate)
        return f"{self.place}: {message}", hint


def read(source: bytes, file: str) -> Scenario:
    """Return what a scenario file says.

    Args:
        source: its bytes.
        file: its name, for errors.
    Raises:
        MalformedAt: it breaks a rule; the message begins with file:line.
    """
    try:
        text = source.decode("utf-8")
    except UnicodeDecodeError as error:
        line = source[: error.start].count(b"\n") + 1
        raise MalformedAt(f"{file}:{line}", Malformed("this is not UTF-8 text", hint="Save the file as UTF-8.")) from None
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = _TOML_LINE.search(str(error))
        line = int(where[1]) if where else text.count("\n") + 1
        raise MalformedAt(
            f"{file}:{line}",
            Malformed(
                "this is not TOML: {error}", hint="Text stands in quotes, a table begins with [its.name].",
                error=_TOML_LINE.sub("", str(error)).strip(),
            ),
        ) from None  # fmt: skip
    try:
        return _Reading(tree).scenario(hashlib.sha256(source).hexdigest())
    except Malformed as fault:
        field = _OF_A_COPY.sub(r"\1", fault.field)
        raise MalformedAt(f"{file}:{line_of(text, field)}", fault) from None


def line_of(text: str, field: str) -> int:
    """Return the line on which a field such as "stages.study.takes" stands, or the nearest table around it; 1 if none."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            parts = _parts(stripped.split("#")[0].strip().strip("[]").strip() + " = 0")
            if parts:
                table = parts
                lines.setdefault(table, number)
        elif (found := _KEY.match(line)) and (parts := _parts(found[1] + " = 0")):
            for n in range(1, len(parts) + 1):
                lines.setdefault((*table, *parts[:n]), number)
    wanted = tuple(field.split("."))
    for n in range(len(wanted), 0, -1):
        if wanted[:n] in lines:
            return lines[wanted[:n]]
        below = [number for path, number in lines.items() if path[:n] == wanted[:n]]
        if below:
            return min(below)
    return 1


def _parts(assignment: str) -> tuple[str, ...]:
    """Return the parts of the dotted key that is assigned to; none if it is none."""
    try:
        tree: Any = tomllib.loads(assignment)
    except tomllib.TOMLDecodeError:
        return ()
    parts = []
    while isinstance(tree, dict) and tree:
        key, tree = next(iter(tree.items()))
        parts.append(key)
    return tuple(parts)


def time_s(value: object, field: str) -> float:
    """Return the seconds of a time written with its unit, such as "40 s" or "6 h".

    Raises:
        Malformed: no number, no unit, or an unknown one.
    """
    if not isinstance(value, str):
        raise Malformed(
            "{place} = {value} has no unit", hint="Write a time in quotes with its unit, such as \"40 s\" or \"6 h\".",
            field=field, place=field, value=_shown(value),
        )  # fmt: skip
    found = _TIME.fullmatch(value)
    if not found or found[2] not in UNITS_S:
        raise Malformed(
            "'{value}' is not a time",
            hint='Write a number and one of the units {units}, such as "40 s" or "6 h".',
            field=field,
            value=value,
            units=", ".join(UNITS_S),
        )
    return float(found[1]) * UNITS_S[found[2]]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


class _Reading:
    def __init__(self, tree: dict[str, Any]) -> None:
        self.tree = tree

    def scenario(self, digest: str) -> Scenario:
        self._known(self.tree, TOP, "")
        stages = self._table("stages")
        copies = {name: self._copies(name, stage) for name, stage in stages.items()}
        network = Network(
            posts=tuple(self._post(name, post) for name, post in self._table("posts").items()),
            bearers=tuple(self._bearer(name, bearer) for name, bearer in self._table("bearers").items()),
            stages=tuple(copy for name, stage in stages.items() for copy in self._stages(name, stage, copies)),
            questions=tuple(self._question(name, one, copies) for name, one in self._table("questions").items()),
        )
        title = self._text(self.tree, "title", "title")
        self._text(self.tree, "about", "about")
        return Scenario(title, network, {name: self._source(name, stage) for name, stage in stages.items()}, digest)

    def _known(self, table: Mapping[str, Any], keys: Collection[str], field: str) -> None:
        for key in table:
            if key not in keys:
                raise Malformed(
                    "'{key}' is not a key here", hint="Known here are: {known}.",
                    field=f"{field}.{key}" if field else key, key=key, known=", ".join(keys),
                )  # fmt: skip

    def _table(self, kind: str) -> dict[str, dict[str, Any]]:
        table = self.tree.get(kind, {})
        if not isinstance(table, dict) or not all(isinstance(one, dict) for one in table.values()):
            raise Malformed("{kind} must be tables", hint="Write [{kind}.NAME], then one key a line.", field=kind, kind=kind)
        for name, one in table.items():
            if not _NAME.fullmatch(name):
                raise Malformed(
                    "'{name}' cannot be a name", hint="A name is of letters, digits, - and _.", field=f"{kind}.{name}", name=name
                )
            self._known(one, KEYS[kind], f"{kind}.{name}")
        return table

    def _text(self, table: Mapping[str, Any], key: str, field: str) -> str:
        value = table.get(key, "")
        if not isinstance(value, str):
            raise Malformed("{place} must be text", hint="Write it in quotes.", field=field, place=field)
        return value

    def _whole(self, table: Mapping[str, Any], key: str, field: str, default: int) -> int:
        value = table.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise Malformed(
                "{place} = {value} is not a whole number", hint="Write a number such as 2, without quotes.",
                field=field, place=field, value=_shown(value),
            )  # fmt: skip
        return value

    def _number(self, value: object, field: str) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise Malformed(
                "{place} = {value} is not a number", hint="Write a number such as 0.8, without quotes.",
                field=field, place=field, value=_shown(value),
            )  # fmt: skip
        return float(value)

    def _names(self, value: object, field: str) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise Malformed(
                "{place} must be a list of names", hint='Write ["one", "another"].', field=field, place=field, value=_shown(value)
            )
        return value

    def _post(self, name: str, table: dict[str, Any]) -> Post:
        ally, field = self._text(table, "ally", f"posts.{name}.ally"), f"posts.{name}.seats"
        allies = self._names(self.tree.get("allies", []), "allies")
        if ally and ally not in allies:
            raise Malformed(
                "post '{name}' is of '{ally}', which is no ally here", hint="Write it in allies = [...] at the top.",
                field=f"posts.{name}.ally", name=name, ally=ally,
            )  # fmt: skip
        return Post(name, self._whole(table, "seats", field, 1))

    def _bearer(self, name: str, table: dict[str, Any]) -> Bearer:
        if ("up" in table) != ("down" in table):
            raise Malformed(
                "bearer '{name}' has only one of up and down", hint="Write both mean times, or neither if it is always up.",
                field=f"bearers.{name}", name=name,
            )  # fmt: skip
        if "up" not in table:
            return Bearer(name)
        return Bearer(name, time_s(table["up"], f"bearers.{name}.up"), time_s(table["down"], f"bearers.{name}.down"))

    def _copies(self, name: str, table: dict[str, Any]) -> int:
        copies = self._whole(table, "copies", f"stages.{name}.copies", 1)
        if not 1 <= copies <= COPIES_MAX:
            raise Malformed(
                "stage '{name}' has {copies} copies", hint="Write a number from 1 to {limit}.",
                field=f"stages.{name}.copies", name=name, copies=copies, limit=COPIES_MAX,
            )  # fmt: skip
        return copies

    def _source(self, name: str, table: dict[str, Any]) -> str:
        source = self._text(table, "source", f"stages.{name}.source")
        if source and source.split(":")[0].strip() not in SOURCES:
            raise Malformed(
                "stage '{name}' has a source of no known kind: {source}",
                hint='Begin with played, published or guess, such as "published: where".',
                field=f"stages.{name}.source",
                name=name,
                source=source,
            )
        return source

    def _stages(self, name: str, table: dict[str, Any], copies: Mapping[str, int]) -> list[Stage]:
        field = f"stages.{name}"
        if "takes" not in table:
            raise Malformed(
                "stage '{name}' does not say how long it takes",
                hint='Write takes = "40 s" or takes = {{ exponential = "1 h" }}.',
                field=field,
                name=name,
            )
        join = self._text(table, "join", f"{field}.join") or "all"
        if join not in ("all", "any"):
            raise Malformed(
                "stage '{name}' joins '{join}'", hint="Write join = \"all\" or join = \"any\".", field=f"{field}.join",
                name=name, join=join,
            )  # fmt: skip
        duration = duration_of(table["takes"], f"{field}.takes")
        after = self._names(table.get("after", []), f"{field}.after")
        then = self._then(name, table)
        many = copies[name]
        at = self._text(table, "at", f"{field}.at") or None
        over = self._text(table, "over", f"{field}.over") or None
        made = []
        for i in range(many):
            made.append(
                Stage(
                    name=_copy(name, i, many),
                    group=name,
                    duration=duration,
                    at=at,
                    over=over,
                    join="any" if join == "any" else "all",
                    after=tuple(
                        other for earlier in after for other in self._matched(name, i, earlier, copies, f"{field}.after")
                    ),
                    alternatives=tuple(
                        Alternative(p, tuple(_copy(later, i, many) for later in self._branch(name, laters, copies)))
                        for p, laters in then
                    ),
                )
            )
        return made

    def _matched(self, name: str, i: int, earlier: str, copies: Mapping[str, int], field: str) -> list[str]:
        """Return the copies of an earlier stage that copy `i` comes after."""
        mine, theirs = copies[name], copies.get(earlier, 1)
        if theirs == mine:
            return [_copy(earlier, i, theirs)]
        if mine > 1 and theirs > 1:
            raise Malformed(
                "stage '{name}' has {mine} copies and comes after '{other}', which has {theirs}",
                hint="Give both as many copies, or put a single stage between them.",
                field=field,
                name=name,
                other=earlier,
                mine=mine,
                theirs=theirs,
            )
        return [_copy(earlier, j, theirs) for j in range(theirs)]

    def _branch(self, name: str, laters: Sequence[str], copies: Mapping[str, int]) -> Sequence[str]:
        for later in laters:
            if later in copies and copies[later] != copies[name]:
                raise Malformed(
                    "stage '{name}' has {mine} copies and leads to '{other}', which has {theirs}",
                    hint="Give both as many copies: an alternative leads from copy to copy.",
                    field=f"stages.{name}.then",
                    name=name,
                    other=later,
                    mine=copies[name],
                    theirs=copies[later],
                )
        return laters

    def _then(self, name: str, table: dict[str, Any]) -> list[tuple[float, list[str]]]:
        field = f"stages.{name}.then"
        then = table.get("then", [])
        if not isinstance(then, list) or not all(isinstance(one, dict) and set(one) == {"chance", "stages"} for one in then):
            raise Malformed(
                "{place} must be a list of alternatives",
                hint='Write [{{ chance = 0.8, stages = ["one"] }}, {{ chance = 0.2, stages = [] }}].',
                field=field,
                place=field,
            )
        return [(self._number(one["chance"], field), self._names(one["stages"], field)) for one in then]

    def _question(self, name: str, table: dict[str, Any], copies: Mapping[str, int]) -> Question:
        stage = self._text(table, "stage", f"questions.{name}.stage")
        if copies.get(stage, 1) > 1:
            raise Malformed(
                "question '{name}' is about stage '{other}', which has copies",
                hint="Ask about a single stage that comes after all of them.",
                field=f"questions.{name}.stage",
                name=name,
                other=stage,
            )
        if "by" in table:
            return Question(name, stage, time_s(table["by"], f"questions.{name}.by"))
        if "deadline" in self.tree:
            return Question(name, stage, time_s(self.tree["deadline"], "deadline"))
        raise Malformed(
            "question '{name}' needs a deadline above 0",
            hint='Write by = "6 h", or a `deadline` for the whole scenario.',
            field=f"questions.{name}",
            name=name,
        )


def _copy(name: str, i: int, copies: int) -> str:
    return name if copies == 1 else f"{name}.{i + 1}"


def duration_of(value: object, field: str) -> Duration:
    """Return the duration that `takes` says: a time, or a table of one law.

    Raises:
        Malformed: it is neither.
    """
    if not isinstance(value, dict):
        return Constant(time_s(value, field))
    named = [law for law in LAWS if law in value]
    if len(named) != 1 or set(value) - {*named, BESIDE.get(named[0], "")}:
        raise Malformed(
            "a duration is a time or names one law; here is: {given}",
            hint="Laws are: {known}. lognormal needs sigma besides, erlang phases.",
            field=field,
            given=", ".join(value) or "-",
            known=", ".join(LAWS),
        )
    law = named[0]
    return MADE[law](value, field)


def _times(value: object, field: str, count: int | None) -> tuple[float, ...]:
    if not isinstance(value, list) or not value or (count is not None and len(value) != count):
        raise Malformed(
            "{value} is not the list of times that this law needs",
            hint="uniform = [low, high]; triangular and pert = [low, mode, high]; empirical = all times observed.",
            field=field,
            value=_shown(value),
        )
    return tuple(time_s(one, field) for one in value)


def _beside(value: Mapping[str, Any], key: str, field: str, kind: type | tuple[type, ...]) -> Any:
    if not isinstance(value.get(key), kind) or isinstance(value.get(key), bool):
        raise Malformed(
            "this law also needs {key}, a number", hint="Write it beside the time: {{ ..., {key} = 2 }}.",
            field=field, key=key,
        )  # fmt: skip
    return value[key]


Made = Callable[[Mapping[str, Any], str], Duration]
MADE: Mapping[str, Made] = {
    "exponential": lambda value, field: Exponential(time_s(value["exponential"], field)),
    "erlang": lambda value, field: Erlang(time_s(value["erlang"], field), _beside(value, "phases", field, int)),
    "lognormal": lambda value, field: Lognormal(
        time_s(value["lognormal"], field), float(_beside(value, "sigma", field, (int, float)))
    ),
    "uniform": lambda value, field: Uniform(*_times(value["uniform"], field, 2)),
    "triangular": lambda value, field: Triangular(*_times(value["triangular"], field, 3)),
    "pert": lambda value, field: Pert(*_times(value["pert"], field, 3)),
    "empirical": lambda value, field: Empirical(_times(value["empirical"], field, None)),
}
