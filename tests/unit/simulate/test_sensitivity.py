"""What an answer hangs on: known indices, exact and sampled evaluations alike, and refusals of what cannot be varied."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from katchi.errors import Malformed
from katchi.exercise.scenario import Text, Uncertain
from katchi.network.durations import Constant, Exponential, Lognormal
from katchi.network.model import Alternative, Bearer, Network, Post, Question, Shift, Stage
from katchi.simulate import evaluation, exact
from katchi.simulate.sensitivity import assumed_inputs, inputs_of, sensitivity, valued
from katchi.simulate.sobol import shares
from katchi.simulate.varied import varied
from katchi.testing.networks import H, alone, in_series, model_r


def uncertain(kind, of, what, low, high):
    return Uncertain(name=f"{of} {what}", about=Text(), kind=kind, of=of, what=what, low=low, high=high)


def half_around(of, mean):
    return uncertain("stages", of, "mean", 0.5 * mean, 1.5 * mean)


ONE_PRINCIPAL = {"principal-a": "principal", "principal-b": "principal"}
R = replace(
    model_r(), stages=tuple(replace(stage, group=ONE_PRINCIPAL.get(stage.name, stage.group)) for stage in model_r().stages)
)
R_INPUTS = (
    half_around("prepare", 0.75 * H),
    half_around("study", 1.0 * H),
    uncertain("posts", "staff-a", "seats", 1, 3),
    uncertain("posts", "staff-b", "seats", 1, 3),
    half_around("principal", 0.5 * H),
    half_around("send", 0.1 * H),
    uncertain("bearers", "line", "up", 3 * H, 9 * H),
    uncertain("bearers", "line", "down", 0.25 * H, 0.75 * H),
)


def totals(found):
    return {one.input.name: one.probability.total.value for one in found.influences}


def test_ishigami():
    def ishigami(units):
        x = (2 * units - 1) * math.pi
        return (np.sin(x[0]) + 7 * np.sin(x[1]) ** 2 + 0.1 * x[2] ** 4 * np.sin(x[0]))[None]

    first = 0.5 * (1 + 0.1 * math.pi**4 / 5) ** 2
    second, both = 7**2 / 8, 0.1**2 * math.pi**8 * (1 / 18 - 1 / 50)
    variance = first + second + both
    found = shares(ishigami, 3, 1 << 14, 7)
    assert (first / variance, second / variance) == pytest.approx((0.3139, 0.4424), abs=5e-5)
    assert found.first[0] == pytest.approx([first / variance, second / variance, 0.0], abs=3e-3)
    assert found.total[0] == pytest.approx([(first + both) / variance, second / variance, both / variance], abs=3e-3)
    assert found.sd[0] == pytest.approx(math.sqrt(variance), rel=1e-3)
    for interval, values in ((found.first_interval, found.first), (found.total_interval, found.total)):
        assert (interval[0] <= values).all() and (values <= interval[1]).all() and (interval[1] - interval[0] < 0.06).all()


def test_what_does_not_vary_has_no_share():
    found = shares(lambda units: np.stack([units[0], np.ones(units.shape[1])]), 2, 64, 1)
    assert found.first[1].tolist() == found.total[1].tolist() == [0.0, 0.0]
    assert found.total[0, 1] == 0.0 and found.total_interval[:, 0, 1].tolist() == [0.0, 0.0]
    assert found.total[0, 0] == pytest.approx(1.0, abs=0.05)


def test_the_reference_model_hangs_on_what_the_prototype_found():
    """Over ranges of half around every mean and 1 to 3 seats: the order and rough size of figures measured apart."""
    found = sensitivity(R, R_INPUTS, seed=7, samples=256)
    assert (found.exact, found.engine, found.runs, found.points, found.assumed) == (True, "exact", 0, 2_560, False)
    assert [one.input.name for one in found.influences][:5] == [
        "study mean", "prepare mean", "staff-a seats", "staff-b seats", "principal mean",
    ]  # fmt: skip
    known = {"study mean": 0.44, "prepare mean": 0.21, "staff-a seats": 0.18, "staff-b seats": 0.15, "principal mean": 0.05}
    assert {name: share for name, share in totals(found).items() if name in known} == pytest.approx(known, abs=0.05)
    assert max(totals(found)[name] for name in ("send mean", "line up", "line down")) < 0.005
    assert found.probability == pytest.approx(0.8322264980, abs=1e-9)
    assert found.mean_s == pytest.approx(4.54560500 * H, rel=1e-8)
    for one in found.influences:
        low, high = one.probability.total.interval
        assert low < one.probability.total.value < high
        assert one.mean is not None and one.probability.first.value <= one.probability.total.value + 0.02


def test_swings_are_the_answers_at_the_ends_with_the_others_as_they_are():
    found = sensitivity(R, R_INPUTS, seed=7, samples=2)
    by_name = {one.input.name: one for one in found.influences}
    for given in R_INPUTS:
        one = by_name[given.name]
        low, high = (
            exact.answer(varied(R, {(given.kind, given.of, given.what): end}), "consulted") for end in (given.low, given.high)
        )
        assert (one.swing_probability.at_low, one.swing_probability.at_high) == pytest.approx((low.probability, high.probability))
        assert (one.swing_mean_s.at_low, one.swing_mean_s.at_high) == pytest.approx((low.mean_s, high.mean_s))
    assert by_name["staff-a seats"].input.now == 2 and by_name["study mean"].input.now == H


def test_sampled_evaluations_find_the_same_as_exact_ones():
    solved, played = (
        sensitivity(R, R_INPUTS, seed=7, samples=128, runs=2_000, with_exact=with_exact) for with_exact in (True, False)
    )
    assert (played.exact, played.engine, played.runs) == (False, "kernel", 2_000)
    assert totals(played) == pytest.approx(totals(solved), abs=0.03)
    assert played.probability == pytest.approx(solved.probability, abs=0.03)


@pytest.mark.parametrize("threads", [2, 3])
def test_any_number_of_threads_gives_the_same_bytes(threads):
    one, other = (
        sensitivity(R, R_INPUTS, seed=5, samples=8, runs=300, with_exact=False, threads=number) for number in (1, threads)
    )
    assert msgspec.json.encode(one) == msgspec.json.encode(other)


def test_the_same_seed_gives_the_same_answer_and_another_does_not():
    one, again, other = (sensitivity(R, R_INPUTS[:3], seed=seed, samples=16) for seed in (5, 5, 6))
    assert one == again
    assert totals(one) != totals(other)


def test_without_uncertain_inputs_every_mean_that_can_touch_the_answer_is_varied_by_half():
    apart = Stage(name="apart", over="radio", duration=Exponential(5.0))
    event = Stage(name="inject.event", duration=Constant(600.0))
    *others, decision = R.stages
    decision = replace(decision, after=(*decision.after, event.name))
    wider = replace(R, stages=(*others, decision, apart, event), bearers=(*R.bearers, Bearer("radio", 5.0, 5.0)))
    found = sensitivity(wider, [], seed=7, samples=2, runs=50)
    assert found.assumed
    assert {one.input.name for one in found.influences} == {
        "prepare", "send", "study", "return", "principal", "decision", "line up", "line down",
    }  # fmt: skip
    study = next(one.input for one in found.influences if one.input.name == "study")
    assert (study.low, study.now, study.high) == (0.5 * H, H, 1.5 * H)
    with pytest.raises(Malformed, match="nothing in the network takes time"):
        assumed_inputs(alone(Constant(0.0)))


def test_other_laws_are_sampled_and_the_answer_says_why():
    network = in_series(Lognormal(1.0, 0.5), Exponential(1.0), by_s=2.0)
    found = sensitivity(network, [], seed=7, samples=64, runs=500)
    assert (found.exact, found.engine, found.runs) == (False, "kernel", 500)
    assert "'s0' is lognormal" in str(found.without_exact)
    assert totals(found)["s1"] > 0.1 and totals(found)["s0"] > 0.1


def test_what_takes_too_long_to_solve_at_every_point_is_sampled(monkeypatch):
    monkeypatch.setattr(evaluation, "EFFORT_S_MAX", 0.0)
    found = sensitivity(R, R_INPUTS[:1], seed=7, samples=2, runs=50)
    assert "states take too long" in str(found.without_exact) and not found.exact


def test_a_question_that_may_never_be_answered_has_no_mean():
    stages = (
        Stage(name="ask", duration=Exponential(60.0), alternatives=(Alternative(0.5, ("answer",)), Alternative(0.5, ()))),
        Stage(name="answer", duration=Exponential(60.0)),
    )
    network = Network(stages=stages, questions=(Question("answered", "answer", 100.0),))
    for with_exact in (True, False):
        found = sensitivity(network, [], seed=1, samples=16, runs=200, with_exact=with_exact)
        assert found.mean_s is None and found.mean_sd_s is None
        assert all(one.mean is None and one.swing_mean_s.at_low is None for one in found.influences)
        assert sum(totals(found).values()) > 0.5


def test_outages_that_may_be_none_at_all_are_another_structure():
    """At down = 0 the line never fails: the swing's low end is the model without outages."""
    found = sensitivity(R, [uncertain("bearers", "line", "down", 0.0, H)], seed=1, samples=2)
    (one,) = found.influences
    assert one.swing_probability.at_low == pytest.approx(0.8480706053, abs=1e-10)
    assert one.swing_probability.at_high < found.probability < one.swing_probability.at_low


