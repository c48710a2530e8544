"""Bodies and papers: asked for in bounds, served only from rooms that both share."""

from __future__ import annotations

from small_node import SmallNode

from katchi.link import frames as f
from katchi.link.holdings import PaperWanted
from katchi.link.requests import (
    BODIES_IN_FLIGHT,
    CHUNKS_A_REQUEST,
    CHUNKS_IN_FLIGHT,
    REQUESTS_QUEUED_MAX,
    SERVE_BYTES,
    Requests,
)
from katchi.testing.builders import a_chain, a_room, an_ally

AZURE, BIRCH, CEDAR = an_ally("azure"), an_ally("birch"), an_ally("cedar")
ROOM = a_room(AZURE, BIRCH)
ELSEWHERE = a_room(AZURE, CEDAR, title="elsewhere")
PAPERS = frozenset({f.PAPERS})
ROOT = b"r" * 32


def digests(count: int, start: int = 0) -> list[bytes]:
    return [number.to_bytes(32, "big") for number in range(start, start + count)]


def wanted(chunks: int, *, first_missing: int = 0, has_leaves: bool = True) -> PaperWanted:
    return PaperWanted(ROOM.id, ROOT, chunks * f.CHUNK_SIZE, "birch", first_missing, has_leaves)


def azure(**attributes: object) -> tuple[SmallNode, Requests]:
    node = SmallNode(AZURE, ROOM, ELSEWHERE)
    for name, value in attributes.items():
        setattr(node, name, value)
    return node, Requests(node, "birch")


def test_a_body_is_asked_for_once_until_it_comes_or_the_peer_was_silent():
    _, requests = azure(wanted_bodies=digests(3))
    assert list(requests.wants(ROOM.id, frozenset())) == [f.WantBodies(ROOM.id, tuple(digests(3)))]
    assert list(requests.wants(ROOM.id, frozenset())) == []
    requests.forget()
    assert list(requests.wants(ROOM.id, frozenset())) == [f.WantBodies(ROOM.id, tuple(digests(3)))]


