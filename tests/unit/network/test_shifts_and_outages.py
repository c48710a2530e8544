"""Shifts, absences, scripted and common outages, factors, and networks that are compared: against hand computation."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from katchi.errors import Malformed
from katchi.network import chance
from katchi.network.arrays import compiled
from katchi.network.durations import Constant, Exponential, Lognormal
from katchi.network.interpreter import Interpreter
from katchi.network.kernel import tally_of, times_at, times_of
from katchi.network.model import (
    Absence,
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
from katchi.testing.networks import model_r, random_network

H = 3_600.0


def hours_of(network, run=0):
    """When each question's stage finished in one run, by kernel and interpreter alike."""
    arrays = compiled(network)
    times = times_of(arrays, 1, run, 1)[0]
    played = Interpreter(arrays).run(1, run)
    assert [played.finished[stage] for stage in arrays.asked] == list(times)
    return [time / H for time in times]


def at_a_desk(post, *hours):
    stages = tuple(Stage(name=f"s{i}", at="desk", duration=Constant(length * H)) for i, length in enumerate(hours))
    return Network(stages=stages, posts=(post,), questions=tuple(Question(stage.name, stage.name, H) for stage in stages))


def over_a_line(bearer, hours, causes=(), after=0.0):
    stages = (
        Stage(name="before", duration=Constant(after * H)),
        Stage(name="send", over="line", duration=Constant(hours * H), after=("before",)),
    )
    return Network(stages=stages, bearers=(bearer,), causes=causes, questions=(Question("sent", "send", H),))


def test_work_waits_for_the_shift_that_gives_it_a_seat():
    post = Post("desk", 1, shifts=(Shift(0.5 * H, 0), Shift(5 * H, 1)))
    assert hours_of(at_a_desk(post, 1, 1)) == [1.0, 6.0]  # what has begun goes on; the other waits from 1 h to 5 h


def test_a_shift_with_more_seats_begins_as_many_at_once():
    post = Post("desk", 0, shifts=(Shift(2 * H, 2), Shift(3 * H, 3)))
    assert hours_of(at_a_desk(post, 2, 2, 2)) == [4.0, 4.0, 5.0]


def test_shifts_repeat():
    post = Post("desk", 0, shifts=(Shift(8 * H, 1), Shift(9 * H, 0)), repeat_s=24 * H)
    assert hours_of(at_a_desk(post, 1.5, 1, 1)) == [9.5, 33.0, 57.0]  # at 33 h the seat goes just before it is free


def test_an_absence_takes_seats_away_for_a_while():
    post = Post("desk", 2, absences=(Absence(Span(1 * H, 4 * H), 0),))
    assert hours_of(at_a_desk(post, 1, 1.5, 1, 1)) == [1.0, 1.5, 5.0, 5.0]


def test_work_that_no_shift_will_ever_take_is_never_finished():
    post = Post("desk", 1, shifts=(Shift(0.5 * H, 0),))
    assert hours_of(at_a_desk(post, 1, 1)) == [1.0, math.inf]


def test_the_wait_for_a_shift_is_on_the_critical_chain_as_the_posts_own():
    network = at_a_desk(Post("desk", 0, shifts=(Shift(5 * H, 1),)), 1)
    tally = tally_of(compiled(network), 1, 0, 10)
    assert tally.place_time[0] == pytest.approx(10 * 6 * H)
    assert tally.outage_time[0] == pytest.approx(10 * 5 * H)


def test_a_transmission_resumes_after_a_scripted_outage():
    line = Bearer("line", cuts=(Span(0.5 * H, 1.5 * H), Span(1.75 * H, 2 * H)))
    assert hours_of(over_a_line(line, 1)) == [2.25]
    assert hours_of(over_a_line(line, 1, after=1)) == [2.75]
    assert hours_of(over_a_line(line, 1, after=3)) == [4.0]


def test_a_common_cause_takes_down_every_bearer_that_names_it():
    stages = tuple(Stage(name=way, over=way, duration=Exponential(0.1 * H)) for way in ("one", "two"))
    cause = Cause("power", 2 * H, 1 * H)
    network = Network(
        stages=stages,
        bearers=(Bearer("one", causes=("power",)), Bearer("two", causes=("power",))),
        causes=(cause,),
        questions=(Question("one", "one", H), Question("two", "two", H)),
    )
    times = times_of(compiled(network), 1, 0, 100_000) / H
    # Each alone is a message over an alternating link: E = m (1 + r/U) + (1 - A) r.
    expected = 0.1 * 1.5 + (1 / 3) * 1.0
    assert times.mean(axis=0) == pytest.approx([expected, expected], abs=4 * times.std() / math.sqrt(100_000))
    alone = Network(stages=stages, bearers=(Bearer("one", 2 * H, H), Bearer("two", 2 * H, H)), questions=network.questions)
    apart = times_of(compiled(alone), 1, 0, 100_000)
    assert np.corrcoef(times.T)[0, 1] > 0.5 > abs(np.corrcoef(apart.T)[0, 1]) * 10


