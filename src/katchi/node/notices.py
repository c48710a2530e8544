"""What a node tells those who watch it: it rings, it is logged, it is shown; it is never a rule."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from katchi.errors import KatchiError, Sentence, Unverified


class Told(StrEnum):
    """What a notice is about."""

    MESSAGE = "message"  # a message was laid before the post on duty
    ESCALATED = "escalated"  # an unread message went to the next post
    REFUSED = "refused"  # an ally's node sent something that does not verify
    FORK = "fork"  # two entries signed for one place
    LIE = "lie"  # two countersignatures for two histories
    PAPER = "paper"  # a paper is here whole
    ROOM = "room"  # a charter came, or is in force
    LINK_UP = "link-up"
    LINK_DOWN = "link-down"


class Notice(msgspec.Struct, frozen=True):
    """One thing to tell; without any content of a message."""

    told: Told
    ally: str
    room: bytes | None = None
    detail: str = ""  # in English, a token or a name
    precedence: int = 0
    reason: str = ""  # why something was refused, where a token of docs/spec/record.md says it
    words: Sentence | None = None  # `detail` in whatever language it is shown, where it is a sentence


def refused(ally: str, room: bytes | None, error: KatchiError, told: Told = Told.REFUSED) -> Notice:
    """Return the notice that something of an ally's node was not taken, and why."""
    if isinstance(error, Unverified):
        return Notice(told, ally, room, f"{error.reason}: {error.detail}", reason=error.reason, words=error.detail)
    return Notice(told, ally, room, str(error), words=Sentence.of(error))
