"""The whole file: from tables to a scenario."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from katchi.exercise.scenario import Scenario, Text
from katchi.formats.scenario.asked import changes_of, questions_of, uncertain_of
from katchi.formats.scenario.game import decisions_of
from katchi.formats.scenario.keys import OUTCOMES, TABLES, TOP
from katchi.formats.scenario.places import factors_of, injects_of, places_of
from katchi.formats.scenario.stages import part_of, stages_of, written
from katchi.formats.scenario.table import Table, tables
from katchi.network.durations import Constant
from katchi.network.model import Network, Stage

TITLED = ("posts", "bearers", "causes", "questions")


def scenario_of(tree: Mapping[str, Any], digest: str) -> Scenario:
    """Return the scenario that a file's tables say.

    Raises:
        Malformed: they break a rule; `field` says where.
    """
    top = Table(dict(tree), "", (*TOP, *TABLES, OUTCOMES))
    allies = top.names("allies")
    stages = written(tree)
    parts = {name: part_of(name, table, stages.copies[name], allies) for name, table in stages.tables.items()}
    network = network_of(tree)
    return Scenario(
        title=top.words("title"),
        about=top.words("about"),
        allies=tuple(allies),
        network=network,
        parts=parts,
        posts=places_of(tree, allies, ()).allies,
        titles=_titles(tree),
        injects=injects_of(tree, stages.copies),
        changes=tuple(changes_of(tree, network_of)),
        uncertain=tuple(uncertain_of(tree)),
        decisions=decisions_of(tree, {question.name for question in network.questions}),
        digest=digest,
    )


def network_of(tree: Mapping[str, Any]) -> Network:
    """Return the network that a file's tables say."""
    top = Table(dict(tree), "", (*TOP, *TABLES, OUTCOMES))
    stages = written(tree)
    injects = injects_of(tree, stages.copies)
    places = places_of(tree, top.names("allies"), injects)
    factors, under = factors_of(tree, stages.copies)
    begun_by: dict[str, list[str]] = defaultdict(list)
    for inject in injects:
        for stage in inject.stages:
            begun_by[stage].append(inject.stage)
    begins = [Stage(name=inject.stage, group=inject.stage, duration=Constant(inject.at_s)) for inject in injects if inject.stages]
    return Network(
        stages=(*begins, *(one for name in stages.tables for one in stages_of(name, stages, under.get(name), begun_by[name]))),
        questions=tuple(questions_of(tree, stages)),
        posts=places.posts,
        bearers=places.bearers,
        causes=places.causes,
        factors=factors,
    )


def _titles(tree: Mapping[str, Any]) -> Mapping[str, Text]:
    return {
        f"{kind}.{name}": table.words("title")
        for kind in TITLED
        for name, table in tables(tree, kind, TABLES[kind])
        if "title" in table
    }
