"""How long a stage takes, as values: the laws that a duration may follow, named as they are written in a scenario.

All times are in seconds. How a law is drawn from is laws.py's, which numbers are possible soundness.py's.
"""

from __future__ import annotations

import msgspec

PHASES_MAX = 100


class Constant(msgspec.Struct, frozen=True, tag="constant"):
    """Always the same."""

    value_s: float


class Exponential(msgspec.Struct, frozen=True, tag="exponential"):
    """Exponential: as likely to end now whatever has passed."""

    mean_s: float


class Erlang(msgspec.Struct, frozen=True, tag="erlang"):
    """The sum of `phases` exponential times with this mean in all."""

    mean_s: float
    phases: int


class Lognormal(msgspec.Struct, frozen=True, tag="lognormal"):
    """Its logarithm is normal: half take longer than the median; `sigma` is the standard deviation of the logarithm."""

    median_s: float
    sigma: float


class Uniform(msgspec.Struct, frozen=True, tag="uniform"):
    """Any time between the two, alike."""

    low_s: float
    high_s: float


class Triangular(msgspec.Struct, frozen=True, tag="triangular"):
    """Between low and high, most likely near the mode, by straight lines."""

    low_s: float
    mode_s: float
    high_s: float


class Pert(msgspec.Struct, frozen=True, tag="pert"):
    """The PERT beta: between low and high, mean (low + 4 mode + high) / 6. Drawn from 512 cells of its distribution."""

    low_s: float
    mode_s: float
    high_s: float


class Empirical(msgspec.Struct, frozen=True, tag="empirical"):
    """One of the times that were observed, each as likely."""

    values_s: tuple[float, ...]


Duration = Constant | Exponential | Erlang | Lognormal | Uniform | Triangular | Pert | Empirical
