"""The demo's last line: how likely consultation is in six hours, and which change buys the most.

`katchi improve` runs as a process of its own while the story plays, with the lowest priority; a story is never late for it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

RUNS, SEED = 100_000, 7
WAITED_S = 30.0  # the first time on a computer the kernel is compiled meanwhile
PLACES = (Path(__file__).resolve().parents[1] / "scenarios", Path(__file__).resolve().parents[3] / "scenarios")


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What the reference scenario says. Notional."""

    probability: float  # of having consulted in time, sampled
    exact: float | None
    hours: float
    change: str | None  # the one that gains the most, in the language asked for
    points: float | None  # percentage points that it gains


class Forecasting:
    """The process that computes it, started at once."""

    def __init__(self) -> None:
        file = next((place / "reference.toml" for place in PLACES if (place / "reference.toml").is_file()), None)
        self._process: subprocess.Popen[bytes] | None = None
        if file is None:
            return
        words = [sys.executable, "-m", "katchi.cli.__main__", "improve", str(file)]
        self._process = subprocess.Popen(
            [*words, "--runs", str(RUNS), "--seed", str(SEED), "--threads", "1", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, 19)

    def __enter__(self) -> Forecasting:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def found(self, language: str) -> Forecast | None:
        """Return what it says, or None where simulations are not installed or it takes too long."""
        if self._process is None:
            return None
        try:
            said, _ = self._process.communicate(timeout=WAITED_S)
        except subprocess.TimeoutExpired:
            return None
        if self._process.returncode != 0:
            return None
        answer: dict[str, Any] = msgspec.json.decode(said)
        (name, one), *_others = answer["questions"].items()
        best = next(iter(answer["changes"]), None)
        return Forecast(
            probability=one["probability"],
            exact=one["exact"],
            hours=one["by_s"] / 3_600,
            change=(best["about"].get(language) or best["about"].get("en") or best["name"]) if best else None,
            points=best["questions"][name]["points"]["value"] if best else None,
        )
