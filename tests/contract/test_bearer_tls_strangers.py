"""Nobody but a paired ally gets past the TLS bearer, and nobody keeps the allies out."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from katchi.bearer.certificate import CertificatePaths, pin
from katchi.bearer.tls import TlsBearer
from katchi.errors import LinkFailed, Malformed, NotTrusted, Refused
from katchi.testing.tls_parties import Party, Visits, a_party, listening, until

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


async def refused_at_first_read(caller: TlsBearer, ally: str, address: str) -> LinkFailed:
    """Dial, which a refused TLS 1.3 client may believe to have worked, and return what reading raises."""
    connection = await caller.dial(ally, address)
    with pytest.raises(LinkFailed) as failed:
        await anext(connection.frames())
    return failed.value


async def heard(caller: TlsBearer, ally: str, address: str, visits: Visits) -> str:
    """Dial, say a word, and return under which name it arrived."""
    connection = await caller.dial(ally, address)
    await connection.send([b"hello"])
    await visits.until(frames=len(visits.frames) + 1)
    await connection.close()
    return visits.frames[-1][0]


def test_a_strangers_certificate_is_refused_on_either_side(tmp_path: Path) -> None:
    azure, birch, stranger = (a_party(tmp_path, ally) for ally in ("azure", "birch", "azure"))  # the stranger's says azure
    turned_away: list[LinkFailed] = []

    async def story() -> None:
        visits = Visits()
        async with (
            listening(birch.bearer(azure, on_turned_away=turned_away.append), visits) as address,
            stranger.bearer(birch) as caller,
        ):
            failure = await refused_at_first_read(caller, "birch", address)
            assert "refused our certificate" in str(failure) and "pair again" in failure.hint
            await until(lambda: len(turned_away) == 1)
            assert not visits.connections
        async with listening(stranger.bearer(birch), visits) as address, birch.bearer(azure) as caller:
            with pytest.raises(LinkFailed, match="does not hold a certificate of azure") as wrong:
                await caller.dial("azure", address)
            assert "Nothing was sent" in wrong.value.hint and not visits.connections

    asyncio.run(story())


def test_a_caller_without_a_certificate_is_refused(tmp_path: Path) -> None:
    azure, birch = a_party(tmp_path, "azure"), a_party(tmp_path, "birch")

    async def story() -> None:
        visits = Visits()
        async with listening(birch.bearer(azure), visits) as address:
            host, port = address.split(":")
            nameless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            nameless.check_hostname = False
            nameless.load_verify_locations(cadata=birch.der)
            reader, writer = await asyncio.open_connection(host, int(port), ssl=nameless)
            with pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
                await reader.read()
            writer.close()
            assert not visits.connections

    asyncio.run(story())


def test_an_ally_is_named_by_its_pin_whatever_its_certificate_says(tmp_path: Path) -> None:
    kor, usa = a_party(tmp_path, "KOR"), a_party(tmp_path, "USA")
    says_usa = Party("KOR", a_party(tmp_path, "USA").paths, b"")  # Korea's node shows a certificate that says USA
    says_usa = Party("KOR", says_usa.paths, ssl.PEM_cert_to_DER_cert(says_usa.paths.certificate.read_text()))
    birch = a_party(tmp_path, "birch")

    async def story() -> None:
        visits = Visits()
        async with (
            listening(birch.bearer(says_usa, usa), visits) as address,
            says_usa.bearer(birch) as caller,
            usa.bearer(birch) as other,
        ):
            assert await heard(caller, "birch", address, visits) == "KOR"
            assert await heard(other, "birch", address, visits) == "USA"
        async with listening(kor.bearer(birch), visits) as address, birch.bearer(kor, usa) as caller:
            with pytest.raises(LinkFailed, match="does not hold a certificate of USA"):
                await caller.dial("USA", address)
            assert await heard(caller, "KOR", address, visits) == "birch"

    asyncio.run(story())


def a_signing_party(directory: Path, ally: str) -> tuple[Party, Party]:
    """Return an ally whose certificate claims to be an authority, and a stranger that it signed."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ally)])
    signing_key = ec.generate_private_key(ec.SECP256R1())
    parties = []
    for subject, is_authority in (("authority", True), ("child", False)):
        home = directory / subject
        home.mkdir()
        paths = CertificatePaths.within(home)
        key = signing_key if is_authority else ec.generate_private_key(ec.SECP256R1())
        certificate = (
            x509.CertificateBuilder(name, name if is_authority else x509.Name([]), key.public_key(), x509.random_serial_number())
            .not_valid_before(datetime.datetime(1970, 1, 1))
            .not_valid_after(datetime.datetime(9999, 12, 31))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .sign(signing_key, hashes.SHA256())
        )
        paths.key.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        paths.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        parties.append(Party(ally, paths, certificate.public_bytes(serialization.Encoding.DER)))
    authority, child = parties
    return authority, child


