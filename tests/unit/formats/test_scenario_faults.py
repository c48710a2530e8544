"""Faults planted in our own scenarios, one at a time, each seed another: none missed, each refused at its line with a fix."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from katchi.formats.scenario import MalformedAt, read

SCENARIOS = Path(__file__).resolve().parents[3] / "scenarios"
REFERENCE, SEISMIC, LOST, CHECK, SHIFT = (
    "reference", "ambiguous-seismic-event", "bearer-lost", "hotline-check", "shift-handover",
)  # fmt: skip
EVERY = (REFERENCE, SEISMIC, LOST, CHECK, SHIFT)


class Fault(NamedTuple):
    """What is written, what stands there instead, in which files, and how many lines from there the fault is."""

    name: str
    written: str  # a regular expression
    instead: str
    says: str
    files: tuple[str, ...] = EVERY
    lines: int = 0


LONELY = '\n[decisions.lonely]\nby = "Protege"\nchoices = { Hold = "quiet" }\n'
AGAIN = '\n[injects.again]\nat = "1 h"\nbearer = "main"\nlasts = "10 min"\n'
FAULTS = (
    Fault("a post without seats", r"^seats = 2", "seats = 0", "0 seats", (REFERENCE, SEISMIC, LOST)),
    Fault("a post with seats in words", r"^seats = \d", 'seats = "two"', "not a whole number", (REFERENCE, SEISMIC)),
    Fault("an unknown unit", r'^(takes = .*)(\d) (min|s|h)"', r'\1\2 parsecs"', "is not a time"),
    Fault("a time without a unit", r'^deadline = "(\d+) \w+"', r"deadline = \1", "has no unit"),
    Fault("a negative time", r'^down = "', 'down = "-', "is not a time", (REFERENCE, SEISMIC, LOST, CHECK)),
    Fault("a probability over 1", r"chance = 0\.\d+", "chance = 1.5", "is not a probability", (SEISMIC, LOST, CHECK, SHIFT)),
    Fault("a probability in words", r"chance = 0\.\d+", 'chance = "often"', "is not a number", (SEISMIC, LOST, CHECK)),
    Fault("alternatives that are not all", r"chance = 0\.7,", "chance = 0.6,", "add up to", (SEISMIC,)),
    Fault("a chance move that is not all", r"chance = 0\.65", "chance = 0.6", "add up to", (REFERENCE, LOST), 0),
    Fault("a post nobody defined", r'^at = "[a-z][\w-]*"', 'at = "nobody"', "is not defined"),
    Fault("a bearer nobody defined", r'^over = "[\w-]+"', 'over = "pigeon"', "is not defined"),
    Fault("an earlier stage nobody defined", r'^after = \["', 'after = ["nothing", "', "is no stage"),
    Fault("an ally nobody named", r'^(ally|by) = "(azure|birch)"', r'\1 = "cedar"', "cedar"),
    Fault("an unknown act", r'^act = "[\w-]+"', 'act = "applaud"', "is no act"),
    Fault("a join of no kind", r'^join = "any"', 'join = "some"', "joins 'some'", (SEISMIC,)),
    Fault("a join that can never be", r'^join = "any"', 'join = "all"', "can never begin", (SEISMIC,), -1),
    Fault("no duration", r"^takes = .*\n", "", "lacks takes"),
    Fault("a law of no name", r"takes = \{ \w+ =", "takes = { gamma =", "names one law"),
    Fault("a law without its second number", r", sigma = 0\.\d", "", "also needs sigma", (SEISMIC, LOST, SHIFT)),
    Fault("low above high", r'pert = \["', 'pert = ["9 h", "', "list of times", (SEISMIC, LOST, CHECK, SHIFT)),
    Fault("no copies", r"^copies = \d", "copies = 0", "0 copies", (REFERENCE, LOST, CHECK, SHIFT)),
    Fault("a source of no kind", r'^source = "guess"', 'source = "rumour"', "no known kind"),
    Fault("a title that is no text", r"^title = .*", "title = 3", "must be text"),
    Fault("a language that is none", r"^title = \{ en = ", "title = { fr = ", "is not a key here"),
    Fault("a key that is none", r"^(\[stages\.[\w-]+\]\n)", r'\1colour = "red"' + "\n", "is not a key here", lines=1),
    Fault("a table that is none", r"^\[bearers\.", "[carriers.", "is not a key here"),
    Fault("a name that cannot be", r"^\[stages\.([\w-]+)\]", r'[stages."\1 !"]', "cannot be a name"),
    Fault("a key twice", r"^(takes = .*\n)", r"\1\1", "not TOML", lines=1),
    Fault("a quote that never ends", r'^source = "guess"', 'source = "guess', "not TOML"),
    Fault("only one of up and down", r"^(\[bearers.*\n(?:title.*\n)?)up = .*\n", r"\1", "only one of up and down", (CHECK, LOST)),
    Fault("a cause nobody defined", r'^causes = \["\w+"\]', 'causes = ["storm"]', "is no cause", (SEISMIC, LOST)),
    Fault("a factor of no width", r"^sigma = 0\.4", "sigma = 0", "has sigma 0", (SEISMIC,)),
    Fault("a question about nothing", r'^stage = "[\w-]+"', 'stage = "victory"', "is no stage"),
    Fault("a deadline of no time", r'^deadline = "\d+', 'deadline = "0', "deadline above 0"),
    Fault("an inject that does two things", r"^bearer = .*\n", 'bearer = "main"\npost = "desk-a"\n', "one thing", (LOST,), -3),
    Fault("an inject without an end", r"^lasts = .*\n", "", "how long it lasts", (LOST,), -4),
    Fault("an inject on nothing", r'^bearer = "main"', 'bearer = "moon"', "is no bearer", (LOST,)),
    Fault("two injects at once", r"\Z", AGAIN, "at the same time", (LOST,), 1),
    Fault("shifts out of order", r"shifts = \[\{ from = \"40 min\"", 'shifts = [{ from = "2 h"', "not in order", (SHIFT,)),
    Fault("shifts that repeat too soon", r"^(shifts = .*)", r'\1' + '\nrepeat = "1 min"', "cannot repeat", (SHIFT,), 1),
    Fault("retries without number", r"times = \d", "times = 0", "tried again 0 times", (CHECK, SHIFT)),
    Fault("a change that leads nowhere", r'^set = \{ "\w+\.', 'set = { "weather.', "nowhere in this file"),
    Fault("a change to what cannot be", r"seats\" = \d \}", 'seats" = "all" }', "with change", (REFERENCE, SEISMIC, LOST, CHECK)),
    Fault("an uncertain nothing", r'^of = "stages\.[\w-]+"', 'of = "stages.mood"', "is no stage"),
    Fault("a range turned round", r"^between = \[(.*), (.*)\]", r"between = [\2, \1]", "between nothing"),
    Fault("a player who is none", r'^by = "(Challenger|Protege|Defender)"', 'by = "Fortune"', "no player", (REFERENCE, LOST)),
    Fault("a choice that leads nowhere", r'Hold = "clock"', 'Hold = "void"', "leads to 'void'", (REFERENCE, LOST)),
    Fault("a decision nobody can reach", r"\Z", LONELY, "nobody can reach 'lonely'", (REFERENCE, LOST), 1),
    Fault("a game that never ends", r'^too-late = "alone"', 'too-late = "demand"', "comes after itself", (REFERENCE, LOST)),
    Fault("a question the game asks in vain", r'^question = "\w+"', 'question = "won"', "is no question", (REFERENCE, LOST)),
    Fault("an outcome worth nothing to one", r"^(\[outcomes.*\n)Challenger = .*\n", r"\1", "every player", (REFERENCE, LOST)),
    Fault("a start that is no move", r'^start = "\w+"', 'start = "peace"', "no move", (REFERENCE, LOST)),
    Fault("players twice", r'^players = \["Challenger", ', 'players = ["Protege", ', "each once", (REFERENCE, LOST)),
)  # fmt: skip


def planted(fault, seed):
    """The file's name, its text with the fault, and the line of the fault."""
    chance = random.Random(seed)
    names = [name for name in fault.files if re.search(fault.written, text_of(name), re.M)]
    name = chance.choice(names)
    text = text_of(name)
    places = list(re.finditer(fault.written, text, re.M))
    place = chance.choice(places)
    instead = place.expand(fault.instead)
    line = text[: place.start()].count("\n") + 1 + fault.lines
    if fault.lines == 0 and not instead and place[0].endswith("\n"):  # a line is gone: told at its table
        line = table_line(text, place.start())
    differs = next((i for i, (a, b) in enumerate(zip(place[0], instead, strict=False)) if a != b), 0) if instead else 0
    if fault.lines == 0 and instead and "\n" not in instead:
        line += place[0][:differs].count("\n")
    return name, text[: place.start()] + instead + text[place.end() :], line


