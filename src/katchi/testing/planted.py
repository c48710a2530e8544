"""Planted faults: lies, forks, replays, flips and old backups, each of which must be found and named.

A fault is planted in an alliance at rest and returns how it was named: by a notice, by an audit's finding,
by a mark or by a refusal; or it raises CheckFailed. Afterwards every claim of checkers.py must hold again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from katchi.consult import rules
from katchi.consult.acts import ChainOpened, body_as
from katchi.errors import Refused
from katchi.link import frames as f
from katchi.node import commands as cmd
from katchi.node.notices import Told
from katchi.record.canonical import encode
from katchi.record.checkpoint import Countersignature, sign, statement_digest
from katchi.record.entry import decode_header, sign_entry
from katchi.rehearse.wire import Weather
from katchi.rehearse.world import SECOND
from katchi.store.memory import MemoryStore
from katchi.testing.alliance import SimulatedAlliance
from katchi.testing.builders import a_checkpoint, an_ally, an_entry
from katchi.testing.checkers import CheckFailed, audited
from katchi.testing.planting import (
    deliver,
    entry_after,
    entry_at,
    goes_back,
    path_of,
    repair,
    require_notice,
    require_status,
    some_entry,
    three,
    two,
    words_proposed,
)
from katchi.vocabulary import Flag, Kind, Precedence


def a_fork(alliance: SimulatedAlliance) -> str:
    """An ally's keys sign a second entry for one place, and words after it: nothing is agreed until a repair that all accept."""
    forker, victim = two(alliance)
    opening, words = words_proposed(alliance, forker)
    chain = alliance.machine(forker).state.chain(alliance.room, forker)
    newest = alliance.machine(forker).state.entry(chain.branches[chain.main].head)
    assert newest is not None
    alliance.forked.add(forker)
    body = {"by": None, "text": "the other history"}
    other = entry_at(alliance, forker, newest, kind=Kind.POSITION_STATED, body=body, about=(opening,))
    signing = entry_after(alliance, forker, other, kind=Kind.WORDS_SIGNED, body={"by": None}, about=(opening, words))
    deliver(alliance, forker, victim, other, signing)
    path = [*path_of(alliance, forker, chain.length - 1), other, signing]
    checkpoint = a_checkpoint(alliance.machine(victim).state.rooms.now[alliance.room], alliance.parties[forker], path)
    alliance.world.deliver(forker, victim, f.write_frame(f.Statements(alliance.room, (checkpoint,), ())))
    alliance.run(30)
    for name in alliance.parties:
        require_notice(alliance, name, Told.FORK, "")
        held = alliance.machine(name).state
        if held.entry(newest.digest) is None or held.entry(other.digest) is None:
            raise CheckFailed(alliance, "both branches of a fork are kept by all", f"{name} lacks one")
        if name != forker:
            alliance.act(name, rules.SignWords(consultation=opening, proposal=words))
    alliance.run(10)
    require_status(alliance, opening, agreed=False)
    repair(alliance, forker, opening)
    require_status(alliance, opening, agreed=True)
    return "notice: fork"


def a_replay_into_another_room(alliance: SimulatedAlliance) -> str:
    """A signed entry is laid into another room that both share."""
    author, victim = two(alliance)
    other = alliance.act(author, cmd.FoundRoom(title="other talks", allies=tuple(n for n in alliance.parties if n != author)))
    alliance.run(20)
    assert other.room is not None
    entry = some_entry(alliance, author)
    deliver(alliance, author, victim, entry, room=other.room)
    return require_notice(alliance, victim, Told.REFUSED, "replay-other-room")


def a_replay_into_another_mode(alliance: SimulatedAlliance) -> str:
    """An entry of mode live, by the same keys, is laid into an exercise's room."""
    author, victim = two(alliance)
    newest = some_entry(alliance, author, newest=True)
    header = msgspec.structs.replace(newest.header, mode="live", seq=newest.header.seq + 1, prev=newest.digest)
    party, room = alliance.parties[author], alliance.machine(author).state.rooms.now[alliance.room]
    assert newest.salt is not None
    assert newest.body is not None
    entry = sign_entry(room, header, newest.salt, newest.body, party.fingerprint, party.signer)
    deliver(alliance, author, victim, entry)
    return require_notice(alliance, victim, Told.REFUSED, "replay-other-mode")


