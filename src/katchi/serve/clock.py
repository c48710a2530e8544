"""The one place where the shell reads the clock."""

from __future__ import annotations

import time


def now_us() -> int:
    """Return this computer's clock, microseconds UTC."""
    return time.time_ns() // 1000
