"""How allies' checkpoints and countersignatures are taken over: verified, recomputed here, kept.

What vouches for another history than is here is refused and named; two countersignatures of one signer that
contradict each other prove it a liar, and that pair is kept as evidence. Our own are made in writing.py.
"""

from __future__ import annotations

from collections.abc import Callable

from katchi.errors import Unverified
from katchi.link import frames as f
from katchi.node.batch import KeptStatement
from katchi.node.notices import Notice, Told, refused
from katchi.node.state import State
from katchi.node.writing import Author
from katchi.record import chain as c
from katchi.record import growth, merkle
from katchi.record.canonical import decode_struct
from katchi.record.charter import Room
from katchi.record.checkpoint import (
    Checkpoint,
    Countersignature,
    Signed,
    are_inconsistent,
    verified_checkpoint,
    verified_countersignature,
)
from katchi.record.fields import STATEMENT_SIZE_MAX


class Statements:
    """Takes over what allies vouch for, into one node's state."""

    def __init__(self, state: State, author: Author, notices: list[Notice]) -> None:
        self._state, self._author, self._notices = state, author, notices

    def take(self, via: str, frame: f.Statements, now: int) -> None:
        """Take over checkpoints and countersignatures; those ahead of what is held will come again."""
        room = self._state.shared_room(via, frame.room)
        for signed in frame.checkpoints:
            self._named(via, room, self._checkpoint, signed, now)
        for signed in frame.countersignatures:
            self._named(via, room, self._countersignature, signed, now)

    def _named(self, via: str, room: Room, take: Callable[[Room, Signed, int], None], signed: Signed, now: int) -> None:
        try:
            take(room, signed, now)
        except growth.Gap:
            pass
        except Unverified as error:
            told = Told.LIE if error.reason == "countersignature-two-histories" else Told.REFUSED
            self._notices.append(refused(via, room.id, error, told))

    def _checkpoint(self, room: Room, signed: Signed, now: int) -> None:
        checkpoint = verified_checkpoint(room, signed)
        chain = self._state.chain(room.id, checkpoint.ally)
        frontier_at, entry_at = self._state.frontier_at(chain, room.hash), self._state.entry_at(chain)
        longer, index = growth.covered(chain, checkpoint, room.hash, frontier_at, entry_at)
        if longer.branches[index].covered == chain.branches[index].covered:
            return
        self._state.chains.set((room.id, checkpoint.ally), longer)
        kept = KeptStatement(room.id, checkpoint.ally, checkpoint.epoch, checkpoint.length, checkpoint.ally, signed, now)
        self._state.batch.statements.append(kept)
        if checkpoint.ally != self._state.own.ally:
            self._author.uncountersigned.add((room.id, checkpoint.ally))

    def _countersignature(self, room: Room, signed: Signed, now: int) -> None:
        counter = verified_countersignature(room, signed)
        is_lie = self._contradicts(room, counter, signed)
        if is_lie and self._is_proved_a_liar(room, counter):
            raise _two_histories(counter)
        kept = KeptStatement(room.id, counter.ally, counter.epoch, counter.length, counter.by, signed, now)
        try:
            is_news = self._confirm(room, counter)
        except (growth.Gap, Unverified):
            if not is_lie:
                raise
            is_news = False
        if is_news or is_lie:  # one that confirms nothing is kept as evidence
            self._state.batch.statements.append(kept)
        if is_lie:
            self._state.batch.facts[_liar_key(room, counter)] = counter.length.to_bytes(8, "big")
            raise _two_histories(counter)

    def _contradicts(self, room: Room, counter: Countersignature, signed: Signed) -> bool:
        """Whether its signer has vouched for another history at the same place."""
        place = (room.id, counter.ally, counter.epoch, counter.length)
        fresh = [s for s in self._state.batch.statements if (s.room, s.ally, s.epoch, s.length) == place]
        ours = [s.signed for s in (*self._state.store.statements_at(*place), *fresh) if s.by == counter.by]
        others = [one for one in ours if one.statement != signed.statement]
        return any(are_inconsistent(verified_countersignature(room, one), counter) for one in others)

    def _is_proved_a_liar(self, room: Room, counter: Countersignature) -> bool:
        """Whether two contradicting countersignatures of a signer are kept already: one pair a chain and epoch is enough."""
        key = _liar_key(room, counter)
        return key in self._state.batch.facts or self._state.store.fact(key) is not None

    def _confirm(self, room: Room, counter: Countersignature) -> bool:
        """Note how much of a chain a countersignature confirms; return whether that is more than before.

        Raises:
            Gap: its entries have not all arrived. Unverified: its signer holds another history than is here.
        """
        chain = self._state.chain(room.id, counter.ally)
        for index, branch in enumerate(chain.branches):
            if branch.epoch != counter.epoch or not branch.start < counter.length <= branch.length:
                continue
            if self._state.entry_at(chain)(index, counter.length - 1) == counter.head:
                if self._root_at(room, chain, index, counter.length) != counter.root:
                    raise Unverified(
                        "countersignature-other-history",
                        "{by} vouched for a root that is not {ally}'s",
                        by=counter.by,
                        ally=counter.ally,
                    )
                if branch.confirmed.get(counter.by, 0) >= counter.length:
                    return False
                self._state.chains.set((room.id, counter.ally), growth.confirmed(chain, index, counter.by, counter.length))
                return True
        if any(branch.epoch == counter.epoch and branch.length >= counter.length for branch in chain.branches):
            raise Unverified(
                "countersignature-other-history",
                "{by} holds another entry at {place}",
                by=counter.by,
                place=f"{counter.ally} {counter.epoch}/{counter.length - 1}",
            )
        raise growth.Gap

    def _root_at(self, room: Room, chain: c.Chain, index: int, length: int) -> bytes:
        """The root of a branch's path at `length`: of its frontier, of a checkpoint that was recomputed, or computed."""
        branch = chain.branches[index]
        if length == branch.length:
            return merkle.root(room.hash, branch.frontier)
        for held in self._state.store.statements_at(room.id, chain.ally, branch.epoch, length):
            if held.by == chain.ally:
                checkpoint = decode_struct(held.signed.statement, Checkpoint, size_max=STATEMENT_SIZE_MAX)
                if checkpoint.head == self._state.entry_at(chain)(index, length - 1):
                    return checkpoint.root
        return merkle.root(room.hash, self._state.frontier_at(chain, room.hash)(index, length))


def _liar_key(room: Room, counter: Countersignature) -> str:
    """The fact that two contradicting countersignatures of one signer are kept."""
    return f"local/liar/{room.id.hex()}/{counter.ally}/{counter.epoch:016x}/{counter.by}"


def _two_histories(counter: Countersignature) -> Unverified:
    what = "{by} vouched for two histories of {ally}"
    return Unverified("countersignature-two-histories", what, by=counter.by, ally=counter.ally)
