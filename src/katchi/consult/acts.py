"""The bodies of entries, kind by kind: what an officer's act says.

A body is a canonical map: `by` (the officer, or null) and the kind's own fields. Reading one never
fails a chain: what cannot be read, or is not in NFC, is kept and flagged. Text is normalised to NFC
where we write it, never where we read it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from katchi.errors import Malformed, Unverified
from katchi.record.canonical import decode, encode
from katchi.record.fields import BODY_SIZE_MAX, Count, Digest, Time, Token
from katchi.record.identity import SignedIdentity
from katchi.vocabulary import Flag, Form, Kind

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # Unicode Cc and Cs, but for tab and line feed

PAPER_SIZE_MAX = 64 * 1024 * 1024
OPTIONS_MAX = 16  # that a decision record names
TEXT_LENGTH_MAX, SUBJECT_LENGTH_MAX, OWNER_LENGTH_MAX = 16_000, 2_000, 200  # letters, as written: in NFC
Text = Annotated[str, Meta(max_length=TEXT_LENGTH_MAX)]
FullText = Annotated[str, Meta(min_length=1, max_length=TEXT_LENGTH_MAX)]


class Paper(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An attached document: its name, size in bytes, and RFC 9162 root over its 64 KiB chunks."""

    name: Annotated[str, Meta(min_length=1, max_length=255)]
    size: Annotated[int, Meta(ge=0, le=PAPER_SIZE_MAX)]
    root: Digest


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """What every body holds; fields that a later version adds are read past."""

    by: Annotated[str, Meta(max_length=200)] | None = None


class ChainOpened(Body, frozen=True, kw_only=True):
    """The first entry of an epoch: who writes, why the epoch began, and what went before."""

    identity: SignedIdentity
    reason: str  # founded, restored, rebuilt, rekeyed, compromised, repaired
    reads: tuple[int, ...]  # record formats this ally's node reads
    branches: tuple[tuple[int, int, bytes], ...]  # (epoch, seq, digest) of every head known when it began
    old_signatures: tuple[bytes, ...] | None = None


class RepairAccepted(Body, frozen=True, kw_only=True):
    """`about` names the chain.opened of the repair."""

    ally: str


class Opened(Body, frozen=True, kw_only=True):
    """A consultation is opened."""

    subject: Annotated[str, Meta(min_length=1, max_length=SUBJECT_LENGTH_MAX)]
    form: Form
    due: Time | None = None
    citing: Text | None = None  # the commitment it rests on, by its words
    papers: tuple[Paper, ...] = ()


class Acknowledged(Body, frozen=True, kw_only=True):
    """The consultation is taken up."""

    text: Text | None = None


class PositionStated(Body, frozen=True, kw_only=True):
    """What this ally holds, in its own words."""

    text: FullText
    papers: tuple[Paper, ...] = ()


class WordsProposed(Body, frozen=True, kw_only=True):
    """Words for all to sign, by language tag ("en", "ko"); every language given is authentic."""

    words: Annotated[dict[Annotated[str, Meta(pattern="^[a-z]{2,3}$")], Text], Meta(min_length=1)]


class WordsSigned(Body, frozen=True, kw_only=True):
    """`about` is (opening, proposal): that is what is signed."""


class Ended(Body, frozen=True, kw_only=True):
    """This ally ends its own part."""

    reason: FullText


class CouldNotConsult(Body, frozen=True, kw_only=True):
    """Consultation was not possible: what was tried, and why it failed."""

    effort: FullText
    reason: FullText


class DecisionRecorded(Body, frozen=True, kw_only=True):
    """What this ally says it decided, nationally and outside this system, after consulting.

    Who was consulted, and each side's position, is not written here: the entry's `sees` says what
    its author had seen, and node/views/decision.py reads it from the record.
    """

    question: FullText
    options: Annotated[tuple[FullText, ...], Meta(max_length=OPTIONS_MAX)] = ()
    outcome: FullText
    owner: Annotated[str, Meta(min_length=1, max_length=OWNER_LENGTH_MAX)]  # who sees to it
    reason: FullText
    deadline: Time | None = None
    follow_up: Text | None = None


