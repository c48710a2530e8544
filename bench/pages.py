"""What an officer waits for: each page, and one more entry, as the record grows. Cold caches count."""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from bench.filling import FAR, NEAR, OPEN_LAST
from bench.nodes import seconds
from bench.rows import Row, row
from bench.site import Filled, Site, filled, served
from katchi.serve.clock import now_us
from katchi.testing.builders import SECOND

SIZES = (1_000, 100_000)
MILLION = 1_000_000
TIMES = 60  # requests of each page
AIM_MS = 50.0
HEALTH, ENTRY = "/health", "one more entry, from the button to the whole page"
TEXT = "We hold what you have said, and state our own position in the order in which it was reached. " * 5


def _paths(held: Filled, size: int) -> Mapping[str, Callable[[], str]]:
    """Return what makes an address of each page, drawn anew at each call."""
    chance = random.Random(7)

    def any_id() -> str:
        return chance.choice(held.openings)

    def a_list() -> str:
        more = chance.choice(("", "?show_all=true", f"?show_all=true&before={any_id()}"))
        return f"/consultations{more}"

    def a_consultation() -> str:
        return f"/consultations/{chance.choice((any_id(), chance.choice(held.openings[-OPEN_LAST:])))}"

    def a_record() -> str:
        return f"/rooms/{held.room}?ally={chance.choice((NEAR, FAR))}&start={chance.randrange(size // 2)}"

    def as_of() -> str:
        return f"/rooms/{held.room}/as-of?at={now_us() - chance.randrange(size) * SECOND}"

    plain = ("/", "/rooms", "/link", "/export", HEALTH)
    drawn = {"/consultations": a_list, "/consultations/ID": a_consultation, "/rooms/ID": a_record, "/rooms/ID/as-of": as_of}
    return {**{path: (lambda path=path: path) for path in plain}, **drawn}


class Cost(NamedTuple):
    """What one request took, ms."""

    span: float
    cpu: float  # of the node


def _timed(site: Site, ask: Callable[[], object]) -> Cost:
    used, began = site.cpu_s, seconds()
    ask()
    return Cost((seconds() - began) * 1000, (site.cpu_s - used) * 1000)


def _one_entry(site: Site, opening: str) -> Cost:
    """What it took from sending a position until the page that shows it is whole."""
    form = f"/consultations/{opening}/state-position"
    fields = site.fields_of(form) | {"text": TEXT, "precedence": "routine", "marking": "EXERCISE"}

    def press() -> None:
        answer = site.post(form, fields)
        assert answer.status == 303, answer.body
        page = site.get(answer.headers["location"])
        assert TEXT.strip().encode() in page.body, page

    return _timed(site, press)


def _costs(site: Site, held: Filled, size: int, times: int = TIMES) -> dict[str, list[Cost]]:
    """Return what each page took, and one more entry, in turns drawn at random."""
    paths = _paths(held, size)
    chance = random.Random(9)
    turns = [name for name in (*paths, ENTRY) for _ in range(times)]
    chance.shuffle(turns)
    costs: dict[str, list[Cost]] = defaultdict(list)
    for name in turns:
        if name == ENTRY:
            costs[name].append(_one_entry(site, chance.choice(held.openings[-OPEN_LAST:])))
        else:
            path = paths[name]()
            costs[name].append(_timed(site, lambda path=path: _whole(site, path)))
    return costs


def _whole(site: Site, path: str) -> None:
    answer = site.get(path)
    assert answer.status == 200, (path, answer.status)


def _middle(found: Iterable[float]) -> float:
    return statistics.median(found)


def _high(found: Iterable[float]) -> float:
    """Return the 95th percentile."""
    ordered = sorted(found)
    return ordered[int(len(ordered) * 0.95)]


def rows(sizes: tuple[int, ...] = SIZES) -> list[Row]:
    """Measure every page at each size."""
    found: list[Row] = []
    first: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        for size in sizes:
            held = filled(Path(name), size)
            with served(held.path) as site:
                time.sleep(1)  # what has become due meanwhile climbs to the next post
                costs = _costs(site, held, size)
            health = _middle(cost.span for cost in costs[HEALTH])
            for page, at in sorted(costs.items()):
                span, cpu = _high(cost.span for cost in at), _high(cost.cpu for cost in at)
                first_span, first_cpu = first.setdefault(page, (span, cpu))
                told = f"aim {AIM_MS:.0f} ms; with {sizes[0]:,}"
                found.append(row(f"{page}: p50 at {size:,} entries", _middle(cost.span for cost in at), "ms", HEALTH, health))
                found.append(row(f"{page}: p95 at {size:,} entries", span, "ms", told, first_span))
                found.append(row(f"{page}: the node's CPU, p95 at {size:,} entries", cpu, "ms", told, first_cpu))
    return found


def million_rows() -> list[Row]:
    """Measure every page at each size, to a million entries: filling takes minutes."""
    return rows((*SIZES, MILLION))


if __name__ == "__main__":
    for one in rows(tuple(map(int, sys.argv[1:])) or SIZES):
        print(f"{one.name:70} {one.value:9.2f} {one.unit}   {one.ratio}")
