"""The story: a consultation about a public event, with the link cut in the middle, checked at the end.

The event is public: USGS ComCat, 2016-09-09 00:30:01Z, magnitude 5.3. What is said about it here is
invented for the exercise. Every step waits for the fact it needs, never for a time.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from katchi import language
from katchi.cli.papers import keep_papers, named_papers
from katchi.consult import rules
from katchi.demo.judge import Case, Verdict
from katchi.demo.stage import Stage
from katchi.errors import RecordBroken
from katchi.language import Language
from katchi.node.commands import FoundRoom, MarkRead, Written
from katchi.store.sqlite import SqliteStore
from katchi.vocabulary import MESSAGES, Form, Precedence

SUBJECT = "Seismic event of 2016-09-09 00:30:01Z, magnitude 5.3 (USGS ComCat)"
CITING = "make every effort to consult"  # Washington Declaration, 26 April 2023
WORDS = {
    "en": "The allies consulted on the seismic event of 9 September 2016, hold the same record of it, "
    "and will keep each other informed.",
    "ko": "동맹국들은 2016년 9월 9일의 지진 사건에 관하여 협의하였고, 이에 관한 동일한 기록을 보유하며, 서로 계속 알리기로 한다.",
}
POSITIONS = (
    "We read the waveform as an explosion; depth and type are not settled.",
    "Our stations agree on time and magnitude; we call it a possible explosion and wait for a second source.",
    "We have felt reports only, and rely on both of your readings.",
)
CUT_SHOWS_S = 1.5  # both sides go on writing for at least so long while nothing passes


class Told(msgspec.Struct, frozen=True):
    """One step of the story, as it happened."""

    ally: str | None  # None: the link, or the audience
    what: str  # English, a key of the catalogue
    values: dict[str, Any] = {}
    detail: str = ""
    does: str = ""  # to the link: cut, heal

    def said(self, translate: Callable[[str], str]) -> str:
        """Return the step in the language of `translate`."""
        return translate(self.what).format(**self.values)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the run came to; every field is computed from what the nodes hold."""

    outcome: str
    entries: dict[str, int]
    cut_s: float
    lost: int
    crossed: int
    papers: list[dict[str, str]]
    records_equal: bool
    flipped: dict[str, Any]
    audit: str

    @property
    def is_good(self) -> bool:
        """True only if everything held."""
        return (self.outcome, self.lost, self.records_equal, self.audit) == ("agreed", 0, True, "ok") and self.crossed > 0


Tell = Callable[[Told], None]


