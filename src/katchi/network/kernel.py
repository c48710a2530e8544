"""The compiled kernel: plays a range of runs and adds them up, with the same bits as interpreter.py, without Python's lock.

One kernel serves every network (they differ in the contents of `Arrays` only); it is compiled once for a computer and kept
in numba's cache (NUMBA_CACHE_DIR moves it; touch this file after changing a constant of chance.py or arrays.py, which the cache
does not watch). What will finish when is a short list sorted backwards, which for the few stages
in progress at one moment beats a heap. Import this module only where numba is installed: it is the extra `simulate`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from katchi.network import chance
from katchi.network.arrays import (
    BIN_LOWEST,
    BIN_MANTISSA_BITS,
    BINS,
    CONSTANT,
    ERLANG,
    EXPONENTIAL,
    LOGNORMAL,
    PERT,
    TRANSMISSION,
    TRIANGULAR,
    UNIFORM,
    WORK,
    Arrays,
    Floats,
    Tally,
    empty_tally,
)

U64 = np.uint64
GOLDEN, STREAM = U64(chance.GOLDEN), U64(chance.STREAM)
MIX_1, MIX_2 = U64(0xBF58476D1CE4E5B9), U64(0x94D049BB133111EB)
U1, U2, U3, U4, U11, U12, U17, U19, U23, U27, U30, U31, U41, U45 = (
    U64(i) for i in (1, 2, 3, 4, 11, 12, 17, 19, 23, 27, 30, 31, 41, 45)
)
HALF_STEP, STEP = 0.5, 2.0**-52
SPLIT_BITS, EXPONENT_BITS = 0x3FE6A09E00000000, 0xFFF << 52
EXPONENT_ONLY = np.int64(EXPONENT_BITS - (1 << 64))
BIN_SHIFT = 52 - BIN_MANTISSA_BITS
BIN_BASE = (1023 + BIN_LOWEST) << BIN_MANTISSA_BITS
LN2_HI, LN2_LO, LN2_INVERSE = chance.LN2_HI, chance.LN2_LO, chance.LN2_INVERSE
LOG_1, LOG_2, LOG_3, LOG_4 = chance.LOG_1, chance.LOG_2, chance.LOG_3, chance.LOG_4
LOG_5, LOG_6, LOG_7 = chance.LOG_5, chance.LOG_6, chance.LOG_7
EXP_1, EXP_2, EXP_3, EXP_4, EXP_5 = chance.EXP_1, chance.EXP_2, chance.EXP_3, chance.EXP_4, chance.EXP_5
NORMAL = np.array([chance.NORMAL_MIDDLE, chance.NORMAL_NEAR, chance.NORMAL_FAR])
TURNS_FIRST = 64  # room for the outages of one run; doubled where a run needs more

compile_ = njit(cache=True, nogil=True, fastmath=False, boundscheck=False, error_model="numpy")
inline = njit(cache=True, nogil=True, fastmath=False, boundscheck=False, error_model="numpy", inline="always")


@inline
def _mix(x):  # type: ignore[no-untyped-def]
    x = (x ^ (x >> U30)) * MIX_1
    x = (x ^ (x >> U27)) * MIX_2
    return x ^ (x >> U31)


@inline
def _log(x):  # type: ignore[no-untyped-def]
    bits = np.float64(x).view(np.int64)
    above = bits - SPLIT_BITS
    mantissa = np.int64(bits - (above & EXPONENT_ONLY)).view(np.float64)
    k = np.float64(above >> 52)
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
def _next_uniform(state):  # type: ignore[no-untyped-def]
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    total = s0 + s3
    drawn = ((total << U23) | (total >> U41)) + s0
    shifted = s1 << U17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = (s3 << U45) | (s3 >> U19)
    state[0], state[1], state[2], state[3] = s0, s1, s2, s3
    return (np.float64(np.int64(drawn >> U12)) + HALF_STEP) * STEP


@compile_
def _other_duration(flat, stage, numbers):  # type: ignore[no-untyped-def]
    """Return a duration of any law but the exponential and the constant."""
    law, a, b, c, draw = flat.law[stage], flat.a[stage], flat.b[stage], flat.c[stage], flat.draw[stage]
    number = numbers[draw]
    if law == ERLANG:
        for i in range(draw + 1, draw + flat.draws[stage]):
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
    first, size = flat.table_first[stage], flat.table_size[stage]
    if law == PERT:
        low_cell, high_cell = first, first + size  # the last cell that begins at or before the number
        while high_cell - low_cell > 1:
            middle = (low_cell + high_cell) >> 1
            if flat.upto[middle] <= number:
                low_cell = middle
            else:
                high_cell = middle
        low, high = flat.upto[low_cell], flat.upto[low_cell + 1]
        width = flat.table[low_cell + 1] - flat.table[low_cell]
        return a + b * (flat.table[low_cell] + width * ((number - low) / (high - low)))
    return flat.table[first + np.int64(number * size)]


@compile_
def _carried(flat, bearer, key, now, needed, stream, turns, drawn, passed, down_first):  # type: ignore[no-untyped-def]
    """Return when a transmission that begins now has had its up-time; below 0 if `turns` has no more room: call again."""
    up, down = flat.up_mean[bearer], flat.down_mean[bearer]
    state, row = stream[bearer], turns[bearer]
    if drawn[bearer] == 0:
        start = _mix(key + U64(1 + bearer) * STREAM)
        for i in range(4):
            state[i] = _mix(start + U64(i + 1) * GOLDEN)
        down_first[bearer] = 1 if _next_uniform(state) >= up / (up + down) else 0
        mean = down if down_first[bearer] else up
        row[0] = 0.0 + mean * -_log(_next_uniform(state))
        drawn[bearer] = 1
        passed[bearer] = 0
    count, turn, first = drawn[bearer], passed[bearer], down_first[bearer]
    at, left, finish = now, needed, -1.0
    while True:
        if turn == count:
            if count == row.shape[0]:
                break
            mean = down if (count + first) & 1 else up
            row[count] = row[count - 1] + mean * -_log(_next_uniform(state))
            count += 1
        if row[turn] <= now:
            turn += 1
            passed[bearer] = turn
            continue
        if (turn + first) & 1 == 0:
            if at + left <= row[turn]:
                finish = at + left
                break
            left -= row[turn] - at
        at = row[turn]
        turn += 1
    drawn[bearer] = count
    return finish


@compile_
def _play(flat, seed, first_run, count, tally, times):  # type: ignore[no-untyped-def]
    n, posts, bearers, questions = flat.kind.shape[0], flat.seats.shape[0], flat.up_mean.shape[0], flat.asked.shape[0]
    drawn_count, exponential = flat.sizes[0], flat.sizes[1]
    numbers = np.empty(drawn_count, np.float64)
    need, seats = np.empty(n, np.int64), np.empty(posts, np.int64)
    began, finished, up_time = np.empty(n), np.empty(n), np.empty(n)
    cause = np.empty(n, np.int64)
    queue, head, tail = np.empty(n, np.int64), np.empty(posts, np.int64), np.empty(posts, np.int64)
    due, due_stage = np.empty(n), np.empty(n, np.int64)  # sorted: the earliest last
    beginning = np.empty(n, np.int64)
    stream = np.empty((bearers, 4), np.uint64)
    turns = np.empty((bearers, TURNS_FIRST))
    turned, passed, down_first = np.empty(bearers, np.int64), np.empty(bearers, np.int64), np.empty(bearers, np.int64)
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
        start = _mix(key)
        s0, s1 = _mix(start + GOLDEN), _mix(start + U2 * GOLDEN)
        s2, s3 = _mix(start + U3 * GOLDEN), _mix(start + U4 * GOLDEN)
        for i in range(drawn_count):
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
        for i in range(exponential):
            numbers[i] = -_log(numbers[i])
        for i in range(n):
            need[i] = flat.need[i]
            finished[i] = math.inf
        for i in range(posts):
            seats[i] = flat.seats[i]
            head[i] = flat.queue_first[i]
            tail[i] = flat.queue_first[i]
        for i in range(bearers):
            turned[i] = 0
        due_count = 0
        now, stage, taken = 0.0, -1, -1
        edge, last_edge = 0, source_count

        while True:
            # What has become ready: after `stage`, or at the start.
            begin_count = 0
            if stage >= 0 and flat.kind[stage] == WORK:
                post = flat.place[stage]
                if head[post] < tail[post]:
                    beginning[0] = queue[head[post]]
                    begin_count = 1
                    head[post] += 1
                else:
                    seats[post] += 1
            for i in range(edge, last_edge):
                if stage < 0:
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
                    if seats[post] == 0:
                        queue[tail[post]] = later
                        tail[post] += 1
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
                    duration = _other_duration(flat, later, numbers)
                finish = now + duration
                if flat.kind[later] == TRANSMISSION:
                    up_time[later] = duration
                    bearer = flat.place[later] - posts
                    if flat.down_mean[bearer] != 0.0:
                        finish = _carried(flat, bearer, key, now, duration, stream, turns, turned, passed, down_first)
                        while finish < 0.0:
                            wider = np.empty((bearers, 2 * turns.shape[1]))
                            wider[:, : turns.shape[1]] = turns
                            turns = wider
                            finish = _carried(flat, bearer, key, now, duration, stream, turns, turned, passed, down_first)
                began[later] = now
                cause[later] = stage
                place = due_count
                while place > 0 and (due[place - 1] < finish or (due[place - 1] == finish and due_stage[place - 1] < later)):
                    due[place], due_stage[place] = due[place - 1], due_stage[place - 1]
                    place -= 1
                due[place], due_stage[place] = finish, later
                due_count += 1

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
            stage = cause[stage]


def tally_of(arrays: Arrays, seed: int, first: int, count: int) -> Tally:
    """Play runs `first` to `first + count - 1` of `seed` and add them up; other threads go on meanwhile."""
    tally = empty_tally(arrays)
    _play(arrays, U64(seed), U64(first), count, tally, np.empty((0, 0)))
    tally.runs[0] = count
    return tally


def times_of(arrays: Arrays, seed: int, first: int, count: int) -> Floats:
    """Return when each run finished the stage of each question: shape (count, questions), seconds, inf where it never did."""
    times = np.empty((count, len(arrays.asked)))
    _play(arrays, U64(seed), U64(first), count, empty_tally(arrays), times)
    return times
