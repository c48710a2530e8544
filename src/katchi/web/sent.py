"""Which forms were sent already: each form carries a number that is good once, so that pressing twice writes once.

Kept in web.sqlite, so that it holds over a restart of the node as well. The newest thousand are remembered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import apsw

from katchi.errors import Malformed, Refused
from katchi.web.local import digest_of, token

REMEMBERED = 1000
NUMBER_LENGTH_MAX = 128


class AlreadySent(Refused):
    """This very form was sent before, and what it said was written then.

    Args:
        path: the page that shows what was written.
        is_same: whether it says the same now as it did then.
    """

    def __init__(self, path: str, *, is_same: bool) -> None:
        self.path, self.is_same = path, is_same
        super().__init__(
            "this form was sent before, and written once",
            hint="Nothing was written a second time. If you mean to say something more, look at it again and send it.",
        )


class Sent:
    """The forms of one node's pages that were sent."""

    def __init__(self, connection: apsw.Connection, clock: Callable[[], int]) -> None:
        self._connection, self._clock = connection, clock
        self._running: dict[bytes, asyncio.Future[None]] = {}

    def new_number(self) -> str:
        """Return what a new form carries."""
        return token()

    def has(self, number: str) -> bool:
        """Return whether a form with this number was sent, and written."""
        return self._row(digest_of(number)) is not None

    async def once(self, number: str, content: bytes, act: Callable[[], Awaitable[str]]) -> str:
        """Do what a form says, unless it was done; return the path of the page that shows it.

        Args:
            number: the form's own.
            content: a digest of what it says.
            act: does it, and returns that path; if it raises, nothing was done and the number stays good.
        Raises:
            AlreadySent: it was done before.
            Malformed: the form has no number.
        """
        if not 0 < len(number) <= NUMBER_LENGTH_MAX:
            raise Malformed("the form is not whole", hint="Look at it again and send it once more; nothing was written.")
        key = digest_of(number)
        while (before := self._running.get(key)) is not None:  # pressed twice: the second waits for the first
            await asyncio.wait([before])
        row = self._row(key)
        if row is not None:
            raise AlreadySent(row[0], is_same=row[1] == content)
        running = self._running[key] = asyncio.get_running_loop().create_future()
        try:
            path = await act()
            self._remember(key, path, content)
            return path
        finally:
            del self._running[key]
            running.set_result(None)

    def _row(self, key: bytes) -> tuple[str, bytes] | None:
        found = list(self._connection.execute("SELECT path, content FROM sent WHERE number = ?", (key,)))
        return (str(found[0][0]), bytes(found[0][1])) if found else None

    def _remember(self, key: bytes, path: str, content: bytes) -> None:
        self._connection.execute("INSERT INTO sent VALUES (?, ?, ?, ?)", (key, path, content, self._clock()))
        forget = "DELETE FROM sent WHERE at < (SELECT at FROM sent ORDER BY at DESC LIMIT 1 OFFSET ?)"
        self._connection.execute(forget, (REMEMBERED - 1,))
