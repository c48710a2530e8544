"""Digests, labels and the room's hash.

Every digest is H(label || ...) with one label per kind of object, so that bytes of one kind never
pass for another. A label is ASCII, ends in a newline and carries the format's number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from katchi.errors import Unverified

HASHES: Final[dict[str, Callable[..., hashlib._Hash]]] = {"sha256": hashlib.sha256, "sha384": hashlib.sha384}

ENTRY: Final = b"katchi entry 1\n"
BODY: Final = b"katchi body 1\n"
CHARTER: Final = b"katchi charter 1\n"
CHECKPOINT: Final = b"katchi checkpoint 1\n"
COUNTERSIGNATURE: Final = b"katchi countersignature 1\n"
IDENTITY: Final = b"katchi identity 1\n"
CONTACT: Final = b"katchi contact 1\n"
MANIFEST: Final = b"katchi manifest 1\n"
HEADS: Final = b"katchi heads 1\n"

SALT_SIZE: Final = 32


def digest(hash_name: str, label: bytes, *parts: bytes) -> bytes:
    """Return H(label || parts...) by the hash called `hash_name` ("sha256" or "sha384")."""
    running = HASHES[hash_name](label)
    for part in parts:
        running.update(part)
    return running.digest()


def body_digest(hash_name: str, salt: bytes, body: bytes) -> bytes:
    """Return the salted digest of a body; salt is exactly 32 bytes, so that no digest opens twice."""
    if len(salt) != SALT_SIZE:
        raise Unverified("salt-not-32", "{size} bytes", size=len(salt))
    return digest(hash_name, BODY, salt, body)


def signed_message(label: bytes, fingerprint: bytes, object_digest: bytes) -> bytes:
    """Return what a signature is made over: label || signer's identity fingerprint || digest."""
    return label + fingerprint + object_digest
