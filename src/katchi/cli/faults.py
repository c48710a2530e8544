"""`katchi faults`: simulated alliances under random and planted faults, each seed replayable."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from katchi.cli.options import JsonOption, ProcessesOption
from katchi.cli.speech import _, say, say_json, tell
from katchi.testing.faults import SeedResult, Summary, run_seeds

app = App(name="faults", help=_("Simulated alliances under random and planted faults, by seed."))


@app.command(
    name="run",
    help=_(
        "Run so many seeds; fail if an acknowledged entry is lost, records differ after healing, or a planted fault is not named."
    )
    + "\n\n"
    + _("Example: katchi faults run --seeds 500 --from 0"),
)
def run(
    *,
    seeds: Annotated[int, Parameter(help=_("How many seeds."))] = 100,
    first: Annotated[int, Parameter(name="--from", help=_("The first seed."))] = 0,
    processes: ProcessesOption = None,
    json: JsonOption = False,
) -> int:
    done = 0

    def progress(result: SeedResult) -> None:
        nonlocal done
        done += 1
        if result.failure is not None:
            tell(
                ("\r" if sys.stderr.isatty() else "")
                + _("seed {seed} failed: {what}").format(seed=result.seed, what=result.failure)
            )
        if sys.stderr.isatty():
            filled = 40 * done // seeds
            sys.stderr.write(f"\r[{'#' * filled}{'.' * (40 - filled)}] {done}/{seeds}" + ("\n" if done == seeds else ""))
            sys.stderr.flush()

    summary = run_seeds(first, seeds, progress, processes=processes)
    if json:
        say_json(msgspec.to_builtins(summary))
    else:
        _say(summary)
    return 1 if summary.failures or summary.lost else 0


def _say(summary: Summary) -> None:
    said: dict[str, Any] = msgspec.to_builtins(summary)
    say(_("{n} seeds from {first} in {s:.0f} s").format(n=summary.seeds, first=summary.first, s=summary.seconds))
    say(_("  entries acknowledged: {n}, lost: {lost}").format(n=summary.acknowledged, lost=summary.lost))
    say(_("  frames: {frames}, cuts: {cuts}, crashes: {crashes}").format(**said))
    for fault, planted in summary.planted.items():
        say(_("  {fault}: planted {planted}, named {named}").format(fault=fault, planted=planted, named=summary.detected[fault]))
    for failure in summary.failures:
        say(_("  replay: katchi faults run --from {seed} --seeds 1").format(seed=failure.seed))
