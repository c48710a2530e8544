"""Other values of the inputs: laws keep their shape, copies go together, and flat arrays are retimed as if compiled anew."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from katchi.errors import Malformed
from katchi.network.arrays import compiled
from katchi.network.durations import Constant, Empirical, Erlang, Exponential, Lognormal, Pert, Triangular, Uniform
from katchi.network.kernel import times_of
from katchi.network.model import Alternative, Network, Question, Stage
from katchi.simulate.template import Template
from katchi.simulate.varied import mean_of, now_of, retimed, scaled, varied
from katchi.testing.networks import H, alone, in_series, model_r, random_network

LAWS = [
    Constant(5.0), Exponential(2.0), Erlang(3.0, 4), Lognormal(2.0, 0.7), Uniform(1.0, 4.0), Triangular(1.0, 2.0, 6.0),
    Pert(1.0, 2.0, 6.0), Empirical((1.0, 2.0, 9.0)),
]  # fmt: skip


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_the_mean_of_a_law_is_that_of_its_runs(law):
    times = times_of(compiled(alone(law)), 7, 0, 200_000)[:, 0]
    assert times.mean() == pytest.approx(mean_of(law), abs=4.5 * times.std() / 447 + 1e-12)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_a_scaled_law_has_every_run_as_many_times_as_long(law):
    one, longer = (times_of(compiled(alone(each)), 7, 0, 1_000) for each in (law, scaled(law, 2.5)))
    assert longer == pytest.approx(2.5 * one)
    assert mean_of(scaled(law, 2.5)) == pytest.approx(2.5 * mean_of(law))


def test_copies_go_together_and_the_rest_stays():
    found = varied(model_r(), {("stages", "study", "mean"): 2 * H, ("posts", "staff-b", "seats"): 3.0})
    assert {stage.duration for stage in found.stages if stage.group == "study"} == {Exponential(2 * H)}
    assert [stage for stage in found.stages if stage.group != "study"] == [
        stage for stage in model_r().stages if stage.group != "study"
    ]
    assert [post.seats for post in found.posts] == [2, 3]
    longer = varied(model_r(), {("bearers", "line", "down"): H})
    assert (longer.bearers[0].up_mean_s, longer.bearers[0].down_mean_s) == (6 * H, H)
    assert now_of(longer, ("bearers", "line", "down")) == H and now_of(longer, ("bearers", "line", "up")) == 6 * H


def test_attempts_go_together_and_pauses_and_what_follows_stay():
    def one_of(name, duration, **rest):
        return Stage(name=name, group="brief", duration=duration, **rest)

    ways = (Alternative(0.8, ("brief",)), Alternative(0.2, ("pause",)))
    network = Network(
        stages=(
            one_of("try1", Exponential(60.0), alternatives=ways),
            one_of("try2", Exponential(60.0), after=("pause",), alternatives=(Alternative(1.0, ("brief",)),)),
            one_of("pause", Exponential(600.0)),
            one_of("brief", Constant(0.0), join="any"),
        ),
        questions=(Question("briefed", "brief", 120.0),),
    )
    key = ("stages", "brief", "mean")
    assert now_of(network, key) == 60.0
    longer = varied(network, {key: 90.0})
    assert [mean_of(stage.duration) for stage in longer.stages] == [90.0, 90.0, 600.0, 0.0]
    played = times_of(retimed(compiled(network), network, {key: 90.0}), 7, 0, 100)
    assert played == pytest.approx(times_of(compiled(longer), 7, 0, 100))
    solved = Template(network, "brief", [key]).chain({key: 90.0})
    assert solved.mean_s() == pytest.approx(90.0 + 0.2 * 690.0)


def test_its_own_values_change_nothing():
    network = random_network(4)
    means = {("stages", stage.name, "mean"): mean_of(stage.duration) for stage in network.stages if not stage.group}
    means = {key: mean for key, mean in means.items() if mean > 0}
    assert means and varied(network, means) == network


def test_a_stage_without_time_has_no_mean_to_vary():
    with pytest.raises(Malformed, match="takes no time"):
        varied(alone(Constant(0.0)), {("stages", "only", "mean"): 5.0})


@pytest.mark.parametrize("seed", range(20))
def test_retimed_arrays_play_as_the_varied_network_does(seed):
    network, chance = random_network(seed), Random(seed)
    keys = {("stages", stage.reported, "mean") for stage in network.stages if mean_of(stage.duration) > 0}
    if any(mean_of(stage.duration) == 0 for stage in network.stages if stage.group):
        keys.discard(("stages", "many", "mean"))
    keys |= {("bearers", one.name, what) for one in network.bearers if one.has_outages for what in ("up", "down")}
    values = {key: now_of(network, key) * chance.uniform(0.3, 3.0) for key in sorted(keys)}
    found = times_of(retimed(compiled(network), network, values), 7, 0, 500)
    anew = times_of(compiled(varied(network, values)), 7, 0, 500)
    assert np.isfinite(found).any() and found == pytest.approx(anew, rel=1e-9)


def test_retiming_leaves_the_arrays_it_came_from_alone():
    network = in_series(*LAWS)
    arrays = compiled(network)
    before = times_of(arrays, 7, 0, 10)
    retimed(arrays, network, {("stages", f"s{i}", "mean"): 100.0 for i in range(len(LAWS))})
    assert (times_of(arrays, 7, 0, 10) == before).all()
