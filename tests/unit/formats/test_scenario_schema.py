"""The JSON Schema says of our own files what the reader says, and refuses what it can see is wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path

import jsonschema
import pytest

from katchi.formats.scenario.keys import INSIDE, TABLES
from katchi.formats.scenario.schema import schema

ROOT = Path(__file__).resolve().parents[3]
SPEC = ROOT / "docs" / "spec" / "scenario.md"
VALIDATOR = jsonschema.Draft202012Validator(schema())


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*.toml")), ids=lambda path: path.name)
def test_our_own_scenarios_fit_it(path):
    assert [error.message for error in VALIDATOR.iter_errors(tomllib.loads(path.read_text(encoding="utf-8")))] == []


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ('"6 h"', "6"),
        ("seats = 2", "seats = -1"),
        ("copies = 3", "copies = 0"),
        ('source = "guess"', 'source = "rumour"'),
        ('act = "sign-words"', 'act = "applaud"'),
        ("exponential", "gamma"),
        ("[stages.prepare]", "[stages.prepare]\ncolour = 1"),
        ("chance = 0.65", "chance = 1.65"),
        ("[questions", "[riddles"),
    ],
)
def test_what_can_be_seen_to_be_wrong_is_refused(written, instead):
    text = (ROOT / "scenarios" / "reference.toml").read_text(encoding="utf-8")
    assert written in text
    assert not VALIDATOR.is_valid(tomllib.loads(text.replace(written, instead, 1)))


def test_every_key_is_in_the_specification():
    said = SPEC.read_text(encoding="utf-8")
    for name, keys in [*TABLES.items(), *INSIDE.items()]:
        for key in keys:
            assert f"`{key}`" in said, f"{name}.{key}"
