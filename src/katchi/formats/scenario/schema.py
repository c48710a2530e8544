"""The JSON Schema of the scenario file, made of the same tables of keys as the reader: what editors check while one writes.

It says what each key may look like; that names are defined, stages do not wait for themselves and so on, only `katchi scenario
check` can say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from katchi.formats.scenario.keys import ACTS, INSIDE, JOINS, OUTCOMES, REQUIRED, SOURCES, TABLES, TOP, Shape
from katchi.formats.scenario.table import LANGUAGES
from katchi.formats.scenario.times import BESIDE, LAWS, UNITS_S

DRAFT = "https://json-schema.org/draft/2020-12/schema"
NAME = r"^[^\W_][\w-]*$"
TIME = {"type": "string", "pattern": rf"^\s*\d+(\.\d+)?\s*({'|'.join(UNITS_S)})\s*$"}
OF_TIMES = {"uniform": 2, "triangular": 3, "pert": 3, "empirical": None}


def schema() -> dict[str, Any]:
    """Return the schema, draft 2020-12."""
    tables = {kind: _named(_table(keys, REQUIRED.get(kind, ()))) for kind, keys in TABLES.items()}
    tables[OUTCOMES] = _named({"type": "object", "additionalProperties": {"type": "number"}})
    return {
        "$schema": DRAFT,
        "title": "katchi scenario, format 1",
        "type": "object",
        "properties": {**{key: _shape(shape) for key, shape in TOP.items()}, **tables},
        "required": ["stages", "questions"],
        "additionalProperties": False,
        "$defs": {"time": TIME, "duration": _duration(), "words": _words()},
    }


def _named(table: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "propertyNames": {"pattern": NAME}, "additionalProperties": table}


def _table(keys: Mapping[str, Shape], required: tuple[str, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {key: _shape(shape) for key, shape in keys.items()},
        "required": list(required),
        "additionalProperties": False,
    }


def _shape(shape: Shape) -> dict[str, Any]:
    if shape in INSIDE:
        inside = _table(INSIDE[shape], REQUIRED[shape])
        return inside if shape == "retries" else {"type": "array", "items": inside}
    plain: dict[Shape, dict[str, Any]] = {
        "act": {"enum": list(ACTS)},
        "chance": {"type": "number", "minimum": 0, "maximum": 1},
        "copies": {"type": "integer", "minimum": 1},
        "duration": {"$ref": "#/$defs/duration"},
        "join": {"enum": list(JOINS)},
        "name": {"type": "string"},
        "names": {"type": "array", "items": {"type": "string"}},
        "number": {"type": "number"},
        "paths": {"type": "object", "minProperties": 1},
        "range": {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {"anyOf": [{"$ref": "#/$defs/time"}, {"type": "integer"}]},
        },
        "seats": {"type": "integer", "minimum": 0},
        "source": {"type": "string", "pattern": rf"^({'|'.join(SOURCES)})(\s*:.*)?$"},
        "time": {"$ref": "#/$defs/time"},
        "ways": {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}},
        "words": {"$ref": "#/$defs/words"},
    }
    return plain[shape]


def _words() -> dict[str, Any]:
    languages = {language: {"type": "string"} for language in LANGUAGES}
    return {"anyOf": [{"type": "string"}, {"type": "object", "properties": languages, "additionalProperties": False}]}


def _duration() -> dict[str, Any]:
    time = {"$ref": "#/$defs/time"}
    laws = []
    for law in LAWS:
        count = OF_TIMES.get(law, 0)
        value = time if law not in OF_TIMES else {"type": "array", "items": time, "minItems": count or 1}
        if law in OF_TIMES and count:
            value = {**value, "maxItems": count}
        beside = {BESIDE[law]: {"type": "number"}} if law in BESIDE else {}
        laws.append(
            {
                "type": "object",
                "properties": {law: value, **beside},
                "required": [law, *beside],
                "additionalProperties": False,
            }
        )
    return {"anyOf": [time, *laws]}
