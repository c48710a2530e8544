"""A node of link version 0, frozen on 2026-11-24: never edit it. It is the ally that has not upgraded yet.

Written from docs/spec/record.md and docs/spec/link.md, it imports nothing of katchi, and so is also a second
implementation of both. It speaks link version 0 and no feature (neither "late-bodies" nor "papers"), and does not
know `escalation.raised`. It keeps its record in memory and in one append-only file, and shows it as JSON.

    python node_v0.py DIR init --ally USA --mode exercise
    python node_v0.py DIR invite OUT [--address HOST:PORT]
    python node_v0.py DIR pair FILE --fingerprint HEX [--address HOST:PORT, or - to wait for its call]
    python node_v0.py DIR serve          prints {"port": N}, then answers each line of JSON on stdin by one line

What it does not do: restore, rekey or repair its own chain, settle forks, escalate, hold papers.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import re
import ssl
import sys
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import cbor2
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Map = dict[str, Any]
FRAME_MAX, RUN_MAX, WINDOW = 1024 * 1024, 192 * 1024, 1024 * 1024
HEADER_MAX, BODY_MAX, STATEMENT_MAX = 4 * 1024, 64 * 1024, 256 * 1024
PING_S, IDLE_S, QUIET_S, RELAY_AFTER_S, REWIND_S, REWIND_S_MAX = 4.0, 10.0, 6.0, 2.0, 3.0, 60.0
INVITATION = b"katchi invitation 1\n"
ENTRY, BODY, CHARTER, CHECKPOINT = b"katchi entry 1\n", b"katchi body 1\n", b"katchi charter 1\n", b"katchi checkpoint 1\n"
COUNTER, IDENTITY, CONTACT = b"katchi countersignature 1\n", b"katchi identity 1\n", b"katchi contact 1\n"

OPENED, ACKNOWLEDGED, POSITION, PROPOSED = (
    "consultation.opened",
    "consultation.acknowledged",
    "position.stated",
    "words.proposed",
)
SIGNED, ENDED, COULD_NOT = "words.signed", "consultation.ended", "consultation.could-not-consult"
MESSAGES = (OPENED, ACKNOWLEDGED, POSITION, PROPOSED, SIGNED, ENDED, COULD_NOT)
KINDS = (*MESSAGES, "chain.opened", "repair.accepted", "receipt.delivered", "receipt.read")
_STATED = {POSITION: "position-stated", PROPOSED: "words-proposed", SIGNED: "words-signed", ENDED: "ended"}
_UNDER_WAY = {**_STATED, COULD_NOT: "could-not-consult"}
NEXT: dict[str, dict[str, str]] = {
    "unanswered": {OPENED: "opened", ACKNOWLEDGED: "acknowledged", POSITION: "position-stated", COULD_NOT: "could-not-consult"},
    "opened": _UNDER_WAY,
    "acknowledged": _UNDER_WAY,
    "position-stated": _UNDER_WAY,
    "words-proposed": _UNDER_WAY,
    "words-signed": _STATED,
    "ended": {},
    "could-not-consult": {ACKNOWLEDGED: "acknowledged", POSITION: "position-stated"},
}


class Bad(Exception):
    """Something does not verify, or is not allowed; the first argument is the reason."""


class Gap(Exception):
    """What goes before has not come yet."""


def need(holds: object, reason: str) -> None:
    if not holds:
        raise Bad(reason)


# Canonical form and digests.


def head_of(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    size, code = next((size, code) for size, code in ((1, 24), (2, 25), (4, 26), (8, 27)) if number < 256**size)
    return bytes([major << 5 | code]) + number.to_bytes(size, "big")


def encoded(value: Any) -> bytes:
    kind = type(value)
    if value is None:
        return b"\xf6"
    if kind is int:
        need(0 <= value < 2**53, "int-too-large")
        return head_of(0, value)
    if kind is bytes:
        return head_of(2, len(value)) + value
    if kind is str:
        return head_of(3, len(value.encode())) + value.encode()
    if kind in (list, tuple):
        return head_of(4, len(value)) + b"".join(map(encoded, value))
    need(kind is dict and all(type(key) is str for key in value), "type-not-allowed")
    pairs = sorted((encoded(key), encoded(item)) for key, item in value.items())
    return head_of(5, len(pairs)) + b"".join(key + item for key, item in pairs)


def loaded(data: bytes) -> Any:
    try:
        return cbor2.loads(data, max_depth=16, allow_indefinite=False, allow_duplicate_keys=False)
    except Exception:
        raise Bad("not-cbor") from None


def decoded(data: Any, shape: Map, size_max: int = STATEMENT_MAX) -> Map:
    need(type(data) is bytes and len(data) <= size_max, "too-large")
    value = loaded(data)
    need(type(value) is dict and encoded(value) == data, "not-canonical")
    need(value.keys() == shape.keys(), "header-extra-field")
    for name, holds in shape.items():
        need(holds(value[name]), "field-malformed")
    return value


def digest(hash_name: str, *parts: bytes) -> bytes:
    return hashlib.new(hash_name, b"".join(parts)).digest()


def merkle_root(hash_name: str, leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return digest(hash_name, b"\0", leaves[0])
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return digest(hash_name, b"\1", merkle_root(hash_name, leaves[:half]), merkle_root(hash_name, leaves[half:]))


def whole(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**53


def data(low: int, high: int) -> Any:
    return lambda value: type(value) is bytes and low <= len(value) <= high


def text(pattern: str) -> Any:
    return lambda value: type(value) is str and re.fullmatch(pattern, value) is not None


def array(most: int, item: Any) -> Any:
    return lambda value: type(value) is list and len(value) <= most and all(map(item, value))


def is_seen(value: Any) -> bool:
    return type(value) is list and len(value) == 4 and ALLY(value[0]) and whole(value[1]) and whole(value[2]) and DIGEST(value[3])


def is_signed(value: Any) -> bool:
    return type(value) is dict and value.keys() == {"statement", "signatures"}


def is_1(value: Any) -> bool:
    return type(value) is int and value == 1


ALLY, TOKEN, MODE, DIGEST, PRINT = (
    text("[A-Za-z0-9-]{1,32}"),
    text("[a-z0-9.-]{1,48}"),
    text("live|exercise"),
    data(32, 48),
    data(32, 32),
)
_HERE = {"format": is_1, "mode": MODE, "room": DIGEST, "ally": ALLY, "epoch": whole, "at": whole}
HEADER_SHAPE = {
    **_HERE,
    "seq": whole,
    "prev": DIGEST,
    "sees": array(32, is_seen),
    "kind": TOKEN,
    "precedence": lambda value: whole(value) and value <= 3,
    "author": TOKEN,
    "marking": text("[ -~]{0,128}"),
    "about": array(8, DIGEST),
    "body": DIGEST,
    "size": lambda value: whole(value) and value <= BODY_MAX,
    "assent": lambda value: value is None or DIGEST(value),
}
CHECKPOINT_SHAPE = {**_HERE, "length": whole, "root": DIGEST, "head": DIGEST}
COUNTER_SHAPE = {**CHECKPOINT_SHAPE, "checkpoint": DIGEST, "by": ALLY, "by_identity": PRINT, "since": whole, "lacking": whole}
IDENTITY_SHAPE = {
    "format": is_1,
    "mode": MODE,
    "ally": ALLY,
    "suite": text(r"ed25519\+mldsa65"),
    "keys": array(2, data(32, 16384)),
    "serial": whole,
    "at": whole,
}
CONTACT_SHAPE = {
    "format": is_1,
    "mode": MODE,
    "ally": ALLY,
    "identity": PRINT,
    "serial": whole,
    "tls": array(2, PRINT),
    "seal": array(4, data(32, 16384)),
    "addresses": array(8, lambda value: type(value) is str),
    "at": whole,
}
CHARTER_SHAPE = {
    "format": is_1,
    "mode": MODE,
    "hash": text("sha256|sha384"),
    "title": lambda value: type(value) is str and len(value) <= 200,
    "nonce": PRINT,
    "founded": whole,
    "members": array(32, is_signed),
    "after": lambda value: value is None or type(value) is dict,
}


# Keys.


def require_sound(key: bytes) -> None:
    """Refuse an Ed25519 key that is not canonical or not of the prime order (RFC 8032, 5.1.3)."""
    p, order = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
    d = -121665 * pow(121666, -1, p) % p
    number = int.from_bytes(key, "little")
    y, sign = number & (2**255 - 1), number >> 255
    need(len(key) == 32 and y < p, "key-non-canonical")
    square = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
    x = pow(square, (p + 3) // 8, p)
    if x * x % p != square:
        x = x * pow(2, (p - 1) // 4, p) % p
    need(x and x * x % p == square, "key-small-order")
    point = (x if x & 1 == sign else p - x, y)

    def plus(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
        k = d * a[0] * b[0] * a[1] * b[1] % p
        return (a[0] * b[1] + b[0] * a[1]) * pow(1 + k, -1, p) % p, (a[1] * b[1] + a[0] * b[0]) * pow(1 - k, -1, p) % p

    total = (0, 1)
    for bit in bin(order)[2:]:
        total = plus(total, total)
        total = plus(total, point) if bit == "1" else total
    need(total == (0, 1), "key-mixed-order")


class Ally:
    """An identity that verifies."""

    def __init__(self, signed: Map) -> None:
        self.signed, statement = signed, signed["statement"]
        self.identity = decoded(statement, IDENTITY_SHAPE)
        need(len(self.identity["keys"]) == 2 and any(self.identity["keys"][1]), "key-malformed")
        require_sound(self.identity["keys"][0])
        self.name, self.fingerprint = self.identity["ally"], digest("sha256", IDENTITY, statement)
        self._first = Ed25519PublicKey.from_public_bytes(self.identity["keys"][0])
        self._second = MLDSA65PublicKey.from_public_bytes(self.identity["keys"][1])
        self.full(IDENTITY, self.fingerprint, signed["signatures"])

    def entry(self, label: bytes, named: bytes, signature: bytes) -> None:
        try:
            self._first.verify(signature, label + self.fingerprint + named)
        except InvalidSignature:
            raise Bad("signature-invalid") from None

    def full(self, label: bytes, named: bytes, signatures: Any) -> None:
        need(type(signatures) is list and len(signatures) == 2, "signature-missing")
        self.entry(label, named, signatures[0])
        try:
            self._second.verify(signatures[1], label + self.fingerprint + named)
        except InvalidSignature:
            raise Bad("signature-invalid") from None


class Keys:
    """Our own private keys: two seeds in a file."""

    def __init__(self, seeds: bytes) -> None:
        self.first = Ed25519PrivateKey.from_private_bytes(seeds[:32])
        self.second = MLDSA65PrivateKey.from_seed_bytes(seeds[32:])
        self.public = [self.first.public_key().public_bytes_raw(), self.second.public_key().public_bytes_raw()]

    def full(self, message: bytes) -> list[bytes]:
        return [self.first.sign(message), self.second.sign(message)]


# The record.


class Entry:
    """One verified entry; salt and body are None while they are not here."""

    def __init__(self, named: bytes, header: Map, item: list[Any], arrived: float) -> None:
        self.digest, self.header, self.item, self.arrived = named, header, item, arrived
        self.ally, self.kind, self.place = header["ally"], header["kind"], (header["epoch"], header["seq"])
        self.size = len(item[0]) + 110 + len(item[3] or b"")


class Room:
    """A charter that verifies, and all that is held under it."""

    def __init__(self, signed: Map) -> None:
        self.signed = signed
        self.charter = charter = decoded(signed["statement"], CHARTER_SHAPE)
        self.hash, self.mode = charter["hash"], charter["mode"]
        self.id = digest(self.hash, CHARTER, signed["statement"])
        self.members = {ally.name: ally for ally in map(Ally, charter["members"])}
        is_sorted = list(self.members) == sorted(self.members) and len(self.members) == len(charter["members"])
        need(is_sorted, "charter-members-unsorted")
        need(len({name.casefold() for name in self.members}) == len(self.members), "charter-ally-case")
        need(all(ally.identity["mode"] == self.mode for ally in self.members.values()), "replay-other-mode")
        for name, signatures in signed["signatures"].items():
            need(name in self.members, "charter-not-a-member")
            self.members[name].full(CHARTER, self.id, signatures)
        self.entries: dict[bytes, Entry] = {}  # in the order of arrival, so each chain in its own
        self.vouched: dict[tuple[bytes, str], Map] = {}  # (head, by whom): checkpoint or countersignature

    @property
    def missing(self) -> list[str]:
        return [name for name in self.members if name not in self.signed["signatures"]]

    def of(self, ally: str) -> list[Entry]:
        return [entry for entry in self.entries.values() if entry.ally == ally]

    def tips(self, ally: str) -> list[Entry]:
        """The head of each run of one epoch; two of one epoch are a fork."""
        own = self.of(ally)
        passed = {(entry.header["prev"], entry.header["epoch"]) for entry in own}
        return [entry for entry in own if (entry.digest, entry.header["epoch"]) not in passed]

    def tip(self, ally: str) -> Entry | None:
        return max(self.tips(ally), key=lambda entry: entry.header["epoch"], default=None)

    def path(self, entry: Entry | None) -> list[Entry]:
        found: list[Entry] = []
        while entry is not None:
            found.append(entry)
            entry = self.entries.get(entry.header["prev"])
        return found[::-1]

    def forks(self, ally: str) -> list[tuple[int, int]]:
        places = [entry.place for entry in self.of(ally)]
        return sorted({place for place in places if places.count(place) > 1})

    def root(self, entry: Entry) -> bytes:
        return merkle_root(self.hash, [one.digest for one in self.path(entry)])

    def newest(self, tip: Entry, by: str) -> Entry | None:
        """The newest entry on the path of `tip` that `by` vouched for."""
        return next((entry for entry in reversed(self.path(tip)) if (entry.digest, by) in self.vouched), None)

    def length(self, tip: Entry, by: str) -> int:
        entry = self.newest(tip, by)
        return entry.header["seq"] + 1 if entry else 0

    def take(self, item: list[Any], arrived: float) -> Entry | None:
        """Verify an entry and keep it in memory; None if there was nothing new in it."""
        header_bytes, signature, salt, body = item
        named = digest(self.hash, ENTRY, header_bytes)
        held = self.entries.get(named)
        header = held.header if held else decoded(header_bytes, HEADER_SHAPE, HEADER_MAX)
        if body is not None:
            need(type(salt) is bytes and len(salt) == 32, "salt-not-32")
            need(len(body) == header["size"] and digest(self.hash, BODY, salt, body) == header["body"], "body-digest-mismatch")
        if held:
            if body is None or held.item[3] is not None:
                return None
            held.item[2:] = [salt, body]
            return held
        need(header["room"] == self.id, "replay-other-room")
        need(header["mode"] == self.mode, "replay-other-mode")
        ally = header["ally"]
        need(ally in self.members, "not-a-member")
        seen = [one[0] for one in header["sees"]]
        need(ally not in seen and all(a < b for a, b in pairwise(seen)) and self.members.keys() >= set(seen), "sees-malformed")
        need(type(signature) is bytes and len(signature) == 64, "signature-invalid")
        self.members[ally].entry(ENTRY, named, signature)
        if header["seq"] == 0:
            need(header["prev"] == self.id, "prev-mismatch")
        else:
            parent = self.entries.get(header["prev"])
            if parent is None:
                raise Gap
            need((parent.ally, parent.header["seq"]) == (ally, header["seq"] - 1), "prev-mismatch")
        beside = [tip for tip in self.tips(ally) if tip.header["epoch"] == header["epoch"] and tip.digest != header["prev"]]
        need(len(beside) < 2, "fork-limit")
        entry = self.entries[named] = Entry(named, header, [header_bytes, signature, salt, body], arrived)
        return entry

    def vouch(self, signed: Map) -> Map | None:
        """Verify a checkpoint or countersignature against what is held; None if it is not new."""
        need(is_signed(signed), "field-malformed")
        is_counter = type(signed["statement"]) is bytes and "by" in loaded(signed["statement"])
        said = decoded(signed["statement"], COUNTER_SHAPE if is_counter else CHECKPOINT_SHAPE)
        by, label = (said["by"], COUNTER) if is_counter else (said["ally"], CHECKPOINT)
        need(said["room"] == self.id, "replay-other-room")
        need(said["mode"] == self.mode, "replay-other-mode")
        need(by in self.members and said["ally"] in self.members and not (is_counter and by == said["ally"]), "not-a-member")
        self.members[by].full(label, digest(self.hash, label, signed["statement"]), signed["signatures"])
        need(not is_counter or said["by_identity"] == self.members[by].fingerprint, "signature-other-identity")
        head = self.entries.get(said["head"])
        if head is None:
            raise Gap
        need((head.ally, *head.place) == (said["ally"], said["epoch"], said["length"] - 1), "checkpoint-head-not-length")
        need(self.root(head) == said["root"], "checkpoint-inconsistent")
        if (head.digest, by) in self.vouched:
            return None
        self.vouched[head.digest, by] = signed
        return said

    def consultation(self, opening: Entry) -> Map:
        """Fold a consultation: each ally's stance by its own acts, the joint status by all stances."""
        about = {e.digest: e for e in self.entries.values() if opening.digest in (e.digest, *e.header["about"][:1])}
        stances = dict.fromkeys(self.members, "unanswered")
        proposals = {e.digest for e in about.values() if e.kind == PROPOSED}
        signatures: set[tuple[str, bytes]] = set()
        counted: set[tuple[str, bytes]] = set()
        for entry in sorted(about.values(), key=lambda e: (e.ally, *e.place, e.digest)):
            if entry.kind == OPENED and entry is not opening:
                continue
            is_void = entry.kind == SIGNED and len(entry.header["about"]) < 2
            if not is_void:
                stances[entry.ally] = NEXT[stances[entry.ally]].get(entry.kind, stances[entry.ally])
            if entry.kind == SIGNED and not is_void:
                signatures.add((entry.ally, entry.header["about"][1]))
                if self._counts(entry):
                    counted.add((entry.ally, entry.header["about"][1]))
        status = self._status(set(stances.values()), proposals, signatures, counted)
        return {"status": status, "stances": stances, "proposals": sorted(p.hex() for p in proposals)}

    def _counts(self, entry: Entry) -> bool:
        is_covered = any(entry in self.path(self.newest(tip, entry.ally)) for tip in self.tips(entry.ally))
        return is_covered and all(entry.place < fork for fork in self.forks(entry.ally))

    def _status(self, stances: set[str], proposals: set[bytes], signed: set[Any], counted: set[Any]) -> str:
        if any(all((ally, proposal) in counted for ally in self.members) for proposal in proposals):
            return "agreed"
        if stances <= {"ended", "could-not-consult"}:
            return "ended" if "ended" in stances else "could-not-consult"
        if "unanswered" in stances:
            return "awaiting"
        if signed:
            return "partly-signed"
        if proposals:
            return "words-proposed"
        return "positions-stated" if stances <= {"position-stated", "words-proposed", "words-signed"} else "under-way"


