"""One run of a scenario: what was asked for, how far it is, and the first figures of what it found."""

from __future__ import annotations

from typing import Literal

import msgspec

RUNS_MIN, RUNS_MAX, RUNS_USUAL = 1_000, 1_000_000, 100_000
SEED_MAX, SEED_USUAL = (1 << 53) - 1, 1  # a seed that any JSON reader takes whole
HEADLINES = 8

Ended = Literal["done", "failed", "cancelled"]
State = Literal["waiting", "running"] | Ended


class Headline(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one question."""

    question: str
    by_s: float
    probability: float  # sampled
    interval: tuple[float, float]  # 95 %
    exact: float | None  # the probability itself, where it can be had


class Run(msgspec.Struct, kw_only=True):
    """A run."""

    id: str
    scenario: str
    digest: str  # SHA-256 of the scenario's file as it was
    runs: int
    seed: int
    by: str  # the post that asked for it, and the officer if named
    asked_at: int  # microseconds UTC
    began_at: int | None = None
    ended_at: int | None = None
    state: State = "waiting"
    step: str = ""  # which part of the work is done now
    done: int = 0
    total: int = 0  # 0: not known
    failure: str = ""
    headlines: tuple[Headline, ...] = ()
    notional: bool = True

    @property
    def is_under_way(self) -> bool:
        """Whether it waits or is played."""
        return self.state in ("waiting", "running")
