"""Every key of the scenario file and the shape of its value: what the reader knows, and what the JSON Schema is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from katchi.exercise.scenario import Act

Shape = Literal[
    "act", "chance", "choices", "copies", "duration", "join", "name", "names", "number", "paths", "range", "retries", "seats",
    "shifts", "source", "then", "time", "ways", "words",
]  # fmt: skip

SOURCES = ("played", "published", "guess")
JOINS = ("all", "any")
ACTS = tuple(act for act in get_args(Act) if act)

TOP: Mapping[str, Shape] = {
    "title": "words", "about": "words", "deadline": "time", "allies": "names", "players": "names", "start": "name",
}  # fmt: skip
TABLES: Mapping[str, Mapping[str, Shape]] = {
    "posts": {"title": "words", "ally": "name", "seats": "seats", "shifts": "shifts", "repeat": "time"},
    "bearers": {"title": "words", "up": "time", "down": "time", "causes": "names"},
    "causes": {"title": "words", "up": "time", "down": "time"},
    "factors": {"sigma": "number", "stages": "names"},
    "stages": {
        "title": "words", "about": "words", "takes": "duration", "at": "name", "over": "name", "after": "names", "join": "join",
        "then": "then", "copies": "copies", "retries": "retries", "by": "name", "act": "act", "source": "source",
    },
    "injects": {
        "at": "time", "about": "words", "stages": "names", "bearer": "name", "post": "name", "seats": "seats", "lasts": "time",
    },
    "questions": {"title": "words", "about": "words", "stage": "name", "by": "time"},
    "changes": {"about": "words", "set": "paths"},
    "uncertain": {"about": "words", "of": "name", "between": "range"},
    "decisions": {"about": "words", "by": "name", "choices": "ways", "blind": "names"},
    "chances": {"about": "words", "choices": "choices", "question": "name", "in-time": "name", "too-late": "name"},
}  # fmt: skip
OUTCOMES = "outcomes"  # its keys are the players
INSIDE: Mapping[str, Mapping[str, Shape]] = {
    "shifts": {"from": "time", "seats": "seats"},
    "then": {"chance": "chance", "stages": "names"},
    "retries": {"chance": "chance", "times": "copies", "pause": "time", "otherwise": "names"},
    "choices": {"label": "name", "chance": "chance", "to": "name"},
}
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "causes": ("up", "down"), "factors": ("sigma", "stages"), "stages": ("takes",), "injects": ("at",), "questions": ("stage",),
    "changes": ("set",), "uncertain": ("of", "between"), "decisions": ("by", "choices"), "shifts": ("from", "seats"),
    "then": ("chance", "stages"), "retries": ("chance", "times"), "choices": ("label", "chance", "to"),
}  # fmt: skip
