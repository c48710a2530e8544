"""Who is signed in: one-time links, sessions at a post, and the token that proves a form is ours.

Posts and officers come with the access issue; until then whoever may run `katchi officer link` beside
the node signs in, at one of its posts, under the name they give.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256

import apsw
import msgspec

from katchi.errors import KatchiError
from katchi.web.local import digest_of, secret, token

MINUTE_US = 60 * 1_000_000
LINK_US_MAX = 15 * MINUTE_US
IDLE_US_MAX = 12 * 60 * MINUTE_US  # a shift
SESSION_US_MAX = 24 * 60 * MINUTE_US
TOKEN_LENGTH_MAX = 128


class SignedOut(KatchiError):
    """Nobody is signed in in this browser, or no longer."""

    exit_status, http_status = 6, 401


class Forged(KatchiError):
    """A form or request that another site, or an old page, sent in an officer's name."""

    exit_status, http_status = 6, 403


class Officer(msgspec.Struct, frozen=True):
    """Who sits at a screen: a post, and a name if one was given."""

    post: str
    name: str | None
    session: bytes  # digest of the session's token

    @property
    def key(self) -> str:
        """Whose drafts are whose: the post and the name."""
        return f"{self.post}\n{self.name or ''}"


class Sessions:
    """Sign-in links and sessions of one node."""

    def __init__(self, connection: apsw.Connection, clock: Callable[[], int]) -> None:
        self._connection, self._clock = connection, clock
        self._secret = secret(connection, "forms")

    def new_link(self, post: str, name: str | None) -> str:
        """Return the token of a new sign-in link: good once, for 15 minutes."""
        made, now = token(), self._clock()
        self._connection.execute("DELETE FROM link WHERE until < ?", (now,))
        self._connection.execute("INSERT INTO link VALUES (?, ?, ?, ?)", (digest_of(made), post, name, now + LINK_US_MAX))
        return made

    def sign_in(self, link: str) -> str:
        """Use a link up; return the token of the session that it begins.

        Raises:
            SignedOut: the link is not known, was used, or is too old.
        """
        now = self._clock()
        used = "DELETE FROM link WHERE token = ? AND until >= ? RETURNING post, name"
        row = next(iter(list(self._connection.execute(used, (digest_of(link[:TOKEN_LENGTH_MAX]), now)))), None)
        if row is None:
            raise SignedOut(
                "this sign-in link is not good any more",
                hint="Beside the node, `katchi officer link DIR` prints a new one.",
            )
        made = token()
        too_old = (now - IDLE_US_MAX, now - SESSION_US_MAX)
        self._connection.execute("DELETE FROM session WHERE used_at < ? OR began_at < ?", too_old)
        self._connection.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?)", (digest_of(made), *row, now, now))
        return made

    def officer(self, session: str | None) -> Officer | None:
        """Return who holds a session's token, None if it is not good, or no longer."""
        if not session or len(session) > TOKEN_LENGTH_MAX:
            return None
        key, now = digest_of(session), self._clock()
        row = self._row(key, now)
        if row is None:
            return None
        if now > row[3] + MINUTE_US:
            self._connection.execute("UPDATE session SET used_at = ? WHERE token = ?", (now, key))
        return Officer(row[0], row[1], key)

    def is_open(self, officer: Officer) -> bool:
        """Return whether an officer's session still is: that it is asked of does not keep it open."""
        return self._row(officer.session, self._clock()) is not None

    def _row(self, key: bytes, now: int) -> tuple[str, str | None, int, int] | None:
        found = self._connection.execute("SELECT post, name, began_at, used_at FROM session WHERE token = ?", (key,))
        row: tuple[str, str | None, int, int] | None = next(iter(list(found)), None)
        if row is None or now > row[3] + IDLE_US_MAX or now > row[2] + SESSION_US_MAX:
            return None
        return row

    def sign_out(self, officer: Officer) -> None:
        """End a session."""
        self._connection.execute("DELETE FROM session WHERE token = ?", (officer.session,))

    def form_token(self, officer: Officer) -> str:
        """Return what a form of this session carries to prove that it is ours."""
        return hmac.new(self._secret, b"form\n" + officer.session, sha256).hexdigest()

    def require_form_token(self, officer: Officer, given: str) -> None:
        """Refuse a form that does not carry this session's token.

        Raises:
            Forged: it carries another or none.
        """
        if not hmac.compare_digest(self.form_token(officer).encode(), given.encode()):
            raise Forged(
                "the form was not sent from a page of this session",
                hint="Nothing was written. Open the page again and send it from there; what you wrote is kept as a draft.",
            )
