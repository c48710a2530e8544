"""What tells browsers that something changed: one stream each, without any content of a message.

An event says how much is unread, how urgent the most urgent is, and how often it has rung; a page then
asks for what it shows. So a stream that was cut misses nothing: what it is told first is how things are.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable

import msgspec

GATHER_S = 0.1  # changes that come closer than this make one event
HEARTBEAT_S = 15.0


class Now(msgspec.Struct, frozen=True):
    """How things are: content-free."""

    unread: int
    highest: int  # precedence of the most urgent unread message, -1 if none
    rings: int  # grows with each message that rings
    at: int  # the node's clock, microseconds UTC


class Live:
    """The streams of one node's browsers."""

    def __init__(self, state_now: Callable[[], Now]) -> None:
        self._state_now = state_now
        self._run, self._turn = secrets.token_hex(4), 0  # a restarted node's ids are never an earlier one's
        self._changed = asyncio.Event()
        self._gathering: asyncio.TimerHandle | None = None
        self._ended, self._told = False, b""
        self.posts: Counter[str] = Counter()  # how many screens each post has open

    @property
    def _id(self) -> str:
        return f"{self._run}.{self._turn}"

    def changed(self) -> None:
        """Something that may be shown has changed."""
        if self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(GATHER_S, self._tell)

    def _tell(self) -> None:
        self._gathering = None
        self._turn += 1
        self._told = self._event()  # once for all streams
        self.look_again()

    def look_again(self) -> None:
        """Wake all streams: one whose session has ended ends."""
        self._changed.set()
        self._changed = asyncio.Event()

    def end(self) -> None:
        """End all streams."""
        self._ended = True
        self._changed.set()

    async def stream(self, post: str, last_id: str | None, *, is_open: Callable[[], bool]) -> AsyncIterator[bytes]:
        """Yield events for a screen of `post`: at once if its last one is not the newest, then at each change.

        Args:
            is_open: whether the screen's session still is; once it is not, the stream ends, at the latest with a heartbeat.
        """
        self.posts[post] += 1
        try:
            yield b"retry: 2000\n\n"
            told = self._id
            if last_id != told:
                yield self._event()
            while is_open() and not self._ended:
                if told != self._id:
                    told = self._id
                    yield self._told
                    continue
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        await self._changed.wait()
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            self.posts[post] -= 1

    def _event(self) -> bytes:
        return b"id: %s\nevent: changed\ndata: %s\n\n" % (self._id.encode(), msgspec.json.encode(self._state_now()))
