"""`katchi rehearse`: scripted officers play a scenario on real nodes, with a simulated clock and links that fail."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from katchi.cli.figures import Progress, answer_of, cores, say_title, time_said
from katchi.cli.options import JsonOption, ProcessesOption, SeedOption
from katchi.cli.rehearsing import many, production_of
from katchi.cli.scenario import FileArgument
from katchi.cli.speech import LANGUAGE, _, say, say_json
from katchi.cli.transcript import Transcript
from katchi.errors import Malformed, NotFound, os_reason
from katchi.exercise.scenario import Scenario
from katchi.formats.manifest import manifest
from katchi.rehearse.rehearsal import WEATHER
from katchi.rehearse.tally import Tally
from katchi.rehearse.wire import Weather
from katchi.simulate.interval import wilson
from katchi.simulate.sweep import SEED_MAX, Asked, Estimate, sweep

SWEPT_RUNS = 100_000  # beside many rehearsals
LOSS_MAX = 0.3
DELAY_MS_MAX = 60_000.0
SPREAD = 0.25  # of the delay, either way

app = App(
    name="rehearse",
    help=_(
        "Rehearse a scenario: scripted officers on real nodes, in simulated time, over links that fail. "
        "Prints what happened, and what each ally could see."
    )
    + "\n\n"
    + _("With --runs: how likely each question is answered in time, beside the sweep's answer and the exact one.")
    + "\n\n"
    + _("Results are notional; the same seed and run give the same bytes, on any computer.")
    + "\n\n"
    + _("Example: katchi rehearse scenarios/bearer-lost.toml --seed 7"),
)


@app.default
def run(
    file: FileArgument,
    /,
    *,
    seed: SeedOption = 1,
    number: Annotated[int, Parameter(name="--run", help=_("Which run of the seed: the sweep's run of that number."))] = 0,
    runs: Annotated[int | None, Parameter(help=_("Rehearse so many runs, from run 0, and count."))] = None,
    processes: ProcessesOption = None,
    loss: Annotated[float, Parameter(help=_("How likely a frame is lost on the link."))] = WEATHER.loss,
    delay: Annotated[
        float | None, Parameter(help=_("How long a frame is on its way, milliseconds, a quarter more or less."))
    ] = None,
    out: Annotated[Path | None, Parameter(help=_("Write the transcript to this file."))] = None,
    json: JsonOption = False,
) -> int:
    source = _read(file)
    weather = _weather(loss, delay)
    if not (0 <= seed <= SEED_MAX and 0 <= number <= SEED_MAX and (runs is None or runs >= 1)):
        raise Malformed(
            "a seed and a run are between 0 and {limit}, and there is at least one rehearsal",
            hint="Example: --seed 7 --runs 2000", limit=SEED_MAX,
        )  # fmt: skip
    if runs is not None and (number or out is not None):
        raise Malformed("many rehearsals begin with run 0 and have no transcript", hint="Leave out --run and --out, or --runs.")
    production = production_of(source, str(file), weather)
    if runs is not None:
        began = time.perf_counter()
        progress = Progress()
        shared_by = max(1, min(cores(processes), runs))
        found = many(source, str(file), weather, seed=seed, runs=runs, processes=shared_by, progress=progress)
        progress.clear()
        return _tell_many(file, production.scenario, found, seed, time.perf_counter() - began, shared_by, as_json=json)
    rehearsal = production.rehearse(seed, number, is_watched=True)
    if json:
        played = manifest(production.scenario, file=str(file), seed=seed, run=number)
        say_json(answer_of(rehearsal, played, notional=True))
    text = Transcript(rehearsal, production.scenario, LANGUAGE).text()
    if out is not None:
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise NotFound(
                "cannot write {path}: {error}", hint="Name a file that can be written.", path=str(out), error=os_reason(error)
            ) from None
        if not json:
            say(_("The transcript is written: {file}").format(file=out))
    elif not json:
        say(text.rstrip("\n"))
    return 0 if rehearsal.equal else 1


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise NotFound(
            "cannot read {path}: {error}", hint="Name a scenario file.", path=str(file), error=os_reason(error)
        ) from None


def _weather(loss: float, delay_ms: float | None) -> Weather:
    if not 0 <= loss <= LOSS_MAX or not (delay_ms is None or 0 < delay_ms <= DELAY_MS_MAX):
        raise Malformed(
            "frames are lost with a chance from 0 to {loss}, and are at most {delay:g} ms on their way",
            hint="Example: --loss 0.01 --delay 95", loss=LOSS_MAX, delay=DELAY_MS_MAX,
        )  # fmt: skip
    weather = msgspec.structs.replace(WEATHER, loss=loss)
    if delay_ms is None:
        return weather
    return msgspec.structs.replace(weather, delay_us=(int(delay_ms * 1_000 * (1 - SPREAD)), int(delay_ms * 1_000 * (1 + SPREAD))))


def _tell_many(file: Path, scenario: Scenario, found: Tally, seed: int, took_s: float, processes: int, *, as_json: bool) -> int:
    swept = sweep(scenario.network, Asked(runs=SWEPT_RUNS, seed=seed, threads=cores()))
    rows: dict[str, dict[str, Any]] = {}
    for name, one in swept.questions.items():
        count = found.questions[name]
        interval = wilson(count.in_time, found.runs)
        rows[name] = {
            "probability": count.in_time / found.runs,
            "interval": interval,
            "half_width": (interval[1] - interval[0]) / 2,
            "by_s": one.by_s,
            "swept": {"probability": one.probability, "interval": one.interval, "runs": swept.runs},
            "exact": one.exact,
            "agrees": _agrees(interval, one),
            "differ": count.differ,
            "later_s_max": count.later_s_max,
        }
    said = {
        "questions": rows, "seed": seed, "runs": found.runs, "equal": found.equal, "refused": found.refused,
        "messages": found.messages, "took_s": round(took_s, 3), "processes": processes, "notional": True,
        "manifest": manifest(scenario, file=str(file), seed=seed, runs=found.runs),
    }  # fmt: skip
    if as_json:
        say_json(said)
    else:
        _say_many(scenario, found, said)
    return 0 if found.equal == found.runs else 1


def _agrees(interval: tuple[float, float], one: Estimate) -> bool:
    """Whether the interval holds the exact answer, where there is one, and meets the sweep's."""
    meets = interval[0] <= one.interval[1] and one.interval[0] <= interval[1]
    return meets and (one.exact is None or interval[0] <= one.exact <= interval[1])


