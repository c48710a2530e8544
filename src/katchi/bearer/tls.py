"""The TLS bearer: calls allies' nodes, and answers theirs, on mutual TLS 1.3 with pinned certificates.

The certificates of paired allies are the only ones that verify, and the pin of the certificate
shown, not the name in it, says which ally it is. There are no sessions to resume. Whoever has not
proved to be an ally holds one of a few places for a short time, and takes one from its own kind
when all are taken. What happens on one connection never reaches another. The bearer moves frames;
it neither retries nor remembers: that is the link's.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Final, Self

from katchi.bearer.certificate import CertificatePaths, check_der, pin, read_der
from katchi.bearer.connection import Connection, Tap
from katchi.bearer.stream import READ_SIZE, TlsStream
from katchi.errors import LinkFailed, Malformed, NotTrusted, Refused, os_reason

PINS_MAX: Final = 2  # the old certificate and the new, during a change-over
CONNECTIONS_MAX: Final = 8  # per ally that calls us; a redial after a silent cut meets its own ghost

Accept = Callable[[Connection], Awaitable[None]]


class TlsBearer:
    """One node's end of all its TLS connections.

    Args:
        paths: our own key and certificate.
        frame_size_max: bytes of the largest frame, either way.
        idle_s_max: silence after which a connection counts as cut; the link sends at least every 5 s.
        handshake_s_max: time to connect and prove who one is.
        handshakes_max: how many callers may be doing so at once.
        on_frame: is shown every frame before TLS and after it.
        on_turned_away: is told of each caller that did not prove to be an ally, or not in time.

    Raises:
        NotFound, Malformed: our key or certificate cannot be read.
    """

    def __init__(
        self,
        paths: CertificatePaths,
        *,
        frame_size_max: int = 2**20,
        idle_s_max: float = 15.0,
        handshake_s_max: float = 10.0,
        handshakes_max: int = 32,
        on_frame: Tap | None = None,
        on_turned_away: Callable[[LinkFailed], None] | None = None,
    ) -> None:
        self._paths, self._frame_size_max, self._idle_s_max = paths, frame_size_max, idle_s_max
        self._handshake_s_max, self._handshakes_max = handshake_s_max, handshakes_max
        self._on_frame, self._on_turned_away = on_frame, on_turned_away
        self._own_pin = pin(read_der(paths.certificate))
        self._certificates: dict[str, tuple[bytes, ...]] = {}  # ally -> DER
        self._ally_of: dict[bytes, str] = {}  # pin -> ally
        self._server_context = self._context(ssl.PROTOCOL_TLS_SERVER, ())
        self._client_contexts: dict[str, ssl.SSLContext] = {}
        self._servers: list[asyncio.Server] = []
        self._closed = False
        self._callers: dict[TlsStream, str] = {}  # still in their handshake, oldest first -> host
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: dict[Connection, None] = {}  # oldest first

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        await self.close()

    def trust(self, ally: str, *certificates_der: bytes) -> None:
        """From now on `ally` is whoever holds one of these certificates, at most two; with none, it is nobody.

        Takes the place of what was trusted for `ally` before. Connections on a certificate that is
        trusted no longer are cut. Works while listening.

        Raises:
            Malformed: not a certificate. Refused: more than two.
            NotTrusted: a certificate of ours, or of another ally.
        """
        if len(certificates_der) > PINS_MAX:
            raise Refused(
                "{ally} may have at most {most} certificates at once", hint="Leave out the oldest.", ally=ally, most=PINS_MAX
            )
        for der in certificates_der:
            check_der(der)
            if pin(der) == self._own_pin or self._ally_of.get(pin(der), ally) != ally:
                raise NotTrusted(
                    "the certificate given for {ally} is our own, or another ally's",
                    hint="Nothing was changed. Ask {ally} for its own contact and compare fingerprints.",
                    ally=ally,
                )
        trusted = {**self._certificates, ally: certificates_der}
        client_context = self._context(ssl.PROTOCOL_TLS_CLIENT, certificates_der)
        self._server_context = self._context(ssl.PROTOCOL_TLS_SERVER, [der for ders in trusted.values() for der in ders])
        self._certificates, self._client_contexts[ally] = trusted, client_context
        self._ally_of = {pin(der): name for name, ders in trusted.items() for der in ders}
        for connection in [c for c in self._connections if c.pin not in self._ally_of]:
            connection.abort()

    async def listen(self, host: str, port: int, accept: Accept) -> int:
        """Answer allies at host:port, and return the port (any free one for 0).

        Each ally's connection is given to `accept` in a task of its own, and closed when that returns.

        Raises:
            LinkFailed: the address is not ours or is taken.
        """

        def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            host, port, *_ = writer.get_extra_info("peername") or ("", 0)
            if self._closed:  # accepted before `close`, told to us after it
                writer.transport.abort()
                return
            self._make_room(host)
            stream = TlsStream(reader, writer, self._server_context, server_side=True)
            self._callers[stream] = host
            task = asyncio.create_task(self._answer(stream, f"{host}:{port}", accept))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        try:
            server = await asyncio.start_server(answer, host, port, limit=READ_SIZE)
        except OSError as error:
            raise LinkFailed(
                "cannot listen at {host}:{port} ({reason})",
                hint="Choose another port, or end the process that holds this one.",
                host=host,
                port=port,
                reason=os_reason(error),
            ) from error
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def dial(self, ally: str, address: str) -> Connection:
        """Call `ally` at host:port. It may still refuse us: only its first frame shows that it did not.

        Raises:
            NotTrusted: no certificate is trusted for `ally`.
            Malformed: `address` is not host:port.
            LinkFailed: nobody answers there in time, or not with a certificate of `ally`.
        """
        if not self._certificates.get(ally):
            raise NotTrusted("no certificate of {ally} is trusted here", hint="Pair with {ally} first.", ally=ally)
        host, port = split_address(address)
        try:
            async with asyncio.timeout(self._handshake_s_max):
                reader, writer = await asyncio.open_connection(host, port, limit=READ_SIZE)
                stream = TlsStream(reader, writer, self._client_contexts[ally], server_side=False)
                shown = pin(await stream.handshake())
        except ssl.SSLCertVerificationError as error:
            raise _wrong_certificate(ally, address) from error
        except OSError as error:
            raise _unanswered(ally, address, error, self._handshake_s_max) from error
        if self._ally_of.get(shown) != ally:  # vouched for by an ally's certificate, or trusted no longer
            stream.abort()
            await stream.close()
            raise _wrong_certificate(ally, address)
        return self._opened(stream, ally, shown, dialed=True, address=address)

    async def close(self) -> None:
        """Answer no more, and close every connection; tasks in `accept` are cancelled."""
        self._closed = True
        for server in self._servers:
            server.close()
        for stream in self._callers:
            stream.abort()
        for task in self._tasks:
            task.cancel()
        closing = [connection.close() for connection in [*self._connections]]
        await asyncio.gather(*self._tasks, *closing, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()

    async def _answer(self, stream: TlsStream, address: str, accept: Accept) -> None:
        """Live through one caller's connection, whatever happens on it."""
        try:
            async with asyncio.timeout(self._handshake_s_max):
                shown = pin(await stream.handshake())
            connection = self._opened(stream, self._ally_of[shown], shown, dialed=False, address=address)
        except (OSError, KeyError) as error:
            stream.abort()
            await stream.close()
            if self._on_turned_away:
                self._on_turned_away(_turned_away(address, error))
            return
        finally:
            self._callers.pop(stream, None)
        try:
            await accept(connection)
        except LinkFailed:
            pass  # `accept` has seen it, or chose not to look
        except Exception as error:
            context = {"message": f"the task of a connection with {connection.ally} failed", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
        finally:
            await connection.close()

    def _opened(self, stream: TlsStream, ally: str, shown: bytes, *, dialed: bool, address: str) -> Connection:
        connection = Connection(
            stream,
            ally=ally,
            pin=shown,
            dialed=dialed,
            address=address,
            frame_size_max=self._frame_size_max,
            idle_s_max=self._idle_s_max,
            on_frame=self._on_frame,
            on_closed=lambda closed: self._connections.pop(closed, None),
        )
        self._connections[connection] = None
        calls = [c for c in self._connections if c.ally == ally and not c.dialed]
        if len(calls) > CONNECTIONS_MAX:
            calls[0].abort()
        return connection

    def _make_room(self, host: str) -> None:
        """Where all places are taken, turn away the oldest unproven caller of the host that has the most.

        An honest handshake is over in milliseconds, so the oldest is the least likely to be one; and
        `host`, the newcomer's, counts with it, so that no host can drive out another's few.
        """
        if len(self._callers) >= self._handshakes_max:
            busiest, _ = Counter([*self._callers.values(), host]).most_common(1)[0]
            oldest = next(stream for stream, origin in self._callers.items() if origin == busiest)
            del self._callers[oldest]
            oldest.abort()

    def _context(self, protocol: ssl._SSLMethod, anchors: Iterable[bytes]) -> ssl.SSLContext:
        """Return a context that shows our certificate and takes only those in `anchors`."""
        context = ssl.SSLContext(protocol)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False  # names decide nothing: pins do
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags = ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN  # an anchor needs no issuer
        if protocol is ssl.PROTOCOL_TLS_SERVER:
            context.num_tickets = 0
        try:
            context.load_cert_chain(self._paths.certificate, self._paths.key)
        except OSError as error:  # ssl.SSLError is one
            raise Malformed(
                "the key {path} cannot be read, or is not the certificate's ({reason})",
                hint="Restore both files from one backup.",
                path=str(self._paths.key),
                reason=getattr(error, "reason", None) or os_reason(error),
            ) from None
        for der in anchors:
            context.load_verify_locations(cadata=der)
        return context


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of "host:port" or "[v6]:port", or raise Malformed."""
    host, _, port = address.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 2**16:
        raise Malformed("{address!r} is not host:port", hint="Such as node.example:7420 or [2001:db8::1]:7420.", address=address)
    return host, int(port)


def _unanswered(ally: str, address: str, error: OSError, waited_s: float) -> LinkFailed:
    if isinstance(error, TimeoutError):
        return LinkFailed(
            "{ally} at {address} did not answer within {waited_s:g} s",
            hint="The path may be cut, or a firewall drops us. It will be tried again.",
            ally=ally,
            address=address,
            waited_s=waited_s,
        )
    if isinstance(error, ssl.SSLError):
        return LinkFailed(
            "what answers for {ally} at {address} ended the handshake ({reason})",
            hint="It does not speak TLS 1.3, is no katchi node, or is turning callers away. Check host and port.",
            ally=ally,
            address=address,
            reason=error.reason,
        )
    return LinkFailed(
        "{ally} at {address} cannot be reached ({reason})",
        hint="Check host and port, and that their node runs. It will be tried again.",
        ally=ally,
        address=address,
        reason=os_reason(error),
    )


def _wrong_certificate(ally: str, address: str) -> LinkFailed:
    return LinkFailed(
        "what answers at {address} does not hold a certificate of {ally} that is trusted here",
        hint="Nothing was sent. Ask {ally} by telephone whether they changed it: their contact must come first.",
        ally=ally,
        address=address,
    )


def _turned_away(address: str, error: Exception) -> LinkFailed:
    return LinkFailed(
        "a caller from {address} was turned away ({reason})",
        hint="It did not prove to be a paired ally in time. Nothing of it was read.",
        address=address,
        reason=getattr(error, "reason", None) or type(error).__name__,
    )
