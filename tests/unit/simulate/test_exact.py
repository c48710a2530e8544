"""The exact answer: known numbers to 1e-9, and the sampled one of random networks agrees with it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from msgspec.structs import replace

from katchi.errors import Malformed, Refused
from katchi.network.arrays import compiled
from katchi.network.durations import Constant, Erlang, Exponential, Uniform
from katchi.network.kernel import tally_of
from katchi.network.model import (
    Absence,
    Alternative,
    Bearer,
    Cause,
    Factor,
    Network,
    Post,
    Question,
    Shift,
    Span,
    Stage,
)
from katchi.simulate import chain, exact, template, unfolding
from katchi.testing.networks import H, all_at_once, alone, in_series, model_r, random_network


def test_the_reference_model():
    chain = exact.chain_of(model_r(), "decision")
    assert (chain.states, chain.unfolded) == (71, 248)
    assert chain.probability_by(6 * H) == pytest.approx(0.8322264980, abs=1e-10)
    assert chain.mean_s() / H == pytest.approx(4.54560500, abs=5e-9)


def test_the_reference_model_without_outages():
    chain = exact.chain_of(model_r(outages=False), "decision")
    assert chain.states == 37
    assert chain.probability_by(6 * H) == pytest.approx(0.8480706053, abs=1e-10)
    assert chain.mean_s() / H == pytest.approx(4.44965551, abs=5e-9)


def test_a_large_chain_is_solved_as_a_small_one(monkeypatch):
    dense = exact.answer(model_r(), "consulted")
    for limit in ("DENSE_MAX", "SOLVED_DENSE_MAX"):
        monkeypatch.setattr(chain, limit, 0)
    large = exact.answer(model_r(), "consulted")
    assert large.probability == pytest.approx(dense.probability, abs=1e-12)
    assert large.mean_s == pytest.approx(dense.mean_s, rel=1e-12)


def test_a_deadline_of_many_steps_is_solved_as_one_of_few(monkeypatch):
    series = in_series(Exponential(1.0), Exponential(900.0), by_s=2_000.0)
    monkeypatch.setattr(chain, "DENSE_MAX", 0)
    closed = 1 - (900 * math.exp(-2_000 / 900) - math.exp(-2_000)) / 899
    assert exact.answer(series, "done").probability == pytest.approx(closed, abs=1e-12)


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


def with_causes(network):
    """Every bearer of a network under a cause of its own and one that all share."""
    causes = (Cause("all", 3_000.0, 900.0), *(Cause(f"of-{one.name}", 5_000.0, 400.0) for one in network.bearers))
    bearers = tuple(replace(one, causes=("all", f"of-{one.name}")) for one in network.bearers)
    return replace(network, causes=causes, bearers=bearers)


@pytest.mark.parametrize("seed", range(30))
def test_the_sample_of_a_random_network_agrees_with_the_exact_answer(seed):
    network = random_network(seed, markov=True)
    if seed >= 20:
        network = with_causes(network)
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
    monkeypatch.setattr(unfolding, "UNFOLDED_MAX", 100)
    with pytest.raises(Refused, match="more than 100 states"):
        exact.answer(model_r(), "consulted")
    monkeypatch.setattr(unfolding, "UNFOLDED_MAX", 1_000)
    monkeypatch.setattr(template, "STATES_MAX", 70)
    with pytest.raises(Refused, match="more than 70 states"):
        exact.answer(model_r(), "consulted")


def test_an_unknown_question_is_refused():
    with pytest.raises(Malformed, match="no question 'what'"):
        exact.answer(model_r(), "what")


def two_messages(*bearers, causes=()):
    """Two messages at once, the first bearer's and the last's, and then an end."""
    stages = (
        Stage(name="one", over=bearers[0].name, duration=Exponential(0.1)),
        Stage(name="other", over=bearers[-1].name, duration=Exponential(0.2)),
        Stage(name="end", duration=Constant(0.0), after=("one", "other")),
    )
    return Network(stages=stages, bearers=bearers, causes=causes, questions=(Question("carried", "end", 0.5),))


def test_a_common_cause_alone_is_one_line_that_fails():
    of_one_line = exact.answer(two_messages(Bearer("line", 6.0, 0.5)), "carried")
    of_two = exact.answer(
        two_messages(Bearer("line", causes=("storm",)), Bearer("radio", causes=("storm",)), causes=(Cause("storm", 6.0, 0.5),)),
        "carried",
    )
    assert of_two == pytest.approx(of_one_line, rel=1e-12)
    apart = exact.answer(two_messages(Bearer("line", 6.0, 0.5), Bearer("radio", 6.0, 0.5)), "carried")
    assert apart.probability < of_two.probability - 1e-3


def test_a_message_that_needs_two_parts_up_at_once():
    """Its own outages and a cause, both memoryless: at a stationary start the mean is that of each state's linear equations."""
    message = Stage(name="message", over="line", duration=Exponential(0.1))
    line, storm = Bearer("line", 6.0, 0.5, causes=("storm",)), Cause("storm", 2.0, 0.25)
    network = Network(stages=(message,), bearers=(line,), causes=(storm,), questions=(Question("carried", "message", 0.5),))
    a, b, c, d, m = 1 / 6.0, 1 / 0.5, 1 / 2.0, 1 / 0.25, 1 / 0.1  # to down, to up, of the line; of the storm; the message
    equations = np.array([  # of the mean times from: both up, line down, storm down, both down
        [a + c + m, -a, -c, 0.0], [-b, b + c, 0.0, -c], [-d, 0.0, a + d, -a], [0.0, -d, -b, b + d],
    ])  # fmt: skip
    p, q = b / (a + b), d / (c + d)
    start = np.array([p * q, (1 - p) * q, p * (1 - q), (1 - p) * (1 - q)])
    found = exact.answer(network, "carried")
    assert found.states == 4
    assert found.mean_s == pytest.approx(float(start @ np.linalg.solve(equations, np.ones(4))), rel=1e-12)


