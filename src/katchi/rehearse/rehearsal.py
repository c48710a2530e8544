"""One rehearsal of a scenario: scripted officers on real nodes, simulated time, faulty links, one (seed, run).

It draws the same chance as the sweep's run of that number, so the two can be compared one to one; and everything in it, down to
the bytes of every frame, is the same again for the same scenario, seed and run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from katchi.exercise.scenario import Scenario
from katchi.network import chance
from katchi.network.arrays import compiled
from katchi.network.interpreter import Interpreter
from katchi.rehearse.casting import Cast, cast_of
from katchi.rehearse.founding import STARTS_AT, Founded, Ports, founded
from katchi.rehearse.letters import Letters, Script
from katchi.rehearse.officers import Officers
from katchi.rehearse.outages import Outages
from katchi.rehearse.watching import Side, Step, Watch, sides_of
from katchi.rehearse.wire import Weather
from katchi.rehearse.world import SECOND, World

# An ocean between the nodes, and frames that are lost, repeated or late now and then.
WEATHER = Weather(loss=0.005, repetition=0.002, reorder=0.005, delay_us=(70_000, 120_000))
SETTLED_BY = 7 * 86_400 * SECOND  # after the last stage: by then the nodes must hold equal records
SUBJECT_LENGTH_MAX = 200


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a rehearsal says to one question."""

    by_s: float
    finished_s: float | None  # None: its stage never finished
    swept_s: float | None  # the same run of the sweep: no node, no link

    @property
    def is_in_time(self) -> bool:
        """Whether the stage finished by its deadline."""
        return self.finished_s is not None and self.finished_s <= self.by_s

    @property
    def is_in_time_swept(self) -> bool:
        """Whether it did in the sweep's run."""
        return self.swept_s is not None and self.swept_s <= self.by_s


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in one rehearsal."""

    seed: int
    run: int
    verdicts: Mapping[str, Verdict]
    messages: Mapping[str, int]  # by ally, written
    refused: int  # acts that a node refused
    equal: bool  # whether all nodes hold the same record in the end
    frames: str  # World.frames: the same again for the same scenario, seed and run
    steps: tuple[Step, ...]  # where it was watched
    last: tuple[Side, ...]  # what each ally sees in the end; where it was watched


class Production:
    """What all rehearsals of one scenario share: the cast, the founded alliance, the compiled network."""

    def __init__(self, scenario: Scenario, ports: Ports, weather: Weather = WEATHER) -> None:
        """Prepare rehearsals.

        Raises:
            Refused, Malformed: the scenario cannot be rehearsed; the hint says what to write.
        """
        self.scenario, self.weather = scenario, weather
        self.cast: Cast = cast_of(scenario)
        self.founded: Founded = founded(self.cast.allies, self.cast.posts, ports)
        self.interpreter = Interpreter(compiled(scenario.network))

    def rehearse(self, seed: int, run: int = 0, *, is_watched: bool = False) -> Rehearsal:
        """Play one rehearsal.

        Args:
            seed: 0 to 2^64 - 1.
            run: 0 to 2^64 - 1, as in a sweep.
            is_watched: whether its steps are noted.
        """
        network = self.scenario.network
        world = self.founded.world(chance.key_of(seed, run))
        world.weather = self.weather
        watch = Watch(world, STARTS_AT, is_on=is_watched)
        draws = self.interpreter.draws(seed, run)
        letters = Letters(world, self._script(), watch)
        officers = Officers(draws, network, self.cast, world, letters, watch)
        for inject in self.scenario.injects:
            world.at(STARTS_AT + math.ceil(inject.at_s * SECOND), lambda name=inject.name: watch.note(_inject(name)))  # type: ignore[misc]
        Outages(world, draws, network, watch).begin()
        watch.note(Step(at_s=0, what="start"))
        officers.begin_all()
        world.run_while(lambda: officers.goes_on)
        return self._told(seed, run, world, officers, watch)

    def _script(self) -> Script:
        due_s = max(question.by_s for question in self.scenario.network.questions)
        subject = (self.scenario.title.said("en") or "rehearsal")[:SUBJECT_LENGTH_MAX]
        return Script(subject, STARTS_AT + math.ceil(due_s * SECOND))

    def _told(self, seed: int, run: int, world: World, officers: Officers, watch: Watch) -> Rehearsal:
        finished, swept = officers.result.finished, self.interpreter.run(seed, run).finished
        watch.is_on, is_watched = False, watch.is_on
        until = world.now + SETTLED_BY
        room = self.founded.room
        world.pings_until = until
        world.ping_for(0)
        world.run_while(lambda: not _are_equal(world, room) and world.now < until)
        messages = dict.fromkeys(self.cast.allies, 0)
        for letter in officers.letters.written.values():
            messages[letter.author] += 1
        return Rehearsal(
            seed=seed,
            run=run,
            verdicts={
                question.name: Verdict(by_s=question.by_s, finished_s=_finite(finished[stage]), swept_s=_finite(swept[stage]))
                for question, stage in zip(self.scenario.network.questions, officers.flat.asked, strict=True)
            },
            messages=messages,
            refused=officers.letters.refused,
            equal=_are_equal(world, room),
            frames=world.frames(),
            steps=tuple(watch.steps),
            last=sides_of(world) if is_watched else (),
        )


def _inject(name: str) -> Step:
    return Step(at_s=0, what="inject", of=name)


def _finite(time: float) -> float | None:
    return time if time < math.inf else None


def _are_equal(world: World, room: bytes) -> bool:
    """Whether every node holds the same heads of every chain, and every peer is known to hold its own."""
    heads = set()
    for station in world.stations.values():
        assert station.machine is not None
        state = station.machine.state
        heads.add(tuple(state.chain(room, ally).newest.head for ally in world.allies if state.chain(room, ally).newest))  # type: ignore[union-attr]
        if any(peer.waiting(room) for peer in station.machine.peers.values()):
            return False
    return len(heads) == 1
