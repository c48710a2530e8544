"""Repairs at a node: what settles a fork, what does not, and what an older store's facts do not say yet."""

from __future__ import annotations

import msgspec
import pytest

from katchi.errors import Refused
from katchi.node import commands as cmd
from katchi.node.state import State, chain_key
from katchi.record.chain import Chain
from katchi.testing.alliance import SimulatedAlliance
from katchi.testing.builders import SECOND
from katchi.testing.checkers import audited
from katchi.testing.planting import deliver, entry_after, entry_at, repair, some_entry, words_proposed
from katchi.vocabulary import Kind


@pytest.fixture
def forked():
    """An alliance at rest in which azure signed two histories, both of which all hold."""
    alliance = SimulatedAlliance(["azure", "birch", "cedar"], seed=3)
    opening, _ = words_proposed(alliance, "azure")
    rival = entry_at(alliance, "azure", some_entry(alliance, "azure", newest=True), body={"by": None, "text": "a rival"})
    for name in ("birch", "cedar"):
        deliver(alliance, "azure", name, rival)
    alliance.run(10)
    assert all(chain_at(alliance, name).is_frozen for name in alliance.parties)
    return alliance, opening


def chain_at(alliance, name) -> Chain:
    return alliance.machine(name).state.chain(alliance.room, "azure")


def accepts(alliance, name, about):
    """Lay before all others that an ally accepts as a repair what is none."""
    newest = some_entry(alliance, name, newest=True)
    word = entry_after(alliance, name, newest, kind=Kind.REPAIR_ACCEPTED, about=about, body={"by": None, "ally": "azure"})
    for other in alliance.parties:
        deliver(alliance, name if other != name else "azure", other, word)


def test_what_all_others_accept_settles_nothing_unless_it_is_a_repair(forked):
    alliance, _ = forked
    founding = alliance.machine("azure").state.path_digests(chain_at(alliance, "azure"), 0, 0, 1)
    for name in ("birch", "cedar"):
        accepts(alliance, name, founding)
    for name in alliance.parties:
        assert chain_at(alliance, name).is_frozen
        (room,) = [room for room in audited(alliance, name).rooms if room.room == alliance.room]
        assert [finding.reason for finding in room.findings] == ["fork-pair"]
        assert [mark.reason for mark in room.marks].count("repair-unknown") == 2


def test_a_repair_that_all_others_accept_settles_the_fork_at_every_node(forked):
    alliance, opening = forked
    with pytest.raises(Refused, match="no fork in this room that it has repaired"):
        alliance.act("birch", cmd.AcceptRepair(room=alliance.room, ally="azure"))
    repair(alliance, "azure", opening)
    for name in alliance.parties:
        chain = chain_at(alliance, name)
        assert chain.forks and not chain.is_frozen and len(chain.repairs) == 1
    alliance.run(10)
    assert chain_at(alliance, "azure").newest.confirmed == {
        "birch": chain_at(alliance, "azure").length,
        "cedar": chain_at(alliance, "azure").length,
    }


def test_a_history_that_shows_after_the_repair_is_repaired_in_its_turn(forked):
    alliance, opening = forked
    repair(alliance, "azure", opening)
    place = alliance.machine("azure").state.entry(chain_at(alliance, "azure").forks[0].digests[0])
    third = entry_at(alliance, "azure", place, body={"by": None, "text": "a third"}, at=place.header.at + SECOND)
    for name in ("birch", "cedar"):
        deliver(alliance, "azure", name, third)
    alliance.run(10)
    assert all(chain_at(alliance, name).is_frozen for name in alliance.parties)
    repair(alliance, "azure", opening)
    assert not any(chain_at(alliance, name).is_frozen for name in alliance.parties)


def test_a_fact_written_before_repairs_were_kept_finds_them_in_the_record(forked):
    alliance, opening = forked
    repair(alliance, "azure", opening)
    for name in alliance.parties:
        store, machine = alliance.store(name), alliance.machine(name)
        whole = chain_at(alliance, name)
        key = chain_key(alliance.room, "azure")
        old = msgspec.structs.replace(whole, repairs=())
        assert old.is_frozen
        store._now.facts[key] = msgspec.msgpack.encode(old)
        state = State(machine.state.settings, machine.state.own, machine.state.suites, store)
        assert state.chain(alliance.room, "azure") == whole
