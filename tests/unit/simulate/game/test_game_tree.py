"""Games as values: what is recalled, what is regretted, and what is refused."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from game_samples import HORSE, cycle, random_tree, sample

from katchi.errors import Malformed, Refused
from katchi.formats import efg
from katchi.simulate.game.profile import expected_payoffs, named, pure, reached, support, uniform, unnamed
from katchi.simulate.game.recall import forgetting, require_recall
from katchi.simulate.game.regret import best_reply, regret, regrets, sequential_regrets
from katchi.simulate.game.strategies import StrategicForm
from katchi.simulate.game.tree import Decides, Ends, Happens, exact, grow


def a_choice(probability="1/2", other=("go", "stay")):
    ends = [Ends(str(i), (i,)) for i in range(4)]
    one = Decides("A", "the same", {"go": ends[0], "stay": ends[1]})
    two = Decides("A", "the same", {other[0]: ends[2], other[1]: ends[3]})
    return grow("choice", ["A"], Happens("coin", {"heads": (probability, one), "tails": (Fraction(1, 2), two)}))


def test_points_that_look_alike_are_one_information_set():
    game = a_choice()
    assert len(game.information_sets) == 1 and len(game.ends) == 4
    assert [end.probability for end in game.ends] == [Fraction(1, 2)] * 4


def test_a_decimal_is_taken_as_it_is_written():
    assert exact(0.1) == Fraction(1, 10)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: a_choice("1/3"), "do not sum to 1"),
        (lambda: a_choice(other=("go", "run")), "has other actions"),
        (lambda: grow("x", ["A"], Decides("B", "", {"go": Ends("", (1,))})), "no player"),
        (lambda: grow("x", ["A", "B"], Ends("", (1,))), "does not pay every player"),
    ],
)
def test_a_game_that_contradicts_itself_is_refused(made, says):
    with pytest.raises(Malformed, match=says):
        made()


def test_a_player_that_comes_to_the_same_point_twice_is_refused_by_name():
    text = (
        'EFG 2 R "absent" { "Driver" } ""\np "" 1 1 "exit" { "on" "off" } 0\np "" 1 1 0\n'
        't "" 1 "" { 1 }\nt "" 2 "" { 4 }\nt "" 3 "" { 0 }\n'
    )
    with pytest.raises(Refused, match="imperfect recall: player Driver can come to information set 1 \\(exit\\) twice"):
        require_recall(efg.read(text, "absent.efg"))


def test_a_player_that_forgets_what_it_did_is_refused_with_what_it_forgets():
    text = (
        'EFG 2 R "forgets" { "A" "B" } ""\np "" 1 1 "" { "l" "r" } 0\np "" 1 2 "later" { "x" "y" } 0\nt "" 1 "" { 1 0 }\n'
        't "" 2 "" { 0 1 }\np "" 1 2 0\nt "" 3 "" { 0 1 }\nt "" 4 "" { 1 0 }\n'
    )
    with pytest.raises(Refused, match="player A, at information set 2 \\(later\\), forgets whether it did 1:l or 1:r") as refused:
        require_recall(efg.read(text, "forgets.efg"))
    assert refused.value.exit_status == 3


def test_games_of_perfect_recall_pass():
    for game in (cycle(), *(random_tree(seed) for seed in range(5))):
        assert forgetting(game) is None


@pytest.mark.parametrize("seed", range(8))
def test_regret_by_best_reply_equals_regret_over_all_reduced_strategies(seed):
    game = random_tree(seed, players=2 + seed % 2, moves=2)
    form = StrategicForm(game)
    draw = [Fraction(1 + (7 * seed + 3 * i) % 5, 6) for i in range(len(game.information_sets))]
    profile = tuple((p, 1 - p) for p in draw)
    now = expected_payoffs(game, profile)
    for player in range(len(game.players)):
        gains = []
        for plan in form.plans[player]:
            changed = [
                pure(game, [plan.get(i, 0) for i in range(len(profile))])[i]
                if game.information_sets[i].player == player
                else there
                for i, there in enumerate(profile)
            ]
            gains.append(expected_payoffs(game, tuple(changed))[player])
        assert regrets(game, profile)[player] == max(gains) - now[player]


def test_the_regret_of_uniform_pennies_is_exactly_zero_and_of_a_pure_profile_two():
    game = cycle()
    assert regret(game, uniform(game)) == 0
    assert regret(game, pure(game, [0, 0])) == 2


def test_a_best_reply_is_a_plan_that_earns_what_it_says():
    game = random_tree(3, moves=2)
    profile = uniform(game)
    value, chosen = best_reply(game, profile, 0)
    replied = tuple(
        pure(game, [chosen.get(i, 0) for i in range(len(profile))])[i] if i in chosen else there
        for i, there in enumerate(profile)
    )
    assert expected_payoffs(game, replied)[0] == value


def test_an_incredible_threat_has_no_regret_and_yet_is_named_off_the_path():
    game = sample("books__shohamleytonbrown2008__fig5_1.efg")
    everything = [0, 0, 0, 0]  # the sister refuses every split; the brother may as well ask for all
    profile = pure(game, everything)
    assert regret(game, profile) == 0
    assert max(sequential_regrets(game, profile)) == 2
    assert reached(game, profile) == (True, True, False, False)


def test_selten_s_unreasonable_equilibrium_is_named_where_play_never_comes():
    game = efg.read(HORSE, "horse.efg")
    profile = pure(game, [1, 0, 0])  # One goes down, Three left: Two would gain by going down
    assert regret(game, profile) == 0
    assert sequential_regrets(game, profile)[1] == 3


def test_two_mistakes_are_not_believed_where_one_explains_as_much():
    after = {
        side: {"a": Ends(f"{side} a", (0, good, 0)), "b": Ends(f"{side} b", (0, bad, 0))}
        for side, good, bad in (("M", 1, 0), ("R", 0, 99))
    }
    twice = Decides("Three", "asked", {"x": Ends("x", (0, 0, 1)), "y": Decides("Two", "moved", after["R"])})
    root = Decides("One", "", {"L": Ends("L", (1, 0, 0)), "M": Decides("Two", "moved", after["M"]), "R": twice})
    game = grow("trembles", ["One", "Two", "Three"], root)
    assert sequential_regrets(game, pure(game, [0, 0, 0])) == (0, 0, 0)
    assert sequential_regrets(game, pure(game, [0, 1, 0])) == (0, 1, 0)


def test_names_lead_there_and_back():
    game = sample("journals__other__reiley2008__fig1.efg")
    said = named(game, uniform(game))
    assert said["Professor"] == {"1": {"Bet": 0.5, "Fold": 0.5}, "2": {"Bet": 0.5, "Fold": 0.5}}
    assert unnamed(game, said) == uniform(game)
    assert support(uniform(game)) == ((0, 1),) * 3
    with pytest.raises(Malformed, match="Student"):
        unnamed(game, {"Professor": said["Professor"]})


def test_what_is_the_same_for_all_profiles_sums_up():
    game = random_tree(1, moves=2)
    form = StrategicForm(game)
    tables = form.matrices()
    for at in list(product(*map(range, form.sizes)))[::7]:
        plans = [form.plans[player][i] for player, i in enumerate(at)]
        actions = [next((plan[i] for plan in plans if i in plan), 0) for i in range(len(game.information_sets))]
        assert expected_payoffs(game, pure(game, actions)) == tuple(
            Fraction(int(t[at]), d) for t, d in zip(tables, form.denominators, strict=True)
        )
