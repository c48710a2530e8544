"""A small scenario, and a browser that asks for its runs."""

from __future__ import annotations

import re
import time

import httpx
from browsing import Browser

SMALL = """\
title = { en = "A short exchange", ko = "짧은 교환" }
deadline = "1 h"

[stages.write]
takes = { exponential = "20 min" }
source = "guess"

[stages.answer]
takes = { exponential = "15 min" }
after = ["write"]
source = "published: a table"

[questions.answered]
title = { en = "it is answered", ko = "회신함" }
stage = "answer"
"""
UNFIT = 'deadline = "1 h"\n\n[stages.write]\ntakes = "5 minutes"\n'
RUNS_S_MAX = 180.0  # on a busy machine; alone it is ten seconds


def send(browser: Browser, path: str, **fields: str) -> httpx.Response:
    """Press a button of a page of this session."""
    return browser.client.post(path, data={"csrf": token(browser), **fields})


def add(browser: Browser, name: str, source: str | bytes = SMALL, *, as_file: str = "") -> httpx.Response:
    """Add a scenario: pasted, or as a file of that name."""
    text = source if isinstance(source, bytes) else source.encode()
    parts = [("csrf", (None, token(browser).encode())), ("name", (None, name.encode()))]
    parts.append(("file", (as_file, text)) if as_file else ("source", (None, text)))
    return browser.client.post("/scenarios", files=parts)


def token(browser: Browser) -> str:
    found = re.search(r'data-form-token="([0-9a-f]+)"', browser.get("/keys").text)
    assert found
    return found[1]


def ran(browser: Browser, name: str, *, runs: int = 1000, seed: int = 1) -> str:
    """Run a scenario; return the path of its answer, once it is there."""
    answer = send(browser, f"/scenarios/{name}/runs", runs=str(runs), seed=str(seed))
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"]
    wait(browser, path, 'id="answer"')
    return path


def wait(browser: Browser, path: str, shown: str) -> str:
    """Return a page, once it shows something."""
    deadline = time.monotonic() + RUNS_S_MAX
    while shown not in (page := browser.get(path).text):
        assert time.monotonic() < deadline, page
        time.sleep(0.2)
    return page
