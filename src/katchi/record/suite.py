"""Signature suites: which keys an ally signs with, and how the others verify them.

A suite is named in an ally's identity, because governments require different algorithms: each
signs by its own, all verify. An entry carries the first signature of its suite alone (fast);
a statement that must outlast quantum computers carries all of them, in suite order. A private
key never passes through here: signing is a port.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from katchi.errors import Unverified
from katchi.record.edwards import check_key

ENTRY_SIGNATURE_SIZE = 64


class Verifier(Protocol):
    """The public keys of one identity, checked and loaded."""

    def entry(self, message: bytes, signature: bytes) -> None:
        """Raise Unverified unless `signature` is the suite's first signature over `message`."""

    def full(self, message: bytes, signatures: Sequence[bytes]) -> None:
        """Raise Unverified unless `signatures` are all of the suite's, in order, over `message`."""


class Suite(Protocol):
    """A named set of signature algorithms."""

    token: str

    def load(self, keys: Sequence[bytes]) -> Verifier:
        """Return the verifier of these public keys, or raise Unverified if one is not sound."""


class Signer(Protocol):
    """One ally's private keys: a port, since keys live in files, tokens or modules."""

    def entry(self, message: bytes) -> bytes:
        """Return the suite's first signature over `message`, 64 bytes."""

    def full(self, message: bytes) -> tuple[bytes, ...]:
        """Return all signatures of the suite over `message`, in suite order."""


Suites = Mapping[str, Suite]


class Ed25519MlDsa65:
    """Ed25519 (RFC 8032) and ML-DSA-65 (FIPS 204), both over the same message."""

    token = "ed25519+mldsa65"

    def load(self, keys: Sequence[bytes]) -> Verifier:
        """See Suite.load."""
        if len(keys) != 2:
            raise Unverified("key-malformed", "{n} keys where the suite has {expected}", n=len(keys), expected=2)
        check_key(keys[0])
        if not any(keys[1]):
            raise Unverified("key-malformed", "the ML-DSA key is all zero")
        try:
            return _HybridVerifier(keys[0], MLDSA65PublicKey.from_public_bytes(keys[1]))
        except ValueError as error:
            raise Unverified("key-malformed", "{error}", error=str(error)) from None


class _HybridVerifier:
    def __init__(self, first: bytes, second: MLDSA65PublicKey) -> None:
        self._first, self._second = first, second

    def entry(self, message: bytes, signature: bytes) -> None:
        """R = [s]B - [h]A byte for byte, s < L, R not the neutral point (ADR 7): libsodium asks for just that."""
        try:
            if len(signature) != ENTRY_SIGNATURE_SIZE:  # it takes signature and message as one
                raise BadSignatureError
            crypto_sign_open(signature + message, self._first)
        except BadSignatureError:
            raise Unverified("signature-invalid", "the Ed25519 signature does not hold") from None

    def full(self, message: bytes, signatures: Sequence[bytes]) -> None:
        if len(signatures) != 2:
            raise Unverified("signature-missing", "{n} signatures where the suite has {expected}", n=len(signatures), expected=2)
        self.entry(message, signatures[0])
        try:
            self._second.verify(signatures[1], message)
        except InvalidSignature:
            raise Unverified("signature-invalid", "the ML-DSA-65 signature does not hold") from None


SHIPPED: Suites = {Ed25519MlDsa65.token: Ed25519MlDsa65()}
