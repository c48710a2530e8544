"""The decisions of a scenario: players, what each chooses between, what chance decides, and how it ends."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from katchi.errors import Malformed
from katchi.exercise.decisions import Chance, Choice, Decision, Decisions, Outcome
from katchi.formats.scenario.keys import OUTCOMES, TABLES, TOP
from katchi.formats.scenario.table import Table, defined, tables

IN_TIME, TOO_LATE = "In time", "Too late"


def decisions_of(tree: Mapping[str, Any], questions: Collection[str]) -> Decisions | None:
    """Return the game, or None if the file has none."""
    if not any(key in tree for key in ("players", "start", "decisions", "chances", OUTCOMES)):
        return None
    top = Table({key: tree[key] for key in ("players", "start") if key in tree}, "", TOP)
    players = tuple(top.names("players"))
    if not players or len(set(players)) < len(players):
        raise Malformed(
            "a scenario with decisions names its players, each once", hint='Write players = ["One", "Other"] at the top.',
            field="players",
        )  # fmt: skip
    return Decisions(
        players=players,
        start=top.text("start"),
        decisions=tuple(_decision(name, table) for name, table in tables(tree, "decisions", TABLES["decisions"])),
        chances=tuple(_chance(name, table, questions) for name, table in tables(tree, "chances", TABLES["chances"])),
        outcomes=tuple(
            Outcome(name, {player: table.number(player) for player in table.values})
            for name, table in tables(tree, OUTCOMES, players)
        ),
    )


def _decision(name: str, table: Table) -> Decision:
    choices = table.values["choices"]
    if not isinstance(choices, dict) or not all(isinstance(to, str) for to in choices.values()):
        raise Malformed(
            "'{name}' must say what each choice leads to", hint='Write choices = {{ Hold = "next", Concede = "ceded" }}.',
            field=table.at("choices"), name=name,
        )  # fmt: skip
    table.words("about")
    return Decision(
        name=name,
        by=table.text("by"),
        choices=tuple(Choice(label, to) for label, to in choices.items()),
        blind=tuple(table.names("blind")),
    )


def _chance(name: str, table: Table, questions: Collection[str]) -> Chance:
    table.words("about")
    if "question" not in table:
        choices = (Choice(one.text("label"), one.text("to"), one.chance("chance")) for one in table.tables("choices"))
        return Chance(name=name, choices=tuple(choices))
    question = defined(table.text("question"), questions, field=table.at("question"), what="question")
    for key in ("in-time", "too-late"):
        if key not in table:
            raise Malformed("{place} lacks {key}", hint="Write it there.", field=table.field, place=table.field, key=key)
    return Chance(
        name=name,
        choices=(Choice(IN_TIME, table.text("in-time")), Choice(TOO_LATE, table.text("too-late"))),
        question=question,
    )
