"""An activity network as frozen values: what must happen, where, after what, for how long, and what is asked of it.

A run starts at time 0. A stage is ready once all (or any) of the stages it comes after have finished; it then waits
its turn at its post, begins, and finishes after its duration. Each stage happens at most once in a run. After a stage
with alternatives, one of them is drawn, and what hangs on the others does not follow from it.

- A post has seats, as many as its shift at the time; stages queue for them in the order in which they became ready. Work
  that has begun goes on when a shift with fewer seats follows.
- A bearer is up and down in turn, each for an exponential time, stationary at the start, and carries any number of
  transmissions at once; a transmission needs its duration of up-time and resumes after an outage. It is down too while
  one of its causes is (a common cause takes several bearers at once), and in the spans that are scripted for it.
- A factor multiplies the durations of the stages under it, all by the same draw of mean 1: so stages are correlated.
- All times are in seconds, all probabilities between 0 and 1.

A network that is made is sound: what could not be played is refused (soundness.py). The laws of durations are durations.py's.
It says nothing of any act of an ally, and nothing in it approves, orders or releases anything: it is a notional process whose
time is studied.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import msgspec

from katchi.network.durations import Duration
from katchi.network.soundness import check

REPEATS_MAX = 400


class Span(msgspec.Struct, frozen=True):
    """From one time to another, seconds after the start."""

    from_s: float
    until_s: float


class Shift(msgspec.Struct, frozen=True):
    """From this time on a post has so many seats."""

    from_s: float
    seats: int


class Absence(msgspec.Struct, frozen=True):
    """For a span a post has at most so many seats, whatever its shift says."""

    span: Span
    seats: int


class Post(msgspec.Struct, frozen=True):
    """A pool of seats; whoever sits there takes what became ready first."""

    name: str
    seats: int  # until the first shift
    shifts: tuple[Shift, ...] = ()  # in order
    repeat_s: float = 0.0  # after so long the shifts begin anew, for `REPEATS_MAX` times; 0: the last one stays
    absences: tuple[Absence, ...] = ()


class _Outages(msgspec.Struct, frozen=True):
    name: str
    up_mean_s: float = math.inf
    down_mean_s: float = 0.0

    @property
    def has_outages(self) -> bool:
        """Whether it is ever down by chance of its own."""
        return self.down_mean_s != 0 and self.up_mean_s != math.inf


class Cause(_Outages, frozen=True):
    """What takes down every bearer that names it, up and down in turn."""


class Bearer(_Outages, frozen=True):
    """A way between two nodes, up and down in turn; without outages of its own where `down_mean_s` is 0."""

    causes: tuple[str, ...] = ()
    cuts: tuple[Span, ...] = ()  # scripted, in order, apart from each other

    @property
    def is_always_up(self) -> bool:
        """Whether it is never down."""
        return not (self.has_outages or self.causes or self.cuts)


class Factor(msgspec.Struct, frozen=True):
    """What the stages under it have in common: lognormal of mean 1, `sigma` the standard deviation of its logarithm."""

    name: str
    sigma: float


class Alternative(msgspec.Struct, frozen=True):
    """What may follow a stage: drawn with this probability, the stages named come after it."""

    probability: float
    stages: tuple[str, ...]


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that takes time: work `at` a post, a transmission `over` a bearer, or a delay that needs neither."""

    name: str
    duration: Duration
    at: str | None = None
    over: str | None = None
    after: tuple[str, ...] = ()
    join: Literal["all", "any"] = "all"
    alternatives: tuple[Alternative, ...] = ()
    group: str = ""  # copies of one stage are reported together under this name
    factor: str | None = None

    @property
    def reported(self) -> str:
        """The name under which it is reported."""
        return self.group or self.name


class Question(msgspec.Struct, frozen=True):
    """How likely is `stage` to have finished `by_s` seconds after the start?"""

    name: str
    stage: str
    by_s: float


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """The whole network. Making one checks it.

    Raises:
        Malformed: it could not be played; `field` is where the fault is, such as "stages.draft.after".
    """

    stages: tuple[Stage, ...]
    questions: tuple[Question, ...]
    posts: tuple[Post, ...] = ()
    bearers: tuple[Bearer, ...] = ()
    causes: tuple[Cause, ...] = ()
    factors: tuple[Factor, ...] = ()

    def __post_init__(self) -> None:
        check(self)

    def edges(self) -> Iterator[tuple[str, str, int | None]]:
        """Yield what comes after what: (earlier, later, the alternative it hangs on or None), in the order of the stages."""
        for stage in self.stages:
            for earlier in stage.after:
                yield earlier, stage.name, None
            for i, alternative in enumerate(stage.alternatives):
                for later in alternative.stages:
                    yield stage.name, later, i
