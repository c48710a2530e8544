"""An ally's private keys in a file: made once, owner's eyes only, never half written.

The file holds two PKCS #8 PEM blocks, Ed25519 and ML-DSA-65, of suite "ed25519+mldsa65". It is not
encrypted: whoever reads it can speak as this ally, so a file that others may read is refused. Keys
that live in tokens or modules are another implementation of record.suite.Signer.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from katchi.errors import Malformed, NotFound, Refused
from katchi.record.suite import Ed25519MlDsa65

FILE_MODE = 0o600
_BLOCK = re.compile(rb"-----BEGIN PRIVATE KEY-----\n.+?-----END PRIVATE KEY-----\n?", re.DOTALL)


class FileSigner:
    """The signer of suite "ed25519+mldsa65" whose keys lie in a file."""

    suite = Ed25519MlDsa65.token

    def __init__(self, first: Ed25519PrivateKey, second: MLDSA65PrivateKey) -> None:
        self._first, self._second = first, second
        self.public_keys: tuple[bytes, ...] = (first.public_key().public_bytes_raw(), second.public_key().public_bytes_raw())

    @classmethod
    def from_seed(cls, seed: bytes) -> FileSigner:
        """Return the signer whose keys follow from a seed: for rehearsals and tests, where the same keys are wanted again."""
        first, second = (hashlib.sha256(suite + seed).digest() for suite in (b"ed25519 ", b"mldsa65 "))
        return cls(Ed25519PrivateKey.from_private_bytes(first), MLDSA65PrivateKey.from_seed_bytes(second))

    @classmethod
    def create(cls, path: Path) -> FileSigner:
        """Make both keys and write them to `path`, which must not exist; durable on return.

        Raises:
            Refused: there is a file already.
        """
        signer = cls(Ed25519PrivateKey.generate(), MLDSA65PrivateKey.generate())
        try:
            _write_new(path, signer._pem())
        except FileExistsError:
            raise Refused(
                "{path} is there already, and keys are never overwritten",
                hint="Use the keys that are there, or move the file away if it belongs to no node.",
                path=str(path),
            ) from None
        return signer

    @classmethod
    def load(cls, path: Path) -> FileSigner:
        """Read both keys.

        Raises:
            NotFound, Refused (others may read the file), Malformed (not two keys of the suite).
        """
        try:
            with path.open("rb") as file:
                mode, data = os.fstat(file.fileno()).st_mode & 0o777, file.read()
        except FileNotFoundError:
            raise NotFound(
                "there is no key file {path}", hint="Restore it from the safe, or open a new epoch with new keys.", path=str(path)
            ) from None
        if mode & 0o077:
            raise Refused(
                "{path} can be read or written by others (mode {mode})",
                hint="Find out who could have read it; then: chmod 600 {path}",
                path=str(path),
                mode=f"{mode:o}",
            )
        return cls(*_parsed(path, data))

    def entry(self, message: bytes) -> bytes:
        """See record.suite.Signer.entry."""
        return self._first.sign(message)

    def full(self, message: bytes) -> tuple[bytes, ...]:
        """See record.suite.Signer.full."""
        return (self._first.sign(message), self._second.sign(message))

    def _pem(self) -> bytes:
        return b"".join(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) for key in (self._first, self._second)
        )


def _parsed(path: Path, data: bytes) -> tuple[Ed25519PrivateKey, MLDSA65PrivateKey]:
    with contextlib.suppress(ValueError, TypeError, UnsupportedAlgorithm):
        keys = [load_pem_private_key(block, password=None) for block in _BLOCK.findall(data)]
        if len(keys) == 2 and isinstance(keys[0], Ed25519PrivateKey) and isinstance(keys[1], MLDSA65PrivateKey):
            return keys[0], keys[1]
    raise Malformed(
        "{path} does not hold an Ed25519 and an ML-DSA-65 private key",
        hint="It should be two blocks of PKCS #8 PEM, in that order. Restore it from the safe.",
        path=str(path),
    )


def _write_new(path: Path, data: bytes) -> None:
    """Write `data` to a file that must not exist, so that a crash leaves all of it or nothing at `path`."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)  # unlike rename, fails if the name is taken
    finally:
        draft.unlink()
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
