"""Scenario files: the reference model, every law and key, and faults refused with file:line and a fix."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest

from katchi.errors import Malformed
from katchi.formats.scenario import MalformedAt, duration_of, line_of, read, time_s, tree_of
from katchi.network.durations import Constant, Empirical, Erlang, Exponential, Lognormal, Pert, Triangular, Uniform
from katchi.testing.networks import model_r

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = ROOT / "scenarios" / "reference.toml"

SMALL = """\
title = "Small"
deadline = "6 h"
allies = ["azure", "birch"]

[posts.desk]
seats = 1
ally = "azure"

[bearers.line]
up = "6 h"
down = "30 min"

[stages.draft]
at = "desk"
takes = "40 min"
source = "guess"

[stages.send]
over = "line"
takes = { exponential = "6 min" }
after = ["draft"]
then = [{ chance = 0.8, stages = ["agree"] }, { chance = 0.2, stages = ["amend"] }]

[stages.agree]
takes = "1 s"

[stages.amend]
takes = { pert = ["10 min", "20 min", "1 h"] }

[stages.done]
takes = "0 s"
after = ["agree", "amend"]
join = "any"

[questions.consulted]
stage = "done"
by = "2 h"
"""


def test_the_reference_file_is_model_r():
    found = read(REFERENCE.read_bytes(), "reference.toml")
    by_name = {stage.name: stage for stage in found.network.stages}
    r = model_r()
    assert {name: msgspec.structs.replace(stage, group="") for name, stage in by_name.items()} == {
        stage.name: msgspec.structs.replace(stage, group="") for stage in r.stages
    }
    assert (found.network.posts, found.network.bearers, found.network.questions) == (r.posts, r.bearers, r.questions)
    assert {part.source for part in found.parts.values()} == {"guess"}


def test_a_small_file_reads():
    found = read(SMALL.encode(), "small.toml").network
    assert [stage.name for stage in found.stages] == ["draft", "send", "agree", "amend", "done"]
    assert found.stages[1].alternatives[1].stages == ("amend",)
    assert found.questions[0].by_s == 7_200.0


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("40 s", Constant(40.0)),
        ("1.5h", Constant(5_400.0)),
        ({"exponential": "2 d"}, Exponential(172_800.0)),
        ({"erlang": "3 min", "phases": 3}, Erlang(180.0, 3)),
        ({"lognormal": "1 min", "sigma": 1}, Lognormal(60.0, 1.0)),
        ({"uniform": ["1 s", "2 s"]}, Uniform(1.0, 2.0)),
        ({"triangular": ["1 s", "2 s", "3 s"]}, Triangular(1.0, 2.0, 3.0)),
        ({"pert": ["1 s", "2 s", "3 s"]}, Pert(1.0, 2.0, 3.0)),
        ({"empirical": ["250 ms", "2 s"]}, Empirical((0.25, 2.0))),
    ],
)
def test_every_law_is_read(written, meant):
    assert duration_of(written, "stages.a.takes") == meant


FAULTS = [  # what is written, what instead, the line of the fault, a part of the message
    ('after = ["draft"]', 'after = ["draft", "done"]', 21, "waits for itself"),
    ("seats = 1", "seats = 0", 6, "0 seats"),
    ("seats = 1", 'seats = "two"', 6, "not a whole number"),
    ("seats = 1", "seats = 1\nchairs = 2", 7, "'chairs' is not a key here"),
    ('takes = "40 min"', 'takes = "40 minutes"', 15, "'40 minutes' is not a time"),
    ('takes = "40 min"', "takes = 40", 15, "has no unit"),
    ('takes = "40 min"\n', "", 13, "lacks takes"),
    ('takes = "40 min"', 'takes = { gamma = "1 h" }', 15, "names one law"),
    ('{ exponential = "6 min" }', '{ exponential = "6 min", phases = 2 }', 20, "names one law"),
    ('{ exponential = "6 min" }', '{ erlang = "6 min" }', 20, "also needs phases"),
    ('{ exponential = "6 min" }', '{ exponential = "0 s" }', 20, "cannot be"),
    ('["10 min", "20 min", "1 h"]', '["10 min", "20 min"]', 28, "not the list of times"),
    ('["10 min", "20 min", "1 h"]', '["30 min", "20 min", "1 h"]', 28, "cannot be"),
    ("chance = 0.8", "chance = 1.8", 22, "not a probability"),
    ("chance = 0.8", "chance = 0.7", 22, "add up to 0.9"),
    ('chance = 0.8, stages = ["agree"]', "chance = 0.8", 22, "lacks stages"),
    ('stages = ["agree"]', 'stages = ["agreed"]', 22, "'agreed' is no stage here"),
    ('join = "any"', 'join = "all"', 32, "can never begin"),
    ('join = "any"', 'join = "some"', 33, "joins 'some'"),
    ('at = "desk"', 'at = "disk"', 14, "'disk', which is not defined"),
    ('at = "desk"', 'at = "desk"\nover = "line"', 15, "both at a post and over a bearer"),
    ('down = "30 min"\n', "", 9, "only one of up and down"),
    ('up = "6 h"', 'up = "0 h"', 10, "up for some time"),
    ('ally = "azure"', 'ally = "cedar"', 7, "no ally here"),
    ('stage = "done"', 'stage = "over"', 36, "'over' is no stage here"),
    ('by = "2 h"', 'by = "0 h"', 37, "deadline above 0"),
    ('source = "guess"', 'source = "somebody"', 16, "no known kind"),
    ('source = "guess"', "copies = 0", 16, "0 copies"),
    ("[questions.consulted]", "[question.consulted]", 35, "'question' is not a key"),
    ('title = "Small"', "title = Small", 1, "not TOML"),
    ('title = "Small"', "title = 3", 1, "must be text"),
    ("[stages.agree]", '[stages."agree all"]', 24, "cannot be a name"),
]


@pytest.mark.parametrize(("written", "instead", "line", "message"), FAULTS)
def test_a_fault_is_refused_at_its_line_with_a_fix(written, instead, line, message):
    assert SMALL.count(written) == 1
    with pytest.raises(Malformed) as refused:
        read(SMALL.replace(written, instead).encode(), "small.toml")
    told, hint = refused.value.said(lambda text: text)
    assert told.startswith(f"small.toml:{line}: "), told
    assert message in told
    assert hint
    assert str(refused.value) == told


def test_a_fault_in_a_copy_is_told_at_the_line_of_the_stage():
    text = REFERENCE.read_text().replace('after = ["send"]', 'after = ["send", "return"]')
    with pytest.raises(Malformed, match="waits for itself") as refused:
        read(text.encode(), "r.toml")
    line = int(refused.value.place.split(":")[1])
    assert "after" in text.splitlines()[line - 1]


def test_copies_that_do_not_match_are_refused():
    text = REFERENCE.read_text().replace('copies = 3\nat = "staff-b"', 'copies = 2\nat = "staff-b"')
    with pytest.raises(Malformed, match="has 2 copies and comes after 'send', which has 3"):
        read(text.encode(), "r.toml")


def test_bytes_that_are_no_text_are_refused_at_their_line():
    with pytest.raises(Malformed, match=r"^x:2: this is not UTF-8"):
        read(b"title = ''\n\xff", "x")


def test_a_line_is_found_for_inline_and_dotted_keys():
    text = 'posts.desk.seats = 0\n[stages]\nx = { takes = "1 s" }\n"y".takes = "2 s"\n'
    assert [line_of(text, field) for field in ("posts.desk.seats", "stages.x.takes", "stages.y.takes", "none")] == [1, 3, 4, 1]


@pytest.mark.parametrize("value", ["", "h", "-1 s", "1 e", "1 h 2 min", "1e3 s", "nan s"])
def test_what_is_no_time_is_refused(value):
    with pytest.raises(Malformed):
        time_s(value, "deadline")


def test_the_example_of_the_specification_reads():
    text = (ROOT / "docs" / "spec" / "scenario.md").read_text(encoding="utf-8")
    example = text.split("```toml\n")[1].split("```")[0]
    assert [question.name for question in read(example.encode(), "scenario.md").network.questions] == ["answered"]


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*.toml")), ids=lambda path: path.name)
def test_every_scenario_that_is_shipped_is_sound(path):
    found = read(path.read_bytes(), path.name)
    assert all(part.source and part.title.en and part.title.ko for part in found.parts.values())
    assert found.title.ko and found.changes and found.uncertain
    assert all(change.network != found.network and change.about.ko for change in found.changes)


def test_a_name_of_thousands_of_parts_is_refused_at_its_line_before_the_parser_reads_it():
    began = time.perf_counter()
    with pytest.raises(MalformedAt, match=r"bomb\.toml:2: a name has more than 64 parts"):
        read(b"title = 'x'\n" + b"a . 'b'." * 20_000 + b"c = 1\n", "bomb.toml")
    assert time.perf_counter() - began < 2
    assert tree_of(b"title = 'one. two. three. %s'" % (b"wait. " * 50), "prose.toml")
