"""A scenario as values: a network, who does which stage of it and what they write, what is scripted, and what is asked.

formats/scenario reads it from TOML. It is process only and notional: a stage may write an act of a consultation
(`ACTS`), and none of these approves, orders or releases anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from katchi.exercise.decisions import Decisions
from katchi.network.model import Network, Span

Act = Literal["", "open", "acknowledge", "state-position", "propose-words", "sign-words", "end"]
Source = Literal["", "played", "published", "guess"]


class Text(msgspec.Struct, frozen=True):
    """What a file says in words, in each language; where one is missing the other is shown."""

    en: str = ""
    ko: str = ""

    def said(self, language: str) -> str:
        """Return it in a language, "en" or "ko"."""
        first, other = (self.ko, self.en) if language == "ko" else (self.en, self.ko)
        return first or other


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage is beyond its place in the network."""

    title: Text = Text()
    by: str = ""  # the ally that does it; "": as its post, or nobody's in particular
    act: Act = ""  # what it writes when it finishes; a transmission without one states a position
    source: Source = ""  # of its duration
    where_from: str = ""
    copies: int = 1


class Inject(msgspec.Struct, frozen=True, kw_only=True):
    """One scripted event: stages that begin, a bearer that is down, a post that has fewer seats. Already in the network."""

    name: str
    at_s: float
    about: Text = Text()
    stages: tuple[str, ...] = ()
    bearer: str = ""
    post: str = ""
    seats: int = 0
    span: Span | None = None

    @property
    def stage(self) -> str:
        """The stage that stands for it in the network, where it begins others: nobody wrote it as one."""
        return f"inject.{self.name}"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change that could be made, and the network with it."""

    name: str
    about: Text
    network: Network


class Uncertain(msgspec.Struct, frozen=True, kw_only=True):
    """An input nobody knows exactly: uniform between low and high (whole numbers for seats)."""

    name: str
    about: Text
    kind: Literal["stages", "bearers", "posts"]
    of: str  # which stage (with its copies), bearer or post
    what: Literal["mean", "up", "down", "seats"]  # seconds, seconds, seconds, seats
    low: float
    high: float


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """What a scenario file says."""

    title: Text
    about: Text
    allies: tuple[str, ...]
    network: Network
    parts: Mapping[str, Part]  # by the stage as written, before copies
    posts: Mapping[str, str]  # the ally of each post, or ""
    titles: Mapping[str, Text]  # of posts, bearers and questions: "posts.duty"
    injects: tuple[Inject, ...]
    changes: tuple[Change, ...]
    uncertain: tuple[Uncertain, ...]
    decisions: Decisions | None
    digest: str  # SHA-256 of the file
