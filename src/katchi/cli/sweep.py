"""`katchi sweep`: how likely is it that what a scenario asks about is done in time, and what holds it up?"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from katchi.cli.figures import Progress, answer_of, cores, say_answered, say_engine, say_title, time_said
from katchi.cli.options import JsonOption, SeedOption, ThreadsOption
from katchi.cli.scenario import FileArgument, opened
from katchi.cli.speech import _, say, say_json, spoken, tell
from katchi.errors import LinkFailed, NotFound, os_reason
from katchi.exercise.scenario import Scenario
from katchi.formats.manifest import manifest
from katchi.simulate import runs as playing
from katchi.simulate import table, until
from katchi.simulate.runs import Part
from katchi.simulate.sweep import RUNS_DEFAULT, Asked, Criticality, Sweep, answered, sweep

KEPT_EVERY_S = 2.0
INTERRUPTED = 130

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


RunsOption = Annotated[
    int | None, Parameter(name="--runs", help=_("How many runs, 100,000 if not given; with --within the most there may be."))
]
WithinOption = Annotated[
    float | None,
    Parameter(name="--within", help=_("Go on until every probability is known to so many percentage points, such as 0.1.")),
]
QuasiOption = Annotated[
    int,
    Parameter(name="--quasi", help=_("Answer by quasi-Monte Carlo too, with 2 to this power points in each of 32 replicates.")),
]
KeepOption = Annotated[
    Path | None, Parameter(name="--keep", help=_("Keep in this file what is done; the same command goes on from there."))
]
ClusterOption = Annotated[str | None, Parameter(name="--cluster", help=_("Play on the Dask cluster at this address."))]
TimesOption = Annotated[
    Path | None, Parameter(name="--times", help=_("Write the time of every run to this file, .csv or .parquet."))
]
ReportOption = Annotated[Path | None, Parameter(name="--report", help=_("Write a report with charts to this file, .html."))]
IntoOption = Annotated[
    Path | None,
    Parameter(
        name="--into", help=_("Write to this folder the answer as JSON, what is told of it, and a report in each language.")
    ),
]
LinesOption = Annotated[
    bool, Parameter(name="--lines", negative="", help=_("Say how far it has come in lines of JSON on stderr, for programs."))
]


@app.default
def run(
    file: FileArgument,
    /,
    *,
    runs: RunsOption = None,
    within: WithinOption = None,
    seed: SeedOption = 1,
    threads: ThreadsOption = None,
    quasi: QuasiOption = 0,
    keep: KeepOption = None,
    cluster: ClusterOption = None,
    times: TimesOption = None,
    report: ReportOption = None,
    into: IntoOption = None,
    lines: LinesOption = False,
    json: JsonOption = False,
) -> int:
    scenario = opened(file)
    asked = Asked(
        runs=(until.RUNS_MAX if within else RUNS_DEFAULT) if runs is None else runs,
        seed=seed,
        threads=cores(threads),
        within=within / 100 if within is not None else None,
        quasi=1 << quasi if quasi else 0,
    )
    bar = Progress(as_lines=lines)
    found, was_interrupted = _swept(scenario, asked, _Keeper(keep, asked, bar), cluster)
    played = manifest(scenario, file=str(file), seed=seed, runs=found.runs, engine=found.engine)
    if times is not None:
        _write_times(times, scenario, found, played)
    answer = answer_of(found, played, interrupted=was_interrupted)
    _write_told(report, into, scenario, found, answer, threads=asked.threads, bar=bar)
    if json:
        say_json(answer)
    else:
        _say(found, scenario)
    if was_interrupted:
        tell(_("Interrupted after {runs:,} runs; the answer is of those.").format(runs=found.runs))
        if keep is not None:
            tell(_("The same command goes on from there."))
    return INTERRUPTED if was_interrupted else 0


def _swept(scenario: Scenario, asked: Asked, keeper: _Keeper, cluster: str | None) -> tuple[Sweep, bool]:
    """Return the answer, and whether it is that of the runs before an interruption; with no run yet, that is raised."""
    keeper.bar.begins("sweep")
    part = keeper.begun(scenario)
    try:
        with _workers(cluster) as workers:
            return sweep(scenario.network, asked, workers=workers, part=part, clock=time.perf_counter, progress=keeper), False
    except KeyboardInterrupt:
        if keeper.part is None or keeper.part.done == 0:
            raise
        return answered(scenario.network, keeper.part, asked), True
    finally:
        keeper.end()


class _Keeper:
    """Draws how far it is, and keeps what is done in a file every two seconds and at the end."""

    def __init__(self, path: Path | None, asked: Asked, bar: Progress) -> None:
        self.path, self.asked, self.bar = path, asked, bar
        self.part: Part | None = None
        self.kept_at = time.monotonic()

    def begun(self, scenario: Scenario) -> Part | None:
        """Return what was kept before, or None."""
        if self.path is None or not self.path.exists():
            return None
        with _at(self.path):
            self.part = playing.unpacked(self.path.read_bytes(), scenario.network, self.asked.seed)
        return self.part

    def __call__(self, part: Part) -> None:
        self.part = part
        self.bar(part.done, self._total(part))
        if time.monotonic() - self.kept_at >= KEPT_EVERY_S:
            self._keep()

    def _total(self, part: Part) -> int:
        if self.asked.within is None:
            return self.asked.runs
        widest = max(until.half_width(int(hits), part.done) for hits in part.tally.hits)
        return min(until.still_needed(part.done, widest, self.asked.within), self.asked.runs)

    def _keep(self) -> None:
        if self.path is None or self.part is None:
            return
        with _at(self.path):
            beside = self.path.with_name(self.path.name + ".new")
            beside.write_bytes(playing.packed(self.part))
            beside.replace(self.path)
        self.kept_at = time.monotonic()

    def end(self) -> None:
        """Take the bar away and keep what is done."""
        self.bar.clear()
        self._keep()


@contextlib.contextmanager
def _at(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotFound(
            "cannot write {path}: {error}", hint="Name a file that can be written.", path=str(path), error=os_reason(error)
        ) from None


@contextlib.contextmanager
def _workers(address: str | None) -> Iterator[Any]:
    """Yield a cluster's client, or None."""
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        raise NotFound(
            "{name} is not installed", hint="Install what clusters need: pip install 'katchi[cluster]'.", name="distributed"
        ) from None
    try:
        client: Any = Client(address, timeout="10s", set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise LinkFailed(
            "no Dask cluster answers at {address}: {error}", hint="Start one: dask scheduler, then dask worker ADDRESS.",
            address=address, error=str(error).splitlines()[0],
        ) from None  # fmt: skip
    with client:
        yield client


def _write_times(path: Path, scenario: Scenario, found: Sweep, played: Mapping[str, object]) -> None:
    with _at(path):
        if path.suffix == ".parquet":
            path.write_bytes(table.parquet(scenario.network, seed=found.seed, runs=found.runs, manifest=played))
            return
        with path.open("w", encoding="utf-8", newline="") as into:
            into.writelines(table.csv_lines(scenario.network, seed=found.seed, runs=found.runs))


def _write_told(
    report: Path | None,
    into: Path | None,
    scenario: Scenario,
    found: Sweep,
    answer: Mapping[str, Any],
    *,
    threads: int,
    bar: Progress,
) -> None:
    """Write the report and the folder that were asked for; where neither was, nothing of it is computed."""
    if report is None and into is None:
        return
    from katchi.cli import reporting

    told = reporting.told_of(scenario, found, answer["manifest"], threads=threads, progress=bar)
    if report is not None:
        reporting.write_report(report, told)
    if into is not None:
        reporting.write_all(into, told, answer)


def _say(found: Sweep, scenario: Scenario) -> None:
    say_title(scenario)
    for name, one in found.questions.items():
        say_answered(name, one)
        if one.exact is None and one.without_exact is not None:
            say("  " + spoken(one.without_exact))
        if found.quasi is not None:
            _say_quasi(found, name)
        times = found.quantiles[name]
        say(
            _("  half of all runs are done by {median}, nine in ten by {late}").format(
                median=time_said(times["0.5"]), late=time_said(times["0.9"])
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
    if not found.reached:
        say(_("The runs ended before every probability was known to {points:g} points.").format(points=100 * (found.within or 0)))
    say_engine(found.engine)


def _say_quasi(found: Sweep, name: str) -> None:
    assert found.quasi is not None
    one = found.quasi.questions[name]
    low, high = one.interval
    say(
        _("  by quasi-Monte Carlo: {p:.4%} (95% interval {low:.4%} to {high:.4%}), {n} x {points:,} points").format(
            p=one.probability, low=low, high=high, n=found.quasi.replicates, points=found.quasi.points
        )
    )


def _say_rows(what: str, rows: Mapping[str, Criticality]) -> None:
    if not rows:
        return
    say(f"  {what}")
    for name, one in sorted(rows.items(), key=lambda item: -item[1].time):
        outage = "" if not one.outage else _(", outages {share:.1%}").format(share=one.outage)
        say(f"    {one.time:6.1%}  {one.runs:6.1%}  {name}{outage}")
