"""Nothing that an officer was told is kept is ever lost: real node processes, killed, restored, copied, filled up.

Two nodes, KOR and USA, each a process of its own on the real store and link; officers speak to them
through the control port. KOR dials USA, so KOR may come back on any port.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from katchi.consult import rules
from katchi.consult.acts import ChainOpened, body_as
from katchi.errors import KatchiError, LinkFailed, Refused, StoreFailed
from katchi.node.audit import StoreReport, audit_store
from katchi.node.commands import AcceptRepair, FoundRoom, NodeCommand, Pair
from katchi.node.machine import Machine, Written
from katchi.record.canonical import decode_struct
from katchi.record.checkpoint import Signed
from katchi.record.suite import SHIPPED
from katchi.serve.clock import now_us
from katchi.serve.control import ControlClient
from katchi.serve.directory import NodeDirectory
from katchi.serve.invitation import compared, paired, read_invitation, write_invitation
from katchi.serve.office import Office
from katchi.serve.place import note, place_of
from katchi.serve.service import Service
from katchi.store.fsck import verify_rows
from katchi.store.sqlite import SqliteStore
from katchi.testing.disk import FaultDisk

KILLS = int(os.environ.get("KATCHI_KILLS") or 20)  # `make kills`: 50
PIPELINE = 6  # commands under way at once when the node is killed


class Served:
    """A node's directory and, while it runs, its process."""

    def __init__(self, path: Path, log: Path, *, link_port: int = 0) -> None:
        self.directory, self._log, self._link_port = NodeDirectory(path), log, link_port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> int:
        """Serve; return the link's port."""
        words = (
            "-m",
            "katchi.cli",
            "node",
            "serve",
            str(self.directory.path),
            "--link-port",
            str(self._link_port),
            "--port",
            "0",
            "--json",
        )
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, stderr=log)
        assert self._process.stdout is not None
        said = b""
        while line := self._process.stdout.readline():
            said += line
            if line == b"}\n":
                return int(msgspec.json.decode(said)["link_port"])
        raise AssertionError(f"the node ended: {self._log.read_text()[-2000:]}")

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End the process, if it runs."""
        if self._process is not None:
            assert self._process.stdout is not None
            self._process.send_signal(number)
            self._process.wait(20)
            self._process.stdout.close()
            self._process = None

    def ask(self, question: str, **arguments: Any) -> Any:
        """Ask the node."""
        with Office(self.directory.path) as office:
            return office.ask(question, **arguments)

    def submit(self, command: NodeCommand) -> Written:
        """Give the node a command."""
        with Office(self.directory.path) as office:
            return office.submit(command)[0]

    def chain(self, ally: str, room: bytes) -> dict[str, Any]:
        """How an ally's chain stands here."""
        (found,) = [one for one in self.ask("rooms") if one["id"] == room.hex()]
        return next(chain for chain in found["chains"] if chain["ally"] == ally)

    def audit(self) -> StoreReport:
        """Recompute everything."""
        reader = self.directory.reader()
        try:
            reader.connection.execute("BEGIN")  # the node may be writing
            assert list(verify_rows(reader)) == []
            return audit_store(reader, SHIPPED, holder=self.directory.identity.identity.ally)
        finally:
            reader.close()

    def holds(self, digests: set[bytes]) -> set[bytes]:
        """Those of `digests` that are in the store, with their bodies."""
        reader = self.directory.reader()
        try:
            found = {digest: reader.entry(digest) for digest in digests}
            return {digest for digest, kept in found.items() if kept is not None and kept.entry.body is not None}
        finally:
            reader.close()

    def openings(self, ally: str, room: bytes) -> list[str]:
        """The reasons for which an ally opened epochs, oldest first."""
        reader = self.directory.reader()
        try:
            bodies = [
                body_as(kept.entry.header.kind, kept.entry.body, ChainOpened)
                for kept in reader.entries(room)
                if kept.entry.header.ally == ally
            ]
            return [body.reason for body in bodies if body is not None]
        finally:
            reader.close()


