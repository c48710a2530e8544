"""How figures of a simulation are said at a terminal: answers, times, and how far it has come."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from katchi.cli.speech import LANGUAGE, _, say

if TYPE_CHECKING:
    from katchi.exercise.scenario import Scenario
    from katchi.simulate.improve import AsItIs
    from katchi.simulate.sweep import Estimate

BAR = 40
SHOWN_EVERY_S = 0.1


class Progress:
    """A bar on a terminal, drawn at most ten times a second; nothing where stderr is none.

    Args:
        as_lines: say it in lines of JSON on stderr instead, for the program that reads them.
    """

    def __init__(self, *, as_lines: bool = False) -> None:
        self.drawn_at, self.is_shown, self._as_lines = 0.0, sys.stderr.isatty() and not as_lines, as_lines
        self._step = ""

    def begins(self, step: str) -> None:
        """Say which part of the work begins."""
        self._step = step
        if self._as_lines:
            self._say_line(0, 0)

    def __call__(self, done: int, total: int) -> None:
        """Say how much is done of about how much."""
        now = time.monotonic()
        if not (self.is_shown or self._as_lines) or now - self.drawn_at < SHOWN_EVERY_S:
            return
        self.drawn_at = now
        if self._as_lines:
            self._say_line(done, total)
            return
        filled = min(BAR * done // max(total, 1), BAR)
        sys.stderr.write(f"\r[{'#' * filled}{'.' * (BAR - filled)}] {done:,}/{total:,}\x1b[K")
        sys.stderr.flush()

    def _say_line(self, done: int, total: int) -> None:
        sys.stderr.write(msgspec.json.encode({"step": self._step, "done": done, "total": total}).decode() + "\n")
        sys.stderr.flush()

    def clear(self) -> None:
        """Take the bar away."""
        if self.is_shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def cores(asked: int | None = None) -> int:
    """Return how many cores share the work: as many as were asked for, else all that this process may use."""
    return len(os.sched_getaffinity(0)) if asked is None else asked


def answer_of(found: msgspec.Struct, played: Mapping[str, object], **beside: object) -> dict[str, Any]:
    """Return what was found as it is said in JSON.

    Args:
        found: the answer.
        played: its manifest.
        beside: what else is said with it.
    """
    return {**msgspec.to_builtins(found, enc_hook=str), "manifest": played, **beside}


def say_title(scenario: Scenario) -> None:
    """Say what a scenario is called, if it has a title."""
    if title := scenario.title.said(LANGUAGE):
        say(title)


def say_answered(question: str, one: Estimate | AsItIs) -> None:
    """Say how likely a question is answered in time: sampled, and exactly where that is known."""
    low, high = one.interval
    say(
        _("{question}: {p:.2%} by {by} (95% interval {low:.2%} to {high:.2%})").format(
            question=question, p=one.probability, by=time_said(one.by_s), low=low, high=high
        )
    )
    if one.exact is not None:
        say(_("  exact: {p:.4%}").format(p=one.exact))


def say_engine(engine: str) -> None:
    """Say so where the runs were played slowly."""
    if engine != "kernel":
        say(_("Played by the slow interpreter: numba is not installed. The answer is the same."))


def time_said(seconds: float | None) -> str:
    """Return a time as people say it, in three digits."""
    if seconds is None:
        return _("never")
    for unit, size in (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
