"""A node's holdings in a few dicts, for tests of the link: it verifies nothing and keeps nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from katchi.link.greeting import Us
from katchi.link.holdings import PaperWanted
from katchi.link.peer import Peer
from katchi.record import chain as c
from katchi.record import growth
from katchi.record.chain import Chain
from katchi.record.charter import Room, SignedCharter
from katchi.record.checkpoint import Signed
from katchi.record.entry import Entry
from katchi.testing.builders import Ally, a_checkpoint

SOME_STATEMENT = Signed(b"s" * 300, (b"1" * 64, b"2" * 3309))  # as large as a real one of suite ed25519+mldsa65


class SmallNode:
    """See link.holdings.Holdings."""

    def __init__(self, party: Ally, *rooms: Room) -> None:
        self.party = party
        self.rooms = {room.id: room for room in rooms}
        self.wanted_bodies: list[bytes] = []
        self.wanted_papers: list[PaperWanted] = []
        self.papers: dict[tuple[bytes, bytes], tuple[bytes, Sequence[bytes]]] = {}  # (room, root): leaves, chunks
        self.statements: dict[tuple[bytes, str, int, str], Signed] = {}
        self._chains: dict[bytes, dict[str, Chain]] = {}
        self._runs: dict[tuple[bytes, str, int], list[Entry]] = {}
        self._entries: dict[bytes, tuple[Entry, int]] = {}
        self._grown_at: dict[tuple[bytes, str], int] = {}

    def peer(self, ally: Ally, **us: tuple) -> Peer:
        """Return our side of the link to `ally`."""
        return Peer(Us(self.party.known.mode, self.party.name, self.party.fingerprint, **us), ally.name, ally.fingerprint, self)

    def keep(self, room: Room, entries: Iterable[Entry], *, at: int = 0) -> None:
        """Hold entries, each chain in its order."""
        for entry in entries:
            ally = entry.header.ally
            chain = self.chain(room, ally)
            grown = growth.grown(
                chain,
                entry,
                room.hash,
                self._place,
                lambda index, length, of=chain: [self._at(of, index, seq) for seq in range(length)],
                lambda index, seq, of=chain: self._at(of, index, seq),
            )
            self._chains.setdefault(room.id, {})[ally] = grown.chain
            self._runs.setdefault((room.id, ally, grown.branch), []).append(entry)
            self._entries[entry.digest] = entry, grown.branch
            self._grown_at[room.id, ally] = at

    def cover(self, room: Room, party: Ally) -> Signed:
        """Hold `party`'s checkpoint over its first branch; return it."""
        chain = self.chain(room, party.name)
        signed = a_checkpoint(room, party, self._runs[room.id, party.name, 0])
        self.statements[room.id, party.name, 0, party.name] = signed
        branch = chain.branches[0]
        self._chains[room.id][party.name] = chain.with_branch(0, c.Branch(**{**_fields(branch), "covered": branch.length}))
        return signed

    def confirm(self, room: Room, ally: str, by: str, signed: Signed = SOME_STATEMENT) -> None:
        """Hold a countersignature by `by` of all that is held of a chain's first branch."""
        chain = self.chain(room, ally)
        self.statements[room.id, ally, 0, by] = signed
        self._chains[room.id][ally] = growth.confirmed(chain, 0, by, chain.branches[0].length)

    def chain(self, room: Room, ally: str) -> Chain:
        return self._chains.get(room.id, {}).get(ally) or Chain(room.id, ally)

    def _place(self, digest: bytes) -> tuple[int, int] | None:
        found = self._entries.get(digest)
        return (found[1], found[0].header.seq) if found else None

    def _at(self, chain: Chain, index: int, seq: int) -> bytes:
        at = chain.branch_at(index, seq)
        return self._runs[chain.room, chain.ally, at][seq - chain.branches[at].start].digest

    # What the link asks.

    def rooms_with(self, ally: str) -> list[bytes]:
        return [room.id for room in self.rooms.values() if ally in room.members and not room.missing and not room.is_national]

    def charters_with(self, ally: str) -> list[SignedCharter]:
        return [room.signed for room in self.rooms.values() if ally in room.members and not room.is_national]

    def chains(self, room: bytes) -> dict[str, Chain]:
        return self._chains.get(room, {})

    def grown_at(self, room: bytes, ally: str) -> int:
        return self._grown_at.get((room, ally), 0)

    def run(self, room: bytes, ally: str, branch: int, start: int, end: int, limit: int) -> list[Entry]:
        held = self._runs[room, ally, branch]
        return [entry for entry in held if start <= entry.header.seq < end][:limit]

    def locate(self, digest: bytes) -> tuple[bytes, str, int, int] | None:
        found = self._entries.get(digest)
        return (found[0].header.room, found[0].header.ally, found[1], found[0].header.seq) if found else None

    def body(self, room: bytes, digest: bytes) -> tuple[bytes, bytes] | None:
        found = self._entries.get(digest)
        if found is None or found[0].header.room != room or found[0].body is None or found[0].salt is None:
            return None
        return found[0].salt, found[0].body

    def checkpoint(self, room: bytes, ally: str, branch: int) -> Signed | None:
        return self.statements.get((room, ally, branch, ally))

    def countersignature(self, room: bytes, ally: str, branch: int, by: str) -> Signed | None:
        return self.statements.get((room, ally, branch, by))

    def bodies_wanted(self, _ally: str, _room: bytes, limit: int) -> list[bytes]:
        return self.wanted_bodies[:limit]

    def papers_wanted(self, _ally: str, room: bytes) -> list[PaperWanted]:
        return [paper for paper in self.wanted_papers if paper.room == room]

    def leaves(self, room: bytes, root: bytes) -> bytes | None:
        held = self.papers.get((room, root))
        return held[0] if held else None

    def chunk(self, room: bytes, root: bytes, index: int) -> bytes | None:
        held = self.papers.get((room, root))
        return held[1][index] if held and index < len(held[1]) else None


def _fields(branch: c.Branch) -> dict:
    return {name: getattr(branch, name) for name in branch.__struct_fields__}
