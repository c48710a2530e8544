"""The canonical form: the one way in which a value becomes bytes, and only that way back.

CBOR (RFC 8949, core deterministic encoding) of maps with text keys, arrays, text, byte strings,
integers 0 .. 2^53-1 and null; nothing else. Bytes that do not re-encode to themselves are refused,
so a value has one digest. It knows nothing of what the values mean.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any, NoReturn, TypeVar

import cbor2
import msgspec

from katchi.errors import Unverified

INT_MAX = 2**53 - 1
DEPTH_MAX = 16

# All that cbor2 would make something of. A set would pass for an array, a shared reference for a loop.
_MEANT = (0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799)
_NESTED = frozenset({dict, list, tuple})
_BIGNUMS = (2, 3)

Value = None | int | str | bytes | list["Value"] | dict[str, "Value"]
Struct = TypeVar("Struct", bound=msgspec.Struct)


class _Tagged:
    """A tagged item: never a value of the record."""

    def __init__(self, tag: int) -> None:
        self.tag = tag


TAGS_UNREAD = {tag: partial(lambda tag, *_: _Tagged(tag), tag) for tag in _MEANT}  # for cbor2: nothing is made of them


def encode(value: Any) -> bytes:
    """Return the canonical bytes of `value`: a Value, tuples of Values, or a struct of them."""
    if isinstance(value, msgspec.Struct):
        value = msgspec.to_builtins(value, builtin_types=(bytes,))
    encoded: bytes = cbor2.dumps(_sorted(value))
    return encoded


def decode(data: bytes, *, size_max: int) -> Value:
    """Return the Value that `data` is the canonical form of.

    Raises:
        Unverified: too large, not CBOR, or not canonical; the reason names the fault.
    """
    value: Value = _load(data, size_max)
    _walk(value)
    if not _is_canonical(data, value):
        _name_fault(data, value)
    return value


def decode_struct(data: bytes, shape: type[Struct], *, size_max: int) -> Struct:
    """Return the struct of type `shape` whose canonical form is `data`.

    Raises:
        Unverified: as `decode`, or the fields are not exactly those of `shape`.
    """
    loaded = _load(data, size_max)
    try:
        value = msgspec.convert(loaded, shape, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        _walk(loaded)
        reason = "header-extra-field" if "unknown field" in str(error) else "field-malformed"
        raise Unverified(reason, "{error}", error=str(error)) from None
    if not _is_canonical(data, loaded):
        _name_fault(data, loaded)
    return value


@lru_cache(maxsize=1024)
def _order(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return text keys in canonical order: by their encoded bytes, which begin with their length."""
    return tuple(sorted(keys, key=lambda key: (len(key.encode()), key.encode())))


def _sorted(value: Any) -> Any:
    """Return `value` with the keys of every map in canonical order (cbor2's own canonical mode takes three times as long)."""
    kind = type(value)
    if kind is dict:
        return {key: _sorted(value[key]) if type(value[key]) in _NESTED else value[key] for key in _order(tuple(value))}
    if kind in _NESTED:
        return [_sorted(item) if type(item) in _NESTED else item for item in value]
    return value


def _is_canonical(data: bytes, loaded: Any) -> bool:
    """Whether `data` is the one encoding of what it was loaded to: maps keep their order on loading."""
    return cbor2.dumps(loaded) == data and _is_sorted(loaded)


def _is_sorted(value: Any) -> bool:
    if type(value) is dict:
        keys = tuple(value)
        if keys != _order(keys):
            return False
        value = value.values()
    elif type(value) not in _NESTED:
        return True
    return all(_is_sorted(item) for item in value if type(item) in _NESTED)


def _load(data: bytes, size_max: int) -> Any:
    if len(data) > size_max:
        raise Unverified("too-large", "{size} bytes where {size_max} are allowed", size=len(data), size_max=size_max)
    loaded: Any
    try:
        loaded = cbor2.loads(
            data, max_depth=DEPTH_MAX - 1, allow_indefinite=False, allow_duplicate_keys=False, semantic_decoders=TAGS_UNREAD
        )
    except (cbor2.CBORDecodeError, ValueError, TypeError, OverflowError) as error:
        reason = "header-keys-duplicate" if "uplicate" in str(error) else "not-cbor"
        raise Unverified(reason, "{error}", error=type(error).__name__) from None
    return loaded


def _walk(value: Any) -> None:
    kind = type(value)
    if kind is str or kind is bytes or value is None:
        return
    if kind is int:
        if not 0 <= value <= INT_MAX:
            raise Unverified("int-too-large", "outside 0 .. 2^53-1")
    elif kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise Unverified("key-not-text", "{type}", type=type(key).__name__)
            if type(item) is not str:
                _walk(item)
    elif kind is list:
        for item in value:
            _walk(item)
    elif kind is bool:
        raise Unverified("int-as-bool", "true and false are not values of the record")
    elif kind is _Tagged and value.tag in _BIGNUMS:
        raise Unverified("int-as-bignum-tag", "an integer is written as a tagged byte string")
    else:
        raise Unverified("type-not-allowed", "{type}", type=kind.__name__)


def _name_fault(data: bytes, value: Any) -> NoReturn:
    if cbor2.dumps(value) == data:
        raise Unverified("header-keys-unsorted", "map keys are not in canonical order")
    raise Unverified("not-shortest", "an integer or length is not in its shortest form, or bytes follow the value")
