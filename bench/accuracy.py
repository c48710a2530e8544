"""How much a run tells: quasi-Monte Carlo beside plain sampling on model R, and how often intervals contain the exact answer."""

from __future__ import annotations

from scipy import stats

from bench.rows import Row, row
from katchi.network.arrays import compiled
from katchi.network.kernel import times_of
from katchi.simulate.interval import wilson
from katchi.simulate.quasi import QuasiEstimate, quasi
from katchi.testing.networks import model_r

EXACT, DEADLINE_S = 0.8322264980, 6 * 3_600.0
REPLICATES, POINTS, PLAIN_RUNS = 48, 1 << 12, 400_000
REPEATS, REPEATED_RUNS, REPEATED_POINTS, REPEATED_REPLICATES = 1_000, 1_000, 64, 16


def _variance(interval: tuple[float, float]) -> float:
    """Return the variance of one replicate's mean, from the interval of all."""
    return float(((interval[1] - interval[0]) / 2 / stats.t.ppf(0.975, REPLICATES - 1)) ** 2 * REPLICATES)


def _asked(conditional: bool) -> QuasiEstimate:
    return quasi(model_r(), points=POINTS, seed=7, replicates=REPLICATES, conditional=conditional).questions["consulted"]


def rows() -> list[Row]:
    """Measure how many fewer runs give the same accuracy, and the coverage of 1,000 repeated intervals."""
    network = model_r()
    times = times_of(compiled(network), 1, 0, PLAIN_RUNS)[:, 0]
    plain, within = _asked(False), _asked(True)
    of_mean, share = times.var() / POINTS, EXACT * (1 - EXACT) / POINTS
    found = [
        row("fewer runs for E[T] by quasi-Monte Carlo", of_mean / _variance(plain.mean_interval_s), "times", "aim", 20),
        row("fewer runs for P(T <= 6 h) by quasi-Monte Carlo", share / _variance(plain.interval), "times", "aim", 3),
        row("the same, the last stage integrated", share / _variance(within.interval), "times", "aim", 3),
    ]
    hits = (times_of(compiled(network), 2, 0, REPEATS * REPEATED_RUNS)[:, 0] <= DEADLINE_S).reshape(REPEATS, -1).sum(axis=1)
    covered = sum(low <= EXACT <= high for low, high in (wilson(int(one), REPEATED_RUNS) for one in hits))
    found.append(row("Wilson intervals that contain the exact answer, of 1,000", covered, "intervals", "nominal", 950))
    repeated = (quasi(network, points=REPEATED_POINTS, seed=seed, replicates=REPEATED_REPLICATES) for seed in range(REPEATS))
    covered = sum(low <= EXACT <= high for low, high in (one.questions["consulted"].interval for one in repeated))
    found.append(row("intervals from replicates that do, of 1,000", covered, "intervals", "nominal", 950))
    return found