def a_replay_into_another_epoch(alliance: SimulatedAlliance) -> str:
    """A signed header is given another epoch on the way."""
    author, victim = two(alliance)
    entry = some_entry(alliance, author, newest=True)
    header = msgspec.structs.replace(entry.header, epoch=alliance.world.now)
    deliver(alliance, author, victim, msgspec.structs.replace(entry, header_bytes=encode(header)))
    return require_notice(alliance, victim, Told.REFUSED, "signature-invalid")


def a_withheld_tail(alliance: SimulatedAlliance) -> str:
    """A peer hides the newest entries of a third ally: what it states to have seen gives it away."""
    hidden, liar, victim = three(alliance)
    for name in alliance.parties:
        if name not in (liar, victim):
            alliance.world.cut(alliance.world.wire(name, victim))
    known = alliance.machine(victim).state.chain(alliance.room, hidden).length

    def withhold(sender: str, receiver: str, data: bytes) -> bytes | None:
        frame = f.read_frame(data)
        if (sender, receiver) != (liar, victim):
            return data
        if isinstance(frame, f.Entries):
            left = tuple(i for i in frame.entries if decode_header(i.header).ally != hidden)
            return f.write_frame(f.Entries(frame.room, left))
        if isinstance(frame, f.Statements):
            return None
        return data

    alliance.world.tamper = withhold
    opening = alliance.act(hidden, rules.Open(subject="what is hidden", room=alliance.room)).digest or b""
    alliance.run(5)
    alliance.act(liar, rules.Acknowledge(consultation=opening))
    alliance.run(10)
    if alliance.machine(victim).state.chain(alliance.room, hidden).length != known:
        raise CheckFailed(alliance, "the tail is withheld", "it came through")
    report = audited(alliance, victim)
    marks = [found for room in report.rooms for found in (*room.findings, *room.marks)]
    alliance.world.tamper = None
    alliance.heal()
    if not any(found.reason in ("export-tail-withheld", "not-held-here") for found in marks):
        raise CheckFailed(alliance, "a withheld tail is named", f"the audit at {victim} says nothing of it")
    return "audit: export-tail-withheld"


def a_flipped_bit_in_a_frame(alliance: SimulatedAlliance) -> str:
    """One bit of a header, signature, salt or body changes on the way."""
    author, victim = two(alliance)
    chance, flips = alliance.world.chance, list[int]()

    def flip(sender: str, receiver: str, data: bytes) -> bytes | None:
        frame = f.read_frame(data)
        if flips or (sender, receiver) != (author, victim) or not isinstance(frame, f.Entries):
            return data
        item = frame.entries[-1]
        part = chance.choice([item.header, item.signature, item.salt or item.header, item.body or item.header])
        at = data.index(part) + chance.randrange(len(part))
        flips.append(at)
        return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]

    alliance.world.tamper = flip
    alliance.act(author, rules.Open(subject="a line with noise", room=alliance.room))
    alliance.run(2)
    alliance.world.tamper = None
    return require_notice(alliance, victim, Told.REFUSED, "")


def a_flipped_bit_in_a_row(alliance: SimulatedAlliance) -> str:
    """One bit of a stored body changes: the audit names the entry. The row is put back as from a copy."""
    name, _ = two(alliance)
    rows = alliance.store(name).snapshot()
    kept = alliance.world.chance.choice([k for k in rows.kept.values() if k.entry.body])
    body = kept.entry.body or b""
    flipped = msgspec.structs.replace(kept.entry, body=bytes([body[0] ^ 1]) + body[1:])
    rows.kept[kept.entry.digest] = msgspec.structs.replace(kept, entry=flipped)
    whole, alliance.world.stations[name].store = alliance.store(name), MemoryStore(rows)
    findings = [found for room in audited(alliance, name).rooms for found in room.findings]
    alliance.world.stations[name].store = whole
    if not any(found.where == kept.entry.place and found.reason == "body-digest-mismatch" for found in findings):
        raise CheckFailed(alliance, "a flipped bit in a row is named", f"{kept.entry.place} at {name}: {findings[:2]}")
    return "audit: body-digest-mismatch"


