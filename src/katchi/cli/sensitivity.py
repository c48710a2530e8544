"""`katchi sensitivity`: what does the answer to the first question hang on?"""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from katchi.cli.figures import Progress, answer_of, cores, say_title, time_said
from katchi.cli.options import JsonOption, SeedOption, ThreadsOption
from katchi.cli.scenario import FileArgument, opened
from katchi.cli.speech import LANGUAGE, _, say, say_json, spoken
from katchi.formats.manifest import manifest
from katchi.simulate.sensitivity import RUNS, SAMPLES, Influence, Sensitivity, Swing, sensitivity

app = App(
    name="sensitivity",
    help=_(
        "Say what the first question hangs on: Sobol indices over the inputs that a scenario calls [uncertain], and how far each "
        "moves the answer alone."
    )
    + "\n\n"
    + _("Without [uncertain], every mean is varied by half. Solved exactly where that is possible. Results are notional.")
    + "\n\n"
    + _("Example: katchi sensitivity scenarios/reference.toml --seed 7"),
)


@app.default
def run(
    file: FileArgument,
    /,
    *,
    samples: Annotated[
        int, Parameter(help=_("Samples of the inputs, a power of 2; each costs a point for every input."))
    ] = SAMPLES,
    runs: Annotated[int, Parameter(help=_("How many runs at each point, where it cannot be solved exactly."))] = RUNS,
    seed: SeedOption = 1,
    threads: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    scenario = opened(file)
    progress = Progress()
    found = sensitivity(
        scenario.network,
        scenario.uncertain,
        seed=seed,
        samples=samples,
        runs=runs,
        threads=cores(threads),
        progress=progress,
    )
    progress.clear()
    if json:
        played = manifest(scenario, file=str(file), seed=seed, points=found.points, runs=found.runs, engine=found.engine)
        say_json(answer_of(found, played))
        return
    say_title(scenario)
    _say(found)


def _say(found: Sensitivity) -> None:
    say(
        _("{question} by {by}: {p:.2%}, spread {sd:.2f} points over the ranges").format(
            question=found.question, by=time_said(found.by_s), p=found.probability, sd=100 * found.probability_sd
        )
    )
    if found.assumed:
        say(_("The file calls nothing [uncertain]: every mean was varied from half to one and a half of what it is."))
    say(_("Share of that spread with all it does together with others (95% interval); alone; the answer at each end:"))
    for one in found.influences:
        _say_influence(one)
    if found.exact:
        say(_("Solved exactly at {points:,} points. Notional.").format(points=found.points))
        return
    if found.without_exact is not None:
        say(spoken(found.without_exact))
    say(_("{points:,} points of {runs:,} runs each from seed {seed}. Notional.").format(
        points=found.points, runs=found.runs, seed=found.seed))  # fmt: skip


def _say_influence(one: Influence) -> None:
    total, first = one.probability.total, one.probability.first
    low, high = total.interval
    about = one.input.about.said(LANGUAGE)
    swing = f"{_share(one.swing_probability.at_low)} - {_share(one.swing_probability.at_high)}"
    name = f"{one.input.name}: {about}" if about else one.input.name
    say(f"  {total.value:6.3f} ({low:.3f} - {high:.3f})  {first.value:6.3f}  {swing}  {name}")
    say(f"      {_range(one)}" + ("" if one.mean is None else "; " + _times(one.swing_mean_s)))


def _range(one: Influence) -> str:
    ends = [one.input.low, one.input.high, one.input.now]
    low, high, now = [f"{end:g}" for end in ends] if one.input.what == "seats" else [time_said(end) for end in ends]
    return _("{low} to {high}, now {now}").format(low=low, high=high, now=now)


def _times(swing: Swing) -> str:
    return _("on average {low} to {high}").format(low=time_said(swing.at_low), high=time_said(swing.at_high))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
