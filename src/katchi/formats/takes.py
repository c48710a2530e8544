"""How long a stage takes, as the scenario file writes it; and a file's text with some of that replaced, the rest untouched.

`replaced` works on the text: comments, order, blank lines and line ends stay as their author wrote them. A TOML document is a
row of statements; only those that assign `takes` and `source` in a table [stages.NAME] are looked at, and the text is read
anew afterwards: it must say what it said before but for these. What is written in another way is refused, not guessed at.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from katchi.errors import Malformed, Refused
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

UNITS_S = (("d", 86_400), ("h", 3_600), ("min", 60))
DIGITS = 4  # of a time that was measured or fitted
_SPACE = re.compile(r"[ \t]*")
_QUOTES = ('"""', "'''", '"', "'")


def time_text(seconds: float) -> str:
    """Return a time as the file writes it, exactly: in the largest unit that leaves a whole number, else in seconds.

    Args:
        seconds: at least 0, to the microsecond.
    """
    for unit, size in UNITS_S:
        if seconds and seconds % size == 0:
            return f"{int(seconds // size)} {unit}"
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + " s"


def rounded_text(seconds: float) -> str:
    """Return a time to four digits, in a unit in which it is easily read: as exact as any measured time is."""
    unit, size = next(((unit, size) for unit, size in UNITS_S if seconds >= 2 * size), ("s", 1))
    value = float(f"{seconds / size:.{DIGITS}g}")
    return f"{_plain(value)} {unit}"


def takes_text(duration: Duration) -> str:
    """Return a duration as the value of `takes`, its times to four digits (a constant exactly)."""
    match duration:
        case Constant(value):
            return f'"{time_text(value)}"'
        case Exponential(mean):
            return f'{{ exponential = "{rounded_text(mean)}" }}'
        case Erlang(mean, phases):
            return f'{{ erlang = "{rounded_text(mean)}", phases = {phases} }}'
        case Lognormal(median, sigma):
            return f'{{ lognormal = "{rounded_text(median)}", sigma = {_plain(max(float(f"{sigma:.{DIGITS}g}"), 1e-9))} }}'
        case Uniform(low, high):
            return f"{{ uniform = {_list((low, high))} }}"
        case Triangular(low, mode, high):
            return f"{{ triangular = {_list((low, mode, high))} }}"
        case Pert(low, mode, high):
            return f"{{ pert = {_list((low, mode, high))} }}"
        case Empirical(values):
            return f"{{ empirical = {_list(values)} }}"


def _plain(number: float) -> str:
    """Return a number without an exponent, to a billionth."""
    return f"{number:.9f}".rstrip("0").rstrip(".")


def _list(times: tuple[float, ...]) -> str:
    return "[" + ", ".join(f'"{rounded_text(one)}"' for one in times) + "]"


def quoted(text: str) -> str:
    """Return text as a TOML string on one line; what moves a cursor or turns a line round is escaped."""
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(escapes.get(one) or (one if one.isprintable() else f"\\U{ord(one):08X}") for one in text) + '"'


