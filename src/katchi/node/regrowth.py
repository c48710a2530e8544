"""What a room's entries make of consultations, of the docket and of turning clocks, in one pass over them.

It is how a node fills these from a store that has never had them, and what an audit holds the kept
ones against. A consultation whose entries came in another order than their authors wrote them, or
came back to us after a restore, is folded anew from all its entries at the end.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from katchi.consult.acts import Read, body_as
from katchi.consult.consultation import Consultation, begun, evolve, folded, is_in_order
from katchi.consult.stances import is_over
from katchi.node.batch import Kept, Reader
from katchi.node.docket import Docket, Lines, Waiting, entries_of, lines_of, open_key, waiting_key
from katchi.node.turns import TurnsOf
from katchi.record.charter import Room
from katchi.record.entry import Seen
from katchi.vocabulary import MESSAGES, Kind


class Regrown(msgspec.Struct):
    """One consultation as its entries make it."""

    consultation: Consultation
    key: str  # of its line among the open ones
    lines: Lines


class _Before(msgspec.Struct):
    """The entry before on a branch."""

    arrived_at: int
    at: int
    sees: tuple[Seen, ...]


class _Growing(msgspec.Struct):
    """A consultation on the way."""

    consultation: Consultation
    key: str
    unread: dict[bytes, tuple[str, Waiting]] = {}  # our messages: their line


class Regrowth:
    """Takes the entries of one room in order of arrival."""

    def __init__(self, reader: Reader, room: Room, own: str) -> None:
        self._reader, self._room, self._own = reader, room, own
        self._others = tuple(ally for ally in sorted(room.members) if ally != own)
        self._growing: dict[bytes, _Growing] = {}
        self._odd: set[bytes] = set()
        self._before: dict[tuple[str, int], _Before] = {}
        self.turns = TurnsOf()

    def take(self, kept: Kept) -> None:
        """Take the next entry."""
        self._turn(kept)
        if kept.opening is None or kept.opening in self._odd:
            return
        header, digest = kept.entry.header, kept.entry.digest
        if header.kind == Kind.CONSULTATION_OPENED:
            state, _ = evolve(begun(kept.entry, self._room.members), kept.entry)
            self._growing[digest] = _Growing(state, open_key(kept))
        growing = self._growing.get(kept.opening)
        if growing is None:
            self._odd.add(kept.opening)
        elif header.kind in MESSAGES:
            self._message(growing, kept)
        elif header.kind == Kind.READ:
            self._read(growing, kept)

    def _message(self, growing: _Growing, kept: Kept) -> None:
        header, digest, opening = kept.entry.header, kept.entry.digest, growing.consultation.opening
        if digest != opening:
            if not is_in_order(growing.consultation, kept.entry):
                self._odd.add(opening)
                return
            growing.consultation, _ = evolve(growing.consultation, kept.entry)
        if header.ally == self._own and self._others:
            line = Waiting(digest, self._room.id, opening, self._others)
            growing.unread[digest] = waiting_key(header, digest), line
            if kept.via != self._own:  # given back after a restore: that it was read may have come before it
                self._odd.add(opening)

    def _read(self, growing: _Growing, kept: Kept) -> None:
        by = kept.entry.header.ally
        body = body_as(Kind.READ, kept.entry.body, Read)
        for message in body.entries if body is not None else ():
            held = growing.unread.get(message)
            if held is not None:
                key, line = held
                left = tuple(ally for ally in line.allies if ally != by)
                growing.unread[message] = key, msgspec.structs.replace(line, allies=left)
                if not left:
                    del growing.unread[message]

    def _turn(self, kept: Kept) -> None:
        header = kept.entry.header
        place = (header.ally, kept.branch)
        before = self._before.get(place)
        if before is not None:
            key = (self._room.id, *place)
            self.turns.note(key, kept.entry, (before.at, before.sees), kept.arrived_at, before.arrived_at)
        self._before[place] = _Before(kept.arrived_at, header.at, header.sees)

    def consultations(self) -> Iterator[Regrown]:
        """Yield all consultations of the room; call after its last entry."""
        for opening, growing in self._growing.items():
            if opening not in self._odd:
                waiting: dict[str, Waiting | None] = dict(growing.unread.values())
                lines = Lines(not is_over(growing.consultation.standings), waiting)
                yield Regrown(growing.consultation, growing.key, lines)
        for opening in sorted(self._odd):
            kept = self._reader.entry(opening)
            if kept is None or kept.entry.header.kind != Kind.CONSULTATION_OPENED or kept.entry.header.room != self._room.id:
                continue
            entries = entries_of(self._reader, kept)
            consultation = folded(kept.entry, self._room.members, entries).consultation
            yield Regrown(consultation, open_key(kept), lines_of(self._room, self._own, kept.entry, entries))


def regrow(reader: Reader, room: Room, docket: Docket, own: str) -> TurnsOf:
    """Fill the docket with a room's consultations; return where its clocks turned."""
    growth = Regrowth(reader, room, own)
    for kept in reader.entries(room.id):
        growth.take(kept)
    for one in growth.consultations():
        docket.set_lines(one.key, one.consultation.opening, one.lines)
    return growth.turns
