"""One chain for many values: the same answers as unfolding anew, and never fewer states than all values need."""

from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace

from katchi.network.durations import Exponential
from katchi.network.model import Stage
from katchi.simulate import exact
from katchi.simulate.template import Template
from katchi.simulate.varied import now_of, varied
from katchi.testing.networks import H, all_at_once, model_r, random_network

R_KEYS = (
    *(("stages", name, "mean") for name in ("prepare", "send", "study", "return", "principal-a", "principal-b", "decision")),
    ("bearers", "line", "up"),
    ("bearers", "line", "down"),
)


def keys_of(network):
    stages = {("stages", stage.reported, "mean"): None for stage in network.stages if stage.name != "end"}
    bearers = [("bearers", one.name, what) for one in network.bearers if one.has_outages for what in ("up", "down")]
    return [*stages, *bearers]


def agree(network, stage, by_s, keys, values):
    found, anew = Template(network, stage, keys).chain(values), exact.chain_of(varied(network, values), stage)
    assert found.probability_by(by_s) == pytest.approx(anew.probability_by(by_s), abs=1e-11)
    assert found.mean_s() == pytest.approx(anew.mean_s(), rel=1e-10)


def test_the_reference_model_at_its_own_values():
    chain = Template(model_r(), "decision", R_KEYS).chain()
    assert chain.probability_by(6 * H) == pytest.approx(0.8322264980, abs=1e-10)
    assert chain.mean_s() / H == pytest.approx(4.54560500, abs=5e-9)


@pytest.mark.parametrize("seed", range(8))
def test_the_reference_model_at_any_values(seed):
    chance = Random(seed)
    values = {key: now_of(model_r(), key) * chance.uniform(0.2, 5.0) for key in R_KEYS}
    agree(model_r(), "decision", 6 * H, R_KEYS, values)


@pytest.mark.parametrize("seed", range(20))
def test_a_random_network_at_any_values(seed):
    network, chance = random_network(seed, markov=True), Random(seed)
    values = {key: now_of(network, key) * chance.uniform(0.3, 3.0) for key in keys_of(network)}
    for question in network.questions:
        agree(network, question.stage, question.by_s, list(values), values)


def test_an_input_left_out_keeps_its_value():
    values = {("stages", "study", "mean"): 0.5 * H}
    agree(model_r(), "decision", 6 * H, list(values), values)
    assert Template(model_r(), "decision", R_KEYS).chain(values).mean_s() == pytest.approx(
        exact.chain_of(varied(model_r(), values), "decision").mean_s(), rel=1e-12
    )


def test_states_are_merged_only_if_they_are_equal_for_all_values():
    apart = Template(model_r(), "decision", R_KEYS)
    assert (Template(model_r(), "decision").states, apart.states) == (71, 72)  # which principal is still to be reached
    names = {"principal-a": "principal", "principal-b": "principal"}
    stages = tuple(replace(stage, group=names.get(stage.name, stage.group)) for stage in model_r().stages)
    together = replace(model_r(), stages=stages)
    assert Template(together, "decision", [("stages", "principal", "mean")]).states == 71


def test_equal_means_by_chance_do_not_merge_what_may_differ():
    """Two desks' work with one mean now: at other values the order of what is left matters."""
    network = all_at_once(Exponential(1.0), Exponential(1.0), Exponential(1.0), seats=1)
    keys = [("stages", name, "mean") for name in ("s0", "s1", "s2")]
    assert Template(network, "end").states == 3
    values = dict(zip(keys, (1.0, 5.0, 0.1), strict=True))
    agree(network, "end", 1.0, keys, values)
    parallel = all_at_once(Exponential(1.0), Exponential(1.0))
    assert Template(parallel, "end", keys[:2]).states == 3
    assert Template(parallel, "end").states == 2


def test_a_stage_alone_is_a_chain_of_its_phases():
    network = replace(model_r(), stages=(Stage(name="decision", duration=Exponential(2.0)),))
    chain = Template(network, "decision", [("stages", "decision", "mean")]).chain({("stages", "decision", "mean"): 7.0})
    assert (chain.states, chain.mean_s()) == (1, pytest.approx(7.0))
