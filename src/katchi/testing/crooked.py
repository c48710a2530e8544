"""Ed25519 signatures that an ally makes with its own key, but not as the algorithm says: libraries judge them differently.

Whoever holds the key can choose R freely and then find the s that fits. Some verifiers multiply by the cofactor
and accept an R with a part of small order; some accept the neutral point as R. The record has one rule for both.
"""

from __future__ import annotations

import hashlib

from katchi.record import edwards as e
from katchi.serve.keys import FileSigner

BASE = e._decompressed(bytes.fromhex("58" + "66" * 31))  # RFC 8032, section 5.1
ORDER_8 = e._decompressed(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"))
NEUTRAL: e.Point = (0, 1, 1, 0)


def crooked(signer: FileSigner, message: bytes, *, nonce: int, beside: e.Point = NEUTRAL) -> bytes:
    """Return a signature over `message` whose R is [nonce]B plus the point `beside`, with the s that fits."""
    seed, key = signer._first.private_bytes_raw(), signer.public_keys[0]
    secret = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little") & (1 << 254) - 8 | 1 << 254
    r = encoded(e._plus(e._times(nonce, BASE), beside))
    challenge = int.from_bytes(hashlib.sha512(r + key + message).digest(), "little")
    return r + ((nonce + challenge * secret) % e.L).to_bytes(32, "little")


def encoded(point: e.Point) -> bytes:
    """Return a point's 32 bytes."""
    x, y, z, _ = point
    inverse = pow(z, -1, e.P)
    return (y * inverse % e.P | (x * inverse % e.P & 1) << 255).to_bytes(32, "little")
