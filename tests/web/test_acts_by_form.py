"""Each act of a consultation, done by its form and without scripts, ends in the record of both allies."""

from __future__ import annotations

import pytest
from browsing import Browser, Reading, errors_of

EFFORT = {"effort": "Three calls", "reason": "No answer"}
ACTS = {"acknowledge", "state-position", "propose-words", "sign-words", "record-decision", "end", "could-not-consult"}


def last_said(view: dict, ally: str) -> dict:
    """Return the newest message of an ally."""
    return [e for e in view["timeline"] if e["ally"] == ally and not e["kind"].startswith("receipt.")][-1]


def has_from(ally: str, kind: str):
    return lambda view: any(e["kind"] == kind and e["ally"] == ally and e["body"] is not None for e in view["timeline"])


def test_a_consultation_is_opened_by_its_form_and_reaches_the_ally(pair):
    typed = {"subject": "A drill", "form": "notice-of-decision", "citing": "make every effort", "room": pair.room.hex()}
    path = pair.kor.done("/consultations/new", to="/consultations", precedence="flash", due="+2h", **typed)
    view = pair.wait("USA", path, lambda view: True)
    (entry,) = [e for e in view["timeline"] if e["kind"] == "consultation.opened"]
    assert (view["subject"], view["form"], view["citing"]) == ("A drill", "notice-of-decision", "make every effort")
    assert view["precedence"] == 3
    assert view["due"] - view["opened_at"] == pytest.approx(7_200_000_000, abs=60_000_000)
    assert (entry["marking"], entry["post"], entry["body"]["by"]) == ("EXERCISE", "duty", "Kim")
    assert "A drill" in pair.usa.read("/consultations").text


def test_without_a_choice_of_room_the_form_offers_the_shared_room_and_names_who_sees_it(pair):
    page = pair.kor.read("/consultations/new")
    assert page.fields["room"] == pair.room.hex()
    assert "Consultative group KOR, USA" in page.text
    assert "no ally sees it" in page.text


@pytest.mark.parametrize(
    ("slug", "typed", "kind", "body"),
    [
        ("acknowledge", {"text": "Taken up."}, "consultation.acknowledged", {"text": "Taken up."}),
        ("state-position", {"text": "한 줄\r\n두 줄"}, "position.stated", {"text": "한 줄\n두 줄"}),
        ("could-not-consult", EFFORT, "consultation.could-not-consult", EFFORT),
    ],
)
def test_an_answer_by_form_stands_in_the_allys_record_with_officer_and_post(pair, slug, typed, kind, body):
    path = pair.opened()
    assert pair.usa.done(f"{path}/{slug}", **typed) == path
    view = pair.wait("KOR", path, has_from("USA", kind))
    entry = last_said(view, "USA")
    assert entry["body"] | body == entry["body"]
    assert (entry["post"], entry["body"]["by"], entry["precedence"], entry["marking"]) == ("duty", "Roe", 2, "EXERCISE")


def test_words_are_proposed_in_two_languages_read_and_signed_by_form_and_are_agreed(pair):
    path = pair.opened()
    pair.kor.done(f"{path}/propose-words", ko="양측은 협의하였다.", en="Both sides [consulted].")
    pair.kor.done(f"{path}/propose-words", ko="양측은 협의하였다.", en="Both sides consulted.")
    view = pair.wait("USA", path, lambda view: len(view["proposals"]) == 2 and all(p["words"] for p in view["proposals"]))
    (whole,) = [p["id"] for p in view["proposals"] if "[" not in p["words"]["en"]]
    (open_,) = [p["id"] for p in view["proposals"] if "[" in p["words"]["en"]]
    pair.usa.done(f"{path}/acknowledge")

    page = pair.usa.read(f"{path}/sign-words")
    assert page.fields["proposal"] == whole, "the only words that can be signed are chosen"
    assert "A signature is never withdrawn" in page.text
    assert "Both sides consulted." in page.text
    refused = pair.usa.send(f"{path}/sign-words", proposal=open_)
    assert errors_of(refused) == [("proposal", "These words still hold [brackets]: they are not settled")]

    for browser in (pair.kor, pair.usa):
        browser.done(f"{path}/sign-words")
    for ally, browser in (("KOR", pair.kor), ("USA", pair.usa)):
        pair.wait(ally, path, lambda view: view["status"] == "agreed")
        text = browser.read(path).text
        assert "✓ agreed" in text
        assert "✓ KOR signed" in text
        assert "✓ USA signed" in text
    assert "sign-words" not in " ".join(pair.kor.read(path).links), "what is signed is not offered again"


