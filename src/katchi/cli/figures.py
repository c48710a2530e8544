"""How figures of a simulation are said at a terminal: times, gains, and how far it has come."""

from __future__ import annotations

import os
import sys
import time

import msgspec

from katchi.cli.speech import _

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


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def time_said(seconds: float | None) -> str:
    """Return a time as people say it, in three digits."""
    if seconds is None:
        return _("never")
    for unit, size in (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