def test_a_cause_without_outages_changes_nothing():
    line = Bearer("line", 6.0, 0.5, causes=("never",))
    assert exact.answer(two_messages(line, causes=(Cause("never"),)), "carried") == exact.answer(
        two_messages(Bearer("line", 6.0, 0.5)), "carried"
    )


def test_what_cannot_touch_the_answer_may_be_of_any_kind():
    reference = model_r()
    beside = (
        Stage(name="apart", at="elsewhere", over=None, duration=Uniform(1.0, 2.0), factor="mood"),
        Stage(name="broadcast", over="radio", duration=Constant(60.0), after=("apart", "decision")),
    )
    wider = replace(
        reference,
        stages=(*beside, *reference.stages),
        posts=(Post("elsewhere", 1, shifts=(Shift(5.0, 0), Shift(10.0, 1))), *reference.posts),
        bearers=(Bearer("radio", cuts=(Span(0.0, 5.0),)), *reference.bearers),
        factors=(Factor("mood", 1.0),),
    )
    assert exact.answer(wider, "consulted") == pytest.approx(exact.answer(reference, "consulted"), rel=1e-12)


def test_what_waits_at_the_same_post_does_touch_the_answer():
    work = (Stage(name="mine", at="desk", duration=Exponential(1.0)), Stage(name="theirs", at="desk", duration=Exponential(1.0)))
    asked = (Question("done", "mine", 1.0),)
    one = exact.answer(Network(stages=work[::-1], posts=(Post("desk", 1),), questions=asked), "done")
    assert one.mean_s == pytest.approx(2.0)  # it is queued behind the other
    two = exact.answer(Network(stages=work[::-1], posts=(Post("desk", 2),), questions=asked), "done")
    assert two == pytest.approx(exact.Answer(1, 1.0, 1 - math.exp(-1.0)))
    mixed = (work[0], replace(work[1], duration=Uniform(1.0, 2.0)))
    with pytest.raises(Refused, match="'theirs' is uniform"):
        exact.answer(Network(stages=mixed, posts=(Post("desk", 1),), questions=asked), "done")
    assert exact.answer(Network(stages=mixed, posts=(Post("desk", 2),), questions=asked), "done").mean_s == pytest.approx(1.0)


def test_seats_that_change_are_refused_unless_there_is_always_one_for_everybody():
    work = all_at_once(*[Exponential(1.0)] * 3, seats=2)
    fewer = Post("desk", 2, shifts=(Shift(0.0, 2), Shift(5.0, 1)))
    away = Post("desk", 2, absences=(Absence(Span(1.0, 2.0), 1),))
    for post in (fewer, away):
        with pytest.raises(Refused, match="the seats of post 'desk' change"):
            exact.answer(replace(work, posts=(post,)), "done")
    plenty = Post("desk", 9, shifts=(Shift(0.0, 3), Shift(5.0, 4)), absences=(Absence(Span(1.0, 2.0), 3),))
    assert exact.answer(replace(work, posts=(plenty,)), "done").mean_s == pytest.approx(11 / 6)
    same = Post("desk", 9, shifts=(Shift(0.0, 2), Shift(5.0, 2)), absences=(Absence(Span(1.0, 2.0), 2),))
    assert exact.answer(replace(work, posts=(same,)), "done") == exact.answer(work, "done")


def test_scripted_outages_and_factors_are_refused_by_name():
    with pytest.raises(Refused, match="bearer 'line' is cut at set times"):
        exact.answer(two_messages(Bearer("line", cuts=(Span(1.0, 2.0),))), "carried")
    under = replace(alone(Exponential(1.0)), factors=(Factor("mood", 0.5),))
    under = replace(under, stages=(replace(under.stages[0], factor="mood"),))
    with pytest.raises(Refused, match="'only' is under the factor 'mood'"):
        exact.answer(under, "done")


def test_no_time_over_a_line_that_may_be_down_is_refused():
    network = two_messages(Bearer("line", 6.0, 0.5))
    stages = (replace(network.stages[0], duration=Constant(0.0)), *network.stages[1:])
    with pytest.raises(Refused, match="'one' takes no time over a bearer that may be down"):
        exact.answer(replace(network, stages=stages), "carried")
