"""What stands between two governments that pair: a changed file, a second key, a borrowed name."""

from __future__ import annotations

import random

import pytest
from attacker import Node, a_pairing, a_real_ally

from katchi.bearer.certificate import pin
from katchi.errors import KatchiError, Malformed, NotTrusted, Refused, Unverified
from katchi.node.commands import Pair
from katchi.node.settings import PairedAlly
from katchi.record.canonical import encode
from katchi.record.identity import SignedContact, phrase, verified_contact
from katchi.record.suite import SHIPPED
from katchi.serve.directory import NodeDirectory
from katchi.serve.invitation import MAGIC, Invitation, compared, paired, read_invitation, write_invitation
from katchi.serve.office import Office
from katchi.testing.builders import NOON


@pytest.fixture(scope="module")
def usa(tmp_path_factory):
    return NodeDirectory.create(tmp_path_factory.mktemp("usa") / "usa", ally="USA", mode="exercise")


@pytest.fixture
def kor(tmp_path):
    return NodeDirectory.create(tmp_path / "kor", ally="KOR", mode="exercise")


@pytest.fixture
def invitation(usa, tmp_path):
    file = tmp_path / "USA.invitation"
    write_invitation(file, usa.invitation(address=None))
    return file


def test_a_second_key_for_a_known_ally(azure, birch):
    node = Node(azure, birch)
    for name in ("birch", "BIRCH"):
        with pytest.raises(NotTrusted, match="already paired with another key"):
            node.do(Pair(ally=a_pairing(a_real_ally(name, serial=1))))
    assert node.machine.state.allies.now["birch"].identity == birch.identity.statement


def test_our_own_allys_name(azure):
    node = Node(azure)
    for impostor in (a_real_ally("azure", serial=1), a_real_ally("Azure")):
        with pytest.raises(Refused, match="our own ally's name"):
            node.do(Pair(ally=a_pairing(impostor)))


def test_an_identity_of_the_other_mode(azure):
    with pytest.raises(Refused, match="is of mode live"):
        Node(azure).do(Pair(ally=a_pairing(a_real_ally("birch", "live"))))


def test_pairing_with_digits_of_another(birch, cedar):
    assert compared(birch.known, phrase(birch.known)) == "phrase"
    assert compared(birch.known, birch.fingerprint.hex(" ", 2)) == "fingerprint"
    for said in (phrase(cedar.known), a_real_ally("birch", "live").fingerprint.hex(), cedar.fingerprint.hex()):
        with pytest.raises(NotTrusted, match="not the digits of birch") as refused:
            compared(birch.known, said)
        assert "pair nothing" in refused.value.hint
    for said in ("", "1234", birch.fingerprint.hex()[:16], phrase(birch.known) + "0", "١" * 16):
        with pytest.raises((Malformed, NotTrusted)):
            compared(birch.known, said)


def test_pairing_under_an_identity_that_another_signed(azure, birch, cedar):
    theirs = a_pairing(birch)
    forged = {
        "identity": {"identity_signatures": a_pairing(cedar).identity_signatures},
        "contact": {"contact_signatures": a_pairing(cedar).contact_signatures},
        "of another": {"contact": a_pairing(cedar).contact, "contact_signatures": a_pairing(cedar).contact_signatures},
    }
    for change in forged.values():
        fields = {name: getattr(theirs, name) for name in PairedAlly.__struct_fields__}
        with pytest.raises(Unverified, match=r"signature-invalid|contact-other-identity"):
            Node(azure).do(Pair(ally=PairedAlly(**{**fields, **change})))


def test_invitation_tampered(invitation):
    """Every region of the file: magic, names, keys, signatures, pins, addresses, certificate, length."""
    whole = invitation.read_bytes()
    _, honest = read_invitation(invitation, SHIPPED)
    places = sorted({*range(120), *range(120, len(whole), 61), *range(len(whole) - 20, len(whole))})
    chance = random.Random(7)
    for at in places:
        invitation.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :])
        with pytest.raises(Malformed):
            read_invitation(invitation, SHIPPED)
    for changed in (whole[:-1], whole + b"\x00", whole[: len(whole) // 2], MAGIC, b""):
        invitation.write_bytes(changed)
        with pytest.raises(Malformed):
            read_invitation(invitation, SHIPPED)
    invitation.write_bytes(whole)
    assert read_invitation(invitation, SHIPPED)[1].fingerprint == honest.fingerprint


def test_invitation_whose_certificate_was_swapped(usa, kor, invitation):
    theirs, ours = usa.invitation(address=None), kor.invitation(address=None)
    swapped = Invitation(identity=theirs.identity, contact=theirs.contact, certificate=ours.certificate)
    invitation.write_bytes(MAGIC + encode(swapped))
    with pytest.raises(Malformed, match="not the one its contact names"):
        read_invitation(invitation, SHIPPED)


def test_invitation_whose_keys_were_swapped_shows_other_digits(usa, kor, invitation):
    """Someone between the two sends a whole invitation of their own: only the digits tell."""
    between = a_real_ally("USA", serial=3)
    contact = usa.invitation(address=None).contact
    invitation.write_bytes(MAGIC + encode(Invitation(identity=between.identity, contact=contact, certificate=b"x")))
    with pytest.raises(Malformed, match="does not hold"):
        read_invitation(invitation, SHIPPED)
    own = a_pairing(between)
    assert own.identity != usa.identity.statement
    with pytest.raises(NotTrusted):
        compared(between.known, usa.own().fingerprint.hex())


def test_old_contact_replayed(azure, birch):
    """An address or certificate that was left behind, perhaps to a thief, does not come back."""
    node = Node(azure, birch)
    node.do(Pair(ally=a_pairing(birch, serial=5, certificate=b"new")))
    for serial in (0, 4):
        with pytest.raises(Unverified, match="contact-old-serial"):
            node.do(Pair(ally=a_pairing(birch, serial=serial, certificate=b"stolen")))
    assert node.machine.state.allies.now["birch"].certificate == b"new"
    assert node.do(Pair(ally=a_pairing(birch, serial=5, certificate=b"new"))).digest == birch.fingerprint


def test_old_contact_replayed_with_its_serial_rewritten(birch):
    old, newer = a_pairing(birch, serial=1), a_pairing(birch, serial=9)
    forged = SignedContact(newer.contact, old.contact_signatures)
    with pytest.raises(Unverified, match="signature-invalid"):
        verified_contact(forged, birch.known, serial_min=1)


def test_a_certificate_borrowed_from_another_ally(azure, birch, cedar):
    """Found as a way to shut an ally out: its certificate in another's invitation took its place after a restart."""
    node = Node(azure, birch)
    with pytest.raises(NotTrusted, match="is that of birch"):
        node.do(Pair(ally=a_pairing(cedar, certificate=b"birch")))
    assert set(node.machine.state.allies.now) == {"birch"}
    node.restart()
    assert set(node.machine.peers) == {"birch"}


def test_a_pairing_that_was_refused_leaves_nothing_behind(kor, usa, invitation):
    taken, known = read_invitation(invitation, SHIPPED)
    with Office(kor.path) as office:
        office.submit(Pair(ally=paired(taken, "phrase", now=NOON, address=None)))
        before = office.ask("link")
    impostor = a_pairing(a_real_ally("USA", serial=2))
    with Office(kor.path) as office, pytest.raises(KatchiError, match="another key"):
        office.submit(Pair(ally=impostor))
    with Office(kor.path) as office:
        assert office.ask("link") == before
    assert pin(taken.certificate) and known.ally == "USA"
