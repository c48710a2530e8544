"""By keyboard alone: a consultation is opened and concluded on both sides, with no pointer and no address typed."""

from __future__ import annotations

import time
from typing import Final

from alliance import Alliance, Seat, Seated
from playwright.sync_api import expect

from katchi.vocabulary import Stance

STROKES_MAX: Final = 60  # both officers together, from first key to last, beside what is typed as text


class Keyboard:
    """The hands of one officer: counts what they strike."""

    def __init__(self, seat: Seat) -> None:
        self.seat, self.page = seat, seat.page
        self.strokes = self.typed = 0

    def strikes(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.strokes += 1

    def types(self, text: str) -> None:
        self.page.keyboard.type(text)
        self.typed += len(text)

    def turns_page(self, key: str, path: str) -> None:
        """Strike a key that leads to another page; wait until it is there."""
        with self.page.expect_navigation(url=f"**{path}", wait_until="load"):
            self.strikes(key)

    def chooses(self, slug: str) -> None:
        """Go by J to the button of an act, open its form, and begin to write."""
        expect(self.page.locator(f".acts a[href$='/{slug}']")).to_be_visible()
        for _ in range(10):
            self.strikes("j")
            if self.page.evaluate("() => document.activeElement.href ?? ''").endswith(f"/{slug}"):
                break
        self.turns_page("Enter", f"/{slug}")
        self.strikes("i")

    def sends(self) -> None:
        """Send the form that is written in, and be on the page of the consultation."""
        self.turns_page("Control+Enter", "/consultations/*")
        expect(self.page.locator("#timeline")).to_be_visible()

    def stands(self, stance: Stance) -> None:
        expect(self.page.locator(f".column.ours .stance-{stance.value}")).to_be_visible()

    def sees(self, selector: str) -> None:
        self.seat.sees(selector)


def test_a_consultation_is_opened_and_concluded_by_keyboard_alone(alliance: Alliance, seated: Seated, record_property):
    seoul, washington = (Keyboard(seated(alliance, ally)) for ally in ("KOR", "USA"))
    began = time.monotonic()

    seoul.turns_page("?", "/keys")
    seoul.turns_page("d", "/")
    seoul.turns_page("n", "/consultations/new#subject")
    seoul.types("By keyboard alone")
    seoul.strikes("Tab", "Tab", "ArrowDown", "ArrowDown", "Tab")  # over the room, to the form, towards consensus, until when
    seoul.types("+2h")
    seoul.sends()

    washington.sees("#needs ~ ul .row")
    washington.strikes("j")
    washington.turns_page("a", "/acknowledge#text")
    washington.sends()
    washington.stands(Stance.ACKNOWLEDGED)

    for side in (seoul, washington):
        side.chooses("state-position")
        side.types("우리는 확인하였다.")
        side.sends()
        side.stands(Stance.POSITION_STATED)

    seoul.chooses("propose-words")
    seoul.types("두 정부는 협의하였다.")
    seoul.strikes("Tab")
    seoul.types("Both governments have consulted.")
    seoul.sends()
    for side in (washington, seoul):
        side.sees(".proposal")
        side.chooses("sign-words")
        side.sends()
        side.stands(Stance.WORDS_SIGNED)
    for side in (seoul, washington):
        side.sees(".proposal.agreed")
        side.chooses("end")
        side.types("Agreed.")
        side.sends()
        side.stands(Stance.ENDED)

    seconds = time.monotonic() - began
    strokes, typed = (getattr(seoul, what) + getattr(washington, what) for what in ("strokes", "typed"))
    record_property("seconds", round(seconds, 1))
    record_property("strokes", strokes)
    print(f"keyboard alone, both sides: {seconds:.1f} s, {strokes} key strokes, and {typed} letters of text")
    assert strokes <= STROKES_MAX


def test_a_line_keeps_the_focus_and_a_field_its_text_while_the_page_changes_by_itself(alliance: Alliance, seated: Seated):
    seat = seated(alliance, "USA")
    alliance.opens("KOR", "The first")
    seat.sees("#needs ~ ul .row", text="The first")
    seat.page.keyboard.press("j")
    focused = "() => document.activeElement.id"
    before = seat.page.evaluate(focused)
    assert before.startswith("needs-")
    alliance.opens("KOR", "The second")
    seat.sees("#needs ~ ul .row", text="The second")
    assert seat.page.evaluate(focused) == before

    seat.goes("/rooms")
    seat.page.locator("#title").press_sequentially("Half a ti")
    entries = seat.page.locator("#live dd").filter(has_text="entries").all_inner_texts()
    alliance.opens("KOR", "The third")
    expect(seat.page.locator("#live")).not_to_contain_text(entries[0])
    expect(seat.page.locator("#title")).to_be_focused()
    seat.page.keyboard.type("tle")
    expect(seat.page.locator("#title")).to_have_value("Half a title")
