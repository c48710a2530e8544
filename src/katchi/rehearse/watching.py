"""What a rehearsal is told by: its steps, and what each ally could see at each, by its own node's views alone.

A rehearsal that nobody reads is not watched: it then costs no views.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from katchi.consult.crossing import crossed_pairs
from katchi.errors import Sentence
from katchi.node.machine import Machine
from katchi.node.views.consultation import consultation_list, openings
from katchi.node.views.duty import waiting_for
from katchi.node.views.link import link_views
from katchi.rehearse.world import SECOND, World

WAITING_MAX = 1_000  # messages that are looked at

What = Literal["start", "done", "wrote", "held", "waits", "refused", "failed", "down", "up", "inject", "seats"]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """How one consultation stands by what one node holds."""

    subject: str
    stances: dict[str, str]  # tokens of vocabulary.py
    status: str
    crossed: int  # pairs of messages that crossed


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """What one ally could see at a moment."""

    ally: str
    consultations: tuple[Seen, ...]
    unread: int  # messages of others that nobody there has read
    on_the_way: dict[str, int]  # by other ally: our messages that it is not known to hold
    links: dict[str, bool]  # by other ally: whether the link is up


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened."""

    at_s: float  # after the start
    what: What
    ally: str = ""  # who; "": nobody in particular
    stage: str = ""
    copy: int = 0
    kinds: tuple[str, ...] = ()  # of the entries written: tokens of vocabulary.py
    of: str = ""  # the bearer, post or inject; of what is held now, who wrote it; of what is waited for, what
    seats: int | None = None
    spent_s: float | None = None  # since it could begin
    seat_s: float = 0.0  # of that, waiting for a seat
    outage_s: float = 0.0  # of that, waiting for the bearer
    carries: bool = True  # of a bearer's turn: whether anything passes between the allies now
    why: Sentence | None = None  # it was refused
    sides: tuple[Side, ...] = ()


class Watch:
    """Notes steps, where anybody reads them."""

    def __init__(self, world: World, start: int, *, is_on: bool) -> None:
        self.world, self.start, self.is_on = world, start, is_on
        self.steps: list[Step] = []

    @property
    def now_s(self) -> float:
        """Seconds since the rehearsal started."""
        return (self.world.now - self.start) / SECOND

    def note(self, step: Step) -> None:
        """Note a step, and what each ally sees."""
        if self.is_on:
            self.steps.append(msgspec.structs.replace(step, at_s=self.now_s, sides=sides_of(self.world)))


def sides_of(world: World) -> tuple[Side, ...]:
    """Return what each ally sees now."""
    return tuple(side_of(station.machine) for station in world.stations.values() if station.machine is not None)


def side_of(machine: Machine) -> Side:
    """Return what one ally sees now."""
    state = machine.state
    links = link_views(state, machine.peers)
    on_the_way: dict[str, int] = {}
    for row in waiting_for(state, WAITING_MAX):
        if row.received is None:
            on_the_way[row.ally] = on_the_way.get(row.ally, 0) + 1
    return Side(
        ally=state.own.ally,
        consultations=tuple(
            Seen(
                subject=one.subject,
                stances=one.stances,
                status=one.status,
                crossed=len(crossed_pairs(kept.entry for kept in state.store.about(bytes.fromhex(one.id)))),
            )
            for one in consultation_list(state, openings=openings(state))
        ),
        unread=len(state.desk),
        on_the_way=on_the_way,
        links={one.ally: one.up for one in links},
    )