class Allies:
    """KOR and USA, paired, with one room in force."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kor, self.usa = (Served(path / ally, path / f"{ally}.log") for ally in ("KOR", "USA"))
        for ally, served in (("KOR", self.kor), ("USA", self.usa)):
            NodeDirectory.create(served.directory.path, ally=ally, mode="exercise")
        self.room = b""

    def begin(self) -> None:
        """Serve both, pair them, found the room."""
        port = self.usa.start()
        self.kor.start()
        self._pair(self.kor, self.usa, address=f"127.0.0.1:{port}")
        self._pair(self.usa, self.kor, address="")
        self.room = self.kor.submit(FoundRoom(title="talks", allies=("USA",))).room or b""
        until(self.is_level)

    def _pair(self, served: Served, other: Served, *, address: str) -> None:
        file = self.path / "invitation"
        write_invitation(file, other.directory.invitation(address=None))
        invitation, known = read_invitation(file, SHIPPED)
        how = compared(known, known.fingerprint.hex())
        served.submit(Pair(ally=paired(invitation, how, now=now_us(), address=address)))

    def is_level(self) -> bool:
        """Whether both hold the same record and know it."""
        rooms = [room for served in (self.kor, self.usa) for room in served.ask("rooms") if room["id"] == self.room.hex()]
        return (
            len(rooms) == 2
            and len({room["phrase"] for room in rooms}) == 1
            and all(
                chain["length"] and list(chain["confirmed"].values()) == [chain["length"]] and not chain["lacking"]
                for room in rooms
                for chain in room["chains"]
            )
        )

    def end(self) -> None:
        """End both."""
        for served in (self.kor, self.usa):
            served.kill(signal.SIGTERM)


def until(condition: Callable[[], Any], *, seconds: float = 60) -> Any:
    """Return the first true value of `condition`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain"
        time.sleep(0.05)
    return value


@pytest.fixture
def allies(tmp_path: Path) -> Iterator[Allies]:
    both = Allies(tmp_path)
    try:
        both.begin()
        yield both
    finally:
        both.end()


class Writer(threading.Thread):
    """An officer who goes on writing whatever happens to the node, and notes all that was answered."""

    def __init__(self, served: Served, room: bytes, name: str, pause_s: float) -> None:
        super().__init__(name=name)
        self._served, self._room, self._pause_s = served, room, pause_s
        self.answered: list[bytes] = []
        self.unanswered = 0
        self.refused: list[KatchiError] = []
        self.is_over = threading.Event()

    def run(self) -> None:
        while not self.is_over.is_set():
            client = ControlClient.found(self._served.directory.control_path)
            if client is None:
                time.sleep(0.01)
                continue
            under_way = 0
            try:
                while not self.is_over.is_set():
                    for _ in range(PIPELINE):
                        subject = f"{self.name} {len(self.answered) + under_way}"
                        client.send(rules.Open(subject=subject, room=self._room))
                        under_way += 1
                    for _ in range(PIPELINE):
                        written = client.next_written()
                        under_way -= 1
                        assert written.digest is not None
                        self.answered.append(written.digest)
                    time.sleep(self._pause_s)
            except LinkFailed:
                self.unanswered += under_way
            except KatchiError as error:
                self.refused.append(error)
            finally:
                client.close()


def test_kills_while_writing_lose_nothing_that_was_answered(allies: Allies) -> None:
    seed = int(os.environ.get("KATCHI_SEED") or random.SystemRandom().randrange(2**32))
    print(f"seed {seed}: KATCHI_SEED={seed} runs the same pauses again")
    chance = random.Random(seed)
    writers = [Writer(allies.kor, allies.room, "KOR", 0.005), Writer(allies.usa, allies.room, "USA", 0.1)]
    for writer in writers:
        writer.start()
    try:
        for number in range(KILLS):
            time.sleep(chance.uniform(0.0, 0.12))
            before = len(writers[0].answered)
            allies.kor.kill()
            allies.kor.start()
            if number % 10 == 9:  # at times it also gets on
                until(lambda before=before: len(writers[0].answered) > before)
    finally:
        for writer in writers:
            writer.is_over.set()
        for writer in writers:
            writer.join()
    until(allies.is_level)
    answered = {digest for writer in writers for digest in writer.answered}
    print(f"{KILLS} kills, {len(answered)} acts answered, {writers[0].unanswered} under way when killed")
    assert len(answered) > 2 * KILLS and not any(writer.refused for writer in writers)
    reports = []
    for served in (allies.kor, allies.usa):
        assert served.holds(answered) == answered
        reports.append(served.audit())
        assert reports[-1].is_sound
    shared = [room for report in reports for room in report.rooms if room.room == allies.room]
    assert shared[0].heads_digest == shared[1].heads_digest
    assert all(not chain.forks and chain.epochs == (0,) for room in shared for chain in room.chains)


