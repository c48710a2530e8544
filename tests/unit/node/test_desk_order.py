"""The order in which unread messages are to be handled, whatever was read, escalated or taken back meanwhile."""

from __future__ import annotations

import random

import msgspec

from katchi.consult.duty import SECOND, Duty, OnDesk
from katchi.node.desk import Desk
from katchi.vocabulary import Precedence


def test_the_most_urgent_are_those_that_sorting_everything_would_give():
    chance = random.Random(1)
    desk, duty = Desk(Duty()), Duty()
    for number in range(3000):
        draw = chance.random()
        if draw < 0.6 or not desk:
            message = number.to_bytes(32, "big")
            arrived = (number - chance.choice([0, 0, 0, 50])) * SECOND  # a clock that is set back at times
            desk.set(message, OnDesk(message, bytes([number % 9]) * 32, b"r" * 32, chance.choice(list(Precedence)), arrived))
        elif draw < 0.8:
            one = chance.choice(list(desk.values()))
            desk.set(one.message, msgspec.structs.replace(one, step=min(one.step + 1, len(duty.posts) - 1)))
        elif draw < 0.99:
            desk.set(chance.choice(list(desk)), None)
        elif draw < 0.995:
            desk.take_back()
        else:
            desk.keep()
        if number % 100 == 0:
            shown = [(-one.precedence, one.delivered_at) for one in desk.most_urgent(20)]
            assert shown == sorted((-one.precedence, one.delivered_at) for one in desk.values())[:20]
            assert len({one.message for one in desk.most_urgent(10**6)}) == len(desk)


def test_a_message_before_the_last_post_is_shown_and_wakes_nobody():
    desk = Desk(Duty(posts=("duty",)))
    desk.set(b"m" * 32, OnDesk(b"m" * 32, b"o" * 32, b"r" * 32, Precedence.FLASH, 5))
    assert [one.message for one in desk.most_urgent(1)] == [b"m" * 32]
    assert (desk.overdue(10**18), desk.next_due()) == ([], None)
