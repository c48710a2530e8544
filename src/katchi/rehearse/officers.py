"""Scripted officers: the run of a network that the interpreter plays, except that what is written must arrive.

Durations, alternatives, factors and outages are the very draws of the sweep's run of the same number. What differs is the link:

- A transmission first takes its up-time of its bearer, as in the sweep: the operator at the terminal. Then its act is written on
  the sender's node, and the stage is done when every other ally's node holds that.
- Another stage that writes is done once its act is written. What follows it at another ally begins when that ally's node holds
  the act; at its own ally, or where nothing is written, at once. So does what is nobody's in particular and writes nothing: the
  file knows of a way that is no bearer, such as principals on the telephone.
- Whoever takes up work reads what led to it.
"""

from __future__ import annotations

import math
from functools import partial

from katchi.network.arrays import TRANSMISSION
from katchi.network.draws import Draws
from katchi.network.interpreter import Run
from katchi.network.laws import NONE
from katchi.network.model import Network
from katchi.rehearse.casting import Cast
from katchi.rehearse.letters import Letter, Letters
from katchi.rehearse.watching import Step, Watch
from katchi.rehearse.world import SECOND, World


class Officers(Run):
    """All officers of one rehearsal: queues, seats and shifts as in the sweep, acts on their own nodes."""

    def __init__(self, draws: Draws, network: Network, cast: Cast, world: World, letters: Letters, watch: Watch) -> None:
        super().__init__(draws)
        self.network, self.cast, self.world, self.letters, self.watch = network, cast, world, letters, watch
        self.written: dict[int, list[Letter]] = {}  # by stage
        count = len(cast.roles)
        self._behind: list[list[int]] = [[] for _ in range(count)]  # the stages that each may come after
        for stage in range(count):
            for edge in range(self.flat.edge_first[stage], self.flat.edge_first[stage + 1]):
                self._behind[self.flat.edge_to[edge]].append(stage)
        self._first = self._first_attempts()
        self._planned_at: int | None = None

    def _first_attempts(self) -> list[int]:
        """Of each stage the stage with which it began: the first attempt of one with retries."""
        named: dict[tuple[str, int], int] = {}
        return [named.setdefault((role.name, role.copy), stage) for stage, role in enumerate(self.cast.roles)]

    def begin_all(self) -> None:
        """Let begin what waits for nothing, and go on by the world's clock."""
        self.start()
        self._plan()

    @property
    def goes_on(self) -> bool:
        """Whether anything is still to begin, to finish, to be written or to arrive."""
        return super().goes_on or not self.letters.is_settled

    def _plan(self) -> None:
        if self.next_at == math.inf:
            return
        at = self.watch.start + math.ceil(self.next_at * SECOND)
        if self._planned_at is None or at < self._planned_at:
            self._planned_at = at
            self.world.at(at, partial(self._wake, at))

    def _wake(self, planned_at: int) -> None:
        if planned_at == self._planned_at:
            self._planned_at = None
            self._go_on()
            self._plan()

    def _go_on(self) -> None:
        """Let happen what is due by now."""
        while math.ceil(self.next_at * SECOND) <= self.world.now - self.watch.start if self.next_at < math.inf else False:
            self.step()

    def _come(self, stage: int, cause: int) -> None:
        """Something that `stage` waited for has arrived just now."""
        self.come(stage, self.watch.now_s, cause)
        self._plan()

    # What happens in the process.

    def change_seats(self) -> None:
        """See Run.change_seats."""
        post = self.flat.shift_post[self.shift]
        super().change_seats()
        name = self.network.posts[post].name
        seats = sum(self.flat.shift_by[i] for i in range(self.shift) if self.flat.shift_post[i] == post)
        self.watch.note(Step(at_s=0, what="seats", of=name, seats=self.flat.seats[post] + seats))

    def begin(self, stage: int, now: float, cause: int) -> None:
        """See Run.begin; officers read what led to it."""
        super().begin(stage, now, cause)
        role = self.cast.roles[stage]
        letters = [letter for earlier in self._behind[stage] for letter in self.written.get(earlier, ())]
        for ally in role.allies:
            if letters:
                self.letters.read(ally, letters, role.post)

    def finish(self, stage: int, now: float) -> None:
        """See Run.finish; what is written must arrive first."""
        role, spent = self.cast.roles[stage], self._spent(stage, now)
        self.release(stage, now)
        if not role.act:
            if role.is_whole and role.is_told:
                self.watch.note(spent)
            elif self.flat.choice[stage] != NONE and self.draws.branch(stage) > 0:
                self.watch.note(Step(at_s=0, what="failed", ally=spent.ally, stage=role.name, copy=role.copy))
            self.result.finished[stage] = now
            for later in self.followers(stage):
                self.come(later, now, stage)
            return
        left = set(role.allies)
        letters = self.written.setdefault(stage, [])

        def wrote(ally: str, letter: Letter | None) -> None:
            left.discard(ally)
            letters.extend([letter] if letter is not None else [])
            if not left:
                self._all_wrote(stage, now)

        for ally in role.allies:
            self.letters.write(ally, role, spent, partial(wrote, ally))

    def _spent(self, stage: int, now: float) -> Step:
        """Return the step of a stage that is done, its times told."""
        role, first, result = self.cast.roles[stage], self._first[stage], self.result
        outage = result.finished[stage] if math.isfinite(result.finished[stage]) else now
        is_sent = self.flat.kind[stage] == TRANSMISSION
        return Step(
            at_s=0,
            what="done",
            ally=role.allies[0] if len(role.allies) == 1 else "",
            stage=role.name,
            copy=role.copy,
            spent_s=now - result.ready[first],
            seat_s=result.began[stage] - result.ready[stage] + result.shift[stage],
            outage_s=max(outage - result.began[stage] - result.duration[stage], 0.0) if is_sent else 0.0,
        )

    def _all_wrote(self, stage: int, finished: float) -> None:
        """Every author has written; `finished`: when the work was done."""
        role, letters = self.cast.roles[stage], self.written[stage]
        if role.is_sent:
            self.letters.when_held(letters, self.cast.allies, lambda: self._sent(stage))
            return
        now = self.watch.now_s
        self.result.finished[stage] = finished if now - finished < 2 / SECOND else now
        for later in self.followers(stage):
            self.letters.when_held(letters, self.cast.roles[later].allies, partial(self._come, later, stage))

    def _sent(self, stage: int) -> None:
        self.result.finished[stage] = self.watch.now_s
        for later in self.followers(stage):
            self._come(later, stage)
