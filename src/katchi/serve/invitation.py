"""The file that one government gives another so that their nodes can be paired.

It carries the identity, its contact and the node's TLS certificate, each signed or pinned by what is
before it. It proves nothing by itself: people compare the 16 digits, or all 64 of the fingerprint.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from katchi.bearer.certificate import pin
from katchi.errors import KatchiError, Malformed, NotFound, NotTrusted, os_reason
from katchi.node.settings import PairedAlly
from katchi.record.canonical import decode_struct, encode
from katchi.record.identity import KnownAlly, SignedContact, SignedIdentity, known, phrase, verified_contact
from katchi.record.suite import Suites

MAGIC = b"katchi invitation 1\n"
SIZE_MAX = 64 * 1024
Compared = Literal["phrase", "fingerprint", "not compared"]


class Invitation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an invitation file holds."""

    identity: SignedIdentity
    contact: SignedContact
    certificate: bytes


def write_invitation(path: Path, invitation: Invitation) -> None:
    """Write an invitation to `path`."""
    path.write_bytes(MAGIC + encode(invitation))


def read_invitation(path: Path, suites: Suites) -> tuple[Invitation, KnownAlly]:
    """Return the invitation in the file and its ally, all signatures verified.

    Raises:
        NotFound, Malformed: no such file, or not an invitation, or one whose signatures do not hold.
    """
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_MAX + 1)
    except OSError as error:
        raise NotFound(
            "cannot read {path}: {error}",
            hint="Name the invitation file that the ally sent.",
            path=str(path),
            error=os_reason(error),
        ) from None
    if not data.startswith(MAGIC):
        raise Malformed(
            "{path} is not an invitation", hint="The ally makes one with `katchi node invite DIR --out FILE`.", path=str(path)
        )
    try:
        invitation = decode_struct(data[len(MAGIC) :], Invitation, size_max=SIZE_MAX)
        ally = known(invitation.identity, suites)
        contact = verified_contact(invitation.contact, ally, serial_min=0)
    except KatchiError as error:
        raise Malformed(
            "the invitation in {path} does not hold: {error}",
            hint="Ask the ally for a new one; nothing was paired.",
            path=str(path),
            error=str(error),
        ) from None
    if pin(invitation.certificate) not in contact.tls:
        raise Malformed(
            "the TLS certificate in {path} is not the one its contact names",
            hint="Ask the ally for a new invitation; nothing was paired.",
            path=str(path),
        )
    return invitation, ally


def compared(ally: KnownAlly, said: str | None) -> Compared:
    """Return how people compared an invitation, given what they read from the ally.

    Args:
        said: the ally's 16 digits or 64 hex digits, with any spaces or hyphens; None if not compared.
    Raises:
        Malformed: neither 16 digits nor 64 hex digits. NotTrusted: not this ally's.
    """
    if said is None:
        return "not compared"
    plain = said.replace(" ", "").replace("-", "").lower()
    if len(plain) == 64 and all(c in "0123456789abcdef" for c in plain):
        if plain != ally.fingerprint.hex():
            raise _not_theirs(ally)
        return "fingerprint"
    if len(plain) == 16 and plain.isascii() and plain.isdigit():
        if plain != phrase(ally).replace(" ", ""):
            raise _not_theirs(ally)
        return "phrase"
    raise Malformed(
        "that is neither 16 digits nor 64 hex digits", hint="Type what the ally's officer reads aloud: `katchi node show`."
    )


def _not_theirs(ally: KnownAlly) -> NotTrusted:
    return NotTrusted(
        "these are not the digits of {ally}'s invitation: it was changed on the way, or misread",
        hint="Read them again. If they differ again, someone stands between you: pair nothing, call {ally} by another way.",
        ally=ally.ally,
    )


def paired(invitation: Invitation, how: Compared, *, now: int, address: str | None) -> PairedAlly:
    """Return the ally as a node keeps it."""
    return PairedAlly(
        identity=invitation.identity.statement,
        identity_signatures=invitation.identity.signatures,
        contact=invitation.contact.statement,
        contact_signatures=invitation.contact.signatures,
        certificate=invitation.certificate,
        compared=how,
        paired_at=now,
        address=address,
    )