def test_an_ally_cannot_vouch_for_another_certificate(tmp_path: Path) -> None:
    authority, child = a_signing_party(tmp_path, "azure")
    birch = a_party(tmp_path, "birch")

    async def story() -> None:
        visits = Visits()
        async with (
            listening(birch.bearer(authority), visits) as address,
            authority.bearer(birch) as own,
            child.bearer(birch) as other,
        ):
            assert await heard(own, "birch", address, visits) == "azure"
            failure = await refused_at_first_read(other, "birch", address)
            assert "was cut" in str(failure) and len(visits.connections) == 1
        async with listening(child.bearer(birch), visits) as address, birch.bearer(authority) as caller:
            with pytest.raises(LinkFailed, match="does not hold a certificate of azure"):
                await caller.dial("azure", address)

    asyncio.run(story())


def test_tls_1_2_is_refused_on_either_side(tmp_path: Path) -> None:
    azure, birch = a_party(tmp_path, "azure"), a_party(tmp_path, "birch")

    async def story() -> None:
        visits = Visits()
        async with listening(birch.bearer(azure), visits) as address:
            host, port = address.split(":")
            with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
                await asyncio.open_connection(
                    host, int(port), ssl=azure.plain_context(ssl.PROTOCOL_TLS_CLIENT, birch, version=V12)
                )
            assert not visits.connections
        old = birch.plain_context(ssl.PROTOCOL_TLS_SERVER, azure, version=V12)
        async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=old) as server, azure.bearer(birch) as caller:
            with pytest.raises(LinkFailed, match="ended the handshake") as failed:
                await caller.dial("birch", f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
            assert "TLS 1.3" in failed.value.hint

    asyncio.run(story())


def test_another_implementation_gets_in_and_is_given_no_session_to_resume(tmp_path: Path) -> None:
    azure, birch = a_party(tmp_path, "azure"), a_party(tmp_path, "birch")

    async def story() -> None:
        visits = Visits()
        async with listening(birch.bearer(azure), visits) as address:
            host, port = address.split(":")
            plain = azure.plain_context(ssl.PROTOCOL_TLS_CLIENT, birch, version=V13)
            reader, writer = await asyncio.open_connection(host, int(port), ssl=plain)
            writer.write((5).to_bytes(4, "big") + b"hello")
            await visits.until(frames=1)
            await visits.connections[0].send([b"welcome"])
            assert await reader.readexactly(11) == b"\0\0\0\7welcome"
            session = writer.get_extra_info("ssl_object").session
            assert session is None or not session.has_ticket
            writer.write((2**20 + 1).to_bytes(4, "big"))  # the length alone is enough to be cut off
            assert await reader.read() == b""
            assert "1048577 bytes" in str(visits.ends[0][1])
            writer.close()

            reader, writer = await asyncio.open_connection(host, int(port), ssl=plain)
            writer.write((10).to_bytes(4, "big") + b"half")
            writer.close()
            await visits.until(ends=2)
            assert "closed inside a frame" in str(visits.ends[1][1])

    asyncio.run(story())


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x40\x00" + b"\xff" * 70_000, b""])
def test_garbage_from_strangers_disturbs_nobody(tmp_path: Path, garbage: bytes) -> None:
    azure, birch = a_party(tmp_path, "azure"), a_party(tmp_path, "birch")
    turned_away: list[LinkFailed] = []

    async def story() -> None:
        visits = Visits()
        async with (
            listening(birch.bearer(azure, on_turned_away=turned_away.append), visits) as address,
            azure.bearer(birch) as caller,
        ):
            steady = await caller.dial("birch", address)
            host, port = address.split(":")
            for _ in range(5):
                _, writer = await asyncio.open_connection(host, int(port))
                writer.write(garbage)
                writer.close()
            await until(lambda: len(turned_away) == 5)
            await steady.send([b"still here"])
            await visits.until(frames=1)
            assert await heard(caller, "birch", address, visits) == "azure"
            assert all("127.0.0.1" in str(failure) for failure in turned_away)

    asyncio.run(story())


def test_strangers_who_never_finish_shut_nobody_out_and_are_not_kept(tmp_path: Path) -> None:
    azure, birch = a_party(tmp_path, "azure"), a_party(tmp_path, "birch")
    turned_away: list[LinkFailed] = []

    async def story() -> None:
        visits = Visits()
        bearer = birch.bearer(azure, handshakes_max=4, handshake_s_max=2.0, on_turned_away=turned_away.append)
        async with listening(bearer, visits) as address, azure.bearer(birch) as caller:
            host, port = address.split(":")
            idle = [await asyncio.open_connection(host, int(port))]  # one slow caller, from where the ally is
            others = (asyncio.open_connection(host, int(port), local_addr=("127.0.0.2", 0)) for _ in range(20))
            idle += await asyncio.gather(*others)
            assert await heard(caller, "birch", address, visits) == "azure"
            assert len(turned_away) == 18 and all("127.0.0.2" in str(failure) for failure in turned_away)
            async with asyncio.timeout(5):  # the rest, when their time is over
                for reader, writer in idle:
                    assert await reader.read() == b""
                    writer.close()

    asyncio.run(story())
    assert len(turned_away) == 21


def test_a_silent_server_is_given_up(tmp_path: Path) -> None:
    azure, birch = a_party(tmp_path, "azure"), a_party(tmp_path, "birch")

    async def story() -> None:
        writers: list[asyncio.StreamWriter] = []
        async with (
            await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0) as server,
            azure.bearer(birch, handshake_s_max=0.2) as caller,
        ):
            with pytest.raises(LinkFailed, match=r"did not answer within 0\.2 s"):
                async with asyncio.timeout(5):
                    await caller.dial("birch", f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
            for writer in writers:
                writer.close()

    asyncio.run(story())


def test_a_new_ally_is_trusted_while_listening(tmp_path: Path) -> None:
    azure, birch, cedar = (a_party(tmp_path, ally) for ally in ("azure", "birch", "cedar"))

    async def story() -> None:
        visits = Visits()
        bearer = birch.bearer(azure)
        async with listening(bearer, visits) as address, azure.bearer(birch) as one, cedar.bearer(birch) as other:
            steady = await one.dial("birch", address)
            assert "refused" in str(await refused_at_first_read(other, "birch", address))
            bearer.trust("cedar", cedar.der)
            assert await heard(other, "birch", address, visits) == "cedar"
            await steady.send([b"still here"])
            await visits.until(frames=2)

    asyncio.run(story())


def test_a_certificate_changes_over_and_the_old_one_is_cut_and_refused(tmp_path: Path) -> None:
    old, new, swapped = (a_party(tmp_path, "azure") for _ in range(3))
    birch = a_party(tmp_path, "birch")

    async def story() -> None:
        visits = Visits()
        bearer = birch.bearer(old)
        async with (
            listening(bearer, visits) as address,
            old.bearer(birch) as before,
            new.bearer(birch) as after,
            swapped.bearer(birch) as thief,
        ):
            live = await before.dial("birch", address)
            assert "refused" in str(await refused_at_first_read(thief, "birch", address))
            bearer.trust("azure", old.der, new.der)
            assert await heard(before, "birch", address, visits) == "azure"
            assert await heard(after, "birch", address, visits) == "azure"
            await live.send([b"still here"])
            await visits.until(frames=3)
            bearer.trust("azure", new.der)
            with pytest.raises(LinkFailed, match="was cut"):
                await anext(live.frames())
            assert "refused" in str(await refused_at_first_read(before, "birch", address))
            assert await heard(after, "birch", address, visits) == "azure"
            bearer.trust("azure")
            assert "refused" in str(await refused_at_first_read(after, "birch", address))

    asyncio.run(story())


def test_a_certificate_that_cannot_name_one_ally_is_not_taken(tmp_path: Path) -> None:
    azure, birch, cedar = (a_party(tmp_path, ally) for ally in ("azure", "birch", "cedar"))
    bearer = birch.bearer(azure)
    for ally, der in (("cedar", azure.der), ("cedar", birch.der)):  # another ally's, and our own
        with pytest.raises(NotTrusted, match="cedar"):
            bearer.trust(ally, der)
    with pytest.raises(Refused, match="at most 2"):
        bearer.trust("azure", azure.der, cedar.der, a_party(tmp_path, "azure").der)
    for der in (b"", b"not a certificate", azure.der + cedar.der):
        with pytest.raises(Malformed, match=r"X\.509"):
            bearer.trust("azure", der)
    assert pin(azure.der) != pin(cedar.der) and len(pin(azure.der)) == 32
