"""Where a clock or a statement goes back along a branch, so that "what was held then" can be found by halving.

Entries of a branch come in order, so their arrival times rise, unless our own clock was set back;
their authors' clocks and what they state to have seen rise too, unless their author left the rules.
The places where one of them does not are few and are kept here: between two of them it rises.
"""

from __future__ import annotations

import msgspec

from katchi.node.undoable import Undoable
from katchi.record.entry import Entry, Seen

TURNS_MAX = 256  # of each kind that are kept for a branch: an ally whose clock turns at every entry costs no more

BranchKey = tuple[bytes, str, int]  # room, ally, branch


class Turns(msgspec.Struct, frozen=True):
    """The seqs of one branch at which something is less than at the entry before."""

    arrivals: tuple[int, ...] = ()  # our own clock
    statements: tuple[int, ...] = ()  # their author's clock, or what it states to have seen
    is_whole: bool = True  # false if there were more than are kept


class TurnsOf(Undoable[BranchKey, Turns]):
    """The turns of all branches that have any."""

    def of(self, room: bytes, ally: str, branch: int) -> Turns:
        """Return the turns of a branch."""
        return self.now.get((room, ally, branch), Turns())

    def note(
        self, key: BranchKey, entry: Entry, said_before: tuple[int, tuple[Seen, ...]], arrived_at: int, arrived_before: int
    ) -> None:
        """Note an entry of a branch; `said_before` is what the one before it said: its author's clock, and what it had seen."""
        header = entry.header
        if arrived_at < arrived_before:
            self._add(key, header.seq, is_arrival=True)
        if header.at < said_before[0] or goes_back(header.sees, said_before[1]):
            self._add(key, header.seq, is_arrival=False)

    def _add(self, key: BranchKey, seq: int, *, is_arrival: bool) -> None:
        turns = self.of(*key)
        held = turns.arrivals if is_arrival else turns.statements
        if len(held) >= TURNS_MAX:
            turns = msgspec.structs.replace(turns, is_whole=False)
        elif is_arrival:
            turns = msgspec.structs.replace(turns, arrivals=(*held, seq))
        else:
            turns = msgspec.structs.replace(turns, statements=(*held, seq))
        self.set(key, turns)


def goes_back(sees: tuple[Seen, ...], before: tuple[Seen, ...]) -> bool:
    """Return whether an author states to have seen less of any ally than at its entry before."""
    if not before:
        return False
    said = {seen.ally: (seen.epoch, seen.seq) for seen in sees}
    return any(said.get(seen.ally, (-1, -1)) < (seen.epoch, seen.seq) for seen in before)


def turns_key(key: BranchKey) -> str:
    """The fact that holds the turns of a branch."""
    room, ally, branch = key
    return f"derived/turns/{room.hex()}/{ally}/{branch:04x}"


def branch_of(fact: str) -> BranchKey:
    """The branch whose turns a fact holds."""
    _, _, room, ally, branch = fact.split("/")
    return bytes.fromhex(room), ally, int(branch, 16)
