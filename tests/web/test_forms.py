"""What is refused comes back whole; what is written is kept; what is sent twice is written once."""

from __future__ import annotations

import pytest
from browsing import Browser, Reading, address_of, errors_of


def consultations(stage) -> list[str]:
    return [one["subject"] for one in stage.ask("KOR", "consultations")]


NEW = "/consultations/new"
LEFT_OUT = {"due": "2099-03-08 02:30", "due_zone": "America/New_York"}  # an hour that the clocks pass over that night
TYPED = {
    "subject": "An invented event",
    "form": "towards-consensus",
    "citing": "<b>make</b> every effort",
    "due": "tomorrow",
    "due_zone": "America/New_York",
    "precedence": "flash",
    "marking": "OFFICIAL",
}


def test_an_error_leads_to_its_field_and_everything_typed_is_still_there(desk, alone):
    before = consultations(alone)
    answer = desk.send(NEW, to="/consultations", **TYPED)
    assert answer.status_code == 400
    assert errors_of(answer) == [("due", "'tomorrow' is not a time with its zone")]
    page = Reading(answer.text)
    assert {name: page.fields[name] for name in TYPED} == TYPED
    assert 'id="due-error"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "<b>make</b>" not in answer.text
    assert answer.text.count("<title>Error:") == 1
    assert consultations(alone) == before


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"subject": "  "}, "subject", "A consultation needs a subject"),
        ({"subject": "x" * 2001}, "subject", "The subject has 2001 letters where 2000 fit"),
        ({"due": "-1h"}, "due", "The consultation would be due before it is opened"),
        (
            {"due": "2099-03-08 02:30", "due_zone": "America/New_York"},
            "due",
            "'2099-03-08 02:30' is not a time with its zone",
        ),
        ({"marking": "비밀"}, "marking", "A marking is at most 128 printable ASCII characters"),
        ({"form": "order"}, "form", "That is not one of the choices"),
        ({"precedence": "now"}, "precedence", "That is not one of the choices"),
        ({"room": "00" * 32}, "room", "No room here goes by that id"),
    ],
)
def test_each_field_at_fault_is_named_in_the_words_of_the_command_line(desk, alone, typed, field, said):
    before = consultations(alone)
    assert errors_of(desk.send(NEW, to="/consultations", **({"subject": "x"} | typed))) == [(field, said)]
    assert consultations(alone) == before


def test_a_refused_form_is_kept_as_a_draft_and_a_sent_one_is_not(desk):
    desk.send(NEW, to="/consultations", subject="Kept", due="soon")
    page = desk.read(NEW)
    assert (page.fields["subject"], page.fields["due"]) == ("Kept", "soon")
    assert "This is your draft" in page.text
    desk.done(NEW, to="/consultations", due="")
    page = desk.read(NEW)
    assert (page.fields["subject"], page.fields["due"]) == ("", "")


def test_without_scripts_a_button_keeps_a_draft_and_another_discards_it(desk):
    fields = desk.read(NEW).fields | {"subject": "For later"}
    kept = desk.client.post("/drafts", data=fields | {"keep": "yes"})
    assert (kept.status_code, kept.headers["location"]) == (303, NEW)
    assert desk.read(NEW).fields["subject"] == "For later"
    gone = desk.client.post("/drafts", data=fields | {"discard": "yes"})
    assert (gone.status_code, gone.headers["location"]) == (303, NEW)
    assert desk.read(NEW).fields["subject"] == ""


def test_a_draft_is_its_writers_alone(alone, sign_in):
    writer = sign_in(alone, name="Kim")
    writer.client.post("/drafts", data=writer.read(NEW).fields | {"subject": "Mine", "keep": "yes"})
    assert sign_in(alone, name="Lee").read(NEW).fields["subject"] == ""
    assert sign_in(alone, name="Kim").read(NEW).fields["subject"] == "Mine"


