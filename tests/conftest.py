"""What many tests need from outside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("drill", deadline=None)  # how long an example takes says how busy the machine is, nothing else
settings.load_profile("drill")
os.environ["KATCHI_LANG"] = "en"  # whatever the developer's own; Korean is asked for where it is tested

SAMPLES = Path(__file__).resolve().parents[2] / "shared" / "samples"


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of public test vectors beside the checkout; they are read in place, never copied here."""
    if not SAMPLES.is_dir():
        pytest.skip(f"the public test vectors are not at {SAMPLES}")
    return SAMPLES
