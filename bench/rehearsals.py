"""How long rehearsals take on real nodes, and how sharp 2,000 of them are beside the exact answer."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bench.rows import Row, row
from katchi.cli.rehearsing import many, production_of
from katchi.rehearse.rehearsal import WEATHER, Production
from katchi.simulate.exact import answer
from katchi.simulate.interval import wilson

REFERENCE = Path(__file__).resolve().parents[1] / "scenarios" / "reference.toml"
RUNS, ALONE, SEED = 2_000, 50, 7


def rows() -> list[Row]:
    """Rehearse the reference scenario on all cores, and one rehearsal alone with its transcript's views."""
    source = REFERENCE.read_bytes()
    began = time.perf_counter()
    processes = len(os.sched_getaffinity(0))
    found = many(source, REFERENCE.name, WEATHER, seed=SEED, runs=RUNS, processes=processes, progress=lambda done, of: None)
    span = time.perf_counter() - began
    count = found.questions["consulted"]
    low, high = wilson(count.in_time, found.runs)
    production = production_of(source, REFERENCE.name, WEATHER)
    exact = answer(production.scenario.network, "consulted").probability
    if not low <= exact <= high or found.equal != RUNS:
        raise AssertionError(f"{low} to {high} does not hold {exact}, or records differ: {found}")
    watched_ms, alone_ms = _cpu_ms(production, is_watched=True), _cpu_ms(production, is_watched=False)
    return [
        row(f"{RUNS:,} rehearsals of the reference scenario, {processes} processes", span, "s", "aim", 180.0),
        row("half-width of their 95% interval, which holds the exact answer", 100 * (high - low) / 2, "points", "aim", 2.0),
        row("rehearsals that answer otherwise than the sweep's run of their number", count.differ, ""),
        row(f"one of them, mean of {ALONE}", alone_ms, "ms of CPU"),
        row("the same with all that a transcript needs", watched_ms, "ms of CPU"),
    ]


def _cpu_ms(production: Production, *, is_watched: bool) -> float:
    began = time.process_time()
    for run in range(ALONE):
        production.rehearse(SEED, run, is_watched=is_watched)
    return 1_000 * (time.process_time() - began) / ALONE
