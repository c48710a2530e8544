"""Gambit's .nfg text, in both its forms, and the reduced strategic form of any game written as one."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from katchi.errors import Malformed, Refused
from katchi.formats import efg, nfg
from katchi.simulate.game.strategies import StrategicForm

BY_PAYOFF = 'NFG 1 R "two" { "A" "B" } { 3 2 }\n1 10 2 20 3 30\n4 40 5.5 50 6 60/7\n'
BY_OUTCOME = """NFG 1 D "two" { "A" "B" }
{ { "t" "m" "b" }
{ "l" "r" }
}
"comment"
{ { "one" 1, 10 } { "" 2 20 } { "" 3, 30 } }
1 2 3
0 2 1
"""


def payoffs(game) -> list[list[list[Fraction]]]:
    form = StrategicForm(game)
    return [
        [[Fraction(int(value), d) for value in row] for row in table]
        for table, d in zip(form.matrices(), form.denominators, strict=True)
    ]


def test_the_first_player_s_strategy_changes_fastest():
    game = nfg.read(BY_PAYOFF, "two.nfg")
    assert payoffs(game)[0] == [[1, 4], [2, Fraction(11, 2)], [3, 6]]
    assert payoffs(game)[1] == [[10, 40], [20, 50], [30, Fraction(60, 7)]]
    assert [one.actions for one in game.information_sets] == [("1", "2", "3"), ("1", "2")]


def test_outcomes_are_looked_up_and_zero_is_none():
    game = nfg.read(BY_OUTCOME, "two.nfg")
    assert payoffs(game)[0] == [[1, 0], [2, 2], [3, 1]]
    assert game.comment == "comment" and game.outcomes[0].label == "one"
    assert game.information_sets[0].actions == ("t", "m", "b")


@pytest.mark.parametrize("text", [BY_PAYOFF, BY_OUTCOME])
def test_what_is_written_reads_back_with_the_same_payoffs(text):
    game = nfg.read(text, "x.nfg")
    again = nfg.read(nfg.write(game), "again.nfg")
    assert payoffs(again) == payoffs(game)
    assert nfg.write(again) == nfg.write(game)
    assert (again.title, again.comment, again.players, again.information_sets) == (
        game.title,
        game.comment,
        game.players,
        game.information_sets,
    )


@given(st.lists(st.fractions(), min_size=24, max_size=24))
def test_a_game_of_three_comes_back_whatever_its_payoffs(values):
    text = 'NFG 1 R "three" { "A" "B" "C" } { 2 2 2 } ' + " ".join(f"{v.numerator}/{v.denominator}" for v in values)
    game = nfg.read(text, "x.nfg")
    assert nfg.write(nfg.read(nfg.write(game), "y.nfg")) == nfg.write(game)
    assert [p for end in game.ends for p in end.payoffs][:3] == values[:3]


def test_a_tree_is_written_as_its_reduced_strategic_form(samples):
    path = samples / "games" / "journals__other__reiley2008__fig1.efg"
    text = nfg.write(efg.read(path.read_text(encoding="utf-8"), path.name))
    assert '{ "Bet/Bet" "Bet/Fold" "Fold/Bet" "Fold/Fold" }' in text
    again = nfg.read(text, "poker.nfg")
    assert payoffs(again)[0][1] == [Fraction(1, 2), 0]  # bets with a king alone: called, and not


def test_an_nfg_is_also_written_as_a_tree():
    game = nfg.read(BY_OUTCOME, "x.nfg")
    assert efg.read(efg.write(game), "x.efg") == game


BAD = {
    "another format": ('EFG 2 R "x" { "A" }', 1, "does not begin with NFG"),
    "version": ('NFG 2 R "x" { "A" } { 1 } 0', 1, "version 2"),
    "too few payoffs": ('NFG 1 R "x" { "A" "B" } { 2 2 }\n1 2 3 4\n', 3, "ends after 2 of 4 profiles"),
    "half a profile": ('NFG 1 R "x" { "A" "B" } { 2 1 }\n1 2 3', 2, "a number is expected"),
    "too many payoffs": ('NFG 1 R "x" { "A" } { 2 }\n1 2\n3', 3, "yet 3 follows"),
    "NaN": ('NFG 1 R "x" { "A" } { 2 }\n1 nan', 2, "not nan"),
    "no strategies": ('NFG 1 R "x" { "A" } { { } }\n1', 1, "an empty one"),
    "zero strategies": ('NFG 1 R "x" { "A" "B" } { 0 2 }', 1, "an empty one"),
    "lists for too few": ('NFG 1 R "x" { "A" "B" } { 2 }', 1, "1 lists of strategies for 2 players"),
    "an unknown outcome": ('NFG 1 R "x" { "A" } { 2 }\n{ { "" 1 } }\n1 2', 3, "no outcome 2"),
    "too few outcomes": ('NFG 1 R "x" { "A" } { 2 }\n{ { "" 1 } }\n1', 3, "ends after 1 of 2"),
    "outcome payoffs": ('NFG 1 R "x" { "A" } { 2 }\n{ { "" 1 2 } }\n1 1', 2, "2 payoffs for 1 players"),
    "huge": ('NFG 1 R "x" { "A" "B" "C" } { 1000 1000 1000 }', 1, "1000000000 profiles"),
    "huge count": ('NFG 1 R "x" { "A" } { 999999999 }', 1, "999999999 strategies"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_file_is_refused_with_its_line_and_a_fix(fault):
    text, line, says = BAD[fault]
    with pytest.raises(Malformed) as refused:
        nfg.read(text, "bad.nfg")
    assert str(refused.value).startswith(f"bad.nfg:{line}: ") and says in str(refused.value)
    assert refused.value.hint


@given(st.text('{}"\\0129 /.,-\nNFGR'))
def test_no_text_does_worse_than_being_refused(text):
    for whole in (text, 'NFG 1 R "t" { "A" "B" } ' + text):
        try:
            nfg.read(whole, "any.nfg")
        except (Malformed, Refused) as refused:
            assert "any.nfg" in str(refused)
