"""This version and the previous one, each in its own process, keep one record: neither waits for the other to upgrade.

The previous version is tests/frozen/node_v0.py: it imports nothing of katchi, speaks link version 0 without any
feature, and does not know `escalation.raised`. Every wait asks again until it is so, or fails by its name.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

import pytest

from katchi.consult import rules
from katchi.node.commands import FoundRoom, NodeCommand, Pair
from katchi.serve.directory import NodeDirectory
from katchi.serve.invitation import paired, read_invitation, write_invitation
from katchi.serve.office import Office
from katchi.vocabulary import Precedence

FROZEN = Path(__file__).parent.parent / "frozen" / "node_v0.py"
WAIT_S = 12.0
WORDS = {"en": "Both sides go on consulting.", "ko": "양측은 협의를 계속한다."}


class Process:
    """A process that says a JSON object when it is ready, and one for each line it is asked."""

    def __init__(self, *arguments: object, log: Path) -> None:
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            encoding="utf-8",
        )
        try:
            self.said = self.hear()
        except BaseException:
            self.end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def hear(self) -> dict[str, Any]:
        """Read one JSON object, over as many lines as it has been given."""
        said = ""
        while True:
            line = self._process.stdout.readline()
            assert line, f"{self._process.args} ended: {Path(self._log.name).read_text(encoding='utf-8')[-2000:]}"
            said += line
            with suppress(json.JSONDecodeError):
                return json.loads(said)

    def ask(self, line: str) -> dict[str, Any]:
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self.hear()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        self._log.close()


class Present:
    """A node of this version."""

    def __init__(self, path: Path, ally: str) -> None:
        self.path, self.ally = path, ally
        self.directory = NodeDirectory.create(path, ally=ally, mode="exercise")
        settings = path / "settings.toml"
        settings.write_text(settings.read_text(encoding="utf-8").replace("flash = 120", "flash = 1"), encoding="utf-8")

    @property
    def fingerprint(self) -> str:
        return self.directory.own().fingerprint.hex()

    def invite(self, file: Path) -> Path:
        write_invitation(file, self.directory.invitation(address=None))
        return file

    def pair(self, file: Path, address: str) -> None:
        invitation, _ = read_invitation(file, self.suites())
        self.give(Pair(ally=paired(invitation, "fingerprint", now=1, address=address)))

    @staticmethod
    def suites() -> Any:
        from katchi.record.suite import SHIPPED

        return SHIPPED

    def serve(self) -> Process:
        return Process(
            "-m",
            "katchi.cli",
            "node",
            "serve",
            self.path,
            "--link-port",
            0,
            "--port",
            0,
            "--json",
            log=self.path.with_suffix(".log"),
        )

    def give(self, command: NodeCommand) -> str:
        with Office(self.path) as office:
            return (office.submit(command)[0].digest or b"").hex()

    def ask(self, question: str, **arguments: str) -> Any:
        with Office(self.path) as office:
            return office.ask(question, **arguments)

    def stand(self, consultation: str) -> dict[str, Any]:
        found = [one for one in self.ask("consultations") if one["id"] == consultation]
        return found[0] if found else {"status": "not here", "stances": {}}

    def chains(self, room: str) -> dict[str, list[str]]:
        reader = self.directory.reader()
        try:
            chains: dict[str, list[str]] = {}
            for kept in reader.entries(bytes.fromhex(room)):
                chains.setdefault(kept.entry.header.ally, []).append(kept.entry.digest.hex())
            return chains
        finally:
            reader.close()

    # The acts of the story, by the names that the previous version gives them.

    def open(self) -> str:
        return self.give(rules.Open(subject="Seismic event", precedence=Precedence.PRIORITY))

    def act(self, do: str, consultation: str, text: str) -> str:
        opening = bytes.fromhex(consultation)
        commands: dict[str, NodeCommand] = {
            "acknowledge": rules.Acknowledge(consultation=opening),
            "state": rules.StatePosition(consultation=opening, text=text),
            "propose": rules.ProposeWords(consultation=opening, words=WORDS),
            "sign": rules.SignWords(consultation=opening),
        }
        return self.give(commands[do])

    def found(self, ally: str) -> str:
        return self.give(FoundRoom(title="Consultative group", allies=(ally,)))


class Previous:
    """A node of the previous version. All that it says has precedence flash, so that the other escalates it."""

    def __init__(self, path: Path, ally: str) -> None:
        self.path, self.ally = path, ally
        self.fingerprint = self._run("init", "--ally", ally, "--mode", "exercise")["fingerprint"]
        self.process: Process

    def _run(self, *arguments: object) -> dict[str, Any]:
        command = [sys.executable, str(FROZEN), str(self.path), *map(str, arguments)]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)

    def invite(self, file: Path) -> Path:
        self._run("invite", file)
        return file

    def pair(self, file: Path, fingerprint: str, address: str) -> None:
        self._run("pair", file, "--fingerprint", fingerprint, "--address", address)

    def serve(self) -> Process:
        self.process = Process(FROZEN, self.path, "serve", log=self.path.with_suffix(".log"))
        return self.process

    def do(self, do: str, **arguments: Any) -> dict[str, Any]:
        answer = self.process.ask(json.dumps({"do": do, "precedence": 3, **arguments}))
        assert "error" not in answer, answer
        return answer

    def stand(self, consultation: str) -> dict[str, Any]:
        return self.do("show")["consultations"].get(consultation, {"status": "not here", "stances": {}})

    def room(self, room: str) -> dict[str, Any]:
        return self.do("show")["rooms"].get(room, {"missing": ["not here"], "chains": {}, "confirmed": {}, "covered": {}})

    def chains(self, room: str) -> dict[str, list[str]]:
        return self.room(room)["chains"]

    def open(self) -> str:
        return self.do("open", subject="Seismic event")["entry"]

    def act(self, do: str, consultation: str, text: str) -> str:
        return self.do(do, consultation=consultation, text=text, words=WORDS)["entry"]

    def found(self, ally: str) -> str:
        return self.do("found", title="Consultative group", **{"with": [ally]})["room"]


class Alliance:
    """Both nodes, and the one path between them, which can be cut."""

    def __init__(self, path: Path, processes: ExitStack, *, present_dials: bool) -> None:
        self.present, self.previous = Present(path / "seoul", "KOR"), Previous(path / "washington", "USA")
        theirs, ours = self.previous.invite(path / "USA.invitation"), self.present.invite(path / "KOR.invitation")
        fingerprint = self.present.fingerprint
        if present_dials:
            self.previous.pair(ours, fingerprint, "-")
            port = processes.enter_context(self.previous.serve()).said["port"]
            self.present.pair(theirs, self._relay(path, processes, port))
            self.serving = processes.enter_context(self.present.serve())
        else:
            self.present.pair(theirs, "")
            self.serving = processes.enter_context(self.present.serve())
            self.previous.pair(ours, fingerprint, self._relay(path, processes, self.serving.said["link_port"]))
            processes.enter_context(self.previous.serve())

    def _relay(self, path: Path, processes: ExitStack, port: int) -> str:
        self.relay = Process("-m", "katchi.testing.relay", "--to", f"127.0.0.1:{port}", log=path / "relay.log")
        processes.enter_context(self.relay)
        return f"127.0.0.1:{self.relay.said['port']}"

    def in_force(self, room: str) -> bool:
        ours = [one for one in self.present.ask("rooms") if one["id"] == room]
        return bool(ours) and not ours[0]["missing"] and not self.previous.room(room)["missing"]

    def is_equal(self, room: str) -> bool:
        """All entries on both sides, and all of them confirmed by the other, as both sides know."""
        ours, theirs = next(one for one in self.present.ask("rooms") if one["id"] == room), self.previous.room(room)
        lengths = {chain["ally"]: chain["length"] for chain in ours["chains"]}
        confirmed = {chain["ally"]: sum(chain["confirmed"].values()) for chain in ours["chains"]}
        is_confirmed = lengths == confirmed == {ally: sum(by.values()) for ally, by in theirs["confirmed"].items()}
        return is_confirmed and self.present.chains(room) == theirs["chains"]


def soon(what: str, holds: Callable[[], object]) -> None:
    """Ask again until it is so."""
    until = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < until, f"within {WAIT_S:g} s it did not come to this: {what}"
        time.sleep(0.05)


@pytest.fixture
def processes() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("opener", ["present", "previous"])
def test_this_version_and_the_previous_one_come_to_the_same_words_over_a_cut(tmp_path, processes, opener):
    alliance = Alliance(tmp_path, processes, present_dials=opener == "present")
    present, previous = alliance.present, alliance.previous
    ours, theirs = (present, previous) if opener == "present" else (previous, present)
    room = ours.found(theirs.ally)
    soon("the room is in force on both sides", lambda: alliance.in_force(room))
    (link,) = present.ask("link")
    assert (link["version"], link["features"]) == (0, []), "version 0 was negotiated, and late-bodies is off"
    assert previous.do("show")["links"] == {"KOR": {"version": 0, "features": []}}

    consultation = ours.open()
    soon("the opening is there", lambda: theirs.stand(consultation)["status"] == "awaiting")
    if theirs is present:  # who answers has read; so first let the opening lie unread
        soon("the previous version keeps an escalation as of an unknown kind", lambda: previous.do("show")["flags"])
    theirs.act("acknowledge", consultation, "")
    soon("the acknowledgement is there", lambda: ours.stand(consultation)["status"] == "under-way")
    soon("the previous version keeps an escalation as of an unknown kind", lambda: previous.do("show")["flags"])
    unknown = previous.do("show")["flags"]
    assert {kind for _, kind in unknown.values()} == {"escalation.raised"}
    assert set(unknown) <= set(previous.chains(room)["KOR"])

    alliance.relay.ask("cut")
    positions = {node.act("state", consultation, f"{node.ally} assesses.") for node in (present, previous)}
    assert present.stand(consultation)["status"] == previous.stand(consultation)["status"] == "under-way"
    alliance.relay.ask("heal")
    for node in (present, previous):
        soon(f"both positions are at {node.ally}", lambda n=node: n.stand(consultation)["status"] == "positions-stated")
    view = present.ask("consultation", id=consultation)
    assert {entry["id"] for entry in view["timeline"] if entry["kind"] == "position.stated" and entry["crossed"]} == positions

    theirs.act("propose", consultation, "")
    soon("the words are there", lambda: ours.stand(consultation)["status"] == "words-proposed")
    theirs.act("sign", consultation, "")
    ours.act("sign", consultation, "")
    for node in (present, previous):
        soon(f"agreed at {node.ally}", lambda n=node: n.stand(consultation)["status"] == "agreed")
    soon("the records are equal and confirmed", lambda: alliance.is_equal(room))
    assert present.stand(consultation)["stances"] == previous.stand(consultation)["stances"]
    (words,) = present.ask("consultation", id=consultation)["proposals"]
    assert (words["words"], words["signed_by"], words["unconfirmed"]) == (WORDS, ["KOR", "USA"], [])

    held = previous.room(room)
    previous.process.end()
    with previous.serve():
        assert previous.room(room) == held, "the previous version reads its own file again, and verifies all of it"


def test_a_restored_node_gets_its_own_tail_back_from_the_previous_version(tmp_path, processes):
    alliance = Alliance(tmp_path, processes, present_dials=True)
    present, previous = alliance.present, alliance.previous
    room = present.found("USA")
    soon("the room is in force on both sides", lambda: alliance.in_force(room))
    consultation = present.open()
    soon("the records are equal", lambda: alliance.is_equal(room))
    alliance.serving.end()
    backup = tmp_path / "backup.sqlite"
    copy_of(present.path / "record.sqlite", backup)

    with present.serve():
        present.act("state", consultation, "Said after the backup was made.")
        soon("what was said is there too", lambda: previous.stand(consultation)["stances"]["KOR"] == "position-stated")
        soon("the records are equal", lambda: alliance.is_equal(room))
        said = present.chains(room)["KOR"]
    put_back(backup, present.path / "record.sqlite")
    assert len(present.chains(room)["KOR"]) < len(said)

    with present.serve():
        soon("its own tail is back", lambda: present.chains(room)["KOR"] == said)
        present.act("state", consultation, "Said after the restore.")
        soon("the records are equal", lambda: alliance.is_equal(room))
    chain = next(one for one in present.ask("rooms") if one["id"] == room)["chains"][0]
    assert chain["epoch"] > 0 and chain["forks"] == [] and present.chains(room)["KOR"][: len(said)] == said


def copy_of(store: Path, backup: Path) -> None:
    """Copy a store that no process holds, with its write-ahead log."""
    for suffix in ("", "-wal"):
        source = store.with_name(store.name + suffix)
        if source.exists():
            shutil.copyfile(source, backup.with_name(backup.name + suffix))


def put_back(backup: Path, store: Path) -> None:
    """Put a copy in the place of a store."""
    for suffix in ("", "-wal", "-shm"):
        store.with_name(store.name + suffix).unlink(missing_ok=True)
        source = backup.with_name(backup.name + suffix)
        if source.exists():
            shutil.copyfile(source, store.with_name(store.name + suffix))
