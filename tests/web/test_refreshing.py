"""Many screens on one node: asking tells nobody anything, what changed is shown at once, and no answer is held back."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from browsing import Browser

from katchi.consult.rules import Open
from katchi.demo.stage import Stage
from katchi.web.shared import KEPT_US, Shared


@contextmanager
def listening(browser: Browser) -> Iterator[Iterator[str]]:
    """The events that a browser hears; ReadTimeout if none comes for a second."""
    with browser.client.stream("GET", "/events", timeout=1.0) as stream:
        yield (line for line in stream.iter_lines() if line.startswith("data:"))


def is_quiet(browser: Browser) -> bool:
    """Whether a second passes without an event: what earlier tests wrote is covered and noted by then."""
    with listening(browser) as events:
        next(events)  # how things are
        try:
            next(events)
        except httpx.ReadTimeout:
            return True
    return False


def test_a_page_that_asks_causes_no_event_and_a_write_does(alone: Stage, desk: Browser, sign_in):
    other = sign_in(alone)
    assert any(is_quiet(desk) for _ in range(5))
    with listening(desk) as events:
        next(events)
        for path in ("/", "/rooms", "/consultations"):
            other.read(path)
        with pytest.raises(httpx.ReadTimeout):
            next(events)
    with listening(desk) as events:
        next(events)
        alone.submit("KOR", Open(subject="Told at once"))
        assert next(events)


def test_what_is_written_stands_on_every_duty_screen_at_once(alone: Stage, desk: Browser, sign_in):
    other = sign_in(alone)
    for number in range(3):
        before = desk.read("/").text, other.read("/").text
        alone.submit("KOR", Open(subject=f"Now on all screens {number}"))
        after = desk.read("/").text, other.read("/").text
        assert [f"screens {number}" in text for text in before + after] == [False, False, True, True]


def test_a_draft_stands_on_its_own_officers_screen_alone(alone: Stage, desk: Browser, sign_in):
    other = sign_in(alone)
    desk.send("/consultations/new", to="/drafts", subject="Not sent yet", keep="yes")
    assert "Your drafts" in desk.read("/").text
    assert "Your drafts" not in other.read("/").text


def test_small_answers_are_not_held_back_by_the_kernel(desk: Browser):
    spans = []
    for _ in range(15):
        began = time.perf_counter()
        desk.get("/health")
        spans.append(time.perf_counter() - began)
    assert statistics.median(spans) < 0.035  # an answer in two parts, the second delayed, takes 40 ms


def test_what_is_shared_is_worked_out_once_until_it_is_forgotten_or_old():
    now, made = [1_000_000], []
    shared = Shared(lambda: now[0])

    def work_out() -> int:
        made.append(now[0])
        return len(made)

    assert [shared.of("duty", work_out) for _ in range(3)] == [1, 1, 1]
    shared.forget()
    assert shared.of("duty", work_out) == 2
    now[0] += KEPT_US + 1
    assert shared.of("duty", work_out) == 3
    now[0] -= 2 * KEPT_US  # the clock was put back
    assert shared.of("duty", work_out) == 4
