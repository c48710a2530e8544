"""What planted faults are made of: entries forged with an ally's keys, nodes that go back, and what must be told.

All of it works on a SimulatedAlliance from outside its nodes, as an attacker or an accident would.
"""

from __future__ import annotations

from typing import Any

import msgspec

from katchi.consult import rules
from katchi.link import frames as f
from katchi.node import commands as cmd
from katchi.node.notices import Notice, Told
from katchi.record.entry import Entry
from katchi.store.memory import MemoryStore
from katchi.testing.alliance import SimulatedAlliance
from katchi.testing.builders import an_entry
from katchi.testing.checkers import CheckFailed, status
from katchi.vocabulary import Status


def two(alliance: SimulatedAlliance) -> tuple[str, str]:
    """Return two different allies, drawn."""
    one, other = alliance.world.chance.sample(list(alliance.parties), 2)
    return one, other


def three(alliance: SimulatedAlliance) -> tuple[str, str, str]:
    """Return three different allies, drawn."""
    one, other, third = alliance.world.chance.sample(list(alliance.parties), 3)
    return one, other, third


def words_proposed(alliance: SimulatedAlliance, opener: str) -> tuple[bytes, bytes]:
    """Let a consultation be opened, taken up by all and words be proposed; return both digests."""
    opening = alliance.act(opener, rules.Open(subject="words for all", room=alliance.room)).digest or b""
    alliance.run(10)
    for name in alliance.parties:
        if name != opener:
            alliance.act(name, rules.Acknowledge(consultation=opening))
    words = alliance.act(opener, rules.ProposeWords(consultation=opening, words={"en": "we go together"})).digest or b""
    alliance.run(10)
    return opening, words


def repair(alliance: SimulatedAlliance, forker: str, opening: bytes) -> None:
    """Let the forked ally write again, which opens a repaired epoch, and all others accept that."""
    alliance.act(forker, rules.StatePosition(consultation=opening, text="we repaired our chain"))
    alliance.run(10)
    for name in alliance.parties:
        if name != forker:
            alliance.act(name, cmd.AcceptRepair(room=alliance.room, ally=forker))
    alliance.run(10)


def require_status(alliance: SimulatedAlliance, opening: bytes, *, agreed: bool) -> None:
    """Raise CheckFailed unless every node shows the words as agreed, or as not."""
    for name in alliance.parties:
        seen = status(alliance.machine(name), opening)
        if (seen is Status.AGREED) != agreed:
            raise CheckFailed(alliance, "what follows a fork counts only once it is repaired", f"{name} shows {seen}")


def require_notice(alliance: SimulatedAlliance, name: str, told: Told, reason: str) -> str:
    """Let a little time pass; the node must have told its officers."""
    alliance.run(5)
    notices: list[Notice] = alliance.machine(name).notices
    if not any(notice.told is told and notice.detail.startswith(reason) for notice in notices):
        raise CheckFailed(alliance, "a planted fault is named", f"{name} told no {told} {reason}")
    return f"notice: {told}{' ' if reason else ''}{reason}"


def goes_back(alliance: SimulatedAlliance, *, was_restored: bool, writes_first: bool | None = None) -> tuple[str, bool]:
    """Let a node go on for a while, then stand where it stood before.

    Returns:
        The ally, and whether its node wrote before its links returned.
    """
    world, chance = alliance.world, alliance.world.chance
    name, other = two(alliance)
    backup = alliance.store(name).snapshot()
    opening = alliance.act(name, rules.Open(subject="after the backup", room=alliance.room)).digest or b""
    alliance.run(5)
    alliance.act(other, rules.Acknowledge(consultation=opening))
    alliance.act(name, rules.StatePosition(consultation=opening, text="said after the backup"))
    alliance.attach(name, opening)
    lost = alliance.act(name, rules.Open(subject="a note to ourselves", room=alliance.national[name]))
    alliance.run(10)
    alliance.given_up.add(lost.digest or b"")  # no peer holds it: `rebuild` says that a national room cannot come back
    alliance.restored.add(name)
    writes_first = chance.random() < 0.5 if writes_first is None else writes_first
    if writes_first:
        for wire in world.wires:
            if name in wire.ends:
                world.cut(wire)
    world.crash(name)
    world.restart(name, store=MemoryStore(backup), was_restored=was_restored)
    if writes_first:
        alliance.act(name, rules.Open(subject="written while cut off", room=alliance.room))
        alliance.run(3)
        alliance.heal()
    return name, writes_first


def some_entry(alliance: SimulatedAlliance, author: str, *, newest: bool = False) -> Entry:
    """Return an entry of an ally's own chain: the newest, or one drawn."""
    chain = alliance.machine(author).state.chain(alliance.room, author)
    seq = chain.length - 1 if newest else alliance.world.chance.randrange(chain.length)
    entry = alliance.machine(author).state.entry(alliance.machine(author).state.path_digests(chain, chain.main, seq, seq + 1)[0])
    assert entry is not None
    return entry


def path_of(alliance: SimulatedAlliance, author: str, length: int) -> list[Entry]:
    """Return the first `length` entries of an ally's chain."""
    state = alliance.machine(author).state
    chain = state.chain(alliance.room, author)
    entries = [state.entry(digest) for digest in state.path_digests(chain, chain.main, 0, length)]
    return [entry for entry in entries if entry is not None]


def entry_at(alliance: SimulatedAlliance, author: str, place: Entry, **said: Any) -> Entry:
    """Return another entry for the place of one."""
    room, header = alliance.machine(author).state.rooms.now[alliance.room], place.header
    said = {"sees": header.sees, "epoch": header.epoch, "at": header.at, **said}
    return an_entry(room, alliance.parties[author], header.seq, header.prev, **said)


def entry_after(alliance: SimulatedAlliance, author: str, before: Entry, **said: Any) -> Entry:
    """Return the entry that follows another."""
    header = msgspec.structs.replace(before.header, seq=before.header.seq + 1, prev=before.digest)
    return entry_at(alliance, author, msgspec.structs.replace(before, header=header), **said)


def deliver(alliance: SimulatedAlliance, sender: str, ally: str, *entries: Entry, room: bytes | None = None) -> None:
    """Lay entries before a node as if another's had sent them."""
    items = tuple(f.EntryItem(entry.header_bytes, entry.signature, entry.salt, entry.body) for entry in entries)
    alliance.world.deliver(sender, ally, f.write_frame(f.Entries(room or alliance.room, items)))
    alliance.run(1)
