"""Runs until the answer is as sharp as asked for: after which runs to look, and whether to go on.

It is only looked at fixed run numbers (8,192, then twice as many each time), at sums that are the same on any number of
threads, so the number of runs and every byte of the answer are too.

**The bias of stopping.** A share p is estimated by the hits of n runs; whether n is enough depends on those hits, so the share
at the stop is not quite unbiased. The decision looks at the half-width alone, about 1.96 sqrt(p (1 - p) / n), whose relative
error at a look is of the order of 1 / sqrt(n): at all looks but one (those at which n is far too small or large enough) it is
all but certain. Let that one be at n runs, with S the event of stopping there, and else at 2n. As the runs after n are
independent of it,

    E[share at the stop] - p = E[(share_n - p) 1_S] + E[(share_n - p) (1 - 1_S)] / 2 = E[(share_n - p) 1_S] / 2,

and as E[share_n - p] = 0, it is at most E|share_n - p| / 4 = 0.2 of the standard error at n: where S is in doubt at all, that
is 0.2 / 1.96, a tenth of the half-width asked for, always towards the nearer of 0 and 1. With only a dozen hits at a look, two
looks are in doubt, and it may be a seventh. The interval of a p that lies just where it is in doubt covers about 93 % instead of
95; over all p, 95 (tests/unit/simulate/test_until.py computes all of this exactly). Where the first look is enough there is no
bias at all, and whoever wants none asks for a number of runs.
"""

from __future__ import annotations

from collections.abc import Iterator

from katchi.errors import Malformed
from katchi.network.arrays import Tally
from katchi.simulate.interval import wilson

FIRST = 1 << 13  # runs before it is looked for the first time
RUNS_MAX = 100_000_000  # where it ends, as sharp as it is, unless told otherwise


def looks(limit: int = RUNS_MAX) -> Iterator[int]:
    """Yield the run numbers at which to look: FIRST, twice as many each time, and the limit last.

    Args:
        limit: runs, > 0: not one more is played.
    """
    runs = FIRST
    while runs < limit:
        yield runs
        runs *= 2
    yield limit


def half_width(hits: int, runs: int) -> float:
    """Return half the width of the Wilson interval of a share, 95 %."""
    low, high = wilson(hits, runs)
    return (high - low) / 2


def goes_on(tally: Tally, within: float) -> bool:
    """Return whether the probability of any question is not yet known to the half-width asked for.

    Args:
        tally: of all runs up to a look (`looks`), at least one.
        within: the half-width of the Wilson interval asked for, a probability such as 0.005.
    Raises:
        Malformed: the half-width is not between 0 and 1/2.
    """
    checked(within)
    return any(half_width(int(hits), int(tally.runs[0])) > within for hits in tally.hits)


def still_needed(runs: int, half_width_now: float, within: float) -> int:
    """Return about how many runs there will be in all, from the look at `runs` on: for a progress bar, no promise."""
    return next((look for look in looks() if look >= runs * max(half_width_now / within, 1.0) ** 2), RUNS_MAX)


def checked(within: float) -> float:
    """Return a half-width that can be asked for, a probability.

    Raises:
        Malformed: it is not between 0 and 1/2.
    """
    if not 0 < within < 0.5:
        raise Malformed(
            "a half-width of {points:g} points cannot be asked for",
            hint="Write percentage points between 0 and 50, such as 0.5.", points=100 * within,
        )  # fmt: skip
    return within
