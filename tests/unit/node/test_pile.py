"""The columns of the desk: what a dictionary of objects would say, at a third of its memory."""

from __future__ import annotations

import random
import tracemalloc

from katchi.consult.duty import Duty, OnDesk
from katchi.node.desk import Desk
from katchi.node.pile import Pile

BYTES_A_MESSAGE_MAX = 110


def a_message(number, *, size=32):
    opening = (number // 500).to_bytes(size, "big")
    return OnDesk(number.to_bytes(size, "little"), opening, b"r" * size, number % 4, number, number % 3)


def test_a_pile_finds_what_lies_there_and_nothing_that_was_taken_off():
    chance, pile, slots = random.Random(1), Pile(), {}
    for number in range(5000):
        one = a_message(number)
        slots[one] = pile.add(one)
        if chance.random() < 0.4:
            gone = chance.choice(list(slots))
            pile.remove(slots.pop(gone))
            assert pile.find(gone.message) is None
    assert pile.size == len(slots)
    assert all(pile.on_desk(pile.find(one.message)) == one for one in slots)
    assert list(pile) == sorted(slots.values())
    assert pile.find(b"never laid".ljust(32)) is None


def test_a_message_that_is_laid_again_lies_in_a_new_slot():
    pile, one = Pile(), a_message(7)
    pile.remove(pile.add(one))
    assert pile.find(one.message) is None
    assert pile.add(one) == 1
    assert pile.on_desk(1) == one
    assert pile.find(one.message) == 1


def test_messages_of_rooms_with_longer_digests_lie_beside_the_others():
    pile = Pile()
    both = [a_message(1), a_message(1, size=48), a_message(0, size=48)]
    for one in both:
        pile.add(one)
    assert [pile.on_desk(pile.find(one.message)) for one in both] == both


def test_an_unread_message_costs_a_node_about_a_hundred_bytes():
    count = 20_000
    tracemalloc.start()
    desk = Desk(Duty())
    for number in range(count):
        one = a_message(number)
        desk.set(one.message, one)
        if number % 100 == 0:
            desk.keep()
    desk.keep()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(desk) == count
    assert held / count < BYTES_A_MESSAGE_MAX


def test_a_message_that_has_climbed_lies_once_before_its_new_post_also_if_it_is_laid_there_twice():
    desk, one = Desk(Duty()), a_message(0)
    desk.set(one.message, one)
    for _ in range(2):
        desk.set(one.message, one.at_step(1))
    assert desk.most_urgent(9) == [one.at_step(1)]
    assert desk.overdue(10**18) == [one.at_step(1)]
    assert desk.unread(one.opening) == [one.message]
