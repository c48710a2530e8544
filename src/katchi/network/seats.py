"""When a post has how many seats: its shifts, written out where they repeat, and its absences."""

from __future__ import annotations

from typing import NamedTuple

from katchi.network.model import REPEATS_MAX, Network, Post


class Turn(NamedTuple):
    """A post gains or loses seats."""

    at_s: float
    post: int
    by: int


def seats_at_start(post: Post) -> int:
    """Return how many seats a post has at time 0."""
    return _seats(post, 0.0)


def seat_turns(network: Network) -> list[Turn]:
    """Return when which post gains or loses seats after the start, in order; shifts that repeat are written out."""
    turns = []
    for number, post in enumerate(network.posts):
        repeats = range(REPEATS_MAX) if post.repeat_s else range(1)
        times = {shift.from_s + i * post.repeat_s for shift in post.shifts for i in repeats}
        for absence in post.absences:
            times |= {absence.span.from_s, absence.span.until_s}
        before = seats_at_start(post)
        for at in sorted(times - {0.0}):
            now = _seats(post, at)
            if now != before:
                turns.append(Turn(at, number, now - before))
            before = now
    return sorted(turns)


def _seats(post: Post, at_s: float) -> int:
    begun = [shift for shift in post.shifts if shift.from_s <= at_s]
    seats = begun[-1].seats if begun else post.seats
    if begun and post.repeat_s:
        # The same sums as in `seat_turns`: a shift begins at the very float at which its turn was written.
        about = int((at_s - post.shifts[0].from_s) / post.repeat_s)
        rounds = {min(max(about + i, 0), REPEATS_MAX - 1) for i in (-1, 0, 1)}
        starts = [(shift.from_s + i * post.repeat_s, shift.seats) for shift in post.shifts for i in rounds]
        seats = max(start for start in starts if start[0] <= at_s)[1]
    return min([seats, *(one.seats for one in post.absences if one.span.from_s <= at_s < one.span.until_s)])
