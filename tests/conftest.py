"""What many tests need from outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("drill", deadline=None)  # how long an example takes says how busy the machine is, nothing else
settings.load_profile("drill")
os.environ["KATCHI_LANG"] = "en"  # whatever the developer's own; Korean is asked for where it is tested
# Tests share the cores already: a second thread for matrices of a few dozen rows costs five times what it saves.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

KERNELS = (  # both that there are: for networks without shifts, factors and cuts, and for all
    "tally_of(arrays, 1, 0, 1)",
    "times_at(arrays, np.full((1, int(arrays.sizes[0])), 0.5))",
)
PLAYS = """
import numpy as np
from katchi.network.arrays import compiled
from katchi.network.kernel import tally_of, times_at
from katchi.testing.networks import model_r
arrays = compiled(model_r())
"""

SAMPLES = Path(__file__).resolve().parents[2] / "shared" / "samples"


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of public test vectors beside the checkout; they are read in place, never copied here."""
    if not SAMPLES.is_dir():
        pytest.skip(f"the public test vectors are not at {SAMPLES}")
    return SAMPLES


def pytest_sessionstart(session: pytest.Session) -> None:
    """Before a whole run, have the kernel compiled into its cache: without it each worker would compile both, 16 s of a core."""
    config = session.config
    is_whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if is_whole and getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        words = [[sys.executable, "-c", PLAYS + plays] for plays in KERNELS]
        for compiling in [subprocess.Popen(one, stderr=subprocess.DEVNULL) for one in words]:
            compiling.wait()
