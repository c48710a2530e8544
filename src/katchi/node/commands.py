"""What officers and operators may tell their own node, besides the acts of a consultation."""

from __future__ import annotations

from typing import Literal

import msgspec

from katchi.consult.rules import (
    Acknowledge,
    ConsultationCommand,
    CouldNotConsult,
    End,
    Open,
    ProposeWords,
    RecordDecision,
    SignWords,
    StatePosition,
)
from katchi.node.settings import PairedAlly


class FoundRoom(msgspec.Struct, frozen=True, kw_only=True, tag="found-room"):
    """Found a room with paired allies; none but ourselves means another national room."""

    title: str
    allies: tuple[str, ...]
    hash: Literal["sha256", "sha384"] = "sha256"


class JoinRoom(msgspec.Struct, frozen=True, kw_only=True, tag="join-room"):
    """Sign a charter that an ally proposed."""

    room: bytes


class Pair(msgspec.Struct, frozen=True, kw_only=True, tag="pair"):
    """Take an ally's invitation; its signatures are verified again here."""

    ally: PairedAlly


class Consider(msgspec.Struct, frozen=True, kw_only=True, tag="consider"):
    """Refuse what this act would be refused for, and write nothing: asked before papers are kept, and of a faulty form."""

    act: Open | ConsultationCommand


class KeepChunk(msgspec.Struct, frozen=True, kw_only=True, tag="keep-chunk"):
    """Keep one chunk of a paper that an act will name."""

    room: bytes
    root: bytes
    index: int
    data: bytes


class MarkRead(msgspec.Struct, frozen=True, kw_only=True, tag="mark-read"):
    """An officer at `post` has read these messages of one consultation."""

    consultation: bytes
    messages: tuple[bytes, ...]
    post: str | None = None
    by: str | None = None


class AcceptRepair(msgspec.Struct, frozen=True, kw_only=True, tag="accept-repair"):
    """Accept how an ally settled the fork of its own chain."""

    room: bytes
    ally: str
    by: str | None = None


NodeCommand = (
    FoundRoom
    | JoinRoom
    | Pair
    | Consider
    | KeepChunk
    | MarkRead
    | AcceptRepair
    | Open
    | Acknowledge
    | StatePosition
    | ProposeWords
    | SignWords
    | End
    | CouldNotConsult
    | RecordDecision
)


class Written(msgspec.Struct, frozen=True):
    """What a command came to; told to the officer only after it is durable."""

    digest: bytes | None = None  # of the entry written, or of the room founded
    place: str = ""
    room: bytes | None = None
