"""What an ally may not see never leaves our node: every frame of two real nodes, searched before TLS.

KOR and USA pair, talk, are cut, write on, catch up and restart. Meanwhile each writes in its national
room. Afterwards every byte of that room is looked for in every frame that either put on the wire.
"""

from __future__ import annotations

import asyncio
import itertools

import cbor2
import msgspec
import pytest
from attacker import two_nodes

from katchi.consult import rules
from katchi.consult.acts import Paper
from katchi.link.frames import read_frame
from katchi.node.batch import CHUNK_SIZE
from katchi.node.commands import FoundRoom, KeepChunk
from katchi.record import merkle
from katchi.store.sqlite import SqliteStore

HEIGHT = 731  # of KOR's national chain at the end: no other number in the run is this one
PIECE = 24  # bytes of a secret that would be enough to betray it
NATIONAL_TITLE = "matters of this government alone"


async def in_national(wire, ally, text, room):
    await wire.services[ally].submit(rules.Open(subject=f"for us alone: {text}", room=room))


async def keep_paper(wire, ally, room, data):
    chunks = [data[i : i + CHUNK_SIZE] for i in range(0, len(data), CHUNK_SIZE)]
    root = merkle.root_of_leaves("sha256", [merkle.leaf("sha256", chunk) for chunk in chunks])
    for index, chunk in enumerate(chunks):
        await wire.services[ally].submit(KeepChunk(room=room, root=root, index=index, data=chunk))
    return Paper(f"paper of {ally}.pdf", len(data), root)


async def run_story(directory):
    """Return the frames, and for each ally the stored directory and its national rooms."""
    async with two_nodes(directory, pair=False) as wire:
        national = {}
        for ally in ("KOR", "USA"):
            rooms = await wire.ask(ally, "rooms")
            written = await wire.services[ally].submit(FoundRoom(title=NATIONAL_TITLE, allies=()))
            national[ally] = [bytes.fromhex(rooms[0]["id"]), written.room]
            await in_national(wire, ally, f"{ally} before pairing", written.room)
        relay_port = wire.relay._server.sockets[0].getsockname()[1]
        await wire.pair("KOR", "USA", address=f"127.0.0.1:{relay_port}")
        await wire.pair("USA", "KOR", address="")
        shared = (await wire.services["KOR"].submit(FoundRoom(title="talks", allies=("USA",)))).room
        await wire.until(lambda: in_force(wire, shared))
        for ally, phase in itertools.product(("KOR", "USA"), ("talking",)):
            await in_national(wire, ally, f"{ally} while {phase}", national[ally][1])
        secret_paper = await keep_paper(wire, "KOR", national["KOR"][1], bytes(range(256)) * 300)
        await wire.services["KOR"].submit(rules.Open(subject="with a paper", room=national["KOR"][1], papers=(secret_paper,)))
        shown_paper = await keep_paper(wire, "KOR", shared, b"shared paper " * 6000)
        opening = (await wire.services["KOR"].submit(rules.Open(subject="seismic", room=shared, papers=(shown_paper,)))).digest
        await wire.until(lambda: has(wire, "USA", opening))
        await wire.services["USA"].submit(rules.Acknowledge(consultation=opening))
        wire.relay.cut()
        for ally in ("KOR", "USA"):
            await wire.services[ally].submit(rules.StatePosition(consultation=opening, text=f"{ally} during the cut"))
            await in_national(wire, ally, f"{ally} during the cut", national[ally][1])
        length = next(r for r in await wire.ask("KOR", "rooms") if r["id"] == national["KOR"][1].hex())["chains"][0]["length"]
        many = [in_national(wire, "KOR", f"KOR alone {number}", national["KOR"][1]) for number in range(HEIGHT - length)]
        await asyncio.gather(*many)
        wire.relay.heal()
        await wire.until(lambda: is_level(wire, shared))
        await wire.stop("USA")
        await wire.start("USA")
        wire.relay.port = wire.ports["USA"]
        for connection in list(wire.relay._crossings):
            connection.abort()
        await wire.services["KOR"].submit(rules.ProposeWords(consultation=opening, words={"en": "shared words"}))
        await wire.until(lambda: is_level(wire, shared))
        frames = list(wire.frames)
    return frames, shared, national


async def in_force(wire, shared):
    rooms = [room for ally in ("KOR", "USA") for room in await wire.ask(ally, "rooms") if room["id"] == shared.hex()]
    return len(rooms) == 2 and all(not room["missing"] and all(c["length"] for c in room["chains"]) for room in rooms)


async def has(wire, ally, opening):
    return opening.hex() in {one["id"] for one in await wire.ask(ally, "consultations")}