# The node.


def now_us() -> int:
    return time.time_ns() // 1000


class Node:
    """One ally's record, its keys and its links."""

    def __init__(self, path: Path) -> None:
        self.path, self.keys = path, Keys((path / "seeds").read_bytes())
        self.own = Ally(loaded((path / "identity").read_bytes()))
        self.allies: dict[str, tuple[Ally, bytes, str]] = {}  # identity, certificate, address
        for file in sorted(path.glob("*.ally")):
            address, invitation = file.read_bytes().split(b"\n", 1)
            ally, certificate, told = self.read_invitation(invitation)
            self.allies[ally.name] = (ally, certificate, address.decode() or told)
        self.rooms: dict[bytes, Room] = {}
        self.sessions: dict[str, Session] = {}
        self.unread: dict[bytes, list[bytes]] = {}  # opening: messages laid before the post
        self._replay()
        self._log = (path / "record").open("ab")

    @staticmethod
    def read_invitation(data: bytes) -> tuple[Ally, bytes, str]:
        need(data.startswith(INVITATION), "not-an-invitation")
        held = loaded(data[len(INVITATION) :])
        ally, signed = Ally(held["identity"]), held["contact"]
        contact = decoded(signed["statement"], CONTACT_SHAPE)
        ally.full(CONTACT, digest("sha256", CONTACT, signed["statement"]), signed["signatures"])
        need((contact["identity"], contact["mode"]) == (ally.fingerprint, ally.identity["mode"]), "contact-other-identity")
        need(hashlib.sha256(held["certificate"]).digest() in contact["tls"], "certificate-not-pinned")
        return ally, held["certificate"], (contact["addresses"] or [""])[0]

    def invitation(self, address: str) -> bytes:
        certificate = ssl.PEM_cert_to_DER_cert((self.path / "certificate.pem").read_text())
        contact = {
            "format": 1,
            "mode": self.own.identity["mode"],
            "ally": self.own.name,
            "identity": self.own.fingerprint,
            "serial": now_us(),
            "tls": [hashlib.sha256(certificate).digest()],
            "seal": [],
            "addresses": [address] if address else [],
            "at": now_us(),
        }
        signed = self.sign("sha256", CONTACT, contact)
        return INVITATION + encoded({"identity": self.own.signed, "contact": signed, "certificate": certificate})

    def sign(self, hash_name: str, label: bytes, statement: Map) -> Map:
        data = encoded(statement)
        return {"statement": data, "signatures": self.keys.full(label + self.own.fingerprint + digest(hash_name, label, data))}

    # Keeping.

    def _keep(self, *record: Any) -> None:
        data = encoded(record)
        self._log.write(len(data).to_bytes(4, "big") + data)
        self._log.flush()
        os.fsync(self._log.fileno())

    def _replay(self) -> None:
        """Read the file again, verifying all of it; a record that was cut off at its end never was."""
        path = self.path / "record"
        data, at = path.read_bytes() if path.exists() else b"", 0
        while at + 4 <= len(data) and at + 4 + int.from_bytes(data[at : at + 4], "big") <= len(data):
            end = at + 4 + int.from_bytes(data[at : at + 4], "big")
            what, room, *rest = loaded(data[at + 4 : end])
            if what == "charter":
                self._room(rest[0])
            elif what == "entry":
                self.rooms[room].take(rest, 0.0)
            else:
                self.rooms[room].vouch(rest[0])
            at = end
        if at < len(data):
            os.truncate(path, at)

    def _room(self, signed: Map) -> Room:
        room = Room(signed)
        held = self.rooms.get(room.id)
        if held is not None:
            room.entries, room.vouched = held.entries, held.vouched
        self.rooms[room.id] = room
        return room

    def keep_charter(self, signed: Map) -> Room:
        room = self._room(signed)
        self._keep("charter", room.id, signed)
        if not room.missing and room.tip(self.own.name) is None:
            opened = {"identity": self.own.signed, "reason": "founded", "reads": [1], "branches": [], "old_signatures": None}
            self.write(room, "chain.opened", opened)
        return room

    def took_charter(self, via: str, signed: Map) -> None:
        room = Room(signed)
        for name, ally in room.members.items():
            paired = self.own if name == self.own.name else self.allies.get(name, (None,))[0]
            need(paired and paired.fingerprint == ally.fingerprint, "charter-not-a-member")
        need(self.own.name in room.members and via in room.members, "charter-not-a-member")
        held = self.rooms[room.id].signed["signatures"] if room.id in self.rooms else {}
        signatures = {**signed["signatures"], **held}
        if self.own.name not in signatures:
            signatures[self.own.name] = self.keys.full(CHARTER + self.own.fingerprint + room.id)
        if signatures.keys() != held.keys():
            self.keep_charter({"statement": signed["statement"], "signatures": signatures})
            for session in self.sessions.values():
                session.charters_dirty = True

    def took_entries(self, room: Room, items: list[Any]) -> None:
        """Keep what verifies, in order; lay messages before the post on duty and say so."""
        delivered: dict[bytes, list[Entry]] = {}
        for item in items:
            with contextlib.suppress(Gap):
                try:
                    entry = room.take(list(item), time.monotonic())
                except Bad as error:
                    tell(f"refused: {error}")
                    continue
                if entry is None:
                    continue
                self._keep("entry", room.id, *entry.item)
                if entry.ally != self.own.name and entry.kind in MESSAGES and entry.item[3] is not None:
                    opening = entry.digest if entry.kind == OPENED else (*entry.header["about"], b"")[0]
                    delivered.setdefault(opening, []).append(entry)
        for opening, entries in delivered.items():
            if opening:
                digests = [entry.digest for entry in entries]
                self.unread.setdefault(opening, []).extend(digests)
                precedence = max(entry.header["precedence"] for entry in entries)
                self.write(room, "receipt.delivered", {"entries": digests, "post": "duty"}, [opening], precedence)

    def took_statement(self, room: Room, signed: Map) -> None:
        with contextlib.suppress(Gap):
            try:
                said = room.vouch(signed)
            except Bad as error:
                tell(f"refused: {error}")
                return
            if said is None:
                return
            self._keep("statement", room.id, signed)
            if "by" not in said and said["ally"] != self.own.name and not room.forks(said["ally"]):
                self._countersign(room, signed, said)

    def _countersign(self, room: Room, signed: Map, said: Map) -> None:
        path = room.path(room.entries[said["head"]])
        counter = {
            **{name: said[name] for name in ("format", "mode", "room", "ally", "epoch", "length", "root", "head")},
            "checkpoint": digest(room.hash, CHECKPOINT, signed["statement"]),
            "by": self.own.name,
            "by_identity": self.own.fingerprint,
            "since": room.length(path[-1], self.own.name),
            "lacking": sum(entry.item[3] is None for entry in path),
            "at": now_us(),
        }
        own = self.sign(room.hash, COUNTER, counter)
        room.vouch(own)
        self._keep("statement", room.id, own)

    # Writing.

    def write(self, room: Room, kind: str, body: Map, about: list[bytes] | None = None, precedence: int = 0) -> Entry:
        """Write one entry of ours and cover it; both are durable on return."""
        need(not room.missing, "the room is not in force")
        content, salt, tip = encoded({"by": None, **body}), os.urandom(32), room.tip(self.own.name)
        header = {
            "format": 1,
            "mode": room.mode,
            "room": room.id,
            "ally": self.own.name,
            "epoch": tip.header["epoch"] if tip else 0,
            "seq": tip.header["seq"] + 1 if tip else 0,
            "prev": tip.digest if tip else room.id,
            "sees": self._sees(room, tip),
            "at": now_us(),
            "kind": kind,
            "precedence": precedence,
            "author": "duty",
            "marking": "UNCLASSIFIED",
            "about": about or [],
            "body": digest(room.hash, BODY, salt, content),
            "size": len(content),
            "assent": None,
        }
        header_bytes = encoded(header)
        signature = self.keys.first.sign(ENTRY + self.own.fingerprint + digest(room.hash, ENTRY, header_bytes))
        entry = room.take([header_bytes, signature, salt, content], 0.0)
        assert entry is not None
        self._keep("entry", room.id, *entry.item)
        checkpoint = {name: header[name] for name in ("format", "mode", "room", "ally", "epoch", "at")}
        checkpoint |= {"length": header["seq"] + 1, "root": room.root(entry), "head": entry.digest}
        signed = self.sign(room.hash, CHECKPOINT, checkpoint)
        room.vouch(signed)
        self._keep("statement", room.id, signed)
        return entry

    def _sees(self, room: Room, tip: Entry | None) -> list[Any]:
        """For every other ally the end of the unbroken run that is here with bodies; never less than before."""
        sees = {one[0]: one for one in tip.header["sees"]} if tip else {}
        for ally in room.members:
            for entry in room.path(room.tip(ally)) if ally != self.own.name else ():
                if entry.item[3] is None:
                    break
                if ally not in sees or entry.place > tuple(sees[ally][1:3]):
                    sees[ally] = [ally, *entry.place, entry.digest]
        return [sees[ally] for ally in sorted(sees)]

    def act(self, command: Map) -> Map:
        """Do what one line of stdin says."""
        match command["do"]:
            case "show":
                return self.show()
            case "found":
                return self._found(command)
            case "open":
                room = self._shared()
                terms = {
                    "subject": command["subject"],
                    "form": "exchange-of-views",
                    "due": None,
                    "citing": None,
                    "papers": command.get("papers", []),
                }
                return {"entry": self.write(room, OPENED, terms, [], command.get("precedence", 1)).digest.hex()}
        opening = bytes.fromhex(command["consultation"])
        room = next((room for room in self.rooms.values() if opening in room.entries), None)
        need(room, "no such consultation")
        assert room is not None
        stand, about = room.consultation(room.entries[opening]), [opening]
        match command["do"]:
            case "acknowledge":
                kind, body = ACKNOWLEDGED, {"text": None}
            case "state":
                kind, body = POSITION, {"text": command["text"], "papers": []}
            case "propose":
                kind, body = PROPOSED, {"words": command["words"]}
            case "sign":
                need(len(stand["proposals"]) == 1, "not one proposal")
                kind, body, about = SIGNED, {}, [opening, bytes.fromhex(stand["proposals"][0])]
            case _:
                raise Bad("no such command")
        need(kind in NEXT[stand["stances"][self.own.name]], "the stance does not allow it")
        entry = self.write(room, kind, body, about, command.get("precedence", 1))
        if self.unread.get(opening):
            self.write(room, "receipt.read", {"entries": self.unread.pop(opening), "post": "duty"}, [opening])
        return {"entry": entry.digest.hex()}

    def _found(self, command: Map) -> Map:
        members = sorted([self.own, *(self.allies[name][0] for name in command["with"])], key=lambda ally: ally.name)
        charter = {
            "format": 1,
            "mode": self.own.identity["mode"],
            "hash": "sha256",
            "title": command["title"],
            "nonce": os.urandom(32),
            "founded": now_us(),
            "members": [ally.signed for ally in members],
            "after": None,
        }
        signed = self.sign("sha256", CHARTER, charter)
        signatures = {self.own.name: signed["signatures"]}
        room = self.keep_charter({"statement": signed["statement"], "signatures": signatures})
        for session in self.sessions.values():
            session.charters_dirty = True
        return {"room": room.id.hex()}

    def _shared(self) -> Room:
        shared = [room for room in self.rooms.values() if not room.missing]
        need(len(shared) == 1, "not one room in force")
        return shared[0]

    def show(self) -> Map:
        """Return the whole record as JSON has it."""
        rooms, consultations, flags = {}, {}, {}
        for room in self.rooms.values():
            tips = {ally: room.tip(ally) for ally in room.members}
            rooms[room.id.hex()] = {
                "missing": room.missing,
                "chains": {ally: [entry.digest.hex() for entry in room.of(ally)] for ally in room.members},
                "heads": {ally: tip.digest.hex() for ally, tip in tips.items() if tip},
                "covered": {ally: room.length(tip, ally) for ally, tip in tips.items() if tip},
                "confirmed": {
                    ally: {by: room.length(tip, by) for by in room.members if by != ally} for ally, tip in tips.items() if tip
                },
                "lacking": sum(entry.item[3] is None for entry in room.entries.values()),
            }
            for entry in room.entries.values():
                if entry.kind == OPENED:
                    consultations[entry.digest.hex()] = room.consultation(entry)
                if entry.kind not in KINDS:
                    flags[entry.digest.hex()] = ["unknown-kind", entry.kind]
        up = {name: session for name, session in self.sessions.items() if session.is_up}
        links = {name: {"version": session.version, "features": sorted(session.features)} for name, session in up.items()}
        return {"rooms": rooms, "consultations": consultations, "flags": flags, "links": links}


