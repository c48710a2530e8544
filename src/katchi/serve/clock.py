"""The one place where the shell reads the clock, and how it reads the times that people type."""

from __future__ import annotations

import time
from datetime import datetime
from zoneinfo import ZoneInfo

from katchi.errors import Malformed
from katchi.record.canonical import INT_MAX

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def now_us() -> int:
    """Return this computer's clock, microseconds UTC."""
    return time.time_ns() // 1000


def time_of(text: str, *, now: int, zone: ZoneInfo | None = None) -> int:
    """Return the time that a person typed: 2026-01-31T14:32+09:00, or +2h, +45m, +1d from now.

    Args:
        text: what was typed.
        now: microseconds UTC.
        zone: the zone of a time that names none, where people chose one beside it.
    Raises:
        Malformed: none of these; or a time without its zone; or one that `zone` does not have, or has twice.
    """
    found = _read(text.strip(), now, zone)
    if found is None or not 0 <= found <= INT_MAX:
        raise Malformed(
            "'{text}' is not a time with its zone",
            hint="For example 2026-01-31T14:32+09:00, 2026-01-31T05:32Z, or +2h.",
            text=text,
        )
    return found


def _read(text: str, now: int, zone: ZoneInfo | None) -> int | None:
    if text[:1] in ("+", "-") and text[1:-1].isascii() and text[1:-1].isdigit() and text[-1:] in UNITS_S:
        return now + int(text[:-1]) * UNITS_S[text[-1]] * 1_000_000
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None and zone is not None:
            found = _placed(found, zone)
        return int(found.timestamp() * 1_000_000) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _placed(found: datetime, zone: ZoneInfo) -> datetime:
    """Return a time in a zone; ValueError in the hour that a change of clocks leaves out or has twice."""
    first, second = (found.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        raise ValueError
    return first
