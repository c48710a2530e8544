"""Pure and mixed equilibria: counted, listed and checked, against the literature and against each other."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from game_samples import CYCLE, HORSE, SAMPLES, THREE, cycle, random_tree, sample

from katchi.errors import Refused
from katchi.formats import efg, nfg
from katchi.simulate.game import pure as pure_module
from katchi.simulate.game.answer import solve
from katchi.simulate.game.bimatrix import extreme_equilibria
from katchi.simulate.game.induction import backward_induction
from katchi.simulate.game.lemke import lemke
from katchi.simulate.game.profile import expected_payoffs, pure
from katchi.simulate.game.published import extended_deterrence
from katchi.simulate.game.pure import pure_equilibria
from katchi.simulate.game.regret import regret
from katchi.simulate.game.strategies import StrategicForm
from katchi.simulate.game.tree import Decides, Ends, grow

# file: reduced strategies, pure equilibria; by hand or by the sources named in the files
KNOWN = {
    "books__shohamleytonbrown2008__fig5_1.efg": ((3, 8), 9),
    "books__shohamleytonbrown2008__fig5_2.efg": ((3, 4), 2),  # the text: (A G or A H, CF), (B H, CE), reduced
    "books__watson2013__exercise29_6.efg": ((4, 4), 4),
    "books__watson2013__fig29_1.efg": ((4, 4), 2),
    "journals__other__reiley2008__fig1.efg": ((4, 2), 0),
    "kuhn_poker.efg": ((27, 64), 0),
    "signaling_vonstengel_forges_2008.efg": ((4, 4), 2),
}


def by_trying_all(game) -> int:
    """Count pure equilibria of the reduced strategic form one by one: slow and plain."""
    form = StrategicForm(game)
    total = 0
    for plans in product(*form.plans):
        chosen = [next((plan[i] for plan in plans if i in plan), 0) for i in range(len(game.information_sets))]
        total += regret(game, pure(game, chosen)) == 0
    return total


@pytest.mark.parametrize("name", KNOWN)
def test_a_sample_has_its_known_strategies_and_pure_equilibria(name):
    form = StrategicForm(sample(name))
    assert (form.sizes, pure_equilibria(form).total) == KNOWN[name]


@pytest.mark.parametrize("name", KNOWN)
def test_every_equilibrium_listed_of_a_sample_has_no_regret(name):
    game = sample(name)
    solution = solve(game)
    assert solution.equilibria and all(regret(game, profile) <= 1e-8 for profile in solution.profiles)
    assert sum(one.is_pure for one in solution.equilibria) >= (solution.pure_equilibria or 0) > -1


@pytest.mark.parametrize("seed", range(10))
def test_counting_by_slices_equals_trying_all(seed):
    game = random_tree(seed, players=2 + seed % 2, moves=2 - seed % 2)
    found = pure_equilibria(StrategicForm(game))
    assert found.total == by_trying_all(game)
    assert all(regret(game, profile) == 0 for profile in found.profiles)


def test_counting_stays_exact_where_floats_would_not():
    huge = 10**20  # a difference of 1 is lost in a float
    text = f'NFG 1 R "huge" {{ "A" "B" }} {{ 2 1 }} {huge} 0 {huge + 1} 0'
    assert pure_equilibria(StrategicForm(nfg.read(text, "huge.nfg"))).total == 1


def test_poker_is_played_as_the_paper_says():
    (one,) = solve(sample("journals__other__reiley2008__fig1.efg")).equilibria
    assert one.profile["Professor"]["1"]["Bet"] == 1
    assert one.profile["Professor"]["2"]["Bet"] == pytest.approx(1 / 3)
    assert one.profile["Student"]["1"]["Call"] == pytest.approx(2 / 3)
    assert one.payoffs["Professor"] == pytest.approx(1 / 3) and one.regret == 0


def test_lemke_earns_exactly_the_value_of_kuhn_poker():
    game = sample("kuhn_poker.efg")
    profile = lemke(game)
    assert profile is not None and regret(game, profile) == 0
    assert expected_payoffs(game, profile) == (Fraction(-1, 18), Fraction(1, 18))


@pytest.mark.parametrize("seed", range(10))
def test_lemke_finds_an_exact_equilibrium_of_any_game_of_two(seed):
    game = random_tree(seed, moves=2)
    profile = lemke(game)
    assert profile is not None and regret(game, profile) == 0


@pytest.mark.parametrize("seed", range(5))
def test_every_extreme_equilibrium_is_exact_and_lemke_s_is_no_stranger(seed):
    game = random_tree(seed, moves=1)
    form = StrategicForm(game)
    found = [form.behaviour(pair) for pair in extreme_equilibria(form)]
    assert found and all(regret(game, profile) == 0 for profile in found)
    assert pure_equilibria(form).total == sum(all(p in (0, 1) for there in one for p in there) for one in found)


@pytest.mark.parametrize(("size", "unit"), [(3, 1), (6, 1), (6, 100_000)])
def test_a_game_of_meeting_at_one_of_n_places_has_two_to_the_n_minus_one_equilibria(size, unit):
    diagonal = " ".join(f"{(i == j) * unit * (i + 1)} {(i == j) * unit * (7 - i)}" for j in range(size) for i in range(size))
    form = StrategicForm(nfg.read(f'NFG 1 R "meet" {{ "A" "B" }} {{ {size} {size} }} {diagonal}', "meet.nfg"))
    assert len(extreme_equilibria(form)) == 2**size - 1
    assert pure_equilibria(form).total == size


def test_payoffs_of_very_different_size_hide_no_equilibrium():
    diagonal = " ".join(f"{(i == j) * 10**i} {(i == j) * 10**i}" for j in range(6) for i in range(6))
    form = StrategicForm(nfg.read(f'NFG 1 R "meet" {{ "A" "B" }} {{ 6 6 }} {diagonal}', "meet.nfg"))
    assert len(extreme_equilibria(form)) == 63


def test_a_game_without_pure_equilibria_has_the_mixed_one():
    solution = solve(cycle())
    assert solution.pure_equilibria == 0
    (one,) = solution.equilibria
    assert one.profile["Row"]["1"] == {"H": 0.5, "T": 0.5} and one.regret == 0


def test_the_irrational_equilibrium_of_three_is_the_only_one_listed():
    solution = solve(nfg.read(THREE, "three.nfg"))
    assert solution.pure_equilibria == 0 and len(solution.equilibria) == 1
    assert solution.equilibria[0].regret < 1e-12


def test_battle_of_the_sexes_has_its_three_equilibria():
    solution = solve(nfg.read(CYCLE.replace("1 -1 -1 1 -1 1 1 -1", "3 2 0 0 0 0 2 3"), "both.nfg"))
    rows = sorted(one.profile["Row"]["1"]["H"] for one in solution.equilibria)
    assert rows == pytest.approx([0, 0.6, 1])


def test_selten_s_horse_is_solved_to_the_reasonable_equilibrium_with_beliefs_of_the_branch():
    solution = solve(efg.read(HORSE, "horse.efg"))
    (limit,) = [one for one in solution.equilibria if "limit of quantal response" in one.found_by]
    assert limit.profile["One"]["1"]["Across"] == 1 and limit.profile["Two"]["1"]["Across"] == 1
    assert limit.sequential_regret < 1e-8


def test_backward_induction_is_subgame_perfect_and_names_ties():
    game = sample("books__shohamleytonbrown2008__fig5_2.efg")
    found = backward_induction(game)
    assert found is not None and found.ties == ()
    first = solve(game).equilibria[0]
    assert "backward induction" in first.found_by and first.sequential_regret == 0
    assert first.payoffs == {"1": 3, "2": 8}  # the text: 1 plays (A, G), 2 plays (C, F)
    sharing = backward_induction(sample("books__shohamleytonbrown2008__fig5_1.efg"))
    assert sharing is not None and sharing.ties == (1,)  # refused or not, she gets nothing of 2-0
    assert backward_induction(cycle()) is None


def test_a_game_too_large_to_count_says_so_and_is_still_solved(monkeypatch):
    monkeypatch.setattr(pure_module, "PROFILES_MAX", 10)
    solution = solve(extended_deterrence(2))
    assert solution.pure_equilibria is None
    assert solution.equilibria and solution.equilibria[0].regret < 1e-8


def test_a_player_with_too_many_plans_is_refused_by_number():
    form = StrategicForm(extended_deterrence(12))
    assert form.sizes[0] == 3**12
    with pytest.raises(Refused, match=r"531441|16777216"):
        _ = form.plans


def test_a_game_where_nobody_chooses_is_its_own_answer():
    solution = solve(grow("settled", ["A"], Decides("A", "", {"only": Ends("end", (5,))})))
    assert solution.pure_equilibria == 1 and solution.equilibria[0].payoffs == {"A": 5}


@pytest.mark.skipif(not SAMPLES.exists(), reason="no third-party samples here")
def test_every_third_party_game_of_perfect_recall_is_solved():
    for path in sorted(SAMPLES.rglob("*.efg")):
        solution = solve(efg.read(path.read_text(encoding="utf-8"), path.name))
        assert solution.equilibria and max(one.regret for one in solution.equilibria) < 1e-8, path.name
