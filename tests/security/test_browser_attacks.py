"""Attacks through a browser: other sites, stolen links, names of hosts, and words that try to be a page."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator

import httpx
import pytest

from katchi.consult import rules
from katchi.demo.stage import Stage
from katchi.node.commands import FoundRoom
from katchi.vocabulary import Precedence

BAD_WORDS = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'>{{ 7*7 }}"


@pytest.fixture(scope="module")
def stage(tmp_path_factory) -> Iterator[Stage]:
    """Two paired nodes with a room, in which USA has opened a consultation with hostile words."""
    with Stage(tmp_path_factory.mktemp("browser-attacks"), ["KOR", "USA"]) as stage:
        stage.make()
        stage.start()
        room = stage.submit("USA", FoundRoom(title=f"Room {BAD_WORDS}", allies=("KOR",))).room
        stage.wait("the room is in force", lambda: is_in_force(stage))
        stage.submit("USA", rules.Open(subject=BAD_WORDS, room=room, citing=BAD_WORDS, precedence=Precedence.FLASH))
        stage.wait("KOR has it", lambda: stage.ask("KOR", "consultations"))
        yield stage


def is_in_force(stage: Stage) -> bool:
    shared = [one for ally in stage.allies for one in stage.ask(ally, "rooms") if not one["national"]]
    return len(shared) == 2 and not any(one["missing"] for one in shared)


class Browser:
    """One browser at one node: its cookies, and what it is told."""

    def __init__(self, stage: Stage, ally: str = "KOR") -> None:
        self.host = stage.pages[ally].removeprefix("http://")
        port = self.host.rsplit(":", 1)[1]
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Host": self.host}, trust_env=False)
        self.link = stage.sign_in_link(ally)

    def signed_in(self) -> Browser:
        answer = self.client.get("/sign-in/" + self.link.rsplit("/", 1)[1])
        assert answer.status_code == 303
        name, value = answer.headers["set-cookie"].split(";")[0].split("=", 1)
        self.client.headers["Cookie"] = f"{name}={value}"
        return self

    def form_token(self) -> str:
        found = re.search(r'data-form-token="([0-9a-f]+)"', self.client.get("/").text)
        assert found
        return found[1]


@pytest.fixture
def browse(stage: Stage) -> Iterator[Callable[..., Browser]]:
    """Return a function that makes a browser at a node; all are closed at the end."""
    made: list[Browser] = []

    def browse(ally: str = "KOR") -> Browser:
        made.append(Browser(stage, ally))
        return made[-1]

    yield browse
    for browser in made:
        browser.client.close()


def consultations(stage: Stage) -> int:
    return len(stage.ask("KOR", "consultations"))


def test_a_stranger_without_a_session_is_shown_nothing(browse):
    browser = browse()
    for path in ("/", "/consultations", "/rooms", "/link", "/export", "/events", "/api/rooms", "/api/duty", "/no-such-page"):
        answer = browser.client.get(path)
        assert answer.status_code in (401, 404) and "Room" not in answer.text, path


def test_a_sign_in_link_signs_in_once(browse):
    browser = browse().signed_in()
    again = browse()
    again.link = browser.link
    answer = again.client.get("/sign-in/" + browser.link.rsplit("/", 1)[1])
    assert answer.status_code == 401 and "set-cookie" not in answer.headers


def test_a_guessed_link_or_session_is_not_taken(browse):
    browser = browse()
    assert browser.client.get("/sign-in/" + "A" * 43).status_code == 401
    browser.signed_in()
    name = browser.client.headers["Cookie"].split("=")[0]
    browser.client.headers["Cookie"] = f"{name}={'A' * 43}"
    assert browser.client.get("/").status_code == 401


def test_a_session_of_one_node_is_none_at_the_other(browse):
    at_home, abroad = browse().signed_in(), browse("USA")
    abroad.client.headers["Cookie"] = at_home.client.headers["Cookie"]
    assert abroad.client.get("/").status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "kor.localhost.evil.example", "localhost", ""])
def test_a_name_that_another_site_points_at_this_node_is_not_answered(browse, host):
    """DNS rebinding: the browser believes that it speaks to the attacker's host."""
    browser = browse().signed_in()
    answer = browser.client.get("/", headers={"Host": host})
    assert answer.status_code in (400, 421) and "Room" not in answer.text


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}])
def test_a_form_sent_by_another_site_writes_nothing(stage, browse, headers):
    browser, before = browse().signed_in(), consultations(stage)
    fields = {"csrf": browser.form_token(), "subject": "forged"}
    assert browser.client.post("/consultations", data=fields, headers=headers).status_code == 403
    assert consultations(stage) == before


