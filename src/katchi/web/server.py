"""Serves the pages in the node's own loop, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from katchi.errors import Malformed
from katchi.serve.directory import NodeDirectory
from katchi.serve.service import Service
from katchi.web.app import application
from katchi.web.front import Front

BACKLOG = 512
ENDING_S_MAX = 2


class _Uvicorn(uvicorn.Server):
    """Signals are the node's, not uvicorn's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class WebServer:
    """The pages of one node: a door beside its link and its command line."""

    def __init__(self, service: Service, directory: NodeDirectory, *, port: int) -> None:
        self.front = Front(service, directory)
        self._wanted = port
        self.port = 0
        self._server: _Uvicorn | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen on loopback.

        Raises:
            Malformed: the port is taken.
        """
        listener = socket.socket(proto=socket.IPPROTO_TCP)  # only of such a one asyncio sends small parts at once
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", self._wanted))
        except OSError:
            listener.close()
            raise Malformed(
                "port {port} for the pages is taken", hint="Give another with --port; 0 takes any free one.", port=self._wanted
            ) from None
        self.port = listener.getsockname()[1]
        self.front.origin = f"http://{self.front.ally.lower()}.localhost:{self.port}"
        config = uvicorn.Config(
            application(self.front, self.port),
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=ENDING_S_MAX,
        )
        self._server = _Uvicorn(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started and not self._serving.done():  # noqa: ASYNC110  uvicorn tells nobody
            await asyncio.sleep(0.005)

    async def close(self) -> None:
        """End the streams and stop listening."""
        self.front.live.end()
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await asyncio.gather(self._serving, return_exceptions=True)
        self.front.close()
