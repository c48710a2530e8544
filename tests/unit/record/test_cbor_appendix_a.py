"""The public examples of RFC 8949 Appendix A: each is read as its value, or refused; none is misread."""

from __future__ import annotations

import json

from katchi.errors import Unverified
from katchi.record.canonical import INT_MAX, decode, encode


def is_ours(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_ours(item) for key, item in value.items())
    if isinstance(value, list):
        return all(is_ours(item) for item in value)
    if isinstance(value, bool | float):
        return False
    return value is None or isinstance(value, str) or (isinstance(value, int) and 0 <= value <= INT_MAX)


def test_each_public_example_is_read_as_its_value_or_refused(samples):
    read = refused = 0
    for example in json.loads((samples / "crypto/cbor/rfc8949_appendix_a.json").read_text()):
        data = bytes.fromhex(example["hex"])
        try:
            value = decode(data, size_max=1000)
        except Unverified:
            refused += 1
            may_be_read = example["roundtrip"] and "decoded" in example and is_ours(example["decoded"])
            assert not may_be_read, example["hex"]
        else:
            read += 1
            assert encode(value) == data
            assert "decoded" not in example or value == example["decoded"]
    assert read + refused == 82 and read > 20
