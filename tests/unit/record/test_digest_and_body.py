"""Digests: one label for every kind of object, and a salt that lets no body open twice."""

from __future__ import annotations

import hashlib

import pytest

from katchi.errors import Unverified
from katchi.record import digest as d

SALT = bytes(range(32))


def test_every_label_is_ascii_ends_its_line_and_is_no_other_labels_beginning():
    labels = [value for name, value in vars(d).items() if name.isupper() and isinstance(value, bytes)]
    assert len(labels) == len(set(labels)) >= 9
    for label in labels:
        assert label.isascii() and label.endswith(b" 1\n") and label.count(b"\n") == 1
        assert not any(other.startswith(label) for other in labels if other != label)


@pytest.mark.parametrize("name", ["sha256", "sha384"])
def test_a_digest_is_the_hash_of_label_and_parts(name):
    assert d.digest(name, d.ENTRY, b"ab", b"c") == hashlib.new(name, b"katchi entry 1\nabc").digest()


def test_a_body_digest_is_that_of_label_salt_and_body():
    assert d.body_digest("sha256", SALT, b"body") == hashlib.sha256(b"katchi body 1\n" + SALT + b"body").digest()


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_salt_of_another_size_is_refused_so_that_no_digest_opens_as_two_bodies(size):
    with pytest.raises(Unverified, match="salt-not-32"):
        d.body_digest("sha256", b"s" * size, b"body")


def test_what_is_signed_names_the_kind_the_signer_and_the_object():
    assert d.signed_message(d.CHECKPOINT, b"F" * 32, b"D" * 32) == b"katchi checkpoint 1\n" + b"F" * 32 + b"D" * 32
