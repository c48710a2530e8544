"""Times with their units and durations by their laws, as a scenario file writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from katchi.errors import Malformed
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

UNITS_S: Mapping[str, float] = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
_TIME = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([^\d\s.]*)\s*")
LAWS = ("exponential", "erlang", "lognormal", "uniform", "triangular", "pert", "empirical")
BESIDE: Mapping[str, str] = {"erlang": "phases", "lognormal": "sigma"}  # what a law needs besides its times


def time_s(value: object, field: str) -> float:
    """Return the seconds of a time written with its unit, such as "40 s" or "6 h".

    Raises:
        Malformed: no number, no unit, or an unknown one.
    """
    if not isinstance(value, str):
        raise Malformed(
            "{place} = {value} has no unit", hint="Write a time in quotes with its unit, such as \"40 s\" or \"6 h\".",
            field=field, place=field, value=shown(value),
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


def shown(value: object) -> str:
    """Return a value as an error quotes it."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


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
            value=shown(value),
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
