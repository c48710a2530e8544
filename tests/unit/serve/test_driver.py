"""The one writer: what is quick costs no thread, what is slow holds up nothing else, and everybody has a turn."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from katchi.consult import rules
from katchi.errors import LinkFailed
from katchi.node import commands as cmd
from katchi.node.machine import Machine
from katchi.node.settings import Settings
from katchi.serve import driver as driving
from katchi.serve.clock import now_us
from katchi.serve.driver import COMMANDS_A_GROUP, Driver
from katchi.store.memory import MemoryStore
from katchi.testing.builders import an_ally
from katchi.testing.cheap import SUITES

AZURE = an_ally("azure")
QUICK_S = 0.2  # far from what this computer takes for a batch, however busy it is


class Disk(MemoryStore):
    """A store that takes `span_s` for a batch, and notes on which thread it was asked."""

    span_s = 0.0

    def __init__(self):
        super().__init__()
        self.threads = []

    def append(self, batch):
        self.threads.append(threading.get_ident())
        time.sleep(self.span_s)
        super().append(batch)

    @property
    def was_on_the_loop(self):
        return [thread == threading.get_ident() for thread in self.threads]


@pytest.fixture
def disk(monkeypatch):
    monkeypatch.setattr(driving, "QUICK_S", QUICK_S)
    return Disk()


def driven(disk, story):
    """Run a driver while `story(driver)` goes on."""

    async def run():
        machine = Machine(Settings(ally="azure", mode="exercise"), AZURE.known, AZURE.signer, SUITES, disk, bytes)
        driver = Driver(machine, disk, now_us)
        running = asyncio.create_task(driver.run())
        try:
            await driver.submit(cmd.FoundRoom(title="national matters", allies=()))
            return await asyncio.wait_for(story(driver), 20)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    return asyncio.run(run())


async def until(holds):
    """Wait for what the driver does by itself; `driven` gives up after a while."""
    while not holds():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def consult(driver, count):
    for _ in range(count):
        await driver.submit(rules.Open(subject="among ourselves"))


def test_a_quick_disk_is_written_without_a_thread_once_it_has_shown_itself_quick(disk):
    driven(disk, lambda driver: consult(driver, 5))
    assert disk.was_on_the_loop[0] is False, "nothing is known of it yet"
    assert all(disk.was_on_the_loop[1:6])


def test_a_disk_that_becomes_slow_holds_others_up_once_and_not_again(disk):
    async def story(driver):
        await consult(driver, 2)
        disk.span_s = 1.5 * QUICK_S
        await consult(driver, 1)
        writing, turns = asyncio.create_task(consult(driver, 3)), 0
        while not writing.done():
            await asyncio.sleep(0.001)
            turns += 1
        return turns

    assert driven(disk, story) > 20
    assert disk.was_on_the_loop[-3:] == [False] * 3
    assert disk.was_on_the_loop[-4] is True


def test_between_two_batches_on_a_quick_disk_others_have_their_turn(disk):
    async def story(driver):
        await consult(driver, 2)
        before, turns = len(disk.threads), 0
        written = [asyncio.ensure_future(consult(driver, 1)) for _ in range(3 * COMMANDS_A_GROUP)]
        await asyncio.sleep(0)
        seen = {}
        while not written[-1].done():
            seen.setdefault(len(disk.threads) - before, turns)
            turns += 1
            await asyncio.sleep(0)
        return seen

    assert {1, 2} <= set(driven(disk, story)), "this task had a turn after the first batch, and after the second"
    assert all(disk.was_on_the_loop[1:])


def test_what_is_left_to_send_goes_when_a_send_is_over_without_another_batch(disk):
    async def story(driver):
        await consult(driver, 1)
        await asyncio.sleep(0.2)  # all is covered
        sent, groups, rest = [], [], [[b"two"], [b"three"], []]
        driver.machine.connected = lambda ally, now: b"one"
        driver.machine.outgoing = lambda ally, now: rest.pop(0) if rest else []
        closed = driver.machine.close_group

        def close_group(now):
            groups.append(now)
            return closed(now)

        async def send(frames):
            await asyncio.sleep(0)
            sent.extend(frames)

        driver.machine.close_group = close_group
        driver.attach("birch", send, lambda error: None)
        await until(lambda: len(sent) == 3)
        return sent, groups

    sent, groups = driven(disk, story)
    assert sent == [b"one", b"two", b"three"]
    assert groups == []


def test_a_command_has_its_turn_between_questions_that_take_long(disk, monkeypatch):
    monkeypatch.setattr(driving, "ANSWERING_S_MAX", 0.01)

    answered = []

    def take_long():
        time.sleep(0.006)
        answered.append(True)

    async def story(driver):
        asked = [asyncio.ensure_future(driver.ask(take_long)) for _ in range(20)]
        await asyncio.sleep(0)
        await consult(driver, 1)
        so_far = len(answered)
        await asyncio.gather(*asked)
        return so_far

    assert driven(disk, story) < 10
    assert len(answered) == 20


def test_whoever_waits_for_an_answer_is_told_when_the_driver_ends_by_a_fault(disk):
    async def story():
        machine = Machine(Settings(ally="azure", mode="exercise"), AZURE.known, AZURE.signer, SUITES, disk, bytes)
        driver = Driver(machine, disk, now_us)
        running = asyncio.create_task(driver.run())
        await driver.submit(cmd.FoundRoom(title="national matters", allies=()))

        def broken(_now):
            raise ZeroDivisionError

        machine.tick = broken
        waiting = [asyncio.create_task(driver.ask(lambda: 1)) for _ in range(2)]
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(running, 5)
        told = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
        with pytest.raises(LinkFailed, match="has ended"):
            await asyncio.wait_for(driver.submit(cmd.FoundRoom(title="more", allies=())), 5)
        return told

    assert [type(one) for one in asyncio.run(story())] == [LinkFailed, LinkFailed]


def streamed(disk, frames, *, pause_s=0.0, before_s=0.2, command=False):
    """How often frames that come one by one are taken into a batch, and how long after the first they all were."""

    async def story(driver):
        await consult(driver, 1)
        taken, groups = [], []
        driver.machine.connected = lambda ally, now: b"one"
        driver.machine.outgoing = lambda ally, now: []
        driver.machine.receive = lambda ally, frame, now: taken.append(frame)
        ticked = driver.machine.tick

        def tick(now):
            groups.append(len(taken))
            ticked(now)

        async def send(frames):
            await asyncio.sleep(0)

        bearer = driver.attach("birch", send, lambda error: None)
        await asyncio.sleep(before_s)  # what was written is covered: no batch is due by time alone
        driver.machine.tick = tick
        began = time.perf_counter()
        for frame in frames:
            await driver.received(bearer, frame)
            await asyncio.sleep(pause_s)
        if command:
            await consult(driver, 1)
        await until(lambda: len(taken) == len(frames))
        return [count for count in groups if count], time.perf_counter() - began

    return driven(disk, story)


def test_a_frame_after_a_silence_is_taken_at_once(disk, monkeypatch):
    monkeypatch.setattr(driving, "GATHER_S", 0.04)
    groups, took_s = streamed(disk, [b"frame"])
    assert groups == [1]
    assert took_s < 0.04


def test_frames_of_a_stream_gather_and_become_one_batch(disk, monkeypatch):
    monkeypatch.setattr(driving, "GATHER_S", 0.3)
    groups, _ = streamed(disk, [b"frame"] * 20, pause_s=0.001, before_s=0.4)
    assert groups[0] < 20
    assert groups[-1] == 20
    assert len(groups) == 2


def test_frames_that_gather_go_with_the_next_command(disk, monkeypatch):
    monkeypatch.setattr(driving, "GATHER_S", 5.0)
    groups, took_s = streamed(disk, [b"frame"] * 3, command=True)
    assert groups[-1] == 3
    assert took_s < 2


def test_frames_of_many_bytes_wait_for_no_others(disk, monkeypatch):
    monkeypatch.setattr(driving, "GATHER_S", 5.0)
    _, took_s = streamed(disk, [bytes(driving.GATHERED_BYTES_MAX)] * 3)
    assert took_s < 2


def sent(disk, sizes):
    """Let frames of these sizes become ready to send one by one; return how many went together, and when after the first."""

    async def story(driver):
        await consult(driver, 1)
        ready, sends = [], []
        driver.machine.connected = lambda ally, now: b"one"
        driver.machine.outgoing = lambda ally, now: [ready.pop(0) for _ in range(len(ready))]

        async def send(frames):
            sends.append((len(frames), time.perf_counter()))
            await asyncio.sleep(0)

        driver.attach("birch", send, lambda error: None)
        await asyncio.sleep(0.2)  # what was written is covered, and hello is long gone
        sends.clear()
        for size in sizes:
            ready.append(bytes(size))
            await driver.ask(lambda: None)  # a batch, after which the driver looks what to send
        await until(lambda: sum(count for count, _ in sends) == len(sizes))
        return [count for count, _ in sends], [at - sends[0][1] for _, at in sends]

    return driven(disk, story)


def test_the_first_of_a_stream_is_sent_at_once_and_the_others_together_a_moment_later(disk, monkeypatch):
    monkeypatch.setattr(driving, "GATHER_S", 0.15)
    counts, at_s = sent(disk, [100] * 20)
    assert counts == [1, 19]
    assert at_s[1] >= 0.14


def test_what_follows_a_large_send_waits_for_nothing(disk, monkeypatch):
    monkeypatch.setattr(driving, "GATHER_S", 5.0)
    counts, at_s = sent(disk, [driving.GATHERED_BYTES_MAX] * 3)
    assert sum(counts) == 3
    assert at_s[-1] < 2