def test_outages_that_the_file_has_not_can_be_varied():
    still = replace(R, bearers=(Bearer("line"),))
    ranges = [uncertain("bearers", "line", "up", 6 * H, 6 * H), uncertain("bearers", "line", "down", 0.5 * H, 0.5 * H)]
    for with_exact in (True, False):
        found = sensitivity(still, ranges, seed=1, samples=2, runs=500, with_exact=with_exact)
        assert found.probability_sd == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("with_exact", [True, False])
def test_the_points_of_one_structure_are_those_of_the_varied_network(with_exact):
    """Whichever point came first, each is answered as the network with its values alone would be."""
    still, question = replace(R, bearers=(Bearer("line"),)), R.questions[0]
    keys = [("bearers", "line", "up"), ("bearers", "line", "down"), ("posts", "staff-a", "seats"), ("stages", "study", "mean")]
    points = [(6 * H, 0.5 * H, 2, H), (3 * H, H, 1, 2 * H), (3 * H, 0.0, 3, H), (9 * H, 0.1 * H, 2, 3 * H)]
    for network in (R, still):
        if with_exact:
            shared = evaluation.Exactly(network, question, keys)
        else:
            shared = evaluation.Sampled(network, question, keys, 3, 400)
        for point in points:
            values = dict(zip(keys, point, strict=True))
            if with_exact:
                anew = exact.answer(varied(network, values), "consulted")
                assert shared(values) == pytest.approx((anew.probability, anew.mean_s))
            else:
                alone_ = evaluation.Sampled(varied(network, values), question, (), 3, 400)
                assert shared(values) == pytest.approx(alone_({}))


