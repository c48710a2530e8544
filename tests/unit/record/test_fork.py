"""A proof of two histories stands alone, and nothing less passes for one."""

from __future__ import annotations

import msgspec
import pytest

from katchi.errors import Unverified
from katchi.record.fork import prove, verified_fork
from katchi.testing.builders import a_room, an_ally, an_entry

AZURE, BIRCH = an_ally("azure"), an_ally("birch")
ROOM = a_room(AZURE, BIRCH)
ONE = an_entry(ROOM, AZURE)
OTHER = an_entry(ROOM, AZURE, body={"by": None, "text": "other"})


def test_two_signed_headers_of_one_place_are_a_proof_without_their_bodies():
    assert verified_fork(ROOM, prove(ONE, OTHER)) == (ONE.header, OTHER.header)


@pytest.mark.parametrize(
    "other",
    [ONE, an_entry(ROOM, BIRCH), an_entry(ROOM, AZURE, 1, ONE.digest), an_entry(ROOM, AZURE, epoch=1)],
    ids=["the same entry", "another ally", "another seq", "another epoch"],
)
def test_entries_that_do_not_contradict_each_other_prove_nothing(other):
    with pytest.raises(Unverified, match="fork-not-proven"):
        verified_fork(ROOM, prove(ONE, other))


def test_an_ally_cannot_be_framed_with_a_header_that_it_did_not_sign():
    framed = msgspec.structs.replace(prove(ONE, OTHER), other_signature=ONE.signature)
    with pytest.raises(Unverified, match="signature-invalid"):
        verified_fork(ROOM, framed)


def test_entries_of_two_rooms_prove_nothing():
    elsewhere = an_entry(a_room(AZURE, BIRCH, title="elsewhere"), AZURE)
    with pytest.raises(Unverified, match="replay-other-room"):
        verified_fork(ROOM, prove(ONE, elsewhere))
