"""Who an ally is: its public keys under one fingerprint, and where its node is reached.

An identity signs itself with every key it names. People compare fingerprints, or 16 digits
stretched from them; nothing here trusts a key on its own word. Addresses and TLS pins lie in a
contact, which the identity signs and which may change without comparing anything again.
"""

from __future__ import annotations

import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta

from katchi.errors import Unverified
from katchi.record import digest as d
from katchi.record.canonical import decode_struct, encode
from katchi.record.fields import STATEMENT_SIZE_MAX, AllyId, Count, Fingerprint, Format, Key, Mode, SuiteToken, Time
from katchi.record.suite import Signer, Suites, Verifier


class Identity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An ally's public keys, for one mode. The fingerprint covers every field."""

    format: Format = 1
    mode: Mode
    ally: AllyId
    suite: SuiteToken
    keys: Annotated[tuple[Key, ...], Meta(min_length=1, max_length=4)]
    serial: Count
    at: Time


class SignedIdentity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An identity's canonical bytes and its own signatures over them."""

    statement: bytes
    signatures: tuple[bytes, ...]

    @property
    def fingerprint(self) -> bytes:
        """SHA-256(label || statement): what people compare."""
        return fingerprint(self.statement)

    @property
    def identity(self) -> Identity:
        """The identity, decoded; `known` verifies it."""
        return decode_struct(self.statement, Identity, size_max=STATEMENT_SIZE_MAX)


class KnownAlly:
    """An identity that verifies, ready to verify what it signs."""

    def __init__(self, signed: SignedIdentity, verifier: Verifier) -> None:
        self.signed, self.identity, self.fingerprint, self.verifier = signed, signed.identity, signed.fingerprint, verifier
        self.ally, self.mode = self.identity.ally, self.identity.mode

    def verify_entry(self, entry_digest: bytes, signature: bytes) -> None:
        """Raise Unverified unless `signature` is this ally's over the entry."""
        self.verifier.entry(d.signed_message(d.ENTRY, self.fingerprint, entry_digest), signature)

    def verify_statement(self, label: bytes, statement_digest: bytes, signatures: tuple[bytes, ...]) -> None:
        """Raise Unverified unless all signatures of this ally's suite hold, in order."""
        self.verifier.full(d.signed_message(label, self.fingerprint, statement_digest), signatures)


def fingerprint(statement: bytes) -> bytes:
    """Return the SHA-256 fingerprint of an identity's canonical bytes, whatever the room's hash."""
    return d.digest("sha256", d.IDENTITY, statement)


def sign_identity(identity: Identity, signer: Signer) -> SignedIdentity:
    """Return `identity` signed by itself."""
    statement = encode(identity)
    own = fingerprint(statement)
    return SignedIdentity(statement, signer.full(d.signed_message(d.IDENTITY, own, own)))


def known(signed: SignedIdentity, suites: Suites) -> KnownAlly:
    """Return the identity, verified and ready to verify others' objects.

    Raises:
        Unverified: not well formed, an unsound key, an unknown suite, or a signature missing.
    """
    identity = signed.identity
    suite = suites.get(identity.suite)
    if suite is None:
        raise Unverified("suite-unknown", "{suite}", suite=identity.suite)
    ally = KnownAlly(signed, suite.load(identity.keys))
    ally.verify_statement(d.IDENTITY, ally.fingerprint, signed.signatures)
    return ally


def phrase(ally: KnownAlly) -> str:
    """Return the 16 pairing digits of an identity, in groups of four: 53 bits, stretched by scrypt (0.3 s)."""
    salt = b"katchi pairing 1\n" + f"{ally.mode}\n{ally.ally}".encode()
    stretched = hashlib.scrypt(ally.fingerprint, salt=salt, n=2**17, r=8, p=1, maxmem=2**28, dklen=32)
    digits = f"{int.from_bytes(stretched, 'big') % 10**16:016d}"
    return " ".join(digits[i : i + 4] for i in range(0, 16, 4))


class Contact(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where and how to reach a node now; signed by the identity, the serial only rises."""

    format: Format = 1
    mode: Mode
    ally: AllyId
    identity: Fingerprint
    serial: Count
    tls: Annotated[tuple[Fingerprint, ...], Meta(max_length=2)]  # SHA-256 of the DER certificates
    seal: tuple[Key, ...]  # keys to seal frames to: none until sealing is built
    addresses: Annotated[tuple[str, ...], Meta(max_length=8)]  # host:port
    at: Time


class SignedContact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A contact's canonical bytes and its identity's signatures over them."""

    statement: bytes
    signatures: tuple[bytes, ...]


def sign_contact(contact: Contact, signer: Signer) -> SignedContact:
    """Return `contact` signed by the identity it names."""
    statement = encode(contact)
    own = d.digest("sha256", d.CONTACT, statement)
    return SignedContact(statement, signer.full(d.signed_message(d.CONTACT, contact.identity, own)))


def verified_contact(signed: SignedContact, ally: KnownAlly, *, serial_min: int) -> Contact:
    """Return the contact if it is `ally`'s own and not older than one already held.

    Raises:
        Unverified: signature, identity, mode or ally differ, or the serial is below `serial_min`.
    """
    contact = decode_struct(signed.statement, Contact, size_max=STATEMENT_SIZE_MAX)
    ally.verify_statement(d.CONTACT, d.digest("sha256", d.CONTACT, signed.statement), signed.signatures)
    if (contact.identity, contact.mode, contact.ally) != (ally.fingerprint, ally.mode, ally.ally):
        raise Unverified("contact-other-identity", "{ally}", ally=contact.ally)
    if contact.serial < serial_min:
        raise Unverified("contact-old-serial", "{serial} where {held} is held", serial=contact.serial, held=serial_min)
    return contact
