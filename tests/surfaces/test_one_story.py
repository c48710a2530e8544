"""One story by the command line, by the API and by the pages' forms leaves the same record, entry by entry.

Two real nodes; the pages are used as a browser without scripts uses them. What may differ are digests,
times and what chance draws; what each entry says, to whom it answers and where all stand may not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import httpx
import pytest

from katchi.demo.stage import Stage
from katchi.vocabulary import MESSAGES

sys.path.append(str(Path(__file__).parents[1] / "web"))  # the browser that the tests of the pages share
from browsing import Browser

ALLIES = ("KOR", "USA")
OFFICERS = {"KOR": "Kim", "USA": "Roe"}
PAPER = ("notes.txt", "관측 기록\n".encode() * 9_000)  # two chunks


class Time(NamedTuple):
    """One time, as each surface takes it."""

    us: int

    @property
    def iso(self) -> str:
        return "2099-01-31T14:32+09:00"

    @property
    def typed(self) -> str:
        return "2099-01-31 14:32"


DUE = Time(4_073_520_720_000_000)

STORY: list[tuple[str, str, dict[str, Any]]] = [  # who acts, how, and what is said
    (
        "KOR",
        "open",
        {
            "subject": "Seismic event of 00:30Z",
            "form": "towards-consensus",
            "due": DUE,
            "citing": "make every effort to consult",
            "papers": [PAPER],
            "precedence": "immediate",
            "marking": "EXERCISE EXERCISE",
        },
    ),
    ("USA", "acknowledge", {"text": "Taken up.", "precedence": "immediate", "marking": "EXERCISE"}),
    (
        "KOR",
        "state-position",
        {"text": "지진으로 평가한다.\n근거는 첨부와 같다.", "precedence": "priority", "marking": "EXERCISE"},
    ),
    ("USA", "state-position", {"text": "We assess an earthquake.", "precedence": "flash", "marking": "EXERCISE"}),
    (
        "KOR",
        "propose-words",
        {
            "words": {"en": "Both assess an earthquake.", "ko": "양측은 지진으로 평가한다."},
            "precedence": "priority",
            "marking": "X",
        },
    ),
    ("USA", "sign-words", {"precedence": "immediate", "marking": "EXERCISE"}),
    ("KOR", "sign-words", {"precedence": "immediate", "marking": "EXERCISE"}),
    (
        "USA",
        "record-decision",
        {
            "question": "Whether to tell the press",
            "options": ["now", "after the next report"],
            "outcome": "after the next report",
            "owner": "Director of the watch",
            "reason": "Not yet certain",
            "deadline": DUE,
            "follow_up": "Look again at noon",
            "precedence": "priority",
            "marking": "EXERCISE",
        },
    ),
    ("USA", "end", {"reason": "Words agreed.", "precedence": "routine", "marking": "EXERCISE"}),
    ("KOR", "end", {"reason": "합의함.", "precedence": "routine", "marking": "EXERCISE"}),
]


class Surface(Protocol):
    """A way in for officers."""

    def act(self, ally: str, act: str, talk: str, said: dict[str, Any]) -> str:
        """Do an act; return the consultation's id."""


class CommandLine:
    """`katchi`, as processes."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._file = stage.directory / PAPER[0]
        self._file.write_bytes(PAPER[1])

    def act(self, ally: str, act: str, talk: str, said: dict[str, Any]) -> str:
        options = [word for name, value in said.items() for word in self._options(name, value)]
        words = ["consultation", act, *([talk[:10]] if talk else []), *options, "--by", OFFICERS[ally], "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "katchi.cli", *words],
            env=os.environ | {"KATCHI_NODE": str(self._stage.nodes[ally])},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return str(json.loads(done.stdout)["consultation"])

    def _options(self, name: str, value: Any) -> list[str]:
        match value:
            case Time():
                return ["--due", value.iso]
            case dict():
                return [word for tongue, text in value.items() for word in (f"--{tongue}", text)]
            case list():
                one = {"papers": "--paper", "options": "--option"}[name]
                return [word for item in value for word in (one, str(self._file) if name == "papers" else item)]
        return [f"--{name.replace('_', '-')}", value]


class Api:
    """The API, with the node's own token."""

    def __init__(self, stage: Stage) -> None:
        self._calls = {ally: self._call(stage, ally) for ally in ALLIES}

    def _call(self, stage: Stage, ally: str) -> httpx.Client:
        token = json.loads((stage.nodes[ally] / "control.json").read_text())["token"]
        return httpx.Client(base_url=_address(stage, ally), headers={"Authorization": f"Bearer {token}"})

    def act(self, ally: str, act: str, talk: str, said: dict[str, Any]) -> str:
        call = self._calls[ally]
        body = {name: value.us if isinstance(value, Time) else value for name, value in said.items()} | {"by": OFFICERS[ally]}
        if "papers" in body:
            room = next(one["id"] for one in call.get("/api/rooms").json() if not one["national"])
            kept = [call.put(f"/api/rooms/{room}/papers", params={"name": name}, content=data) for name, data in said["papers"]]
            body["papers"] = [answer.json() for answer in kept]
        answer = call.post(f"/api/consultations/{talk}/{act}" if talk else "/api/consultations", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["consultation"])

    def close(self) -> None:
        for call in self._calls.values():
            call.close()