def _say_many(scenario: Scenario, found: Tally, said: dict[str, Any]) -> None:
    say_title(scenario)
    for name, row in said["questions"].items():
        low, high = row["interval"]
        say(_("{question}, by {by}:").format(question=name, by=time_said(row["by_s"])))
        say(
            _("  rehearsed  {p:7.2%}  (95% interval {low:.2%} to {high:.2%}, half-width {half:.4f})").format(
                p=row["probability"], low=low, high=high, half=row["half_width"]
            )
        )
        low, high = row["swept"]["interval"]
        say(
            _("  swept      {p:7.2%}  (95% interval {low:.2%} to {high:.2%}, {runs:,} runs)").format(
                p=row["swept"]["probability"], low=low, high=high, runs=row["swept"]["runs"]
            )
        )
        if row["exact"] is not None:
            say(_("  exact      {p:9.4%}").format(p=row["exact"]))
        say(_("  they agree") if row["agrees"] else _("  they do NOT agree"))
        say(
            _(
                "  one by one: {n:,} answer otherwise than the sweep's run of that number; finished at most {time} after it"
            ).format(n=row["differ"], time=time_said(row["later_s_max"]))
        )
    say(
        _("records equal in the end: {equal:,} of {runs:,}; acts written: {n:,}, refused by a node: {refused:,}").format(
            equal=found.equal, runs=found.runs, n=found.messages, refused=found.refused
        )
    )
    say(
        _("{runs:,} rehearsals from seed {seed} in {s:.1f} s on {n} processes. Notional.").format(
            runs=found.runs, seed=said["seed"], s=said["took_s"], n=said["processes"]
        )
    )
