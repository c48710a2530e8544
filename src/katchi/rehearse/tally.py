"""What many rehearsals of one scenario add up to, each beside the sweep's run of the same number."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from katchi.rehearse.rehearsal import Production, Rehearsal, Verdict


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """One question in many rehearsals."""

    in_time: int = 0  # rehearsals
    in_time_swept: int = 0  # the sweep's runs of the same numbers
    differ: int = 0  # rehearsals that answer otherwise than the sweep's run
    later_s_max: float = 0.0  # by how much a rehearsal finished after that run, at most

    def plus(self, other: Count) -> Count:
        """Return the sum of two."""
        return Count(
            in_time=self.in_time + other.in_time,
            in_time_swept=self.in_time_swept + other.in_time_swept,
            differ=self.differ + other.differ,
            later_s_max=max(self.later_s_max, other.later_s_max),
        )


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Many rehearsals."""

    runs: int = 0
    questions: Mapping[str, Count] = {}
    equal: int = 0  # rehearsals after which every node held the same record
    refused: int = 0  # acts
    messages: int = 0

    def plus(self, other: Tally) -> Tally:
        """Return the sum of two."""
        names = [*self.questions, *(name for name in other.questions if name not in self.questions)]
        return Tally(
            runs=self.runs + other.runs,
            questions={name: self.questions.get(name, Count()).plus(other.questions.get(name, Count())) for name in names},
            equal=self.equal + other.equal,
            refused=self.refused + other.refused,
            messages=self.messages + other.messages,
        )


def tally_of(production: Production, seed: int, first: int, count: int) -> Tally:
    """Rehearse runs `first` to `first + count - 1` of `seed` and add them up."""
    total = Tally()
    for run in range(first, first + count):
        total = total.plus(_one(production.rehearse(seed, run)))
    return total


def _one(rehearsal: Rehearsal) -> Tally:
    return Tally(
        runs=1,
        questions={name: _count(verdict) for name, verdict in rehearsal.verdicts.items()},
        equal=int(rehearsal.equal),
        refused=rehearsal.refused,
        messages=sum(rehearsal.messages.values()),
    )


def _count(verdict: Verdict) -> Count:
    finished, swept = (math.inf if at is None else at for at in (verdict.finished_s, verdict.swept_s))
    return Count(
        in_time=int(verdict.is_in_time),
        in_time_swept=int(verdict.is_in_time_swept),
        differ=int(verdict.is_in_time != verdict.is_in_time_swept),
        later_s_max=0.0 if finished == swept else max(finished - swept, 0.0),
    )
