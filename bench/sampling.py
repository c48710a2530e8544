"""How fast model R is played: beside SimPy, plain NumPy and C, in turns of one run; on two threads; ready after how long."""

from __future__ import annotations

import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from bench.peers import model_r_numpy, model_r_simpy
from bench.rows import Row, row
from katchi.network.arrays import compiled
from katchi.network.kernel import tally_of
from katchi.simulate.exact import answer
from katchi.simulate.runs import begun, go_on
from katchi.testing.networks import model_r

TURNS = 5
REFERENCE = Path(__file__).resolve().parents[1] / "scenarios" / "reference.toml"
KERNEL_RUNS, THREADED_RUNS, SIMPY_RUNS, NUMPY_BATCH, NUMPY_BATCHES, C_RUNS = 1_000_000, 4_000_000, 8_000, 50_000, 10, 3_000_000
EXACT, SIGMAS = 0.8322264980, 5.0
SIZES = (100_000, 1_000_000, 10_000_000)
AFRESH = (
    "import time, numba, scipy.linalg; from katchi.network import kernel; from katchi.simulate.runs import played;"
    "from katchi.testing.networks import model_r; n = model_r(); t = time.perf_counter();"
    "played(n, 7, 0, 0); print(time.perf_counter() - t)"
)


def _checked(hits: float, runs: int) -> None:
    share = hits / runs
    if abs(share - EXACT) > SIGMAS * math.sqrt(EXACT * (1 - EXACT) / runs):
        raise AssertionError(f"{share} is not the exact {EXACT}: one of the programs plays another model")


def _timed(play: Callable[[], int], runs: int) -> float:
    began = time.perf_counter()
    hits = play()
    span = time.perf_counter() - began
    _checked(hits, runs)
    return runs / span


def _kernel(runs: int) -> Callable[[], int]:
    arrays = compiled(model_r())
    tally_of(arrays, 7, 0, 1)
    return lambda: int(tally_of(arrays, 7, 0, runs).hits[0])


def _threads(count: int) -> int:
    network = model_r()
    with ThreadPoolExecutor(count) as pool:
        *_, part = go_on(begun(network, 7), network, THREADED_RUNS, pool if count > 1 else None, ahead=3 * count)
    return int(part.tally.hits[0])


def _simpy() -> int:
    chance = random.Random(7)
    return sum(model_r_simpy.time_h(chance) <= 6.0 for _ in range(SIMPY_RUNS))


def _numpy() -> int:
    chance = np.random.default_rng(7)
    return sum(int((model_r_numpy.times_h(NUMPY_BATCH, chance) <= 6.0).sum()) for _ in range(NUMPY_BATCHES))


def _in_c(folder: Path) -> Callable[[], float] | None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    program, source = folder / "model_r", Path(__file__).parent / "peers" / "model_r.c"
    subprocess.run([compiler, "-O3", "-march=native", "-o", str(program), str(source), "-lm"], check=True)

    def rate() -> float:
        words = subprocess.run([str(program), str(C_RUNS), "7"], check=True, capture_output=True, text=True).stdout.split()
        _checked(int(words[0]), C_RUNS)
        return C_RUNS / float(words[2])

    return rate


def rows() -> list[Row]:
    """Measure all in turns, and say medians."""
    found: dict[str, list[float]] = {name: [] for name in ("kernel", "simpy", "numpy", "c", "one", "two")}
    play = _kernel(KERNEL_RUNS)
    with tempfile.TemporaryDirectory() as name:
        in_c = _in_c(Path(name))
        for _ in range(TURNS):
            found["kernel"].append(_timed(play, KERNEL_RUNS))
            found["simpy"].append(_timed(_simpy, SIMPY_RUNS))
            found["numpy"].append(_timed(_numpy, NUMPY_BATCH * NUMPY_BATCHES))
            if in_c is not None:
                found["c"].append(in_c())
            found["one"].append(_timed(lambda: _threads(1), THREADED_RUNS))
            found["two"].append(_timed(lambda: _threads(2), THREADED_RUNS))
    middle = {name: statistics.median(values) for name, values in found.items() if values}
    out = [
        row("model R on one core, what held it up included", middle["kernel"], "runs/s", "SimPy", middle["simpy"]),
        row("model R on one core", middle["kernel"], "runs/s", "plain NumPy, for this model alone", middle["numpy"]),
    ]
    if "c" in middle:
        out.append(row("model R on one core", middle["kernel"], "runs/s", "C -O3, for this model alone", middle["c"]))
    ratio = statistics.median(two / one for one, two in zip(found["one"], found["two"], strict=True))
    out.append(row("two threads beside one, median of pairs", ratio, "times", "aim", 1.9))
    out += [row(f"{runs:,} runs on one core", _timed(_kernel(runs), runs), "runs/s") for runs in SIZES]
    out += _ready_rows()
    began = time.perf_counter()
    solved = answer(model_r(), "consulted")
    out.append(row(f"exact answer, {solved.states} states", 1_000 * (time.perf_counter() - began), "ms"))
    return out


def _ready_rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as cache:
        env = {**os.environ, "NUMBA_CACHE_DIR": cache}
        spans = [
            float(subprocess.run([sys.executable, "-c", AFRESH], env=env, check=True, capture_output=True, text=True).stdout)
            for _ in range(3)
        ]
    return [
        row("the kernel compiled, first time on a computer", spans[0], "s", "aim", 10.0),
        row("the kernel loaded, later processes, its libraries imported", min(spans[1:]), "s", "aim", 0.3),
        row("the whole command, one run: katchi sweep", _command_s(), "s"),
    ]


def _command_s() -> float:
    words = [sys.executable, "-m", "katchi.cli.__main__", "sweep", str(REFERENCE), "--runs", "1"]
    spans = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True)
        spans.append(time.perf_counter() - began)
    return statistics.median(spans)
