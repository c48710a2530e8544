"""The alliance that a rehearsal begins with: its allies' nodes paired, in one room in force, linked.

Founding it costs more than rehearsing a short consultation, so it is done once: `Founded` keeps what each
node held, and every rehearsal starts its nodes from copies. Signatures and stores are ports. The mode is
always exercise: nothing that is rehearsed can be taken for reality.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from katchi.consult.duty import Duty
from katchi.errors import KatchiError
from katchi.node.batch import Store
from katchi.node.commands import FoundRoom, Pair
from katchi.node.machine import Machine
from katchi.node.settings import PairedAlly, Settings
from katchi.record.identity import Contact, Identity, KnownAlly, known, sign_contact, sign_identity
from katchi.record.suite import Signer, Suites
from katchi.rehearse.world import SECOND, Station, World

BEGUN_AT = 1_767_225_600_000_000  # 2026-01-01 00:00 UTC: when the simulated alliance is founded
STARTS_AT = BEGUN_AT + 3_600 * SECOND  # when every rehearsal starts
FOUNDED_IN_S = 60.0
LINKED_IN_S = 10.0
TITLE = "rehearsal"


class OwnKeys(Signer, Protocol):
    """A signer that knows its own public keys."""

    @property
    def public_keys(self) -> tuple[bytes, ...]:
        """The public keys, in suite order."""


class Ports(NamedTuple):
    """What a rehearsal is given from outside: signatures and stores."""

    suite: str  # of every ally's signer
    suites: Suites
    signer_of: Callable[[str], OwnKeys]  # by ally
    new_store: Callable[[], Store]
    copy_of: Callable[[Any], Store]  # of a store that `new_store` made


class Party(NamedTuple):
    """One ally: its keys, how others know it, and its node's settings."""

    signer: Signer
    known: KnownAlly
    paired: PairedAlly
    settings: Settings


class Founded(NamedTuple):
    """Nodes that share a room, as they were when it came in force."""

    parties: Mapping[str, Party]
    stores: Mapping[str, Store]
    room: bytes
    ports: Ports

    def world(self, seed: int) -> World:
        """Return a world in which these nodes run from copies of their stores, linked, at the start of a rehearsal."""
        world = World(seed, STARTS_AT - int(LINKED_IN_S * SECOND))
        world.pings_until = 0  # hours of pings would show nothing; `ping_for` where something happens
        for ally, store in self.stores.items():
            world.add(_station(world, self.parties[ally], self.ports, self.ports.copy_of(store)))
        world.run(LINKED_IN_S)
        return world


def founded(allies: Sequence[str], posts: Mapping[str, Sequence[str]], ports: Ports) -> Founded:
    """Return these allies' nodes, paired and in one room in force.

    Args:
        allies: two or more names.
        posts: of each ally, in the order in which an unread message climbs them; those of any node where there are none.
        ports: signatures and stores.
    """
    parties = {ally: _party(ally, tuple(posts.get(ally, ())), ports) for ally in allies}
    world = World(0, BEGUN_AT)
    for party in parties.values():
        world.add(_station(world, party, ports, ports.new_store()))
    for ally in parties:
        _done(world, ally, *(Pair(ally=other.paired) for name, other in parties.items() if name != ally))
    first, *others = parties
    _done(world, first, FoundRoom(title=TITLE, allies=tuple(others)))
    world.run(FOUNDED_IN_S)
    machine = world.stations[first].machine
    assert machine is not None
    (room,) = machine.state.rooms.now.values()
    assert not room.missing, "the room is in force"
    return Founded(parties, {ally: station.store for ally, station in world.stations.items()}, room.id, ports)


def _done(world: World, ally: str, *commands: Pair | FoundRoom) -> None:
    for answer in world.submit(ally, *commands):
        if isinstance(answer, KatchiError):
            raise answer


def _party(ally: str, posts: tuple[str, ...], ports: Ports) -> Party:
    signer = ports.signer_of(ally)
    identity = Identity(mode="exercise", ally=ally, suite=ports.suite, keys=signer.public_keys, serial=0, at=BEGUN_AT)
    signed = sign_identity(identity, signer)
    own = known(signed, ports.suites)
    contact = Contact(mode="exercise", ally=ally, identity=own.fingerprint, serial=0, tls=(), seal=(), addresses=(), at=BEGUN_AT)
    signed_contact = sign_contact(contact, signer)
    paired = PairedAlly(
        identity=signed.statement,
        identity_signatures=signed.signatures,
        contact=signed_contact.statement,
        contact_signatures=signed_contact.signatures,
        certificate=b"",
        compared="fingerprint",
        paired_at=BEGUN_AT,
    )
    return Party(signer, own, paired, Settings(ally=ally, mode="exercise", duty=Duty(posts=posts) if posts else Duty()))


def _station(world: World, party: Party, ports: Ports, store: Store) -> Station:
    def start(store: Store, was_restored: bool) -> Machine:
        chance = world.chance.randbytes
        return Machine(party.settings, party.known, party.signer, ports.suites, store, chance, was_restored=was_restored)

    return Station(party.settings.ally, store, start)
