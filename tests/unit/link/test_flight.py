"""What is in flight: bounded, measured, and sent again after a silence."""

from __future__ import annotations

import pytest

from katchi.link.flight import REWIND_AFTER_US_MAX, REWIND_AFTER_US_MIN, SECOND, WINDOW_BYTES_MAX, WINDOW_BYTES_MIN, Flight

KIB = 1024


def test_nothing_more_may_be_sent_once_the_window_is_full_and_again_once_it_is_acknowledged():
    flight = Flight(0)
    flight.sent("chain", 10, flight.window, 0)
    assert not flight.has_room
    flight.landed({"chain": 9}, SECOND)
    assert not flight.has_room, "only a whole run is acknowledged"
    flight.landed({"chain": 10}, SECOND)
    assert flight.has_room and flight.is_empty


@pytest.mark.parametrize(("bytes_a_second", "window"), [(1, WINDOW_BYTES_MIN), (300 * KIB, 300 * KIB), (10**9, WINDOW_BYTES_MAX)])
def test_the_window_comes_to_what_the_peer_takes_in_a_second_within_its_bounds(bytes_a_second, window):
    flight, now = Flight(0), 0
    for length in range(1, 30):
        flight.sent("chain", length, bytes_a_second, now)
        now += SECOND
        flight.landed({"chain": length}, now)
    assert flight.window == pytest.approx(window, rel=0.02)


def test_runs_of_several_chains_are_acknowledged_in_the_order_in_which_they_were_sent():
    flight = Flight(0)
    flight.sent("azure", 1, 100, 0)
    flight.sent("birch", 1, 100, 0)
    flight.landed({"birch": 1}, 1)
    assert not flight.is_empty
    flight.landed({"azure": 1, "birch": 1}, 2)
    assert flight.is_empty


def test_silence_is_counted_from_the_first_run_that_waits_and_doubles_up_to_a_minute():
    flight = Flight(0)
    flight.sent("chain", 1, 100, 5 * SECOND)
    assert flight.silent_at == 5 * SECOND + REWIND_AFTER_US_MIN
    waits = []
    now = flight.silent_at
    for _ in range(6):
        flight.rewound(now)
        assert flight.is_empty and flight.has_room
        waits.append(flight.silent_at - now)
        now = flight.silent_at
    assert waits == [6 * SECOND, 12 * SECOND, 24 * SECOND, 48 * SECOND, REWIND_AFTER_US_MAX, REWIND_AFTER_US_MAX]
    flight.progressed(now)
    assert flight.silent_at == now + REWIND_AFTER_US_MIN, "an answer brings the short wait back"


def test_waiting_for_something_else_does_not_put_off_the_silence_of_a_run():
    flight = Flight(0)
    flight.sent("chain", 1, 100, SECOND)
    flight.waits_from(2 * SECOND)
    assert flight.silent_at == SECOND + REWIND_AFTER_US_MIN


def test_a_clock_that_is_set_back_does_not_put_off_the_silence_by_as_much():
    flight = Flight(0)
    flight.sent("chain", 1, 100, 1000 * SECOND)
    flight.clock_is(10 * SECOND)
    assert flight.silent_at == 10 * SECOND + REWIND_AFTER_US_MIN
