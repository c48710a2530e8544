"""What a simulation of consultation can tell planners: sweeps, exact answers, comparisons, sensitivity.

    from katchi import simulate
    from katchi.formats.scenario import read

    scenario = read(path.read_bytes(), str(path))
    found = simulate.sweep(scenario.network, simulate.Asked(runs=1_000_000, seed=7, threads=2))
    times_s = simulate.times(scenario.network, seed=7, runs=10_000)  # shape (runs, questions)

What stands here is the Python API; docs/notebooks/six-hours.ipynb shows it. Games have a package of their own, `game`.
Results are notional; nothing here orders anything.
"""

from katchi.simulate.exact import Answer, answer
from katchi.simulate.fit import Fit, fit
from katchi.simulate.improve import Improvement, improve
from katchi.simulate.sensitivity import Sensitivity, sensitivity
from katchi.simulate.sweep import Asked, Sweep, sweep
from katchi.simulate.table import csv_lines, parquet, times

__all__ = [
    "Answer", "Asked", "Fit", "Improvement", "Sensitivity", "Sweep", "answer", "csv_lines", "fit", "improve", "parquet",
    "sensitivity", "sweep", "times",
]  # fmt: skip
