"""Options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from katchi.cli.speech import _

NodeOption = Annotated[
    Path,
    Parameter(name="--node", env_var="KATCHI_NODE", show_env_var=False, help=_("The node's directory (or set KATCHI_NODE).")),
]
NodeArgument = Annotated[Path, Parameter(help=_("The node's directory."))]
ConsultationArgument = Annotated[str, Parameter(help=_("The consultation's id, or its beginning."))]
JsonOption = Annotated[bool, Parameter(name="--json", negative="", help=_("Answer with JSON."))]
PostOption = Annotated[str | None, Parameter(name="--post", help=_("The post that acts; the first of this node if not given."))]
ByOption = Annotated[
    str | None,
    Parameter(name="--by", env_var="KATCHI_OFFICER", show_env_var=False, help=_("The officer's name (or set KATCHI_OFFICER).")),
]
PrecedenceWord = Literal["routine", "priority", "immediate", "flash"]
PrecedenceOption = Annotated[PrecedenceWord, Parameter(name="--precedence", help=_("How soon it must be handled."))]
MarkingOption = Annotated[
    str | None, Parameter(name="--marking", help=_("The handling marking, ASCII; what fits the node's mode if not given."))
]
SeedOption = Annotated[int, Parameter(name="--seed", help=_("Where chance begins: the same seed, the same answer."))]
ThreadsOption = Annotated[int | None, Parameter(name="--threads", help=_("How many threads; one for each core if not given."))]
ProcessesOption = Annotated[
    int | None, Parameter(name="--processes", help=_("How many processes share the work; one for each core if not given."))
]
