"""Durations written as a scenario file writes them, and a file's text with some replaced: nothing else is touched."""

from __future__ import annotations

import tomllib
from random import Random

import pytest

from katchi.errors import Malformed, Refused
from katchi.formats.scenario import duration_of, time_s
from katchi.formats.takes import Replacement, quoted, replaced, rounded_text, says_the_same_but_for, takes_text, time_text
from katchi.network.durations import Constant, Empirical, Erlang, Exponential, Lognormal, Pert, Triangular, Uniform

FILE = '''# A scenario with every habit of its author.
title = """
[stages.study]
takes = "not this"
"""   # a text that looks like a table

[stages."study"]   # quoted, the same name
  takes = { exponential = "1 h" } # an hour, they say
  after = ["send"]

[stages.send]
over = "line"
takes = { empirical = [
  "4 min",  # first
  '9 min', # a ] and a # in a comment: { "
  "30 min",
] }
source = "guess"  # of the desk

[stages.last]
# takes = "3 s"
takes="40 s"'''

NEW = {
    "study": Replacement('{ lognormal = "50 min", sigma = 0.4 }', "played: 12 observations"),
    "send": Replacement('"6 min"', 'played: "quoted"'),
    "last": Replacement('{ exponential = "20 s" }', "played: 9"),
}


def test_only_what_stages_take_and_its_source_is_replaced():
    found = replaced(FILE, NEW)
    assert found == (
        FILE.replace('{ exponential = "1 h" } # an hour, they say', '{ lognormal = "50 min", sigma = 0.4 } # an hour, they say\n'
                     '  source = "played: 12 observations"')
        .replace(FILE[FILE.index("{ empirical") : FILE.index("] }") + 3], '"6 min"')
        .replace('"guess"', '"played: \\"quoted\\""')
        .replace('takes="40 s"', 'takes={ exponential = "20 s" }\nsource = "played: 9"')
    )  # fmt: skip
    assert says_the_same_but_for(FILE, found, NEW)
    assert not says_the_same_but_for(FILE, found.replace("send", "sent"), NEW)
    assert not says_the_same_but_for(FILE, found.replace("0.4", "0.5"), NEW)


def test_line_ends_stay_as_they_are():
    found = replaced(FILE.replace("\n", "\r\n"), NEW)
    assert found.replace("\r\n", "\n") == replaced(FILE, NEW) and found.count("\n") == found.count("\r\n")


@pytest.mark.parametrize(
    "text",
    [
        'stages.study.takes = "1 h"',
        '[stages]\nstudy = { takes = "1 h" }',
        '[stages]\nstudy.takes = "1 h"',
        '[stages.study]\ntakes.exponential = "1 h"',
        '[stages.study.takes]\nexponential = "1 h"',
        '[other.study]\ntakes = "1 h"',
    ],
)
def test_a_duration_written_in_another_way_is_refused_not_guessed_at(text):
    tomllib.loads(text)
    with pytest.raises(Refused, match="stage 'study' does not write its duration"):
        replaced(text, {"study": NEW["study"]})


@pytest.mark.parametrize("seed", range(40))
def test_what_is_replaced_in_random_files_is_all_that_changes(seed):
    chance = Random(seed)
    texts = [
        '"a # b"',
        "'its'",
        '"""x\n[stages.s0]\ntakes = 1\n"""',
        "'''y\n'''",
        "[1, [2,\n3], { a = 1 }]",
        "1.5",
        "true",
    ]
    lines = []
    for i in range(chance.randint(1, 8)):
        lines.append(f"[stages.s{i}]" + chance.choice(["", "  # [stages.x]"]))
        keys = [f"k{j} = {chance.choice(texts)}" for j in range(chance.randint(0, 4))]
        keys.append("takes = " + chance.choice(['"1 h"', '{ exponential = "2 h" }', '{ pert = ["1 s",\n "2 s", "3 s"] }']))
        if chance.random() < 0.5:
            keys.append("source = " + chance.choice(['"guess"', "'guess'", '"""guess"""']))
        chance.shuffle(keys)
        lines += [key + chance.choice(["", " # note", "\t#"]) for key in keys] + [""] * chance.randint(0, 2)
    text = chance.choice(["\n", "\r\n"]).join("\n".join(lines).split("\n"))
    chosen = {
        f"s{i}": Replacement('"7 min"', "played: seed") for i in range(8) if f"[stages.s{i}]" in lines and chance.random() < 0.7
    }
    found = replaced(text, chosen)
    assert says_the_same_but_for(text, found, chosen)
    assert found.count("#") == text.count("#") and found.count("note") == text.count("note")


def test_a_string_that_does_not_end_is_named():
    with pytest.raises(Malformed, match="does not end"):
        replaced('a = "x', {})


@pytest.mark.parametrize(
    "duration",
    [
        Constant(0.0), Constant(2_280.0), Constant(0.25), Constant(86_400.0), Exponential(123.4), Erlang(5_400.0, 3),
        Lognormal(900.0, 0.5123), Uniform(0.0, 7_200.0), Triangular(60.0, 300.0, 3_600.0), Pert(1.5, 60.0, 61.0),
        Empirical((0.0, 12.5, 240.0, 100_000.0)),
    ],
)  # fmt: skip
def test_a_duration_is_written_so_that_it_reads_as_it_was(duration):
    written = takes_text(duration)
    read = duration_of(tomllib.loads(f"takes = {written}")["takes"], "takes")
    assert type(read) is type(duration) and "e-" not in written
    assert read == duration or takes_text(read) == written


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (40, "40 s"),
        (60, "1 min"),
        (90, "90 s"),
        (7_200, "2 h"),
        (172_800, "2 d"),
        (2_280, "38 min"),
        (0.25, "0.25 s"),
    ],
)
def test_a_time_is_written_exactly_in_the_largest_unit_that_leaves_a_whole_number(seconds, text):
    assert time_text(seconds) == text and time_s(text, "") == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (0.00123456, "0.001235 s"),
        (59.996, "60 s"),
        (123.456, "2.058 min"),
        (5_000.4, "83.34 min"),
        (360_061, "4.167 d"),
    ],
)
def test_a_measured_time_is_written_to_four_digits(seconds, text):
    assert rounded_text(seconds) == text
    assert time_s(text, "") == pytest.approx(seconds, rel=6e-4)


@pytest.mark.parametrize("text", ["", 'a "b" \\ c', "협의\n\t종료", "\x1b[31m\u202e\x00", "😀"])
def test_any_text_can_be_quoted(text):
    written = quoted(text)
    assert tomllib.loads(f"a = {written}")["a"] == text and written.isprintable()
