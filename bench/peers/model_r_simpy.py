"""Model R in SimPy: processes, resources, and a link that interrupts what it carries."""

from __future__ import annotations

import random
from collections.abc import Generator
from typing import Any

import simpy

Steps = Generator[Any, Any, Any]


class Link:
    """Up and down in turn; a transmission needs its up-time and resumes after an outage."""

    def __init__(self, env: simpy.Environment, chance: random.Random) -> None:
        self.env, self.chance = env, chance
        self.is_up = chance.random() < 6.0 / 6.5
        self.turned = env.event()
        env.process(self.turns())

    def turns(self) -> Steps:
        """Turn for ever."""
        while True:
            yield self.env.timeout(self.chance.expovariate(1 / 6.0 if self.is_up else 1 / 0.5))
            self.is_up = not self.is_up
            self.turned.succeed()
            self.turned = self.env.event()

    def carry(self, left: float) -> Steps:
        """Carry one message."""
        while True:
            if not self.is_up:
                yield self.turned
                continue
            began, sent = self.env.now, self.env.timeout(left)
            yield sent | self.turned
            if sent.processed:
                return
            left -= self.env.now - began


def time_h(chance: random.Random) -> float:
    """Return how long one run takes, hours."""
    env = simpy.Environment()
    link, staff_a, staff_b = Link(env, chance), simpy.Resource(env, 2), simpy.Resource(env, 2)
    draw = chance.expovariate

    def topic() -> Steps:
        with staff_a.request() as seat:
            yield seat
            yield env.timeout(draw(1 / 0.75))
        yield from link.carry(draw(1 / 0.1))
        with staff_b.request() as seat:
            yield seat
            yield env.timeout(draw(1.0))
        yield from link.carry(draw(1 / 0.1))

    def consultation() -> Steps:
        yield env.all_of([env.process(topic()) for _ in range(3)])
        yield env.all_of([env.timeout(draw(2.0)), env.timeout(draw(2.0))])
        yield env.timeout(draw(2.0))

    env.run(until=env.process(consultation()))
    return float(env.now)
