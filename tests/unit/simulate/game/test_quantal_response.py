"""The quantal response path against closed forms, finite differences, and what it must be by definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from game_samples import THREE, cycle, random_tree, sample

from katchi.errors import Malformed
from katchi.formats import nfg
from katchi.simulate.game.arrays import Arrays
from katchi.simulate.game.polish import logit_limit
from katchi.simulate.game.profile import expected_payoffs
from katchi.simulate.game.published import extended_deterrence, sequence_of_choices
from katchi.simulate.game.quantal import Branch, quantal_response
from katchi.simulate.game.regret import action_values, regret


def logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def closed_form(u: list[list[float]]) -> list[float]:
    """P(R) of each player of egame123 with logit agent errors of scale sqrt 2 (Signorino 1999)."""
    s = math.sqrt(2)
    o1, o3, o5, o6 = u
    p6 = logistic((o6[2] - o5[2]) / s)
    p4 = logistic(((1 - p6) * o5[1] + p6 * o6[1] - o3[1]) / s)
    p2 = logistic(((1 - p4) * o3[0] + p4 * ((1 - p6) * o5[0] + p6 * o6[0]) - o1[0]) / s)
    return [p2, p4, p6]


@pytest.mark.parametrize("seed", range(10))
def test_g3_logit_agent_error_is_quantal_response_with_lambda_one_over_root_two(seed):
    payoffs = np.random.default_rng(seed).normal(0, 3, (4, 3)).round(3).tolist()
    found = quantal_response(sequence_of_choices(payoffs), 1 / math.sqrt(2)).profile
    assert [there[1] for there in found] == pytest.approx(closed_form(payoffs), abs=1e-10)


def test_g3_egame12_is_the_two_player_case():
    payoffs = [[1.0, 0.0], [2.5, -1.0], [0.5, 1.25]]
    p4 = logistic((1.25 + 1.0) / math.sqrt(2))
    p2 = logistic(((1 - p4) * 2.5 + p4 * 0.5 - 1.0) / math.sqrt(2))
    found = quantal_response(sequence_of_choices(payoffs), 1 / math.sqrt(2)).profile
    assert [there[1] for there in found] == pytest.approx([p2, p4], abs=1e-10)


@pytest.mark.parametrize("seed", range(6))
def test_the_analytic_jacobian_is_the_slope_that_differences_show(seed):
    arrays = Arrays(random_tree(seed, players=2 + seed % 2, moves=2))
    branch = Branch(arrays)
    odds = np.random.default_rng(seed).normal(0, 1, len(branch.freedom.free))
    slopes = arrays.gains(branch.logs(odds), branch.freedom).slopes
    step = 1e-6
    for i in range(len(odds)):
        change = np.zeros(len(odds))
        change[i] = step
        up, down = (arrays.gains(branch.logs(odds + sign * change), branch.freedom).gains for sign in (1, -1))
        assert slopes[:, i] == pytest.approx((up - down) / (2 * step), abs=1e-8)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("precision", [0.0, 0.3, 2.0])
def test_a_quantal_response_profile_has_log_odds_of_lambda_times_what_actions_gain(seed, precision):
    game = random_tree(seed, players=2 + seed % 2, moves=2)
    profile = quantal_response(game, precision).profile
    for there, worth in zip(profile, action_values(game, profile), strict=True):
        assert math.log(there[1] / there[0]) == pytest.approx(precision * float(worth[1] - worth[0]), abs=1e-8)


def test_the_branch_of_a_symmetric_game_stays_symmetric():
    assert [list(there) for there in quantal_response(cycle(), 50.0).profile] == [pytest.approx([0.5, 0.5])] * 2


@pytest.mark.parametrize("precision", [-1.0, math.nan, math.inf])
def test_a_precision_that_is_none_is_refused(precision):
    with pytest.raises(Malformed, match="is no precision"):
        quantal_response(cycle(), precision)


@pytest.mark.parametrize("seed", range(12))
def test_the_limit_is_polished_to_a_nash_equilibrium(seed):
    game = random_tree(seed, players=2 + seed % 2, moves=2)
    limit = logit_limit(game)
    assert limit is not None and limit.regret < 1e-8
    assert regret(game, limit.profile) < 1e-8
    assert max(limit.sequential_regrets) < 1e-6


@pytest.mark.parametrize("seed", [*range(25), 133])  # at 133 two arms of the path come near: one step must not change over
def test_the_path_of_a_table_game_ends_at_an_equilibrium(seed):
    draw = np.random.default_rng(seed)
    sizes = [int(draw.integers(2, 4)) for _ in range(int(draw.integers(2, 5)))]
    high = int(draw.integers(1, 10))
    payoffs = " ".join(map(str, draw.integers(-high, high + 1, int(np.prod(sizes)) * len(sizes))))
    players = " ".join(f'"{i}"' for i in range(len(sizes)))
    game = nfg.read(f'NFG 1 R "table" {{ {players} }} {{ {" ".join(map(str, sizes))} }} {payoffs}', "table.nfg")
    limit = logit_limit(game)
    assert limit is not None and regret(game, limit.profile) < 1e-8


def test_the_only_equilibrium_of_three_is_found_though_it_is_irrational():
    limit = logit_limit(nfg.read(THREE, "three.nfg"))
    assert limit is not None and limit.regret < 1e-12
    assert all(0.01 < p < 0.99 for there in limit.profile for p in there)


def test_the_limit_of_kuhn_poker_earns_the_value_of_the_game():
    game = sample("kuhn_poker.efg")
    limit = logit_limit(game)
    assert limit is not None and limit.regret < 1e-8
    assert float(expected_payoffs(game, limit.profile)[0]) == pytest.approx(-1 / 18, abs=1e-9)


@pytest.mark.parametrize("kinds", [2, 3, 4])
def test_three_players_with_private_kinds_have_a_polished_limit(kinds):
    game = extended_deterrence(kinds)
    assert (len(game.ends), len(game.information_sets)) == (8 * kinds**3, 7 * kinds)
    limit = logit_limit(game)
    assert limit is not None and limit.regret < 1e-8 and max(limit.sequential_regrets) < 1e-8
