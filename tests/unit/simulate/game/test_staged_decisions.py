"""Decisions as a scenario writes them: unfolded to the game that one would write as a tree, and solved alike."""

from __future__ import annotations

from fractions import Fraction

import pytest

from katchi.errors import Malformed, NotFound, Refused
from katchi.exercise.decisions import BLIND_ALL, Chance, Choice, Decision, Decisions, Outcome
from katchi.simulate.game import staged
from katchi.simulate.game.answer import solve
from katchi.simulate.game.clock import Stakes, consultation_clock, required_consultation
from katchi.simulate.game.recall import forgetting
from katchi.simulate.game.regimes import most_credible, regimes
from katchi.simulate.game.robustness import holds_over, knob
from katchi.simulate.game.staged import knob_of, questions_of, unfolded

# pP = 0.3 and pC = 0.5, as in test_consultation_clock.py
STAKES = Stakes(c_quiet=0, c_ceded=2, c_alone=2, c_war=-2, p_quiet=1, p_ceded=0.3, p_alone=0, p_war=1)
PLAYERS = ("Challenger", "Protege", "Defender")
REGIONS = {
    "ceded": [(0.65, 0.40), (0.30, 0.90)],
    "crisis": [(0.65, 0.60), (0.55, 0.832)],
    "deterred": [(0.65, 0.832), (0.90, 0.60)],
}
POINTS = [(region, *point) for region, points in REGIONS.items() for point in points]


def decides(name: str, by: str, *choices: tuple[str, str], blind: tuple[str, ...] = ()) -> Decision:
    return Decision(name=name, by=by, choices=tuple(Choice(label, to) for label, to in choices), blind=blind)


def ends(name: str, *payoffs: float, players: tuple[str, ...] = PLAYERS) -> Outcome:
    return Outcome(name, dict(zip(players, payoffs, strict=True)))


def clock(hard: float) -> Decisions:
    s = STAKES
    return Decisions(
        players=PLAYERS,
        start="start",
        decisions=(
            decides("start", "Challenger", ("Demand", "asked"), ("Refrain", "quiet")),
            decides("asked", "Protege", ("Hold", "consultation"), ("Concede", "ceded")),
            decides("hard", "Defender", ("Support", "war of the hard"), ("Stand aside", "alone")),
            decides("soft", "Defender", ("Support", "war of the soft"), ("Stand aside", "alone")),
        ),
        chances=(
            Chance(name="consultation", choices=(Choice("In time", "kind"), Choice("Too late", "alone")), question="consulted"),
            Chance(name="kind", choices=(Choice("Hard", "hard", hard), Choice("Soft", "soft", round(1 - hard, 9)))),
        ),
        outcomes=(
            ends("quiet", s.c_quiet, s.p_quiet, s.d_quiet),
            ends("ceded", s.c_ceded, s.p_ceded, s.d_ceded),
            ends("alone", s.c_alone, s.p_alone, s.d_alone),
            ends("war of the hard", s.c_war, s.p_war, s.d_war_hard),
            ends("war of the soft", s.c_war, s.p_war, s.d_war_soft),
        ),
    )


@pytest.mark.parametrize(("region", "hard", "in_time"), POINTS)
def test_the_clock_written_as_decisions_has_the_equilibria_and_payoffs_of_the_clock(region, hard, in_time):
    written = solve(unfolded(clock(hard), {"consulted": in_time}))
    grown = solve(consultation_clock(hard=hard, in_time=in_time, stakes=STAKES))
    assert (written.players, written.pure_equilibria) == (grown.players, grown.pure_equilibria)
    assert written.profiles == grown.profiles
    assert [one.payoffs for one in written.equilibria] == [one.payoffs for one in grown.equilibria]
    credible = next(one for one in written.equilibria if one.sequential_regret == 0)
    found = credible.profile["Challenger"]["start"]["Demand"], credible.profile["Protege"]["asked"]["Hold"]
    assert found == {"ceded": (1, 0), "crisis": (1, 1), "deterred": (0, 1)}[region]