def an_old_backup(alliance: SimulatedAlliance) -> str:
    """A node is restored from a backup and says so: it opens an epoch, and what was sent since comes back."""
    name, writes_first = goes_back(alliance, was_restored=True)
    if not writes_first:
        alliance.run(20)
        alliance.act(name, rules.Open(subject="back again", room=alliance.room))
    alliance.run(30)
    if any(alliance.machine(n).state.chain(alliance.room, name).forks for n in alliance.parties) and name not in alliance.forked:
        raise CheckFailed(alliance, "an honest restore is not a fork", f"{name} shows as forked")
    own = [kept.entry for kept in alliance.store(name).entries(alliance.room) if kept.entry.header.ally == name]
    openings = [body_as(entry.header.kind, entry.body, ChainOpened) for entry in own]
    reasons = [opening.reason for opening in openings if opening is not None]
    if "restored" not in reasons:
        raise CheckFailed(alliance, "a restore is named", f"{name} opened its chain as {reasons}")
    return "entry: chain.opened, restored"


def a_rolled_back_machine(alliance: SimulatedAlliance) -> str:
    """A virtual machine goes back unawares and writes before the link returns: it shows as its own fork, and is repaired."""
    name, writes_first = goes_back(alliance, was_restored=False, writes_first=True)
    assert writes_first
    alliance.forked.add(name)
    alliance.run(30)
    for other in alliance.parties:
        require_notice(alliance, other, Told.FORK, "")
    opening, words = words_proposed(alliance, next(n for n in alliance.parties if n != name))
    for other in alliance.parties:
        if other != name:
            alliance.act(other, rules.SignWords(consultation=opening, proposal=words))
    try:
        alliance.act(name, rules.SignWords(consultation=opening, proposal=words))
    except Refused:
        pass
    else:
        raise CheckFailed(alliance, "a forked chain signs nothing", f"{name} signed words before its repair")
    repair(alliance, name, opening)
    alliance.act(name, rules.SignWords(consultation=opening, proposal=words))
    alliance.run(10)
    require_status(alliance, opening, agreed=True)
    return "notice: fork"


def a_lying_peer(alliance: SimulatedAlliance) -> str:
    """A peer countersigns two histories of one ally at one length."""
    ally, liar = two(alliance)
    branch = alliance.machine(ally).state.chain(alliance.room, ally).newest
    assert branch is not None
    length = branch.confirmed[liar]
    party = alliance.parties[liar]
    room = alliance.machine(ally).state.rooms.now[alliance.room]
    held = alliance.store(ally).statements_at(room.id, ally, branch.epoch, length)
    checkpoint = next(statement.signed for statement in held if statement.by == ally)
    lie = Countersignature(
        mode=room.mode,
        room=room.id,
        ally=ally,
        epoch=branch.epoch,
        length=length,
        root=bytes(32),
        head=bytes(32),
        checkpoint=statement_digest(room, checkpoint),
        by=liar,
        by_identity=party.fingerprint,
        since=0,
        lacking=0,
        at=alliance.world.now,
    )
    alliance.liars.add(liar)
    lies = [lie, msgspec.structs.replace(lie, head=bytes(31) + b"\1")]  # one is evidence enough; more are not kept
    signed = tuple(sign(room, one, party.fingerprint, party.signer) for one in lies)
    for _ in range(2):
        alliance.world.deliver(liar, ally, f.write_frame(f.Statements(room.id, (), signed)))
        named = require_notice(alliance, ally, Told.LIE, "countersignature-two-histories")
    _require_evidence(alliance, ally, liar, length)
    return named


def _require_evidence(alliance: SimulatedAlliance, ally: str, liar: str, length: int) -> None:
    """Raise CheckFailed unless the contradicting pair is kept, no more of it, and the audit says who lied."""
    held = [s for s in alliance.store(ally).statements(alliance.room) if (s.ally, s.by, s.length) == (ally, liar, length)]
    if len(held) != 2:
        raise CheckFailed(alliance, "the first contradicting pair is kept as evidence", f"{ally} keeps {len(held)}")
    findings = [one for room in audited(alliance, ally).rooms for one in room.findings]
    if [(one.reason, one.against) for one in findings] != [("countersignature-two-histories", liar)]:
        raise CheckFailed(alliance, "an audit names the liar, and nothing else", f"{findings}")


def a_stranger(alliance: SimulatedAlliance) -> str:
    """An ally passes on an entry by someone who is no member."""
    author, victim = two(alliance)
    room = alliance.machine(author).state.rooms.now[alliance.room]
    deliver(alliance, author, victim, an_entry(room, an_ally("stranger")))
    return require_notice(alliance, victim, Told.REFUSED, "not-a-member")


