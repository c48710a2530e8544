"""A site of a few pages on 127.0.0.1, under a policy as strict as a node's, to test what tests pages with."""

from __future__ import annotations

import mimetypes
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import katchi

VENDOR: Final = Path(katchi.__file__).with_name("web") / "static" / "vendor"
STRICT: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

Answer = str | Callable[[BaseHTTPRequestHandler], None]


def document(body: str, *, head: str = "", lang: str = "en") -> str:
    """Return a page in which axe finds nothing, if `body` holds nothing for it to find."""
    head = f'<title>A page</title><link rel="icon" href="data:,">{head}'  # else the browser asks for /favicon.ico
    return f'<!doctype html><html lang="{lang}"><head>{head}</head><body><main>{body}</main></body></html>'


@contextmanager
def little_site(pages: Mapping[str, Answer], *, policy: str = STRICT) -> Iterator[int]:
    """Serve `pages` by path, and the vendored files below /vendor/; give the port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer = pages.get(self.path)
            if callable(answer):
                answer(self)
            elif answer is not None:
                self._send(200, answer.encode(), mimetypes.guess_type(self.path)[0] or "text/html; charset=utf-8")
            elif self.path.startswith("/vendor/"):
                file = VENDOR / self.path.removeprefix("/vendor/")
                self._send(200, file.read_bytes(), mimetypes.guess_type(file.name)[0] or "application/octet-stream")
            else:
                self._send(404, b"", "text/plain")

        def _send(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            """Say nothing: a test's output is its own."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()