@pytest.mark.parametrize("token", [None, "", "0" * 64])
def test_a_form_without_this_sessions_token_writes_nothing(stage, browse, token):
    browser, before = browse().signed_in(), consultations(stage)
    fields = {"subject": "forged"} | ({"csrf": token} if token is not None else {})
    assert browser.client.post("/consultations", data=fields).status_code == 403
    assert consultations(stage) == before


def test_a_form_token_of_another_session_is_refused(browse):
    one, other = browse().signed_in(), browse().signed_in()
    answer = one.client.post("/consultations", data={"csrf": other.form_token(), "subject": "forged"})
    assert answer.status_code == 403


def test_signing_out_ends_the_session_for_whoever_copied_its_cookie(browse):
    browser = browse().signed_in()
    assert browser.client.post("/sign-out", data={"csrf": browser.form_token()}).status_code == 303
    assert browser.client.get("/").status_code == 401


def test_signing_out_ends_the_stream_of_whoever_copied_the_cookie(browse):
    browser = browse().signed_in()
    token = browser.form_token()
    with httpx.Client(base_url=browser.client.base_url, cookies=browser.client.cookies, timeout=5) as thief:  # noqa: SIM117
        with thief.stream("GET", "/events") as stream:
            lines = stream.iter_lines()
            assert any(line.startswith("data:") for line in lines)
            assert browser.client.post("/sign-out", data={"csrf": token}).status_code == 303
            assert not any(line.startswith("data:") for line in lines), "the stream ends, and says nothing more"


def test_an_allys_words_never_become_part_of_a_page(stage, browse):
    browser = browse().signed_in()
    opening = stage.ask("KOR", "consultations")[0]["id"]
    room = next(one["id"] for one in stage.ask("KOR", "rooms") if not one["national"])
    for path in (
        "/",
        "/consultations",
        f"/consultations/{opening}",
        "/rooms",
        f"/rooms/{room}",
        f"/rooms/{room}/as-of",
        "/export",
    ):
        page = browser.client.get(path)
        assert page.status_code == 200, path
        assert "alert(1)" in html.unescape(page.text), path  # it is there, as words
        assert "<script>alert" not in page.text and "<img" not in page.text, path


def test_every_answer_forbids_frames_other_hosts_and_inline_script(browse):
    browser = browse().signed_in()
    for path in ("/", "/health", "/static/katchi.js", "/no-such-page", "/schema/openapi.json"):
        answer = browser.client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy, path
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_nonce_is_never_used_twice(browse):
    browser = browse().signed_in()
    assert (
        browser.client.get("/").headers["content-security-policy"] != browser.client.get("/").headers["content-security-policy"]
    )


@pytest.mark.parametrize("to", ["//evil.example", "http://evil.example/", "/\\evil.example", "javascript:alert(1)", "/a\r\nX: y"])
def test_the_language_switch_leads_to_no_other_site(browse, to):
    answer = browse().client.get("/language/ko", params={"to": to})
    assert answer.status_code == 303 and answer.headers["location"] == "/"


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(browse):
    browser = browse()
    cookie = browser.client.get("/sign-in/" + browser.link.rsplit("/", 1)[1]).headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and "domain" not in cookie


def test_no_token_is_kept_where_a_reader_of_the_file_could_use_it(stage, browse):
    browser = browse().signed_in()
    secret = browser.client.headers["Cookie"].split("=", 1)[1].encode()
    for file in stage.nodes["KOR"].glob("web.sqlite*"):
        assert secret not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0, file.name


def test_a_request_that_is_too_large_is_refused_and_the_node_goes_on(browse):
    browser = browse().signed_in()
    answer = browser.client.post("/rooms", data={"csrf": browser.form_token(), "title": "x" * 400_000})
    assert answer.status_code == 413
    assert browser.client.get("/health").json()["status"] == "well"
