"""`katchi sweep`: how likely is it that what a scenario asks about is done in time, and what holds it up?"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from katchi.cli.options import JsonOption
from katchi.cli.scenario import FileArgument, opened
from katchi.cli.speech import _, say, say_json
from katchi.formats.scenario import Scenario
from katchi.simulate.sweep import Criticality, Sweep, sweep

BAR = 40
SHOWN_EVERY_S = 0.1

app = App(
    name="sweep",
    help=_(
        "Play a scenario's process many times from one seed: how likely each question is answered in time, and what holds it up."
    )
    + "\n\n"
    + _("Results are notional; the same seed gives the same answer with any number of threads, on any computer.")
    + "\n\n"
    + _("Example: katchi sweep scenarios/reference.toml --runs 1000000 --seed 7"),
)


@app.default
def run(
    file: FileArgument,
    /,
    *,
    runs: Annotated[int, Parameter(help=_("How many runs."))] = 100_000,
    seed: Annotated[int, Parameter(help=_("Where chance begins: the same seed, the same answer."))] = 1,
    threads: Annotated[int | None, Parameter(help=_("How many threads; one for each core if not given."))] = None,
    json: JsonOption = False,
) -> None:
    scenario = opened(file)
    progress = _Progress(runs) if sys.stderr.isatty() else None
    found = sweep(
        scenario.network,
        runs=runs,
        seed=seed,
        threads=len(os.sched_getaffinity(0)) if threads is None else threads,
        clock=time.perf_counter,
        progress=progress,
    )
    if progress is not None:
        progress.clear()
    if json:
        say_json({**msgspec.to_builtins(found), "scenario": {"file": str(file), "digest": scenario.digest}})
    else:
        _say(found, scenario)


class _Progress:
    """A bar on a terminal, drawn at most ten times a second."""

    def __init__(self, runs: int) -> None:
        self.runs, self.drawn_at = runs, 0.0

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now - self.drawn_at < SHOWN_EVERY_S:
            return
        self.drawn_at = now
        filled = BAR * done // self.runs
        sys.stderr.write(f"\r[{'#' * filled}{'.' * (BAR - filled)}] {done:,}/{self.runs:,}")
        sys.stderr.flush()

    def clear(self) -> None:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def _say(found: Sweep, scenario: Scenario) -> None:
    if scenario.title:
        say(scenario.title)
    for name, one in found.questions.items():
        low, high = one.interval
        say(
            _("{question}: {p:.2%} by {by} (95% interval {low:.2%} to {high:.2%})").format(
                question=name, p=one.probability, by=_time(one.by_s), low=low, high=high
            )
        )
        if one.exact is not None:
            say(_("  exact: {p:.4%}").format(p=one.exact))
        else:
            say("  " + _("no exact answer: a stage is neither exponential nor Erlang, or there are too many states"))
        times = found.quantiles[name]
        say(
            _("  half of all runs are done by {median}, nine in ten by {late}").format(
                median=_time(times["0.5"]), late=_time(times["0.9"])
            )
        )
    say(_("What held it up (share of the time; of the runs):"))
    for what, rows in (
        (_("stages"), found.critical.stages),
        (_("posts"), found.critical.posts),
        (_("bearers"), found.critical.bearers),
    ):
        _say_rows(what, rows)
    speed = f"{found.runs_per_s:,.0f}" if found.runs_per_s else "-"
    say(
        _("{runs:,} runs from seed {seed}, {speed} a second, ready after {s:.1f} s. Notional.").format(
            runs=found.runs, seed=found.seed, speed=speed, s=found.compile_s or 0.0
        )
    )
    if found.engine != "kernel":
        say(_("Played by the slow interpreter: numba is not installed. The answer is the same."))


def _say_rows(what: str, rows: Mapping[str, Criticality]) -> None:
    if not rows:
        return
    say(f"  {what}")
    for name, one in sorted(rows.items(), key=lambda item: -item[1].time):
        outage = "" if not one.outage else _(", outages {share:.1%}").format(share=one.outage)
        say(f"    {one.time:6.1%}  {one.runs:6.1%}  {name}{outage}")


def _time(seconds: float | None) -> str:
    if seconds is None:
        return _("never")
    for unit, size in (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