def test_words_agreed_here_are_shown_as_not_yet_confirmed_while_the_link_is_cut(pair):
    path = pair.opened()
    pair.kor.done(f"{path}/propose-words", en="Both sides consulted.")
    pair.kor.done(f"{path}/sign-words")
    pair.wait("USA", path, lambda view: view["proposals"] and view["proposals"][0]["words"] and view["proposals"][0]["signed_by"])
    pair.usa.done(f"{path}/acknowledge")
    pair.stage.tell_relays("cut")
    try:
        pair.usa.done(f"{path}/sign-words")
        assert "agreed here; not yet confirmed that KOR holds it" in pair.usa.read(path).text
    finally:
        pair.stage.tell_relays("heal")
    pair.wait("USA", path, lambda view: view["status"] == "agreed" and not view["proposals"][0]["unconfirmed"])
    assert "not yet confirmed" not in pair.usa.read(path).text


def test_a_decision_is_recorded_by_form_and_shown_beside_what_each_side_held(pair):
    path = pair.opened()
    pair.usa.done(f"{path}/state-position", text="We wait for a second source.")
    pair.wait("KOR", path, has_from("USA", "position.stated"))
    typed = {"question": "Whether to raise the watch", "options": "Raise it\r\n\r\nLeave it", "outcome": "It is raised."}
    more = {"reason": "Alike.", "owner": "Director", "deadline": "2099-01-31 09:00", "deadline_zone": "Asia/Seoul"}
    pair.kor.done(f"{path}/record-decision", follow_up="A review.", **typed, **more)
    (decision,) = pair.wait("USA", path, lambda view: bool(view["decisions"]))["decisions"]
    assert (decision["options"], decision["owner"]) == (["Raise it", "Leave it"], "Director")
    assert decision["deadline"] == 4_073_500_800_000_000
    page = pair.usa.read(path)
    assert "Decision recorded by KOR" in page.text
    assert "Each side, as KOR states to have seen it then" in page.text
    assert any(f"/rooms/{pair.room.hex()}/as-of?at=" in link for link in page.links)


def test_ending_by_form_ends_our_own_part_alone(pair):
    path = pair.opened()
    pair.kor.done(f"{path}/end", reason="Settled.")
    view = pair.wait("USA", path, has_from("KOR", "consultation.ended"))
    assert view["stances"] == {"KOR": "ended", "USA": "unanswered"}


def test_the_page_offers_the_acts_that_our_own_stance_leaves_open_and_no_others(pair):
    path = pair.opened()
    offered = {link.removeprefix(f"{path}/") for link in pair.usa.read(path).links} & ACTS
    assert offered == {"acknowledge", "state-position", "record-decision", "could-not-consult"}
    assert f'data-acknowledge="{path}/acknowledge"' in pair.usa.get(path).text
    assert "data-acknowledge" not in pair.kor.get(path).text


def test_an_act_that_is_not_open_says_so_before_anything_is_typed_and_keeps_what_was(pair):
    path = pair.opened()
    answer = pair.kor.get(f"{path}/acknowledge")
    assert answer.status_code == 409
    ((_, said),) = errors_of(answer)
    assert said.startswith("KOR stands at 'opened' in this consultation")
    assert "<button>" not in answer.text, "there is nothing to press"
    sent = pair.kor.send(f"{path}/acknowledge", text="by hand")
    assert (sent.status_code, Reading(sent.text).fields["text"]) == (409, "by hand")


def test_five_receipts_stand_below_a_message_and_crossed_messages_lead_to_each_other(pair):
    path = pair.opened()
    pair.usa.done(f"{path}/acknowledge")
    pair.wait("KOR", path, has_from("USA", "consultation.acknowledged"))
    pair.stage.tell_relays("cut")
    pair.kor.done(f"{path}/state-position", text="One.")
    pair.usa.done(f"{path}/state-position", text="Another.")
    pair.stage.tell_relays("heal")
    view = pair.wait("KOR", path, lambda view: view["crossed"] == 1)
    ours, theirs = last_said(view, "KOR"), last_said(view, "USA")
    page = pair.kor.read(path)
    assert f"#e-{theirs['id'][:16]}" in page.links
    assert {f"e-{ours['id'][:16]}", f"e-{theirs['id'][:16]}"} <= page.ids
    assert "crossed: " + theirs["place"] in page.text
    for step in ("sent", "received", "delivered", "read", "answered"):
        assert step in page.text


def test_every_page_of_a_consultation_speaks_korean(pair):
    path = pair.opened("지진 사건")
    pair.kor.done(f"{path}/state-position", text="우리 입장")
    korean = Browser(str(pair.kor.client.base_url), language="ko")
    korean.client.cookies = pair.kor.client.cookies
    for page in ("/consultations", "/consultations/new", path, *(f"{path}/{slug}" for slug in ACTS)):
        assert 'lang="ko"' in korean.get(page).text
    assert "입장 표명" in korean.read(path).text
    refused = korean.send(f"{path}/state-position", text=" ")
    assert "비워 둘 수 없습니다" in errors_of(refused)[0][1]
    korean.close()
