"""The compiled kernel: plays a range of runs and adds them up, with the same bits as interpreter.py, without Python's lock.

One kernel serves every network (they differ in the contents of `Arrays` only); it is compiled once for a computer and kept
in numba's cache (NUMBA_CACHE_DIR moves it; touch this file after changing a constant of chance.py or arrays.py, which the
cache does not watch). A function that is called in a run takes what it needs and not the whole of `Arrays`: passing that
costs more than the call. What will finish when is a short list sorted backwards, which for the few stages in progress at one
moment beats a heap. Import this module only where numba is installed: it is the extra `simulate`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from katchi.network import chance
from katchi.network.arrays import (
    BIN_LOWEST,
    BIN_MANTISSA_BITS,
    BINS,
    TRANSMISSION,
    WORK,
    Arrays,
    Floats,
    Tally,
    empty_tally,
)
from katchi.network.laws import CONSTANT, ERLANG, EXPONENTIAL, LOGNORMAL, PERT, TRIANGULAR, UNIFORM

U64 = np.uint64
GOLDEN, STREAM = U64(chance.GOLDEN), U64(chance.STREAM)
MIX_1, MIX_2 = U64(0xBF58476D1CE4E5B9), U64(0x94D049BB133111EB)
U1, U2, U3, U4, U11, U12, U17, U19, U23, U27, U30, U31, U41, U45, U52 = (
    U64(i) for i in (1, 2, 3, 4, 11, 12, 17, 19, 23, 27, 30, 31, 41, 45, 52)
)
HALF_STEP, STEP = 0.5, 2.0**-52
SPLIT_BITS, EXPONENT_BITS = U64(0x3FE6A09E00000000), U64(0xFFF << 52)
BIAS, WHOLE_BITS, WHOLE_BIASED = U64(1024), U64(0x433 << 52), 2.0**52 + 1024.0  # 2^52 + n has the bits of n
BIN_SHIFT = 52 - BIN_MANTISSA_BITS
BIN_BASE = (1023 + BIN_LOWEST) << BIN_MANTISSA_BITS
LN2_HI, LN2_LO, LN2_INVERSE = chance.LN2_HI, chance.LN2_LO, chance.LN2_INVERSE
LOG_1, LOG_2, LOG_3, LOG_4 = chance.LOG_1, chance.LOG_2, chance.LOG_3, chance.LOG_4
LOG_5, LOG_6, LOG_7 = chance.LOG_5, chance.LOG_6, chance.LOG_7
EXP_1, EXP_2, EXP_3, EXP_4, EXP_5 = chance.EXP_1, chance.EXP_2, chance.EXP_3, chance.EXP_4, chance.EXP_5
NORMAL = np.array([chance.NORMAL_MIDDLE, chance.NORMAL_NEAR, chance.NORMAL_FAR])
START, NOTHING = -1, -2  # instead of a stage: the run begins; no stage has finished, seats change
UP, DOWN, TURN = 0, 1, 2  # columns of `turns`: the means of a switch, then when it turns
DRAWN, PASSED, DOWN_FIRST = 0, 1, 2  # columns of `counts`: turns drawn, turns passed by now, whether it begins down
STREAM_NUMBER = 4  # column of `state`, behind the four words
ALWAYS_UP, MANY = -1, -2  # instead of the one switch that a bearer hangs on
NO_POINTS = NOTHING_KEPT = np.empty((0, 0))
TURNS_FIRST = 64  # room for the outages of one run; doubled, and the run begun anew, where it needs more

compile_ = njit(cache=True, nogil=True, fastmath=False, boundscheck=False, error_model="numpy")
inline = njit(cache=True, nogil=True, fastmath=False, boundscheck=False, error_model="numpy", inline="always")


@inline
def _mix(x):  # type: ignore[no-untyped-def]
    x = (x ^ (x >> U30)) * MIX_1
    x = (x ^ (x >> U27)) * MIX_2
    return x ^ (x >> U31)


@inline
def _log(x):  # type: ignore[no-untyped-def]
    bits = np.float64(x).view(np.uint64)
    above = bits - SPLIT_BITS  # wraps below 1: the sign of the exponent is put right by its bias
    mantissa = np.uint64(bits - (above & EXPONENT_BITS)).view(np.float64)
    biased = (above + (BIAS << U52)) >> U52
    k = np.uint64(biased | WHOLE_BITS).view(np.float64) - WHOLE_BIASED  # exact, and vectors of it are known to all processors
    f = mantissa - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = w * (LOG_2 + w * (LOG_4 + w * LOG_6))
    even = z * (LOG_1 + w * (LOG_3 + w * (LOG_5 + w * LOG_7)))
    half = 0.5 * f * f
    return k * LN2_HI - ((half - (s * (half + (even + odd)) + k * LN2_LO)) - f)


@compile_
def _exp(x):  # type: ignore[no-untyped-def]
    x = min(max(x, -700.0), 700.0)
    k = math.floor(x * LN2_INVERSE + 0.5)
    high = x - k * LN2_HI
    low = k * LN2_LO
    r = high - low
    t = r * r
    c = r - t * (EXP_1 + t * (EXP_2 + t * (EXP_3 + t * (EXP_4 + t * EXP_5))))
    scale = np.int64((np.int64(k) + 1023) << 52).view(np.float64)
    return (1.0 - ((low - (r * c) / (2.0 - c)) - high)) * scale


@compile_
def _ratio(r, row):  # type: ignore[no-untyped-def]
    above, below = 0.0, 0.0
    for i in range(8):
        above = above * r + NORMAL[row, i]
        below = below * r + NORMAL[row, 8 + i]
    return above / below


@compile_
def _normal(u):  # type: ignore[no-untyped-def]
    q = u - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        return q * _ratio(r, 0)
    r = math.sqrt(-_log(u if q < 0.0 else 1.0 - u))
    value = _ratio(r - 1.6, 1) if r <= 5.0 else _ratio(r - 5.0, 2)
    return -value if q < 0.0 else value


@inline
def _next_uniform(state, number):  # type: ignore[no-untyped-def]
    s0, s1, s2, s3 = state[number, 0], state[number, 1], state[number, 2], state[number, 3]
    total = s0 + s3
    drawn = ((total << U23) | (total >> U41)) + s0
    shifted = s1 << U17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = (s3 << U45) | (s3 >> U19)
    state[number, 0], state[number, 1], state[number, 2], state[number, 3] = s0, s1, s2, s3
    return (np.float64(np.int64(drawn >> U12)) + HALF_STEP) * STEP


@inline
def _draw(key, numbers):  # type: ignore[no-untyped-def]
    """Fill in the uniform numbers of a run."""
    start = _mix(key)
    s0, s1 = _mix(start + GOLDEN), _mix(start + U2 * GOLDEN)
    s2, s3 = _mix(start + U3 * GOLDEN), _mix(start + U4 * GOLDEN)
    for i in range(numbers.shape[0]):
        total = s0 + s3
        drawn = ((total << U23) | (total >> U41)) + s0
        shifted = s1 << U17
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        s2 ^= shifted
        s3 = (s3 << U45) | (s3 >> U19)
        numbers[i] = (np.float64(np.int64(drawn >> U12)) + HALF_STEP) * STEP


@compile_
def _other_duration(law, a, b, c, draw, draws, first, size, numbers, table, upto):  # type: ignore[no-untyped-def]
    """Return a duration of any law but the exponential and the constant."""
    number = numbers[draw]
    if law == ERLANG:
        for i in range(draw + 1, draw + draws):
            number += numbers[i]
        return a * number
    if law == LOGNORMAL:
        return a * _exp(b * _normal(number))
    if law == UNIFORM:
        return a + b * number
    if law == TRIANGULAR:
        if number * b < c:
            return a + math.sqrt(number * b * c)
        return a + (b - math.sqrt((1.0 - number) * b * (b - c)))
    if law == PERT:
        low_cell, high_cell = first, first + size  # the last cell that begins at or before the number
        while high_cell - low_cell > 1:
            middle = (low_cell + high_cell) >> 1
            if upto[middle] <= number:
                low_cell = middle
            else:
                high_cell = middle
        low, high = upto[low_cell], upto[low_cell + 1]
        width = table[low_cell + 1] - table[low_cell]
        return a + b * (table[low_cell] + width * ((number - low) / (high - low)))
    return table[first + np.int64(number * size)]


@inline
def _turn_number(number, state, points, run, first, each, i, has_more):  # type: ignore[no-untyped-def]
    """Return the i-th uniform number of a switch: given for this run, or drawn."""
    if has_more and i < each:
        return points[run, first + i]
    return _next_uniform(state, number)


@inline
def _start_switch(number, key, state, turns, counts, points, run, each, has_more):  # type: ignore[no-untyped-def]
    """Draw whether a switch is up at the start, and its first turn."""
    up, down = turns[number, UP], turns[number, DOWN]
    start = _mix(key + state[number, STREAM_NUMBER] * STREAM)
    state[number, 0], state[number, 1] = _mix(start + GOLDEN), _mix(start + U2 * GOLDEN)
    state[number, 2], state[number, 3] = _mix(start + U3 * GOLDEN), _mix(start + U4 * GOLDEN)
    first = points.shape[1] - (turns.shape[0] - number) * each
    is_down = _turn_number(number, state, points, run, first, each, 0, has_more) >= up / (up + down)
    counts[number, DOWN_FIRST] = 1 if is_down else 0
    turns[number, TURN] = 0.0 + (down if is_down else up) * -_log(
        _turn_number(number, state, points, run, first, each, 1, has_more)
    )
    counts[number, DRAWN] = 1
    counts[number, PASSED] = 0


@inline
def _carried(number, key, now, needed, state, turns, counts, points, run, each, has_more):  # type: ignore[no-untyped-def]
    """Return when a transmission that begins now has had its up-time; below 0 if `turns` has no more room."""
    if counts[number, DRAWN] == 0:
        _start_switch(number, key, state, turns, counts, points, run, each, has_more)
    given = points.shape[1] - (turns.shape[0] - number) * each
    count, turn, first = counts[number, DRAWN], counts[number, PASSED], counts[number, DOWN_FIRST]
    at, left, finish = now, needed, -1.0
    while True:
        if turn == count:
            if count == turns.shape[1] - TURN:
                break
            mean = turns[number, DOWN if (count + first) & 1 else UP]
            drawn = mean * -_log(_turn_number(number, state, points, run, given, each, count + 1, has_more))
            turns[number, TURN + count] = turns[number, TURN + count - 1] + drawn
            count += 1
        ends = turns[number, TURN + turn]
        if ends <= now:
            turn += 1
            counts[number, PASSED] = turn
            continue
        if (turn + first) & 1 == 0:
            if at + left <= ends:
                finish = at + left
                break
            left -= ends - at
        at = ends
        turn += 1
    counts[number, DRAWN] = count
    return finish


@compile_
def _until(number, key, time, state, turns, counts, points, run, each):  # type: ignore[no-untyped-def]
    """Return whether a switch is up just after `time`, and until when; below 0 if `turns` has no more room."""
    if counts[number, DRAWN] == 0:
        _start_switch(number, key, state, turns, counts, points, run, each, True)
    given = points.shape[1] - (turns.shape[0] - number) * each
    turn, first = counts[number, PASSED], counts[number, DOWN_FIRST]
    while True:
        count = counts[number, DRAWN]
        if turn == count:
            if count == turns.shape[1] - TURN:
                return False, -1.0
            mean = turns[number, DOWN if (count + first) & 1 else UP]
            drawn = mean * -_log(_turn_number(number, state, points, run, given, each, count + 1, True))
            turns[number, TURN + count] = turns[number, TURN + count - 1] + drawn
            counts[number, DRAWN] = count + 1
        if turns[number, TURN + turn] > time:
            return (turn + first) & 1 == 0, turns[number, TURN + turn]
        turn += 1


@compile_
def _carried_by_all(hangs_on, cuts, key, now, needed, state, turns, counts, points, run, each):  # type: ignore[no-untyped-def]
    """As `_carried`, for a bearer that needs several switches to be up, or has outages by the script: shape (cuts, 2)."""
    at, left = now, needed
    while True:
        is_up, down_until, up_until = True, 0.0, math.inf
        for number in hangs_on:
            up, until = _until(number, key, at, state, turns, counts, points, run, each)
            if until < 0.0:
                return until
            if up:
                up_until = min(up_until, until)
            else:
                is_up, down_until = False, max(down_until, until)
        for cut in range(cuts.shape[0]):
            if at < cuts[cut, 1]:
                if cuts[cut, 0] <= at:
                    is_up, down_until = False, max(down_until, cuts[cut, 1])
                else:
                    up_until = min(up_until, cuts[cut, 0])
                break
        if not is_up:
            at = down_until
        elif at + left <= up_until:
            return at + left
        else:
            left -= up_until - at
            at = up_until


@compile_
def _is_waiting(head, tail):  # type: ignore[no-untyped-def]
    waiting = 0
    for post in range(head.shape[0]):
        waiting += tail[post] - head[post]
    return waiting > 0


@compile_
def _factors(sigmas, draws, numbers, factors):  # type: ignore[no-untyped-def]
    """Draw what the stages under each factor have in common."""
    for i in range(factors.shape[0]):
        sigma = sigmas[i]
        factors[i] = _exp(sigma * _normal(numbers[draws[i]]) - 0.5 * (sigma * sigma))


def _player(has_more: bool) -> Any:
    """Return the kernel: for every network, or without shifts, factors, given numbers and bearers on several switches.

    What is not there costs nothing: the compiler leaves it out.
    """

    @compile_
    def play(flat, seed, first_run, count, tally, times, points, room):  # type: ignore[no-untyped-def]
        """Play runs into `tally` and `times`; return how many, fewer if one has more outages than there is room for."""
        n, posts, bearers, questions = (
            flat.kind.shape[0],
            flat.seats.shape[0],
            flat.switch_first.shape[0] - 1,
            flat.asked.shape[0],
        )
        switch_count, shift_count, factor_count = flat.up_mean.shape[0], flat.shift_at.shape[0], flat.sigma.shape[0]
        given = points.shape[0] > 0
        each = (points.shape[1] - flat.sizes[0]) // switch_count if given and switch_count else 0
        drawn_count, exponential = flat.sizes[0], flat.sizes[1]
        numbers = np.empty(drawn_count, np.float64)
        need, seats = np.empty(n, np.int64), np.empty(posts, np.int64)
        began, finished, up_time = np.empty(n), np.empty(n), np.empty(n)
        cause = np.empty(n, np.int64)
        queue, head, tail = np.empty(n, np.int64), np.empty(posts, np.int64), np.empty(posts, np.int64)
        due, due_stage = np.empty(n), np.empty(n, np.int64)  # sorted: the earliest last
        beginning = np.empty(n, np.int64)
        queued_at, queued_by, waited = np.empty(n), np.empty(n, np.int64), np.zeros(n)  # of work that a shift may begin
        factors = np.empty(factor_count)
        carrier = np.empty(bearers, np.int64)  # the one switch that a bearer hangs on, ALWAYS_UP or MANY
        for bearer in range(bearers):
            first = flat.switch_first[bearer]
            hangs_on = flat.switch_first[bearer + 1] - first
            if flat.cut_first[bearer] < flat.cut_first[bearer + 1] or hangs_on > 1:
                carrier[bearer] = MANY
            else:
                carrier[bearer] = flat.switch[first] if hangs_on == 1 else ALWAYS_UP
        state = np.empty((switch_count, STREAM_NUMBER + 1), np.uint64)
        turns = np.empty((switch_count, TURN + room))
        counts = np.empty((switch_count, DOWN_FIRST + 1), np.int64)
        for i in range(switch_count):
            state[i, STREAM_NUMBER] = U64(flat.stream[i])
            turns[i, UP], turns[i, DOWN] = flat.up_mean[i], flat.down_mean[i]
        seen, seen_group = np.full(posts + bearers, np.int64(-1)), np.full(flat.sizes[2], np.int64(-1))
        sources = np.empty(n, np.int64)
        source_count = 0
        for stage in range(n):
            if flat.need[stage] == 0:
                sources[source_count] = stage
                source_count += 1
        seed_key = _mix(seed + GOLDEN)

        for offset in range(count):
            key = _mix(seed_key + (first_run + U64(offset)) * GOLDEN)
            if has_more and given:
                for i in range(drawn_count):
                    numbers[i] = points[offset, i]
            else:
                _draw(key, numbers)
            for i in range(exponential):
                numbers[i] = -_log(numbers[i])
            if has_more:
                _factors(flat.sigma, flat.factor_draw, numbers, factors)
            for i in range(n):
                need[i] = flat.need[i]
                finished[i] = math.inf
            for i in range(posts):
                seats[i] = flat.seats[i]
                head[i] = flat.queue_first[i]
                tail[i] = flat.queue_first[i]
            for i in range(switch_count):
                counts[i, DRAWN] = 0
            due_count, shift = 0, 0
            now, stage, taken = 0.0, START, -1
            edge, last_edge = 0, source_count
            changes_seats = False

            while True:
                # What has become ready: after `stage`, or at the start.
                begin_count = 0
                if stage >= 0 and flat.kind[stage] == WORK:
                    post = flat.place[stage]
                    if head[post] < tail[post] and seats[post] >= 0:
                        beginning[0] = queue[head[post]]
                        begin_count = 1
                        head[post] += 1
                    else:
                        seats[post] += 1
                elif has_more and changes_seats:
                    post = flat.shift_post[shift - 1]
                    seats[post] += flat.shift_by[shift - 1]
                    while seats[post] > 0 and head[post] < tail[post]:
                        beginning[begin_count] = queue[head[post]]
                        begin_count += 1
                        head[post] += 1
                        seats[post] -= 1
                for i in range(edge, last_edge):
                    if stage == START:
                        later = sources[i]
                    else:
                        branch = flat.edge_branch[i]
                        if branch >= 0 and branch != taken:
                            continue
                        later = flat.edge_to[i]
                        need[later] -= 1
                        if need[later] != 0:
                            continue
                    if flat.kind[later] == WORK:
                        post = flat.place[later]
                        if seats[post] <= 0:
                            queue[tail[post]] = later
                            tail[post] += 1
                            if has_more:
                                queued_at[later], queued_by[later] = now, stage
                            continue
                        seats[post] -= 1
                    beginning[begin_count] = later
                    begin_count += 1

                for i in range(begin_count):
                    later = beginning[i]
                    law = flat.law[later]
                    if law == EXPONENTIAL:
                        duration = flat.a[later] * numbers[flat.draw[later]]
                    elif law == CONSTANT:
                        duration = flat.a[later]
                    else:
                        duration = _other_duration(
                            law, flat.a[later], flat.b[later], flat.c[later], flat.draw[later], flat.draws[later],
                            flat.table_first[later], flat.table_size[later], numbers, flat.table, flat.upto,
                        )  # fmt: skip
                    if has_more and flat.factor[later] >= 0:
                        duration *= factors[flat.factor[later]]
                    finish = now + duration
                    if flat.kind[later] == TRANSMISSION:
                        up_time[later] = duration
                        bearer = flat.place[later] - posts
                        number = carrier[bearer]
                        if number >= 0:
                            finish = _carried(number, key, now, duration, state, turns, counts, points, offset, each, has_more)
                        elif has_more and number == MANY:
                            hangs_on = flat.switch[flat.switch_first[bearer] : flat.switch_first[bearer + 1]]
                            cuts = flat.cuts[flat.cut_first[bearer] : flat.cut_first[bearer + 1]]
                            finish = _carried_by_all(
                                hangs_on, cuts, key, now, duration, state, turns, counts, points, offset, each
                            )
                        if finish < 0.0:
                            return offset
                    if has_more and changes_seats:
                        began[later], cause[later] = queued_at[later], queued_by[later]
                        waited[later] = now - queued_at[later]
                    else:
                        began[later], cause[later] = now, stage
                        if has_more:
                            waited[later] = 0.0
                    place = due_count
                    while place > 0 and (due[place - 1] < finish or (due[place - 1] == finish and due_stage[place - 1] < later)):
                        due[place], due_stage[place] = due[place - 1], due_stage[place - 1]
                        place -= 1
                    due[place], due_stage[place] = finish, later
                    due_count += 1

                changes_seats = False
                if has_more and shift < shift_count and (due_count == 0 or flat.shift_at[shift] <= due[due_count - 1]):
                    if due_count == 0 and not _is_waiting(head, tail):
                        break
                    changes_seats, now, stage = True, flat.shift_at[shift], NOTHING
                    edge = last_edge = 0
                    shift += 1
                    continue
                if due_count == 0:
                    break
                due_count -= 1
                now, stage = due[due_count], due_stage[due_count]
                finished[stage] = now
                edge, last_edge = flat.edge_first[stage], flat.edge_first[stage + 1]
                if flat.choice[stage] >= 0:
                    number, taken = numbers[flat.choice[stage]], 0
                    while flat.branch_upto[flat.branch_first[stage] + taken] <= number:
                        taken += 1

            for question in range(questions):
                at = finished[flat.asked[question]]
                if times.shape[0] > 0:
                    times[offset, question] = at
                if at < math.inf:
                    if at <= flat.by[question]:
                        tally.hits[question] += 1
                    tally.finished[question] += 1
                    tally.total[question] += at
                    tally.squares[question] += at * at
                    bin_ = (np.float64(at).view(np.int64) >> BIN_SHIFT) - BIN_BASE if at > 0.0 else 0
                    tally.bins[question, min(max(bin_, 0), BINS - 1)] += 1
            stage = flat.asked[0]
            if finished[stage] == math.inf:
                continue
            while stage >= 0:
                span = finished[stage] - began[stage]
                group = flat.group[stage]
                if seen_group[group] != offset:
                    seen_group[group] = offset
                    tally.group_hits[group] += 1
                tally.group_time[group] += span
                place = flat.place[stage]
                if place >= 0:
                    tally.place_time[place] += span
                    if seen[place] != offset:
                        seen[place] = offset
                        tally.place_hits[place] += 1
                    if flat.kind[stage] == TRANSMISSION:
                        tally.outage_time[place] += span - up_time[stage]
                    elif has_more:
                        tally.outage_time[place] += waited[stage]
                stage = cause[stage]
        return count

    return play


_PLAIN, _WHOLE = _player(False), _player(True)


def _play(arrays: Arrays, seed: int, first: int, tally: Tally, times: Floats, points: Floats, count: int) -> None:
    hangs_on = np.diff(arrays.switch_first)
    is_plain = not (len(arrays.shift_at) or len(arrays.sigma) or len(arrays.cuts) or points.size or (hangs_on > 1).any())
    player, room, done = _PLAIN if is_plain else _WHOLE, TURNS_FIRST, 0
    while True:
        rest = times[done:], points[done:]
        done += player(arrays, U64(seed), U64(first + done), count - done, tally, *rest, room)
        if done >= count:
            return
        room *= 2


def tally_of(arrays: Arrays, seed: int, first: int, count: int) -> Tally:
    """Play runs `first` to `first + count - 1` of `seed` and add them up; other threads go on meanwhile."""
    tally = empty_tally(arrays)
    _play(arrays, seed, first, tally, NOTHING_KEPT, NO_POINTS, count)
    tally.runs[0] = count
    return tally


def times_of(arrays: Arrays, seed: int, first: int, count: int) -> Floats:
    """Return when each run finished the stage of each question: shape (count, questions), seconds, inf where it never did."""
    times = np.empty((count, len(arrays.asked)))
    _play(arrays, seed, first, empty_tally(arrays), times, NO_POINTS, count)
    return times


def times_at(arrays: Arrays, points: Floats, seed: int = 0, first: int = 0) -> Floats:
    """Return as `times_of`, played with given uniform numbers instead of chance.

    Args:
        arrays: the network.
        points: shape (runs, D + k x switches), strictly between 0 and 1: a run's numbers, then the first k of each switch;
            what a switch needs beyond is drawn from `seed` and the run's number.
        seed: 0 to 2^64 - 1.
        first: number of the first run.
    """
    times = np.empty((len(points), len(arrays.asked)))
    _play(arrays, seed, first, empty_tally(arrays), times, np.ascontiguousarray(points), len(points))
    return times
