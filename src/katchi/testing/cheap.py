"""Signatures that cost a microsecond, so that a thousand nodes run in one process. They prove nothing.

A keyed hash stands in for a signature, and the "public key" is the secret itself: whoever can verify
can forge. It is therefore never among `record.suite.SHIPPED`, and production code, which knows only
those, refuses an identity of suite "cheap" as `suite-unknown`. A test holds that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from katchi.errors import Unverified
from katchi.record.suite import ENTRY_SIGNATURE_SIZE, SHIPPED, Suites, Verifier

SECRET_SIZE = 32


class CheapSigner:
    """The signer of one simulated ally; the same `seed` is the same key."""

    def __init__(self, seed: bytes) -> None:
        self.secret = hashlib.blake2b(seed, digest_size=SECRET_SIZE).digest()
        self.public_keys = (self.secret,)

    def entry(self, message: bytes) -> bytes:
        """See record.suite.Signer.entry."""
        return _keyed(self.secret, message)

    def full(self, message: bytes) -> tuple[bytes, ...]:
        """See record.suite.Signer.full."""
        return (_keyed(self.secret, message),)


class CheapSuite:
    """The suite of simulated allies; see the module."""

    token = "cheap"

    def load(self, keys: Sequence[bytes]) -> Verifier:
        """See record.suite.Suite.load."""
        if len(keys) != 1 or len(keys[0]) != SECRET_SIZE:
            raise Unverified("key-malformed", "the cheap suite has one key of 32 bytes")
        return _CheapVerifier(keys[0])


class _CheapVerifier:
    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def entry(self, message: bytes, signature: bytes) -> None:
        if signature != _keyed(self._secret, message):
            raise Unverified("signature-invalid", "the cheap signature does not hold")

    def full(self, message: bytes, signatures: Sequence[bytes]) -> None:
        if len(signatures) != 1:
            raise Unverified("signature-missing", "{n} signatures where the suite has {expected}", n=len(signatures), expected=1)
        self.entry(message, signatures[0])


def _keyed(secret: bytes, message: bytes) -> bytes:
    return hashlib.blake2b(message, key=secret, digest_size=ENTRY_SIGNATURE_SIZE).digest()


SUITES: Suites = {**SHIPPED, CheapSuite.token: CheapSuite()}  # what a simulation knows; a node knows SHIPPED
