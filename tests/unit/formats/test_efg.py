"""Gambit's .efg text: read as it is meant, written so that it reads back, and refused with file:line."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from katchi.errors import Malformed, Refused
from katchi.formats import efg, gambit_text
from katchi.simulate.game.published import extended_deterrence, unilateral_deterrence
from katchi.simulate.game.tree import Ends, Happens, grow

TEXT = r"""EFG 2 R "A \"small\" game \\ really" { "Ann" "Bob" }
"of two
lines"
c "" 1 "coin" { "up" 1/3 "down" .6666666666666667 } 0
p "left" 1 1 "saw" { "go" "stay" } 4 "toll" { -1, 0 }
t "" 1 "win" { 1.5e1, -1/2 }
t "" 2 "lose" { +2 3. }
p "" 2 7 { "x" } 0
p "" 1 2 "" { "go" "stay" } 4
t "" 1
t "" 2 "lose" { 2, 3 }
"""


def test_numbers_labels_and_numbers_that_come_again_are_read_as_they_are_meant():
    game = efg.read(TEXT, "small.efg")
    assert game.title == 'A "small" game \\ really' and game.comment == "of two\nlines"
    assert game.players == ("Ann", "Bob")
    assert sum(game.chance_moves[0].probabilities) == 1
    assert abs(game.chance_moves[0].probabilities[0] - Fraction(1, 3)) < Fraction(1, 10**15)
    assert [one.number for one in game.information_sets] == [1, 2, 7]
    assert game.ends[0].payoffs == (14, Fraction(-1, 2))  # the toll on the way adds up
    assert game.ends[3].payoffs == (1, 3) and game.ends[2].payoffs == (14, Fraction(-1, 2))


def test_thirds_stay_thirds():
    game = efg.read('EFG 2 R "" { "A" } "" c "" 1 "" { "a" 1/3 "b" 2/3 } 0 t "" 0 t "" 1 "" { 1/7 }', "x")
    assert game.chance_moves[0].probabilities == (Fraction(1, 3), Fraction(2, 3))
    assert game.ends[0].payoffs == (0,) and game.ends[1].payoffs == (Fraction(1, 7),)


def test_probabilities_in_decimals_that_nearly_sum_to_one_are_shared_out():
    game = efg.read('EFG 2 R "" { "A" } c "" 1 "" { "a" .333333 "b" .333333 "c" .333333 } 0 t "" 0 t "" 0 t "" 0', "x")
    assert game.chance_moves[0].probabilities == (Fraction(1, 3),) * 3


@pytest.mark.parametrize("game", [efg.read(TEXT, "x"), extended_deterrence(2)], ids=["small", "kinds"])
def test_what_is_written_reads_back_as_the_same_game(game):
    assert efg.read(efg.write(game), "again.efg") == game


def test_third_party_games_come_back_as_they_were(samples):
    paths = sorted(samples.rglob("*.efg"))
    assert len(paths) >= 5
    for path in paths:
        game = efg.read(path.read_text(encoding="utf-8"), path.name)
        assert efg.read(efg.write(game), path.name) == game


@given(
    title=st.text(st.characters(exclude_categories=["Cs"])),
    label=st.text(st.characters(exclude_categories=["Cs"])),
    payoff=st.fractions(),
    share=st.fractions(0, 1),
)
def test_any_label_and_any_fraction_come_back(title, label, payoff, share):
    root = Happens(label, {"a": (share, Ends(label, (payoff,))), "b": (1 - share, Ends("other", (0,)))})
    game = grow(title, [label], root)
    assert efg.read(efg.write(game), "x.efg") == game


@pytest.mark.parametrize("label", ["\\", "\\\\", '\\"', '"', "a\\", '"\\"', "\\n", "합의"])
def test_backslashes_and_quotes_in_a_label_come_back(label):
    game = grow(label, [label], Ends(label, (1,)), comment=label)
    assert efg.read(efg.write(game), "x.efg") == game


HEAD = 'EFG 2 R "t" { "A" "B" } ""\n'
BAD = {
    "empty": ("", 1, "does not begin with EFG"),
    "another format": ('NFG 1 R "x" { "A" } { 1 } 0', 1, "does not begin with EFG"),
    "an old version": ('EFG 1 R "x" { "A" }', 1, "version 1"),
    "no type": ('EFG 2 "x" { "A" }', 1, "R or D"),
    "no players": ('EFG 2 R "x" { } t "" 0', 1, "0 players"),
    "a label without end": ('EFG 2 R "x { A }\nt 0', 1, "never ends"),
    "truncated at once": (HEAD, 2, "1 branches are still open"),
    "truncated": (HEAD + 'p "" 1 1 "" { "l" "r" } 0\nt "" 0\n', 4, "1 branches are still open"),
    "truncated in a list": (HEAD + 'p "" 1 1 "" { "l"', 2, "} is expected"),
    "too many nodes": (HEAD + 't "" 0\nt "" 0\n', 3, "the tree is whole"),
    "an unknown node": (HEAD + 'x "" 0\n', 2, "a node (c, p or t)"),
    "an unknown player": (HEAD + 'p "" 3 1 "" { "l" } 0', 2, "no player 3"),
    "player 0": (HEAD + 'p "" 0 1 "" { "l" } 0', 2, "no player 0"),
    "no actions": (HEAD + 'p "" 1 1 "" 0', 2, "is new and has no actions"),
    "other actions": (HEAD + 'p "" 1 1 "" { "l" } 0\np "" 1 1 "" { "m" } 0\nt "" 0', 3, "other actions than before"),
    "another label": (HEAD + 'p "" 1 1 "a" { "l" } 0\np "" 1 1 "b" { "l" } 0\nt "" 0', 3, "another label"),
    "too few payoffs": (HEAD + '\n\nt "" 1 "" { 1 }', 4, "1 payoffs for 2 players"),
    "too many payoffs": (HEAD + 't "" 1 "" { 1 2 3 }', 2, "3 payoffs for 2 players"),
    "other payoffs": (HEAD + 'p "" 1 1 "" { "l" "r" } 0\nt "" 1 "" { 1 2 }\nt "" 1 "" { 1 3 }', 4, "other payoffs than before"),
    "an unknown outcome": (HEAD + 't "" 5', 2, "outcome 5 is new"),
    "NaN": (HEAD + 't "" 1 "" { NaN 1 }', 2, "a number is expected, not NaN"),
    "infinity": (HEAD + 't "" 1 "" { 1 -inf }', 2, "not -inf"),
    "division by 0": (HEAD + 't "" 1 "" { 1/0 1 }', 2, "divides by 0"),
    "a vast exponent": (HEAD + 't "" 1 "" { 1e999999999 1 }', 2, "too large"),
    "a probability over 1": (HEAD + 'c "" 1 "" { "a" 3/2 "b" -1/2 } 0 t "" 0 t "" 0', 2, "not between 0 and 1"),
    "probabilities short of 1": (HEAD + '\nc "" 1 "" { "a" .5 "b" .4 } 0 t "" 0 t "" 0', 3, "sum to 0.9"),
    "other branches": (HEAD + 'c "" 1 "" { "a" 1 } 0\nc "" 1 "" { "a" 1/2 "b" 1/2 } 0\nt "" 0 t "" 0', 3, "other branches"),
    "set 0": (HEAD + 'p "" 1 0 "" { "l" } 0 t "" 0', 2, "count from 1"),
    "a word for a number": (HEAD + 'p "" one 1 "" { "l" } 0 t "" 0', 2, "a whole number is expected, not one"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_file_is_refused_with_its_line_and_a_fix(fault):
    text, line, says = BAD[fault]
    with pytest.raises(Malformed) as refused:
        efg.read(text, "bad.efg")
    assert str(refused.value).startswith(f"bad.efg:{line}: ") and says in str(refused.value)
    assert refused.value.hint


def test_depth_and_size_have_limits_and_no_recursion(monkeypatch):
    deep = HEAD + 'p "" 1 1 "" { "l" } 0\n'
    deep += "".join(f'p "" 1 {i} "" {{ "l" }} 0\n' for i in range(2, efg.DEPTH_MAX - 1))
    assert len(efg.read(deep + 't "" 0', "deep.efg").nodes) == efg.DEPTH_MAX - 1
    with pytest.raises(Malformed, match="nested deeper"):
        efg.read(HEAD + "".join(f'p "" 1 {i} "" {{ "l" }} 0\n' for i in range(1, efg.DEPTH_MAX + 5)), "deep.efg")
    monkeypatch.setattr(efg, "NODES_MAX", 4)
    with pytest.raises(Malformed, match="more than 4 nodes"):
        efg.read(HEAD + 'p "" 1 1 "" { "a" "b" "c" "d" } 0\n' + 't "" 0\n' * 4, "wide.efg")
    monkeypatch.setattr(gambit_text, "BYTES_MAX", 10)
    with pytest.raises(Refused, match="characters where 10 are allowed"):
        efg.read(TEXT, "huge.efg")


def test_a_long_number_is_refused_before_it_is_computed():
    with pytest.raises(Malformed, match="a number is expected"):
        efg.read(HEAD + f't "" 1 "" {{ {"9" * 5000} 1 }}', "long.efg")


@given(st.text('{}"\\ctp0129 /.,-\nEFGR'))
def test_no_text_does_worse_than_being_refused(text):
    for whole in (text, HEAD + text):
        try:
            efg.read(whole, "any.efg")
        except (Malformed, Refused) as refused:
            assert "any.efg" in str(refused)


def test_a_game_of_kinds_survives_another_writer_s_spacing():
    game = unilateral_deterrence(
        {"SQ": 5, "DC": 8, "CD": 2, "DD+": 3, "DD-": 0},
        {"DC": 2, "CD": 6, "DD+": 3, "DD-": 0},
        challenger_hard="0.3",
        defender_hard="0.3",
    )
    assert efg.read(efg.write(game).replace("{ ", "{\n\t").replace("\n", " \r\n"), "x") == game