# The link.


class Session:
    """One connection with an ally whose certificate has been checked."""

    def __init__(self, node: Node, ally: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, dialed: bool) -> None:
        self.node, self.ally, self.dialed, self._reader, self._writer = node, ally, dialed, reader, writer
        self.is_up, self.version, self.features = False, 0, frozenset[str]()
        self.wake, self.charters_dirty, self.heard = asyncio.Event(), True, time.monotonic()
        self._theirs: dict[bytes, list[Any]] = {}  # room: heads of the newest `have`
        self._dirty: set[bytes] = set()
        self._announced: set[bytes] = set()
        self._sent: dict[bytes, int] = {}  # entries under way: bytes
        self._told: dict[tuple[bytes, str, int, str], int] = {}  # statements under way: to what length
        self._asked: set[bytes] = set()
        self._answers: list[Map] = []
        self._progress, self._patience, self._pinged = time.monotonic(), REWIND_S, time.monotonic()
        self._their_ping: tuple[int, int] | None = None

    async def run(self) -> None:
        """Say hello, then read and write until the connection ends."""
        hello = {
            "t": "hello",
            "versions": [0],
            "features": [],
            "reads": [1],
            "software": "node_v0",
            "mode": self.node.own.identity["mode"],
            "ally": self.node.own.name,
            "identity": self.node.own.fingerprint,
            "now": now_us(),
        }
        pumping = None
        try:
            await self._send([hello])
            pumping = asyncio.create_task(self._pump_on())
            while True:
                size = int.from_bytes(await asyncio.wait_for(self._reader.readexactly(4), IDLE_S), "big")
                need(size <= FRAME_MAX, "frame-too-large")
                frame = loaded(await asyncio.wait_for(self._reader.readexactly(size), IDLE_S))
                need(type(frame) is dict, "frame-malformed")
                self.heard = time.monotonic()
                self._take(frame)
                for session in self.node.sessions.values():
                    session.wake.set()
        except (Bad, KeyError, TypeError, ValueError) as error:
            tell(f"{self.ally}: {type(error).__name__} {error}")
            with contextlib.suppress(OSError):
                await self._send([{"t": "fault", "reason": str(error.args[0])[:48], "detail": ""}])
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            tell(f"{self.ally}: {type(error).__name__}")
        finally:
            if pumping is not None:
                pumping.cancel()
            self.close()

    def close(self) -> None:
        self._writer.transport.abort()

    async def _send(self, frames: list[Map]) -> None:
        for frame in frames:
            data = encoded(frame)
            self._writer.write(len(data).to_bytes(4, "big") + data)
        await self._writer.drain()

    async def _pump_on(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.wake.wait(), 0.5)
                self.wake.clear()
                if self.is_up:
                    await self._send(self._pump(time.monotonic()))

    def _rooms(self) -> dict[bytes, Room]:
        return {room.id: room for room in self.node.rooms.values() if self.ally in room.members and not room.missing}

    # What comes in.

    def _take(self, frame: Map) -> None:
        kind = frame.get("t")
        need(self.is_up or kind in ("hello", "fault"), "hello-missing")
        if kind == "hello":
            self._greeted(frame)
        elif kind == "fault":
            raise Bad(f"fault {frame['reason']}")
        elif kind == "ping":
            self._their_ping = (frame["now"], now_us())
        elif kind == "charter":
            try:
                self.node.took_charter(self.ally, frame["charter"])
            except Bad as error:  # not kept; the link goes on
                tell(f"refused: {error}")
        elif kind in ("have", "entries", "statements", "want-bodies", "bodies"):
            room = self._rooms().get(frame["room"])
            if room is None and kind in ("have", "want-bodies"):
                return
            need(room, "not-a-member")
            assert room is not None
            self._take_of(room, kind, frame)

    def _take_of(self, room: Room, kind: str, frame: Map) -> None:
        if kind == "have":
            self._had(room, frame["heads"])
            return
        if kind == "want-bodies":
            found = [room.entries[one] for one in frame["digests"][:256] if one in room.entries]
            bodies = [[entry.digest, *entry.item[2:]] for entry in found if entry.item[3] is not None]
            self._answers += [{"t": "bodies", "room": room.id, "bodies": [body]} for body in bodies]
            return
        if kind == "entries":
            self.node.took_entries(room, [item[:4] for item in frame["entries"]])
        elif kind == "bodies":
            held = [(room.entries[one[0]], one) for one in frame["bodies"] if one[0] in room.entries]
            self.node.took_entries(room, [[*entry.item[:2], *one[1:3]] for entry, one in held])
            self._asked -= {one[0] for one in frame["bodies"]}
        else:
            for signed in frame["checkpoints"] + frame["countersignatures"]:
                self.node.took_statement(room, signed)
        for session in self.node.sessions.values():
            session._dirty.add(room.id)

    def _greeted(self, hello: Map) -> None:
        paired = self.node.allies[self.ally][0]
        need(hello["mode"] == self.node.own.identity["mode"], "other-mode")
        need((hello["ally"], hello["identity"]) == (self.ally, paired.fingerprint), "other-identity")
        need(0 in hello["versions"], "no-common-version")
        self.is_up = True

    def _had(self, room: Room, heads: list[Any]) -> None:
        self._theirs[room.id] = heads
        held = self._held(room)
        landed = [one for one in self._sent if one in held]
        for one in landed:
            del self._sent[one]
        for key, length in list(self._told.items()):
            if key[0] == room.id and self._vouched(room, *key[1:]) >= length:
                del self._told[key]
                landed.append(b"")
        if landed:
            self._progress, self._patience = time.monotonic(), REWIND_S

    def _held(self, room: Room) -> set[bytes]:
        """What the peer holds, by its heads: their paths, and ours where it is ahead of us."""
        found: set[bytes] = set()
        for ally, epoch, length, head, *_ in self._theirs[room.id]:
            tips = [room.entries[head]] if head in room.entries else []
            if not tips:
                tips = [tip for tip in room.tips(ally) if tip.header["epoch"] == epoch and tip.header["seq"] + 1 < length]
            found.update(entry.digest for tip in tips for entry in room.path(tip))
        return found

    def _vouched(self, room: Room, ally: str, epoch: int, by: str) -> int:
        """To what length of a chain the peer holds a statement by `by`."""
        for head in self._theirs[room.id]:
            if (head[0], head[1]) == (ally, epoch):
                return head[4] if by == ally else dict(map(tuple, head[5])).get(by, 0)
        return 0

    # What goes out.

    def _pump(self, now: float) -> list[Map]:
        rooms, out = self._rooms(), []
        if (self._sent or self._told or self._asked) and now >= self._progress + self._patience:
            self._sent.clear()
            self._told.clear()
            self._asked.clear()
            self._dirty.update(rooms)
            self._progress, self._patience = now, min(2 * self._patience, REWIND_S_MAX)
        if self.charters_dirty:
            self.charters_dirty = False
            out += [{"t": "charter", "charter": room.signed} for room in self.node.rooms.values() if self.ally in room.members]
        if now >= self._pinged + PING_S:
            self._pinged = now
            echo, arrived = self._their_ping or (None, now_us())
            out.append({"t": "ping", "now": now_us(), "echo": echo, "held_us": max(now_us() - arrived, 0)})
        for room in rooms.values():
            if room.id in self._dirty or room.id not in self._announced:
                self._announced.add(room.id)
                out.append(self._have(room))
        self._dirty.clear()
        for room in (rooms[one] for one in self._theirs if one in rooms):
            if not (self._sent or self._told or self._asked):
                self._progress = now
            held = self._held(room)
            out += self._entries(room, held, now)
            out += self._statements(room, held)
            wanted = [e.digest for e in room.entries.values() if e.item[3] is None and e.digest not in self._asked][:256]
            if wanted:
                self._asked.update(wanted)
                out.append({"t": "want-bodies", "room": room.id, "digests": wanted})
        out += self._answers
        self._answers = []
        return out

    def _have(self, room: Room) -> Map:
        heads = []
        for ally in room.members:
            for tip in room.tips(ally):
                confirmed = [[by, room.length(tip, by)] for by in room.members if by != ally and room.length(tip, by)]
                heads.append([ally, tip.header["epoch"], tip.header["seq"] + 1, tip.digest, room.length(tip, ally), confirmed])
        return {"t": "have", "room": room.id, "heads": heads}

    def _entries(self, room: Room, held: set[bytes], now: float) -> list[Map]:
        frames: list[list[Entry]] = []
        for entry in room.entries.values():
            is_third = entry.ally not in (self.ally, self.node.own.name)
            if entry.digest in held or entry.digest in self._sent or (is_third and now < entry.arrived + RELAY_AFTER_S):
                continue
            if sum(self._sent.values()) >= WINDOW:
                break
            if not frames or sum(one.size for one in frames[-1]) + entry.size > RUN_MAX:
                frames.append([])
            frames[-1].append(entry)
            self._sent[entry.digest] = entry.size
        return [{"t": "entries", "room": room.id, "entries": [entry.item for entry in run]} for run in frames]

    def _statements(self, room: Room, held: set[bytes]) -> list[Map]:
        found: Map = {"checkpoints": [], "countersignatures": []}
        for ally in room.members:
            for tip in room.tips(ally):
                for by in room.members:
                    entry, key = room.newest(tip, by), (room.id, ally, tip.header["epoch"], by)
                    if entry is None or (by == self.ally and by != ally) or entry.digest not in held | self._sent.keys():
                        continue
                    if entry.header["seq"] + 1 > max(self._vouched(room, *key[1:]), self._told.get(key, 0)):
                        self._told[key] = entry.header["seq"] + 1
                        found["checkpoints" if by == ally else "countersignatures"].append(room.vouched[entry.digest, by])
        return [{"t": "statements", "room": room.id, **found}] if any(found.values()) else []


