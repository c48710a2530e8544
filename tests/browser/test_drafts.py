"""What an officer has typed is there again: after a reload, a lost session, a restart of the node; with scripts or without."""

from __future__ import annotations

from typing import Final

import pytest
from alliance import Alliance, Seat, Seated
from playwright.sync_api import expect

TYPED: Final = "우리는 아직 확인하지 못하였다.\nWe have not confirmed it [yet]."


@pytest.fixture
def consultation(alliance: Alliance) -> str:
    """The path of a consultation in which nobody has said anything yet."""
    return f"/consultations/{alliance.opens('KOR', 'Something to answer')}"


def typed(seat: Seat, path: str, text: str = TYPED) -> None:
    """Type a position, and wait until the node has kept it."""
    seat.goes(f"{path}/state-position")
    seat.fills_in(text=text)
    expect(seat.page.locator(".draft-note")).to_have_text("Draft kept.")


def holds(seat: Seat, text: str = TYPED) -> None:
    expect(seat.page.locator("[name=text]")).to_have_value(text)


def test_text_is_there_again_after_a_reload_and_until_it_is_sent(alliance: Alliance, seated: Seated, consultation):
    seat = seated(alliance, "USA")
    typed(seat, consultation)
    seat.page.reload()
    holds(seat)
    seat.goes("/")
    seat.follows(f"a[href='{consultation}/state-position']")  # the duty screen leads to it
    holds(seat)
    seat.sends()
    expect(seat.page.locator(".column.ours .text")).to_have_text(TYPED)
    seat.goes(f"{consultation}/state-position")
    holds(seat, "")


def test_without_scripts_a_button_keeps_it(alliance: Alliance, seated: Seated, consultation):
    seat = seated(alliance, "USA", scripts=False)
    seat.goes(f"{consultation}/state-position")
    seat.fills_in(text=TYPED)
    seat.page.get_by_role("button", name="Keep draft").click()
    holds(seat)
    seat.page.get_by_role("button", name="Discard the draft").click()
    holds(seat, "")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_text_that_was_sent_after_the_session_was_lost_is_there_again_at_the_next_one(
    alliance: Alliance, seated: Seated, consultation, witness, scripts
):
    witness.expect("status of 401")
    seat = seated(alliance, "USA", scripts=scripts)
    seat.goes(f"{consultation}/state-position")
    seat.fills_in(text=TYPED)
    seat.page.context.clear_cookies()
    seat.page.locator(".send button").first.click()
    expect(seat.page.get_by_role("status")).to_contain_text("What you wrote is kept as a draft.")
    assert alliance.view("USA", consultation.removeprefix("/consultations/"))["stances"]["USA"] == "unanswered"
    seat.sign_in()
    seat.goes(f"{consultation}/state-position")
    holds(seat)


def test_a_draft_is_seen_by_its_own_post_and_officer_alone(alliance: Alliance, seated: Seated, consultation):
    seat = seated(alliance, "USA")
    typed(seat, consultation)
    for officer in ({"post": "deputy"}, {"post": "principal"}):
        seat.page.context.clear_cookies()
        seat.sign_in(**officer)
        seat.goes(f"{consultation}/state-position")
        holds(seat, "")


def test_text_outlives_a_restart_of_the_node_and_is_sent_from_the_page_that_stayed_open(
    new_alliance: Alliance, seated: Seated, witness
):
    witness.expect("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE")
    path = f"/consultations/{new_alliance.opens('KOR', 'Something to answer')}"
    seat = seated(new_alliance, "USA")
    typed(seat, path, "Before the restart")
    new_alliance.stage.stop_nodes()
    seat.fills_in(text=TYPED)
    expect(seat.page.locator(".draft-note")).to_have_text("The draft could not be kept: copy your text elsewhere.")
    new_alliance.stage.start_nodes()
    other = seat.page.context.new_page()
    other.goto(f"{seat.address}{path}/state-position")
    expect(other.locator("[name=text]")).to_have_value("Before the restart")
    seat.sends()
    expect(seat.page.locator(".column.ours .text")).to_have_text(TYPED)