class Story:
    """One run on one stage."""

    def __init__(self, stage: Stage, tell: Tell, language: Language) -> None:
        self._stage, self._tell, self._language = stage, tell, language
        self._acknowledged: list[str] = []
        self._fingerprints: dict[str, str] = {}
        self._opening = b""
        self._cut_s = 0.0

    @property
    def _first(self) -> str:
        return self._stage.allies[0]

    @property
    def _others(self) -> Sequence[str]:
        return self._stage.allies[1:]

    def run(self, papers: Sequence[Path]) -> Outcome:
        """Play the whole story; return what it came to."""
        self._set_up()
        self._open(papers)
        self._answer()
        self._cut()
        self._agree()
        views = self._settle()
        return self._judge(views, papers)

    def _act(self, ally: str, command: Any, what: str, detail: str = "", **values: Any) -> Written:
        written = self._stage.submit(ally, command)
        if written.digest is not None and written.place:
            self._acknowledged.append(written.digest.hex())
        self._tell(Told(ally, what, values, detail))
        return written

    def _view(self, ally: str) -> Any:
        return self._stage.ask(ally, "consultation", id=self._opening.hex())

    def _set_up(self) -> None:
        stage = self._stage
        self._fingerprints = stage.make()
        stage.start()
        self._tell(Told(None, "A node for each ally is up, each with its own keys and store; people compared fingerprints."))
        room = stage.submit(self._first, FoundRoom(title="Consultative group", allies=tuple(self._others)))
        assert room.room is not None
        stage.wait("the room is in force", lambda: all(self._is_in_force(ally, room.room) for ally in stage.allies))
        self._tell(Told(self._first, "founds a room; all sign its charter."))

    def _is_in_force(self, ally: str, room: bytes | None) -> bool:
        rooms = {one["id"]: one for one in self._stage.ask(ally, "rooms")}
        found = rooms.get((room or b"").hex())
        return bool(found and not found["missing"] and all(chain["length"] for chain in found["chains"]))

    def _open(self, paths: Sequence[Path]) -> None:
        office = self._stage.offices[self._first]
        room = bytes.fromhex(office.ask("resolve", of="room", id=None)) if paths else b""
        command = rules.Open(
            subject=SUBJECT,
            form=Form.CONSENSUS,
            citing=CITING,
            papers=named_papers(office, room, paths),
            precedence=Precedence.IMMEDIATE,
            marking="EXERCISE",
        )
        if paths:
            keep_papers(office, room, command, paths)
            self._tell(Told(self._first, "keeps {n} paper(s), chunk by chunk, before anything names them.", {"n": len(paths)}))
        self._opening = self._act(self._first, command, "opens a consultation towards consensus.", SUBJECT).digest or b""

    def _answer(self) -> None:
        for ally in self._others:
            self._wait_for_message(ally, 1)
            self._tell(Told(ally, "has it on the desk of the post on duty; the first ally sees: sent, received, delivered."))
            self._act(ally, self._command(rules.Acknowledge), "acknowledges.")
        for ally in self._stage.allies:
            self._wait_for_stances(ally, {"acknowledged", "opened"})

    def _wait_for_message(self, ally: str, count: int) -> None:
        def arrived() -> bool:
            listed = {one["id"]: one for one in self._stage.ask(ally, "consultations")}
            return self._opening.hex() in listed and listed[self._opening.hex()]["unread"] >= count

        self._stage.wait(f"{ally} has the message", arrived)

    def _wait_for_stances(self, ally: str, stances: set[str]) -> None:
        self._stage.wait(f"{ally} sees where all stand", lambda: set(self._view(ally)["stances"].values()) <= stances)

    def _command(self, kind: Any, **fields: Any) -> Any:
        return kind(consultation=self._opening, precedence=Precedence.IMMEDIATE, marking="EXERCISE", **fields)

    def _cut(self) -> None:
        """Cut every link; both sides go on writing; heal, and see the positions cross."""
        stage = self._stage
        stage.tell_relays("cut")
        began = time.monotonic()
        self._tell(Told(None, "The link is cut: every byte is dropped, and nobody is told.", does="cut"))
        for ally, position in zip(stage.allies, POSITIONS * len(stage.allies), strict=False):
            self._act(
                ally, self._command(rules.StatePosition, text=position), "states its position, not knowing the other's.", position
            )
        waiting = sum(link["waiting"] for link in stage.ask(self._first, "link"))
        self._tell(Told(self._first, "goes on writing: {n} entries wait, each durable, none lost.", {"n": waiting}))
        time.sleep(CUT_SHOWS_S)
        stage.tell_relays("heal")
        self._cut_s = time.monotonic() - began
        healed = "The link is healed after {s:.1f} s; the nodes find each other by themselves."
        self._tell(Told(None, healed, {"s": self._cut_s}, does="heal"))
        for ally in stage.allies:
            self._wait_for_stances(ally, {"position-stated"})
        crossed = self._view(self._first)["crossed"]
        self._tell(
            Told(None, "The positions have crossed: {n} pair(s) of messages, shown as crossed on every node.", {"n": crossed})
        )

    def _agree(self) -> None:
        words = WORDS[self._language]
        written = self._act(
            self._first, self._command(rules.ProposeWords, words=WORDS), "proposes words in both languages.", words
        )
        proposal = (written.digest or b"").hex()
        for ally in self._stage.allies:
            self._stage.wait(f"{ally} has the words", partial(self._has_words, ally, proposal))
            self._act(ally, self._command(rules.SignWords), "signs the same words.")

    def _has_words(self, ally: str, proposal: str) -> bool:
        return any(one["id"] == proposal and one["words"] for one in self._view(ally)["proposals"])

    def _settle(self) -> dict[str, Any]:
        """Wait until every ally holds all and knows that every other does; what was read is noted as read."""
        stage = self._stage
        views: dict[str, Any] = {}
        for ally in stage.allies:
            views[ally] = stage.wait(f"{ally} sees agreed words", partial(self._agreed, ally))
            messages = [bytes.fromhex(e["id"]) for e in views[ally]["timeline"] if e["ally"] != ally and e["kind"] in MESSAGES]
            if views[ally]["unread"]:
                stage.submit(ally, MarkRead(consultation=self._opening, messages=tuple(messages)))
        stage.wait("every node has confirmed every other's record", self._is_level)
        phrase = self._shared_room(self._first)["phrase"]
        self._tell(
            Told(None, "Agreed, and confirmed: the same record on every node. Record phrase: {phrase}", {"phrase": phrase})
        )
        return {ally: self._view(ally) for ally in stage.allies}

    def _agreed(self, ally: str) -> Any:
        view = self._view(ally)
        is_done = view["status"] == "agreed" and all(not one["unconfirmed"] for one in view["proposals"])
        return view if is_done else None

    def _shared_room(self, ally: str) -> Any:
        return next(room for room in self._stage.ask(ally, "rooms") if not room["national"])

    def _is_level(self) -> bool:
        rooms = [self._shared_room(ally) for ally in self._stage.allies]
        members = len(self._stage.allies) - 1
        return len({room["phrase"] for room in rooms}) == 1 and all(
            len(chain["confirmed"]) == members and set(chain["confirmed"].values()) == {chain["length"]}
            for room in rooms
            for chain in room["chains"]
        )

    # Checking.

    def _judge(self, views: dict[str, Any], papers: Sequence[Path]) -> Outcome:
        stage = self._stage
        if papers:
            self._wait_for_papers(len(papers))
        stage.stop_nodes()
        verdict = self._verdict()
        self._tell(Told(None, "An outside process has compared the exports: {n} acknowledged entries lost.", {"n": verdict.lost}))
        sound = verdict.sound and all(_audit(path)["sound"] for path in stage.nodes.values())
        flipped, was_refused = self._flip_a_copy()
        return Outcome(
            outcome="agreed" if all(view["status"] == "agreed" for view in views.values()) else views[self._first]["status"],
            entries=verdict.entries,
            cut_s=round(self._cut_s, 3),
            lost=verdict.lost,
            crossed=min(view["crossed"] for view in views.values()),
            papers=verdict.papers,
            records_equal=verdict.records_equal,
            flipped=flipped,
            audit="ok" if sound and was_refused else "failed",
        )

    def _wait_for_papers(self, count: int) -> None:
        notice = language.translator(language.chosen())("paper")  # as `node serve` of this environment logs it

        def has_all(ally: str) -> bool:
            log = (self._stage.directory / f"{ally}.log").read_text(encoding="utf-8", errors="replace")
            return log.count(f" {notice} ") >= count

        for ally in self._others:
            self._stage.wait(f"{ally} has the papers whole", partial(has_all, ally))
        self._tell(Told(None, "The papers are on every node, below the messages in precedence, each chunk checked."))

    def _verdict(self) -> Verdict:
        """Export every node's record, and let a process that is neither node compare them."""
        directory = self._stage.directory
        exports = {ally: str(directory / f"{ally}.katchi") for ally in self._stage.allies}
        for ally, path in self._stage.nodes.items():
            _run("-m", "katchi.cli", "record", "export", str(path), "--out", exports[ally])
        case = directory / "case.json"
        case.write_bytes(msgspec.json.encode(Case(exports, list(self._fingerprints.values()), self._acknowledged)))
        return msgspec.json.decode(_run("-m", "katchi.demo.judge", str(case)).stdout, type=Verdict)

    def _flip_a_copy(self) -> tuple[dict[str, Any], bool]:
        """Flip one byte of one entry in a copy of the first node; return which, and whether the audit named it."""
        copy = self._stage.directory / "copy"
        shutil.copytree(self._stage.nodes[self._first], copy)
        store = SqliteStore.open(copy / "record.sqlite")
        kept = next(k for k in store.about(self._opening) if k.entry.header.kind == "position.stated")
        store.close()
        file = copy / "record.sqlite"
        data = bytearray(file.read_bytes())
        at = data.find(kept.entry.signature)
        if at < 0:
            raise RecordBroken("the entry to flip is not in the copy", hint="Run the demo again; if it goes on, report it.")
        data[at] ^= 1
        file.write_bytes(data)
        report = _audit(copy)
        where = kept.entry.place
        named = not report["sound"] and any(finding["where"] == where for finding in report["findings"])
        self._tell(Told(None, "One byte of a copy is flipped: the audit refuses it and names entry {place}.", {"place": where}))
        return {"ally": kept.entry.header.ally, "seq": kept.entry.header.seq}, named


def _run(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, *words], capture_output=True, check=False)


def _audit(path: Path) -> Any:
    """The audit of a node's directory, by the command line, in a process of its own."""
    done = _run("-m", "katchi.cli", "record", "audit", str(path), "--json")
    report = msgspec.json.decode(done.stdout)
    if report["sound"] != (done.returncode == 0):
        raise RecordBroken("the audit's answer and its exit status differ", hint="Report this.")
    return report
