"""Small scenarios to rehearse."""

from __future__ import annotations

from katchi.exercise.scenario import Scenario
from katchi.formats.scenario import read
from katchi.rehearse.rehearsal import Production
from katchi.testing.rehearsals import PORTS

HEAD = """\
title = "A small matter"
deadline = "6 h"
allies = ["azure", "birch"]

[bearers.line]

[questions.done]
stage = "talk"
"""

# Both write while the only line is cut, from minute 10 to minute 70.
CUT = (
    HEAD
    + """
[injects.cable]
at = "10 min"
bearer = "line"
lasts = "1 h"
about = "The cable is cut."

[stages.ask]
over = "line"
by = "azure"
act = "open"
takes = "5 min"

[stages.think-a]
by = "azure"
takes = "10 min"
after = ["ask"]
act = "state-position"

[stages.take-up]
by = "birch"
takes = "2 min"
after = ["ask"]
act = "acknowledge"

[stages.think-b]
by = "birch"
takes = "13 min"
after = ["take-up"]
act = "state-position"

[stages.talk]
takes = "1 min"
after = ["think-a", "think-b"]
"""
)


def scenario_of(text: str) -> Scenario:
    """Return a scenario from its text."""
    return read(text.encode(), "small.toml")


def production_of(text: str) -> Production:
    """Return it ready to be rehearsed, on a link that loses nothing."""
    return Production(scenario_of(text), PORTS)