@pytest.mark.parametrize("writes_first", [False, True], ids=["tail first", "writes first"])
def test_an_old_backup_put_back_opens_a_new_epoch_and_is_given_its_tail(
    allies: Allies, tmp_path: Path, writes_first: bool
) -> None:
    kor, usa, room = allies.kor, allies.usa, allies.room
    written = {kor.submit(rules.Open(subject="before the backup", room=room)).digest}
    until(allies.is_level)
    kor.kill(signal.SIGTERM)
    shutil.copytree(kor.directory.path, tmp_path / "backup")
    kor.start()
    written |= {kor.submit(rules.Open(subject=f"after the backup {n}", room=room)).digest for n in range(5)}
    written |= {usa.submit(rules.Open(subject="of USA, meanwhile", room=room)).digest}
    until(allies.is_level)
    kor.kill()
    shutil.rmtree(kor.directory.path)
    shutil.copytree(tmp_path / "backup", kor.directory.path)
    if writes_first:  # an officer at the restored node, before any link is up
        written.add(kor.submit(rules.Open(subject="on the restored node", room=room)).digest)
    kor.start()
    until(lambda: kor.holds(written) == written)
    written.add(kor.submit(rules.Open(subject="and it goes on", room=room)).digest)
    until(allies.is_level)
    for served in (kor, usa):
        assert served.holds(written) == written
        assert served.openings("KOR", room) == ["founded", "restored"]
        assert served.audit().is_sound
        assert served.chain("KOR", room)["epoch"] > 0 and served.chain("KOR", room)["forks"] == []


@pytest.fixture
def copy(allies: Allies, tmp_path: Path) -> Iterator[Served]:
    """A copy of KOR's directory, made while KOR was not running."""
    allies.kor.kill(signal.SIGTERM)
    shutil.copytree(allies.kor.directory.path, tmp_path / "copy")
    served = Served(tmp_path / "copy", tmp_path / "copy.log")
    yield served
    served.kill(signal.SIGTERM)


def test_a_copied_directory_served_twice_loses_nothing_and_shows_as_a_fork_once_both_write_on(
    allies: Allies, copy: Served
) -> None:
    """The copy knows that it is one and opens an epoch; when the first node takes that up, and the copy too, they fork."""
    kor, usa, room = allies.kor, allies.usa, allies.room
    copy.start()
    kor.start()  # both run now; USA talks to the one that came first, and keeps the other waiting
    written = {copy.submit(rules.Open(subject="by the copy", room=room)).digest}
    until(lambda: usa.holds(written) == written)
    written.add(kor.submit(rules.Open(subject="by the node", room=room)).digest)
    copy.kill()
    until(lambda: usa.holds(written) == written and kor.holds(written) == written)
    assert usa.openings("KOR", room) == ["founded", "restored"] and usa.audit().is_sound
    written.add(kor.submit(rules.Open(subject="by the node, in the copy's epoch", room=room)).digest)
    until(allies.is_level)
    kor.kill()
    written.add(copy.submit(rules.Open(subject="by the copy, not knowing of it", room=room)).digest)
    copy.start()
    (fork,) = until(lambda: usa.chain("KOR", room)["forks"])
    until(lambda: usa.holds(written) == written)
    (finding,) = [found for one in usa.audit().rooms for found in one.findings]
    assert (finding.reason, finding.against, finding.where) == ("fork-pair", "KOR", fork)


def test_a_cloned_machine_served_twice_shows_as_a_fork_until_its_repair_is_accepted(allies: Allies, copy: Served) -> None:
    """A cloned virtual machine does not know that it is one: its directory seems to lie where it was made."""
    kor, usa, room, clone = allies.kor, allies.usa, allies.room, copy
    note(clone.directory.path / "place.json", place_of(clone.directory.store_path))
    clone.start()
    kor.start()  # both run now; USA talks to the one that came first, and keeps the other waiting
    written = {clone.submit(rules.Open(subject="by the clone", room=room)).digest}
    until(lambda: usa.holds(written) == written)
    opened = kor.submit(rules.Open(subject="by the node itself", room=room)).digest
    written.add(opened)
    clone.kill()
    for served in (kor, usa):
        assert until(lambda served=served: served.chain("KOR", room)["forks"]) == ["KOR 0/1"]
    until(lambda: usa.holds(written) == written and kor.holds(written) == written)
    (finding,) = [found for one in usa.audit().rooms for found in one.findings]
    assert (finding.reason, finding.against, finding.where) == ("fork-pair", "KOR", "KOR 0/1")

    usa.submit(rules.Acknowledge(consultation=opened))
    proposal = usa.submit(rules.ProposeWords(consultation=opened, words={"en": "we go on"})).digest
    until(lambda: kor.holds({proposal}))
    with pytest.raises(Refused, match="fork"):
        kor.submit(rules.SignWords(consultation=opened))
    repaired = kor.submit(rules.StatePosition(consultation=opened, text="our machine was cloned; this is our chain")).digest
    until(lambda: usa.holds({repaired}))
    assert kor.openings("KOR", room) == ["founded", "repaired"]
    usa.submit(AcceptRepair(room=room, ally="KOR"))
    usa.submit(rules.SignWords(consultation=opened))
    until(lambda: kor.audit().is_sound)
    kor.submit(rules.SignWords(consultation=opened))
    for served in (kor, usa):
        until(lambda served=served: served.ask("consultation", id=opened.hex())["status"] == "agreed")
        assert served.audit().is_sound
    until(allies.is_level)


