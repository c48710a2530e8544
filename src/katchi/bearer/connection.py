"""Frames to and from one ally's node, over one TLS stream.

A frame is its length in 4 bytes, big-endian, and its bytes. Frames arrive whole and in order or
not at all; one that is announced larger than agreed ends the connection before it is read. Nothing
is read while the consumer has not taken the last frame, so that its slowness reaches the sender.
What a frame says, what was lost and what to send again is the link's business.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, Literal

from katchi.bearer.stream import TlsStream
from katchi.errors import LinkFailed, Malformed, os_reason

LENGTH_SIZE: Final = 4

Direction = Literal["sent", "received"]
Tap = Callable[[Direction, str, bytes], None]


class Connection:
    """A live connection with an ally whose certificate has been checked.

    Args:
        stream: after its handshake.
        ally: whose certificate it is.
        pin: of that certificate.
        dialed: whether we called; False where the ally did.
        address: what we dialed, or where the ally called from.
        frame_size_max: bytes of the largest frame, either way.
        idle_s_max: silence after which the connection counts as cut.
        on_frame: is shown every frame as it is before and after TLS.
        on_closed: is told once, when the connection is let go.
    """

    def __init__(
        self,
        stream: TlsStream,
        *,
        ally: str,
        pin: bytes,
        dialed: bool,
        address: str,
        frame_size_max: int,
        idle_s_max: float,
        on_frame: Tap | None,
        on_closed: Callable[[Connection], None],
    ) -> None:
        self.ally, self.pin, self.dialed, self.address = ally, pin, dialed, address
        self._stream, self._frame_size_max, self._idle_s_max = stream, frame_size_max, idle_s_max
        self._on_frame, self._on_closed = on_frame, on_closed
        self._plain = bytearray()
        self._closed = False

    async def send(self, frames: Sequence[bytes]) -> None:
        """Send frames in one write, and return once the peer's reading has made room for more.

        Raises:
            Malformed: a frame is larger than agreed; none was sent.
            LinkFailed: the connection is gone; how many arrived is for the link to find out.
        """
        parts: list[bytes] = []
        for frame in frames:
            if len(frame) > self._frame_size_max:
                raise self._too_large_to_send(len(frame))
            parts += (len(frame).to_bytes(LENGTH_SIZE, "big"), frame)
        if self._on_frame:
            for frame in frames:
                self._on_frame("sent", self.ally, frame)
        try:
            await self._stream.write(parts)
        except OSError as error:
            self.abort()
            raise self._cut(error) from error

    async def frames(self) -> AsyncIterator[bytes]:
        """Yield what the ally sends, until it closes or we do. To be consumed by one task at a time.

        Raises:
            LinkFailed: cut, silent for too long, refused by the ally, or a frame larger than agreed.
        """
        while (frame := self._next()) is not None or await self._fill():
            if frame is not None:
                if self._on_frame:
                    self._on_frame("received", self.ally, frame)
                yield frame
        if self._plain and not self._closed:
            raise self._fail(self._ended_inside())

    async def close(self) -> None:
        """Sign off and let go of the socket, within a second."""
        self._let_go()
        await self._stream.close()

    def abort(self) -> None:
        """Let go of the socket at once: the peer sees a cut, and our own `frames` end."""
        self._let_go()
        self._stream.abort()

    def _let_go(self) -> None:
        if not self._closed:
            self._closed = True
            self._on_closed(self)

    def _next(self) -> bytes | None:
        plain = self._plain
        if len(plain) < LENGTH_SIZE:
            return None
        size = int.from_bytes(plain[:LENGTH_SIZE], "big")
        if size > self._frame_size_max:
            plain.clear()
            raise self._fail(self._too_large_to_read(size))
        end = LENGTH_SIZE + size
        if len(plain) < end:
            return None
        with memoryview(plain) as view:
            frame = bytes(view[LENGTH_SIZE:end])
        del plain[:end]
        return frame

    async def _fill(self) -> bool:
        """Read on, and say whether there was anything."""
        try:
            plain = await self._stream.read(idle_s_max=self._idle_s_max)
        except OSError as error:
            raise self._fail(self._unread(error)) from error
        self._plain += plain
        return bool(plain)

    def _fail(self, failure: LinkFailed) -> LinkFailed:
        self.abort()
        return failure

    def _unread(self, error: OSError) -> LinkFailed:
        if isinstance(error, TimeoutError):
            return LinkFailed(
                "nothing came from {ally} at {address} for {idle_s:g} s: the path is cut or their node has stopped",
                hint="What was written is kept and will be sent again on the next connection.",
                ally=self.ally,
                address=self.address,
                idle_s=self._idle_s_max,
            )
        if isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or ""):
            return LinkFailed(
                "{ally} at {address} refused our certificate ({reason})",
                hint="Their node trusts another certificate of ours, or none yet: send them our contact, or pair again.",
                ally=self.ally,
                address=self.address,
                reason=error.reason,
            )
        return self._cut(error)

    def _cut(self, error: OSError) -> LinkFailed:
        return LinkFailed(
            "the connection with {ally} at {address} was cut ({reason})",
            hint="What was written is kept and will be sent again on the next connection.",
            ally=self.ally,
            address=self.address,
            reason=getattr(error, "reason", None) or os_reason(error),
        )

    def _ended_inside(self) -> LinkFailed:
        return LinkFailed(
            "{ally} at {address} closed inside a frame",
            hint="That frame is dropped, and will be asked for again on the next connection.",
            ally=self.ally,
            address=self.address,
        )

    def _too_large_to_read(self, size: int) -> LinkFailed:
        return LinkFailed(
            "{ally} at {address} announced a frame of {size} bytes, where {size_max} are allowed",
            hint="It was not read and the connection is closed. Both nodes must agree on the largest frame.",
            ally=self.ally,
            address=self.address,
            size=size,
            size_max=self._frame_size_max,
        )

    def _too_large_to_send(self, size: int) -> Malformed:
        return Malformed(
            "a frame of {size} bytes for {ally} is larger than the {size_max} that are allowed",
            hint="Nothing was sent. Papers go in chunks.",
            ally=self.ally,
            size=size,
            size_max=self._frame_size_max,
        )
