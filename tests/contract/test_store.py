"""What every store keeps of its promise: the same story for the one in memory and the one in SQLite."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from katchi.errors import StoreFailed
from katchi.node.batch import Batch, Body, Chunk, Kept, Store
from katchi.record.charter import SignedCharter
from katchi.record.entry import Entry
from katchi.store.memory import MemoryStore
from katchi.store.sqlite import SqliteStore
from katchi.testing.builders import (
    a_chain,
    a_checkpoint,
    a_countersignature,
    a_kept,
    a_kept_statement,
    a_room,
    an_ally,
    an_entry,
)

AZURE, BIRCH, CEDAR = an_ally("azure"), an_ally("birch"), an_ally("cedar")
ROOM, OTHER_ROOM = a_room(AZURE, BIRCH), a_room(AZURE, CEDAR, title="elsewhere", hash_name="sha384")
CHAIN, ANSWERS = a_chain(ROOM, AZURE, 12), a_chain(ROOM, BIRCH, 5)
ELSEWHERE = a_chain(OTHER_ROOM, AZURE, 3)
CHECKPOINT = a_checkpoint(ROOM, AZURE, CHAIN)
Make = Callable[[], Store]


@pytest.fixture(params=["memory", "sqlite", "sqlite reopened"])
def kept_by(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Store]]:
    """Return a function that appends batches to a new store and returns it, ready to be asked."""
    stores: list[Store] = []

    def make(*batches: Batch) -> Store:
        path = tmp_path / f"{len(stores)}.db"
        store: Store = MemoryStore() if request.param == "memory" else SqliteStore.create(path)
        for batch in batches:
            store.append(batch)
        if request.param == "sqlite reopened":
            store.close()
            store = SqliteStore.open(path)
        stores.append(store)
        return store

    yield make
    for store in stores:
        store.close()


def without_body(entry: Entry) -> Entry:
    return Entry(entry.header_bytes, entry.signature, None, None, entry.header, entry.digest)


def all_of(chain: list[Entry], **kwargs: object) -> Batch:
    return Batch(entries=[a_kept(entry, **kwargs) for entry in chain])  # type: ignore[arg-type]


def test_an_entry_comes_back_as_it_was_kept_with_all_that_this_node_alone_knows(kept_by):
    kept = Kept(CHAIN[3], 2, ANSWERS[0].digest, 77, "cedar", ("clock-back", "sees-goes-back"))
    store = kept_by(Batch(entries=[kept]))
    assert store.entry(CHAIN[3].digest) == kept
    assert store.entry(CHAIN[4].digest) is None


def test_an_entry_of_a_sha384_room_comes_back(kept_by):
    store = kept_by(all_of(ELSEWHERE))
    assert store.entry(ELSEWHERE[1].digest) == a_kept(ELSEWHERE[1])


def test_locate_says_room_ally_branch_and_seq(kept_by):
    store = kept_by(Batch(entries=[a_kept(CHAIN[0]), a_kept(CHAIN[1], branch=3)]))
    assert store.locate(CHAIN[1].digest) == (ROOM.id, "azure", 3, 1)
    assert store.locate(ANSWERS[0].digest) is None


def test_a_run_is_one_branch_between_two_seqs_in_order_up_to_the_limit(kept_by):
    store = kept_by(
        all_of(ANSWERS), all_of(CHAIN[6:]), all_of(CHAIN[:6]), all_of([an_entry(ROOM, AZURE, 4, b"y" * 32)], branch=1)
    )
    assert [kept.entry for kept in store.run(ROOM.id, "azure", 0, 2, 9, 100)] == CHAIN[2:9]
    assert [kept.entry for kept in store.run(ROOM.id, "azure", 0, 2, 9, 3)] == CHAIN[2:5]
    assert [kept.entry for kept in store.run(ROOM.id, "azure", 0, 10, 2**53, 100)] == CHAIN[10:]
    assert store.run(ROOM.id, "azure", 0, 5, 5, 100) == store.run(ROOM.id, "cedar", 0, 0, 5, 100) == []
    assert len(store.run(ROOM.id, "azure", 1, 0, 100, 100)) == 1


def test_digests_are_those_of_the_run(kept_by):
    store = kept_by(all_of(CHAIN))
    assert list(store.digests(ROOM.id, "azure", 0, 3, 7)) == [entry.digest for entry in CHAIN[3:7]]
    assert list(store.digests(ROOM.id, "azure", 1, 3, 7)) == []


def test_about_gives_the_opening_and_what_belongs_to_it_in_order_of_arrival(kept_by):
    opening = CHAIN[2]
    late = Batch(entries=[a_kept(ANSWERS[1], opening=opening.digest), a_kept(CHAIN[3])])
    store = kept_by(Batch(entries=[a_kept(ANSWERS[0], opening=opening.digest)]), all_of(CHAIN[:3]), late)
    assert [kept.entry for kept in store.about(opening.digest)] == [ANSWERS[0], opening, ANSWERS[1]]
    assert store.about(ANSWERS[4].digest) == []


def test_an_opening_that_names_itself_is_given_once(kept_by):
    store = kept_by(Batch(entries=[a_kept(CHAIN[0], opening=CHAIN[0].digest), a_kept(CHAIN[1], opening=CHAIN[0].digest)]))
    assert [kept.entry for kept in store.about(CHAIN[0].digest)] == CHAIN[:2]


def test_entries_of_a_room_come_in_order_of_arrival(kept_by):
    store = kept_by(all_of(CHAIN[:2]), all_of(ELSEWHERE), all_of(ANSWERS), all_of(CHAIN[2:]))
    assert [kept.entry for kept in store.entries(ROOM.id)] == [*CHAIN[:2], *ANSWERS, *CHAIN[2:]]
    assert [kept.entry for kept in store.entries(OTHER_ROOM.id)] == ELSEWHERE
    assert list(store.entries(b"?" * 32)) == []


def test_entries_beyond_one_page_come_whole_and_in_order(kept_by):
    long = a_chain(ROOM, AZURE, 600)
    store = kept_by(*(all_of(long[i : i + 100]) for i in range(0, 600, 100)))
    assert [kept.entry.header.seq for kept in store.entries(ROOM.id)] == list(range(600))


def test_an_awaited_body_is_listed_until_it_comes_and_is_then_part_of_its_entry(kept_by):
    headers = all_of([without_body(entry) for entry in CHAIN[:3]])
    body = Body(CHAIN[1].digest, CHAIN[1].salt, CHAIN[1].body)
    assert [kept.entry.header.seq for kept in kept_by(headers, all_of(ANSWERS)).awaited(ROOM.id)] == [0, 1, 2]
    store = kept_by(headers, Batch(bodies=[body]))
    assert [kept.entry.header.seq for kept in store.awaited(ROOM.id)] == [0, 2]
    assert store.entry(CHAIN[1].digest).entry == CHAIN[1]


def test_a_body_that_comes_later_brings_the_flags_of_its_entry(kept_by):
    body = Body(CHAIN[1].digest, CHAIN[1].salt, CHAIN[1].body, ("clock-went-back", "body-not-nfc"))
    store = kept_by(all_of([without_body(entry) for entry in CHAIN[:3]]), Batch(bodies=[body]))
    assert [kept.flags for kept in store.entries(ROOM.id)] == [(), ("clock-went-back", "body-not-nfc"), ()]


def test_a_body_may_come_in_the_batch_of_its_header(kept_by):
    body = Body(CHAIN[0].digest, CHAIN[0].salt, CHAIN[0].body)
    store = kept_by(Batch(entries=[a_kept(without_body(CHAIN[0]))], bodies=[body]))
    assert store.entry(CHAIN[0].digest).entry == CHAIN[0]
    assert store.awaited(ROOM.id) == []


def test_a_body_without_its_header_fails_and_nothing_of_its_batch_is_kept(kept_by):
    store = kept_by(all_of(CHAIN[:1]))
    with pytest.raises(StoreFailed, match="not held"):
        store.append(Batch(entries=[a_kept(CHAIN[1])], bodies=[Body(CHAIN[5].digest, b"s" * 32, b"")], facts={"local/x": b"1"}))
    assert (store.entry(CHAIN[1].digest), store.fact("local/x")) == (None, None)


def opening(entry: Entry) -> Kept:
    return a_kept(entry, opening=entry.digest)


def test_recent_openings_are_newest_first_over_rooms_and_go_on_before_the_last_one_seen(kept_by):
    store = kept_by(
        Batch(entries=[opening(CHAIN[0]), a_kept(CHAIN[1], opening=CHAIN[0].digest), opening(ANSWERS[0])]),
        Batch(entries=[opening(ELSEWHERE[0]), opening(CHAIN[2]), a_kept(CHAIN[3])]),
    )

    def found(rooms, before, limit):
        return [kept.entry for kept in store.recent_openings(rooms, before, limit)]

    assert found([ROOM.id], None, 10) == [CHAIN[2], ANSWERS[0], CHAIN[0]]
    assert found([ROOM.id, OTHER_ROOM.id], None, 3) == [CHAIN[2], ELSEWHERE[0], ANSWERS[0]]
    assert found([ROOM.id, OTHER_ROOM.id], ANSWERS[0].digest, 3) == [CHAIN[0]]
    assert found([OTHER_ROOM.id], CHAIN[2].digest, 3) == [ELSEWHERE[0]]
    assert found([ROOM.id], CHAIN[3].digest, 2) == [CHAIN[2], ANSWERS[0]]
    assert found([ROOM.id], b"?" * 32, 3) == found([b"?" * 32], None, 3) == found([ROOM.id], CHAIN[0].digest, 3) == []


def test_openings_between_two_digests_are_found_ascending_and_nothing_else_is(kept_by):
    store = kept_by(Batch(entries=[*map(opening, CHAIN[:6]), *map(opening, ELSEWHERE), a_kept(ANSWERS[0])]))
    digests = sorted(entry.digest for entry in (*CHAIN[:6], *ELSEWHERE))
    assert store.openings_between(b"", b"\xff" * 48, 100) == digests
    assert store.openings_between(digests[2], digests[5], 100) == digests[2:6]
    assert store.openings_between(digests[2], digests[5], 2) == digests[2:4]
    assert store.openings_between(ANSWERS[0].digest, ANSWERS[0].digest, 2) == []


def test_statements_come_in_order_of_arrival_and_by_place(kept_by):
    first = a_kept_statement(ROOM, "azure", 12, "azure", CHECKPOINT)
    shorter = a_kept_statement(ROOM, "azure", 5, "azure", a_checkpoint(ROOM, AZURE, CHAIN[:5]))
    counter = a_kept_statement(ROOM, "azure", 12, "birch", a_countersignature(ROOM, BIRCH, "azure", CHAIN, CHECKPOINT))
    elsewhere = a_kept_statement(OTHER_ROOM, "azure", 3, "azure", a_checkpoint(OTHER_ROOM, AZURE, ELSEWHERE))
    store = kept_by(Batch(statements=[first, elsewhere]), Batch(statements=[shorter, counter]))
    assert list(store.statements(ROOM.id)) == [first, shorter, counter]
    assert store.statements_at(ROOM.id, "azure", 0, 12) == [first, counter]
    assert store.statements_at(ROOM.id, "azure", 1, 12) == store.statements_at(ROOM.id, "birch", 0, 12) == []


def test_a_statement_signed_again_is_kept_once_and_another_history_of_the_same_length_beside_it(kept_by):
    one = a_kept_statement(ROOM, "azure", 12, "birch", a_countersignature(ROOM, BIRCH, "azure", CHAIN, CHECKPOINT))
    again = type(one)(**{**{f: getattr(one, f) for f in one.__struct_fields__}, "arrived_at": 5})
    resigned = a_kept_statement(ROOM, "azure", 12, "birch", type(one.signed)(one.signed.statement, (b"other" * 20,)))
    fork = [*CHAIN[:11], an_entry(ROOM, AZURE, 11, CHAIN[10].digest, kind="position.stated")]
    liar = a_kept_statement(ROOM, "azure", 12, "birch", a_countersignature(ROOM, BIRCH, "azure", fork, CHECKPOINT))
    store = kept_by(Batch(statements=[one, again]), Batch(statements=[resigned, liar]))
    assert list(store.statements(ROOM.id)) == [one, liar]


def test_a_charter_is_one_per_room_and_gains_signatures(kept_by):
    proposed = SignedCharter(ROOM.signed.statement, {"azure": ROOM.signed.signatures["azure"]})
    store = kept_by(Batch(charters=[proposed]), Batch(charters=[OTHER_ROOM.signed]), Batch(charters=[ROOM.signed]))
    assert store.charters() == [ROOM.signed, OTHER_ROOM.signed]


def test_papers_are_kept_by_chunk_and_room(kept_by):
    chunks = [Chunk(ROOM.id, b"r" * 32, i, bytes([i]) * 100) for i in (2, 0, 7)]
    store = kept_by(
        Batch(chunks=chunks), Batch(chunks=[Chunk(ROOM.id, b"a" * 32, 0, b""), Chunk(OTHER_ROOM.id, b"z" * 32, 1, b"z")])
    )
    assert list(store.chunk_indexes(ROOM.id, b"r" * 32)) == [0, 2, 7]
    assert store.chunk(ROOM.id, b"r" * 32, 7) == b"\7" * 100
    assert store.chunk(ROOM.id, b"a" * 32, 0) == b""
    assert store.chunk(OTHER_ROOM.id, b"r" * 32, 7) is store.chunk(ROOM.id, b"r" * 32, 1) is None
    assert store.papers(ROOM.id) == [b"a" * 32, b"r" * 32]
    assert store.papers(b"?" * 32) == list(store.chunk_indexes(OTHER_ROOM.id, b"r" * 32)) == []


def test_facts_are_set_replaced_deleted_and_listed_by_prefix_in_order(kept_by):
    first = {"local/b": b"1", "local/a": b"2", "locality": b"3", "derived/x": b"4", "local/합의": b"5", "": b"6"}
    store = kept_by(Batch(facts=dict(first)), Batch(facts={"local/b": b"", "local/a": None, "local/none": None}))
    assert store.facts("local/") == {"local/b": b"", "local/합의": b"5"}
    assert list(store.facts("")) == ["", "derived/x", "local/b", "local/합의", "locality"]
    assert (store.fact("local/b"), store.fact("local/a"), store.fact("")) == (b"", None, b"6")


def test_facts_from_a_key_on_stay_within_their_prefix_and_the_limit(kept_by):
    facts = {"a/1": b"1", "a/2": b"2", "a/3": b"3", "b/1": b"4", "a": b"5"}
    store = kept_by(Batch(facts=dict(facts)))
    assert store.facts_from("a/", "", 2) == [("a/1", b"1"), ("a/2", b"2")]
    assert store.facts_from("a/", "a/2", 9) == [("a/2", b"2"), ("a/3", b"3")]
    assert store.facts_from("a/", "a/2\0", 9) == [("a/3", b"3")]
    assert store.facts_from("a/", "b", 9) == store.facts_from("c", "", 9) == store.facts_from("a/", "", 0) == []
    assert (store.first_fact("a/", "a/11"), store.first_fact("a/", "a/4")) == (b"2", None)


def test_about_gives_only_the_kinds_that_are_asked_for(kept_by):
    opening = CHAIN[2]
    read = an_entry(ROOM, BIRCH, 5, ANSWERS[4].digest, kind="receipt.read")
    kept = [a_kept(one, opening=opening.digest) for one in (opening, ANSWERS[0], read)]
    store = kept_by(Batch(entries=kept))
    assert store.about(opening.digest) == kept
    assert store.about(opening.digest, ("receipt.read", "escalation.raised")) == kept[2:]
    assert store.about(opening.digest, (opening.header.kind,)) == kept[:2]


def test_keeping_the_same_again_changes_nothing(kept_by):
    batch = Batch(
        charters=[ROOM.signed],
        entries=[a_kept(entry) for entry in CHAIN],
        statements=[a_kept_statement(ROOM, "azure", 12, "azure", CHECKPOINT)],
        chunks=[Chunk(ROOM.id, b"r" * 32, 0, b"data")],
    )
    later = Batch(entries=[Kept(CHAIN[0], 4, b"o" * 32, 5, "birch", ("x",)), a_kept(without_body(CHAIN[1]))])
    store = kept_by(batch, batch, later)
    assert list(store.entries(ROOM.id)) == batch.entries
    assert list(store.statements(ROOM.id)) == batch.statements
    assert store.charters() == batch.charters
    assert list(store.chunk_indexes(ROOM.id, b"r" * 32)) == [0]
    assert store.about(b"o" * 32) == store.awaited(ROOM.id) == []


def test_a_batch_that_puts_another_entry_in_a_held_place_fails_whole(kept_by):
    store = kept_by(all_of(CHAIN[:3]))
    other = an_entry(ROOM, AZURE, 1, CHAIN[0].digest, kind="position.stated")
    with pytest.raises(StoreFailed, match="azure 0/1"):
        store.append(Batch(entries=[a_kept(CHAIN[3]), a_kept(other)], charters=[ROOM.signed], facts={"local/x": b"1"}))
    assert [kept.entry for kept in store.entries(ROOM.id)] == CHAIN[:3]
    assert (store.charters(), store.fact("local/x")) == ([], None)
    store.append(Batch(entries=[a_kept(CHAIN[3]), a_kept(other, branch=1)]))
    assert [kept.entry for kept in store.entries(ROOM.id)] == [*CHAIN[:4], other]


def test_two_entries_for_one_place_in_one_batch_fail_whole(kept_by):
    other = an_entry(ROOM, AZURE, 0, kind="position.stated")
    store = kept_by()
    with pytest.raises(StoreFailed, match="azure 0/0"):
        store.append(all_of([CHAIN[0], other]))
    assert list(store.entries(ROOM.id)) == []


def test_an_iterator_that_is_begun_lives_through_an_append(kept_by):
    store = kept_by(all_of(CHAIN[:2]))
    entries = store.entries(ROOM.id)
    assert next(entries).entry == CHAIN[0]
    store.append(all_of(CHAIN[2:]))
    assert next(entries).entry == CHAIN[1]


def test_an_empty_batch_is_kept_without_complaint(kept_by):
    store = kept_by(Batch())
    assert (store.charters(), store.facts("")) == ([], {})


def test_a_snapshot_is_independent_and_restores_what_was_durable_then():
    store = MemoryStore()
    store.append(all_of(CHAIN[:4]))
    backup = store.snapshot()
    store.append(Batch(entries=[a_kept(entry) for entry in CHAIN[4:]], facts={"local/x": b"1"}))
    for restored in (MemoryStore(backup), MemoryStore(backup)):
        assert [kept.entry for kept in restored.entries(ROOM.id)] == CHAIN[:4]
        assert restored.fact("local/x") is None
        restored.append(all_of(CHAIN[4:6]))
        assert len(list(restored.digests(ROOM.id, "azure", 0, 0, 100))) == 6
    assert len(list(store.entries(ROOM.id))) == 12


def test_a_full_memory_store_fails_and_goes_on_once_there_is_space():
    store = MemoryStore()
    store.is_full = True
    with pytest.raises(StoreFailed):
        store.append(all_of(CHAIN))
    assert list(store.entries(ROOM.id)) == []
    store.is_full = False
    store.append(all_of(CHAIN))
    assert hashlib.sha256(b"".join(store.digests(ROOM.id, "azure", 0, 0, 12))).digest()
