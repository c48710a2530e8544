"""Fills a store as a node of two allies would have, without the signatures and syncs that would take hours.

Consultations of about 33 entries: opening, answers, positions, words, signatures, ends, and the
receipts of each. Most have ended; one in two hundred, and the last ones, are open; of those the last
messages are unread on both sides. What a node derives (chains, consultations, docket, desk) is written
beside them, as the node would have.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from katchi.consult.consultation import Consultation, begun, evolve
from katchi.consult.duty import OnDesk
from katchi.consult.stances import is_over
from katchi.node.batch import Batch, Kept, KeptStatement
from katchi.node.docket import Docket
from katchi.node.settings import Settings
from katchi.node.state import State, chain_key, consultation_key
from katchi.record import digest as d
from katchi.record import merkle
from katchi.record.canonical import encode
from katchi.record.chain import Branch, Chain
from katchi.record.checkpoint import Checkpoint, Countersignature, Signed, sign, statement_digest
from katchi.record.entry import Entry, Header, Seen, sign_entry
from katchi.store.sqlite import SqliteStore
from katchi.testing.builders import NOON, SECOND, Ally, a_room, an_ally
from katchi.testing.cheap import SUITES
from katchi.vocabulary import MESSAGES, Form, Kind

NEAR, FAR = "near", "far"
TEXT = "Both sides hold what the other has said, in the order in which it was said. " * 6
OPEN_EVERY = 200  # consultations, of which one stays open
OPEN_LAST = 30  # consultations
ENTRIES_A_BATCH = 5_000
FLIGHT = SECOND // 5  # from one node to the other


class Side:
    """One ally's chain as it grows."""

    def __init__(self, party: Ally) -> None:
        self.party = party
        self.length, self.epoch, self.head, self.at = 0, 0, b"", NOON
        self.frontier: tuple[bytes, ...] = ()
        self.sees: tuple[Seen, ...] = ()
        self.covered = self.confirmed = 0


