"""The node that a command speaks to: the running one, or the directory itself under its lock."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from katchi.errors import KatchiError
from katchi.node.commands import NodeCommand, Written
from katchi.node.machine import Machine
from katchi.node.state import State
from katchi.record.suite import SHIPPED
from katchi.serve.clock import now_us
from katchi.serve.control import ControlClient
from katchi.serve.directory import NodeDirectory
from katchi.serve.questions import QUESTIONS, Asked
from katchi.store.sqlite import SqliteStore


class Office:
    """Gives commands and asks questions; closes what it opened."""

    def __init__(self, path: Path) -> None:
        self.directory = NodeDirectory.open(path)
        self._client = ControlClient.found(self.directory.control_path)
        self._alone: tuple[Machine, SqliteStore] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._client is not None:
            self._client.close()
        if self._alone is not None:
            self._alone[1].close()
            self.directory.__exit__()

    @property
    def is_running(self) -> bool:
        """Whether the node runs, so that what is written goes on the link at once."""
        return self._client is not None

    def submit(self, *commands: NodeCommand) -> list[Written]:
        """Give commands; return once all are durable, or raise the first error."""
        if self._client is not None:
            for command in commands:
                self._client.send(command)
            return [self._client.next_written() for _ in commands]
        if self._alone is None:
            self.directory.locked()
            try:
                self._alone = self.directory.machine()
            except BaseException:
                self.directory.__exit__()
                raise
        machine, store = self._alone
        written = []
        try:
            for command in commands:
                written.append(machine.submit(command, now_us()))
            store.append(machine.close_group(now_us()))
        except KatchiError:
            machine.rolled_back()
            raise
        machine.committed()
        return written

    def ask(self, question: str, **arguments: Any) -> Any:
        """Ask a question by its name; readers take no lock."""
        if self._client is not None:
            return self._client.ask(question, **arguments)
        if self._alone is not None:
            return QUESTIONS[question](Asked(self._alone[0].state, {}), arguments)
        reader = self.directory.reader()
        try:
            state = State(self.directory.settings(), self.directory.own(), SHIPPED, reader)
            return QUESTIONS[question](Asked(state, {}), arguments)
        finally:
            reader.close()
