"""Frames: one canonical map each, bounded, and open to what a later version adds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from katchi.errors import Unverified
from katchi.link import frames as f
from katchi.record.canonical import encode
from katchi.record.fields import HEADER_SIZE_MAX, MEMBERS_MAX

ROOM = b"r" * 32


def test_a_frame_over_one_mebibyte_is_refused_before_it_is_decoded():
    with pytest.raises(Unverified) as refused:
        f.read_frame(b"\xa0" + b"\0" * f.FRAME_SIZE_MAX)
    assert refused.value.reason == "frame-too-large"


def test_a_frame_of_exactly_one_mebibyte_is_read():
    padding = b"\0" * (f.FRAME_SIZE_MAX - len(encode({"t": "later", "data": b"\0" * 70_000})) + 70_000)
    data = encode({"t": "later", "data": padding})
    assert len(data) == f.FRAME_SIZE_MAX
    assert f.read_frame(data) is None


@pytest.mark.parametrize(
    "frame",
    [
        f.Entries(ROOM, (f.EntryItem(b"h" * (HEADER_SIZE_MAX + 1), b"s" * 64, None, None),)),
        f.Entries(ROOM, (f.EntryItem(b"h", b"s" * 65, None, None),)),
        f.Entries(ROOM, (f.EntryItem(b"h", b"s" * 64, b"s" * 32, b"b" * (64 * 1024 + 1)),)),
        f.Entries(ROOM, (f.EntryItem(b"h", b"s" * 64, b"s" * 33, b"b"),)),
        f.Have(ROOM, (f.Head("azure", 0, 1, ROOM, 0, (("birch", 1),) * (MEMBERS_MAX + 1)),)),
        f.ChunkFrame(ROOM, ROOM, 0, b"c" * (f.CHUNK_SIZE + 1)),
        f.Fault("reason", "d" * 301),
    ],
    ids=["header", "signature", "body", "salt", "confirmed", "chunk", "detail"],
)
def test_a_field_over_its_limit_is_refused(frame):
    with pytest.raises(Unverified) as refused:
        f.read_frame(f.write_frame(frame))
    assert refused.value.reason == "frame-malformed"


@given(st.binary(max_size=300))
def test_whatever_bytes_come_are_a_frame_or_passed_over_or_refused_by_name(data):
    try:
        f.read_frame(data)
    except Unverified as refused:
        assert refused.reason == "frame-malformed"


_values = st.recursive(
    st.none() | st.integers(0, 2**53 - 1) | st.binary(max_size=40) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(f._SHAPES)), st.dictionaries(st.sampled_from(["room", "heads", "now", "echo", "charter"]), _values))
def test_a_known_type_with_any_fields_is_a_frame_or_refused_by_name(tag, fields):
    try:
        f.read_frame(encode({**fields, "t": tag}))
    except Unverified as refused:
        assert refused.reason == "frame-malformed"


@given(st.text(max_size=20).filter(lambda tag: tag not in f._SHAPES), _values)
def test_any_frame_of_a_type_that_is_not_known_is_passed_over(tag, later):
    assert f.read_frame(encode({"t": tag, "later": later})) is None


@given(st.integers(0, 2**53 - 1), st.none() | st.integers(0, 2**53 - 1))
def test_a_frame_reads_as_it_was_written(now, echo):
    ping = f.Ping(now, echo, 0, b"t" * 32)
    assert f.read_frame(f.write_frame(ping)) == ping