async def is_level(wire, shared):
    rooms = [room for ally in ("KOR", "USA") for room in await wire.ask(ally, "rooms") if room["id"] == shared.hex()]
    return (
        len(rooms) == 2
        and rooms[0]["phrase"] == rooms[1]["phrase"]
        and all(
            chain["length"] and list(chain["confirmed"].values()) == [chain["length"]]
            for room in rooms
            for chain in room["chains"]
        )
    )


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    directory = tmp_path_factory.mktemp("wire")
    frames, shared, national = asyncio.run(run_story(directory))
    return directory, frames, shared, national


def secrets_of(directory, ally, rooms):
    """Everything that is stored of these rooms, piece by piece, by what it is."""
    store = SqliteStore.open(directory / ally / "record.sqlite")
    found = {"title": NATIONAL_TITLE.encode(), "first title": f"{ally} national".encode()}
    try:
        for room in rooms:
            found[f"room {room.hex()[:4]}"] = room
            for signed in store.charters():
                said = cbor2.loads(signed.statement)
                if said["title"] in (NATIONAL_TITLE, f"{ally} national"):
                    found[f"nonce {said['nonce'].hex()[:4]}"] = said["nonce"]
                    for number, signature in enumerate(signed.signatures[ally]):
                        found[f"charter signature {said['title']} {number}"] = signature
            for kept in store.entries(room):
                entry, at = kept.entry, f"{kept.entry.place} of {room.hex()[:4]}"
                found |= {f"digest of {at}": entry.digest, f"signature of {at}": entry.signature}
                found |= {f"salt of {at}": entry.salt, f"body digest of {at}": entry.header.body}
                found |= {f"subject of {at}": v.encode() for name, v in cbor2.loads(entry.body).items() if name == "subject"}
            for number, statement in enumerate(store.statements(room)):
                said, at = cbor2.loads(statement.signed.statement), f"{number} of {room.hex()[:4]}"
                found |= {f"root {at}": said["root"], f"statement signature {at}": statement.signed.signatures[1]}
            for root in store.papers(room):
                found[f"paper {root.hex()[:4]}"] = root
                for index in store.chunk_indexes(room, root):
                    found[f"chunk {index}"] = store.chunk(room, root, index)[:PIECE]
                    found[f"leaf {index}"] = merkle.leaf("sha256", store.chunk(room, root, index))
    finally:
        store.close()
    return found


def integers_in(value):
    if type(value) is int:
        yield value
    elif isinstance(value, dict):
        for item in (*value.values(), *value):
            yield from integers_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from integers_in(item)
    elif isinstance(value, bytes):  # a header, a statement: they are canonical maps themselves
        try:
            inner = cbor2.loads(value)
        except (cbor2.CBORDecodeError, ValueError):
            return
        if isinstance(inner, dict):
            yield from integers_in(inner)


def test_a_national_room_is_in_no_frame(story):
    """Ids, titles, digests, texts, salts, signatures, roots, papers: not one of them, as bytes or as hex."""
    directory, frames, shared, national = story
    wire = b"\n".join(frame for _, direction, frame in frames if direction == "sent")
    assert (
        shared in wire and b"KOR during the cut" in wire and b"shared words" in wire
    )  # what is shared is there, so looking works
    assert b"shared paper shared paper" in wire
    looked_for = 0
    for ally in ("KOR", "USA"):
        for what, secret in secrets_of(directory, ally, national[ally]).items():
            piece = secret[:PIECE] if len(secret) > PIECE else secret
            assert piece not in wire, f"{what} of {ally}'s national room is on the wire"
            assert piece.hex().encode() not in wire, f"{what} of {ally}'s national room is on the wire as hex"
            looked_for += 1
    assert looked_for > 4 * HEIGHT


def test_the_height_of_a_national_room_is_in_no_frame(story):
    _, frames, shared, _ = story
    numbers = [number for _, _, frame in frames for number in integers_in(cbor2.loads(frame))]
    assert len(numbers) > 500 and numbers.count(4) > 0
    assert HEIGHT not in numbers and HEIGHT - 1 not in numbers
    rooms = {frame.room for _, _, data in frames if (frame := read_frame(data)) is not None and hasattr(frame, "room")}
    assert rooms == {shared}


def test_writing_in_a_national_room_puts_nothing_on_the_wire(tmp_path):
    """Neither its existence nor its timing: while one side writes for itself alone, the other hears pings only."""

    async def count():
        async with two_nodes(tmp_path) as wire:
            shared = (await wire.services["KOR"].submit(FoundRoom(title="talks", allies=("USA",)))).room
            await wire.until(lambda: is_level(wire, shared))
            national = next(r["id"] for r in await wire.ask("KOR", "rooms") if r["national"])
            await asyncio.sleep(1.5)  # what the founding still had to say
            wire.frames.clear()
            for number in range(60):
                await in_national(wire, "KOR", f"alone {number}", bytes.fromhex(national))
            await asyncio.sleep(0.5)
            return [msgspec.to_builtins(read_frame(f), builtin_types=(bytes,))["t"] for _, way, f in wire.frames if way == "sent"]

    assert set(asyncio.run(count())) <= {"ping"}
