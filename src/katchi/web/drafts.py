"""What an officer has written and not sent: kept through an error, a lost session and a restart of the node.

A draft belongs to an officer and a form. The form carries a ticket that names both, so that what is
sent after the session was lost still finds its place; the ticket lets nobody read anything.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping
from hashlib import sha256

import apsw
import msgspec

from katchi.errors import Malformed
from katchi.web.local import secret
from katchi.web.sessions import Officer

FIELDS_SIZE_MAX = 128 * 1024
NOT_KEPT = frozenset({"csrf", "draft", "keep", "number", "back", "papers"})


class Drafts:
    """The drafts of one node's officers."""

    def __init__(self, connection: apsw.Connection, clock: Callable[[], int]) -> None:
        self._connection, self._clock = connection, clock
        self._secret = secret(connection, "drafts")

    def ticket(self, officer: Officer, form: str) -> str:
        """Return what a form carries so that its fields can be kept for this officer."""
        named = msgspec.msgpack.encode((officer.key, form))
        return base64.urlsafe_b64encode(self._mac(named) + named).decode()

    def keep(self, ticket: str, fields: Mapping[str, str]) -> bool:
        """Keep the fields of a form, durably; False if there is nothing in them.

        Raises:
            Malformed: the ticket is not ours, or the text is too long.
        """
        owner, form = self._named(ticket)
        kept = {name: text for name, text in fields.items() if name not in NOT_KEPT and text.strip()}
        if not kept:
            self._connection.execute("DELETE FROM draft WHERE officer = ? AND form = ?", (owner, form))
            return False
        data = msgspec.msgpack.encode(kept)
        if len(data) > FIELDS_SIZE_MAX:
            raise Malformed("the text is too long for a draft", hint="Shorten it, or attach it as a paper.")
        self._connection.execute("INSERT OR REPLACE INTO draft VALUES (?, ?, ?, ?)", (owner, form, data, self._clock()))
        return True

    def of(self, officer: Officer, form: str) -> dict[str, str]:
        """Return the fields kept for an officer's form, empty if none are."""
        found = self._connection.execute("SELECT fields FROM draft WHERE officer = ? AND form = ?", (officer.key, form))
        row = next(iter(list(found)), None)
        return msgspec.msgpack.decode(row[0], type=dict[str, str]) if row else {}

    def all_of(self, officer: Officer) -> list[tuple[str, int]]:
        """Return the forms of an officer that have a draft, and when it was kept; the newest first."""
        found = self._connection.execute("SELECT form, at FROM draft WHERE officer = ? ORDER BY at DESC", (officer.key,))
        return [(str(form), int(at)) for form, at in found]

    def drop(self, officer: Officer, form: str) -> None:
        """Forget a draft: what it held was sent, or is not wanted."""
        self._connection.execute("DELETE FROM draft WHERE officer = ? AND form = ?", (officer.key, form))

    def _named(self, ticket: str) -> tuple[str, str]:
        try:
            data = base64.urlsafe_b64decode(ticket.encode())
        except ValueError:
            data = b""
        mac, named = data[:32], data[32:]
        if not hmac.compare_digest(self._mac(named), mac):
            raise Malformed("the draft's ticket is not of this node", hint="Copy your text, open the page again and paste it.")
        return msgspec.msgpack.decode(named, type=tuple[str, str])

    def _mac(self, named: bytes) -> bytes:
        return hmac.new(self._secret, named, sha256).digest()
