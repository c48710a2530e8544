"""The record of one room: how its chains stand, who vouches for them, and their entries page by page.

Nothing here is stored or sent, and nothing is decided. Digests are hex, times microseconds UTC.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from katchi.errors import RecordBroken, Unverified
from katchi.node.batch import Kept, KeptStatement
from katchi.node.state import State
from katchi.node.views.lines import line_of
from katchi.node.views.rooms import RoomView, room_view
from katchi.record import digest as d
from katchi.record.chain import Chain
from katchi.record.charter import Room
from katchi.record.checkpoint import (
    Checkpoint,
    Countersignature,
    statement_digest,
    verified_checkpoint,
    verified_countersignature,
)
from katchi.record.entry import decode_header, verified

LIMIT = 50


class StatementView(msgspec.Struct, kw_only=True):
    """The newest checkpoint of a chain, or the newest countersignature of a peer under it."""

    ally: str  # whose chain
    by: str  # its author: a checkpoint; another: a countersignature
    epoch: int
    length: int
    at: int  # by its signer's clock
    arrived_at: int
    digest: str
    root: str
    lacking: int  # bodies that its signer did not hold
    accepted: bool  # its signatures hold now, and it is of the history that we hold
    reason: str | None  # why not


class BranchView(msgspec.Struct, kw_only=True):
    """One run of a chain: an epoch, or one side of a fork."""

    branch: int
    epoch: int
    start: int  # seq of its first own entry
    length: int
    head: str
    main: bool  # it is written on


class RecordEntry(msgspec.Struct, kw_only=True):
    """One entry of a chain."""

    place: str
    seq: int
    branch: int
    id: str
    prev: str
    kind: str
    precedence: int
    post: str
    marking: str
    at: int  # its author's clock
    arrived_at: int  # our clock
    via: str  # whose node brought it
    consultation: str | None
    size: int  # bytes of its body
    body_held: bool
    covered: bool
    confirmed_by: list[str]
    flags: list[str]
    line: str


class RecordView(msgspec.Struct, kw_only=True):
    """A room, its statements, and one page of one of its chains."""

    room: RoomView
    statements: list[StatementView]
    ally: str  # whose entries follow
    branches: list[BranchView]  # of its chain
    start: int  # seq of the first entry of the page
    end: int  # seq after its last
    length: int  # of the chain
    entries: list[RecordEntry]


class VerifiedEntry(msgspec.Struct, kw_only=True):
    """What came of recomputing one entry now."""

    seq: int
    place: str
    id: str
    ok: bool
    reason: str | None  # a reason of docs/spec/record.md, or row-broken
    body_held: bool  # without it, salt and body are not recomputed


class VerifiedPage(msgspec.Struct, kw_only=True):
    """Entries of one chain, each recomputed now: digests, the link to the entry before, signature, body."""

    ally: str
    start: int
    end: int
    ok: bool  # all of them
    entries: list[VerifiedEntry]


def record_view(
    state: State, room: Room, *, ally: str | None = None, start: int | None = None, limit: int = LIMIT, branch: int | None = None
) -> RecordView:
    """Return a room with a page of one chain, by seq.

    Args:
        ally: whose chain; our own if not given.
        start: seq of the page's first entry; the newest `limit` entries if not given.
        branch: along the path of this branch; of the one that is written on if not given.
    """
    ally = ally or (state.own.ally if state.own.ally in room.members else next(iter(room.members)))
    chain = state.chain(room.id, ally)
    index = chain.main if branch is None and chain.branches else branch or 0
    length = chain.branches[index].length if chain.branches else 0
    start = max(0, length - limit) if start is None else start
    entries = [_record_entry(chain, kept) for kept in _page(state, chain, index, start, limit)]
    return RecordView(
        room=room_view(state, room),
        statements=list(_statements(state, room)),
        ally=ally,
        branches=[
            BranchView(branch=i, epoch=one.epoch, start=one.start, length=one.length, head=one.head.hex(), main=i == chain.main)
            for i, one in enumerate(chain.branches)
        ],
        start=start,
        end=start + len(entries),
        length=length,
        entries=entries,
    )


def _page(state: State, chain: Chain, index: int, start: int, limit: int) -> list[Kept]:
    """Return entries along the path of a branch, by seq."""
    if not chain.branches:
        return []
    end = min(start + limit, chain.branches[index].length)
    found: list[Kept] = []
    for branch, lower, upper in chain.path(index, start, end):
        found += state.store.run(chain.room, chain.ally, branch, lower, upper, limit)
    return found


def _record_entry(chain: Chain, kept: Kept) -> RecordEntry:
    entry, header = kept.entry, kept.entry.header
    return RecordEntry(
        place=entry.place,
        seq=header.seq,
        branch=kept.branch,
        id=entry.digest.hex(),
        prev=header.prev.hex(),
        kind=header.kind,
        precedence=header.precedence,
        post=header.author,
        marking=header.marking,
        at=header.at,
        arrived_at=kept.arrived_at,
        via=kept.via,
        consultation=kept.opening.hex() if kept.opening is not None else None,
        size=header.size,
        body_held=entry.body is not None,
        covered=chain.covers(kept.branch, header.seq),
        confirmed_by=sorted(chain.confirmed_by(header.epoch, header.seq)),
        flags=list(kept.flags),
        line=line_of(entry),
    )


def _statements(state: State, room: Room) -> Iterator[StatementView]:
    """Yield, of each chain, its newest checkpoint, then each peer's newest countersignature."""
    for ally in room.members:
        chain = state.chain(room.id, ally)
        branch = chain.newest
        if branch is None:
            continue
        checkpoint = _statement(state, room, chain, ally, branch.covered)
        if checkpoint is not None:
            yield checkpoint
        for by, length in sorted(branch.confirmed.items()):
            countersignature = _statement(state, room, chain, by, length)
            if countersignature is not None:
                yield countersignature


