"""Whoever is not the paired ally's node gets no frame out of ours and none in: over real sockets."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import asynccontextmanager

import pytest
from attacker import a_hello, a_pairing, a_real_ally, sent, two_nodes

from katchi.bearer.certificate import CertificatePaths, create_certificate, read_der
from katchi.bearer.tls import TlsBearer
from katchi.consult import rules
from katchi.errors import LinkFailed
from katchi.link import frames as f
from katchi.node.commands import FoundRoom, Pair
from katchi.serve.directory import NodeDirectory
from katchi.testing.builders import an_entry
from katchi.testing.tls_parties import a_party


async def is_up(wire, ally="KOR"):
    return all(link["up"] for link in await wire.ask(ally, "link"))


async def answer_to(bearer, ally, address, *frames):
    """Dial, say frames, and return what comes back before the end, and how it ended."""
    connection = await bearer.dial(ally, address)
    heard = []
    try:
        async with asyncio.timeout(3):
            await connection.send(list(frames))
            async for frame in connection.frames():
                heard.append(frame)
    except LinkFailed as failure:
        return heard, failure
    except TimeoutError:
        await connection.close()
    return heard, None


def frames_of(wire, ally, direction):
    return [frame for whose, way, frame in wire.frames if (whose, way) == (ally, direction)]


def test_a_stranger(tmp_path):
    """It knows the address and USA's certificate, and has a certificate of its own that says KOR."""

    async def story():
        async with two_nodes(tmp_path) as wire:
            await wire.until(lambda: is_up(wire))
            stranger = a_party(tmp_path, "KOR")
            async with TlsBearer(stranger.paths) as bearer:
                bearer.trust("USA", read_der(CertificatePaths.within(wire.directories["USA"].path).certificate))
                before = len(frames_of(wire, "USA", "received"))
                heard, failure = await answer_to(bearer, "USA", f"127.0.0.1:{wire.ports['USA']}", b"\xa0")
                assert heard == [] and failure is not None
                assert b"\xa0" not in frames_of(wire, "USA", "received")[before:]
            assert await is_up(wire)

    asyncio.run(story())


def test_a_node_that_sends_too_much_is_told_why_before_the_connection_ends(tmp_path):
    async def story():
        async with two_nodes(tmp_path) as wire:
            await wire.until(lambda: is_up(wire))
            await wire.stop("USA")
            settings = wire.directories["USA"].path / "settings.toml"
            settings.write_text("bytes_a_day_max = 100\n" + settings.read_text())
            wire.directories["USA"] = NodeDirectory.open(wire.directories["USA"].path)
            await wire.start("USA")
            wire.relay.port = wire.ports["USA"]
            await wire.until(lambda: told(wire, "KOR", "reads no more from us today"))
            await wire.until(lambda: ended_for(wire, "KOR", "day-limit"))

    asyncio.run(story())


async def ended_for(wire, ally, reason):
    (link,) = await wire.ask(ally, "link")
    return link["ended"] is not None and link["ended"]["parameters"]["reason"] == reason


def test_certificate_swapped(tmp_path):
    """Someone took over the ally's address: its certificate is another, and nothing is said to it."""

    async def story():
        async with two_nodes(tmp_path) as wire:
            await wire.until(lambda: is_up(wire))
            await wire.stop("USA")
            await wire.until(lambda: is_down(wire))
            said = len(frames_of(wire, "KOR", "sent"))
            paths = CertificatePaths.within(wire.directories["USA"].path)
            for path in (paths.key, paths.certificate):
                path.rename(path.with_suffix(".old"))
            create_certificate("USA", paths)
            await wire.start("USA")
            wire.relay.port = wire.ports["USA"]
            await wire.until(lambda: told(wire, "KOR", "does not hold a certificate of USA"))
            assert len(frames_of(wire, "KOR", "sent")) == said and not await is_up(wire)
            relay_port = wire.relay._server.sockets[0].getsockname()[1]
            await wire.pair("KOR", "USA", address=f"127.0.0.1:{relay_port}")  # people took its new invitation
            await wire.until(lambda: is_up(wire))

    asyncio.run(story())


