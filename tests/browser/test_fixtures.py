"""What tests pages can itself fail: each fixture of conftest.py sees the fault that it is there for."""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Callable, Iterator

import pytest
from little_site import document, little_site
from playwright.sync_api import Page
from witness import Witness

PAGES = {
    "/": document("<h1>Good</h1><p>Nothing is wrong here.</p>"),
    "/ko": document("<h1>좋다</h1>", lang="ko"),
    "/unlabelled": document("<h1>Bad</h1><form><input name='words'></form>"),
    "/elsewhere": document("<h1>Curious</h1><img src='http://elsewhere.example/seen.png' alt='seen'>"),
    "/logs": document("<h1>Logs</h1><script src='/logs.js'></script>"),
    "/logs.js": "console.error('the words do not match')",
    "/breaks": document("<h1>Breaks</h1><script src='/breaks.js'></script>"),
    "/breaks.js": "null.words",
    "/inline": document("<h1>Inline</h1><script>document.title = 'Changed'</script>"),
    "/missing": document("<h1>Missing</h1><script src='/nowhere.js'></script>"),
}


@pytest.fixture
def site(own_servers: set[str]) -> Iterator[Callable[..., str]]:
    with little_site(PAGES) as port:

        def at(path: str, host: str = "127.0.0.1") -> str:
            own_servers.add(f"{host}:{port}")
            return f"http://{host}:{port}{path}"

        yield at


def faults_of(witness: Witness) -> str:
    """Return what was seen, and let the test pass all the same."""
    seen = "\n".join(witness.faults)
    witness.expect("")
    return seen


def test_a_good_page_has_no_violation_and_no_fault(page: Page, site, axe, witness):
    page.goto(site("/"))
    assert axe(page) == []
    assert witness.faults == []


def test_a_field_without_a_label_is_a_violation_and_says_where(page: Page, site, axe):
    page.goto(site("/unlabelled"))
    found = axe(page)
    assert [(violation.rule, violation.where) for violation in found] == [("label", ("input",))]


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/logs", "logged an error: the words do not match"),
        ("/breaks", "broke off: .*null"),
        ("/inline", "logged an error: .*Content Security Policy"),
        ("/missing", "logged an error: .*404"),
    ],
)
def test_a_page_that_logs_an_error_or_breaks_off_is_caught(page: Page, site, witness, path, fault):
    page.goto(site(path))
    seen = faults_of(witness)
    assert re.search(fault, seen), seen


def test_a_request_that_the_policy_stops_is_caught(page: Page, site, witness):
    page.goto(site("/elsewhere"))
    assert "elsewhere.example" in faults_of(witness)


def test_a_request_to_another_host_is_caught_where_no_policy_stops_it(page: Page, own_servers, witness):
    with little_site(PAGES, policy="") as port:
        own_servers.add(f"127.0.0.1:{port}")
        page.goto(f"http://127.0.0.1:{port}/elsewhere")
    assert "asked another host: http://elsewhere.example/seen.png" in faults_of(witness)


def test_a_request_to_another_port_of_this_machine_is_caught(page: Page, site, witness):
    page.goto(site("/").replace("127.0.0.1", "localhost"))
    assert "asked another host: http://localhost" in faults_of(witness)


@pytest.mark.parametrize("host", ["kor.localhost", "usa.localhost"])
def test_the_browser_finds_every_localhost_on_this_machine(page: Page, site, host):
    page.goto(site("/", host))
    assert page.evaluate("() => location.hostname") == host


def test_a_fault_that_was_expected_lets_the_test_pass(page: Page, site, witness):
    witness.expect("status of 404")
    page.goto(site("/missing"))
    assert witness.faults == []


def test_screens_are_taken_in_both_sizes_and_named_by_language(page: Page, site, screens):
    page.goto(site("/ko"))
    taken = screens(page, "fixtures")
    assert [path.name for path in taken] == ["fixtures-ko-1280.png", "fixtures-ko-390.png"]
    assert tuple(struct.unpack(">II", path.read_bytes()[16:24]) for path in taken) == ((1280, 900), (390, 844))


def test_other_tests_may_run_their_own_loop_while_a_browser_is_open(browser):
    assert asyncio.run(asyncio.sleep(0, "ran")) == "ran"
