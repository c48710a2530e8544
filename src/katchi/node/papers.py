"""How the papers that messages name are fetched: first the leaf digests under the named root, then chunk by chunk.

Each chunk is checked against its leaf when it comes, so that nothing is kept that the message did not name.
"""

from __future__ import annotations

import msgspec

from katchi.consult import acts
from katchi.errors import Unverified
from katchi.link import frames as f
from katchi.link.holdings import PaperWanted
from katchi.node.batch import Chunk, Kept
from katchi.node.notices import Notice, Told, refused
from katchi.node.state import State, leaves_key
from katchi.record import merkle
from katchi.record.charter import Room


class Papers:
    """Fetches papers, into one node's state."""

    def __init__(self, state: State, notices: list[Notice]) -> None:
        self._state, self._notices = state, notices
        self._leaves: dict[tuple[bytes, bytes], list[bytes]] = {}

    def want(self, room: Room, kept: Kept, papers: tuple[acts.Paper, ...]) -> None:
        """Note the papers that an entry names and that are not held whole."""
        for paper in papers:
            chunks = -(-paper.size // f.CHUNK_SIZE)
            held = set(self._state.store.chunk_indexes(room.id, paper.root))
            first = next((index for index in range(chunks) if index not in held), None)
            if first is not None:
                wanted = PaperWanted(room.id, paper.root, paper.size, kept.entry.header.ally, first, False, kept.via)
                self._state.papers.set((room.id, paper.root), wanted)

    def leaves(self, via: str, frame: f.Leaves) -> None:
        """Take the leaf digests of a paper that we want, if they hash to its root."""
        room = self._state.shared_room(via, frame.room)
        wanted = self._state.papers.get((room.id, frame.root))
        size = len(merkle.leaf(room.hash, b""))
        leaves = [frame.leaves[i : i + size] for i in range(0, len(frame.leaves), size)]
        if wanted is None or len(leaves) != -(-wanted.size // f.CHUNK_SIZE):
            return
        if merkle.root_of_leaves(room.hash, leaves) != frame.root:
            self._notices.append(refused(via, room.id, Unverified("paper-leaves", "they do not hash to the paper's root")))
            return
        self._leaves[room.id, frame.root] = leaves
        self._state.papers.set((room.id, frame.root), msgspec.structs.replace(wanted, has_leaves=True))

    def chunk(self, via: str, frame: f.ChunkFrame) -> bool:
        """Take the next chunk of a paper that we want, if it is the one its leaf names; False if we want it still."""
        room = self._state.shared_room(via, frame.room)
        key = (room.id, frame.root)
        wanted, leaves = self._state.papers.get(key), self._leaves.get(key)
        if wanted is None or frame.index < wanted.first_missing:
            return True
        if leaves is None or frame.index > wanted.first_missing:
            return False
        if merkle.leaf(room.hash, frame.data) != leaves[frame.index]:
            other = Unverified("paper-chunk", "chunk {index} is not the one named", index=frame.index)
            self._notices.append(refused(via, room.id, other))
            return False
        self._state.batch.chunks.append(Chunk(room.id, frame.root, frame.index, frame.data))
        if frame.index + 1 == len(leaves):
            self._state.papers.set(key, None)
            self._state.batch.facts[leaves_key(*key)] = b"".join(leaves)
            self._notices.append(Notice(Told.PAPER, wanted.author, room.id, frame.root.hex()))
        else:
            self._state.papers.set(key, msgspec.structs.replace(wanted, first_missing=frame.index + 1))
        return True
