"""Chance from a seed: the same numbers on any machine, in any thread, in any order of runs.

Run `r` of seed `s` has streams of its own: stream 0 for its stages, stream 1 + b for bearer b, each a xoshiro256++ whose
state splitmix64 fills from (seed, run, stream). All integers are 64-bit and unsigned. A uniform number is
(x >> 12 + 1/2) / 2^52: strictly between 0 and 1, exact.

Logarithm and exponential are our own, of IEEE additions, multiplications and divisions only (the method of fdlibm, error
below one unit in the last place), because the C library's differ between processors with and without fused
multiply-add. So equal bits are claimed for every machine with IEEE doubles, not for one class of processors; kernel.py has
the same functions for the compiler, which must not contract them (LLVM does not unless told to).

Sources: Steele, Lea and Flood (2014) for splitmix64; Blackman and Vigna (2019) for xoshiro256++; Wichura (1988), AS 241,
for the normal quantile; fdlibm e_log.c and e_exp.c for the coefficients.
"""

from __future__ import annotations

import math

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
STREAM = 0xD1B54A32D192ED03  # odd: streams of one run never meet
LOG_SPLIT = 0.7071065902709961  # bits 0x3fe6a09e00000000: mantissas lie in [LOG_SPLIT, 2 LOG_SPLIT)
LN2_HI = 6.93147180369123816490e-01
LN2_LO = 1.90821492927058770002e-10
LN2_INVERSE = 1.44269504088896338700
LOG_1 = 6.666666666666735130e-01
LOG_2 = 3.999999999940941908e-01
LOG_3 = 2.857142874366239149e-01
LOG_4 = 2.222219843214978396e-01
LOG_5 = 1.818357216161805012e-01
LOG_6 = 1.531383769920937332e-01
LOG_7 = 1.479819860511658591e-01
EXP_1 = 1.66666666666666019037e-01
EXP_2 = -2.77777777770155933842e-03
EXP_3 = 6.61375632143793436117e-05
EXP_4 = -1.65339022054652515390e-06
EXP_5 = 4.13813679705723846039e-08


def mix(x: int) -> int:
    """Return splitmix64's scrambling of a 64-bit integer."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def key_of(seed: int, run: int) -> int:
    """Return what all streams of a run start from."""
    return mix((mix((seed + GOLDEN) & MASK) + run * GOLDEN) & MASK)


class Stream:
    """One stream of uniform numbers."""

    __slots__ = ("state",)

    def __init__(self, key: int, number: int) -> None:
        start = mix((key + number * STREAM) & MASK)
        self.state = [mix((start + i * GOLDEN) & MASK) for i in (1, 2, 3, 4)]

    def word(self) -> int:
        """Return the next 64 bits."""
        s = self.state
        total = (s[0] + s[3]) & MASK
        drawn = ((((total << 23) & MASK) | (total >> 41)) + s[0]) & MASK
        shifted = (s[1] << 17) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = ((s[3] << 45) & MASK) | (s[3] >> 19)
        return drawn

    def uniform(self) -> float:
        """Return a number strictly between 0 and 1."""
        return ((self.word() >> 12) + 0.5) * 2.0**-52


def log(x: float) -> float:
    """Return the natural logarithm of a normal number above 0."""
    mantissa, exponent = math.frexp(x)
    if mantissa < LOG_SPLIT:
        mantissa, exponent = mantissa * 2.0, exponent - 1
    f = mantissa - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = w * (LOG_2 + w * (LOG_4 + w * LOG_6))
    even = z * (LOG_1 + w * (LOG_3 + w * (LOG_5 + w * LOG_7)))
    half = 0.5 * f * f
    k = float(exponent)
    return k * LN2_HI - ((half - (s * (half + (even + odd)) + k * LN2_LO)) - f)


def exp(x: float) -> float:
    """Return e to the power of x; beyond +-700 as at +-700."""
    x = min(max(x, -700.0), 700.0)
    k = math.floor(x * LN2_INVERSE + 0.5)
    high = x - k * LN2_HI
    low = k * LN2_LO
    r = high - low
    t = r * r
    c = r - t * (EXP_1 + t * (EXP_2 + t * (EXP_3 + t * (EXP_4 + t * EXP_5))))
    return math.ldexp(1.0 - ((low - (r * c) / (2.0 - c)) - high), k)


def normal(u: float) -> float:
    """Return the quantile of the standard normal at u, to about 1e-16 of it."""
    q = u - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        return q * _ratio(r, NORMAL_MIDDLE)
    r = math.sqrt(-log(u if q < 0.0 else 1.0 - u))
    value = _ratio(r - 1.6, NORMAL_NEAR) if r <= 5.0 else _ratio(r - 5.0, NORMAL_FAR)
    return -value if q < 0.0 else value


# Wichura's coefficients: of the numerator, then of the denominator, from the highest power down.
NORMAL_MIDDLE = (
    2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
    13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608,
    5226.495278852545925, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
    5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0,
)  # fmt: skip
NORMAL_NEAR = (
    7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
    3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734,
    1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
    0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0,
)  # fmt: skip
NORMAL_FAR = (
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
    0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772,
    2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
    0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0,
)  # fmt: skip


def _ratio(r: float, coefficients: tuple[float, ...]) -> float:
    above, below = 0.0, 0.0
    for i in range(8):
        above = above * r + coefficients[i]
        below = below * r + coefficients[8 + i]
    return above / below
