"""The Merkle tree of RFC 9162, grown leaf by leaf."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from katchi.record import merkle


def root_by_the_definition(leaves: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, written as it stands there."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + root_by_the_definition(leaves[:k]) + root_by_the_definition(leaves[k:])).digest()


def test_roots_are_those_of_certificate_transparency(samples):
    public = json.loads((samples / "crypto/merkle/rfc6962_roots.json").read_text())
    leaves = [bytes.fromhex(leaf) for leaf in public["leaf_inputs"]]
    for size, root in enumerate(public["roots_size_1_to_8"], start=1):
        assert merkle.root("sha256", merkle.frontier_of("sha256", leaves[:size])).hex() == root


@given(st.lists(st.binary(max_size=8), max_size=70))
def test_a_root_grown_leaf_by_leaf_is_that_of_the_definition(leaves):
    assert merkle.root("sha256", merkle.frontier_of("sha256", leaves)) == root_by_the_definition(leaves)
    assert merkle.root_of_leaves("sha256", [merkle.leaf("sha256", leaf) for leaf in leaves]) == root_by_the_definition(leaves)


def test_a_frontier_grows_at_any_length_to_what_it_would_be_from_the_start():
    leaves = [bytes([i]) for i in range(40)]
    for length in range(39):
        before = merkle.frontier_of("sha256", leaves[:length])
        assert merkle.grown("sha256", before, length, leaves[length]) == merkle.frontier_of("sha256", leaves[: length + 1])
        assert len(before) == length.bit_count()


def test_two_leaves_never_pass_for_one_node():
    """Without the 0x00 and 0x01 before them, a leaf that holds two digests would have the root of two leaves."""
    left, right = merkle.leaf("sha256", b"a"), merkle.leaf("sha256", b"b")
    pair = merkle.root("sha256", merkle.frontier_of("sha256", [b"a", b"b"]))
    assert pair != merkle.root("sha256", merkle.frontier_of("sha256", [left + right]))


@pytest.mark.parametrize(("name", "size"), [("sha256", 32), ("sha384", 48)])
def test_a_root_is_by_the_rooms_hash(name, size):
    assert len(merkle.root(name, merkle.frontier_of(name, [b"a", b"b", b"c"]))) == size
