"""Drives the node machine: one writer, group commit, timers. It knows no rule of the record.

Inputs gather while a batch is being made durable; then they go in together and become the next batch.
Frames alone wait a moment more, so that a stream of them costs one batch a moment and not one a frame.
So does what follows a small send: the first entry goes at once, those of a stream a moment's together.
An officer is told, and a peer is sent, only what is durable. A batch that fails is rolled back whole:
its commands fail, its frames will come again. Each ally's frames have their own bounded queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from katchi.errors import KatchiError, LinkFailed, StoreFailed
from katchi.link.faults import last_frame
from katchi.node.batch import Batch, Store
from katchi.node.commands import NodeCommand, Written
from katchi.node.machine import Machine
from katchi.node.notices import Notice

COMMANDS_A_GROUP = 256
FRAMES_A_GROUP = 32
FRAMES_QUEUED_MAX = 64
GATHER_S = 0.005  # from a batch until frames alone make another, and from a send until the next: `have` waits as long
GATHERED_BYTES_MAX = 64 * 1024  # more than that has waited long enough
ANSWERING_S_MAX = 0.02  # then whoever commands has a turn before the next question
QUICK_S = 0.003  # a disk that took the last batch in less is quick
WAKE_AT_LEAST_EVERY_S = 1.0  # whatever the clock did meanwhile
LAST_WORD_S_MAX = 1.0  # so long a peer that we read no more from has to take our reason

Answer = TypeVar("Answer")
Send = Callable[[list[bytes]], Awaitable[None]]


class Bearer:
    """A way to one ally's node that is up: its frames wait here, what is sent goes one write at a time."""

    def __init__(self, ally: str, send: Send, fail: Callable[[KatchiError], None]) -> None:
        self.ally, self.send, self.fail = ally, send, fail
        self.frames: deque[bytes] = deque()
        self.has_room = asyncio.Event()
        self.has_room.set()
        self.sending: asyncio.Task[None] | None = None
        self.gathers_until = 0.0  # by time.perf_counter: nothing more is sent before
        self.is_held_back = False  # something may be waiting for that


