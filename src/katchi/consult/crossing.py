"""Which messages crossed, and the order in which a timeline is read.

Two messages crossed if neither author stated to have seen the other's (in October 1962 a second,
harder letter overtook the answer to the first). The order follows what each author stated to have
seen; ties are broken by (author's clock, ally). No clock decides what caused what.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from katchi.record.entry import Entry, Header
from katchi.vocabulary import MESSAGES

Place = tuple[int, int]  # (epoch, seq)


def seen_of(header: Header, ally: str) -> Place:
    """Return the newest (epoch, seq) of `ally` that the author states to hold; (-1, -1) if none."""
    for seen in header.sees:
        if seen.ally == ally:
            return seen.epoch, seen.seq
    return -1, -1


def crossed_pairs(entries: Iterable[Entry]) -> list[tuple[bytes, bytes]]:
    """Return the pairs of messages (digests) of different allies of which neither had seen the other."""
    by_ally = _by_ally(entry for entry in entries if entry.header.kind in MESSAGES)
    pairs: list[tuple[bytes, bytes]] = []
    allies = sorted(by_ally)
    for number, ally in enumerate(allies):
        for other in allies[number + 1 :]:
            theirs = by_ally[other]
            places = [_place(entry) for entry in theirs]
            what_they_saw = [seen_of(entry.header, ally) for entry in theirs]
            for entry in by_ally[ally]:
                first = bisect_right(places, seen_of(entry.header, other))
                last = bisect_left(what_they_saw, _place(entry))
                pairs += [(entry.digest, crossing.digest) for crossing in theirs[first:last] if _independent(entry, crossing)]
    return pairs


def in_causal_order(entries: Iterable[Entry]) -> list[Entry]:
    """Return entries so that each comes after all that its author had seen; ties by (at, ally)."""
    queues = {ally: entries[::-1] for ally, entries in _by_ally(entries).items()}
    ordered: list[Entry] = []
    while queues:
        heads = sorted((queue[-1] for queue in queues.values()), key=lambda e: (e.header.at, e.header.ally))
        chosen = next((head for head in heads if _is_next(head, queues)), heads[0])
        ordered.append(chosen)
        queue = queues[chosen.header.ally]
        queue.pop()
        if not queue:
            del queues[chosen.header.ally]
    return ordered


def _by_ally(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.header.ally, []).append(entry)
    for own in found.values():
        own.sort(key=lambda e: (*_place(e), e.digest))
    return found


def _place(entry: Entry) -> Place:
    return entry.header.epoch, entry.header.seq


def _independent(one: Entry, other: Entry) -> bool:
    return other.digest not in one.header.about and one.digest not in other.header.about


def _is_next(head: Entry, queues: dict[str, list[Entry]]) -> bool:
    waiting: Sequence[Entry] = [queue[-1] for ally, queue in queues.items() if ally != head.header.ally]
    return all(
        _place(other) > seen_of(head.header, other.header.ally) and other.digest not in head.header.about for other in waiting
    )
