"""What two nodes say to each other: one frame, one canonical map, its field `t` names it.

Only rooms that both allies are members of are ever named in a frame. A frame or field that a
node does not know is passed over; a feature is used only if both named it in `hello`. Sealing
will wrap whole frames; nothing here is part of the record. docs/spec/link.md has examples.
"""

from __future__ import annotations

from typing import Annotated, Any, get_args

import cbor2
import msgspec
from msgspec import Meta

from katchi.errors import Unverified
from katchi.record.canonical import DEPTH_MAX, TAGS_UNREAD, encode
from katchi.record.charter import SignedCharter
from katchi.record.checkpoint import Signed
from katchi.record.fields import BODY_SIZE_MAX, HEADER_SIZE_MAX, MEMBERS_MAX, AllyId, Count, Digest, Fingerprint, Mode, Time

VERSIONS = (1, 0)  # newest first
FRAME_SIZE_MAX = 1024 * 1024
RUN_BYTES_MAX = 192 * 1024  # of entries in one frame
CHUNK_SIZE = 64 * 1024  # of a paper: its Merkle leaf; only the last may be shorter
LATE_BODIES = "late-bodies"  # headers first, bodies by precedence
PAPERS = "papers"
FEATURES = (LATE_BODIES, PAPERS)

Token = Annotated[str, Meta(max_length=48)]
Header = Annotated[bytes, Meta(max_length=HEADER_SIZE_MAX)]
EntrySignature = Annotated[bytes, Meta(max_length=64)]
Salt = Annotated[bytes, Meta(max_length=32)]
BodyBytes = Annotated[bytes, Meta(max_length=BODY_SIZE_MAX)]
ChunkBytes = Annotated[bytes, Meta(max_length=64 * 1024)]
LeafBytes = Annotated[bytes, Meta(max_length=1024 * 48)]


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag_field="t", tag="hello"):
    """The first frame each way: who we are, what we speak, our clock. The link is up once both are read."""

    versions: Annotated[tuple[Count, ...], Meta(min_length=1, max_length=16)]
    features: Annotated[tuple[Token, ...], Meta(max_length=64)]
    reads: Annotated[tuple[Count, ...], Meta(max_length=16)]  # record formats
    software: Annotated[str, Meta(max_length=64)]
    mode: Mode
    ally: AllyId
    identity: Fingerprint
    now: Time


class CharterFrame(msgspec.Struct, frozen=True, tag_field="t", tag="charter"):
    """A charter that we both are members of, with the signatures known so far."""

    charter: SignedCharter


class Head(msgspec.Struct, frozen=True, array_like=True):
    """One branch of one chain as far as its holder has it."""

    ally: AllyId
    epoch: Count
    length: Count
    head: Digest
    covered: Count
    confirmed: Annotated[tuple[tuple[AllyId, Count], ...], Meta(max_length=MEMBERS_MAX)]


class Have(msgspec.Struct, frozen=True, tag_field="t", tag="have"):
    """What we hold durably of a room: an acknowledgement of all up to it."""

    room: Digest
    heads: Annotated[tuple[Head, ...], Meta(max_length=MEMBERS_MAX * 8)]


class EntryItem(msgspec.Struct, frozen=True, array_like=True):
    """An entry; salt and body are both null where they come later, or are destroyed."""

    header: Header
    signature: EntrySignature
    salt: Salt | None
    body: BodyBytes | None


class Entries(msgspec.Struct, frozen=True, tag_field="t", tag="entries"):
    """A run of entries, each chain in its order."""

    room: Digest
    entries: Annotated[tuple[EntryItem, ...], Meta(max_length=2_000)]


class Statements(msgspec.Struct, frozen=True, tag_field="t", tag="statements"):
    """Checkpoints and countersignatures."""

    room: Digest
    checkpoints: Annotated[tuple[Signed, ...], Meta(max_length=MEMBERS_MAX * 8)]
    countersignatures: Annotated[tuple[Signed, ...], Meta(max_length=MEMBERS_MAX * 8)]


class WantBodies(msgspec.Struct, frozen=True, tag_field="t", tag="want-bodies"):
    """Ask for bodies whose headers we hold, most urgent first."""

    room: Digest
    digests: Annotated[tuple[Digest, ...], Meta(max_length=256)]


class BodyItem(msgspec.Struct, frozen=True, array_like=True):
    """The salt and body of an entry."""

    digest: Digest
    salt: Salt
    body: BodyBytes


class Bodies(msgspec.Struct, frozen=True, tag_field="t", tag="bodies"):
    """Bodies that were asked for."""

    room: Digest
    bodies: Annotated[tuple[BodyItem, ...], Meta(max_length=256)]


class WantPaper(msgspec.Struct, frozen=True, tag_field="t", tag="want-paper"):
    """Ask for `count` chunks of a paper from `first` on; count 0 asks for its leaf digests."""

    room: Digest
    root: Digest
    first: Count
    count: Annotated[int, Meta(ge=0, le=64)]


class Leaves(msgspec.Struct, frozen=True, tag_field="t", tag="leaves"):
    """The Merkle leaf digests of a paper, one after another: they hash to its root."""

    room: Digest
    root: Digest
    leaves: LeafBytes


class ChunkFrame(msgspec.Struct, frozen=True, tag_field="t", tag="chunk"):
    """One chunk of a paper."""

    room: Digest
    root: Digest
    index: Count
    data: ChunkBytes


class Ping(msgspec.Struct, frozen=True, tag_field="t", tag="ping"):
    """Our clock, and the clock of your last ping with how long we held it: delay and skew.

    `taken` is the digest of the newest `have` frames and charters taken from you (tally.py), so
    that one which a bearer lost is told again.
    """

    now: Time
    echo: Time | None
    held_us: Count
    taken: Fingerprint | None = None


class Fault(msgspec.Struct, frozen=True, tag_field="t", tag="fault"):
    """Why we read no more from you. The connection is closed after it."""

    reason: Token
    detail: Annotated[str, Meta(max_length=300)]


Frame = Hello | CharterFrame | Have | Entries | Statements | WantBodies | Bodies | WantPaper | Leaves | ChunkFrame | Ping | Fault
_SHAPES: dict[str, type[Frame]] = {str(shape.__struct_config__.tag): shape for shape in get_args(Frame)}


def write_frame(frame: Frame) -> bytes:
    """Return the bytes of a frame."""
    return encode(frame)


def read_frame(data: bytes) -> Frame | None:
    """Return the frame, or None for one of a type that this version does not know.

    Raises:
        Unverified: too large, not CBOR in canonical form, or a known frame with malformed fields.
    """
    if len(data) > FRAME_SIZE_MAX:
        raise Unverified("frame-too-large", "{size} bytes", size=len(data))
    try:
        loaded: Any = cbor2.loads(
            data, max_depth=DEPTH_MAX, allow_indefinite=False, allow_duplicate_keys=False, semantic_decoders=TAGS_UNREAD
        )
        if cbor2.dumps(loaded, canonical=True) != data:
            raise ValueError("not in canonical form, or bytes follow the frame")
        tag = loaded.get("t") if isinstance(loaded, dict) else None
        shape = _SHAPES.get(tag) if isinstance(tag, str) else None
        if shape is None:
            return None
        frame = msgspec.convert(loaded, shape, builtin_types=(bytes,))  # a union's reader is made anew each time: 15 us
    except (cbor2.CBORError, msgspec.ValidationError, ValueError, TypeError, OverflowError) as error:
        raise Unverified("frame-malformed", "{error}", error=str(error)[:200]) from None
    return frame
