"""One picture of the story: what each side shows, and the link between them, after one step.

Everything in it is asked of the nodes themselves, as their own screens would show it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from katchi.demo.stage import Stage
from katchi.demo.story import Told
from katchi.vocabulary import MESSAGES

CAPITALS = {"KOR": ("Seoul", "서울"), "USA": ("Washington", "워싱턴")}
RECEIPTS = ("sent", "received", "delivered", "read")


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One node."""

    ally: str
    names: tuple[str, str]  # English, Korean
    stance: str = ""
    status: str = ""  # the joint status, as this side sees it
    entries: int = 0  # held of the shared room
    unread: int = 0
    waiting: int = 0  # entries not confirmed by some ally
    up: bool = False
    phrase: str = ""
    latest: str = ""  # kind of its newest message
    text: str = ""
    receipts: tuple[str, ...] = ()  # which of the five facts it knows of its newest message
    crossed: int = 0


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What all sides show after one step."""

    number: int
    at_s: float
    told: Told
    sides: tuple[Side, ...]
    is_cut: bool


class Scenes:
    """Takes the pictures of one run."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._sides = tuple(Side(ally=ally, names=CAPITALS.get(ally, (ally, ally))) for ally in stage.allies)
        self._is_cut = False
        self.taken: list[Scene] = []

    def take(self, told: Told, at_s: float) -> Scene:
        """Return the picture after a step; while the nodes are stopped, they show what they showed last."""
        if told.does:
            self._is_cut = told.does == "cut"
        if self._stage.offices:
            self._sides = tuple(self._side(side) for side in self._sides)
        scene = Scene(number=len(self.taken), at_s=round(at_s, 1), told=told, sides=self._sides, is_cut=self._is_cut)
        self.taken.append(scene)
        return scene

    def _side(self, before: Side) -> Side:
        ask = self._stage.ask
        room = next((one for one in ask(before.ally, "rooms") if not one["national"]), None)
        if room is None:
            return before
        links = ask(before.ally, "link")
        side = msgspec.structs.replace(
            before,
            entries=sum(chain["length"] for chain in room["chains"]),
            phrase=room["phrase"],
            waiting=sum(link["waiting"] for link in links),
            up=all(link["up"] for link in links),
        )
        listed = ask(before.ally, "consultations")
        return self._consulting(side, ask(before.ally, "consultation", id=listed[0]["id"])) if listed else side

    def _consulting(self, side: Side, view: Any) -> Side:
        own = [entry for entry in view["timeline"] if entry["ally"] == side.ally and entry["kind"] in MESSAGES]
        newest = own[-1] if own else None
        body = (newest["body"] if newest else None) or {}
        known = {name for one in (newest["receipts"] if newest else ()) for name in RECEIPTS if one[name]}
        return msgspec.structs.replace(
            side,
            stance=view["stances"][side.ally],
            status=view["status"],
            unread=view["unread"],
            latest=newest["kind"] if newest else "",
            text=next((body[name] for name in ("subject", "text", "reason") if body.get(name)), ""),
            receipts=tuple(name for name in RECEIPTS if name in known),
            crossed=view["crossed"],
        )
