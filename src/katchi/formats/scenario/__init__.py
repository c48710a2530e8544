"""The scenario file: TOML in which a consultation process is written as stages, and asked questions. No file is opened here.

    [stages.study]
    at = "staff-b"                       # or over = "line", or neither: a delay
    takes = { exponential = "1 h" }
    after = ["send"]

docs/spec/scenario.md has every key. What does not fit is refused with file:line, the rule broken and a fix.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from typing import Any

from katchi.errors import Malformed
from katchi.exercise.scenario import Scenario
from katchi.formats.scenario.file import scenario_of
from katchi.formats.scenario.place import MalformedAt, line_of
from katchi.formats.scenario.times import LAWS, UNITS_S, duration_of, time_s

__all__ = ["LAWS", "UNITS_S", "MalformedAt", "Scenario", "duration_of", "line_of", "read", "time_s", "tree_of"]

NAME_PARTS_MAX = 64  # far more than any key, or any run of one-word sentences; thousands keep the parser busy for a minute
_PART = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+"""
_LONG_NAME = re.compile(rf"(?<![A-Za-z0-9_-]){_PART}(?:\.[ \t]*+{_PART}){{{NAME_PARTS_MAX}}}")
_TOML_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_OF_A_COPY = re.compile(r"^(stages\.[^.]+)(?:\.[^.]*\d+)+(?=\.|$)")


def read(source: bytes, file: str) -> Scenario:
    """Return what a scenario file says.

    Args:
        source: its bytes.
        file: its name, for errors.
    Raises:
        MalformedAt: it breaks a rule; the message begins with file:line.
    """
    tree = tree_of(source, file)
    try:
        return scenario_of(tree, hashlib.sha256(source).hexdigest())
    except Malformed as fault:
        field = _OF_A_COPY.sub(r"\1", fault.field)
        raise MalformedAt(f"{file}:{line_of(source.decode(), field)}", fault) from None


def tree_of(source: bytes, file: str) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Raises:
        MalformedAt: it is no text or no TOML.
    """
    try:
        text = source.decode("utf-8")
    except UnicodeDecodeError as error:
        line = source[: error.start].count(b"\n") + 1
        raise MalformedAt(f"{file}:{line}", Malformed("this is not UTF-8 text", hint="Save the file as UTF-8.")) from None
    if long := _LONG_NAME.search(text):
        fault = Malformed(
            "a name has more than {n} parts", hint="No key of a scenario has more than a few: see docs/spec/scenario.md.",
            n=NAME_PARTS_MAX,
        )  # fmt: skip
        raise MalformedAt(f"{file}:{text.count(chr(10), 0, long.start()) + 1}", fault)
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        where = _TOML_LINE.search(str(error))
        line = int(where[1]) if where else text.count("\n") + 1
        raise MalformedAt(
            f"{file}:{line}",
            Malformed(
                "this is not TOML: {error}", hint="Text stands in quotes, a table begins with [its.name].",
                error=_TOML_LINE.sub("", str(error)).strip(),
            ),
        ) from None  # fmt: skip
