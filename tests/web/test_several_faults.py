"""A form that is wrong in several fields says so of each at once, in the words of the API and the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from browsing import Browser, Reading, browser_at, errors_of

WRONG = {"subject": "  ", "due": "soon", "marking": "비밀"}
DECISION = {"question": "", "outcome": " ", "owner": "o" * 201, "reason": "", "deadline": "yesterday-ish"}


@pytest.fixture
def officer(pair) -> Iterator[Browser]:
    """An officer of KOR with drafts of their own: what is refused stays as a draft."""
    browser = browser_at(pair.stage, "KOR", name="Han")
    yield browser
    browser.close()


def token_of(browser: Browser) -> str:
    return str(browser.client.get("/api/node").json()["session"]["csrf_token"])


def test_a_new_consultation_names_every_field_that_is_wrong_in_the_order_of_the_page(officer):
    answer = officer.send("/consultations/new", to="/consultations", **WRONG)
    assert answer.status_code == 400
    assert [field for field, _ in errors_of(answer)] == ["subject", "due", "marking"]
    page = Reading(answer.text)
    assert {f"#{field}" for field, _ in errors_of(answer)} <= set(page.links), "each line of the summary leads to its field"
    assert {"subject", "due", "marking", "subject-error", "due-error", "marking-error"} <= page.ids
    assert page.fields | WRONG == page.fields, "what was typed stands as it was typed"


def test_a_decision_names_every_field_that_is_wrong(pair, officer):
    path = pair.opened()
    answer = officer.send(f"{path}/record-decision", **DECISION)
    assert [field for field, _ in errors_of(answer)] == ["question", "outcome", "reason", "owner", "deadline"]


def test_founding_a_room_names_title_and_member_at_once(officer):
    answer = officer.press("/rooms", {"csrf": token_of(officer), "title": " "})
    assert [field for field, _ in errors_of(answer)] == ["title", "ally"]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_words_are_those_of_the_api_and_of_the_command_line(pair, language):
    path = pair.opened()
    typed = {"effort": " ", "reason": ""}
    browser = browser_at(pair.stage, "USA", language=language)
    try:
        on_page = [message for _, message in errors_of(browser.send(f"{path}/could-not-consult", **typed))]
        answer = browser.client.post(f"/api{path}/could-not-consult", json=typed, headers={"X-CSRF-Token": token_of(browser)})
    finally:
        browser.close()
    problem = answer.json()
    assert problem["field"] == "effort"
    assert [one["field"] for one in problem["others"]] == ["reason"]
    by_api = [problem["detail"], *(one["detail"] for one in problem["others"])]
    assert [text[:1].upper() + text[1:] for text in by_api] == on_page
    words = ["consultation", "could-not-consult", path.rsplit("/", 1)[1], "--node", str(pair.stage.nodes["USA"]), "--json"]
    environment = {"KATCHI_LANG": language, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(
        [sys.executable, "-m", "katchi.cli", *words, "--effort", " ", "--reason", ""],
        capture_output=True, text=True, check=False, timeout=60, env=environment,
    )  # fmt: skip
    said = json.loads(ran.stderr)
    assert ran.returncode == 2
    assert [said["message"], *(one["message"] for one in said["others"])] == by_api