def test_seats_are_whole_numbers_each_as_likely():
    (seats,) = inputs_of(R, [uncertain("posts", "staff-a", "seats", 1, 3)])
    values = [valued(seats, unit) for unit in np.linspace(0, 1, 3_001)]
    assert {value: values.count(value) for value in values} == {1: 1_000, 2: 1_000, 3: 1_001}
    (mean,) = inputs_of(R, [half_around("study", H)])
    assert [valued(mean, unit) for unit in (0.0, 0.25, 1.0)] == [0.5 * H, 0.75 * H, 1.5 * H]


def test_progress_counts_the_points():
    told = []
    sensitivity(R, R_INPUTS[:2], seed=1, samples=4, progress=lambda done, of: told.append((done, of)))
    assert told == [(done, 16) for done in range(1, 17)]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ((uncertain("stages", "nap", "mean", 1, 2),), "nothing named 'stages.nap'"),
        ((half_around("study", H), half_around("study", H)), "'study' is varied twice"),
        ((uncertain("stages", "study", "mean", 2, 1),), "ends before it begins"),
        ((uncertain("stages", "study", "mean", 0, 1),), "a duration that cannot be"),
        ((uncertain("posts", "staff-a", "seats", 0, 2),), "0 seats"),
        ((uncertain("bearers", "line", "up", 0, 2),), "must be up for some time"),
    ],
)
def test_what_cannot_be_varied_is_refused(bad, said):
    with pytest.raises(Malformed, match=said):
        sensitivity(R, bad, seed=1, samples=2)


def test_the_seats_of_a_post_with_shifts_are_not_one_number():
    shifts = replace(R, posts=(Post("staff-a", 2, shifts=(Shift(0.0, 1), Shift(5.0, 2))), R.posts[1]))
    with pytest.raises(Malformed, match="'staff-a' has shifts"):
        sensitivity(shifts, [uncertain("posts", "staff-a", "seats", 1, 3)], seed=1, samples=2)


@pytest.mark.parametrize("bad", [{"samples": 3}, {"samples": 1}, {"runs": 0}, {"threads": 0}, {"seed": -1}])
def test_numbers_out_of_range_are_refused(bad):
    with pytest.raises(Malformed, match="power of 2"):
        sensitivity(R, R_INPUTS, **{"seed": 1, **bad})
