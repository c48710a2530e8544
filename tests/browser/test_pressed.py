"""What is pressed stays under the pointer until it is released: a click goes where its officer saw it go."""

from __future__ import annotations

import re
from typing import Final

import pytest
from alliance import Alliance, Seat, Seated
from playwright.sync_api import Page, Route, expect

from katchi.language import Language
from katchi.vocabulary import Precedence

HELD_MS: Final = 300  # a slow press: whatever a page does in answer to it, or to news, it does within
NEEDS: Final = "#needs ~ ul .row"


def presses(page: Page, selector: str) -> None:
    """Put the pointer on the middle of what is shown, and press."""
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()


def on_duty(alliance: Alliance, seat: Seat, ally: str, subject: str) -> str:
    """Open a consultation and see it on the duty screen; return where its first row leads."""
    seat.goes("/")
    alliance.opens(ally, subject, Precedence.ROUTINE)
    seat.sees(NEEDS, text=subject)
    return str(seat.page.locator(NEEDS).first.get_attribute("href"))


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_first_click_in_a_browser_goes_where_it_points_though_it_wakes_the_bell(
    alliance: Alliance, seated: Seated, language: Language
):
    seat = seated(alliance, "USA", language)
    expect(seat.page.locator("#sound")).not_to_be_empty()
    presses(seat.page, "a[href='/consultations/new']")
    seat.page.wait_for_timeout(HELD_MS)
    seat.page.mouse.up()
    expect(seat.page).to_have_url(re.compile("/consultations/new$"))


def test_a_message_that_comes_while_a_row_is_pressed_comes_in_after_the_click(alliance: Alliance, seated: Seated):
    seat = seated(alliance, "USA")
    leads_to = on_duty(alliance, seat, "KOR", "first of all")
    presses(seat.page, NEEDS)
    alliance.opens("KOR", "more urgent, so it stands above", Precedence.FLASH)
    expect(seat.page).to_have_title(re.compile(r"^\(2\) "))  # the news is here
    seat.page.wait_for_timeout(HELD_MS)
    seat.page.mouse.up()
    expect(seat.page).to_have_url(re.compile(f"{leads_to}$"))


def test_what_was_asked_for_before_the_press_comes_in_after_it_too(new_alliance: Alliance, seated: Seated):
    seat = seated(new_alliance, "USA")
    leads_to = on_duty(new_alliance, seat, "KOR", "first of all")
    asked: list[Route] = []
    seat.page.route(lambda url: url == f"{seat.address}/", lambda route: asked.append(route))
    with seat.page.expect_request(f"{seat.address}/"):
        new_alliance.opens("KOR", "more urgent, so it stands above", Precedence.FLASH)
    presses(seat.page, NEEDS)
    with seat.page.expect_response(f"{seat.address}/"):
        for route in asked:
            route.continue_()
    seat.page.unroute_all()
    seat.page.wait_for_timeout(HELD_MS)
    assert seat.page.locator(NEEDS).first.get_attribute("href") == leads_to
    seat.page.mouse.move(2, 2)
    seat.page.mouse.up()  # beside it: nothing is clicked, and what was held back is shown
    seat.sees(NEEDS, text="more urgent")
    assert seat.page.locator(NEEDS).first.get_attribute("href") != leads_to
