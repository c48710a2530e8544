"""The bell and the stream behind it: an officer hears what is urgent, however many tabs are open, and the node is asked once."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, Final

import pytest
from alliance import LIVE_MS_MAX, Alliance, Seat, Seated
from playwright.sync_api import BrowserContext, Page, Request, expect

from katchi.vocabulary import Precedence

SPY: Final = """
window.tones = 0;
window.AudioContext = class extends AudioContext {
  createOscillator() {
    const voice = super.createOscillator(), start = voice.start.bind(voice);
    voice.start = (at) => { window.tones += 1; start(at); };
    return voice;
  }
};
"""
TABS_MANY: Final = 8  # a browser opens six connections to one host


class Streams:
    """Every request for the stream that the tabs of one browser make."""

    def __init__(self, context: BrowserContext) -> None:
        self.asked: list[Request] = []
        context.on("request", lambda request: self.asked.append(request) if request.url.endswith("/events") else None)

    @property
    def count(self) -> int:
        return len(self.asked)


@pytest.fixture
def listening(seated: Seated, alliance: Alliance) -> Callable[[str], Seat]:
    """Return a function that seats an officer whose bell can be counted."""

    def listening(ally: str) -> Seat:
        seat = seated(alliance, ally)
        seat.page.context.add_init_script(SPY)
        seat.goes("/")
        return seat

    return listening


def rung(page: Page) -> bool:
    return bool(page.evaluate("() => window.tones"))


def until(condition: Callable[[], Any], page: Page, *, within_ms: float = LIVE_MS_MAX) -> bool:
    """Wait until something is so, while the page's events are handled."""
    deadline = time.monotonic() + within_ms / 1000
    while not (value := condition()) and time.monotonic() < deadline:
        page.wait_for_timeout(25)
    return bool(value)


def follows(page: Page) -> None:
    """Wait until this tab hears its node, by itself or through another tab."""
    expect(page.locator("body")).to_have_attribute("data-hears", "yes")


def test_the_bell_is_silent_until_a_first_click_says_so_and_then_rings_on_trial(listening):
    seat = listening("USA")
    expect(seat.page.locator("#sound")).to_have_text("The bell is silent until a first key or click.")
    seat.page.get_by_role("button", name="Test the bell").click()
    assert until(lambda: rung(seat.page), seat.page)
    expect(seat.page.locator("#sound")).to_have_text("The bell is on.")


def test_a_flash_message_rings_on_the_other_side_within_two_seconds_and_the_title_counts_it(alliance, listening):
    seat = listening("USA")
    seat.page.locator("h1").click()
    before = unread(alliance)
    follows(seat.page)
    alliance.opens("KOR", "A flash message", Precedence.FLASH)
    assert until(lambda: rung(seat.page), seat.page)
    expect(seat.page).to_have_title(re.compile(rf"^\({before + 1}\) "), timeout=LIVE_MS_MAX)
    read_all(alliance, seat)
    expect(seat.page).not_to_have_title(re.compile(r"^\("))


def test_the_bell_rings_on_the_next_page_too_though_nobody_has_touched_it(alliance, listening):
    seat = listening("USA")
    seat.page.locator("h1").click()
    seat.page.get_by_role("link", name="Rooms").click()
    follows(seat.page)
    alliance.opens("KOR", "An immediate message", Precedence.IMMEDIATE)
    assert until(lambda: rung(seat.page), seat.page)
    read_all(alliance, seat)


def test_a_routine_message_is_counted_and_does_not_ring(alliance, listening):
    seat = listening("USA")
    seat.page.locator("h1").click()
    follows(seat.page)
    alliance.opens("KOR", "A routine message", Precedence.ROUTINE)
    expect(seat.page).to_have_title(re.compile(r"^\(1\) "))
    assert not rung(seat.page)
    read_all(alliance, seat)


