"""A filled node as officers meet it: `katchi node serve` on loopback, signed in through `katchi officer link`.

The store is filled as bench/filling.py does, but with keys that a node accepts. The ally is paired and
its node does not run, so that what is written waits for it.
"""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import msgspec

from bench.filling import FAR, NEAR, Filler
from katchi.node.commands import Pair
from katchi.record.suite import SHIPPED
from katchi.serve.clock import now_us
from katchi.serve.directory import NodeDirectory
from katchi.serve.invitation import paired, read_invitation, write_invitation
from katchi.serve.office import Office
from katchi.testing.builders import SECOND, Ally

KATCHI = (sys.executable, "-m", "katchi.cli")
HIDDEN = re.compile(r'name="(csrf|number|draft)" value="([^"]*)"')


class Filled(NamedTuple):
    """A node's directory, and what its store holds."""

    path: Path
    openings: list[str]
    room: str


def filled(directory: Path, entries: int) -> Filled:
    """Make a node whose store holds so many entries, the newest of just now."""
    parties = {}
    nodes = {name: NodeDirectory.create(directory / f"{name}-{entries}", ally=name, mode="exercise") for name in (NEAR, FAR)}
    for name, node in nodes.items():
        parties[name] = Ally(node.signer(), node.identity, node.own())
    near = nodes[NEAR]
    filler = Filler(near.store_path, entries, parties)
    filler.now = now_us() - entries * SECOND
    filler.fill()
    file = directory / "far.invitation"
    write_invitation(file, nodes[FAR].invitation(address="127.0.0.1:1"))
    invitation, _ = read_invitation(file, SHIPPED)
    with Office(near.path) as office:
        office.submit(Pair(ally=paired(invitation, "fingerprint", now=now_us(), address=None)))
    return Filled(near.path, [opening.hex() for opening in filler.openings], filler.room.id.hex())


class Answer(NamedTuple):
    """What a request came to."""

    status: int
    headers: dict[str, str]
    body: bytes


class Site:
    """A running node, and one browser that is signed in there."""

    def __init__(self, process: subprocess.Popen[bytes], path: Path, port: int) -> None:
        self.process, self.path, self.port = process, path, port
        self.cookie = ""
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    @property
    def pid(self) -> int:
        """The node's process."""
        return self.process.pid

    @property
    def cpu_s(self) -> float:
        """Seconds of a processor that the node's loop took so far: what a busy machine does not blur."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9

    def sign_in(self, link: str) -> str:
        """Use a one-time link up; return the session's cookie."""
        answer = self.get(urlsplit(link).path)
        self.cookie = answer.headers["set-cookie"].split(";")[0]
        return self.cookie

    def more_sessions(self, count: int) -> list[str]:
        """Sign so many officers in; return their sessions' cookies."""
        with Office(self.path) as office:
            return [self.sign_in(office.ask("sign-in-link", post="duty")["url"]) for _ in range(count)]

    def get(self, path: str, **headers: str) -> Answer:
        """Ask for a path, as a browser does over a connection that is kept."""
        return self._ask("GET", path, None, headers)

    def post(self, path: str, fields: dict[str, str]) -> Answer:
        """Send a form."""
        return self._ask("POST", path, urlencode(fields).encode(), {"Content-Type": "application/x-www-form-urlencoded"})

    def fields_of(self, path: str) -> dict[str, str]:
        """Return what the form at a path carries unseen."""
        return dict(HIDDEN.findall(self.get(path).body.decode()))

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        self._http.request(method, path, body, {"Cookie": self.cookie, **headers})
        try:
            response = self._http.getresponse()
        except http.client.RemoteDisconnected:  # it was idle for too long
            self._http.close()
            self._http.request(method, path, body, {"Cookie": self.cookie, **headers})
            response = self._http.getresponse()
        data = response.read()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, data)

    def close(self) -> None:
        """Hang up."""
        self._http.close()


@contextmanager
def served(path: Path) -> Iterator[Site]:
    """Serve a node, and sign in."""
    words = [*KATCHI, "node", "serve", str(path), "--link-port", "0", "--port", "0", "--json"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    said = b""
    while b"}" not in said:
        said += process.stdout.readline()
    site = Site(process, path, msgspec.json.decode(said)["port"])
    try:
        ran = subprocess.run([*KATCHI, "officer", "link", str(path)], capture_output=True, text=True, check=True)
        site.sign_in(ran.stdout.strip())
        yield site
    finally:
        site.close()
        process.terminate()
        process.wait()
        process.stdout.close()
