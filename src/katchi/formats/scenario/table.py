"""One table of the file, read key by key: each value is what its shape says, or refused at its place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from katchi.errors import Malformed
from katchi.exercise.scenario import Text
from katchi.formats.scenario.keys import INSIDE, REQUIRED
from katchi.formats.scenario.times import shown, time_s

_NAME = re.compile(r"[^\W_][\w-]*")
LANGUAGES = ("en", "ko")


class Table:
    """A table and where it stands, such as "stages.study"."""

    def __init__(self, values: object, field: str, known: Collection[str], required: Collection[str] = ()) -> None:
        if not isinstance(values, dict):
            raise Malformed("{place} must be a table", hint="Write {{ key = value }}, or [{place}] and one key a line.",
                            field=field, place=field)  # fmt: skip
        for key in values:
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                raise Malformed(
                    "'{key}' is not a key here", hint="Did you mean {near}? Known here are: {known}." if near
                    else "Known here are: {known}.", field=_joined(field, key), key=key, near=near[0] if near else "",
                    known=", ".join(known),
                )  # fmt: skip
        for key in required:
            if key not in values:
                raise Malformed("{place} lacks {key}", hint="Write it there.", field=field, place=field, key=key)
        self.values, self.field = values, field

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def at(self, key: str) -> str:
        """Return where a key stands."""
        return _joined(self.field, key)

    def text(self, key: str) -> str:
        """Return text; "" if there is none."""
        value = self.values.get(key, "")
        if not isinstance(value, str):
            raise Malformed("{place} must be text", hint="Write it in quotes.", field=self.at(key), place=self.at(key))
        return value

    def words(self, key: str) -> Text:
        """Return words in each language."""
        value = self.values.get(key, "")
        if not isinstance(value, dict):
            return Text(en=self.text(key))
        languages = Table(value, self.at(key), LANGUAGES)
        return Text(en=languages.text("en"), ko=languages.text("ko"))

    def whole(self, key: str, default: int) -> int:
        """Return a whole number."""
        value = self.values.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 1_000_000_000:
            raise Malformed(
                "{place} = {value} is not a whole number", hint="Write a number such as 2, without quotes.",
                field=self.at(key), place=self.at(key), value=shown(value),
            )  # fmt: skip
        return value

    def number(self, key: str) -> float:
        """Return a number."""
        value = self.values.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < 1e15:
            raise Malformed(
                "{place} = {value} is not a number", hint="Write a number such as 0.8, without quotes.",
                field=self.at(key), place=self.at(key), value=shown(value),
            )  # fmt: skip
        return float(value)

    def chance(self, key: str) -> float:
        """Return a probability."""
        p = self.number(key)
        if not 0 <= p <= 1:
            raise Malformed(
                "{place} = {value} is not a probability", hint="Write a share between 0 and 1, such as 0.8.",
                field=self.at(key), place=self.at(key), value=shown(self.values[key]),
            )  # fmt: skip
        return p

    def time(self, key: str) -> float:
        """Return a time, seconds."""
        return time_s(self.values.get(key), self.at(key))

    def names(self, key: str) -> list[str]:
        """Return a list of names; none if it is not there."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise Malformed(
                "{place} must be a list of names", hint='Write ["one", "another"].', field=self.at(key), place=self.at(key),
                value=shown(value),
            )  # fmt: skip
        return value

    def tables(self, key: str) -> list[Table]:
        """Return a list of small tables; none if it is not there."""
        value = self.values.get(key, [])
        if not isinstance(value, list):
            raise Malformed(
                "{place} must be a list", hint="Write [{{ ... }}, {{ ... }}].", field=self.at(key), place=self.at(key)
            )
        return [Table(one, self.at(key), INSIDE[key], REQUIRED[key]) for one in value]


def tables(tree: Mapping[str, Any], kind: str, known: Collection[str]) -> Iterator[tuple[str, Table]]:
    """Yield the named tables of a kind, such as all of [stages.NAME]."""
    found = tree.get(kind, {})
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise Malformed("{kind} must be tables", hint="Write [{kind}.NAME], then one key a line.", field=kind, kind=kind)
    for name, one in found.items():
        if not _NAME.fullmatch(name):
            raise Malformed(
                "'{name}' cannot be a name", hint="A name is of letters, digits, - and _.", field=f"{kind}.{name}", name=name
            )
        yield name, Table(one, f"{kind}.{name}", known, REQUIRED.get(kind, ()))


def defined(name: str, known: Collection[str], *, field: str, what: str) -> str:
    """Return a name that must be one of those defined."""
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        raise Malformed(
            "'{name}' is no {what} here", hint="Did you mean {near}? Defined are: {known}." if near else "Defined are: {known}.",
            field=field, name=name, what=what, near=near[0] if near else "", known=", ".join(sorted(known)) or "-",
        )  # fmt: skip
    return name


def _joined(field: str, key: str) -> str:
    return f"{field}.{key}" if field else key