def test_only_so_many_bodies_are_asked_for_at_a_time():
    node, requests = azure(wanted_bodies=digests(3 * BODIES_IN_FLIGHT))
    (first,) = requests.wants(ROOM.id, frozenset())
    assert len(first.digests) == BODIES_IN_FLIGHT
    for digest in first.digests[: BODIES_IN_FLIGHT // 2]:
        requests.came("body", digest)
        node.wanted_bodies.remove(digest)
    assert list(requests.wants(ROOM.id, frozenset())) == [], "half of them are still to come"
    requests.came("body", first.digests[-1])
    node.wanted_bodies = digests(BODIES_IN_FLIGHT, start=10_000)  # more urgent ones, all of them new
    (second,) = requests.wants(ROOM.id, frozenset())
    assert list(second.digests) == node.wanted_bodies[: BODIES_IN_FLIGHT // 2 + 1]


def test_an_answer_that_was_not_asked_for_is_no_progress():
    _, requests = azure(wanted_bodies=digests(1))
    assert not requests.came("body", digests(1)[0])
    list(requests.wants(ROOM.id, frozenset()))
    assert requests.came("body", digests(1)[0]) and not requests.is_waiting


def test_a_paper_is_asked_for_by_its_leaves_first_and_then_by_chunks_in_order():
    node, requests = azure(wanted_papers=[wanted(3, has_leaves=False)])
    assert list(requests.wants(ROOM.id, PAPERS)) == [f.WantPaper(ROOM.id, ROOT, 0, 0)]
    assert list(requests.wants(ROOM.id, PAPERS)) == []
    requests.came("leaves", ROOT)
    node.wanted_papers = [wanted(3)]
    assert list(requests.wants(ROOM.id, PAPERS)) == [f.WantPaper(ROOM.id, ROOT, 0, 3)]


def test_no_paper_is_asked_for_where_the_peer_has_no_papers():
    _, requests = azure(wanted_papers=[wanted(3)])
    assert list(requests.wants(ROOM.id, frozenset({f.LATE_BODIES}))) == []


def test_only_so_many_chunks_are_asked_for_at_a_time():
    node, requests = azure(wanted_papers=[wanted(100)])
    asked = [frame for _ in range(5) for frame in requests.wants(ROOM.id, PAPERS)]
    assert [(frame.first, frame.count) for frame in asked] == [(0, CHUNKS_A_REQUEST), (CHUNKS_A_REQUEST, CHUNKS_A_REQUEST)]
    assert 2 * CHUNKS_A_REQUEST == CHUNKS_IN_FLIGHT
    for index in range(CHUNKS_A_REQUEST):
        requests.came("chunk", ROOT, index)
    node.wanted_papers = [wanted(100, first_missing=CHUNKS_A_REQUEST)]
    assert [frame.first for frame in requests.wants(ROOM.id, PAPERS)] == [CHUNKS_IN_FLIGHT]


def test_requests_beyond_the_bound_are_passed_over():
    node, requests = azure()
    (entry,) = chain = a_chain(ROOM, AZURE, 1)
    node.keep(ROOM, chain)
    for _ in range(REQUESTS_QUEUED_MAX + 5):
        requests.queue(f.WantBodies(ROOM.id, (entry.digest,)))
    assert len(list(requests.serve({ROOM.id}))) == REQUESTS_QUEUED_MAX


def test_nothing_of_a_room_that_is_not_shared_is_served_even_under_the_name_of_one_that_is():
    node, requests = azure()
    (entry,) = chain = a_chain(ELSEWHERE, AZURE, 1)
    node.keep(ELSEWHERE, chain)
    node.papers[ELSEWHERE.id, ROOT] = b"l" * 32, [b"chunk"]
    for room in (ELSEWHERE.id, ROOM.id):
        requests.queue(f.WantBodies(room, (entry.digest,)))
        requests.queue(f.WantPaper(room, ROOT, 0, 0))
        requests.queue(f.WantPaper(room, ROOT, 0, 1))
    assert list(requests.serve({ROOM.id})) == []


def test_what_is_not_held_is_passed_over_and_the_rest_is_served():
    node, requests = azure()
    one, other = chain = a_chain(ROOM, AZURE, 2)
    node.keep(ROOM, chain)
    requests.queue(f.WantBodies(ROOM.id, (digests(1)[0], other.digest)))
    (bodies,) = requests.serve({ROOM.id})
    assert bodies.bodies == (f.BodyItem(other.digest, other.salt, other.body),)
    assert one.digest not in {item.digest for item in bodies.bodies}


def test_chunks_are_served_a_few_at_a_time_so_that_entries_come_between_them():
    node, requests = azure()
    node.papers[ROOM.id, ROOT] = b"", [b"c" * f.CHUNK_SIZE] * CHUNKS_A_REQUEST
    requests.queue(f.WantPaper(ROOM.id, ROOT, 0, CHUNKS_A_REQUEST))
    served = list(requests.serve({ROOM.id}))
    assert [frame.index for frame in served] == list(range(SERVE_BYTES // f.CHUNK_SIZE))
    while more := list(requests.serve({ROOM.id})):
        served += more
    assert [frame.index for frame in served] == list(range(CHUNKS_A_REQUEST))


def test_many_bodies_are_answered_in_frames_that_are_not_too_large():
    node, requests = azure()
    chain = a_chain(ROOM, AZURE, 20, body={"by": None, "text": "x" * 60_000})
    node.keep(ROOM, chain)
    requests.queue(f.WantBodies(ROOM.id, tuple(entry.digest for entry in chain)))
    frames = [frame for _ in range(20) for frame in requests.serve({ROOM.id})]
    assert sum(len(frame.bodies) for frame in frames) == 20
    assert max(len(f.write_frame(frame)) for frame in frames) < f.FRAME_SIZE_MAX