@pytest.mark.parametrize("hard", [0.6, 0.65, 0.9])
def test_the_consultation_that_is_needed_is_found_by_turning_the_question_and_is_the_formula_s(hard):
    decisions = clock(hard)
    game = unfolded(decisions, {"consulted": 0.95})
    profile = most_credible(solve(game))
    held = holds_over(game, profile, knob_of(game, decisions, "consulted"))
    assert Fraction(held.low).limit_denominator(10_000) == required_consultation(hard, STAKES)
    assert held.low == pytest.approx(0.5 / hard, abs=1e-12) and (held.value, held.high) == (0.95, 1)


def test_from_never_to_always_in_time_the_answer_passes_through_its_regions():
    decisions = clock(0.65)
    game = unfolded(decisions, {"consulted": 0.832})
    found = regimes(game, knob_of(game, decisions, "consulted"))
    played = [
        (one.equilibrium.profile["Challenger"]["start"]["Demand"], one.equilibrium.profile["Protege"]["asked"]["Hold"])
        for one in found
    ]
    assert played == [(1, 0), (1, 1), (0, 1)]
    edges = [0, 0.3 / 0.65, 0.3 / 0.65, 0.5 / 0.65, 0.5 / 0.65, 1]
    assert [edge for one in found for edge in (one.low, one.high)] == pytest.approx(edges, abs=1e-9)
    assert found[2].equilibrium.payoffs == pytest.approx({"Challenger": 0, "Protege": 1, "Defender": 1})


def test_no_consultation_is_enough_where_the_defender_is_too_rarely_hard():
    decisions = clock(0.4)
    game = unfolded(decisions, {"consulted": 0.9})
    last = regimes(game, knob_of(game, decisions, "consulted"))[-1]
    assert last.high == 1 and last.equilibrium.profile["Challenger"]["start"]["Demand"] == 1


PAIR = ("Row", "Column")


def pennies(blind: tuple[str, ...]) -> Decisions:
    return Decisions(
        players=PAIR,
        start="row",
        decisions=(
            decides("row", "Row", ("H", "column"), ("T", "column again")),
            decides("column", "Column", ("H", "same"), ("T", "other"), blind=blind),
            decides("column again", "Column", ("H", "other"), ("T", "same"), blind=blind),
        ),
        chances=(),
        outcomes=(ends("same", 1, -1, players=PAIR), ends("other", -1, 1, players=PAIR)),
    )


def diamond(blind: tuple[str, ...]) -> Decisions:
    """Row goes one of two ways to the same question; Column answers it."""
    return Decisions(
        players=PAIR,
        start="row",
        decisions=(
            decides("row", "Row", ("Left", "column"), ("Right", "weather")),
            decides("column", "Column", ("Yes", "good"), ("No", "bad"), blind=blind),
        ),
        chances=(Chance(name="weather", choices=(Choice("Fair", "column", 0.25), Choice("Foul", "column", 0.75))),),
        outcomes=(ends("good", 2, 1, players=PAIR), ends("bad", 0, 2, players=PAIR)),
    )


@pytest.mark.parametrize(
    ("blind", "labels"),
    [
        ((), ["column: Left", "column: Right, Fair", "column: Right, Foul"]),
        (("weather",), ["column: Left", "column: Right"]),
        (("row",), ["column", "column: Fair", "column: Foul"]),
        (("row", "weather"), ["column"]),
        ((BLIND_ALL,), ["column"]),
    ],
)
def test_ways_that_differ_only_in_what_a_player_does_not_see_are_one_information_set(blind, labels):
    game = unfolded(diamond(blind), {})
    assert [one.label for one in game.information_sets if one.player == 1] == labels
    assert sum(node.decision is not None for node in game.nodes) == 4  # the row's point, and three ways to the column's


def test_two_moves_of_one_player_are_two_information_sets_however_alike():
    game = unfolded(pennies((BLIND_ALL,)), {})
    assert [one.label for one in game.information_sets] == ["row", "column", "column again"]