# The process.


def tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


class Server:
    """Answers and dials allies."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._ally_of = {hashlib.sha256(certificate).digest(): name for name, (_, certificate, _) in node.allies.items()}

    def context(self, protocol: Any) -> ssl.SSLContext:
        context = ssl.SSLContext(protocol)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname, context.verify_mode = False, ssl.CERT_REQUIRED
        context.verify_flags = ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_cert_chain(self.node.path / "certificate.pem", self.node.path / "key.pem")
        for _, certificate, _ in self.node.allies.values():
            context.load_verify_locations(cadata=certificate)
        return context

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, dialed: bool = False) -> None:
        """Carry one connection; where there is one already, keep the one that both sides keep."""
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        ally = self._ally_of[hashlib.sha256(shown).digest()]
        session, held = Session(self.node, ally, reader, writer, dialed), self.node.sessions.get(ally)
        if held is not None and time.monotonic() - held.heard <= QUIET_S:
            dialler = self.node.own.name if dialed else ally
            if dialler != min(self.node.own.name, ally, key=str.casefold):
                session.close()
                return
        if held is not None:
            held.close()
        self.node.sessions[ally] = session
        try:
            await session.run()
        finally:
            if self.node.sessions.get(ally) is session:
                del self.node.sessions[ally]

    async def dial(self, ally: str, address: str) -> None:
        host, port = address.rsplit(":", 1)
        while True:
            if ally not in self.node.sessions:
                with contextlib.suppress(OSError, TimeoutError):
                    connecting = asyncio.open_connection(host, int(port), ssl=self.context(ssl.PROTOCOL_TLS_CLIENT))
                    reader, writer = await asyncio.wait_for(connecting, 3.0)
                    await self.carry(reader, writer, dialed=True)
            await asyncio.sleep(0.3)

    async def serve(self) -> None:
        server = await asyncio.start_server(self.carry, "127.0.0.1", 0, ssl=self.context(ssl.PROTOCOL_TLS_SERVER))
        say({"port": server.sockets[0].getsockname()[1]})
        addresses = {name: address for name, (_, _, address) in self.node.allies.items() if ":" in address}
        dialling = [asyncio.create_task(self.dial(name, address)) for name, address in addresses.items()]
        while line := await asyncio.to_thread(sys.stdin.readline):
            try:
                say(self.node.act(json.loads(line)))
            except Bad as error:
                say({"error": str(error)})
            for session in self.node.sessions.values():
                session._dirty.update(self.node.rooms)
                session.wake.set()
        for task in dialling:
            task.cancel()
        os._exit(0)


def say(answer: Map) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def init(path: Path, ally: str, mode: str) -> None:
    path.mkdir(mode=0o700)
    seeds = os.urandom(64)
    (path / "seeds").touch(mode=0o600)
    (path / "seeds").write_bytes(seeds)
    keys = Keys(seeds)
    identity = {"format": 1, "mode": mode, "ally": ally, "suite": "ed25519+mldsa65", "keys": keys.public, "serial": 0}
    statement = encoded({**identity, "at": now_us()})
    own = digest("sha256", IDENTITY, statement)
    (path / "identity").write_bytes(encoded({"statement": statement, "signatures": keys.full(IDENTITY + own + own)}))
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ally)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(1970, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(9999, 12, 31, tzinfo=UTC))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (path / "key.pem").touch(mode=0o600)
    (path / "key.pem").write_bytes(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain))
    (path / "certificate.pem").write_bytes(certificate.public_bytes(encoding))
    say({"fingerprint": own.hex()})


def pair(path: Path, file: Path, fingerprint: str, address: str) -> None:
    invitation = file.read_bytes()
    ally, _, _ = Node.read_invitation(invitation)
    own = Ally(loaded((path / "identity").read_bytes()))
    need(ally.fingerprint.hex() == fingerprint, "not the fingerprint that was read out")
    need(ally.identity["mode"] == own.identity["mode"] and ally.name.casefold() != own.name.casefold(), "not to be paired")
    (path / f"{ally.name}.ally").write_bytes(address.encode() + b"\n" + invitation)
    say({"paired": ally.name})


def main() -> None:
    parser = argparse.ArgumentParser(prog="node_v0")
    parser.add_argument("directory", type=Path)
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("init")
    making.add_argument("--ally", required=True)
    making.add_argument("--mode", choices=("live", "exercise"), required=True)
    inviting = commands.add_parser("invite")
    inviting.add_argument("out", type=Path)
    inviting.add_argument("--address", default="")
    pairing = commands.add_parser("pair")
    pairing.add_argument("file", type=Path)
    pairing.add_argument("--fingerprint", required=True)
    pairing.add_argument("--address", default="")
    commands.add_parser("serve")
    given = parser.parse_args()
    try:
        if given.command == "init":
            init(given.directory, given.ally, given.mode)
        elif given.command == "invite":
            given.out.write_bytes(Node(given.directory).invitation(given.address))
            say({"invitation": str(given.out)})
        elif given.command == "pair":
            pair(given.directory, given.file, given.fingerprint, given.address)
        else:
            asyncio.run(Server(Node(given.directory)).serve())
    except Bad as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
