"""The store against a disk that loses power at every operation, fails, and fills up."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from katchi.errors import KatchiError, StoreFailed
from katchi.node.batch import Batch
from katchi.store.fsck import verify_rows
from katchi.store.reader import SqliteReader
from katchi.store.sqlite import SqliteStore
from katchi.testing.builders import a_chain, a_kept, a_room, an_ally
from katchi.testing.disk import FaultDisk

BATCHES, PER_BATCH = 30, 3
AZURE = an_ally("azure")
ROOM = a_room(AZURE, an_ally("birch"))
CHAIN = a_chain(ROOM, AZURE, BATCHES * PER_BATCH, body={"by": None, "text": "so that a batch is more than one page " * 40})


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[FaultDisk]:
    made = FaultDisk(f"fault-disk-{tmp_path.name}")
    yield made
    made.unregister()


def batch(i: int) -> Batch:
    entries = [a_kept(entry) for entry in CHAIN[PER_BATCH * i : PER_BATCH * (i + 1)]]
    return Batch(entries=entries, facts={"derived/newest": b"%d" % i})


def acknowledged_run(store: SqliteStore) -> int:
    """Append all batches until the disk fails; return how many were acknowledged."""
    for i in range(BATCHES):
        try:
            store.append(batch(i))
        except StoreFailed:
            return i
    return BATCHES


def kept_batches(disk: FaultDisk, path: Path) -> int:
    """Reopen the store; return how many batches it holds, after making sure that each is there whole."""
    store = SqliteStore.open(path, vfs=disk.name)
    try:
        seqs = [kept.entry.header.seq for kept in store.entries(ROOM.id)]
        assert seqs == list(range(len(seqs)))
        kept, part = divmod(len(seqs), PER_BATCH)
        assert part == 0, "half a batch was kept"
        assert store.fact("derived/newest") == (b"%d" % (kept - 1) if kept else None)
        assert list(verify_rows(store)) == []
    finally:
        store.close()
    return kept


def crashed_run(disk: FaultDisk, path: Path, crash_after: int, synchronous: str = "FULL") -> tuple[int, int] | None:
    """Run until the power goes off after so many operations; return (acknowledged, kept), None if it never did."""
    store = SqliteStore.create(path, vfs=disk.name)
    store.connection.pragma("synchronous", synchronous)
    disk.crash_at = disk.operations + crash_after
    acknowledged = acknowledged_run(store)
    went_off = not disk.is_on
    if not went_off and synchronous == "OFF":
        disk.crash()
    store.close()
    disk.crash_at = None
    disk.restart()
    return (acknowledged, kept_batches(disk, path)) if went_off or synchronous == "OFF" else None


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_a_crash_at_any_operation_loses_no_acknowledged_batch_and_leaves_no_half_one(disk, tmp_path, seed):
    for after in itertools.count(seed or 0, 1 if seed is None else 4):
        disk.chance = None if seed is None else Random(seed * 10_000 + after)
        outcome = crashed_run(disk, tmp_path / f"{after}.db", after)
        if outcome is None:
            break
        acknowledged, kept = outcome
        assert kept in (acknowledged, acknowledged + 1), f"crash after operation {after}, seed {seed}"
    assert after > 5 * BATCHES


def test_without_syncing_the_same_run_loses_acknowledged_batches_so_the_disk_can_fail(disk, tmp_path):
    acknowledged, kept = crashed_run(disk, tmp_path / "store.db", 10_000, synchronous="OFF")
    assert acknowledged == BATCHES
    assert kept < BATCHES


@pytest.mark.parametrize("seed", range(20))
def test_a_crash_while_a_checkpoint_moves_pages_loses_nothing(disk, tmp_path, seed):
    path, chance = tmp_path / "store.db", Random(seed)
    disk.chance = chance
    store = SqliteStore.create(path, vfs=disk.name)
    assert acknowledged_run(store) == BATCHES
    disk.crash_at = disk.operations + chance.randrange(40)
    store.close()  # checkpoints
    disk.crash_at = None
    disk.restart()
    assert kept_batches(disk, path) == BATCHES


def test_a_full_disk_fails_the_batch_whole_and_writing_goes_on_when_there_is_space(disk, tmp_path):
    path = tmp_path / "store.db"
    store = SqliteStore.create(path, vfs=disk.name)
    store.append(batch(0))
    disk.space_bytes = 20_000
    with pytest.raises(StoreFailed, match="did not take the batch") as failed:
        for i in range(1, BATCHES):
            store.append(batch(i))
    assert "Free space" in failed.value.hint
    held = len(list(store.entries(ROOM.id)))
    assert held % PER_BATCH == 0
    disk.space_bytes = None
    for i in range(held // PER_BATCH, BATCHES):
        store.append(batch(i))
    store.close()
    assert kept_batches(disk, path) == BATCHES


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("operation", ["write", "sync"])
def test_an_io_error_fails_the_batch_which_stays_away_also_after_a_crash(disk, tmp_path, operation, seed):
    path = tmp_path / "store.db"
    store = SqliteStore.create(path, vfs=disk.name)
    store.append(batch(0))
    disk.fail(operation)
    with pytest.raises(StoreFailed, match=f"failed to {operation}"):
        store.append(batch(1))
    assert len(list(store.entries(ROOM.id))) == PER_BATCH
    disk.chance = Random(seed)
    disk.crash()
    store.close()
    disk.restart()
    assert kept_batches(disk, path) == 1


def test_a_commit_that_fails_and_cannot_be_overwritten_says_that_it_may_come_back(disk, tmp_path):
    store = SqliteStore.create(tmp_path / "store.db", vfs=disk.name)
    disk.fail("sync", times=2)
    with pytest.raises(StoreFailed) as failed:
        store.append(batch(0))
    assert "may find this one whole" in failed.value.hint
    assert list(store.entries(ROOM.id)) == []
    store.append(batch(0))
    store.close()
    assert kept_batches(disk, tmp_path / "store.db") == 1


def test_writing_goes_on_after_an_io_error(disk, tmp_path):
    path = tmp_path / "store.db"
    store = SqliteStore.create(path, vfs=disk.name)
    for i in range(BATCHES):
        disk.fail(("write", "sync")[i % 2], after=i % 3 if i % 2 == 0 else 0)
        with pytest.raises(StoreFailed):
            store.append(batch(i))
        disk.fail("sync", times=0)
        store.append(batch(i))
    store.close()
    assert kept_batches(disk, path) == BATCHES


def test_a_checkpoint_that_fails_does_not_fail_the_batch_that_is_kept(disk, tmp_path, monkeypatch):
    monkeypatch.setattr("katchi.store.sqlite.CHECKPOINT_PAGES", 1)
    path = tmp_path / "store.db"
    store = SqliteStore.create(path, vfs=disk.name)
    disk.fail("sync", after=1, times=2)  # the commit's sync succeeds, those of the checkpoint fail
    store.append(batch(0))
    disk.crash()
    store.close()
    disk.restart()
    assert kept_batches(disk, path) == 1


def test_a_store_whose_making_was_cut_short_is_whole_or_not_taken_for_one(disk, tmp_path, monkeypatch):
    monkeypatch.setattr("katchi.store.sqlite._discard", lambda path: None)  # a node without power clears nothing away
    whole = 0
    for after in range(200):
        path = tmp_path / f"{after}.db"
        disk.crash_at = disk.operations + after
        try:
            store = SqliteStore.create(path, meta={"ally": "azure"}, vfs=disk.name)
        except StoreFailed:
            disk.restart()
            try:
                store = SqliteStore.open(path, vfs=disk.name)
            except KatchiError as refused:
                assert "not a katchi store" in str(refused)
                assert refused.hint
            else:
                whole += 1
                assert store.meta == {"ally": "azure"}
                store.close()
        else:
            disk.crash_at = None
            store.close()
            assert after > 10
            assert whole < after
            return
    raise AssertionError("it was never made")


def test_a_reader_beside_the_writer_sees_each_batch_once_it_is_kept(disk, tmp_path):
    path = tmp_path / "store.db"
    store = SqliteStore.create(path, vfs=disk.name)
    reader = SqliteReader.open(path, vfs=disk.name)
    for i in range(3):
        store.append(batch(i))
        assert reader.fact("derived/newest") == b"%d" % i
    reader.close()
    store.close()
