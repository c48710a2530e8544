"""Tells the world outside the screen that a message waits: a command, a webhook, a mail; never what it says.

settings.toml has the ways, none of which is needed:

    [alarm]
    command = ["/usr/local/bin/page-the-duty-officer"]  # the sentence is its last argument
    webhook = "https://pager.example/hook"              # POST, JSON
    mail = "duty@example.org"                           # through smtp = "127.0.0.1:25", from katchi@<host>

It rings for what is immediate or flash, for what has gone to the next post, and for anything that
comes while no screen is open at the post that it lies before.
"""

from __future__ import annotations

import asyncio
import smtplib
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from typing import Any

import msgspec

from katchi.errors import Malformed
from katchi.node.notices import Notice, Told
from katchi.vocabulary import Precedence

WAY_S_MAX = 20.0
APART_S = 5.0  # the same post and precedence rings the world outside no more often


class Ways(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to tell it."""

    command: tuple[str, ...] = ()
    webhook: str = ""
    mail: str = ""
    smtp: str = "127.0.0.1:25"


class Call(msgspec.Struct, frozen=True):
    """What is told: that something waits, for whom, and how urgent it is."""

    ally: str
    mode: str
    post: str
    precedence: str

    @property
    def sentence(self) -> str:
        """The call in words, short enough for a pager."""
        return f"[{self.mode.upper()}] {self.ally}: a {self.precedence} message waits for post {self.post}"


def ways_of(settings: Mapping[str, Any]) -> Ways:
    """Return the ways that settings.toml names.

    Raises:
        Malformed: one is not as it must be.
    """
    try:
        ways = msgspec.convert(settings.get("alarm", {}), Ways)
    except msgspec.ValidationError as error:
        raise Malformed(
            "[alarm] in settings.toml is not as it must be: {error}",
            hint="It may have command (a list of words), webhook (an address), mail and smtp.",
            error=str(error),
        ) from None
    if ways.webhook and not ways.webhook.startswith(("http://", "https://")):
        raise Malformed("the alarm's webhook is not a web address", hint="It begins with https:// or http://.")
    return ways


class Alarm:
    """The alarm of one node."""

    def __init__(
        self, ways: Ways, ally: str, mode: str, first_post: str, is_manned: Callable[[str], bool], clock: Callable[[], int]
    ) -> None:
        self._ways, self._ally, self._mode, self._first_post = ways, ally, mode, first_post
        self._is_manned, self._clock = is_manned, clock
        self._last: dict[tuple[str, int], int] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    def noticed(self, notice: Notice) -> None:
        """Ring if what was noticed is to be told outside."""
        if notice.told not in (Told.MESSAGE, Told.ESCALATED):
            return
        post = notice.detail if notice.told is Told.ESCALATED else self._first_post
        is_urgent = notice.told is Told.ESCALATED or notice.precedence >= Precedence.IMMEDIATE
        if not (is_urgent or not self._is_manned(post)) or not self._is_due(post, notice.precedence):
            return
        call = Call(self._ally, self._mode, post, Precedence(notice.precedence).name.lower())
        for tell in self._tellers():
            task = asyncio.get_running_loop().create_task(_told(tell, call))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    def _is_due(self, post: str, precedence: int) -> bool:
        now, last = self._clock(), self._last.get((post, precedence))
        if last is not None and 0 <= now - last < APART_S * 1_000_000:
            return False
        self._last[post, precedence] = now
        return True

    def _tellers(self) -> list[Callable[[Call], None]]:
        ways = (("command", self._by_command), ("webhook", self._by_webhook), ("mail", self._by_mail))
        return [tell for name, tell in ways if getattr(self._ways, name)]

    def _by_command(self, call: Call) -> None:
        subprocess.run([*self._ways.command, call.sentence], check=True, timeout=WAY_S_MAX, stdin=subprocess.DEVNULL)

    def _by_webhook(self, call: Call) -> None:
        data = msgspec.json.encode({**msgspec.to_builtins(call), "text": call.sentence})
        request = urllib.request.Request(self._ways.webhook, data, {"Content-Type": "application/json"})  # noqa: S310  http(s) alone
        with urllib.request.urlopen(request, timeout=WAY_S_MAX):  # noqa: S310
            pass

    def _by_mail(self, call: Call) -> None:
        host, _, port = self._ways.smtp.partition(":")
        message = EmailMessage()
        message["Subject"] = call.sentence
        message["From"] = f"katchi@{socket.gethostname()}"
        message["To"] = self._ways.mail
        message.set_content(call.sentence)
        with smtplib.SMTP(host, int(port or 25), timeout=WAY_S_MAX) as server:
            server.send_message(message)


async def _told(tell: Callable[[Call], None], call: Call) -> None:
    """Tell it in a thread; a way that fails is logged, and stops nothing."""
    try:
        await asyncio.to_thread(tell, call)
    except Exception as error:
        sys.stderr.write(f"alarm: {tell.__name__.removeprefix('_by_')} failed: {error}\n")
