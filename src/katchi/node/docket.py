"""What is still to be done: which consultations are open, and which of our messages an ally has not read.

Both are derived: of each consultation its entries alone say whether it stands here, and `lines_of`
says it from the start. They are listings, newest opening first and most urgent message first, so
that a page shows their beginning at the same cost however long the record or the lists have become.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from katchi.consult.acts import Read, body_as
from katchi.consult.consultation import folded
from katchi.consult.stances import is_over
from katchi.node.batch import Kept, Reader
from katchi.node.listing import Listing
from katchi.record.canonical import INT_MAX
from katchi.record.charter import Room
from katchi.record.entry import Entry, Header
from katchi.vocabulary import MESSAGES

OPEN, WAITING = "derived/open", "derived/waiting"


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """One of our messages that some ally has not read."""

    message: bytes
    room: bytes
    opening: bytes
    allies: tuple[str, ...]  # that have not read it


class Lines(msgspec.Struct, frozen=True):
    """What one consultation contributes to both lists."""

    is_open: bool
    waiting: dict[str, Waiting | None]  # of every message of ours, by key; None: all have read it


class Docket:
    """Both lists of one node."""

    def __init__(self, store: Reader, own: str) -> None:
        self._own = own
        self.open = Listing(store, OPEN)
        self.waiting = Listing(store, WAITING)

    @property
    def is_known(self) -> bool:
        """Whether the store has these lists; one written before they existed has not."""
        return self.open.is_known and self.waiting.is_known

    def note(self, opening: Kept, is_open: bool) -> None:
        """Note whether a consultation is open."""
        self.open.set(open_key(opening), opening.entry.digest if is_open else None)

    def said(self, kept: Kept, members: Iterable[str]) -> None:
        """Note a message that we have just written: nobody can have read it."""
        others = tuple(sorted(ally for ally in members if ally != self._own))
        if others and kept.opening is not None:
            header = kept.entry.header
            line = Waiting(kept.entry.digest, header.room, kept.opening, others)
            self.waiting.add(waiting_key(header, kept.entry.digest), _encode(line))

    def read(self, message: Entry, opening: bytes, room: bytes, by: str) -> None:
        """Note that an ally says, in that consultation of that room, that it has read a message of ours."""
        key = waiting_key(message.header, message.digest)
        held = self.waiting.get(key)
        if held is None:
            return
        line = waiting_of(held)
        left = tuple(ally for ally in line.allies if ally != by)
        if (line.opening, line.room) == (opening, room):
            self.waiting.set(key, _encode(msgspec.structs.replace(line, allies=left)) if left else None)

    def set(self, room: Room, opening: Kept, entries: Iterable[Entry]) -> None:
        """Note a consultation from its start."""
        self.set_lines(open_key(opening), opening.entry.digest, lines_of(room, self._own, opening.entry, entries))

    def set_lines(self, key: str, opening: bytes, lines: Lines) -> None:
        """Note what a consultation contributes to both lists."""
        self.open.set(key, opening if lines.is_open else None)
        for message, line in lines.waiting.items():
            self.waiting.set(message, _encode(line) if line is not None else None)

    def write(self, facts: dict[str, bytes | None]) -> None:
        """See Listing.write."""
        self.open.write(facts)
        self.waiting.write(facts)

    def keep(self) -> None:
        """The changes are durable."""
        self.open.keep()
        self.waiting.keep()

    def take_back(self) -> None:
        """The changes never happened."""
        self.open.take_back()
        self.waiting.take_back()


def lines_of(room: Room, own: str, opening: Entry, entries: Iterable[Entry]) -> Lines:
    """Return what a consultation contributes, from all its entries of its room."""
    entries = list(entries)
    consultation = folded(opening, room.members, entries).consultation
    others = [ally for ally in sorted(room.members) if ally != own]
    read: dict[bytes, set[str]] = {}
    for entry in entries:
        body = body_as(entry.header.kind, entry.body, Read)
        for message in body.entries if body is not None else ():
            read.setdefault(message, set()).add(entry.header.ally)
    waiting: dict[str, Waiting | None] = {}
    for entry in {one.digest: one for one in (opening, *entries)}.values():
        if entry.header.ally == own and entry.header.kind in MESSAGES:
            left = tuple(ally for ally in others if ally not in read.get(entry.digest, ()))
            line = Waiting(entry.digest, room.id, opening.digest, left) if left else None
            waiting[waiting_key(entry.header, entry.digest)] = line
    return Lines(not is_over(consultation.standings), waiting)


def entries_of(store: Reader, opening: Kept) -> list[Entry]:
    """Return the entries of a consultation that lie in its room, in order of arrival."""
    room = opening.entry.header.room
    return [kept.entry for kept in store.about(opening.entry.digest) if kept.entry.header.room == room]


def open_key(opening: Kept) -> str:
    """Newest arrival first, room by room."""
    return f"{open_key_of(opening.entry.header.room)}{INT_MAX - opening.arrived_at:014x}/{opening.entry.digest.hex()}"


def open_key_of(room: bytes) -> str:
    """What the lines of a room begin with."""
    return f"{room.hex()}/"


def waiting_key(header: Header, message: bytes) -> str:
    """The most urgent first, then the oldest."""
    return f"{9 - header.precedence}/{header.at:014x}/{message.hex()}"


def waiting_of(value: bytes) -> Waiting:
    """Return a line of the second list."""
    return msgspec.msgpack.decode(value, type=Waiting)


def _encode(line: Waiting) -> bytes:
    return msgspec.msgpack.encode(line)