def test_a_player_that_forgets_its_own_move_is_left_for_the_solvers_to_refuse():
    decisions = Decisions(
        players=PAIR,
        start="first",
        decisions=(
            decides("first", "Row", ("a", "second"), ("b", "pause")),
            decides("pause", "Column", ("go on", "second")),
            decides("second", "Row", ("x", "good"), ("y", "bad"), blind=("first", "pause")),
        ),
        chances=(),
        outcomes=(ends("good", 1, 1, players=PAIR), ends("bad", 0, 0, players=PAIR)),
    )
    game = unfolded(decisions, {})
    assert forgetting(game) is not None
    with pytest.raises(Refused, match="imperfect recall"):
        solve(game)


def test_a_question_asked_at_several_points_is_one_number():
    decisions = Decisions(
        players=PAIR,
        start="row",
        decisions=(decides("row", "Row", ("Wait", "clock"), ("Write first", "clock")),),
        chances=(Chance(name="clock", choices=(Choice("In time", "good"), Choice("Too late", "bad")), question="asked"),),
        outcomes=(ends("good", 1, 1, players=PAIR), ends("bad", 0, 0, players=PAIR)),
    )
    game = unfolded(decisions, {"asked": 0.25})
    assert questions_of(decisions) == ["asked"]
    for turning in (knob_of(game, decisions, "asked"), knob(game, "chance:clock:In time")):
        turned = turning.turned(game, Fraction(2, 3))
        assert [move.probabilities for move in turned.chance_moves] == [(Fraction(2, 3), Fraction(1, 3))] * 2
    with pytest.raises(NotFound, match="no move of the game asks 'other'"):
        knob_of(game, decisions, "other")


def test_probabilities_written_in_decimals_are_brought_to_one_and_what_never_happens_is_left_out():
    third = 0.3333333333
    decisions = Decisions(
        players=("One",),
        start="chance",
        decisions=(decides("choose", "One", ("x", "good"), ("y", "bad")),),
        chances=(
            Chance(
                name="chance",
                choices=(
                    Choice("a", "good", third),
                    Choice("b", "bad", third),
                    Choice("c", "choose", third),
                    Choice("d", "good", 0),
                ),
            ),
        ),
        outcomes=(ends("good", 1, players=("One",)), ends("bad", 0, players=("One",))),
    )
    (move,) = unfolded(decisions, {}).chance_moves
    assert move.actions == ("a", "b", "c") and move.probabilities == (Fraction(1, 3),) * 3


def in_a_row(moves: int, ways: int) -> Decisions:
    """So many moves, each with so many ways to the next."""
    return Decisions(
        players=("One",),
        start="m0",
        decisions=tuple(
            decides(f"m{i}", "One", *((f"w{j}", f"m{i + 1}" if i + 1 < moves else "end") for j in range(ways)))
            for i in range(moves)
        ),
        chances=(),
        outcomes=(ends("end", 0, players=("One",)),),
    )


@pytest.mark.parametrize(("moves", "ways"), [(40, 2), (staged.MOVES_MAX + 1, 1)])
def test_a_tree_too_large_to_solve_is_refused_before_it_is_made(moves, ways):
    with pytest.raises(Refused, match="are solved") as refused:
        unfolded(in_a_row(moves, ways), {})
    assert refused.value.parameters["depth"] == moves
    assert refused.value.parameters["n"] == (2 ** (moves + 1) - 1 if ways == 2 else moves + 1)


def test_a_tree_as_large_as_is_allowed_is_made():
    game = unfolded(in_a_row(13, 2), {})
    assert len(game.nodes) == 2**14 - 1
    assert len(unfolded(in_a_row(staged.MOVES_MAX, 1), {}).nodes) == staged.MOVES_MAX + 1


def test_what_cannot_be_unfolded_says_why():
    with pytest.raises(NotFound, match="asks 'consulted'"):
        unfolded(clock(0.5), {})
    with pytest.raises(Malformed, match=r"'consulted' is 1\.5"):
        unfolded(clock(0.5), {"consulted": 1.5})
    twice = Decisions(
        players=("One",), start="a", decisions=(decides("a", "One", ("x", "end"), ("x", "end")),), chances=(),
        outcomes=(ends("end", 0, players=("One",)),),
    )  # fmt: skip
    with pytest.raises(Malformed, match="two choices called 'x'") as refused:
        unfolded(twice, {})
    assert refused.value.field == "decisions.a"
