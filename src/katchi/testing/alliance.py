"""SimulatedAlliance: real nodes of invented allies, paired and sharing a room, in a faulty world.

One seed decides everything: what officers do, which wires are cut, which nodes crash and when. After
`heal` and some quiet time, testing/checkers.py says whether anything was lost.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import msgspec

from katchi.consult import acts, rules
from katchi.errors import KatchiError
from katchi.node import commands as cmd
from katchi.node.batch import CHUNK_SIZE, Batch, Store
from katchi.node.commands import Written
from katchi.node.machine import Machine
from katchi.node.settings import PairedAlly, Settings
from katchi.record import merkle
from katchi.record.fields import Mode
from katchi.record.identity import Contact, sign_contact
from katchi.rehearse.wire import Weather, Wire
from katchi.rehearse.world import SECOND, Station, World
from katchi.store.memory import MemoryStore
from katchi.testing.builders import NOON, Ally, an_ally
from katchi.testing.cheap import SUITES
from katchi.vocabulary import Form, Precedence, Stance

NAMES = ("azure", "birch", "cedar", "delta")
BURST_MAX = 30
SETTLED_S = 30  # relays along a line of four allies take this long
DECISION_DUE_IN_S = 3600
QUIET_AFTER_S = 90  # by then every rewind has come and gone


class Chances(msgspec.Struct, frozen=True):
    """How often things go wrong in one seed: a rate per step of the swarm, and the weather."""

    cut: float = 0.0
    crash: float = 0.0
    crash_at_commit: float = 0.0  # per batch
    disk_full: float = 0.0
    clock_jump: float = 0.0
    weather: Weather = Weather()
    is_relayed: bool = False  # one wire stays cut, so that records travel through a third ally


def drawn(chance: random.Random, allies: int) -> Chances:
    """Return the rates of one seed: each fault is absent in about half of the seeds."""

    def rate(rate_max: float) -> float:
        return chance.uniform(0, rate_max) if chance.random() < 0.5 else 0.0

    fastest, slowest = chance.choice([(1_000, 20_000), (20_000, 150_000), (250_000, 350_000), (5_000, 900_000)])
    return Chances(
        cut=rate(0.15),
        crash=rate(0.06),
        crash_at_commit=rate(0.01),
        disk_full=rate(0.04),
        clock_jump=rate(0.05),
        weather=Weather(
            loss=rate(0.08),
            repetition=rate(0.1),
            reorder=rate(0.1),
            delay_us=(fastest, slowest),
            bytes_per_s=chance.choice([None, None, None, 40_000]),
        ),
        is_relayed=allies > 2 and chance.random() < 0.3,
    )


class SimulatedAlliance:
    """Allies with their nodes and, unless told otherwise, one shared room in force."""

    def __init__(self, names: Sequence[str], *, seed: int, mode: Mode = "exercise", room: bool = True) -> None:
        self.seed = seed
        self.world = World(seed, NOON)
        self.world.on_frame, self.world.on_batch = self._frame, self._batch
        self.on_frame: list[Callable[[str, str, bytes], None]] = []
        self.on_batch: list[Callable[[str, Batch], None]] = []
        self.parties: dict[str, Ally] = {name: an_ally(name, mode) for name in names}
        self.chances = Chances()
        self.openings: list[bytes] = []  # of every consultation that an officer was told of
        self.secrets: list[bytes] = []  # bytes that may be in no frame: of national rooms
        self.national: dict[str, bytes] = {}
        self.forked: set[str] = set()  # allies whose keys signed two histories: by a planted fault
        self.liars: set[str] = set()  # allies whose keys countersigned two histories: by a planted fault
        self.restored: set[str] = set()  # allies whose node went back to an earlier store
        self.given_up: set[bytes] = set()  # acknowledged entries that a planted fault took, and said so
        self.acts_refused = 0
        self.cuts = self.crashes = 0
        self._is_relayed = False
        self._away_until: dict[str, int] = {}  # a station that crashed, and when it starts again
        self._full_until: dict[str, int] = {}
        self._cut_until: dict[int, int] = {}  # by the wire's number
        for name in names:
            self.world.add(Station(name, MemoryStore(), self._starter(name, mode)))
        for name in names:
            for other in names:
                if other != name:
                    self.act(name, cmd.Pair(ally=self.paired(other)))
            title = f"national matters of {name}"
            self.national[name] = self.act(name, cmd.FoundRoom(title=title, allies=())).room or b""
            self.secrets += [self.national[name], title.encode()]
        self.room = b""
        if room:
            self.found_room()

    def found_room(self) -> None:
        """Let the first ally found the room that all share, and wait until it is in force."""
        first, *others = self.parties
        self.room = self.act(first, cmd.FoundRoom(title="talks", allies=tuple(others))).room or b""
        self.run(20)

    @classmethod
    def of_seed(cls, seed: int) -> SimulatedAlliance:
        """Return the alliance of a seed: two or three allies in turn, sometimes four, with rates drawn."""
        names = NAMES[: 4 if seed % 10 == 9 else 2 + seed % 2]
        alliance = cls(names, seed=seed)
        alliance.chances = drawn(alliance.world.chance, len(names))
        return alliance

    def _starter(self, name: str, mode: Mode) -> Callable[[Store, bool], Machine]:
        party = self.parties[name]
        settings = Settings(ally=name, mode=mode)

        def start(store: Store, was_restored: bool) -> Machine:
            chance = self.world.chance.randbytes
            return Machine(settings, party.known, party.signer, SUITES, store, chance, was_restored=was_restored)

        return start

    def _frame(self, sender: str, receiver: str, frame: bytes) -> None:
        for hook in self.on_frame:
            hook(sender, receiver, frame)

    def _batch(self, ally: str, batch: Batch) -> None:
        for kept in batch.entries:
            if self.machine(ally).state.rooms.now[kept.entry.header.room].is_national:
                self.secrets.append(kept.entry.digest)
        for hook in self.on_batch:
            hook(ally, batch)

    def paired(self, name: str) -> PairedAlly:
        """The invitation of an ally, as the others hold it."""
        party = self.parties[name]
        contact = Contact(
            mode=party.known.mode, ally=name, identity=party.fingerprint, serial=0, tls=(), seal=(), addresses=(), at=NOON
        )
        signed = sign_contact(contact, party.signer)
        return PairedAlly(
            identity=party.identity.statement,
            identity_signatures=party.identity.signatures,
            contact=signed.statement,
            contact_signatures=signed.signatures,
            certificate=b"",
            compared="fingerprint",
            paired_at=NOON,
        )

    def machine(self, name: str) -> Machine:
        """The running node of an ally."""
        machine = self.world.stations[name].machine
        assert machine is not None, f"{name}'s node is not running"
        return machine

    def store(self, name: str) -> MemoryStore:
        """The store of an ally's node."""
        store = self.world.stations[name].store
        assert isinstance(store, MemoryStore)
        return store

    @property
    def seconds(self) -> int:
        """Simulated seconds since the alliance began."""
        return (self.world.now - NOON) // SECOND

    @property
    def running(self) -> list[str]:
        """The allies whose node runs."""
        return [name for name, station in self.world.stations.items() if station.machine is not None]

    def act(self, name: str, command: cmd.NodeCommand) -> Written:
        """Give a command to a node that must take it."""
        (answer,) = self._submit(name, command)
        if isinstance(answer, KatchiError):
            raise answer
        return answer

    def _submit(self, name: str, *commands: cmd.NodeCommand) -> list[Written | KatchiError]:
        answers = self.world.submit(name, *commands)
        for command, answer in zip(commands, answers, strict=True):
            if isinstance(answer, KatchiError):
                self.acts_refused += 1
            elif isinstance(command, rules.Open) and answer.digest is not None:
                self.openings.append(answer.digest)
        return answers

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.world.run(seconds)

    def transcript(self) -> str:
        """Return the digest of every frame delivered and every batch kept: one seed, one transcript."""
        return self.world.transcript()

    # The swarm: officers act, things break.

    def swarm(self, steps: int) -> None:
        """Let officers act and things break at random for so many steps, each at most a few seconds long."""
        chance = self.world.chance
        self.world.weather = self.chances.weather
        self.world.crash_at_commit = self._crash_at_commit
        if self.chances.is_relayed and not self._is_relayed:
            self._is_relayed = True
            self._cut(chance.choice(self.world.wires), forever=True)
        for _ in range(steps):
            self._recover()
            self._break()
            if self.running and chance.random() < 0.8:
                self._officer_acts(chance.choice(self.running))
            self.run(chance.choice([0.05, 0.3, 1.0, 3.0]))

    def heal(self) -> None:
        """End all faults: wires carry, nodes run, disks have room, frames arrive. Clocks stay as wrong as they are."""
        self.world.weather = Weather()
        self.world.crash_at_commit = None
        self._cut_until.clear()
        for name in list(self.world.stations):
            self.store(name).is_full = False
            if name not in self.running:
                self.world.restart(name)
        for wire in self.world.wires:
            self.world.mend(wire)
        self._away_until.clear()
        self._full_until.clear()

    def settle(self) -> None:
        """Give everybody quiet time, and let officers read what came, so that nothing more is to be written."""
        self.run(QUIET_AFTER_S)
        self.read_all()
        self.run(SETTLED_S)

    def read_all(self) -> None:
        """Let officers everywhere read what lies before them, so that nothing escalates any more."""
        for name in self.running:
            desk = list(self.machine(name).state.desk.values())
            for opening in {on_desk.opening: None for on_desk in desk}:
                unread = tuple(on_desk.message for on_desk in desk if on_desk.opening == opening)
                self.act(name, cmd.MarkRead(consultation=opening, messages=unread))

    def _break(self) -> None:
        chance, chances = self.world.chance, self.chances
        if chance.random() < chances.cut:
            self._cut(chance.choice(self.world.wires))
        if self.running and chance.random() < chances.crash:
            self._crash(chance.choice(self.running))
        if chance.random() < chances.disk_full:
            name = chance.choice(self.world.allies)
            self.store(name).is_full = True
            self._full_until[name] = self.world.now + chance.randint(0, 8 * SECOND)
        if chance.random() < chances.clock_jump:
            station = self.world.stations[chance.choice(self.world.allies)]
            station.clock_offset_us += chance.choice([-3600, -30, -1, 1, 30, 3600]) * SECOND

    def _cut(self, wire: Wire, *, forever: bool = False) -> None:
        self.cuts += 1
        self.world.cut(wire)
        until = self.world.now + (10**6 if forever else self.world.chance.randint(0, 20)) * SECOND
        number = self.world.wires.index(wire)
        self._cut_until[number] = max(until, self._cut_until.get(number, 0))

    def _crash(self, name: str) -> None:
        self.crashes += 1
        self.world.crash(name)
        self._away_until[name] = self.world.now + self.world.chance.randint(0, 15) * SECOND

    def _crash_at_commit(self, station: Station, _batch: Batch) -> str | None:
        if self.world.chance.random() >= self.chances.crash_at_commit:
            return None
        self.crashes += 1
        self._away_until[station.ally] = self.world.now + self.world.chance.randint(0, 15) * SECOND
        return self.world.chance.choice(["before", "after"])

    def _recover(self) -> None:
        now = self.world.now
        for number, until in list(self._cut_until.items()):
            if now >= until:
                del self._cut_until[number]
                self.world.mend(self.world.wires[number])
        for name, until in list(self._full_until.items()):
            if now >= until:
                del self._full_until[name]
                self.store(name).is_full = False
        for name, until in list(self._away_until.items()):
            if now >= until:
                del self._away_until[name]
                self.world.restart(name)

    # Officers' acts.

    def _officer_acts(self, name: str) -> None:
        chance = self.world.chance
        known = [opening for opening in self.openings[-6:] if self.machine(name).state.consultation(opening) is not None]
        draw = chance.random()
        if not known or draw < 0.1:
            self._open(name)
        elif draw < 0.16:
            self._submit(name, rules.Open(subject="among ourselves only", room=self.national[name]))
        elif draw < 0.21:
            self.attach(name, chance.choice(known))
        elif draw < 0.29:
            self._burst(name, chance.choice(known))
        elif draw < 0.39:
            self._mark_read(name)
        else:
            self._submit(name, self._next_act(name, chance.choice(known)))

    def _open(self, name: str) -> None:
        chance = self.world.chance
        form, precedence = chance.choice(list(Form)), chance.choice(list(Precedence))
        self._submit(name, rules.Open(subject=self._text(), form=form, room=self.room, precedence=precedence))

    def _next_act(self, name: str, opening: bytes) -> cmd.NodeCommand:
        """An act that an officer may try: mostly one that the stance allows."""
        chance = self.world.chance
        state = self.machine(name).consultation(opening)
        stance = state.standings[name].stance
        precedence = chance.choice(list(Precedence))
        draw = chance.random()
        if stance is Stance.UNANSWERED and draw < 0.7:
            return rules.Acknowledge(consultation=opening, precedence=precedence)
        if state.proposals and draw < 0.45:
            words = chance.choice(sorted(state.proposals))
            return rules.SignWords(consultation=opening, precedence=precedence, proposal=words)
        if draw < 0.55:
            texts = {"en": self._text(), "ko": "우리는 함께 협의한다"}
            return rules.ProposeWords(consultation=opening, precedence=precedence, words=texts)
        if draw < 0.88:
            return rules.StatePosition(consultation=opening, precedence=precedence, text=self._text())
        if draw < 0.92:
            return self._decision(name, opening, precedence)
        if draw < 0.96:
            return rules.CouldNotConsult(consultation=opening, effort="three calls", reason="no answer")
        return rules.End(consultation=opening, reason="nothing more to say")

    def _decision(self, name: str, opening: bytes, precedence: Precedence) -> rules.RecordDecision:
        due = self.world.clock(self.world.stations[name]) + DECISION_DUE_IN_S * SECOND
        return rules.RecordDecision(
            consultation=opening,
            precedence=precedence,
            question="what do we do now",
            options=("go on", "wait"),
            outcome=self._text(),
            owner="the duty director",
            reason="after consulting",
            deadline=due,
        )

    def _burst(self, name: str, opening: bytes) -> None:
        count = self.world.chance.randint(2, BURST_MAX)
        self._submit(name, *(rules.StatePosition(consultation=opening, text=self._text()) for _ in range(count)))

    def attach(self, name: str, opening: bytes) -> None:
        """State a position with a paper of one to three chunks."""
        room = self.machine(name).state.rooms.now[self.room]
        data = self.world.chance.randbytes(self.world.chance.randint(1, 2 * CHUNK_SIZE + 10))
        chunks = [data[at : at + CHUNK_SIZE] for at in range(0, len(data), CHUNK_SIZE)]
        root = merkle.root(room.hash, merkle.frontier_of(room.hash, chunks))
        kept = self._submit(name, *(cmd.KeepChunk(room=room.id, root=root, index=i, data=c) for i, c in enumerate(chunks)))
        if any(isinstance(answer, KatchiError) for answer in kept) or name not in self.running:
            return
        paper = acts.Paper("annex", len(data), root)
        self._submit(name, rules.StatePosition(consultation=opening, text="see the annex", papers=(paper,)))

    def _mark_read(self, name: str) -> None:
        desk = list(self.machine(name).state.desk.values())
        if desk:
            opening = self.world.chance.choice(desk).opening
            unread = tuple(on_desk.message for on_desk in desk if on_desk.opening == opening)
            self._submit(name, cmd.MarkRead(consultation=opening, messages=unread))

    def _text(self) -> str:
        size = self.world.chance.choice([5, 40, 40, 400, 4_000])
        return self.world.chance.randbytes(size // 2).hex() or "x"
