"""`katchi scenario from-timeline`: a dated chronicle becomes a scenario to replay and to vary."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from katchi.cli.options import JsonOption
from katchi.cli.speech import LANGUAGE, _, say, say_json, spoken, tell
from katchi.errors import Malformed, NotFound, Refused, os_reason
from katchi.formats import replay, scenario, timeline
from katchi.language import translator

HELP = (
    _("Turn a dated chronicle (CSV: who told whom what, when) into a scenario that replays it, and that can be varied.")
    + "\n\n"
    + _("Columns: t_local, tz, t_utc, kind, from, to, statement, source. What is missing or disagrees is named by file and line.")
    + "\n\n"
    + _("Example: katchi scenario from-timeline alert.csv --out alert.toml")
)


def from_timeline(
    file: Annotated[Path, Parameter(help=_("The chronicle (CSV)."))],
    /,
    *,
    out: Annotated[Path | None, Parameter(help=_("The scenario file to write; on the terminal if not given."))] = None,
    spread: Annotated[
        float, Parameter(help=_("Let each length vary, from so many times less to so many times more; 1 replays exactly."))
    ] = 1.0,
    json: JsonOption = False,
) -> None:
    if not 1 <= spread <= replay.SPREAD_MAX:
        raise Malformed(
            "--spread is {value}", hint="Write a number from 1 to {limit}, such as 2.", value=spread, limit=replay.SPREAD_MAX
        )
    chronicle = timeline.read(read_bytes(file, timeline.BYTES_MAX), str(file))
    made = replay.replay(chronicle, spread=spread, translate=translator(LANGUAGE))
    scenario.read(made.text.encode(), str(out or file))  # what is written here can be read here
    if out is not None:
        write_new(out, made.text)
    if json:
        say_json(
            {
                "file": str(file),
                "out": None if out is None else str(out),
                "start": chronicle.start.isoformat(),
                "stages": made.stages,
                "questions": made.questions,
                "allies": made.allies,
                "remarks": [{"place": one.place, "message": spoken(one.what)} for one in chronicle.remarks],
                "scenario": made.text,
            }
        )
        return
    for one in chronicle.remarks:
        tell(f"{one.place}: {spoken(one.what)}")
    if out is None:
        say(made.text.rstrip("\n"))
    else:
        say(_("{path}: {n} stages from {rows} rows, {remarks} remarks").format(
            path=out, n=len(made.stages), rows=len(chronicle.rows), remarks=len(chronicle.remarks)))  # fmt: skip


def read_bytes(path: Path, limit: int) -> bytes:
    """Return what a file holds, if that is no more than `limit` bytes."""
    try:
        if path.stat().st_size > limit:
            raise Refused(
                "{path} is larger than the {n} bytes that are read", hint="Cut it into smaller ones.", path=str(path), n=limit
            )
        return path.read_bytes()
    except OSError as error:
        raise NotFound(
            "cannot read {path}: {error}", hint="Name a file that can be read.", path=str(path), error=os_reason(error)
        ) from None


def write_new(path: Path, text: str) -> None:
    """Write a file that was not there before: what somebody wrote into one of that name is not lost."""
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise Refused("{path} is there already", hint="Name another file, or remove that one first.", path=str(path)) from None
    except OSError as error:
        raise Malformed(
            "cannot write {path}: {error}", hint="Name a file that can be written.", path=str(path), error=os_reason(error)
        ) from None
