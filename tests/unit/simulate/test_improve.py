"""Changes ranked: each gain near the exact one, the same chance in all variants, the same bytes on any number of threads."""

from __future__ import annotations

import math
import sys

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from katchi.errors import Malformed
from katchi.exercise.scenario import Change, Text
from katchi.network.durations import Constant, Exponential, Lognormal
from katchi.network.kernel import times_of
from katchi.network.model import Alternative, Bearer, Network, Post, Question, Stage
from katchi.simulate import exact, pairing, until
from katchi.simulate.improve import improve
from katchi.simulate.interval import paired
from katchi.testing.networks import H, alone, model_r

R = model_r()
SEAT_A = replace(R, posts=(Post("staff-a", 3), Post("staff-b", 2)))
SEAT_B = replace(R, posts=(Post("staff-a", 2), Post("staff-b", 3)))
LINE = model_r(outages=False)
Z = 4.5  # standard errors


def change(name, network):
    return Change(name=name, about=Text(en=f"as if {name}"), network=network)


CHANGES = (change("seat-b", SEAT_B), change("seat-a", SEAT_A), change("line", LINE))


def as_bytes(found):
    return msgspec.json.encode(found, enc_hook=str)


def test_gains_lie_near_the_exact_ones_and_are_ranked_by_them():
    found = improve(R, CHANGES, seed=7, runs=200_000, threads=2)
    assert [one.name for one in found.changes] == ["seat-a", "line", "seat-b"]
    for one in found.changes:
        gained = one.questions["consulted"]
        for gain in (gained.points, gained.minutes):
            low, high = gain.interval
            assert abs(gain.value - gain.exact) < Z * gain.se
            assert high - low == pytest.approx(2 * 1.96 * gain.se, rel=0.01) and low < gain.value < high
    exact = {one.name: one.questions["consulted"].points.exact for one in found.changes}
    assert exact["line"] == pytest.approx(84.80706053 - 83.22264980, abs=1e-7)
    minutes = {one.name: one.questions["consulted"].minutes.exact for one in found.changes}
    assert minutes["line"] == pytest.approx(60 * (4.54560500 - 4.44965551), abs=1e-6)
    asked = found.questions["consulted"]
    assert asked.interval[0] < asked.exact < asked.interval[1]
    assert asked.mean_s == pytest.approx(asked.mean_exact_s, rel=0.005)


def test_the_same_chance_in_both_makes_a_gain_far_sharper_than_two_sweeps_do():
    runs = 100_000
    found = improve(R, [change("seat-b", SEAT_B)], seed=7, runs=runs, with_exact=False)
    (one,) = found.changes
    p, gained = found.questions["consulted"].probability, one.questions["consulted"]
    apart = 100 * math.sqrt(2 * p * (1 - p) / runs)
    assert gained.points.se < apart / 5
    assert one.without_exact is None and gained.points.exact is None and gained.exact is None


def test_a_stage_that_a_change_adds_takes_no_chance_from_the_others():
    """What is added before, beside or after leaves every run of the rest as it was."""
    for place in (0, 6, len(R.stages)):
        note = Stage(name="note", duration=Exponential(10.0))
        added = replace(R, stages=(*R.stages[:place], note, *R.stages[place:]))
        added = replace(added, bearers=(Bearer("radio", 50.0, 50.0), *R.bearers), posts=(Post("clerk", 1), *R.posts))
        (one,) = improve(R, [change("note", added)], seed=7, runs=5_000, with_exact=False).changes
        assert not one.differs


def test_a_change_that_makes_no_difference_says_so_and_claims_no_more_than_it_knows():
    found = improve(R, [change("nothing", R), *CHANGES[:1]], seed=7, runs=10_000)
    last = found.changes[-1]
    assert (last.name, last.differs, found.changes[0].differs) == ("nothing", False, True)
    gained = last.questions["consulted"]
    assert (gained.points.value, gained.points.exact, gained.differs) == (0.0, 0.0, 0)
    low, high = gained.points.interval
    assert low == -high and 0.01 < high < 0.05  # ten thousand runs do not show that nothing ever differs


