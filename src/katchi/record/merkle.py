"""Merkle tree of RFC 9162 section 2.1, grown one leaf at a time.

A frontier is the roots of the perfect subtrees of n leaves, largest first: log2(n) digests from
which n + 1 follows and the root is read off. Leaf = H(0x00 || data), node = H(0x01 || left || right).
"""

from __future__ import annotations

from collections.abc import Iterable

from katchi.record.digest import HASHES

Frontier = tuple[bytes, ...]


def grown(hash_name: str, frontier: Frontier, length: int, data: bytes) -> Frontier:
    """Return the frontier of `length` + 1 leaves, the new leaf holding `data`."""
    return joined(hash_name, frontier, length, leaf(hash_name, data))


def leaf(hash_name: str, data: bytes) -> bytes:
    """Return the leaf digest of `data`."""
    return HASHES[hash_name](b"\x00" + data).digest()


def joined(hash_name: str, frontier: Frontier, length: int, node: bytes) -> Frontier:
    """Return the frontier of `length` + 1 leaves, given the new leaf's digest."""
    hashed = HASHES[hash_name]
    roots = list(frontier)
    while length & 1:  # a full subtree of this size stands to the left: join it
        node = hashed(b"\x01" + roots.pop() + node).digest()
        length >>= 1
    roots.append(node)
    return tuple(roots)


def root(hash_name: str, frontier: Frontier) -> bytes:
    """Return the root of the tree whose frontier this is; of no leaves, H of nothing."""
    if not frontier:
        return HASHES[hash_name]().digest()
    node = frontier[-1]
    for left in reversed(frontier[:-1]):
        node = HASHES[hash_name](b"\x01" + left + node).digest()
    return node


def frontier_of(hash_name: str, leaves: Iterable[bytes]) -> Frontier:
    """Return the frontier of a tree over `leaves` in order; O(n)."""
    frontier: Frontier = ()
    for length, data in enumerate(leaves):
        frontier = grown(hash_name, frontier, length, data)
    return frontier


def root_of_leaves(hash_name: str, leaves: Iterable[bytes]) -> bytes:
    """Return the root of a tree given its leaf digests in order; O(n)."""
    frontier: Frontier = ()
    for length, node in enumerate(leaves):
        frontier = joined(hash_name, frontier, length, node)
    return root(hash_name, frontier)
