"""How many requests a second the API answers, beside the command line's own door of the same node.

One node serves in a process of its own; clients are kept-alive connections of this process.
"""

from __future__ import annotations

import http.client
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from bench.rows import Row, row
from katchi.consult.acts import PAPER_SIZE_MAX
from katchi.consult.rules import Open, StatePosition
from katchi.demo.stage import Stage

TEXT = "Both sides hold what the other has said, in the order in which it was said, and neither can alter it. " * 6
SPAN_S = 3.0
CONNECTIONS = 16

Ask = Callable[[], None]


@contextmanager
def _caller(stage: Stage, method: str, path: str, body: bytes = b"") -> Iterator[Ask]:
    """One connection that sends the same request again and again, with the node's own token."""
    token = json.loads((stage.nodes["near"] / "control.json").read_text())["token"]
    call = http.client.HTTPConnection("127.0.0.1", urlsplit(stage.pages["near"]).port or 0)

    def ask() -> None:
        call.request(method, path, body, {"Authorization": f"Bearer {token}"})
        answer = call.getresponse()
        answer.read()
        assert answer.status < 300, answer.status

    yield ask
    call.close()


def _per_second(ask: Ask) -> float:
    ask()
    began, count = time.perf_counter(), 0
    while (span := time.perf_counter() - began) < SPAN_S:
        ask()
        count += 1
    return count / span


def rows() -> list[Row]:
    """Return requests a second by one and by many connections, and how fast a paper is taken."""
    with tempfile.TemporaryDirectory() as directory, Stage(Path(directory), ["near"]) as stage:
        stage.make()
        stage.start()
        opening = stage.submit("near", Open(subject="bench")).digest or b""
        act = (f"/api/consultations/{opening.hex()}/state-position", json.dumps({"text": TEXT}).encode())
        ours = _per_second(lambda: stage.ask("near", "link"))
        acts = _per_second(lambda: stage.submit("near", StatePosition(consultation=opening, text=TEXT)) and None)
        found = [_one(stage, "GET", "/api/node", "questions by the command line's door", ours)]
        found.append(_one(stage, "POST", act[0], "acts by the command line's door", acts, act[1]))
        found.append(_many(stage, "GET", "/api/node"))
        found.append(_many(stage, "POST", act[0], act[1]))
        room = stage.ask("near", "rooms")[0]["id"]
        with _caller(stage, "PUT", f"/api/rooms/{room}/papers?name=large", bytes(PAPER_SIZE_MAX)) as put:
            began = time.perf_counter()
            put()
            found.append(row("API: a paper of 64 MiB is kept", PAPER_SIZE_MAX / 2**20 / (time.perf_counter() - began), "MiB/s"))
        return found


def _one(stage: Stage, method: str, path: str, beside: str, value: float, body: bytes = b"") -> Row:
    with _caller(stage, method, path, body) as ask:
        return row(f"API: {method} {_short(path)}, one connection", _per_second(ask), "1/s", beside, value)


def _many(stage: Stage, method: str, path: str, body: bytes = b"") -> Row:
    def run(_: int) -> float:
        with _caller(stage, method, path, body) as ask:
            return _per_second(ask)

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        rate = sum(pool.map(run, range(CONNECTIONS)))
    return row(f"API: {method} {_short(path)}, {CONNECTIONS} connections", rate, "1/s")


def _short(path: str) -> str:
    return path if len(path) < 40 else f".../{path.rpartition('/')[2]} (durable)"
