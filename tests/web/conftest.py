"""Nodes that serve their pages, as processes: one that is alone, and two that share a room."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from browsing import Browser, browser_at

from katchi.consult import rules
from katchi.demo.stage import Stage
from katchi.node.commands import FoundRoom
from katchi.vocabulary import Form, Precedence


class Pair:
    """Two nodes, KOR and USA, that share one room."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        written = stage.submit("KOR", FoundRoom(title="Consultative group", allies=("USA",)))
        self.room = written.room or b""
        stage.wait("the room is in force", lambda: all(map(self._is_in_force, stage.allies)))
        self.kor, self.usa = browser_at(stage, "KOR", name="Kim"), browser_at(stage, "USA", name="Roe")

    def close(self) -> None:
        self.kor.close()
        self.usa.close()

    def _is_in_force(self, ally: str) -> bool:
        room = {one["id"]: one for one in self.stage.ask(ally, "rooms")}.get(self.room.hex())
        return bool(room and not room["missing"] and all(chain["length"] for chain in room["chains"]))

    def opened(self, subject: str = "An invented event") -> str:
        """Let KOR open a consultation; return its page's path, once USA has it."""
        command = rules.Open(
            subject=subject, room=self.room, form=Form.CONSENSUS, precedence=Precedence.IMMEDIATE, marking="EXERCISE"
        )
        opening = (self.stage.submit("KOR", command).digest or b"").hex()
        self.wait("USA", opening, lambda view: True)
        return f"/consultations/{opening}"

    def view(self, ally: str, path: str) -> dict:
        return self.stage.ask(ally, "consultation", id=path.rsplit("/", 1)[1])

    def wait(self, ally: str, path: str, condition: Callable[[dict], bool]) -> dict:
        """Return a consultation as a node shows it, once it is so."""
        opening = path.rsplit("/", 1)[-1]

        def found() -> dict | None:
            if opening not in {one["id"] for one in self.stage.ask(ally, "consultations")}:
                return None
            view = self.stage.ask(ally, "consultation", id=opening)
            return view if condition(view) else None

        return self.stage.wait("it has come", found)


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with Stage(tmp_path_factory.mktemp("pair"), ["KOR", "USA"]) as stage:
        stage.make()
        stage.start()
        pair = Pair(stage)
        yield pair
        pair.close()
        for ally in stage.allies:
            assert "Traceback" not in log_of(stage, ally)


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("alone"), ["KOR"]) as stage:
        stage.make()
        stage.start()
        yield stage


OFFICERS = itertools.count(1)


@pytest.fixture
def sign_in() -> Iterator[Callable[..., Browser]]:
    """Return a function that signs a new browser in, as an officer of its own if none is named."""
    with ExitStack() as open_browsers:

        def sign_in(stage: Stage, ally: str = "KOR", name: str | None = None) -> Browser:
            browser = browser_at(stage, ally, name=name or f"officer {next(OFFICERS)}")
            open_browsers.callback(browser.close)
            return browser

        yield sign_in


@pytest.fixture
def desk(alone: Stage, sign_in: Callable[..., Browser]) -> Browser:
    """An officer who is alone, without drafts."""
    return sign_in(alone)


def log_of(stage: Stage, ally: str) -> str:
    return Path(stage.directory / f"{ally}.log").read_text(encoding="utf-8", errors="replace")
