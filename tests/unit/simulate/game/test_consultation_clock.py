"""The game of the clock: how good must consultation be for deterrence to hold."""

from __future__ import annotations

from fractions import Fraction

import pytest

from katchi.errors import Malformed
from katchi.simulate.game.answer import solve
from katchi.simulate.game.clock import Stakes, consultation_clock, required_consultation, thresholds
from katchi.simulate.game.robustness import holds_over, joint_map, knob

# pP = (Pcon - Pab)/(Pwar - Pab) = 0.3, pC = (Cab - Csq)/(Cab - Cwar) = 0.5
STAKES = Stakes(c_quiet=0, c_ceded=2, c_alone=2, c_war=-2, p_quiet=1, p_ceded="0.3", p_alone=0, p_war=1)


def outcome(hard: float, in_time: float) -> tuple[float, float]:
    """(demands, holds) of the branch's limit, which is credible."""
    solution = solve(consultation_clock(hard=hard, in_time=in_time, stakes=STAKES))
    (one,) = [one for one in solution.equilibria if "limit of quantal response" in one.found_by]
    assert one.regret < 1e-8 and one.sequential_regret < 1e-8
    assert one.profile["Defender"] == {"Hard": {"Support": 1, "Stand aside": 0}, "Soft": {"Support": 0, "Stand aside": 1}}
    return one.profile["Challenger"]["Start"]["Demand"], one.profile["Protege"]["Asked"]["Hold"]


def test_the_thresholds_are_those_of_the_formulas():
    assert thresholds(STAKES) == (Fraction(3, 10), Fraction(1, 2))


@pytest.mark.parametrize(
    ("hard", "in_time", "expected"),
    [
        (0.65, 0.40, (1, 0)),  # pq = 0.26 < pP: conceded
        (0.30, 0.90, (1, 0)),  # 0.27
        (0.65, 0.60, (1, 1)),  # 0.39: held, and demanded all the same: a crisis
        (0.55, 0.832, (1, 1)),  # 0.458
        (0.65, 0.832, (0, 1)),  # 0.541: deterred
        (0.90, 0.60, (0, 1)),  # 0.54
    ],
)
def test_g5_each_region_has_its_answer(hard, in_time, expected):
    assert outcome(hard, in_time) == pytest.approx(expected)


def test_the_consultation_that_is_needed_has_a_number():
    assert required_consultation("0.65", STAKES) == Fraction(10, 13)  # 0.769: model R's 0.832 suffices
    assert float(required_consultation("0.55", STAKES) or 0) == pytest.approx(0.909, abs=5e-4)  # it does not
    assert required_consultation("0.4", STAKES) is None
    assert required_consultation(0, STAKES) is None


def test_a_protege_that_is_harder_to_convince_sets_the_need():
    wary = STAKES._replace(p_ceded="0.6")
    assert required_consultation("0.8", wary) == Fraction(3, 4)


@pytest.mark.parametrize("hard", ["0.6", "0.65", "0.9"])
def test_where_deterrence_begins_to_hold_is_found_by_bisection_too(hard):
    game = consultation_clock(hard=hard, in_time="0.95", stakes=STAKES)
    solution = solve(game)
    (deterred,) = [
        profile
        for one, profile in zip(solution.equilibria, solution.profiles, strict=True)
        if one.sequential_regret == 0 and one.profile["Challenger"]["Start"]["Refrain"] == 1
    ]
    held = holds_over(game, deterred, knob(game, "chance:Consultation:In time"))
    assert held.low == pytest.approx(float(required_consultation(hard, STAKES) or 0), abs=1e-12)
    assert held.high == 1


def test_what_is_needed_of_consultation_bends_with_the_defender_s_resolve():
    game = consultation_clock(hard="0.8", in_time="0.95", stakes=STAKES)
    solution = solve(game)
    rows = joint_map(
        game, solution.profiles[0], knob(game, "chance:Defender is:Hard"), knob(game, "chance:Consultation:In time"), points=6
    )
    assert solution.equilibria[0].profile["Challenger"]["Start"]["Refrain"] == 1
    for hard, held in rows:
        assert held is not None and held.low == pytest.approx(float(required_consultation(hard, STAKES) or 1), abs=1e-9)


@pytest.mark.parametrize("stakes", [STAKES._replace(c_war=3), STAKES._replace(p_ceded=2), STAKES._replace(d_war_soft=0)])
def test_stakes_of_another_game_are_refused(stakes):
    with pytest.raises(Malformed, match="another game"):
        thresholds(stakes)
