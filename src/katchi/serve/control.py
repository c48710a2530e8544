"""How the command line speaks to a running node: loopback, one token that only the owner can read.

A request is a command, or a question by its name; the answer is what it came to, or the error in its
parts, so that the caller can say it in its own language. Frames are 4 bytes of length and MessagePack.
The node first proves that it knows the token, so that nobody on the port of a dead node answers for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from katchi import errors
from katchi.errors import KatchiError, LinkFailed
from katchi.node.commands import NodeCommand, Written

REQUEST_SIZE_MAX = 1024 * 1024
ANSWER_SIZE_MAX = 256 * 1024 * 1024
ANSWER_S_MAX = 60.0
PROOF_S_MAX = 10.0
NONCE_SIZE = 32

Question = Callable[[Mapping[str, Any]], Awaitable[Any]]
Submit = Callable[[NodeCommand], Awaitable[Written]]


class Address(msgspec.Struct, frozen=True):
    """Where a running node listens for its own command line."""

    port: int
    token: str
    pid: int


class Request(msgspec.Struct, frozen=True):
    """A command, or a question with its arguments."""

    token: str
    command: NodeCommand | None = None
    question: str = ""
    arguments: dict[str, Any] = {}


class Failure(msgspec.Struct, frozen=True):
    """An error in its parts."""

    error: str
    message: str
    hint: str
    parameters: dict[str, Any]
    reason: str = ""
    field: str = ""
    others: tuple[Failure, ...] = ()  # what else is wrong with the input


class Answer(msgspec.Struct, frozen=True):
    """What a request came to."""

    failure: Failure | None = None
    written: Written | None = None
    result: Any = None


class ControlServer:
    """Answers the command line of this machine's owner."""

    def __init__(self, path: Path, submit: Submit, questions: Mapping[str, Question]) -> None:
        self._path, self._submit, self._questions = path, submit, questions
        self._token = secrets.token_hex(32)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen, and write where and with which token."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        draft = self._path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(Address(port, self._token, os.getpid())))
        draft.replace(self._path)

    async def close(self) -> None:
        """Stop listening."""
        self._path.unlink(missing_ok=True)
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()

    def knows(self, token: str) -> bool:
        """Return whether a token is the one that only this node's owner can read."""
        return hmac.compare_digest(token.encode(), self._token.encode())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            writer.write(_proof(self._token, await reader.readexactly(NONCE_SIZE)))
            while True:
                size = int.from_bytes(await reader.readexactly(4), "big")
                if size > REQUEST_SIZE_MAX:
                    break
                answer = await self._answer(await reader.readexactly(size))
                data = msgspec.msgpack.encode(answer)
                writer.write(len(data).to_bytes(4, "big") + data)
                await writer.drain()
        self._writers.discard(writer)
        writer.close()

    async def _answer(self, data: bytes) -> Answer:
        try:
            request = msgspec.msgpack.decode(data, type=Request)
        except (msgspec.DecodeError, RecursionError) as error:
            return Answer(Failure("Malformed", "the request cannot be read: {error}", "", {"error": str(error)}))
        if not self.knows(request.token):
            return Answer(Failure("NotTrusted", "the token is not this node's", "Run the command as the node's owner.", {}))
        try:
            if request.command is not None:
                return Answer(written=await self._submit(request.command))
            question = self._questions.get(request.question)
            if question is None:
                return Answer(Failure("NotFound", "the node knows no question '{name}'", "", {"name": request.question}))
            return Answer(result=await question(request.arguments))
        except KatchiError as error:
            return Answer(failure_of(error))
        except (ValueError, TypeError, KeyError) as error:
            return Answer(Failure("Malformed", "the question cannot be answered: {error}", "", {"error": repr(error)}))


def _proof(token: str, nonce: bytes) -> bytes:
    """Return what shows to the one who drew `nonce` that we know the token."""
    return hmac.digest(token.encode(), b"katchi control 1\n" + nonce, "sha256")


def failure_of(error: KatchiError) -> Failure:
    """Return an error in its parts."""
    if isinstance(error, errors.Unverified):
        return Failure("Unverified", error.detail.template, "", dict(error.detail.parameters), error.reason)
    others = tuple(map(failure_of, error.others)) if isinstance(error, errors.Malformed) else ()
    kind, parameters = type(error).__name__, dict(error.parameters)
    return Failure(kind, error.message, error.hint_template, parameters, field=error.field, others=others)


def error_of(failure: Failure) -> KatchiError:
    """Return the error that a failure tells of."""
    kind = getattr(errors, failure.error, KatchiError)
    if kind is errors.Unverified:
        return errors.Unverified(failure.reason, failure.message, **failure.parameters)
    error: KatchiError = kind(failure.message, hint=failure.hint, field=failure.field, **failure.parameters)
    if isinstance(error, errors.Malformed):
        others = map(error_of, failure.others)
        error.others = tuple(other for other in others if isinstance(other, errors.Malformed))
    return error


class ControlClient:
    """The command line's end."""

    def __init__(self, address: Address) -> None:
        self._token = address.token
        self._socket = socket.create_connection(("127.0.0.1", address.port), timeout=PROOF_S_MAX)
        self._file = self._socket.makefile("rb")
        try:
            self._require_proof()
        except OSError:
            self.close()
            raise
        self._socket.settimeout(ANSWER_S_MAX)

    @classmethod
    def found(cls, path: Path) -> ControlClient | None:
        """Return a client of the node that wrote `path`, None if none runs."""
        try:
            return cls(msgspec.json.decode(path.read_bytes(), type=Address))
        except (OSError, msgspec.DecodeError):
            return None

    def submit(self, command: NodeCommand) -> Written:
        """Give a command; return once it is durable, or raise the node's error."""
        self.send(command)
        return self.next_written()

    def send(self, command: NodeCommand) -> None:
        """Give a command without waiting for its answer."""
        self._send(Request(self._token, command=command))

    def next_written(self) -> Written:
        """Return the answer to the oldest command that was sent."""
        written = self._receive().written
        if written is None:
            raise LinkFailed("the node answered something else", hint="Its version may differ: restart `katchi node serve`.")
        return written

    def ask(self, question: str, **arguments: Any) -> Any:
        """Ask a question by its name."""
        self._send(Request(self._token, question=question, arguments=arguments))
        return self._receive().result

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()

    def _require_proof(self) -> None:
        nonce = secrets.token_bytes(NONCE_SIZE)
        self._socket.sendall(nonce)
        if not hmac.compare_digest(self._file.read(NONCE_SIZE), _proof(self._token, nonce)):
            raise ConnectionRefusedError("what answers on the node's port is not the node")

    def _send(self, request: Request) -> None:
        data = msgspec.msgpack.encode(request)
        try:
            self._socket.sendall(len(data).to_bytes(4, "big") + data)
        except OSError as error:
            raise self._gone(error) from error

    def _receive(self) -> Answer:
        try:
            size = int.from_bytes(self._file.read(4), "big")
            data = self._file.read(size) if 0 < size <= ANSWER_SIZE_MAX else b""
        except OSError as error:
            raise self._gone(error) from error
        if not data:
            raise self._gone(None)
        answer = msgspec.msgpack.decode(data, type=Answer)
        if answer.failure is not None:
            raise error_of(answer.failure)
        return answer

    def _gone(self, error: OSError | None) -> LinkFailed:
        return LinkFailed(
            "the running node did not answer ({error})",
            hint="Whether the command was kept is not known: look with `katchi consultation list` before giving it again.",
            error=str(error or "it closed the connection"),
        )