def text_of(name):
    return (SCENARIOS / f"{name}.toml").read_text(encoding="utf-8")


def table_line(text, at):
    return text[:at].count("\n", 0, text.rfind("\n[", 0, at) + 1) + 1


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("seed", range(3))
def test_a_planted_fault_is_refused_at_its_line_with_a_fix(fault, seed):
    name, text, line = planted(fault, seed)
    with pytest.raises(MalformedAt) as refused:
        read(text.encode(), f"{name}.toml")
    told, hint = refused.value.said(lambda template: template)
    assert told.startswith(f"{name}.toml:{line}: "), told
    assert fault.says in told
    assert hint


def test_there_are_at_least_forty_kinds():
    assert len({fault.name for fault in FAULTS}) >= 40


@pytest.mark.parametrize("name", EVERY)
def test_no_fault_is_found_where_there_is_none(name):
    assert read(text_of(name).encode(), name).network.stages


@settings(max_examples=150)
@given(st.sampled_from(EVERY), st.integers(0, 10_000), st.integers(1, 40), st.binary(max_size=6))
def test_whatever_is_broken_is_refused_by_name_and_never_by_accident(name, at, length, instead):
    source = (SCENARIOS / f"{name}.toml").read_bytes()
    at %= len(source)
    try:
        read(source[:at] + instead + source[at + length :], name)
    except MalformedAt as refused:
        told, hint = refused.said(lambda template: template)
        assert re.match(rf"{name}:\d+: ", told)
        assert hint
