"""The manifest of an answer: from what, with what and on what it was computed, so that anyone can compute it again."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping
from pathlib import Path

from katchi import __version__
from katchi.exercise.scenario import Scenario

LIBRARIES = ("numpy", "scipy", "numba")
CPU_NAMES = Path("/proc/cpuinfo")


def manifest(scenario: Scenario, **played: object) -> Mapping[str, object]:
    """Return the manifest of an answer.

    Args:
        scenario: what was asked about.
        played: what else decides the answer, such as seed and runs.
    """
    return {
        "scenario": scenario.digest,
        **played,
        "katchi": __version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in LIBRARIES},
        "processor": processor(),
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def processor() -> str:
    """Return what the processor is called."""
    try:
        lines = CPU_NAMES.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{named or platform.processor() or 'unknown'} ({platform.machine()})"