class Pages:
    """The pages' forms, in a browser without scripts."""

    def __init__(self, stage: Stage) -> None:
        self._browsers = {}
        for ally in ALLIES:
            link = stage.ask(ally, "sign-in-link", name=OFFICERS[ally])["url"]
            self._browsers[ally] = Browser(_address(stage, ally), link)

    def act(self, ally: str, act: str, talk: str, said: dict[str, Any]) -> str:
        browser = self._browsers[ally]
        typed: dict[str, str] = {}
        for name, value in said.items():
            match value:
                case Time():
                    typed |= {name: value.typed, f"{name}_zone": "Asia/Seoul"}
                case dict():
                    typed |= value
                case list() if name == "options":
                    typed[name] = "\r\n".join(value)
                case str():
                    typed[name] = value.replace("\n", "\r\n")  # as browsers send it
        path, to = ("/consultations/new", "/consultations") if act == "open" else (f"/consultations/{talk}/{act}", "")
        where = browser.done(path, to=to, files=said.get("papers"), **typed)
        return urlsplit(where).path.removeprefix("/consultations/")

    def close(self) -> None:
        for browser in self._browsers.values():
            browser.close()


def _address(stage: Stage, ally: str) -> str:
    return f"http://127.0.0.1:{urlsplit(stage.pages[ally]).port}"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("story"), ALLIES) as stage:
        stage.make()
        stage.start()
        api = Api(stage)
        api._calls["KOR"].post("/api/rooms", json={"title": "Consultative group"}).raise_for_status()
        api.close()
        stage.wait("the room is in force", lambda: all(_is_in_force(stage, ally) for ally in ALLIES))
        yield stage


def _is_in_force(stage: Stage, ally: str) -> bool:
    shared = [room for room in stage.ask(ally, "rooms") if not room["national"]]
    return bool(shared) and not shared[0]["missing"] and all(chain["length"] for chain in shared[0]["chains"])


def told(stage: Stage, surface: Surface) -> dict[str, dict[str, Any]]:
    """Tell the story by one surface; return what it left on each side."""
    talk = ""
    for count, (ally, act, said) in enumerate(STORY, 1):
        talk = surface.act(ally, act, talk, said)
        stage.wait("both sides hold the act", lambda n=count, t=talk: all(len(messages(stage, one, t)) == n for one in ALLIES))
    stage.wait("all has been delivered", lambda: all(_is_settled(stage, ally, talk) for ally in ALLIES))
    stage.wait("both know who has read what", lambda: record(stage, "KOR", talk) == record(stage, "USA", talk))
    return {ally: record(stage, ally, talk) for ally in ALLIES}


def messages(stage: Stage, ally: str, talk: str) -> list[dict[str, Any]]:
    """Return the messages of a consultation that an ally's node holds with their bodies."""
    if not any(one["id"] == talk for one in stage.ask(ally, "consultations")):
        return []
    view = stage.ask(ally, "consultation", id=talk)
    return [entry for entry in view["timeline"] if entry["kind"] in MESSAGES and entry["body"] is not None]


def _is_settled(stage: Stage, ally: str, talk: str) -> bool:
    """Whether every message is delivered and covered, as an ally's node knows it."""
    held = messages(stage, ally, talk)
    return all(entry["covered"] and receipt["delivered"] for entry in held for receipt in entry["receipts"])


ENTRY = ("ally", "kind", "precedence", "post", "marking", "body", "covered", "flags", "crossed")
DECISION = ("ally", "outcome", "consulted", "positions", "lacking")
PROPOSAL = ("by", "words", "signed_by", "agreed")
WHOLE = ("subject", "form", "opener", "due", "citing", "precedence", "status", "stances")


def record(stage: Stage, ally: str, talk: str) -> dict[str, Any]:
    """Return all that a node holds of a consultation, but digests, times and the places in the chains."""
    view = stage.ask(ally, "consultation", id=talk)
    messages_held = messages(stage, ally, talk)
    place = {entry["id"]: number for number, entry in enumerate(messages_held)}
    entries = []
    for entry in messages_held:
        answered = {"about": [place[about] for about in entry["about"]]}
        read = {"read by": [receipt["ally"] for receipt in entry["receipts"] if receipt["read"]]}
        entries.append({name: entry[name] for name in ENTRY} | answered | read)
    return {
        "entries": entries,
        "decisions": [{name: one[name] for name in DECISION} for one in view["decisions"]],
        "proposals": [{name: one[name] for name in PROPOSAL} for one in view["proposals"]],
        **{name: view[name] for name in WHOLE},
    }


def test_one_story_by_three_surfaces_leaves_the_same_record(stage):
    by_hand = told(stage, CommandLine(stage))
    held = by_hand["KOR"]
    assert [entry["kind"] for entry in held["entries"]] == [
        "consultation.opened", "consultation.acknowledged", "position.stated", "position.stated", "words.proposed",
        "words.signed", "words.signed", "decision.recorded", "consultation.ended", "consultation.ended",
    ]  # fmt: skip
    assert [entry["about"] for entry in held["entries"]] == [[], [0], [0], [0], [0], [0, 4], [0, 4], [0], [0], [0]]
    assert held["due"] == DUE.us and held["stances"] == {"KOR": "ended", "USA": "ended"}
    assert [(one["signed_by"], one["agreed"]) for one in held["proposals"]] == [(["KOR", "USA"], True)]
    assert held["entries"][0]["body"]["papers"][0]["size"] == len(PAPER[1])
    for surface in (Api, Pages):
        way = surface(stage)
        left = told(stage, way)
        way.close()
        for ally in ALLIES:
            assert left[ally]["entries"] == by_hand[ally]["entries"], (surface.__name__, ally)
            assert left[ally] == by_hand[ally], (surface.__name__, ally)
