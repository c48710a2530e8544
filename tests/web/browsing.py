"""A browser without scripts, as small as the tests need it: it keeps cookies, reads pages, fills in forms."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

import httpx

from katchi.demo.stage import Stage


class Reading(HTMLParser):
    """What one page shows, and the fields of its form."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.words: list[str] = []
        self._in_form, self._textarea, self._select, self._silent = False, "", "", 0
        self.feed(html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.ids.add(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in ("style", "script", "noscript"):
            self._silent += 1
        if tag == "form":
            self._in_form = "data-draft" in given
        if not self._in_form or (tag != "option" and "name" not in given):
            return
        kind = given.get("type", "text")
        if tag == "input" and kind not in ("file", "checkbox", "radio"):
            self.fields[given["name"]] = given.get("value", "")
        elif tag == "input" and kind in ("checkbox", "radio") and "checked" in given:
            self.fields[given["name"]] = given["value"]
        elif tag == "textarea":
            self._textarea = given["name"]
            self.fields[self._textarea] = ""
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option" and self._select and ("selected" in given or self._select not in self.fields):
            self.fields[self._select] = given["value"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._in_form = False
        elif tag == "textarea" and self._textarea:
            self.fields[self._textarea] = self.fields[self._textarea].removeprefix("\n")
            self._textarea = ""
        elif tag == "select":
            self._select = ""
        elif tag in ("style", "script", "noscript"):
            self._silent -= 1

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.fields[self._textarea] += data
        elif not self._silent:
            self.words.append(data)


class Browser:
    """One officer's browser at one node's pages."""

    def __init__(self, address: str, link: str | None = None, *, language: str = "en") -> None:
        self.client = httpx.Client(base_url=address, timeout=60, headers={"Accept-Language": language})
        if link is not None:
            assert self.client.get(httpx.URL(link).path).status_code == 303

    def close(self) -> None:
        self.client.close()

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def read(self, path: str) -> Reading:
        """Go to a page that is there."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return Reading(answer.text)

    def send(self, path: str, *, to: str = "", files: Any = None, **typed: str) -> httpx.Response:
        """Open the form at `path`, type, and press its button."""
        return self.press(to or path, Reading(self.get(path).text).fields | typed, files=files)

    def press(self, path: str, fields: dict[str, str], *, files: Any = None) -> httpx.Response:
        """Send fields as a form of this kind sends them."""
        parts = [(name, (None, value.encode())) for name, value in fields.items()]
        return self.client.post(path, files=[*parts, *(("papers", file) for file in files or ())])

    def done(self, path: str, **more: Any) -> str:
        """Send a form that is taken; return where it led."""
        answer = self.send(path, **more)
        assert answer.status_code == 303, Reading(answer.text).text
        return answer.headers["location"]


def browser_at(stage: Stage, ally: str, *, name: str | None = None, language: str = "en") -> Browser:
    """Return a new browser, signed in at an ally's first post."""
    link = stage.ask(ally, "sign-in-link", post=None, name=name)["url"]
    return Browser(address_of(stage, ally), link, language=language)


def address_of(stage: Stage, ally: str) -> str:
    return "http://127.0.0.1:" + stage.pages[ally].rsplit(":", 1)[1]


def errors_of(answer: httpx.Response) -> list[tuple[str, str]]:
    """Return the error summary of a page: which field each line leads to, and what it says."""
    summary = re.search(r'<div class="error-summary".*?</div>', answer.text, re.S)
    if summary is None:
        return []
    lines = re.findall(r'<li>(?:<a href="#([^"]+)">)?([^<]+)', summary[0])
    return [(field, unescape(said)) for field, said in lines]