def test_what_was_written_survives_a_lost_session_and_a_restart_of_the_node(alone, sign_in):
    browser = sign_in(alone, name="Park")
    fields = browser.read(NEW).fields | {"subject": "Before the session was lost"}
    browser.client.cookies.clear()
    lost = browser.press("/consultations", fields)
    assert lost.status_code == 401
    assert "kept as a draft" in lost.text
    alone.stop_nodes()
    alone.start_nodes()
    again = sign_in(alone, name="Park")
    assert again.read(NEW).fields["subject"] == "Before the session was lost"
    again.done(NEW, to="/consultations")
    assert "Before the session was lost" in consultations(alone)


def test_a_form_of_an_earlier_session_is_refused_and_what_was_written_is_kept_as_it_says(alone, sign_in):
    browser = sign_in(alone, name="Choi")
    fields = browser.read(NEW).fields | {"subject": "From the old page"}
    again = sign_in(alone, name="Choi")
    refused = again.press("/consultations", fields)
    assert refused.status_code == 403
    assert "kept as a draft" in refused.text
    assert again.read(NEW).fields["subject"] == "From the old page"


def test_pressing_twice_writes_once_and_says_so_also_after_a_restart(desk, alone):
    fields = desk.read(NEW).fields | {"subject": "Pressed twice", "due": ""}
    first = desk.press("/consultations", fields)
    for _ in range(2):
        second = desk.press("/consultations", fields)
        assert second.status_code == 409
        assert "Sent before" in second.text
        assert first.headers["location"] in Reading(second.text).links
        alone.stop_nodes()
        alone.start_nodes()
    assert consultations(alone).count("Pressed twice") == 1


def test_an_old_form_with_other_words_is_not_sent_again_and_its_words_stay(desk, alone):
    fields = desk.read(NEW).fields | {"subject": "First words"}
    desk.press("/consultations", fields)
    answer = desk.press("/consultations", fields | {"subject": "Second words"})
    assert errors_of(answer) == [("", "This form was sent before, and written once")]
    page = Reading(answer.text)
    assert page.fields["subject"] == "Second words"
    assert desk.press("/consultations", page.fields).status_code == 303, "as a new form it can be sent"
    assert consultations(alone).count("Second words") == 1


def test_a_draft_that_arrives_after_its_form_was_sent_is_not_kept(desk):
    fields = desk.read(NEW).fields | {"subject": "Sent already"}
    assert desk.press("/consultations", fields).status_code == 303
    late = desk.client.post("/drafts", data=fields)
    assert late.headers["x-draft"] == "empty"
    assert desk.read(NEW).fields["subject"] == ""


def test_a_form_without_its_number_is_refused(desk, alone):
    before = consultations(alone)
    fields = desk.read(NEW).fields | {"subject": "x", "number": ""}
    assert desk.press("/consultations", fields).status_code == 400
    assert consultations(alone) == before


def test_a_form_without_its_token_or_with_anothers_is_refused(desk, alone, sign_in):
    before = consultations(alone)
    fields = desk.read(NEW).fields | {"subject": "Forged"}
    others = sign_in(alone).read(NEW).fields["csrf"]
    for token in ("", others, "é"):
        assert desk.press("/consultations", fields | {"csrf": token}).status_code == 403
    assert consultations(alone) == before


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"}],
)
def test_what_another_site_sends_is_refused(desk, alone, headers):
    before = consultations(alone)
    fields = desk.read(NEW).fields | {"subject": "From elsewhere"}
    assert desk.client.post("/consultations", data=fields, headers=headers).status_code == 403
    assert consultations(alone) == before
    assert desk.read(NEW).fields["subject"] == "", "not even as a draft"


def test_another_host_name_is_refused(alone):
    browser = Browser(address_of(alone, "KOR"))
    for host in ("evil.example", "localhost", "kor.localhost:1", "usa.localhost"):
        assert browser.client.get("/consultations", headers={"Host": host}).status_code == 421
    browser.close()
