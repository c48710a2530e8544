"""Two real nodes with their pages, paired through a relay that can be cut, in one shared room; and who sits before a page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, expect

from katchi.consult import rules
from katchi.demo.stage import Stage
from katchi.language import Language
from katchi.node.commands import FoundRoom, Written
from katchi.vocabulary import Form, Precedence

ALLIES: Final = ("KOR", "USA")
LOCALES: Final[dict[Language, str]] = {"en": "en-US", "ko": "ko-KR"}  # what a browser says that its reader reads
COMES_S_MAX: Final = 20.0  # over the link, on a busy machine; after a cut too
LIVE_MS_MAX: Final = 2_000  # from one officer's act to the other's open screen


class Alliance:
    """The nodes of one module's tests; what is done here directly could be done on the pages."""

    def __init__(self, stage: Stage, room: str) -> None:
        self.stage, self.room = stage, room

    @property
    def servers(self) -> set[str]:
        """The hosts of the pages."""
        return {urlsplit(address).netloc for address in self.stage.pages.values()}

    def cut(self) -> None:
        self.stage.tell_relays("cut")

    def heal(self) -> None:
        self.stage.tell_relays("heal")

    def opens(self, ally: str, subject: str, precedence: Precedence = Precedence.PRIORITY, **fields: Any) -> str:
        """Open a consultation; return its id once every node has it."""
        command = rules.Open(
            subject=subject,
            room=bytes.fromhex(self.room),
            form=Form.EXCHANGE,
            precedence=precedence,
            marking="EXERCISE",
            **fields,
        )
        opened = (self.stage.submit(ally, command).digest or b"").hex()
        for other in self.stage.allies:
            self.stage.wait("it is on every node", lambda other=other: self.holds(other, opened))
        return opened

    def says(self, ally: str, kind: Any, consultation: str, **fields: Any) -> Written:
        """Give the command of an act."""
        usual = {"precedence": Precedence.PRIORITY, "marking": "EXERCISE"}
        return self.stage.submit(ally, kind(consultation=bytes.fromhex(consultation), **usual | fields))

    def view(self, ally: str, consultation: str) -> Any:
        """Return a consultation as an ally's node holds it."""
        return self.stage.ask(ally, "consultation", id=consultation)

    def holds(self, ally: str, consultation: str) -> bool:
        return any(one["id"] == consultation for one in self.stage.ask(ally, "consultations"))


@contextmanager
def founded(directory: Path) -> Iterator[Alliance]:
    """Start the nodes, pair them, found a room, and end them all afterwards."""
    with Stage(directory, ALLIES) as stage:
        stage.make()
        stage.start()
        room = (stage.submit("KOR", FoundRoom(title="Consultative group", allies=("USA",))).room or b"").hex()

        def is_in_force() -> bool:
            rooms = [one for ally in ALLIES for one in stage.ask(ally, "rooms") if one["id"] == room]
            return len(rooms) == 2 and all(not one["missing"] and all(c["length"] for c in one["chains"]) for one in rooms)

        stage.wait("the room is in force", is_in_force)
        yield Alliance(stage, room)


class Seat:
    """An officer before a page of one node, with scripts or without."""

    def __init__(self, alliance: Alliance, ally: str, page: Page, *, has_scripts: bool = True) -> None:
        self._alliance, self.ally, self.page, self._has_scripts = alliance, ally, page, has_scripts

    @property
    def address(self) -> str:
        return self._alliance.stage.pages[self.ally]

    def sign_in(self, **officer: Any) -> Seat:
        self.page.goto(self._alliance.stage.sign_in_link(self.ally, **officer))
        return self

    def goes(self, path: str) -> None:
        self.page.goto(self.address + path)

    def follows(self, selector: str) -> None:
        """Use the first link that is so."""
        self.page.locator(selector).first.click()

    def fills_in(self, **fields: str) -> None:
        """Fill in the fields of the form that writes, by their names: texts are typed, choices chosen, files attached."""
        for name, value in fields.items():
            field = self.page.locator(f"form[data-draft] [name={name}]:not([type=hidden])")
            kind = field.first.get_attribute("type")
            if kind == "radio":
                field.and_(self.page.locator(f"[value='{value}']")).check()
            elif kind == "file":
                field.set_input_files(value)
            elif field.first.evaluate("(field) => field.tagName") == "SELECT":
                field.select_option(value)
            else:
                field.fill(value)

    def sends(self, **fields: str) -> None:
        """Fill in the form, and press its first button."""
        self.fills_in(**fields)
        self.page.locator("form[data-draft] .send button").first.click()

    def acts(self, slug: str, **fields: str) -> None:
        """Do one act of the consultation that is shown, by its button and its form; be back on its page."""
        self.follows(f".acts a[href$='/{slug}']")
        self.sends(**fields)
        expect(self.page.locator("#timeline")).to_be_visible()

    def sees(self, selector: str, *, text: str | None = None, within_ms: float = COMES_S_MAX * 1000) -> Locator:
        """Wait until the page shows it: by itself with scripts, by loading it anew without."""
        wanted = self.page.locator(selector, has_text=text).first
        if not self._has_scripts:
            deadline = time.monotonic() + within_ms / 1000
            while not wanted.is_visible() and time.monotonic() < deadline:
                time.sleep(0.2)
                self.page.reload()
        expect(wanted).to_be_visible(timeout=within_ms)
        return wanted


Seated = Callable[..., Seat]
