"""The canonical form: one value, one byte string, and only that way back."""

from __future__ import annotations

import cbor2
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from katchi.errors import Unverified
from katchi.record.canonical import DEPTH_MAX, INT_MAX, decode, decode_struct, encode

values = st.recursive(
    st.none() | st.integers(0, INT_MAX) | st.text(max_size=30) | st.binary(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=30), inner, max_size=4),
    max_leaves=20,
)


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    x: int
    names: tuple[str, ...]


def reason_of(data: bytes) -> str:
    with pytest.raises(Unverified) as refused:
        decode(data, size_max=1000)
    return refused.value.reason


@given(values)
@settings(max_examples=200)
def test_a_value_comes_back_from_its_bytes(value):
    assert decode(encode(value), size_max=100_000) == value


@given(st.binary(max_size=40))
@settings(max_examples=500)
def test_bytes_that_decode_at_all_are_the_only_ones_of_their_value(data):
    try:
        value = decode(data, size_max=100)
    except Unverified:
        return
    assert encode(value) == data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("1800", "not-shortest"),
        ("1a00000001", "not-shortest"),
        ("780161", "not-shortest"),
        ("0000", "not-shortest"),
        ("a2616201616101", "header-keys-unsorted"),
        ("a2626161016162 01", "header-keys-unsorted"),
        ("a2616101616101", "header-keys-duplicate"),
        ("c24101", "int-as-bignum-tag"),
        ("c24900ffffffffffffffff", "int-as-bignum-tag"),
        ("1b0020000000000000", "int-too-large"),
        ("20", "int-too-large"),
        ("f4", "int-as-bool"),
        ("f5", "int-as-bool"),
        ("a10101", "key-not-text"),
        ("a1810101", "key-not-text"),
        ("fb3ff0000000000000", "type-not-allowed"),
        ("f7", "type-not-allowed"),
        ("f820", "type-not-allowed"),
        ("c06161", "type-not-allowed"),
        ("c11a514b67b0", "type-not-allowed"),
        ("d9010281 01", "type-not-allowed"),
        ("d9d9f700", "type-not-allowed"),
        ("d903e800", "type-not-allowed"),
        ("9f01ff", "not-cbor"),
        ("61ff", "not-cbor"),
        ("63eda080", "not-cbor"),
        ("9bffffffffffffffff", "not-cbor"),
        ("5b7fffffffffffffff", "not-cbor"),
        ("", "not-cbor"),
    ],
)
def test_a_form_that_is_not_the_canonical_one_is_refused_by_name(data, reason):
    assert reason_of(bytes.fromhex(data)) == reason


def test_a_list_that_contains_itself_is_refused_and_does_not_exhaust_the_stack():
    assert reason_of(bytes.fromhex("d81c81d81d00")) == "type-not-allowed"


def test_no_tag_that_the_decoder_gives_a_meaning_passes_for_a_value():
    for tag in [*range(300), 1004, 43000, 55799]:
        head = cbor2.dumps(cbor2.CBORTag(tag, 0))[:-1]
        for content in (b"\x00", b"\x41\x01", b"\x80", b"\x61a", b"\xa0", b"\x82\x01\x01"):
            assert reason_of(b"\x81" + head + content) in ("type-not-allowed", "int-as-bignum-tag")


def test_a_set_does_not_pass_for_an_array():
    """It once did: two encodings of one header, two digests of one statement."""
    data = cbor2.dumps({"x": 1, "names": {"a"}}, canonical=True)
    with pytest.raises(Unverified, match="type-not-allowed"):
        decode_struct(data, Point, size_max=100)


def test_a_text_does_not_pass_for_bytes_nor_a_whole_float_for_an_integer():
    for wrong in ({"x": 1.0, "names": []}, {"x": "1", "names": []}, {"x": 1, "names": [b"a"]}, {"x": True, "names": []}):
        with pytest.raises(Unverified):
            decode_struct(cbor2.dumps(wrong, canonical=True), Point, size_max=100)


def test_sixteen_levels_are_read_and_seventeen_are_not():
    assert decode(b"\x81" * (DEPTH_MAX - 1) + b"\x80", size_max=100) is not None
    assert reason_of(b"\x81" * DEPTH_MAX + b"\x80") == "not-cbor"


def test_bytes_beyond_the_limit_are_refused_before_they_are_read():
    with pytest.raises(Unverified, match="too-large"):
        decode(encode("a" * 100), size_max=100)


def test_a_struct_has_all_of_its_fields_and_no_other():
    assert decode_struct(encode(Point(1, ("a",))), Point, size_max=100) == Point(1, ("a",))
    with pytest.raises(Unverified, match="header-extra-field"):
        decode_struct(encode({"names": [], "x": 1, "y": 2}), Point, size_max=100)
    with pytest.raises(Unverified, match="field-malformed"):
        decode_struct(encode({"x": 1}), Point, size_max=100)


def test_map_keys_are_ordered_by_their_encoded_bytes():
    assert encode({"b": 1, "aa": 2, "a": 3}) == bytes.fromhex("a36161 03 6162 01 626161 02")
    assert decode(encode({"z" * 24: 1, "a" * 23: 2}), size_max=100) == {"a" * 23: 2, "z" * 24: 1}
