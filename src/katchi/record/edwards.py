"""Is this Ed25519 public key a point that can be trusted to mean one key?

A key of small order lets one signature verify any message; a key with a small-order part makes
verifiers disagree; a non-canonical one has two spellings. Libraries load all three (RFC 8032
leaves it open), so a key is checked here, once while it is remembered: about 15 ms. No signing or verifying here.
"""

from __future__ import annotations

from functools import lru_cache

from katchi.errors import Unverified

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, P) % P
_SQRT_MINUS_1 = pow(2, (P - 1) // 4, P)

Point = tuple[int, int, int, int]  # extended coordinates X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z
_IDENTITY: Point = (0, 1, 1, 0)


@lru_cache(maxsize=256)
def check_key(key: bytes) -> None:
    """Raise Unverified unless `key` (32 bytes) is canonical and of the prime order L.

    Source:
        RFC 8032 sections 5.1.3 and 5.1.4; Chalkias, Garillot, Nikolaenko (2020) on mixed orders.
    """
    point = _decompressed(key)
    if _is_identity(_times(8, point)):
        raise Unverified("key-small-order", "one signature by such a key verifies any message")
    if not _is_identity(_times(L, point)):
        raise Unverified("key-mixed-order", "verifiers would disagree about its signatures")


def _decompressed(key: bytes) -> Point:
    if len(key) != 32:
        raise Unverified("key-malformed", "{size} bytes where {expected} are expected", size=len(key), expected=32)
    encoded = int.from_bytes(key, "little")
    y, sign = encoded & (2**255 - 1), encoded >> 255
    if y >= P:
        raise Unverified("key-non-canonical", "its y is not below 2^255 - 19")
    u, v = (y * y - 1) % P, (_D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P != u:
        x = x * _SQRT_MINUS_1 % P
    if v * x * x % P != u:
        raise Unverified("key-malformed", "not a point of the curve")
    if x == 0 and sign:
        raise Unverified("key-non-canonical", "x is zero but its sign bit is set")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def _plus(a: Point, b: Point) -> Point:
    (x1, y1, z1, t1), (x2, y2, z2, t2) = a, b
    left, right = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    c, d = 2 * t1 * t2 * _D % P, 2 * z1 * z2 % P
    e, f, g, h = right - left, d - c, d + c, right + left
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(scalar: int, point: Point) -> Point:
    total = _IDENTITY
    while scalar:
        if scalar & 1:
            total = _plus(total, point)
        point = _plus(point, point)
        scalar >>= 1
    return total


def _is_identity(point: Point) -> bool:
    x, y, z, _ = point
    return x == 0 and (y - z) % P == 0
