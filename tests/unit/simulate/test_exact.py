"""The exact answer: known numbers to 1e-9, and the sampled one of random networks agrees with it."""

from __future__ import annotations

import math

import msgspec
import pytest

from katchi.errors import Malformed, Refused
from katchi.network.arrays import compiled
from katchi.network.kernel import tally_of
from katchi.network.model import Alternative, Bearer, Constant, Erlang, Exponential, Network, Question, Stage, Uniform
from katchi.simulate import exact
from katchi.testing.networks import H, all_at_once, alone, in_series, model_r, random_network


def test_the_reference_model():
    chain = exact.chain_of(model_r(), "decision")
    assert chain.states == 71
    assert chain.probability_by(6 * H) == pytest.approx(0.8322264980, abs=1e-10)
    assert chain.mean_s() / H == pytest.approx(4.54560500, abs=5e-9)


def test_the_reference_model_without_outages():
    chain = exact.chain_of(model_r(outages=False), "decision")
    assert chain.states == 37
    assert chain.probability_by(6 * H) == pytest.approx(0.8480706053, abs=1e-10)
    assert chain.mean_s() / H == pytest.approx(4.44965551, abs=5e-9)


def test_a_large_chain_is_solved_as_a_small_one(monkeypatch):
    dense = exact.answer(model_r(), "consulted")
    monkeypatch.setattr(exact, "DENSE_MAX", 0)
    assert exact.answer(model_r(), "consulted").probability == pytest.approx(dense.probability, abs=1e-10)


def test_a_message_over_a_line_that_fails_and_resumes():
    message = Stage(name="message", over="line", duration=Exponential(0.1))
    found = exact.answer(
        Network(stages=(message,), bearers=(Bearer("line", 6.0, 0.5),), questions=(Question("carried", "message", 0.5),)),
        "carried",
    )
    assert found.mean_s == pytest.approx(0.1 * (1 + 0.5 / 6) + (1 - 6 / 6.5) * 0.5, rel=1e-12)
    assert found.probability == pytest.approx(0.95020, abs=5e-6)


def test_closed_forms():
    assert exact.answer(all_at_once(*[Exponential(1.0)] * 5, seats=2), "done").mean_s == pytest.approx(3.0, rel=1e-12)
    longest = exact.answer(all_at_once(*[Exponential(2.0)] * 4, by_s=3.0), "done")
    assert longest.probability == pytest.approx((1 - math.exp(-1.5)) ** 4, rel=1e-12)
    series = exact.answer(in_series(Exponential(1.0), Exponential(2.0), Exponential(3.0), by_s=4.0), "done")
    assert (series.mean_s, series.probability) == (pytest.approx(6.0), pytest.approx(0.34600, abs=5e-6))
    erlang = exact.answer(alone(Erlang(3.0, 3), by_s=2.0), "done")
    assert erlang.probability == pytest.approx(1 - math.exp(-2.0) * (1 + 2 + 2), rel=1e-12)


def test_a_stage_that_may_never_happen_has_no_mean():
    stages = (
        Stage(name="ask", duration=Exponential(1.0), alternatives=(Alternative(0.75, ("answer",)), Alternative(0.25, ()))),
        Stage(name="answer", duration=Exponential(1.0)),
    )
    found = exact.answer(Network(stages=stages, questions=(Question("answered", "answer", 1e6),)), "answered")
    assert found.mean_s == math.inf
    assert found.probability == pytest.approx(0.75, abs=1e-12)


@pytest.mark.parametrize("seed", range(25))
def test_the_sample_of_a_random_network_agrees_with_the_exact_answer(seed):
    network = random_network(seed, markov=True)
    arrays, runs = compiled(network), 200_000
    tally = tally_of(arrays, 99, 0, runs)
    for i, question in enumerate(network.questions):
        found = exact.answer(network, question.name)
        share, p = tally.hits[i] / runs, found.probability
        assert abs(share - p) <= 4.5 * math.sqrt(max(p * (1 - p), 1e-12) / runs) + 1e-9, question.name
        if math.isfinite(found.mean_s):
            mean = tally.total[i] / runs
            sd = math.sqrt(max(tally.squares[i] / runs - mean**2, 0.0))
            assert abs(mean - found.mean_s) <= 4.5 * sd / math.sqrt(runs) + 1e-9 * mean


def test_other_laws_are_refused_by_name():
    with pytest.raises(Refused, match="'only' is uniform"):
        exact.answer(alone(Uniform(1.0, 2.0)), "done")
    with pytest.raises(Refused, match="'only' is constant"):
        exact.answer(alone(Constant(1.0)), "done")


def test_too_many_states_are_refused(monkeypatch):
    monkeypatch.setattr(exact, "UNFOLDED_MAX", 100)
    with pytest.raises(Refused, match="more than 100 states"):
        exact.answer(model_r(), "consulted")
    monkeypatch.setattr(exact, "UNFOLDED_MAX", 1_000)
    monkeypatch.setattr(exact, "STATES_MAX", 70)
    with pytest.raises(Refused, match="more than 70 states"):
        exact.answer(model_r(), "consulted")


def test_an_unknown_question_is_refused():
    with pytest.raises(Malformed, match="no question 'what'"):
        exact.answer(msgspec.structs.replace(model_r()), "what")
