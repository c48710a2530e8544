"""Ed25519 public keys that libraries load, and that no identity may have."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from katchi.errors import Unverified
from katchi.record import edwards as e

# All canonical encodings of the eight points of small order (RFC 7748 security considerations; ed25519 literature).
SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]


def encoded(point: e.Point) -> bytes:
    x, y, z, _ = point
    inverse = pow(z, -1, e.P)
    return (y * inverse % e.P | (x * inverse % e.P & 1) << 255).to_bytes(32, "little")


def mixed_order_key() -> bytes:
    key = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32).public_key().public_bytes_raw()
    return encoded(e._plus(e._decompressed(key), e._decompressed(bytes.fromhex(SMALL_ORDER[4]))))


@given(st.binary(min_size=32, max_size=32))
@settings(max_examples=10)
def test_every_key_that_was_generated_is_sound(seed):
    e.check_key(Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw())


@pytest.mark.parametrize("key", SMALL_ORDER)
def test_a_key_of_small_order_is_refused_although_libraries_load_it(key):
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
    with pytest.raises(Unverified, match="key-small-order"):
        e.check_key(bytes.fromhex(key))


def test_one_signature_by_a_small_order_key_verifies_any_message():
    """The attack that check_key stops, shown with the library we use: R = identity, s = 0."""
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(SMALL_ORDER[0]))
    for message in (b"yes", b"no"):
        key.verify(bytes.fromhex(SMALL_ORDER[0]) + bytes(32), message)


def test_a_key_with_a_small_order_part_is_refused():
    Ed25519PublicKey.from_public_bytes(mixed_order_key())
    with pytest.raises(Unverified, match="key-mixed-order"):
        e.check_key(mixed_order_key())


@pytest.mark.parametrize(
    "encoded_y", [e.P, e.P + 1, 2**255 - 1, (e.P) | 1 << 255, 1 | 1 << 255, (e.P - 1) | 1 << 255], ids=lambda y: f"{y:x}"[:6]
)
def test_a_second_spelling_of_a_key_is_refused(encoded_y):
    with pytest.raises(Unverified, match="key-non-canonical"):
        e.check_key(encoded_y.to_bytes(32, "little"))


@pytest.mark.parametrize("key", [b"", b"\x01" * 31, b"\x01" * 33, (2).to_bytes(32, "little")])
def test_what_is_no_point_is_refused(key):
    with pytest.raises(Unverified, match="key-malformed"):
        e.check_key(key)
