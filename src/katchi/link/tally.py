"""What one side last said of each room and charter: both sides must come to the same digest.

A bearer may lose a `have`, or let an older one overtake it. Every ping names the digest of what was
taken from the other side; one that differs from what was told lets it be told again.
"""

from __future__ import annotations

import hashlib

from katchi.link.frames import CharterFrame, Have, write_frame


class Tally:
    """The newest `have` of each room and each charter, as told or as taken."""

    def __init__(self) -> None:
        self._last: dict[bytes, Have | CharterFrame] = {}

    def note(self, frame: Have | CharterFrame) -> None:
        """Note that this was said, in place of what was said before of the same."""
        self._last[frame.room if isinstance(frame, Have) else frame.charter.statement] = frame

    def digest(self) -> bytes:
        """Return the digest of all that was said last."""
        running = hashlib.sha256()
        for subject in sorted(self._last):
            running.update(hashlib.sha256(write_frame(self._last[subject])).digest())
        return running.digest()
