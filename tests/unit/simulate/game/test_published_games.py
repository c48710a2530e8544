"""Published games against their published or derived answers (simulation.md, section 4.1)."""

from __future__ import annotations

import pytest

from katchi.simulate.game.answer import solve
from katchi.simulate.game.polish import logit_limit
from katchi.simulate.game.profile import named
from katchi.simulate.game.published import asymmetric_deterrence, ultimatum, unilateral_deterrence

A, B = {"SQ": 1, "DC": 2, "DD": 0}, {"SQ": 3, "DC": 1, "DD+": 2, "DD-": 0}
C = {"SQ": 5, "DC": 8, "CD": 2, "DD+": 3, "DD-": 0}
D = {"SQ": 8, "DC": 2, "CD": 6, "DD+": 3, "DD-": 0}
CT, CS, DN = 3 / 5, 3 / 6, 4 / 6  # (DC-SQ)/(DC-DD+), (DC-SQ)/(DC-CD), (CD-DC)/(CD-DD-)


@pytest.mark.parametrize(("hard", "defects"), [(0.1, 1), (0.49, 1), (0.51, 0), (0.9, 0)])
def test_g1_a_attacks_only_where_b_is_hard_seldom_enough(hard, defects):
    threshold = (A["DC"] - A["SQ"]) / (A["DC"] - A["DD"])
    assert (hard < threshold) == bool(defects)
    (one,) = [one for one in solve(asymmetric_deterrence(A, B, hard=hard)).equilibria if one.sequential_regret == 0]
    assert one.profile["A"]["A"]["Defect"] == defects
    assert (one.profile["B"]["Hard"]["Defect"], one.profile["B"]["Soft"]["Defect"]) == (1, 0)


def credible(challenger_hard: float, defender_hard: float) -> list[tuple[float, ...]]:
    """(xH, xS, yH, yS) of every credible equilibrium found; the branch's limit first."""
    solution = solve(unilateral_deterrence(C, D, challenger_hard=challenger_hard, defender_hard=defender_hard))
    found = [one for one in solution.equilibria if one.sequential_regret < 1e-9]
    found.sort(key=lambda one: "limit of quantal response" not in one.found_by)
    for one in found:
        assert one.regret < 1e-8
        assert one.profile["Challenger"]["Hard, defied"]["Press"] == 1
        assert one.profile["Challenger"]["Soft, defied"]["Back down"] == 1
    return [
        tuple(
            one.profile[side][kind][move]
            for side, move in (("Challenger", "Defect"), ("Defender", "Defy"))
            for kind in ("Hard", "Soft")
        )
        for one in found
    ]


@pytest.mark.parametrize(
    ("challenger_hard", "defender_hard", "xs", "ys"), [(0.3, 0.3, 0.2143, 0.2857), (0.1, 0.2, 0.0556, 0.3750)]
)
def test_g2_bluff(challenger_hard, defender_hard, xs, ys):
    assert defender_hard < CS and challenger_hard < DN
    limit = credible(challenger_hard, defender_hard)[0]
    assert limit == pytest.approx((1, xs, 1, ys), abs=5e-5)
    exact_xs = challenger_hard * (1 - DN) / (DN * (1 - challenger_hard))
    exact_ys = (CS - defender_hard) / (1 - defender_hard)
    assert limit == pytest.approx((1, exact_xs, 1, exact_ys), abs=1e-9)


def test_g2_separating():
    assert CS < 0.55 < CT
    assert credible(0.3, 0.55)[0] == pytest.approx((1, 0, 1, 0))


def test_g2_attack():
    assert credible(0.9, 0.3)[0] == pytest.approx((1, 1, 1, 0))


def test_g2_certain_deterrence():
    assert credible(0.3, 0.9)[0][:3] == pytest.approx((0, 0, 1))


def test_g4_the_demand_and_the_risk_of_war_are_fearon_s():
    # p = 0.5, cA = 0.1, C = 0.4: x* = p + (C - cA)/2 = 0.65, Pr(war) = (C - cA)/(2 C) = 0.375
    game = ultimatum(win="0.5", cost_a="0.1", cost_b_max="0.4", demands=["0.55", "0.6", "0.65", "0.7", "0.75"], kinds=8)
    limit = logit_limit(game)
    assert limit is not None and limit.regret < 1e-8
    said = named(game, limit.profile)
    assert said["A"]["A"]["0.65"] == pytest.approx(1)
    war = [said["B"][f"{kind + 1} asked 0.65"]["Refuse"] for kind in range(8)]
    assert sum(war) / 8 == pytest.approx(0.375)
