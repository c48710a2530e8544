"""The SQLite store alone: no flipped byte is read in silence, and what is not a store is not taken for one."""

from __future__ import annotations

import contextlib
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from katchi.errors import KatchiError, Malformed, NotFound, RecordBroken, Refused, StoreFailed
from katchi.node.batch import CHUNK_SIZE, Batch, Body, Chunk, Kept, Reader
from katchi.store.fsck import Finding, verify_file, verify_rows
from katchi.store.reader import SqliteReader
from katchi.store.schema import ENTRY, META, TABLES, Table
from katchi.store.sqlite import SqliteStore
from katchi.testing.builders import a_chain, a_checkpoint, a_countersignature, a_kept, a_kept_statement, a_room, an_ally

AZURE, BIRCH = an_ally("azure"), an_ally("birch")
ROOM = a_room(AZURE, BIRCH)
CHAIN = a_chain(ROOM, AZURE, 6)
CHECKPOINT = a_checkpoint(ROOM, AZURE, CHAIN)
COUNTER = a_countersignature(ROOM, BIRCH, "azure", CHAIN, CHECKPOINT)
ROOT = b"\xab\x12" * 16
STORY = Batch(
    charters=[ROOM.signed],
    entries=[
        *(a_kept(entry, opening=CHAIN[0].digest, flags=("clock-back",) * (i % 2)) for i, entry in enumerate(CHAIN[:5])),
        Kept(
            type(CHAIN[5])(CHAIN[5].header_bytes, CHAIN[5].signature, None, None, CHAIN[5].header, CHAIN[5].digest),
            0,
            None,
            7,
            "birch",
        ),
    ],
    statements=[
        a_kept_statement(ROOM, "azure", 6, "azure", CHECKPOINT),
        a_kept_statement(ROOM, "azure", 6, "birch", COUNTER),
    ],
    chunks=[Chunk(ROOM.id, ROOT, i, bytes([i]) * 300) for i in range(4)],
    facts={"local/paired": b"birch", "derived/chain": b"x" * 50},
)


def a_store(path: Path) -> SqliteStore:
    store = SqliteStore.create(path, meta={"mode": "exercise", "ally": "azure"})
    store.append(STORY)
    return store


def everything(reader: Reader) -> dict[str, Any]:
    """Ask all that can be asked about the story."""
    digests = [entry.digest for entry in CHAIN]
    return {
        "entries": list(reader.entries(ROOM.id)),
        "entry": [reader.entry(digest) for digest in digests],
        "located": [reader.locate(digest) for digest in digests],
        "run": reader.run(ROOM.id, "azure", 0, 0, 100, 100),
        "digests": list(reader.digests(ROOM.id, "azure", 0, 0, 100)),
        "about": reader.about(CHAIN[0].digest),
        "awaited": reader.awaited(ROOM.id),
        "statements": list(reader.statements(ROOM.id)),
        "at": reader.statements_at(ROOM.id, "azure", 0, 6),
        "charters": reader.charters(),
        "papers": reader.papers(ROOM.id),
        "indexes": list(reader.chunk_indexes(ROOM.id, ROOT)),
        "chunks": [reader.chunk(ROOM.id, ROOT, i) for i in range(4)],
        "facts": reader.facts(""),
        "fact": reader.fact("local/paired"),
    }