def key_text(name: str) -> str:
    """Return a name as it stands in a table's header: in quotes, unless it is of plain letters, digits, - and _."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else quoted(name)


class Replacement(NamedTuple):
    """What a stage says of its duration from now on."""

    takes: str  # as TOML
    source: str


class _Statement(NamedTuple):
    """One assignment of a document, by its places in the text."""

    table: tuple[str, ...]
    key: tuple[str, ...]
    start: int  # of the line
    value: int
    end: int  # of the value


def replaced(text: str, stages: Mapping[str, Replacement]) -> str:
    """Return a scenario file's text in which these stages take what they are given, and say where that is from.

    Raises:
        Refused: a stage writes its `takes` in another way than as `takes = ...` in a table [stages.NAME].
    """
    statements = {(*statement.table, *statement.key): statement for statement in _statements(text) if len(statement.key) == 1}
    edits: list[tuple[int, int, str]] = []
    for name, new in stages.items():
        takes, source = statements.get(("stages", name, "takes")), statements.get(("stages", name, "source"))
        if takes is None:
            raise Refused(
                "stage '{name}' does not write its duration as takes = ... under [stages.{name}]",
                hint="Write it so: then only that is replaced, and the rest of the file stays as it is.", name=name,
            )  # fmt: skip
        edits.append((takes.value, takes.end, new.takes))
        if source is not None:
            edits.append((source.value, source.end, quoted(new.source)))
        else:
            end = _line_end(text, takes.end)
            indent = _SPACE.match(text, takes.start)
            newline = "\r\n" if "\r\n" in text else "\n"
            at = end - 1 if text[:end].endswith("\r") else end
            edits.append((at, at, f"{newline}{indent[0] if indent else ''}source = {quoted(new.source)}"))
    for start, end, written in sorted(edits, reverse=True):
        text = text[:start] + written + text[end:]
    return text


def says_the_same_but_for(old: str, new: str, stages: Mapping[str, Replacement]) -> bool:
    """Return whether a new text says what the old one said, but for what these stages take and where that is from."""
    before, after = tomllib.loads(old), tomllib.loads(new)
    for name, replacement in stages.items():
        stage: dict[str, Any] = before["stages"][name]
        stage["takes"] = tomllib.loads(f"takes = {replacement.takes}")["takes"]
        stage["source"] = replacement.source
    return before == after


def _statements(text: str) -> Iterator[_Statement]:
    """Yield every assignment of a TOML document that could be read."""
    at = 0
    table: tuple[str, ...] = ()
    while at < len(text):
        start = at
        first = _SPACE.match(text, at)
        at = first.end() if first else at
        if at >= len(text) or text[at] in "#\r\n":
            at = _line_end(text, at) + 1
        elif text[at] == "[":
            header_end = _value_end(text, at)
            table = _path(text[at:header_end].strip("[]") + " = 0")
            at = _line_end(text, header_end) + 1
        else:
            equals = at
            while text[equals] != "=":
                equals = _string_end(text, equals) if text[equals] in "\"'" else equals + 1
            space = _SPACE.match(text, equals + 1)
            value = space.end() if space else equals + 1
            end = _value_end(text, value)
            yield _Statement(table, _path(text[at : equals + 1] + " 0"), start, value, end)
            at = _line_end(text, end) + 1


def _path(assignment: str) -> tuple[str, ...]:
    """Return the parts of the dotted key that is assigned to."""
    tree: Any = tomllib.loads(assignment)
    parts = []
    while isinstance(tree, dict):
        key, tree = next(iter(tree.items()))
        parts.append(key)
    return tuple(parts)


def _value_end(text: str, at: int) -> int:
    """Return where a value (or a table's header) ends that begins at `at`: before a comment or the line's end, unless nested."""
    depth, end = 0, at
    while at < len(text):
        letter = text[at]
        if letter in "\"'":
            at = end = _string_end(text, at)
            continue
        if letter == "#":
            if not depth:
                break
            at = _line_end(text, at)
            continue
        if letter in "\r\n" and not depth:
            break
        depth += (letter in "[{") - (letter in "]}")
        at += 1
        if not letter.isspace():
            end = at
    return end


def _string_end(text: str, at: int) -> int:
    """Return where a string ends that begins at `at`."""
    quote = next(one for one in _QUOTES if text.startswith(one, at))
    at += len(quote)
    while not text.startswith(quote, at):
        if at >= len(text):
            raise Malformed("a string does not end", hint="Close it with the quote that it begins with.")
        at += 2 if text[at] == "\\" and quote[0] == '"' else 1
    at += len(quote)
    while len(quote) == 3 and text.startswith(quote[0], at):  # one or two more quotes belong to it
        at += 1
    return at


def _line_end(text: str, at: int) -> int:
    """Return where the line ends that `at` is in: at its line feed, or the end of the text."""
    end = text.find("\n", at)
    return len(text) if end < 0 else end
