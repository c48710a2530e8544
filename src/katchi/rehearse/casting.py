"""Who plays what in a rehearsal: of each stage which allies do it, and what each of them writes when it is done.

- A stage is its `by`'s, else its post's. A stage that is nobody's in particular and has an act is every ally's: each writes.
- A transmission writes on its sender's node: its act, or a position if it has none. It is done once every other ally holds that.
- Other stages write their act, if they have one, wherever their allies are; an attempt that may fail and a pause write nothing,
  the stage that follows the attempt that succeeds does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from katchi.errors import Malformed, Refused
from katchi.exercise.scenario import Act, Scenario, Text
from katchi.network.model import Stage

_ALLY = re.compile(r"[A-Za-z0-9-]{1,32}")
_POST = re.compile(r"[a-z0-9.-]{1,48}")
_INSIDE = re.compile(r"\.(try|pause)\d+$")  # attempts and pauses of a stage with retries
_BRACKETS = str.maketrans("[]", "()")  # words with [brackets] are not settled
ALLIES_MAX = 8
TEXT_LENGTH_MAX = 1_000


class Role(NamedTuple):
    """What one stage of the network is in a rehearsal."""

    name: str  # of the stage as the file writes it
    copy: int  # 1, 2, ... of those alike; 0: there is one
    is_whole: bool  # false for an attempt and a pause of a stage with retries
    is_told: bool  # false for what an inject is in the network
    title: Text
    allies: tuple[str, ...]  # who does it; none: nobody in particular
    post: str | None  # of theirs, where its name can be a post's
    act: Act  # what each of them writes; "": nothing
    bearer: str  # that carries what is written; "": none in particular

    @property
    def is_sent(self) -> bool:
        """Whether it is done only when it has arrived."""
        return bool(self.bearer) and bool(self.act)

    def text(self, language: str) -> str:
        """Return what is written, in a language."""
        said = (self.title.said(language) or self.name)[:TEXT_LENGTH_MAX]
        return f"{said} ({self.copy})" if self.copy else said

    @property
    def words(self) -> dict[str, str]:
        """The words that are proposed, in every language that the file has."""
        tongues = [tongue for tongue in ("en", "ko") if getattr(self.title, tongue)] or ["en"]
        return {tongue: self.text(tongue).translate(_BRACKETS) for tongue in tongues}


class Cast(NamedTuple):
    """All roles, in the order of the network's stages, and the posts of each ally."""

    allies: tuple[str, ...]
    roles: tuple[Role, ...]
    posts: Mapping[str, Sequence[str]]


def cast_of(scenario: Scenario) -> Cast:
    """Return who plays what.

    Raises:
        Refused: the file names fewer than two allies, or nothing that any of them writes.
        Malformed: an ally's name is none for a node, or nobody sends a transmission.
    """
    allies = scenario.allies
    if len(allies) < 2:
        raise Refused(
            "this scenario cannot be rehearsed: it names {n} allies", field="allies",
            hint='Write allies = ["azure", "birch"] at the top, and `by` or `ally` where they act.', n=len(allies),
        )  # fmt: skip
    _check_allies(allies)
    roles = tuple(_role(scenario, stage) for stage in scenario.network.stages)
    if not any(role.act for role in roles):
        raise Refused(
            "this scenario cannot be rehearsed: none of its stages writes anything", field="stages",
            hint='Give a stage an act, such as act = "open", or a bearer and `by`.',
        )  # fmt: skip
    posts = {ally: [name for name, of in scenario.posts.items() if of == ally and _POST.fullmatch(name)] for ally in allies}
    return Cast(allies, roles, posts)


def _check_allies(allies: Sequence[str]) -> None:
    folded = [ally.casefold() for ally in allies]
    wrong = next((ally for i, ally in enumerate(allies) if not _ALLY.fullmatch(ally) or folded[i] in folded[:i]), None)
    if wrong is not None:
        raise Malformed(
            "no node can be called '{ally}'", field="allies", ally=wrong,
            hint="A name is of 1 to 32 letters a-z, digits and hyphens, and no other ally's in capitals.",
        )  # fmt: skip
    if len(allies) > ALLIES_MAX:
        raise Refused(
            "{n} allies are more than the {limit} that are rehearsed", field="allies", hint="Leave out those that do least.",
            n=len(allies), limit=ALLIES_MAX,
        )  # fmt: skip


def _role(scenario: Scenario, stage: Stage) -> Role:
    part = scenario.parts.get(stage.reported)
    if part is None:  # an inject's own stage
        return Role(stage.reported, 0, True, False, Text(), (), None, "", "")
    is_whole = not _INSIDE.search(stage.name)
    attempts = [one for one in scenario.network.stages if one.reported == stage.reported]
    bearer = next((one.over for one in attempts if one.over), None) or ""
    place = next((one.at for one in attempts if one.at), None)
    ally = part.by or (scenario.posts.get(place, "") if place else "")
    if bearer and not ally:
        raise Malformed(
            "nobody sends '{name}' over its bearer", field=f"stages.{stage.reported}", hint='Write by = "{ally}" there.',
            name=stage.reported, ally=scenario.allies[0],
        )  # fmt: skip
    act: Act = part.act or ("state-position" if bearer else "")
    if not is_whole:
        act = ""
    copy = int(stage.name.removeprefix(stage.reported).split(".")[1]) if part.copies > 1 else 0
    allies = (ally,) if ally else tuple(scenario.allies) if part.act else ()
    if act == "open" and len(allies) > 1:
        raise Malformed(
            "'{name}' opens the consultation, and nobody in particular does it", field=f"stages.{stage.reported}",
            hint='Write by = "{ally}" there.', name=stage.reported, ally=scenario.allies[0],
        )  # fmt: skip
    post = place if place and _POST.fullmatch(place) else None
    return Role(stage.reported, copy, is_whole, True, part.title, allies, post, act, bearer)
