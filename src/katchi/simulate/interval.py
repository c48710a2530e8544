"""Intervals of shares and of differences of shares, 95 % unless told: never of no width, so never of more than is known."""

from __future__ import annotations

import math

WILSON_Z = 1.959963984540054  # 95 %


def wilson(hits: int, runs: int, z: float = WILSON_Z) -> tuple[float, float]:
    """Return the interval of a share, 95 % unless told.

    Source:
        Wilson (1927), JASA 22(158), 209-212.
    """
    share, z2 = hits / runs, z * z
    middle = (share + z2 / (2 * runs)) / (1 + z2 / runs)
    half = z / (1 + z2 / runs) * math.sqrt(share * (1 - share) / runs + z2 / (4 * runs * runs))
    return (0.0 if hits == 0 else max(middle - half, 0.0)), (1.0 if hits == runs else min(middle + half, 1.0))


def paired(gained: int, lost: int, runs: int, z: float = WILSON_Z) -> tuple[float, float]:
    """Return the interval of the difference of two shares of the same runs.

    Args:
        gained: runs that hit in the second way only.
        lost: runs that hit in the first way only.
        runs: all runs, > 0.
        z: of the normal law.
    Source:
        Bonett and Price (2012), Journal of Educational and Behavioral Statistics 37(4), 479-488.
    """
    up, down = (gained + 1) / (runs + 2), (lost + 1) / (runs + 2)
    half = z * math.sqrt((up + down - (up - down) ** 2) / (runs + 2))
    return max(up - down - half, -1.0), min(up - down + half, 1.0)
