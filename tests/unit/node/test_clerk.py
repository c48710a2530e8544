"""Commands of officers and operators: what they change at once, and that what is refused leaves nothing behind."""

from __future__ import annotations

import os

import pytest

from katchi.consult import acts, rules
from katchi.errors import KatchiError
from katchi.node import commands as cmd
from katchi.node.machine import Machine
from katchi.node.notices import Told
from katchi.node.settings import PairedAlly, Settings
from katchi.record import merkle
from katchi.record.charter import SignedCharter
from katchi.record.identity import Contact, sign_contact
from katchi.store.memory import MemoryStore
from katchi.testing.builders import NOON, a_room, an_ally
from katchi.testing.cheap import SUITES
from katchi.vocabulary import Kind

AZURE, BIRCH = an_ally("azure"), an_ally("birch")


def a_pairing(ally):
    contact = Contact(
        mode="exercise", ally=ally.name, identity=ally.fingerprint, serial=1, tls=(), seal=(), addresses=(), at=NOON
    )
    signed = sign_contact(contact, ally.signer)
    return PairedAlly(
        identity=ally.identity.statement,
        identity_signatures=ally.identity.signatures,
        contact=signed.statement,
        contact_signatures=signed.signatures,
        certificate=b"",
        compared="phrase",
        paired_at=NOON,
    )


class Desk:
    """One node's machine on a store in memory: each command is kept at once."""

    def __init__(self, **settings):
        self.store = MemoryStore()
        chosen = Settings(ally="azure", mode="exercise", **settings)
        self.machine = Machine(chosen, AZURE.known, AZURE.signer, SUITES, self.store, os.urandom)

    def do(self, command):
        written = self.machine.submit(command, NOON)
        self.keep()
        return written

    def keep(self):
        self.store.append(self.machine.close_group(NOON))
        self.machine.committed()


def test_joining_a_room_that_all_others_have_signed_opens_our_chain_at_once():
    desk = Desk(join="ask")
    desk.do(cmd.Pair(ally=a_pairing(BIRCH)))
    room = a_room(AZURE, BIRCH)
    proposed = SignedCharter(room.signed.statement, {"birch": room.signed.signatures["birch"]})
    desk.machine._acceptor.charter("birch", proposed)
    desk.keep()
    assert desk.store.digests(room.id, "azure", 0, 0, 9) == []
    desk.do(cmd.JoinRoom(room=room.id))
    (opened,) = desk.store.run(room.id, "azure", 0, 0, 9, 9)
    assert opened.entry.header.kind == Kind.CHAIN_OPENED
    assert [notice.detail for notice in desk.machine.notices if notice.told is Told.ROOM] == ["in force"]


def test_considering_an_act_refuses_what_would_be_refused_and_writes_nothing_either_way():
    desk = Desk()
    desk.do(cmd.FoundRoom(title="matters", allies=()))
    before = [kept.entry.digest for room in desk.machine.state.rooms.now for kept in desk.store.entries(room)]
    paper = acts.Paper("plan.txt", 4, b"r" * 32)  # not kept yet
    desk.do(cmd.Consider(act=rules.Open(subject="a plan", papers=(paper,))))
    for act, why in [
        (rules.Open(subject=" ", papers=(paper,)), "needs a subject"),
        (rules.Open(subject="x", due=1, papers=(paper,)), "due before"),
        (rules.Open(subject="x", marking="비밀", papers=(paper,)), "marking"),
        (rules.Open(subject="x", post="nobody", papers=(paper,)), "no post"),
        (rules.StatePosition(consultation=bytes(32), text="x", papers=(paper,)), "no consultation"),
    ]:
        with pytest.raises(KatchiError, match=why):
            desk.machine.submit(cmd.Consider(act=act), NOON)
        assert desk.machine.close_group(NOON).is_empty
    assert [kept.entry.digest for room in desk.machine.state.rooms.now for kept in desk.store.entries(room)] == before


def test_an_act_that_is_refused_leaves_no_fact_of_its_papers():
    desk = Desk()
    desk.do(cmd.FoundRoom(title="matters", allies=()))
    (room,) = desk.machine.state.rooms.now
    root = merkle.root_of_leaves("sha256", [merkle.leaf("sha256", b"plan")])
    desk.do(cmd.KeepChunk(room=room, root=root, index=0, data=b"plan"))
    with pytest.raises(KatchiError, match="needs a subject"):
        desk.machine.submit(rules.Open(subject=" ", papers=(acts.Paper("plan.txt", 4, root),)), NOON)
    assert desk.machine.close_group(NOON).is_empty