def test_a_bearer_with_a_cause_is_up_as_long_as_both_are():
    line = Bearer("line", 3 * H, 1 * H, causes=("power",))
    network = over_a_line(line, 1e-9, causes=(Cause("power", 2 * H, 1 * H),), after=50)
    times = times_of(compiled(network), 1, 0, 200_000)[:, 0] / H
    is_up = (times < 50 + 1e-6).mean()
    assert is_up == pytest.approx(0.75 * 2 / 3, abs=4 * math.sqrt(0.25 / 200_000))


def test_a_factor_slows_all_its_stages_alike_and_leaves_their_mean():
    stages = tuple(
        Stage(name=name, duration=Constant(H), factor="day", after=after) for name, after in (("a", ()), ("b", ("a",)))
    )
    network = Network(stages=stages, factors=(Factor("day", 0.5),), questions=(Question("done", "b", 2 * H),))
    tally = tally_of(compiled(network), 1, 0, 400_000)
    spread = 2 * math.sqrt(math.expm1(0.25))
    assert tally.total[0] / 400_000 / H == pytest.approx(2.0, abs=4 * spread / math.sqrt(400_000))
    assert tally.hits[0] / 400_000 == pytest.approx(NormalDist().cdf(0.25), abs=4 * math.sqrt(0.25 / 400_000))


def test_networks_compiled_beside_each_other_draw_the_same_for_what_they_share():
    one = model_r()
    other = Network(
        stages=tuple(
            Stage(name=stage.name, duration=Lognormal(600.0, 0.5), after=stage.after) if stage.name == "principal-a" else stage
            for stage in one.stages
        ),
        posts=one.posts,
        bearers=(Bearer("new", H, H), *one.bearers),
        questions=(Question("ready", "return.1", H),),
    )
    first, second = compiled(one, beside=(other,)), compiled(other, beside=(one,))
    early = Network(stages=one.stages, posts=one.posts, bearers=one.bearers, questions=other.questions)
    assert times_of(compiled(early, beside=(other,)), 3, 0, 500).tobytes() == times_of(second, 3, 0, 500).tobytes()
    assert first.sizes[0] == second.sizes[0]


def points_of_chance(arrays, seed, runs, each):
    """The numbers that chance would have drawn, the first `each` of every switch."""
    points = np.empty((runs, arrays.sizes[0] + each * len(arrays.stream)))
    for run in range(runs):
        key = chance.key_of(seed, run)
        streams = [(chance.Stream(key, 0), arrays.sizes[0]), *((chance.Stream(key, int(n)), each) for n in arrays.stream)]
        points[run] = [stream.uniform() for stream, count in streams for _ in range(count)]
    return points


def test_given_numbers_are_played_instead_of_chance():
    for network in (model_r(), random_network(4), random_network(11)):
        arrays = compiled(network)
        points = points_of_chance(arrays, 9, 30, 6)
        played = times_at(arrays, points)
        in_python = [Interpreter(arrays).run(0, run, list(points[run])).finished for run in range(30)]
        assert played.tolist() == [[finished[stage] for stage in arrays.asked] for finished in in_python]
    played = times_at(compiled(model_r()), points_of_chance(compiled(model_r()), 9, 30, 20))
    assert played.tobytes() == times_of(compiled(model_r()), 9, 0, 30).tobytes()


@pytest.mark.parametrize(
    ("post", "field"),
    [
        (Post("desk", 0), "posts.desk.seats"),
        (Post("desk", 1, shifts=(Shift(0.0, 0),)), "posts.desk.seats"),
        (Post("desk", 1, shifts=(Shift(5.0, 1), Shift(5.0, 2))), "posts.desk.shifts"),
        (Post("desk", 1, shifts=(Shift(0.0, 1), Shift(9.0, 2)), repeat_s=9.0), "posts.desk.repeat"),
        (Post("desk", 1, absences=(Absence(Span(9.0, 9.0), 0),)), "posts.desk"),
    ],
)
def test_posts_that_cannot_be_are_refused(post, field):
    with pytest.raises(Malformed) as refused:
        at_a_desk(post, 1)
    assert refused.value.field == field
    assert refused.value.hint


@pytest.mark.parametrize(
    ("bearer", "field"),
    [
        (Bearer("line", causes=("storm",)), "bearers.line.causes"),
        (Bearer("line", cuts=(Span(1.0, 5.0), Span(4.0, 6.0))), "bearers.line"),
        (Bearer("line", -1.0, 5.0), "bearers.line.up"),
    ],
)
def test_bearers_that_cannot_be_are_refused(bearer, field):
    with pytest.raises(Malformed) as refused:
        over_a_line(bearer, 1)
    assert refused.value.field == field
    assert refused.value.hint
