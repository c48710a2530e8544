"""Signatures of entries, set apart from the rest of an audit so that they can be checked elsewhere.

Verifying Ed25519 is most of what an audit costs, and needs nothing but a key, a message and the
signature. A Check takes items with their signatures and gives them back in order with what came of
each; `checked_here` does it in this thread, store/cores.py on all cores. It draws no conclusion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol, TypeVar

from katchi.errors import Unverified
from katchi.record import digest as d
from katchi.record.charter import Room
from katchi.record.identity import KnownAlly
from katchi.record.suite import ENTRY_SIGNATURE_SIZE

Item = TypeVar("Item")


class Signature(NamedTuple):
    """One signature to check."""

    signer: KnownAlly
    message: bytes
    signature: bytes


class Check(Protocol):
    """Checks signatures on the way; an item without one passes as None."""

    def __call__(self, items: Iterable[tuple[Item, Signature | None]]) -> Iterator[tuple[Item, bool | None]]:
        """Yield every item, in order, with whether its signature holds."""


def checked_here(items: Iterable[tuple[Item, Signature | None]]) -> Iterator[tuple[Item, bool | None]]:
    """Check each as it comes; see Check."""
    for item, signature in items:
        yield item, None if signature is None else holds(signature)


def holds(signature: Signature) -> bool:
    """Return whether one signature holds."""
    try:
        signature.signer.verifier.entry(signature.message, signature.signature)
    except Unverified:
        return False
    return True


def entry_signature(room: Room, ally: str, header_bytes: bytes, signature: bytes) -> Signature | None:
    """Return what is to be checked of an entry that names `ally`; None if that alone refuses it."""
    signer = room.members.get(ally)
    if signer is None or len(signature) != ENTRY_SIGNATURE_SIZE:
        return None
    message = d.signed_message(d.ENTRY, signer.fingerprint, d.digest(room.hash, d.ENTRY, header_bytes))
    return Signature(signer, message, signature)
