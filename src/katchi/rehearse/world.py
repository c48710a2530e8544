"""A whole alliance in one process and one thread: simulated clock, network and crashes from one seed.

The nodes are the real ones; only time, wires and disks are simulated. A seed gives the same run every
time, so a failure is replayed by its seed. Nothing here checks anything: testing/ does.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from katchi.errors import KatchiError, LinkFailed, StoreFailed
from katchi.node.batch import Batch, Store
from katchi.node.commands import NodeCommand, Written
from katchi.node.machine import Machine
from katchi.rehearse.wire import Weather, Wire

SECOND = 1_000_000
RECONNECT_AFTER_US = SECOND
RETRY_AFTER_US = SECOND  # after a batch that the disk did not take
GREETING_US_MAX = 5 * SECOND
INPUTS_A_GROUP = 8  # frames that share one commit
GROUP_US = 500  # how long the first frame of a group waits for others
PUMPS_MAX = 10_000
REPAIRED_IN_S = 5.0  # one ping: by then a node knows what the other never got, if it is not lost, too
BUFFER_US = 100_000  # what a bearer's buffer holds, in time to send it


class Station:
    """One node in the world: its machine while it runs, and its store, which outlives it."""

    def __init__(self, ally: str, store: Store, start: Callable[[Store, bool], Machine]) -> None:
        self.ally, self.store, self._start = ally, store, start
        self.machine: Machine | None = start(store, False)
        self.clock_offset_us = 0
        self.wakes_at: int | None = None
        self.acknowledged: list[Written] = []
        self.inbox: deque[tuple[Wire, int, str, bytes]] = deque()  # (wire, session, sender, frame)

    def stop(self) -> None:
        """The process ends here and now: what was not durable is gone."""
        self.machine, self.wakes_at = None, None
        self.inbox.clear()

    def start(self, *, was_restored: bool = False) -> None:
        """The process starts again from its store."""
        self.inbox.clear()
        self.wakes_at = None
        self.machine = self._start(self.store, was_restored)


class World:
    """Stations and wires under one simulated clock."""

    def __init__(self, seed: int, now: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - a simulation wants the same chance again
        self.now = now
        self.weather = Weather()
        self.stations: dict[str, Station] = {}
        self.wires: list[Wire] = []
        self.frames_delivered = 0
        self.on_frame: Callable[[str, str, bytes], None] | None = None
        self.pings_until: int | None = None  # nodes are woken to ping until then, and for other work always; None: for ever
        self.tamper: Callable[[str, str, bytes], bytes | None] | None = None  # what a wire makes of a frame; None: it vanishes
        self.on_batch: Callable[[str, Batch], None] | None = None  # one that is durable now
        self.crash_at_commit: Callable[[Station, Batch], str | None] | None = None  # "before", "after" or None
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._number = 0
        self._transcript, self._frames = hashlib.blake2b(digest_size=32), hashlib.blake2b(digest_size=32)

    def add(self, station: Station) -> None:
        """Add a station, wired to all others."""
        self.wires += [Wire(other, station.ally) for other in self.stations]
        self.stations[station.ally] = station

    def at(self, time: int, event: Callable[[], None]) -> None:
        """Let `event` happen at `time`."""
        self._number += 1
        heapq.heappush(self._events, (max(time, self.now), self._number, event))

    def ping_for(self, seconds: float) -> None:
        """Let all nodes ping each other for so long from now, at least."""
        if self.pings_until is not None:
            self.pings_until = max(self.pings_until, self.now + int(seconds * SECOND))
            for station in self.stations.values():
                if station.machine is not None:
                    self._plan_wakeup(station, station.machine)

    def run(self, seconds: float) -> None:
        """Let the world go on for so long."""
        end = self.now + int(seconds * SECOND)
        self._run(lambda: self._events[0][0] <= end)
        self.now = end

    def run_while(self, is_going_on: Callable[[], bool]) -> None:
        """Let the world go on while that is so and anything is still to happen."""
        self._run(is_going_on)

    def _run(self, is_going_on: Callable[[], bool]) -> None:
        for wire in self.wires:
            self._connect(wire)
        while self._events and is_going_on():
            self.now, _, event = heapq.heappop(self._events)
            event()

    def transcript(self) -> str:
        """Return a digest of every frame delivered and every batch kept so far, with their times."""
        return self._transcript.hexdigest()

    def frames(self) -> str:
        """Return a digest of when each frame so far came, from whom, to whom and how long it was.

        That is the same again where nodes sign as real ones do: ML-DSA draws randomness of its own, identities
        stand in entries, and so the bytes of no two runs are the same.
        """
        return self._frames.hexdigest()

    def submit(self, ally: str, *commands: NodeCommand) -> list[Written | KatchiError]:
        """Give commands to a station as one group; what it answered, or why not."""
        station = self.stations[ally]
        machine = station.machine
        if machine is None:
            return [StoreFailed("{ally}'s node is not running", ally=ally)] * len(commands)
        answers: list[Written | KatchiError] = []
        for command in commands:
            try:
                answers.append(machine.submit(command, self.clock(station)))
            except KatchiError as error:  # the driver answers each command by itself
                answers.append(error)
        if not self._commit(station):
            return [StoreFailed("not kept") if isinstance(answer, Written) else answer for answer in answers]
        station.acknowledged += [answer for answer in answers if isinstance(answer, Written)]
        return answers

    def crash(self, ally: str) -> None:
        """A station's process ends; its wires drop."""
        self.stations[ally].stop()
        for wire in self._wires_of(ally):
            self.drop(wire)

    def restart(self, ally: str, *, store: Store | None = None, was_restored: bool = False) -> None:
        """A station starts again, on its own store or on another (a backup)."""
        station = self.stations[ally]
        if store is not None:
            station.store = store
        station.start(was_restored=was_restored)
        for wire in self._wires_of(ally):
            self.drop(wire)
        assert station.machine is not None
        self._plan_wakeup(station, station.machine)

    def cut(self, wire: Wire) -> None:
        """Nothing passes any more, and both ends notice."""
        wire.is_cut = True
        self.drop(wire)

    def mend(self, wire: Wire) -> None:
        """The wire carries again."""
        wire.is_cut = False
        self._connect(wire)

    def wire(self, one: str, other: str) -> Wire:
        """The wire between two stations."""
        return next(wire for wire in self.wires if set(wire.ends) == {one, other})

    def clock(self, station: Station) -> int:
        """What a station's own clock shows now."""
        return self.now + station.clock_offset_us

    def drop(self, wire: Wire) -> None:
        """A bearer's connection ends; it is dialled again."""
        wire.session += 1
        wire.dialled_at = None
        for ally in wire.ends:
            station = self.stations[ally]
            if station.machine is not None and wire.other(ally) in station.machine.peers:
                station.machine.disconnected(wire.other(ally), self.clock(station))
        self.at(self.now + RECONNECT_AFTER_US, lambda: self._connect(wire))

    def deliver(self, sender: str, ally: str, frame: bytes) -> None:
        """Lay one frame before `ally`'s node as if `sender`'s node had sent it on the present connection."""
        wire = self.wire(sender, ally)
        self._arrive(wire, wire.session, sender, ally, frame)

    def _wires_of(self, ally: str) -> list[Wire]:
        return [wire for wire in self.wires if ally in wire.ends]

    def _connect(self, wire: Wire) -> None:
        machines = [self.stations[ally].machine for ally in wire.ends]
        if wire.is_cut or wire.dialled_at is not None or None in machines:
            return
        for ally, machine in zip(wire.ends, machines, strict=True):
            if machine is None or wire.other(ally) not in machine.peers:
                return
        wire.session += 1
        wire.dialled_at = self.now
        session = wire.session
        for ally, machine in zip(wire.ends, machines, strict=True):
            assert machine is not None
            wire.free_at[ally] = wire.arrives_at[ally] = self.now
            self._send(wire, ally, machine.connected(wire.other(ally), self.clock(self.stations[ally])))
        self.at(self.now + GREETING_US_MAX, lambda: self._redial_if_mute(wire, session))

    def _redial_if_mute(self, wire: Wire, session: int) -> None:
        if wire.session != session or wire.is_cut:
            return
        machines = [(self.stations[ally].machine, wire.other(ally)) for ally in wire.ends]
        if any(machine is not None and not machine.peers[other].is_up for machine, other in machines):
            self.drop(wire)

    def _send(self, wire: Wire, ally: str, frame: bytes) -> None:
        if self.on_frame is not None:
            self.on_frame(ally, wire.other(ally), frame)
        weather = self.weather
        if self.tamper is not None:
            tampered = self.tamper(ally, wire.other(ally), frame)
            if tampered is None:
                return
            frame = tampered
        if wire.is_cut or self.chance.random() < weather.loss:
            return
        for arrives_at in wire.arrivals(ally, len(frame), self.now, weather, self.chance):
            self.at(arrives_at, partial(self._arrive, wire, wire.session, ally, wire.other(ally), frame))

    def _arrive(self, wire: Wire, session: int, sender: str, ally: str, frame: bytes) -> None:
        station = self.stations[ally]
        if wire.session != session or station.machine is None:
            return
        station.inbox.append((wire, session, sender, frame))
        if len(station.inbox) == 1:
            self.at(self.now + GROUP_US, lambda: self._take_group(station))

    def _take_group(self, station: Station) -> None:
        machine = station.machine
        if machine is None or not station.inbox:
            return
        for _ in range(min(INPUTS_A_GROUP, len(station.inbox))):
            wire, session, sender, frame = station.inbox.popleft()
            if wire.session != session:
                continue
            self.frames_delivered += 1
            came = f"{self.now} {sender} {station.ally} {len(frame)}\n".encode()
            self._frames.update(came)
            self._transcript.update(came + frame)
            try:
                machine.receive(sender, frame, self.clock(station))
            except LinkFailed:
                self.drop(wire)
        self._commit(station)
        if station.inbox:
            self.at(self.now + GROUP_US, lambda: self._take_group(station))

    def _commit(self, station: Station) -> bool:
        """Make what the station's machine has gathered durable, and send what follows; False if it was not kept."""
        machine = station.machine
        assert machine is not None
        batch = machine.close_group(self.clock(station))
        crash = self.crash_at_commit(station, batch) if self.crash_at_commit and not batch.is_empty else None
        if crash == "before":
            self.crash(station.ally)
            return False
        try:
            if not batch.is_empty:
                station.store.append(batch)
                self._note(station.ally, batch)
        except StoreFailed:
            machine.rolled_back()
            self._plan_wakeup(station, machine, not_before=self.now + RETRY_AFTER_US)
            return False
        if crash == "after":
            self.crash(station.ally)
            return False
        machine.committed()
        self._pump(station, machine)
        return True

    def _note(self, ally: str, batch: Batch) -> None:
        self._transcript.update(f"{self.now} {ally} {len(batch.entries)} {len(batch.statements)}\n".encode())
        for kept in batch.entries:
            self._transcript.update(kept.entry.digest)
        for statement in batch.statements:
            self._transcript.update(statement.signed.statement)
        for key in batch.facts:
            self._transcript.update(key.encode())
        if self.on_batch is not None:
            self.on_batch(ally, batch)

    def _pump(self, station: Station, machine: Machine) -> None:
        for wire in self._wires_of(station.ally):
            other = wire.other(station.ally)
            if other not in machine.peers or wire.dialled_at is None:
                continue
            for _ in range(PUMPS_MAX):
                if wire.free_at[station.ally] > self.now + BUFFER_US:  # the wire pushes back
                    self.at(wire.free_at[station.ally], partial(self._pump_again, station, wire, wire.session))
                    break
                frames = machine.outgoing(other, self.clock(station))
                for frame in frames:
                    self._send(wire, station.ally, frame)
                if not frames:
                    break
        self._plan_wakeup(station, machine)

    def _pump_again(self, station: Station, wire: Wire, session: int) -> None:
        if station.machine is not None and wire.session == session and wire.free_at[station.ally] <= self.now:
            self._commit(station)

    def _plan_wakeup(self, station: Station, machine: Machine, not_before: int = 0) -> None:
        due = machine.next_wakeup(with_pings=self.pings_until is None or self.now < self.pings_until)
        if due is None:
            return
        due = max(due - station.clock_offset_us, self.now + 1_000, not_before)
        if station.wakes_at is None or due < station.wakes_at or station.wakes_at <= self.now:
            station.wakes_at = due
            self.at(due, lambda: self._wake(station, due))

    def _wake(self, station: Station, due: int) -> None:
        if station.machine is None or station.wakes_at != due:
            return
        station.wakes_at = None
        station.machine.tick(self.clock(station))
        self._commit(station)

    @property
    def allies(self) -> Sequence[str]:
        """All stations' names, in order."""
        return tuple(self.stations)
