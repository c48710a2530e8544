"""A network that could not be played is refused, with the field at fault and a fix."""

from __future__ import annotations

import math

import pytest

from katchi.errors import Malformed
from katchi.network.durations import Constant, Empirical, Erlang, Exponential, Lognormal, Pert, Triangular, Uniform
from katchi.network.model import Alternative, Bearer, Network, Post, Question, Stage

ONE = Constant(1.0)


def network(*stages, asked="a", by_s=1.0, **rest):
    return Network(stages=stages, questions=(Question("q", asked, by_s),), **rest)


def test_a_cycle_is_named():
    with pytest.raises(Malformed, match="'a' waits for itself: a after c after b after a") as refused:
        network(
            Stage(name="start", duration=ONE),
            Stage(name="a", duration=ONE, after=("start", "c")),
            Stage(name="b", duration=ONE, after=("a",)),
            Stage(name="c", duration=ONE, after=("b",)),
        )
    assert refused.value.field == "stages.a.after"


def test_a_stage_that_waits_for_alternatives_that_exclude_each_other_is_named():
    chooser = Stage(name="a", duration=ONE, alternatives=(Alternative(0.5, ("b",)), Alternative(0.5, ("c",))))
    branches = (Stage(name="b", duration=ONE), Stage(name="c", duration=ONE))
    with pytest.raises(Malformed, match="'d' can never begin") as refused:
        network(chooser, *branches, Stage(name="d", duration=ONE, after=("b", "c")))
    assert "join" in refused.value.hint
    network(chooser, *branches, Stage(name="d", duration=ONE, after=("b", "c"), join="any"))


BAD = {
    "posts.p.seats": lambda: network(Stage(name="a", duration=ONE, at="p"), posts=(Post("p", 0),)),
    "posts.p": lambda: network(Stage(name="a", duration=ONE, at="p"), posts=(Post("p", 1), Post("p", 2))),
    "bearers.b.up": lambda: network(Stage(name="a", duration=ONE, over="b"), bearers=(Bearer("b", 0.0, 1.0),)),
    "stages.a.at": lambda: network(Stage(name="a", duration=ONE, at="nobody")),
    "stages.a.over": lambda: network(
        Stage(name="a", duration=ONE, at="p", over="b"), posts=(Post("p", 1),), bearers=(Bearer("b"),)
    ),
    "stages.a.after": lambda: network(Stage(name="a", duration=ONE, after=("b",))),
    "stages.b.after": lambda: network(Stage(name="a", duration=ONE), Stage(name="b", duration=ONE, after=("a", "a"))),
    "stages.a.then": lambda: network(Stage(name="a", duration=ONE, alternatives=(Alternative(0.9, ()),))),
    "stages": lambda: Network(stages=(), questions=(Question("q", "a", 1.0),)),
    "questions": lambda: Network(stages=(Stage(name="a", duration=ONE),), questions=()),
    "questions.q.stage": lambda: network(Stage(name="a", duration=ONE), asked="b"),
    "questions.q.by": lambda: network(Stage(name="a", duration=ONE), by_s=0.0),
}


@pytest.mark.parametrize("field", BAD)
def test_a_network_that_could_not_be_played_is_refused_at_the_field(field):
    with pytest.raises(Malformed) as refused:
        BAD[field]()
    assert refused.value.field == field
    assert refused.value.hint


@pytest.mark.parametrize("p", [1.2, -0.1, math.nan])
def test_a_probability_beyond_its_range_is_refused(p):
    with pytest.raises(Malformed, match="not between 0 and 1"):
        network(Stage(name="a", duration=ONE, alternatives=(Alternative(p, ()), Alternative(1 - p, ()))))


@pytest.mark.parametrize(
    "duration",
    [
        Constant(-1.0), Constant(math.inf), Exponential(0.0), Exponential(math.nan), Erlang(1.0, 0), Erlang(1.0, 1_000),
        Lognormal(0.0, 1.0), Lognormal(1.0, 0.0), Uniform(2.0, 1.0), Triangular(1.0, 0.5, 2.0), Pert(1.0, 1.0, 1.0),
        Empirical(()), Empirical((1.0, -1.0)),
    ],
)  # fmt: skip
def test_a_duration_that_cannot_be_is_refused(duration):
    with pytest.raises(Malformed, match="cannot be"):
        network(Stage(name="a", duration=duration))


def test_an_alternative_of_no_chance_leads_nowhere():
    with pytest.raises(Malformed, match="'b' can never begin"):
        network(
            Stage(name="a", duration=ONE, alternatives=(Alternative(1.0, ()), Alternative(0.0, ("b",)))),
            Stage(name="b", duration=ONE),
        )
