"""What we took from others works under our policy: htmx, its event streams, both fonts; nothing needs eval or inline style."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from little_site import VENDOR, Answer, document, little_site
from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
HTMX = (
    """<meta name="htmx-config" content='{"extensions": "sse", "sse": {"pauseOnBackground": false}}'>"""
    '<script src="/vendor/htmx.min.js"></script><script src="/vendor/hx-sse.min.js"></script>'
)  # never `defer`: htmx would then begin before an extension that comes late, and leave its elements alone


class News:
    """An event stream that breaks off after its first message, and is silent after its second."""

    def __init__(self) -> None:
        self.asked_after: list[str | None] = []
        self.over = threading.Event()

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        self.asked_after.append(request.headers["Last-Event-ID"])
        number = len(self.asked_after)
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(f"id: entry-{number}\ndata: <p>news {number}</p>\n\n".encode())
        request.wfile.flush()
        if number > 1:
            self.over.wait(20)


@pytest.fixture
def opened(page: Page, own_servers: set[str]) -> Iterator[Callable[..., Page]]:
    """Return a function that shows a page with `body`, on a site that has `others` too."""
    with ExitStack() as sites:

        def opened(body: str, head: str = "", lang: str = "en", **others: Answer) -> Page:
            pages = {"/": document(body, head=head, lang=lang), **{f"/{path}": answer for path, answer in others.items()}}
            port = sites.enter_context(little_site(pages))
            own_servers.add(f"127.0.0.1:{port}")
            page.goto(f"http://127.0.0.1:{port}/")
            return page

        yield opened


def test_a_button_swaps_what_the_server_answers(opened):
    page = opened(
        '<h1>Swap</h1><button hx-get="/answer" hx-target="#here">Ask</button><p id="here"></p>', HTMX, answer="<b>told</b>"
    )
    page.get_by_role("button").click()
    page.locator("#here b").wait_for()


def test_a_handler_written_in_the_page_never_runs(opened, witness):
    witness.expect("unsafe-eval")
    page = opened('<h1>Eval</h1><button hx-on:click="document.title = 1">Try</button>', HTMX)
    with page.expect_console_message(lambda message: "EvalError" in message.text):
        page.get_by_role("button").click()
    assert page.title() == "A page"


def test_a_stream_that_broke_off_goes_on_after_the_last_event_that_was_seen(opened, witness):
    news = News()
    page = opened('<h1>News</h1><div id="news" hx-sse:connect="/news" hx-swap="beforeend"></div>', HTMX, news=news)
    page.get_by_text("news 2").wait_for()
    news.over.set()
    assert page.locator("#news p").all_inner_texts() == ["news 1", "news 2"]
    assert news.asked_after == [None, "entry-1"]


def test_an_extension_that_comes_late_is_not_missed(opened):
    def late(request: BaseHTTPRequestHandler) -> None:
        time.sleep(0.3)
        request.send_response(200)
        request.send_header("Content-Type", "text/javascript")
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write((VENDOR / "hx-sse.min.js").read_bytes())

    head, news = HTMX.replace("/vendor/hx-sse.min.js", "/late.js"), News()
    page = opened('<h1>News</h1><div hx-sse:connect="/news"></div>', head, news=news, **{"late.js": late})
    page.get_by_text("news 1").wait_for()
    news.over.set()


@pytest.mark.parametrize(
    ("lang", "words", "family"),
    [("en", "The Łódź words stand", "Public Sans"), ("ko", "대한민국이 문안에 서명하였다 똠방각하 펲시", "Noto Sans KR")],
)
def test_words_are_drawn_in_our_own_fonts(opened, lang, words, family):
    style = '<link rel="stylesheet" href="/vendor/fonts.css"><link rel="stylesheet" href="/page.css">'
    css = 'body { font-family: "Public Sans Variable", "Noto Sans KR Variable" }'
    page = opened(f"<h1>{words}</h1>", style, lang, **{"page.css": css})
    page.evaluate("() => document.fonts.ready.then(() => null)")
    devtools = page.context.new_cdp_session(page)
    devtools.send("DOM.enable")
    devtools.send("CSS.enable")
    root = devtools.send("DOM.getDocument")["root"]["nodeId"]
    heading = devtools.send("DOM.querySelector", {"nodeId": root, "selector": "h1"})["nodeId"]
    fonts = devtools.send("CSS.getPlatformFontsForNode", {"nodeId": heading})["fonts"]
    assert all(font["isCustomFont"] for font in fonts)
    assert any(font["familyName"].startswith(family) for font in fonts)


def test_licences_lie_beside_what_they_license():
    assert {path.name for path in VENDOR.glob("LICENSE-*")} == {
        "LICENSE-htmx.org.txt",
        "LICENSE-noto-sans-kr.txt",
        "LICENSE-public-sans.txt",
    }


def test_the_style_of_the_fonts_names_files_that_lie_beside_it_and_no_others():
    named = re.findall(r"url\(([^)]*)\)", (VENDOR / "fonts.css").read_text(encoding="utf-8"))
    assert sorted(named) == sorted(f"fonts/{path.name}" for path in VENDOR.glob("fonts/*"))


def test_the_lock_names_exact_versions_and_hashes_and_no_registry():
    given = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    locked = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    for name, version in {**given["dependencies"], **given["devDependencies"]}.items():
        package = locked[f"node_modules/{name}"]
        assert package["version"] == version
        assert package["integrity"].startswith("sha512-")
        assert "resolved" not in package