class Delivered(Body, frozen=True, kw_only=True):
    """Messages laid before a post on duty."""

    entries: Annotated[tuple[Digest, ...], Meta(max_length=1_000)]
    post: Token


class Read(Body, frozen=True, kw_only=True):
    """Messages read at a post."""

    entries: Annotated[tuple[Digest, ...], Meta(max_length=1_000)]
    post: Token


class Escalated(Body, frozen=True, kw_only=True):
    """A message lay unread too long and went to the next post; keyed by message and step."""

    entry: Digest
    step: Count
    from_post: Token
    to_post: Token


SHAPES: dict[str, type[Body]] = {
    Kind.CHAIN_OPENED: ChainOpened,
    Kind.REPAIR_ACCEPTED: RepairAccepted,
    Kind.CONSULTATION_OPENED: Opened,
    Kind.ACKNOWLEDGED: Acknowledged,
    Kind.POSITION_STATED: PositionStated,
    Kind.WORDS_PROPOSED: WordsProposed,
    Kind.WORDS_SIGNED: WordsSigned,
    Kind.ENDED: Ended,
    Kind.COULD_NOT_CONSULT: CouldNotConsult,
    Kind.DECISION_RECORDED: DecisionRecorded,
    Kind.DELIVERED: Delivered,
    Kind.READ: Read,
    Kind.ESCALATED: Escalated,
}

Shape = TypeVar("Shape", bound=Body)


def read_body(kind: str, body: bytes) -> tuple[Body | None, tuple[Flag, ...]]:
    """Return the body as its kind's shape (None if it cannot be read) and how it leaves the rules."""
    shape = SHAPES.get(kind)
    if shape is None:
        return None, (Flag.UNKNOWN_KIND,)
    try:
        loaded = decode(body, size_max=BODY_SIZE_MAX)
        value = msgspec.convert(loaded, shape, builtin_types=(bytes,))
    except (Unverified, msgspec.ValidationError):
        return None, (Flag.BODY_MALFORMED,)
    return value, () if _is_nfc(loaded) else (Flag.BODY_NOT_NFC,)


def body_as(kind: str, body: bytes | None, shape: type[Shape]) -> Shape | None:
    """Return the body if it is there and of `shape`, else None."""
    value = read_body(kind, body)[0] if body is not None else None
    return value if isinstance(value, shape) else None


def repaired_heads(body: Body | None) -> tuple[tuple[int, int, bytes], ...] | None:
    """Return the heads that a repair of its author's chain names, None if the body is of no repair."""
    return body.branches if isinstance(body, ChainOpened) and body.reason == "repaired" else None


def write_body(body: Body) -> bytes:
    """Return the canonical bytes of `body`, its text normalised to NFC.

    Raises:
        Malformed: a text holds control characters, or the whole is over 64 KiB.
    """
    value = _normalised(msgspec.to_builtins(body, builtin_types=(bytes,)))
    data = encode(value)
    if len(data) > BODY_SIZE_MAX:
        raise Malformed(
            "the text takes {size} bytes where an entry holds {limit}",
            hint="Shorten it, or attach it as a paper.",
            size=len(data),
            limit=BODY_SIZE_MAX,
        )
    try:
        msgspec.convert(value, type(body), builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise Malformed(
            "the act is not well formed: {error}", hint="Correct the field named here and try again.", error=str(error)
        ) from None
    return data


def length_of(text: str) -> int:
    """Return how many letters a text has as it would be written."""
    return len(unicodedata.normalize("NFC", text))


def _normalised(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        if _CONTROL.search(value):
            raise Malformed("the text holds control characters", hint="Remove them; line breaks and tabs are fine.")
        return value if value.isascii() else unicodedata.normalize("NFC", value)
    if kind is dict:
        return {_normalised(key): _normalised(item) for key, item in value.items()}
    if kind is list or kind is tuple:
        return [_normalised(item) for item in value]
    return value


def _is_nfc(value: Any) -> bool:
    kind = type(value)
    if kind is str:
        return value.isascii() or unicodedata.is_normalized("NFC", value)
    if kind is dict:
        return all(map(_is_nfc, value)) and all(map(_is_nfc, value.values()))
    return kind is not list or all(map(_is_nfc, value))