def _statement(state: State, room: Room, chain: Chain, by: str, length: int) -> StatementView | None:
    """Return what `by` says of a chain's newest path at `length`, checked again."""
    if length == 0:
        return None
    epoch = chain.branches[chain.branch_at(chain.main, length - 1)].epoch
    at_length = state.store.statements_at(room.id, chain.ally, epoch, length)
    kept = next((one for one in at_length if one.by == by), None)
    if kept is None:
        return None
    reason: str | None = None
    said: Checkpoint | Countersignature | None = None
    try:
        said = _verified(room, kept)
        if state.path_digests(chain, chain.main, length - 1, length) != [said.head]:
            reason = "checkpoint-head-not-length"
        elif isinstance(said, Countersignature):
            roots = [_verified(room, one).root for one in at_length if one.by == chain.ally]
            reason = None if said.root in roots or not roots else "countersignature-other-history"
    except Unverified as error:
        reason = error.reason
    label = d.CHECKPOINT if by == chain.ally else d.COUNTERSIGNATURE
    return StatementView(
        ally=chain.ally,
        by=by,
        epoch=kept.epoch,
        length=kept.length,
        at=said.at if said is not None else 0,
        arrived_at=kept.arrived_at,
        digest=statement_digest(room, kept.signed, label).hex(),
        root=said.root.hex() if said is not None else "",
        lacking=said.lacking if isinstance(said, Countersignature) else 0,
        accepted=reason is None,
        reason=reason,
    )


def _verified(room: Room, kept: KeptStatement) -> Checkpoint | Countersignature:
    return verified_checkpoint(room, kept.signed) if kept.by == kept.ally else verified_countersignature(room, kept.signed)


def verified_page(
    state: State, room: Room, *, ally: str, start: int, limit: int = LIMIT, branch: int | None = None
) -> VerifiedPage:
    """Recompute the digests, links, signatures and bodies of these entries of a chain now."""
    chain = state.chain(room.id, ally)
    index = chain.main if branch is None and chain.branches else branch or 0
    length = chain.branches[index].length if chain.branches else 0
    end = min(start + limit, length)
    before = room.id if start == 0 else _digest_at(state, chain, index, start - 1)
    entries: list[VerifiedEntry] = []
    for seq in range(start, end):
        one, before = _verify(state, room, chain, index, seq, before)
        entries.append(one)
    return VerifiedPage(ally=ally, start=start, end=max(start, end), ok=all(one.ok for one in entries), entries=entries)


def _verify(
    state: State, room: Room, chain: Chain, index: int, seq: int, before: bytes | None
) -> tuple[VerifiedEntry, bytes | None]:
    """Recompute one entry; return what came of it, and its digest for the one that follows."""
    branch = chain.branch_at(index, seq)
    place = f"{chain.ally} {chain.branches[branch].epoch}/{seq}"
    try:
        kept = next(iter(state.store.run(room.id, chain.ally, branch, seq, seq + 1, 1)), None)
    except RecordBroken:
        return VerifiedEntry(seq=seq, place=place, id="", ok=False, reason="row-broken", body_held=False), None
    if kept is None:
        return VerifiedEntry(seq=seq, place=place, id="", ok=False, reason="prev-missing", body_held=False), None
    entry = kept.entry
    reason: str | None = None
    try:
        anew = verified(room, entry.header_bytes, entry.signature, entry.salt, entry.body)
        header = decode_header(entry.header_bytes)
        if (header.ally, header.seq) != (chain.ally, seq) or anew.digest != entry.digest:
            reason = "prev-mismatch"
        elif before is None:
            reason = "prev-missing"
        elif header.prev != before:
            reason = "prev-mismatch"
    except Unverified as error:
        reason = error.reason
    before = d.digest(room.hash, d.ENTRY, entry.header_bytes)
    found = VerifiedEntry(
        seq=seq, place=place, id=entry.digest.hex(), ok=reason is None, reason=reason, body_held=entry.body is not None
    )
    return found, before


def _digest_at(state: State, chain: Chain, index: int, seq: int) -> bytes | None:
    """Return the digest of an entry recomputed from its header."""
    branch = chain.branch_at(index, seq)
    try:
        kept = next(iter(state.store.run(chain.room, chain.ally, branch, seq, seq + 1, 1)), None)
    except RecordBroken:
        return None
    if kept is None:
        return None
    return d.digest(state.rooms.now[chain.room].hash, d.ENTRY, kept.entry.header_bytes)
