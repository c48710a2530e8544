"""TLS 1.3 over asyncio's plain streams: a handshake, bytes in and out, an honest end.

The end of a stream is either signed off by the peer (close_notify) or a cut, and the two are told
apart; a peer that is refused is sent the alert that says why; no more is read from the socket than
was asked for. asyncio's own TLS transport (3.11) takes a cut for a close and drops that alert, so
ssl.SSLObject works here between two memory buffers. It knows no frames, names or pins.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Sequence
from typing import Final

READ_SIZE: Final = 64 * 1024
CLOSE_S_MAX: Final = 1.0
KEEPALIVE: Final = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}  # where the system has them


class TlsStream:
    """One TLS connection over one TCP connection.

    Args:
        reader: the plain stream in; its limit bounds what waits unread.
        writer: the plain stream out.
        context: whom to trust and what to show.
        server_side: whether the peer called us.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext, *, server_side: bool
    ) -> None:
        self._reader, self._writer = reader, writer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=server_side)
        self._reading, self._writing = asyncio.Lock(), asyncio.Lock()
        self._closed = False
        _keep_alive(writer)

    async def handshake(self) -> bytes:
        """Agree on keys, and return the DER of the certificate that the peer proved to hold.

        A TLS 1.3 server knows by then that its client is trusted; a client does not yet know
        whether it is, before its first `read`. A handshake that fails leaves nothing open.

        Raises:
            ssl.SSLError: not trusted, not TLS 1.3, or not TLS; the peer has been sent the alert.
            OSError: cut meanwhile.
        """
        try:
            while True:
                with contextlib.suppress(ssl.SSLWantReadError):
                    self._tls.do_handshake()
                    await self._flush()
                    return self._tls.getpeercert(binary_form=True) or b""
                await self._flush()
                await self._pull()
        except ssl.SSLError:
            await self.close()
            raise
        except BaseException:
            self.abort()
            raise

    async def read(self, *, idle_s_max: float) -> bytes:
        """Return the next bytes, at most one TLS record; none once the peer, or we, have closed.

        Raises:
            TimeoutError: nothing came for `idle_s_max`.
            ssl.SSLError: the stream was tampered with, cut, or refused by an alert.
            OSError: the connection failed.
        """
        async with self._reading:
            while not self._closed:
                try:
                    return self._tls.read(READ_SIZE)
                except ssl.SSLWantReadError:
                    await self._flush()
                async with asyncio.timeout(idle_s_max):
                    await self._pull()
        return b""

    async def write(self, parts: Sequence[bytes]) -> None:
        """Send the parts as one, in order of the calls; returns when the peer's reading makes room.

        Raises:
            OSError: the connection failed or is closed; ssl.SSLError is one.
        """
        async with self._writing:  # one at a time: otherwise many waiting writers would fill memory
            if self._closed:
                raise ConnectionAbortedError
            self._tls.write(b"".join(parts))
            await self._flush()
            if self._closed:  # `abort` lets a waiting drain return as if all were well
                raise ConnectionAbortedError

    async def close(self) -> None:
        """Sign off, wait up to CLOSE_S_MAX for the peer to do so, and let go of the socket."""
        closing, self._closed = not self._closed, True
        try:
            if closing:
                async with asyncio.timeout(CLOSE_S_MAX):
                    await self._sign_off()
        except OSError:
            pass  # the peer is gone already, or does not answer
        finally:
            self._writer.transport.abort()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()

    def abort(self) -> None:
        """Let go of the socket at once; whoever waits in `read` or `write` is told."""
        self._closed = True
        self._writer.transport.abort()

    async def _sign_off(self) -> None:
        with contextlib.suppress(ssl.SSLError):  # the peer's own close_notify is not here yet, or never will be
            self._tls.unwrap()
        await self._flush()
        self._writer.write_eof()
        async with self._reading:  # unread bytes at close make TCP reset, and the peer lose our last words
            while await self._reader.read(READ_SIZE):
                pass

    async def _flush(self) -> None:
        if self._outgoing.pending:
            self._writer.write(self._outgoing.read())
            await self._writer.drain()

    async def _pull(self) -> None:
        if sealed := await self._reader.read(READ_SIZE):
            self._incoming.write(sealed)
        else:
            self._incoming.write_eof()


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    """Let the kernel ask after a peer that has been silent: it finds dead hosts, not silent paths."""
    plain = writer.get_extra_info("socket")
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, number in KEEPALIVE.items():
        if hasattr(socket, option):
            plain.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), number)
