"""Notes what no page of ours may do: ask another host for anything, log an error, or break off in one."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, Request, WebError, WebSocket
from playwright.sync_api import ConsoleMessage as Console

STAYS_INSIDE: Final = {"about", "blob", "data"}  # schemes that ask nobody


class Witness:
    """What the pages of one test did wrong, in the order seen."""

    def __init__(self, own_servers: set[str]) -> None:
        self._own_servers = own_servers  # host:port, grows as the test starts servers
        self._expected: list[re.Pattern[str]] = []
        self._faults: list[str] = []

    @property
    def faults(self) -> list[str]:
        return [fault for fault in self._faults if not any(pattern.search(fault) for pattern in self._expected)]

    def expect(self, pattern: str) -> None:
        """Let faults that hold `pattern` pass, such as the line that Chromium logs for a refusal: "status of 409"."""
        self._expected.append(re.compile(pattern))

    def watch(self, context: BrowserContext) -> None:
        context.on("request", lambda request: self._asked(request, request.url))
        context.on("console", self._logged)
        context.on("weberror", self._broke)
        context.on("page", lambda page: page.on("websocket", lambda socket: self._asked(page, socket.url)))

    def _asked(self, source: Request | Page | WebSocket, url: str) -> None:
        asked = urlsplit(url)
        if asked.scheme not in STAYS_INSIDE and asked.netloc not in self._own_servers:
            self._faults.append(f"asked another host: {url}")

    def _logged(self, message: Console) -> None:
        if message.type == "error":
            self._faults.append(f"logged an error: {message.text} ({message.location['url']})")

    def _broke(self, error: WebError) -> None:
        self._faults.append(f"broke off: {error.error}")
