"""What an export holds, room by room, in the order in which a verifier can follow it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from katchi.node.batch import Reader
from katchi.record.bundle import CheckpointItem, ChunkItem, CountersignatureItem, EntryItem, Item, charter_item
from katchi.record.charter import Room


def export_items(reader: Reader, rooms: Iterable[Room]) -> Iterator[Item]:
    """Yield all that a store holds of these rooms; arrival times and other local facts stay here."""
    for room in rooms:
        yield charter_item(room.signed)
        for kept in reader.entries(room.id):
            entry = kept.entry
            yield EntryItem(header=entry.header_bytes, signature=entry.signature, salt=entry.salt, body=entry.body)
        for statement in reader.statements(room.id):
            shape = CheckpointItem if statement.by == statement.ally else CountersignatureItem
            yield shape(room=room.id, statement=statement.signed.statement, signatures=statement.signed.signatures)
        for root in reader.papers(room.id):
            for index in reader.chunk_indexes(room.id, root):
                yield ChunkItem(room=room.id, root=root, index=index, data=reader.chunk(room.id, root, index) or b"")
