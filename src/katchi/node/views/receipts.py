"""The five facts about a message, each with its own time.

Nothing here is stored or sent, and nothing is decided. Digests are hex, times microseconds UTC.
"""

from __future__ import annotations

import msgspec

from katchi.consult.acts import Delivered, Read, body_as
from katchi.consult.consultation import Consultation
from katchi.consult.crossing import seen_of
from katchi.consult.stances import MOVES_NONE
from katchi.node.state import State
from katchi.record.entry import Entry
from katchi.vocabulary import MESSAGES

ANSWERS = MESSAGES - MOVES_NONE


class ReceiptView(msgspec.Struct, kw_only=True):
    """The five facts of one message toward one ally; null where it has not happened, or is not known here."""

    ally: str
    sent: int | None = None  # our journal
    received: int | None = None  # within their countersigned height, when that came here
    delivered: int | None = None  # by their own statement
    read: int | None = None
    answered: int | None = None


class Receipts:
    """The five facts about the messages of one consultation."""

    def __init__(self, state: State, consultation: Consultation, entries: list[Entry]) -> None:
        self._state, self._consultation, self._entries = state, consultation, entries
        self._said: dict[tuple[str, bytes, type], int] = {}
        for entry in entries:
            body = body_as(entry.header.kind, entry.body, Delivered) or body_as(entry.header.kind, entry.body, Read)
            for message in body.entries if body is not None else ():
                self._said.setdefault((entry.header.ally, message, type(body)), entry.header.at)

    def of(self, message: Entry) -> list[ReceiptView]:
        """Return the facts of `message` toward each other member."""
        return [
            ReceiptView(
                ally=ally,
                sent=sent_at(self._state, message, ally),
                received=received_at(self._state, message, ally),
                delivered=self._said.get((ally, message.digest, Delivered)),
                read=self._said.get((ally, message.digest, Read)),
                answered=self._answered(message, ally),
            )
            for ally in self._consultation.standings
            if ally != message.header.ally
        ]

    def _answered(self, message: Entry, ally: str) -> int | None:
        header = message.header
        answers = (
            entry.header.at
            for entry in self._entries
            if entry.header.ally == ally
            and entry.header.kind in ANSWERS
            and (message.digest in entry.header.about or seen_of(entry.header, header.ally) >= (header.epoch, header.seq))
        )
        return min(answers, default=None)


def sent_at(state: State, message: Entry, ally: str) -> int | None:
    """Return when our journal says that a message of ours was put on the link to `ally`."""
    header = message.header
    if header.ally != state.own.ally:
        return None
    prefix = f"local/sent/{header.room.hex()}/{ally}/{header.epoch:016x}/"
    found = state.store.first_fact(prefix, f"{prefix}{header.seq + 1:016x}")
    return int.from_bytes(found, "big") if found is not None else None


def received_at(state: State, message: Entry, ally: str) -> int | None:
    """Return when `ally`'s first countersignature over a message came here; of our own node, when the message came."""
    header = message.header
    if ally == state.own.ally:
        kept = state.kept(message.digest)
        return kept.arrived_at if kept else None
    found = state.store.first_statement(header.room, header.ally, header.epoch, header.seq + 1, ally)
    return found.arrived_at if found is not None else None
