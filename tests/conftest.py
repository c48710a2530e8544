"""What many tests need from outside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "shared" / "samples"


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of public test vectors beside the checkout; they are read in place, never copied here."""
    if not SAMPLES.is_dir():
        pytest.skip(f"the public test vectors are not at {SAMPLES}")
    return SAMPLES