def changes_of(column: str, cell: Any, *, thorough: bool) -> Iterator[Any]:
    """Yield what one flipped bit can make of a cell: in every byte, or in the first, middle and last."""
    if cell is None:
        yield b""
    elif isinstance(cell, int):
        yield from (cell ^ 1, cell ^ 1 << 20, cell ^ 1 << 40)
    else:
        data = cell.encode() if isinstance(cell, str) else cell
        at = range(len(data)) if thorough else sorted({0, len(data) // 2, len(data) - 1} & set(range(len(data))))
        for i in at:
            for bit in (1, 128):
                yield data[:i] + bytes([data[i] ^ bit]) + data[i + 1 :]
        if not data:
            yield b"x"
        if column in ("salt", "body", "opening"):
            yield None


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_no_changed_byte_of_any_column_of_any_row_goes_unseen(tmp_path: Path, table: Table):
    a_store(tmp_path / "s.db").close()
    other = apsw.Connection(str(tmp_path / "s.db"))
    reader = SqliteReader.open(tmp_path / "s.db")
    healthy, changed = everything(reader), 0
    assert list(verify_rows(reader)) == []
    for number, row in enumerate(list(other.execute(table.select))):
        for column, cell in zip((*table.columns, "check"), row, strict=True):
            mark = "CAST(? AS TEXT)" if column in table.texts else "?"
            key = "CAST(? AS TEXT)" if table.has_text_key else "?"
            for change in changes_of(column, cell, thorough=number == 1 and column != "header"):
                try:
                    other.execute(f'UPDATE {table.name} SET "{column}" = {mark} WHERE {table.key} = {key}', (change, row[0]))
                except apsw.ConstraintError:  # another row is there: a flip in the file is then for the integrity check
                    continue
                changed += 1
                found = list(verify_rows(reader))
                assert found, f"{table.name}.{column} of {row[0]} made {change!r}"
                if table is ENTRY:
                    assert Finding(f"azure 0/{number}", "its row in table entry does not match its check") in found
                if column not in ("key", "name", "room", "root", "idx", "digest"):  # those are then not found under the old name
                    with pytest.raises(RecordBroken) as broken:
                        everything(reader) if table is not META else reader.meta
                    assert table is not ENTRY or f"azure 0/{number}" in str(broken.value)
                at = change if column == table.key else row[0]
                other.execute(f'UPDATE {table.name} SET "{column}" = ? WHERE {table.key} = {key}', (cell, at))
    assert changed > 20
    assert everything(reader) == healthy
    assert list(verify_rows(reader)) == []
    reader.close()
    other.close()


def test_verify_names_every_broken_row_as_people_call_it_and_does_not_stop_at_the_first(tmp_path: Path):
    store = a_store(tmp_path / "s.db")
    other = apsw.Connection(str(tmp_path / "s.db"))
    other.execute("UPDATE entry SET arrived_at = arrived_at + 1 WHERE no IN (1, 4)")
    other.execute(
        "UPDATE statement SET arrived_at = 0; UPDATE chunk SET data = x'00' WHERE idx = 3; UPDATE charter SET signatures = x'a0'"
    )
    other.execute("UPDATE fact SET value = x'00' WHERE key = 'local/paired'; UPDATE meta SET value = 'live' WHERE name = 'mode'")
    assert {finding.where for finding in verify_rows(store)} == {
        *("azure 0/1", "azure 0/4", "checkpoint of azure to 6", "countersignature of azure to 6 by birch"),
        *("paper ab12ab12… chunk 3", f"charter of room {ROOM.id[:4].hex()}…", "fact local/paired", "meta mode"),
    }
    other.close()
    store.close()


def test_an_index_whose_definition_was_changed_under_an_open_reader_is_named(tmp_path: Path):
    store = a_store(tmp_path / "s.db")
    other = apsw.Connection(str(tmp_path / "s.db"))
    other.pragma("writable_schema", 1)
    other.execute("UPDATE sqlite_schema SET sql = replace(sql, 'IS NULL', 'IS NOT NULL') WHERE name = 'entry_awaited'")
    assert Finding("schema", "CREATE INDEX entry_awaited ON is not as it was made") in list(verify_rows(store))
    other.close()
    store.close()


def test_a_row_of_the_stores_own_that_is_gone_is_named(tmp_path: Path):
    store = a_store(tmp_path / "s.db")
    store.connection.execute("DELETE FROM meta WHERE name = 'schema'")
    assert list(verify_rows(store)) == [Finding("meta schema", "the row is not there")]
    store.close()


@pytest.mark.parametrize("phase", [0, 21, 50])
def test_a_flip_in_every_64th_byte_of_the_file_is_found_or_changes_nothing(tmp_path: Path, monkeypatch, phase: int):
    monkeypatch.setattr("katchi.store.sqlite.PAGE_SIZE", 1024)
    path, copy = tmp_path / "s.db", tmp_path / "copy.db"
    store = a_store(path)
    healthy, meta = everything(store), store.meta
    store.close()
    original, found = path.read_bytes(), 0
    for offset in range(phase, len(original), 64):
        flipped = bytearray(original)
        flipped[offset] ^= 1 << (offset // 64 % 8)
        copy.write_bytes(flipped)
        if list(verify_file(copy)):
            found += 1
            with contextlib.suppress(KatchiError):  # nothing else is raised, and all that is read comes to an end
                everything(SqliteReader.open(copy))
            continue
        reader = SqliteReader.open(copy)
        assert (everything(reader), reader.meta) == (healthy, meta), f"a flip at {offset} was not seen"
        reader.close()
    assert found > len(original) / 64 / 4


@pytest.mark.parametrize("offset", [1028, 2056, 22564])
def test_a_damaged_page_is_walked_to_an_end_whatever_it_seems_to_hold(tmp_path: Path, monkeypatch, offset: int):
    """Each of these once led verify_rows in a circle, or into an error of Python's own."""
    monkeypatch.setattr("katchi.store.sqlite.PAGE_SIZE", 1024)
    a_store(tmp_path / "s.db").close()
    data = bytearray((tmp_path / "s.db").read_bytes())
    for page in range(offset % 1024, len(data), 1024):
        for bit in range(8):
            data[page] ^= 1 << bit
            (tmp_path / "s.db").write_bytes(data)
            found = list(verify_file(tmp_path / "s.db"))
            assert len(found) < 200
            data[page] ^= 1 << bit


def test_a_file_cut_short_or_overwritten_is_walked_to_its_end_and_named_broken(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("katchi.store.sqlite.PAGE_SIZE", 1024)
    path, copy = tmp_path / "s.db", tmp_path / "copy.db"
    a_store(path).close()
    original = path.read_bytes()
    for page in range(len(original) // 1024):
        copy.write_bytes(original[: page * 1024] + b"\xff" * 1024 + original[(page + 1) * 1024 :])
        assert list(verify_file(copy))
        copy.write_bytes(original[: page * 1024])
        assert list(verify_file(copy))


def test_rows_on_both_sides_of_a_damaged_page_are_still_judged(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("katchi.store.sqlite.PAGE_SIZE", 1024)
    path = tmp_path / "s.db"
    store = SqliteStore.create(path)
    store.append(Batch(entries=[a_kept(entry) for entry in a_chain(ROOM, AZURE, 60)]))
    store.connection.execute("UPDATE entry SET via = 'x' WHERE no IN (2, 57)")
    store.close()
    data = bytearray(path.read_bytes())
    middle = data.index(b"azure 30") // 1024 * 1024
    data[middle : middle + 1024] = b"\xff" * 1024
    path.write_bytes(data)
    found = [finding.where for finding in verify_file(path)]
    assert "azure 0/2" in found
    assert "azure 0/57" in found


def test_reading_a_changed_row_says_which_and_what_to_do(tmp_path: Path):
    store = a_store(tmp_path / "s.db")
    store.connection.execute("UPDATE entry SET arrived_at = 5 WHERE no = 3")
    with pytest.raises(RecordBroken, match="azure 0/3 was changed on disk") as broken:
        store.locate(CHAIN[3].digest)
    assert "azure 0/3" in broken.value.hint
    assert store.entry(CHAIN[2].digest) is not None
    store.close()


def test_a_body_is_not_filled_into_a_changed_row(tmp_path: Path):
    store = a_store(tmp_path / "s.db")
    store.connection.execute("UPDATE entry SET arrived_at = 5 WHERE no = 5")
    with pytest.raises(RecordBroken, match="azure 0/5"):
        store.append(Batch(facts={"local/x": b"1"}, bodies=[Body(CHAIN[5].digest, CHAIN[5].salt, CHAIN[5].body)]))
    assert store.fact("local/x") is None
    store.append(Batch(facts={"local/x": b"1"}))
    store.close()


def test_what_a_store_was_created_with_is_read_back(tmp_path: Path):
    a_store(tmp_path / "s.db").close()
    for kind in (SqliteStore, SqliteReader):
        reader = kind.open(tmp_path / "s.db")
        assert reader.meta == {"mode": "exercise", "ally": "azure"}
        reader.close()


def test_making_a_store_where_something_is_already_is_refused(tmp_path: Path):
    (tmp_path / "s.db").write_bytes(b"mine")
    with pytest.raises(Refused, match="already"):
        SqliteStore.create(tmp_path / "s.db")
    assert (tmp_path / "s.db").read_bytes() == b"mine"


def test_a_store_that_cannot_be_made_leaves_nothing(tmp_path: Path):
    with pytest.raises(StoreFailed):
        SqliteStore.create(tmp_path / "no such directory" / "s.db")
    with pytest.raises(UnicodeEncodeError):
        SqliteStore.create(tmp_path / "s.db", meta={"\ud800": "not text"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [SqliteStore, SqliteReader])
def test_what_is_not_a_store_is_refused_by_name(tmp_path: Path, kind: type[SqliteReader]):
    with pytest.raises(NotFound, match="no store at"):
        kind.open(tmp_path / "missing.db")
    foreign = apsw.Connection(str(tmp_path / "foreign.db"))
    foreign.execute("CREATE TABLE t(x)")
    foreign.close()
    (tmp_path / "text.db").write_text("hello " * 1000)
    (tmp_path / "empty.db").write_bytes(b"")
    for name in ("foreign.db", "text.db", "empty.db"):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(Malformed, match="not a katchi store"):
            kind.open(tmp_path / name)
        assert (tmp_path / name).read_bytes() == before


def test_a_store_of_a_newer_katchi_is_refused(tmp_path: Path):
    store = a_store(tmp_path / "s.db")
    store.connection.pragma("user_version", 2)
    store.close()
    with pytest.raises(Malformed, match="version 2"):
        SqliteStore.open(tmp_path / "s.db")


def test_a_truncated_file_is_broken_not_empty(tmp_path: Path):
    a_store(tmp_path / "s.db").close()
    data = (tmp_path / "s.db").read_bytes()
    (tmp_path / "s.db").write_bytes(data[: len(data) // 3])
    with pytest.raises(RecordBroken, match="damaged") as broken:
        reader = SqliteStore.open(tmp_path / "s.db")
        everything(reader)
    assert "backup" in broken.value.hint


def test_a_file_that_another_process_is_writing_fails_the_batch_and_nothing_is_kept(tmp_path: Path):
    store = a_store(tmp_path / "s.db")
    store.connection.set_busy_timeout(1)
    other = apsw.Connection(str(tmp_path / "s.db"))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreFailed) as failed:
        store.append(Batch(facts={"local/x": b"1"}))
    assert "Another process" in failed.value.hint
    other.execute("ROLLBACK")
    other.close()
    assert store.fact("local/x") is None
    store.append(Batch(facts={"local/x": b"1"}))
    store.close()


def test_a_reader_in_read_only_mode_cannot_write(tmp_path: Path):
    store = a_store(tmp_path / "s.db")
    reader = SqliteReader.open(tmp_path / "s.db")
    with pytest.raises(apsw.ReadOnlyError):
        reader.connection.execute("DELETE FROM fact")
    assert not hasattr(reader, "append")
    reader.close()
    store.close()


def test_the_file_is_for_its_owner_alone(tmp_path: Path):
    store = a_store(tmp_path / "s.db")
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    store.close()


def test_a_paper_of_64_mib_keeps_memory_and_log_small(tmp_path: Path):
    store = SqliteStore.create(tmp_path / "s.db")
    apsw.memory_high_water(True)
    tracemalloc.start()
    for first in range(0, 1024, 16):
        chunks = [Chunk(ROOM.id, ROOT, first + i, (first + i).to_bytes(4, "big") * (CHUNK_SIZE // 4)) for i in range(16)]
        store.append(Batch(chunks=chunks))
    assert len(store.chunk_indexes(ROOM.id, ROOT)) == 1024
    for i in range(0, 1024, 64):
        assert store.chunk(ROOM.id, ROOT, i) == i.to_bytes(4, "big") * (CHUNK_SIZE // 4)
    python_peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert python_peak < 8 * 2**20
    assert apsw.memory_high_water() < 32 * 2**20
    assert (tmp_path / "s.db-wal").stat().st_size < 24 * 2**20
    store.close()


def test_an_entry_whose_stored_header_is_not_canonical_is_broken(tmp_path: Path):
    store = a_store(tmp_path / "s.db")
    with pytest.raises(KatchiError):
        store.append(
            Batch(entries=[Kept(type(CHAIN[0])(b"\xa0", b"s" * 64, None, None, CHAIN[0].header, b"d" * 32), 9, None, 0, "azure")])
        )
        store.entry(b"d" * 32)
    store.close()
