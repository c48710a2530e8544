"""Serves the demo's page on loopback: what was played so far, and each scene as it comes."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Mapping
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import msgspec

from katchi.demo.scene import Scene
from katchi.demo.show.page import scene_part, show_page
from katchi.language import Language

HEARTBEAT_S = 10.0
POLICY = (
    "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Show:
    """The page of one run; a thread of its own answers browsers."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._scenes: list[Scene] = []
        self._links: Mapping[str, str] | None = None
        self._grown = threading.Condition()
        self._is_over = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://localhost:{self._server.server_address[1]}/"

    def add(self, scene: Scene) -> None:
        """Show one more scene."""
        with self._grown:
            self._scenes.append(scene)
            self._grown.notify_all()

    def hand_over(self, links: Mapping[str, str]) -> None:
        """The story has ended: it is the visitors' turn, each ally by its link."""
        with self._grown:
            self._links = links
            self._grown.notify_all()

    def close(self) -> None:
        """Stop answering."""
        with self._grown:
            self._is_over = True
            self._grown.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def page(self, nonce: str) -> str:
        """Return the page as it stands."""
        with self._grown:
            scenes, links = list(self._scenes), self._links
        return show_page(scenes, self.language, nonce=nonce, links=links, is_live=links is None)

    def events(self, start: int) -> Iterator[bytes]:
        """Yield scenes from the `start`th on, as they come, and then whose turn it is."""
        sent = start
        while not self._is_over:
            with self._grown:
                if len(self._scenes) <= sent and self._links is None:
                    self._grown.wait(HEARTBEAT_S)
                new, links = self._scenes[sent:], self._links
            for scene in new:
                yield _event("scene", scene_part(scene))
            sent += len(new)
            if links is not None:
                yield _event("turn", "".join(_link(ally, link) for ally, link in links.items()))
                return
            if not new:
                yield b": still here\n\n"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        show = self

        class Handler(BaseHTTPRequestHandler):
            """One browser's request."""

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                hosts = {f"{name}:{show._server.server_address[1]}" for name in ("localhost", "127.0.0.1")}
                if self.headers.get("Host", "").lower() not in hosts:
                    self.send_error(421)
                elif parts.path == "/":
                    nonce = secrets.token_urlsafe(16)
                    self._answer(show.page(nonce).encode(), POLICY.format(nonce=nonce))
                elif parts.path == "/events":
                    self._stream(parse_qs(parts.query))
                else:
                    self.send_error(404)

            def _answer(self, body: bytes, policy: str) -> None:
                self.send_response(200)
                for name, value in (
                    ("Content-Type", "text/html; charset=utf-8"),
                    ("Content-Length", str(len(body))),
                    ("Content-Security-Policy", policy),
                    ("X-Content-Type-Options", "nosniff"),
                    ("Referrer-Policy", "no-referrer"),  # the links it leads to are secrets
                    ("Cache-Control", "no-store"),
                ):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def _stream(self, query: dict[str, list[str]]) -> None:
                text = query.get("from", ["0"])[0]
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                try:
                    for event in show.events(int(text) if text.isdigit() and len(text) < 6 else 0):
                        self.wfile.write(event)
                        self.wfile.flush()
                except OSError:  # the browser has gone
                    return

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: the console tells the story."""

        return Handler


def _event(name: str, text: str) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(text))


def _link(ally: str, link: str) -> str:
    place = link.split("/sign-in/")[0]
    return f'<li><a href="{escape(link)}" target="_blank" rel="noopener">{escape(ally)} · {escape(place)}</a></li>'
