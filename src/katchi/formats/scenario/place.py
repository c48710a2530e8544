"""Where in the file a fault stands."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from katchi.errors import Malformed, Translate

_KEY = re.compile(r"\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'))*)\s*=")


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