# A full disk.


def in_service(directory: NodeDirectory, story: Callable[[Office], None]) -> None:
    """Serve a node in this process, and tell `story` an office of it, in a thread of its own."""

    def told() -> None:
        with Office(directory.path) as office:
            assert office.is_running
            story(office)

    async def run() -> None:
        ready = asyncio.Event()
        with directory.locked():
            service = Service(directory)
            running = asyncio.create_task(service.run(link_port=0, host="127.0.0.1", on_ready=lambda _: ready.set()))
            try:
                await asyncio.wait_for(ready.wait(), 20)
                await asyncio.to_thread(told)
            finally:
                service.end()
                await running

    asyncio.run(run())


class OnDisk(NodeDirectory):
    """A node's directory whose store lies on a disk that can be filled."""

    disk: FaultDisk

    def machine(self) -> tuple[Machine, SqliteStore]:
        store = SqliteStore.open(self.store_path, vfs=self.disk.name)
        return Machine(self.settings(), self.own(), self.signer(), SHIPPED, store, os.urandom), store


@pytest.fixture
def node(tmp_path: Path) -> Iterator[OnDisk]:
    """A node on such a disk."""
    directory = OnDisk(NodeDirectory.create(tmp_path / "kor", ally="KOR", mode="exercise").path)
    directory.disk = FaultDisk("full-disk")
    yield directory
    directory.disk.unregister()


def test_on_a_full_disk_the_officer_is_told_that_it_was_not_kept_and_the_node_goes_on_later(node: OnDisk) -> None:
    kept: list[bytes] = []

    def story(office: Office) -> None:
        kept.append(office.submit(rules.Open(subject="while there is space"))[0].digest or b"")
        node.disk.space_bytes = 0
        for number in range(3):
            with pytest.raises(StoreFailed, match="full") as failed:
                office.submit(rules.Open(subject=f"no space {number}"))
            assert "Nothing of it" in failed.value.hint and "Free space on the disk" in failed.value.hint
            assert [one["subject"] for one in office.ask("consultations")] == ["while there is space"]
        node.disk.space_bytes = None
        kept.append(office.submit(rules.Open(subject="space again"))[0].digest or b"")

    in_service(node, story)
    served = Served(node.path, node.path / "log")
    assert served.audit().is_sound and served.holds(set(kept)) == set(kept)
    assert {one["subject"] for one in served.ask("consultations")} == {"while there is space", "space again"}


def test_a_disk_that_fails_while_nobody_writes_does_not_silence_the_node(node: OnDisk) -> None:
    """Found: with something of its own to write again and again, the node answered no question."""

    def story(office: Office) -> None:
        opening = office.submit(rules.Open(subject="a consultation"))[0].digest or b""
        node.disk.fail("sync", after=1, times=1_000_000)  # this entry is kept; the checkpoint over it, which is due then, is not
        assert office.submit(rules.StatePosition(consultation=opening, text="kept"))[0].place == "KOR 0/2"
        for _ in range(3):
            time.sleep(0.3)
            began = time.monotonic()
            assert len(office.ask("consultations")) == 1
            assert time.monotonic() - began < 5
            with pytest.raises(StoreFailed):
                office.submit(rules.StatePosition(consultation=opening, text="not kept"))
        node.disk.fail("sync", times=0)
        assert office.submit(rules.StatePosition(consultation=opening, text="kept"))[0].place == "KOR 0/3"

    in_service(node, story)


def test_countersignatures_that_cannot_be_filed_end_nothing_and_are_filed_later(allies: Allies) -> None:
    """Found: a disk with no space left for this file alone ended the node."""
    kor, usa, room = allies.kor, allies.usa, allies.room
    kept = kor.directory.countersignatures_path
    kept.rename(kept.with_suffix(".before"))
    kept.symlink_to("/dev/full")
    for number in range(3):
        kor.submit(rules.Open(subject=f"no space {number}", room=room))
        until(allies.is_level)
    kept.unlink()
    kept.with_suffix(".before").rename(kept)
    kor.submit(rules.Open(subject="space again", room=room))
    until(allies.is_level)
    reader = kor.directory.reader()
    statements = {said.signed.statement for said in reader.statements(room) if (said.ally, said.by) == ("KOR", "USA")}
    reader.close()
    data, filed = kept.read_bytes(), set()
    while data:
        size = int.from_bytes(data[:4], "big")
        filed.add(decode_struct(data[4 : 4 + size], Signed, size_max=size).statement)
        data = data[4 + size :]
    assert filed == statements and len(filed) >= 4 and usa.audit().is_sound