def an_unknown_kind(alliance: SimulatedAlliance) -> str:
    """An ally writes a kind that nobody here knows: it is kept, shown as such, and its chain goes on."""
    return _kept_outside_the_rules(alliance, Flag.UNKNOWN_KIND, kind="weather.reported", body={"sky": "grey"})


def a_sees_that_goes_back(alliance: SimulatedAlliance) -> str:
    """An ally states to have seen less than before: it is kept, marked, and its chain goes on."""
    return _kept_outside_the_rules(
        alliance, Flag.SEES_GOES_BACK, kind=Kind.DELIVERED, body={"by": None, "entries": [], "post": "duty"}
    )


def a_slow_wire(alliance: SimulatedAlliance) -> str:
    """Much waits on a slow wire: a flash message overtakes the bodies of what was written before it."""
    author, victim = two(alliance)
    opening = alliance.act(author, rules.Open(subject="a long list", room=alliance.room)).digest or b""
    alliance.run(5)
    wire = alliance.world.wire(author, victim)
    alliance.world.cut(wire)
    for other in alliance.parties:
        if other not in (author, victim):
            alliance.world.cut(alliance.world.wire(other, victim))
    slow = [rules.StatePosition(consultation=opening, text="x" * 12_000) for _ in range(110)]
    bulk = [written.digest for written in (alliance.act(author, one) for one in slow)]
    flash = alliance.act(author, rules.StatePosition(consultation=opening, text="at once", precedence=Precedence.FLASH))
    alliance.world.weather = Weather(bytes_per_s=30_000)
    alliance.world.mend(wire)
    started = alliance.world.now
    assert flash.digest is not None
    while (entry := alliance.machine(victim).state.entry(flash.digest)) is None or entry.body is None:
        alliance.run(0.5)
        if alliance.world.now > started + 120 * SECOND:
            raise CheckFailed(alliance, "a flash message overtakes", "it has not come within two minutes")
    held = [alliance.machine(victim).state.entry(digest) for digest in bulk if digest is not None]
    behind = sum(entry is None or entry.body is None for entry in held)
    if behind < len(bulk) // 2:
        raise CheckFailed(alliance, "a flash message overtakes", f"only {behind} of {len(bulk)} bodies came after it")
    alliance.run(90)
    alliance.heal()
    return "overtaken: bodies awaited"


def _kept_outside_the_rules(alliance: SimulatedAlliance, flag: Flag, *, kind: str, body: Mapping[str, Any]) -> str:
    author, victim = two(alliance)
    newest = some_entry(alliance, author, newest=True)
    entry = entry_after(
        alliance,
        author,
        newest,
        kind=kind,
        body=body,
        sees=newest.header.sees[1:] if flag is Flag.SEES_GOES_BACK else newest.header.sees,
    )
    deliver(alliance, author, victim, entry)
    alliance.run(10)
    after = alliance.act(author, rules.Open(subject="and so on", room=alliance.room)).digest or b""
    alliance.run(10)
    for name in alliance.parties:
        kept = alliance.store(name).entry(entry.digest)
        if kept is None or flag not in kept.flags:
            raise CheckFailed(alliance, "what leaves the rules is kept and marked", f"{flag} at {name}: {kept and kept.flags}")
        if alliance.store(name).entry(after) is None:
            raise CheckFailed(alliance, "a chain never stalls", f"{author}'s next entry did not reach {name}")
    return f"flag: {flag}"


Fault = Callable[[SimulatedAlliance], str]
FAULTS: Mapping[str, Fault] = {
    fault.__name__.removeprefix("a_").removeprefix("an_").replace("_", "-"): fault
    for fault in (
        a_fork,
        a_replay_into_another_room,
        a_replay_into_another_mode,
        a_replay_into_another_epoch,
        a_withheld_tail,
        a_flipped_bit_in_a_frame,
        a_flipped_bit_in_a_row,
        an_old_backup,
        a_rolled_back_machine,
        a_lying_peer,
        a_stranger,
        an_unknown_kind,
        a_sees_that_goes_back,
        a_slow_wire,
    )
}
NEEDS_THREE = frozenset({"withheld-tail"})