def test_one_tab_of_many_keeps_the_stream_all_show_what_came_one_rings_and_none_waits_for_a_connection(alliance, listening):
    seat = listening("USA")
    context, first = seat.page.context, seat.page
    follows(first)
    streams = Streams(context)
    first.reload()
    first.locator("h1").click()
    tabs = [first]
    for _ in range(TABS_MANY - 1):
        tabs.append(context.new_page())
        tabs[-1].goto(f"{seat.address}/")
        tabs[-1].locator("h1").click()
    for tab in tabs:
        follows(tab)
    assert streams.count == 1
    alliance.opens("KOR", "Told to all tabs", Precedence.IMMEDIATE)
    for tab in tabs:
        expect(tab.get_by_text("Told to all tabs").first).to_be_visible()
        expect(tab).to_have_title(re.compile(r"^\(1\) "))
    assert [rung(tab) for tab in tabs].count(True) == 1
    late = context.new_page()
    late.goto(f"{seat.address}/rooms")
    expect(late).to_have_title(re.compile(r"^\(1\) "))  # though nothing has changed since it was opened
    assert streams.count == 1
    read_all(alliance, seat)


def test_a_tab_that_nobody_has_touched_leaves_the_bell_to_one_that_somebody_has(alliance, listening):
    seat = listening("USA")
    follows(seat.page)  # it keeps the stream, and may not sound
    touched = seat.page.context.new_page()
    touched.goto(f"{seat.address}/")
    touched.locator("h1").click()
    follows(touched)
    alliance.opens("KOR", "Heard in the other tab", Precedence.IMMEDIATE)
    assert until(lambda: rung(touched), touched)
    assert not rung(seat.page)
    read_all(alliance, seat)


def test_when_the_tab_that_keeps_the_stream_closes_another_takes_it_over(alliance, listening):
    seat = listening("USA")
    second = seat.page.context.new_page()
    second.goto(f"{seat.address}/")
    follows(second)
    streams = Streams(second.context)
    seat.page.close()
    assert until(lambda: streams.count, second)
    alliance.opens("KOR", "Told to the tab that is left")
    expect(second.get_by_text("Told to the tab that is left").first).to_be_visible(timeout=LIVE_MS_MAX)
    assert streams.count == 1
    seat.page = second
    read_all(alliance, seat)


def test_a_stream_that_was_cut_is_asked_for_again_from_its_last_event_and_the_screen_says_meanwhile_that_it_is_old(
    new_alliance, seated, witness
):
    witness.expect("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE")
    seat = seated(new_alliance, "USA")
    follows(seat.page)
    streams, told = Streams(seat.page.context), seat.page.locator("#cut")
    expect(told).to_be_hidden()
    new_alliance.stage.stop_nodes()
    expect(told).to_be_visible()
    new_alliance.stage.start_nodes()
    assert until(lambda: streams.count and streams.asked[-1].response(), seat.page, within_ms=10_000)
    assert re.fullmatch(r"[0-9a-f]{8}\.\d+", streams.asked[-1].all_headers()["last-event-id"])
    expect(told).to_be_hidden()
    new_alliance.opens("KOR", "Told after the cut")
    expect(seat.page.get_by_text("Told after the cut").first).to_be_visible(timeout=LIVE_MS_MAX)


def test_a_screen_whose_stream_is_refused_says_so_and_asks_again(alliance, seated, witness):
    witness.expect("status of 401")
    seat = seated(alliance, "USA")
    context, told = seat.page.context, seat.page.locator("#cut")
    context.route("**/events", lambda route: route.fulfill(status=401))
    seat.page.reload()
    expect(told).to_have_text("This screen hears nothing from its node: what it shows may be old. Load it again.")
    context.unroute("**/events")
    expect(told).to_be_hidden(timeout=10_000)
    follows(seat.page)


def unread(alliance: Alliance) -> int:
    return sum(one["unread"] for one in alliance.stage.ask("USA", "consultations"))


def read_all(alliance: Alliance, seat: Seat) -> None:
    """Leave nothing unread to the next test."""
    for one in alliance.stage.ask("USA", "consultations"):
        if one["unread"]:
            seat.goes(f"/consultations/{one['id']}")
    alliance.stage.wait("all is read", lambda: not unread(alliance))