class Filler:
    """Writes one store, new or a new node's, in the name of two allies: of simulated ones if none are given."""

    def __init__(self, path: Path, entries: int, parties: dict[str, Ally] | None = None) -> None:
        self.parties = parties or {name: an_ally(name) for name in (NEAR, FAR)}
        self.room = a_room(*self.parties.values(), title="bench")
        self.store = SqliteStore.open(path) if path.exists() else SqliteStore.create(path)
        self.store.connection.pragma("synchronous", "OFF")
        self.sides = {name: Side(party) for name, party in self.parties.items()}
        self.docket = Docket(self.store, NEAR)
        self.batch = Batch(charters=[self.room.signed])
        self.now, self.wanted, self.written = NOON, entries, 0
        self.openings: list[bytes] = []

    def fill(self) -> None:
        """Write so many entries, give or take a consultation."""
        for name in (NEAR, FAR):
            self._say(name, Kind.CHAIN_OPENED, {"by": None}, None)
        while self.written < self.wanted:
            left = (self.wanted - self.written) / 33
            self._consultation(stays_open=left < OPEN_LAST or len(self.openings) % OPEN_EVERY == 0)
            if len(self.batch.entries) > ENTRIES_A_BATCH:
                self._keep()
        self._keep()
        self.store.close()

    def _consultation(self, *, stays_open: bool) -> None:
        number = len(self.openings)
        one, other = (NEAR, FAR) if number % 2 else (FAR, NEAR)
        due = self.now + 3600 * SECOND
        body = {"by": None, "subject": f"Matter {number}: {TEXT[:60]}", "form": Form.EXCHANGE, "due": due, "citing": None}
        opening = self._say(one, Kind.CONSULTATION_OPENED, {**body, "papers": []}, None, precedence=number % 4)
        state = begun(opening, self.room.members)
        state = evolve(state, opening)[0]
        self.openings.append(opening.digest)
        self._receipts(opening, opening.digest, other)
        state = self._act(state, other, Kind.ACKNOWLEDGED, {"text": None})
        for ally in (one, other, one, other):
            state = self._act(state, ally, Kind.POSITION_STATED, {"text": TEXT, "papers": []}, is_read=not stays_open)
        if not stays_open:
            state = self._act(state, one, Kind.WORDS_PROPOSED, {"words": {"en": TEXT, "ko": "우리는 함께 협의한다"}})
            proposal = state.standings[one].last[2]
            for ally in (one, other):
                state = self._act(state, ally, Kind.WORDS_SIGNED, {}, proposal)
            for ally in (one, other):
                state = self._act(state, ally, Kind.ENDED, {"reason": "Words agreed."})
        self.batch.facts[consultation_key(opening.digest)] = msgspec.msgpack.encode(state)
        self.docket.note(self._kept(opening.digest), is_open=not is_over(state.standings))
        self._statements()

    def _kept(self, digest: bytes) -> Kept:
        return next(kept for kept in reversed(self.batch.entries) if kept.entry.digest == digest)

    def _act(
        self, state: Consultation, ally: str, kind: Kind, body: dict[str, Any], *about: bytes, is_read: bool = True
    ) -> Consultation:
        entry = self._say(ally, kind, {"by": None, **body}, state.opening, about)
        self._receipts(entry, state.opening, FAR if ally == NEAR else NEAR, is_read=is_read)
        return evolve(state, entry)[0]

    def _receipts(self, message: Entry, opening: bytes, by: str, *, is_read: bool = True) -> None:
        """Delivered and, unless it lies unread, read."""
        author, header = message.header.ally, message.header
        if author == NEAR:
            self.docket.said(self.batch.entries[-1], self.parties)
        body: dict[str, Any] = {"by": None, "entries": [message.digest], "post": "duty"}
        self._say(by, Kind.DELIVERED, body, opening)
        if is_read:
            self._say(by, Kind.READ, body, opening)
            if author == NEAR:
                self.docket.read(message, opening, self.room.id, by)
        elif by == NEAR:
            on_desk = OnDesk(message.digest, opening, self.room.id, header.precedence, self.now)
            self.batch.facts[f"derived/desk/{message.digest.hex()}"] = msgspec.msgpack.encode(on_desk)

    def _say(
        self,
        ally: str,
        kind: Kind,
        body: dict[str, Any],
        opening: bytes | None,
        about: tuple[bytes, ...] = (),
        precedence: int = 0,
    ) -> Entry:
        side, other = self.sides[ally], self.sides[FAR if ally == NEAR else NEAR]
        self.now += SECOND
        content = encode(body)
        salt = hashlib.sha256(f"{ally} {side.length}".encode()).digest()
        if other.length:
            side.sees = (Seen(other.party.name, 0, other.length - 1, other.head),)
        header = Header(
            mode=self.room.mode,
            room=self.room.id,
            ally=ally,
            epoch=0,
            seq=side.length,
            prev=side.head or self.room.id,
            sees=side.sees,
            at=self.now,
            kind=kind,
            precedence=precedence,
            author="duty",
            marking="UNCLASSIFIED",
            about=(() if opening is None else (opening,)) + about,
            body=d.body_digest(self.room.hash, salt, content),
            size=len(content),
            assent=None,
        )
        entry = sign_entry(self.room, header, salt, content, side.party.fingerprint, side.party.signer)
        side.frontier = merkle.grown(self.room.hash, side.frontier, side.length, entry.digest)
        side.length, side.head, side.at = side.length + 1, entry.digest, self.now
        belongs = entry.digest if kind is Kind.CONSULTATION_OPENED else opening
        arrived_at = self.now if ally == NEAR else self.now + FLIGHT
        self.batch.entries.append(Kept(entry, 0, belongs, arrived_at, ally))
        if ally == NEAR and kind in MESSAGES:
            key = f"local/sent/{self.room.id.hex()}/{FAR}/{0:016x}/{side.length:016x}"
            self.batch.facts[key] = (self.now + 1000).to_bytes(8, "big")
        self.written += 1
        return entry

    def _statements(self) -> None:
        """Checkpoint both chains, and countersign them."""
        for name, side in self.sides.items():
            other = self.sides[FAR if name == NEAR else NEAR].party
            said = {
                "mode": self.room.mode,
                "room": self.room.id,
                "ally": name,
                "epoch": 0,
                "length": side.length,
                "root": merkle.root(self.room.hash, side.frontier),
                "head": side.head,
                "at": self.now,
            }
            checkpoint = sign(self.room, Checkpoint(**said), side.party.fingerprint, side.party.signer)
            counter = Countersignature(
                **said,
                checkpoint=statement_digest(self.room, checkpoint),
                by=other.name,
                by_identity=other.fingerprint,
                since=side.confirmed,
                lacking=0,
            )
            self._state(name, side.length, name, checkpoint)
            self._state(name, side.length, other.name, sign(self.room, counter, other.fingerprint, other.signer))
            side.covered = side.confirmed = side.length

    def _state(self, ally: str, length: int, by: str, signed: Signed) -> None:
        self.batch.statements.append(KeptStatement(self.room.id, ally, 0, length, by, signed, self.now + FLIGHT))

    def _keep(self) -> None:
        for name, side in self.sides.items():
            other = FAR if name == NEAR else NEAR
            branch = Branch(
                epoch=0,
                start=0,
                parent=None,
                length=side.length,
                head=side.head,
                frontier=side.frontier,
                sees=side.sees,
                at=side.at,
                covered=side.covered,
                confirmed={other: side.confirmed},
            )
            chain = Chain(self.room.id, name, (branch,), others=1)
            self.batch.facts[chain_key(self.room.id, name)] = msgspec.msgpack.encode(chain)
        self.docket.write(self.batch.facts)
        self.store.append(self.batch)
        self.docket.keep()
        self.batch = Batch()


def state_of(path: Path) -> tuple[State, SqliteStore]:
    """Return what a node that starts on the store holds in memory."""
    store = SqliteStore.open(path)
    return State(Settings(ally=NEAR, mode="exercise"), an_ally(NEAR).known, SUITES, store), store
