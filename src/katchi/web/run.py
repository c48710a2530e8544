"""One run of a scenario: what was asked for, how far it is, and the first figures of what it found."""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

import msgspec

from katchi import __version__

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


def id_of(scenario: str, source: bytes, runs: int, seed: int) -> str:
    """Return the id of a run: of what decides its answer, and nothing else."""
    whole = (scenario, sha256(source).hexdigest(), runs, seed, __version__)
    return sha256(msgspec.json.encode(whole)).hexdigest()[:16]


def headlines_of(answer: bytes) -> tuple[Headline, ...]:
    """Return the first figures of an answer, as `katchi sweep --json` gives it.

    Raises:
        msgspec.MsgspecError: it is none.
    """
    found = msgspec.json.decode(answer)["questions"]
    return tuple(
        Headline(
            question=name, by_s=one["by_s"], probability=one["probability"], interval=tuple(one["interval"]), exact=one["exact"]
        )
        for name, one in list(found.items())[:HEADLINES]
    )
