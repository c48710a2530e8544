"""`katchi improve`: which change of a scenario buys the most, in probability and in time?"""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from katchi.cli.figures import Progress, answer_of, cores, say_answered, say_engine, say_title
from katchi.cli.options import JsonOption, SeedOption, ThreadsOption
from katchi.cli.scenario import FileArgument, opened
from katchi.cli.speech import LANGUAGE, _, say, say_json, spoken
from katchi.formats.manifest import manifest
from katchi.simulate.improve import Candidate, Gain, Gained, Improvement, improve

app = App(
    name="improve",
    help=_("Play each change that a scenario names beside the scenario as it is, with the same chance, and rank what each gains.")
    + "\n\n"
    + _("Each change stands alone: nothing is said of two changes made together. Results are notional.")
    + "\n\n"
    + _("Example: katchi improve scenario.toml --within 0.1 --seed 7"),
)


@app.default
def run(
    file: FileArgument,
    /,
    *,
    runs: Annotated[
        int | None, Parameter(help=_("How many runs of each, 100,000 if not given; with --within the most there may be."))
    ] = None,
    within: Annotated[
        float | None,
        Parameter(help=_("Go on until every gain in the first question is known to so many percentage points, such as 0.5.")),
    ] = None,
    seed: SeedOption = 1,
    threads: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    scenario = opened(file)
    progress = Progress()
    found = improve(
        scenario.network,
        scenario.changes,
        seed=seed,
        runs=runs,
        within=within,
        threads=cores(threads),
        progress=progress,
    )
    progress.clear()
    if json:
        played = manifest(scenario, file=str(file), seed=seed, runs=found.runs, engine=found.engine)
        say_json(answer_of(found, played))
        return
    say_title(scenario)
    _say(found)


def _say(found: Improvement) -> None:
    for name, one in found.questions.items():
        say_answered(name, one)
    (first, *_others) = found.questions
    say(_("What each change alone gains, the most for '{question}' first:").format(question=first))
    reasons = dict.fromkeys(change.without_exact for change in found.changes if change.differs)
    for number, change in enumerate(found.changes, 1):
        _say_change(number, change, found.runs, with_reason=len(reasons) > 1)
    if len(reasons) == 1 and (reason := next(iter(reasons))) is not None:
        say(spoken(reason))
    say(
        _("{runs:,} runs of each from seed {seed}, with the same chance in all. Notional.").format(
            runs=found.runs, seed=found.seed
        )
    )
    if not found.reached:
        say(_("The runs ended before every gain was known to {points:g} points.").format(points=found.within))
    say_engine(found.engine)


def _say_change(number: int, change: Candidate, runs: int, *, with_reason: bool) -> None:
    about = change.about.said(LANGUAGE)
    say(f"  {number}. {change.name}{': ' if about else ''}{about}")
    if not change.differs:
        say("     " + _("makes no difference in any of {runs:,} runs").format(runs=runs))
        return
    for name, one in change.questions.items():
        _say_gain(name, one)
    if with_reason and change.without_exact is not None:
        say("     " + spoken(change.without_exact))


def _say_gain(name: str, one: Gained) -> None:
    if not one.differs:
        say("     " + _("{question}: no difference").format(question=name))
        return
    say("     " + _("{question}: {gain} points, to {p:.2%}").format(question=name, gain=_gain(one.points), p=one.probability))
    if one.minutes is not None:
        say("     " + _("{question}: {gain} minutes earlier on average").format(question=name, gain=_gain(one.minutes)))


def _gain(gain: Gain) -> str:
    low, high = gain.interval
    if gain.exact is None:
        return _("{gain:+.2f} ({low:+.2f} to {high:+.2f})").format(gain=gain.value, low=low, high=high)
    return _("{gain:+.2f} ({low:+.2f} to {high:+.2f}, exact {exact:+.3f})").format(
        gain=gain.value, low=low, high=high, exact=gain.exact
    )
