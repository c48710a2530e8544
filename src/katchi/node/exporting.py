"""What an export holds of a store: the items of whole rooms, in an order that any reader can follow.

A room's charter, its entries in order of arrival, its statements, then its papers. Arrival times,
flags and all that only this node knows stay here. It writes no file: record/bundle.py does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from katchi.node.batch import Reader
from katchi.record.bundle import CheckpointItem, ChunkItem, CountersignatureItem, EntryItem, Item, charter_item
from katchi.record.charter import Room


def items_of(reader: Reader, rooms: Iterable[Room]) -> Iterator[Item]:
    """Yield the items of these rooms. While a node writes the store, hold one read transaction around it."""
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
                data = reader.chunk(room.id, root, index)
                if data is not None:
                    yield ChunkItem(room=room.id, root=root, index=index, data=data)
