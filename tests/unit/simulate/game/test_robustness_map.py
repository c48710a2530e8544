"""Over which range an answer holds: against intervals worked out by hand."""

from __future__ import annotations

import pytest
from game_samples import CYCLE, sample

from katchi.errors import Malformed, NotFound
from katchi.formats import nfg
from katchi.simulate.game.answer import solve
from katchi.simulate.game.published import asymmetric_deterrence
from katchi.simulate.game.robustness import holds_over, joint_map, knob

A, B = {"SQ": 1, "DC": 2, "DD": 0}, {"SQ": 3, "DC": 1, "DD+": 2, "DD-": 0}


def deterred():
    game = asymmetric_deterrence(A, B, hard=0.8)
    solution = solve(game)
    (profile,) = [p for one, p in zip(solution.equilibria, solution.profiles, strict=True) if one.sequential_regret == 0]
    return game, profile


def test_deterrence_holds_down_to_the_threshold_of_the_probability():
    game, profile = deterred()
    held = holds_over(game, profile, knob(game, "chance:1:Hard"))
    assert (held.value, held.low, held.high) == (0.8, pytest.approx(0.5, abs=1e-9), 1.0)


def test_deterrence_holds_while_the_gain_from_defecting_is_small_enough():
    game, profile = deterred()  # defecting is worth 0.2 DC + 0.8 * 0 <= 1
    held = holds_over(game, profile, knob(game, "A:DC"))
    assert held.low is None and held.high == pytest.approx(5, abs=1e-9)


def test_a_threat_is_no_longer_credible_where_its_payoff_falls_below_conceding():
    game, profile = deterred()
    held = holds_over(game, profile, knob(game, "B:DD Hard"))
    assert held.low == pytest.approx(1, abs=1e-9) and held.high is None


def test_a_mixed_pattern_holds_while_its_probabilities_stay_inside():
    game = nfg.read(CYCLE, "cycle.nfg")  # Row mixes by Column's payoffs; both must stay a cycle
    (profile,) = solve(game).profiles
    held = holds_over(game, profile, knob(game, "Row:1"))
    assert held.low == pytest.approx(-1, abs=1e-6) and held.high is None


def test_two_numbers_have_a_joint_map_that_bends():
    game, profile = deterred()  # deterred while hard >= (DC - 1)/DC
    rows = joint_map(game, profile, knob(game, "A:DC"), knob(game, "chance:1:Hard"), points=5)
    assert len(rows) == 5
    for value, held in rows:
        assert held is not None and held.low == pytest.approx(max(0, (value - 1) / value) if value > 0 else 0, abs=1e-6)


@pytest.mark.parametrize("name", ["Professor", "chance"])
def test_a_name_without_its_colon_is_refused(name):
    with pytest.raises(Malformed, match="names no number"):
        knob(sample("journals__other__reiley2008__fig1.efg"), name)


@pytest.mark.parametrize("name", ["Nobody:1", "Professor:99", "chance:9:King", "chance:1:Ace", "Professor:"])
def test_a_number_that_the_game_does_not_have_is_not_found(name):
    with pytest.raises(NotFound, match="there is no"):
        knob(sample("journals__other__reiley2008__fig1.efg"), name)


def test_a_label_or_a_number_names_the_same():
    game = sample("journals__other__reiley2008__fig1.efg")
    assert knob(game, "Professor:Professor Wins")[:3] == knob(game, "1:2")[:3]