class Driver:
    """The one writer of a node."""

    def __init__(
        self,
        machine: Machine,
        store: Store,
        clock: Callable[[], int],
        *,
        on_notice: Callable[[Notice], None] = lambda _: None,
        on_kept: Callable[[Batch], None] = lambda _: None,
    ) -> None:
        self.machine, self._store, self._clock, self._on_notice, self._on_kept = machine, store, clock, on_notice, on_kept
        self._commands: deque[tuple[NodeCommand, asyncio.Future[Written]]] = deque()
        self._questions: deque[tuple[Callable[[], Any], asyncio.Future[Any]]] = deque()
        self._bearers: dict[str, Bearer] = {}
        self._parting: set[asyncio.Task[None]] = set()  # held, or the loop may forget them
        self._wake = asyncio.Event()
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._kept_in_s = QUICK_S  # how long the last batch took
        self._gathers_until = 0.0  # by time.perf_counter
        self._has_ended = False
        self.store_failed: StoreFailed | None = None

    async def submit(self, command: NodeCommand) -> Written:
        """Give a command to the node; return once what it wrote is durable, or raise why not."""
        self._require_running()
        answer: asyncio.Future[Written] = asyncio.get_running_loop().create_future()
        self._commands.append((command, answer))
        self._wake.set()
        return await answer

    async def ask(self, question: Callable[[], Answer]) -> Answer:
        """Run `question` between two batches, when all that the machine holds is durable."""
        self._require_running()
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._questions.append((question, answer))
        self._wake.set()
        return await answer

    def _require_running(self) -> None:
        if self._has_ended:
            raise _ended()

    # Bearers.

    def attach(self, ally: str, send: Send, fail: Callable[[KatchiError], None]) -> Bearer:
        """A bearer came up: our hello goes out; an earlier one to the same ally is forgotten."""
        self.detach(self._bearers.get(ally))
        bearer = self._bearers[ally] = Bearer(ally, send, fail)
        hello = self.machine.connected(ally, self._clock())
        bearer.sending = asyncio.create_task(self._send(bearer, [hello]))
        return bearer

    def detach(self, bearer: Bearer | None) -> None:
        """A bearer is gone; what it had read and was not taken yet will be sent again."""
        if bearer is None or self._bearers.get(bearer.ally) is not bearer:
            return
        del self._bearers[bearer.ally]
        bearer.has_room.set()
        self.machine.disconnected(bearer.ally, self._clock())
        self._wake.set()

    async def received(self, bearer: Bearer, frame: bytes) -> None:
        """Queue a frame; waits while the ally's queue is full, so that it is pushed back."""
        while len(bearer.frames) >= FRAMES_QUEUED_MAX and self._bearers.get(bearer.ally) is bearer:
            bearer.has_room.clear()
            await bearer.has_room.wait()
        if self._bearers.get(bearer.ally) is bearer:
            bearer.frames.append(frame)
            self._wake.set()

    # The loop.

    async def run(self) -> None:
        """Drive the machine until cancelled."""
        try:
            while True:
                await self._wait()
                if self._has_work:
                    await self._group()
                else:
                    self._pump()
        finally:
            self._has_ended = True
            for _, waiting in (*self._commands, *self._questions):
                if not waiting.done():
                    waiting.set_exception(_ended())
            self._disk.shutdown(wait=True)

    async def _wait(self) -> None:
        if self._wake.is_set():
            await asyncio.sleep(0)  # others' turn: a disk that answers at once would keep it for itself
        else:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._idle_s()):  # not wait_for: on 3.11 it can swallow a cancellation
                    await self._wake.wait()
        self._wake.clear()

    def _idle_s(self) -> float:
        """Seconds until something is due though nothing comes."""
        moment, idle_s = time.perf_counter(), WAKE_AT_LEAST_EVERY_S
        due = self.machine.next_wakeup()
        if due is not None:
            idle_s = min(idle_s, (due - self._clock()) / 1_000_000)
        for bearer in self._bearers.values():
            if bearer.frames:
                idle_s = min(idle_s, self._gathers_until - moment)
            if bearer.is_held_back:
                idle_s = min(idle_s, bearer.gathers_until - moment)
        return max(idle_s, 0.0)

    @property
    def _has_work(self) -> bool:
        """Whether something came or time alone causes something; if not, frames were sent and there is room for more."""
        if self._commands or self._questions or self._have_gathered:
            return True
        due = self.machine.next_wakeup()
        return due is not None and due <= self._clock()

    @property
    def _have_gathered(self) -> bool:
        """Whether frames have come that wait for no others."""
        waiting = [frame for bearer in self._bearers.values() for frame in bearer.frames]
        return bool(waiting) and (time.perf_counter() >= self._gathers_until or sum(map(len, waiting)) >= GATHERED_BYTES_MAX)

    async def _keep(self, batch: Batch) -> None:
        """Make a batch durable. A disk that answers at once is not worth a thread; a slow one holds up nothing else here."""
        began = time.perf_counter()
        if self._kept_in_s < QUICK_S:
            self._store.append(batch)
        else:
            await asyncio.get_running_loop().run_in_executor(self._disk, self._store.append, batch)
        self._kept_in_s = time.perf_counter() - began

    async def _group(self) -> None:
        """Take what has gathered into one batch, make it durable, then answer and send."""
        answers = self._take_commands()
        self._take_frames()
        now = self._clock()
        try:
            self.machine.tick(now)
            batch = self.machine.close_group(now)
            if not batch.is_empty:
                await self._keep(batch)
            self.store_failed = None
        except Exception as error:
            self.machine.rolled_back()
            if isinstance(error, StoreFailed):
                self.store_failed = error
            for answer, _ in answers:
                if not answer.done():
                    answer.set_exception(error)
            if not isinstance(error, KatchiError):
                raise
            self._answer_questions()  # all that the machine still holds is durable
            await asyncio.sleep(0.2)  # a full disk is tried again, not hammered
            return
        self._on_kept(batch)
        self.machine.committed()
        for answer, written in answers:
            if not answer.done():
                answer.set_result(written)
        self._answer_questions()
        self._pump()
        for notice in self.machine.notices:
            self._on_notice(notice)
        self.machine.notices.clear()
        has_frames = any(bearer.frames for bearer in self._bearers.values())  # they waited while the batch was kept
        self._gathers_until = 0.0 if has_frames else time.perf_counter() + GATHER_S
        if self._commands or has_frames:
            self._wake.set()

    def _take_commands(self) -> list[tuple[asyncio.Future[Written], Written]]:
        taken: list[tuple[asyncio.Future[Written], Written]] = []
        for _ in range(min(len(self._commands), COMMANDS_A_GROUP)):
            command, answer = self._commands.popleft()
            if answer.cancelled():
                continue
            try:
                taken.append((answer, self.machine.submit(command, self._clock())))
            except KatchiError as error:
                answer.set_exception(error)
        return taken

    def _take_frames(self) -> None:
        for bearer in list(self._bearers.values()):
            for _ in range(min(len(bearer.frames), FRAMES_A_GROUP)):
                frame = bearer.frames.popleft()
                try:
                    self.machine.receive(bearer.ally, frame, self._clock())
                except KatchiError as error:
                    self.detach(bearer)
                    self._part(bearer, error)
                    break
            bearer.has_room.set()

    def _part(self, bearer: Bearer, error: KatchiError) -> None:
        """Let a bearer go that nothing more is read from; its ally is told why, where it may know."""
        frame = last_frame(error)
        if frame is None:
            bearer.fail(error)
            return
        parting = asyncio.create_task(self._say_last(bearer, frame, error))
        self._parting.add(parting)
        parting.add_done_callback(self._parting.discard)

    async def _say_last(self, bearer: Bearer, frame: bytes, error: KatchiError) -> None:
        with contextlib.suppress(LinkFailed, TimeoutError):
            async with asyncio.timeout(LAST_WORD_S_MAX):
                await bearer.send([frame])
        bearer.fail(error)

    def _answer_questions(self) -> None:
        until = time.perf_counter() + ANSWERING_S_MAX
        while self._questions and time.perf_counter() < until:
            question, answer = self._questions.popleft()
            if answer.done():
                continue
            try:
                answer.set_result(question())
            except Exception as error:  # a question changes nothing, so what it trips over ends nothing
                answer.set_exception(error)
        if self._questions:
            self._wake.set()

    def _pump(self) -> None:
        now, moment = self._clock(), time.perf_counter()
        for bearer in list(self._bearers.values()):
            bearer.is_held_back = moment < bearer.gathers_until
            if bearer.sending is not None or bearer.is_held_back:
                continue
            frames = self.machine.outgoing(bearer.ally, now)
            if frames:
                if sum(map(len, frames)) < GATHERED_BYTES_MAX:
                    bearer.gathers_until = moment + GATHER_S
                bearer.sending = asyncio.create_task(self._send(bearer, frames))

    async def _send(self, bearer: Bearer, frames: list[bytes]) -> None:
        try:
            await bearer.send(frames)
        except LinkFailed as error:
            bearer.fail(error)
            self.detach(bearer)
        finally:
            bearer.sending = None
            self._wake.set()


def _ended() -> LinkFailed:
    """What whoever waits for an answer is told when the node ends: they would wait for ever."""
    return LinkFailed(
        "the node has ended", hint="Whether the command was kept is not known: start the node, and look before giving it again."
    )