@pytest.mark.parametrize("threads", [2, 5])
def test_any_number_of_threads_gives_the_same_bytes(threads):
    for asked in ({"runs": 5 * pairing.PIECE + 17}, {"within": 0.4}):
        one = improve(R, CHANGES, seed=3, with_exact=False, **asked)
        assert as_bytes(improve(R, CHANGES, seed=3, with_exact=False, threads=threads, **asked)) == as_bytes(one)


def test_the_interpreter_gives_the_same_answer_where_numba_is_missing(monkeypatch):
    found = improve(R, CHANGES[:1], seed=7, runs=600)
    monkeypatch.setattr(pairing, "player", lambda: (pairing.interpreted, "interpreter"))
    monkeypatch.setattr(sys.modules["katchi.simulate.improve"], "player", pairing.player)
    slow = improve(R, CHANGES[:1], seed=7, runs=600)
    assert slow.engine == "interpreter"
    assert replace(slow, engine="kernel") == found


def test_runs_go_on_until_every_gain_is_as_sharp_as_asked_for():
    found = improve(R, CHANGES, seed=7, within=0.1, with_exact=False)
    widths = [(high - low) / 2 for low, high in (one.questions["consulted"].points.interval for one in found.changes)]
    assert found.reached and max(widths) <= 0.1
    assert found.runs in set(until.looks())
    half = improve(R, CHANGES, seed=7, runs=found.runs // 2, with_exact=False)
    assert max((high - low) / 2 for low, high in (one.questions["consulted"].points.interval for one in half.changes)) > 0.1


def test_runs_end_at_the_most_there_may_be():
    found = improve(R, CHANGES, seed=7, within=0.001, runs=10_000, with_exact=False)
    assert (found.runs, found.reached, found.within) == (10_000, False, 0.001)


def test_progress_is_told_in_order_and_memory_does_not_grow(monkeypatch):
    told, asked = [], []

    def watched(arrays, seed, first, count):
        asked.append(count)
        return times_of(arrays, seed, first, count)

    monkeypatch.setattr(sys.modules["katchi.simulate.improve"], "player", lambda: (watched, "kernel"))
    improve(R, CHANGES[:1], seed=7, runs=3 * pairing.PIECE + 1, progress=lambda done, of: told.append((done, of)), threads=2)
    total = 3 * pairing.PIECE + 1
    assert told == [(pairing.PIECE, total), (2 * pairing.PIECE, total), (3 * pairing.PIECE, total), (total, total)]
    assert max(asked) == pairing.PIECE


def test_intervals_of_the_difference_cover():
    """Of 1,000 intervals of 400 runs each, 95 % contain the exact gain."""
    arrays = pairing.side_by_side(R, [LINE]).arrays
    was, now = (times_of(one, 12, 0, 400_000)[:, 0].reshape(1_000, 400) <= 6 * H for one in arrays)
    gained, lost = (now & ~was).sum(axis=1), (was & ~now).sum(axis=1)
    exact = 0.8480706053 - 0.8322264980
    intervals = [paired(int(up), int(down), 400) for up, down in zip(gained, lost, strict=True)]
    assert 930 <= sum(low <= exact <= high for low, high in intervals) <= 985


def test_the_paired_interval_by_hand():
    low, high = paired(12, 2, 98)
    half = 1.959963984540054 * math.sqrt((0.13 + 0.03 - 0.01) / 100)
    assert (low, high) == pytest.approx((0.1 - half, 0.1 + half))
    assert paired(0, 0, 10**6)[0] < 0 < paired(0, 0, 10**6)[1]


def test_another_deadline_is_a_change_too():
    later = replace(R, questions=(replace(R.questions[0], by_s=7 * H),))
    (one,) = improve(R, [change("later", later)], seed=7, runs=50_000).changes
    gained = one.questions["consulted"]
    assert gained.points.exact > 5 and abs(gained.points.value - gained.points.exact) < Z * gained.points.se
    assert gained.minutes.value == 0.0 and one.differs  # the answer does, if not the time


def test_what_has_no_exact_answer_says_why_and_no_change_of_it_is_solved(monkeypatch):
    network, tried = alone(Lognormal(1.0, 0.5)), []

    def answered(one, question):
        tried.append(one)
        return answer(one, question)

    answer = exact.answer
    monkeypatch.setattr(exact, "answer", answered)
    (one,) = improve(network, [change("quick", alone(Lognormal(0.5, 0.5)))], seed=7, runs=10_000).changes
    gained = one.questions["done"]
    assert tried == [network]
    assert "lognormal" in str(one.without_exact)
    assert gained.points.exact is None and gained.minutes.exact is None
    assert gained.points.value == pytest.approx(100 * (0.91720 - 0.5), abs=2.5)  # Phi(ln 2 / 0.5) - 1/2
    assert gained.minutes.value * 60 == pytest.approx(0.5 * math.exp(0.125), rel=0.02)


def test_time_is_compared_over_the_runs_that_finish_with_and_without():
    def asked(chance_of_answer):
        stages = (
            Stage(name="ask", duration=Constant(60.0), alternatives=(
                Alternative(chance_of_answer, ("answer",)), Alternative(1 - chance_of_answer, ()))),
            Stage(name="answer", duration=Constant(120.0 * chance_of_answer)),
        )  # fmt: skip
        return Network(stages=stages, questions=(Question("answered", "answer", 600.0),))

    (one,) = improve(asked(0.5), [change("more", asked(0.75))], seed=7, runs=20_000).changes
    gained = one.questions["answered"]
    assert gained.minutes.value == pytest.approx(-0.5)  # 90 s instead of 60 s, in every run that has both
    assert gained.minutes.se == pytest.approx(0.0, abs=1e-6)
    assert gained.points.value == pytest.approx(25.0, abs=1.5)


def test_a_question_that_a_change_drops_is_left_out():
    second = Question("drafted", "study.1", 3 * H)
    both = replace(R, questions=(*R.questions, second))
    found = improve(both, [change("one", replace(R, questions=(second,))), change("same", both)], seed=7, runs=2_000)
    assert [(one.name, set(one.questions)) for one in found.changes] == [
        ("same", {"consulted", "drafted"}), ("one", {"drafted"}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "bad",
    [{"runs": 0}, {"threads": 0}, {"seed": -1}, {"within": 0.0}, {"within": 50.0}],
)
def test_what_cannot_be_is_refused(bad):
    with pytest.raises(Malformed):
        improve(R, CHANGES, **{"seed": 1, **bad})


def test_no_change_to_compare_is_refused():
    with pytest.raises(Malformed, match="names no change"):
        improve(R, [], seed=1)


def test_sums_of_pieces_are_those_of_all_runs_at_once():
    variants = pairing.side_by_side(R, [SEAT_A])
    total, runs = pairing.no_sums(variants), 2 * pairing.PIECE + 100
    for _, piece in pairing.pieces(times_of, variants, 5, 0, runs, 1):
        pairing.add(total, piece)
    was, now = (times_of(one, 5, 0, runs)[:, 0] for one in variants.arrays)
    minutes = (was - now) / 60
    assert total.gained[1, 0] == ((now <= 6 * H) & (was > 6 * H)).sum()
    assert total.lost[1, 0] == ((now > 6 * H) & (was <= 6 * H)).sum()
    assert total.differs[1, 0] == (was != now).sum() and total.hits[0, 0] == (was <= 6 * H).sum()
    assert total.earlier_min[1, 0] == pytest.approx(minutes.sum()) and total.squares[1, 0] == pytest.approx(
        np.square(minutes).sum()
    )