def test_an_invitation_that_carries_our_own_certificate_shuts_out_no_other_ally(tmp_path):
    """Found: it kept the node from starting again."""

    async def story():
        async with two_nodes(tmp_path) as wire:
            await wire.until(lambda: is_up(wire))
            ours = read_der(CertificatePaths.within(wire.directories["KOR"].path).certificate)
            await wire.services["KOR"].submit(Pair(ally=a_pairing(a_real_ally("CEDAR"), certificate=ours)))
            assert await told(wire, "KOR", "our own, or another ally's")
            await wire.stop("KOR")
            await wire.start("KOR")
            await wire.until(lambda: is_usa_up(wire))

    asyncio.run(story())


async def is_usa_up(wire):
    return any(link["up"] for link in await wire.ask("KOR", "link") if link["ally"] == "USA")


async def is_down(wire):
    return not await is_up(wire)


async def told(wire, ally, words):
    return any(whose == ally and words in event for whose, event in wire.events)


@asynccontextmanager
async def a_thief(wire, directory):
    """Yield a bearer that shows KOR's certificate by KOR's stolen TLS key, and where USA listens."""
    stolen, paths = directory / "stolen", CertificatePaths.within(wire.directories["KOR"].path)
    stolen.mkdir()
    for path in (paths.key, paths.certificate):
        shutil.copy(path, stolen)
    async with TlsBearer(CertificatePaths.within(stolen)) as bearer:
        bearer.trust("USA", read_der(CertificatePaths.within(wire.directories["USA"].path).certificate))
        yield bearer, f"127.0.0.1:{wire.ports['USA']}"


def test_a_thief_of_the_tls_key_with_an_identity_of_its_own(tmp_path):
    """Behind the right pin another node: its hello names another identity, and the link stays down."""

    async def story():
        async with two_nodes(tmp_path) as wire:
            await wire.until(lambda: is_up(wire))
            await wire.stop("KOR")
            async with a_thief(wire, tmp_path) as (bearer, address):
                heard, failure = await answer_to(bearer, "USA", address, f.write_frame(a_hello(a_real_ally("KOR", serial=9))))
            assert failure is None or "cut" in str(failure)
            assert [type(f.read_frame(frame)) for frame in heard] == [f.Hello, f.Fault]
            assert await told(wire, "USA", "another identity than was paired")
            assert not await is_up(wire, "USA")

    asyncio.run(story())


def test_a_thief_of_the_tls_key_can_read_what_is_shared_and_write_nothing(tmp_path):
    """What hello says is not signed: the certificate alone decides to whom a node speaks, signatures who wrote."""

    async def story():
        async with two_nodes(tmp_path) as wire:
            room = (await wire.services["KOR"].submit(FoundRoom(title="talks", allies=("USA",)))).room
            await wire.until(lambda: wrote(wire, "USA", "KOR", room))
            await wire.services["USA"].submit(rules.Open(subject="for KOR alone", room=room))
            head = wire.services["USA"].driver.machine.state.chain(room, "KOR").newest
            kor = wire.directories["KOR"].own()
            charter = wire.services["USA"].driver.machine.state.rooms.now[room]
            await wire.stop("KOR")
            async with a_thief(wire, tmp_path) as (bearer, address):
                hello = f.write_frame(a_hello(a_real_ally("KOR"), identity=kor.fingerprint))
                forged = an_entry(charter, a_real_ally("KOR"), head.length, head.head)
                nothing_held = f.write_frame(f.Have(room, ()))
                heard, _ = await answer_to(bearer, "USA", address, hello, nothing_held, f.write_frame(sent(room, [forged])))
            assert b"for KOR alone" in b"".join(heard)
            state = wire.services["USA"].driver.machine.state
            assert state.chain(room, "KOR").newest.head == head.head and state.entry(forged.digest) is None

    asyncio.run(story())


async def wrote(wire, ally, of, room):
    chains = [chain for one in await wire.ask(ally, "rooms") if one["id"] == room.hex() for chain in one["chains"]]
    return any(chain["ally"] == of and chain["length"] and chain["covered"] for chain in chains)


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", bytes(4096)])
def test_garbage_on_the_link_port_disturbs_no_node(tmp_path, garbage):
    async def story():
        async with two_nodes(tmp_path) as wire:
            await wire.until(lambda: is_up(wire))
            for _ in range(20):
                _, writer = await asyncio.open_connection("127.0.0.1", wire.ports["USA"])
                writer.write(garbage)
                writer.close()
                await writer.wait_closed()
            assert await is_up(wire) and await is_up(wire, "USA")

    asyncio.run(story())
