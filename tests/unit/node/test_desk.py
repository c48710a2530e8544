"""Unread messages in the order in which they go to the next post, whatever was read, taken back or restarted."""

from __future__ import annotations

import random

import msgspec
import pytest

from katchi.consult.duty import SECOND, Duty, OnDesk
from katchi.node.desk import SWEEP_FROM, Desk
from katchi.vocabulary import Precedence

FLASH_S = 120
DUTY = Duty()


def a_message(number, *, at=0, precedence=Precedence.FLASH, step=0):
    return OnDesk(number.to_bytes(32, "big"), bytes([number % 5]) * 32, b"r" * 32, precedence, at * SECOND, step)


def laid(*messages):
    desk = Desk(DUTY)
    for one in messages:
        desk.set(one.message, one)
    return desk


def climbed(desk, one):
    higher = msgspec.structs.replace(one, step=one.step + 1)
    desk.set(one.message, higher)
    return higher


def overdue_by_looking(desk, now):
    """The same by a look at every message."""
    due = [(one.due_at(DUTY), one.message) for one in desk.values()]
    return sorted((at, message) for at, message in due if at is not None and at <= now)


def test_a_message_goes_to_the_next_post_when_its_time_has_come_and_only_then():
    one = a_message(1, at=5)
    desk = laid(one)
    due = (5 + FLASH_S) * SECOND
    assert (desk.next_due(), desk.overdue(due - 1)) == (due, [])
    assert desk.overdue(due) == [one]
    climbed(desk, one)
    assert desk.next_due() == due + FLASH_S * SECOND


def test_one_that_was_read_or_has_climbed_is_not_overdue_where_it_was():
    one, other, third = (a_message(number) for number in (1, 2, 3))
    desk = laid(one, other, third)
    desk.set(one.message, None)
    climbed(desk, other)
    assert desk.overdue(FLASH_S * SECOND) == [third]
    assert desk.next_due() == 2 * FLASH_S * SECOND


def test_a_clock_that_was_set_back_between_two_messages_makes_neither_late():
    late, early = a_message(1, at=1000), a_message(2, at=10)
    desk = laid(late, early)
    assert desk.next_due() == (10 + FLASH_S) * SECOND
    assert desk.overdue((10 + FLASH_S) * SECOND) == [early]
    assert desk.overdue((1000 + FLASH_S) * SECOND) == [late]


def test_after_a_restart_messages_lie_in_the_order_in_which_they_came():
    messages = [msgspec.structs.replace(a_message(number, at=number), opening=b"o" * 32) for number in range(20)]
    desk = Desk(DUTY)
    desk.load(random.Random(1).sample(messages, 20))
    assert desk.unread(b"o" * 32) == [one.message for one in messages]
    assert [one.message for one in desk.overdue(10**18)] == [one.message for one in messages]


def test_messages_that_were_read_are_not_held_until_they_would_have_been_due():
    desk = Desk(DUTY)
    for number in range(10 * SWEEP_FROM):
        one = a_message(number, precedence=Precedence.ROUTINE)
        desk.set(one.message, one)
        desk.set(one.message, None)
        desk.keep()
    assert sum(map(len, desk._queues.values())) <= SWEEP_FROM + 1
    assert sum(map(len, desk._by_opening.values())) <= SWEEP_FROM + 1


def test_what_is_taken_back_lies_as_it_lay():
    one, other = a_message(1, at=1), a_message(2, at=2)
    desk = laid(one, other)
    desk.keep()
    desk.set(one.message, None)
    third = a_message(3, at=3)
    desk.set(third.message, third)
    climbed(desk, other)
    desk.take_back()
    assert desk == {one.message: one, other.message: other}
    assert desk.overdue(10**18) == [one, other]


@pytest.mark.parametrize("seed", range(5))
def test_the_queues_say_what_a_look_at_every_message_says(seed):
    chance = random.Random(seed)
    desk, now = Desk(DUTY), 0
    for number in range(2000):
        now += chance.choice([0, 1, 1, 30, -20]) * SECOND
        draw = chance.random()
        if draw < 0.6 or not desk:
            one = a_message(number, at=now // SECOND, precedence=chance.choice(list(Precedence)))
            desk.set(one.message, one)
        elif draw < 0.8:
            desk.set(chance.choice(list(desk)), None)
        elif draw < 0.9:
            chance.choice([desk.keep, desk.take_back])()
        else:
            expected = overdue_by_looking(desk, now)
            found = desk.overdue(now)
            assert sorted((one.due_at(DUTY), one.message) for one in found) == expected
            assert [one.due_at(DUTY) for one in found] == [due for due, _ in expected]
            for one in found:
                climbed(desk, one)
        due = [at for one in desk.values() if (at := one.due_at(DUTY)) is not None]
        assert desk.next_due() == min(due, default=None)
