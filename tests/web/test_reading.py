"""Who goes to a consultation's page has read it; nobody else has. And nobody sees what is not theirs."""

from __future__ import annotations

import pytest
from browsing import Browser, address_of

from katchi.consult import rules


def reads(view: dict, ally: str) -> list[dict]:
    return [e for e in view["timeline"] if e["ally"] == ally and e["kind"] == "receipt.read"]


@pytest.mark.parametrize(
    "headers",
    [
        {"HX_Request": "true"},
        {"Sec_Purpose": "prefetch"},
        {"Sec_Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"Sec_Fetch_Dest": "empty"},
        {"Sec_Fetch_Dest": "image"},
    ],
)
def test_a_live_update_and_a_fetch_ahead_read_nothing(pair, headers):
    path = pair.opened()
    assert pair.usa.get(path, **headers).status_code == 200
    assert (pair.view("USA", path)["unread"], reads(pair.view("USA", path), "USA")) == (1, [])


def test_going_to_the_page_notes_its_messages_as_read_at_the_officers_post_and_says_which(pair):
    path = pair.opened()
    listed = pair.usa.read("/consultations").text
    assert "1 unread" in listed
    page = pair.usa.read(path)
    assert "New, and noted now as read by duty: KOR consultation opened" in page.text
    (read,) = reads(pair.view("USA", path), "USA")
    assert (read["body"]["post"], read["body"]["by"], pair.view("USA", path)["unread"]) == ("duty", "Roe", 0)
    assert "New, and noted" not in pair.usa.read(path).text
    assert len(reads(pair.view("USA", path), "USA")) == 1


def test_what_comes_by_a_live_update_is_offered_to_be_noted_as_read(pair):
    path = pair.opened()
    assert "Note them as read" in pair.usa.get(path, HX_Request="true").text
    assert "Note them as read" not in pair.usa.get(path).text


def test_no_page_of_a_consultation_loads_itself_again_without_anybody_there(pair):
    assert 'http-equiv="refresh"' not in pair.usa.get(pair.opened()).text


def test_forms_stand_outside_the_part_that_is_replaced(pair):
    path = pair.opened()
    for page in (path, f"{path}/state-position", "/consultations", "/consultations/new"):
        text = pair.kor.get(page).text
        if 'id="live"' in text:
            assert "<form" not in text.split('id="live"')[1]


def test_a_national_consultation_and_its_paper_are_on_no_page_of_the_ally(pair):
    rooms = {room["title"]: room["id"] for room in pair.stage.ask("KOR", "rooms")}
    national = rooms["KOR national"]
    fields = pair.kor.read("/consultations/new").fields | {"subject": "Ours alone", "room": national}
    path = pair.kor.press("/consultations", fields, files=[("own.txt", b"for nobody else")]).headers["location"]
    (link,) = [link for link in pair.kor.read(path).links if link.startswith("/papers/")][:1]
    assert pair.kor.get(link).content == b"for nobody else"
    assert "Ours alone" in pair.kor.read("/consultations").text
    for page in ("/consultations", "/consultations?show_all=true", "/consultations/new"):
        text = pair.usa.get(page).text
        assert "Ours alone" not in text
        assert "KOR national" not in text
    for page in (path, f"{path}/acknowledge", link):
        assert pair.usa.get(page).status_code == 404


@pytest.mark.parametrize("page", ["00", "zz", "00" * 32, "00/end", "zz/acknowledge"])
def test_an_id_that_is_not_here_is_not_found(pair, page):
    assert pair.kor.get(f"/consultations/{page}").status_code == 404


def test_an_entry_that_is_no_opening_is_no_consultation(pair):
    path = pair.opened()
    pair.kor.done(f"{path}/state-position", text="x")
    entry = pair.view("KOR", path)["timeline"][-1]["id"]
    assert pair.kor.get(f"/consultations/{entry}").status_code == 404


@pytest.mark.parametrize("page", ["/consultations", "/consultations/new", "/papers/00/00"])
def test_nothing_is_shown_to_whoever_is_not_signed_in(pair, page):
    browser = Browser(address_of(pair.stage, "KOR"))
    assert browser.get(page).status_code == 401
    browser.close()


def test_what_an_ally_wrote_is_text_and_turns_no_line_round(pair):
    path = pair.opened("<script>alert(1)</script> \u202eevil")
    text = pair.usa.get(path).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; \N{REPLACEMENT CHARACTER}evil" in text
    assert "\u202e" not in text


def test_a_page_of_the_list_leads_to_the_next_and_the_filter_leaves_out_what_has_ended(alone, desk):
    for number in range(52):
        alone.submit("KOR", rules.Open(subject=f"Listed {number:02}"))
    last = alone.submit("KOR", rules.Open(subject="Ended at once")).digest
    alone.submit("KOR", rules.End(consultation=last, reason="No need"))
    page = desk.read("/consultations")
    assert "Ended at once" not in page.text
    assert page.text.index("Listed 51") < page.text.index("Listed 02")
    assert "Listed 01" not in page.text
    (more,) = [link for link in page.links if "before=" in link]
    page = desk.read(more)
    assert "Listed 01" in page.text
    assert "Listed 02" not in page.text
    assert "Ended at once" in desk.read("/consultations?show_all=true").text


def test_an_address_that_is_no_page_leads_an_officer_back_to_every_page_and_a_stranger_to_none(pair):
    stranger = Browser(address_of(pair.stage, "USA"))
    found = [browser.get("/nowhere") for browser in (pair.usa, stranger)]
    stranger.close()
    assert [(one.status_code, 'href="/consultations"' in one.text) for one in found] == [(404, True), (404, False)]
