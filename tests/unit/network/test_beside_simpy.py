"""The kernel beside SimPy, an engine of other people: one process of laws for which there is no exact answer.

Known answers are elsewhere; here two programs that share nothing but the description play the same process and must agree.
"""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest

from katchi.network.arrays import compiled
from katchi.network.durations import Constant, Lognormal, Triangular, Uniform
from katchi.network.kernel import times_of
from katchi.network.model import Alternative, Bearer, Network, Post, Question, Stage

simpy = pytest.importorskip("simpy")

RUNS_BESIDE = 12_000
UP, DOWN = 6.0, 1.0


def process() -> Network:
    """Four papers over two desks and a line; a third of them are asked back once; then both sides read all of them."""
    stages = []
    for k in range(4):
        stages += [
            Stage(name=f"draft.{k}", at="near", duration=Lognormal(1.0, 0.7)),
            Stage(name=f"send.{k}", over="line", duration=Constant(0.4), after=(f"draft.{k}",)),
            Stage(
                name=f"study.{k}", at="far", duration=Triangular(0.2, 0.5, 2.0), after=(f"send.{k}",),
                alternatives=(Alternative(1 / 3, (f"ask.{k}",)), Alternative(2 / 3, (f"clear.{k}",))),
            ),
            Stage(name=f"ask.{k}", over="line", duration=Uniform(0.1, 0.7)),
            Stage(name=f"again.{k}", at="near", duration=Uniform(0.2, 1.0), after=(f"ask.{k}",)),
            Stage(name=f"clear.{k}", duration=Constant(0.0), after=(f"again.{k}",), join="any"),
        ]  # fmt: skip
    cleared = tuple(f"clear.{k}" for k in range(4))
    stages += [
        Stage(name="read-a", duration=Uniform(0.5, 1.5), after=cleared),
        Stage(name="read-b", duration=Lognormal(0.8, 0.4), after=cleared),
        Stage(name="done", duration=Constant(0.0), after=("read-a", "read-b")),
    ]
    return Network(
        stages=tuple(stages),
        posts=(Post("near", 2), Post("far", 1)),
        bearers=(Bearer("line", UP, DOWN),),
        questions=(Question("done", "done", 1.0),),
    )


class Line:
    """Up and down in turn, stationary at the start; a transmission resumes after an outage."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.is_up_first = chance.random() < UP / (UP + DOWN)
        self.turns = [0.0]

    def carried(self, now: float, needed: float) -> float:
        """How long a transmission that begins now takes."""
        at, turn = now, 0
        while True:
            while len(self.turns) <= turn + 1:
                is_up = (len(self.turns) - 1) % 2 == (0 if self.is_up_first else 1)
                self.turns.append(self.turns[-1] + self.chance.expovariate(1 / UP if is_up else 1 / DOWN))
            end = self.turns[turn + 1]
            if end > at:
                if turn % 2 == (0 if self.is_up_first else 1):
                    if at + needed <= end:
                        return at + needed - now
                    needed -= end - at
                at = end
            turn += 1


def played(seed: int) -> float:
    """One run in SimPy."""
    chance, env = Random(seed), simpy.Environment()
    near, far, line = simpy.Resource(env, 2), simpy.Resource(env, 1), Line(chance)

    def at(desk, duration):
        with desk.request() as turn:
            yield turn
            yield env.timeout(duration)

    def over(needed):
        yield env.timeout(line.carried(env.now, needed))

    def paper():
        yield from at(near, math.exp(chance.gauss(0.0, 0.7)))
        yield from over(0.4)
        yield from at(far, chance.triangular(0.2, 2.0, 0.5))
        if chance.random() < 1 / 3:
            yield from over(chance.uniform(0.1, 0.7))
            yield from at(near, chance.uniform(0.2, 1.0))

    def whole():
        yield simpy.AllOf(env, [env.process(paper()) for _ in range(4)])
        yield env.timeout(max(chance.uniform(0.5, 1.5), 0.8 * math.exp(chance.gauss(0.0, 0.4))))

    env.run(env.process(whole()))
    return float(env.now)


def test_a_process_without_memoryless_laws_takes_as_long_in_simpy():
    ours = times_of(compiled(process()), 20_241, 0, 400_000)[:, 0]
    theirs = np.array([played(seed) for seed in range(RUNS_BESIDE)])
    for here, there, tolerance in [
        (ours, theirs, 0.09),
        *(((ours <= by).astype(float), (theirs <= by).astype(float), 0.02) for by in (4.0, 5.0, 6.0, 8.0)),
    ]:
        error = math.hypot(here.std() / math.sqrt(len(here)), there.std() / math.sqrt(len(there)))
        assert 4 * error < tolerance, "too few runs to tell"
        assert here.mean() == pytest.approx(there.mean(), abs=4 * error)
