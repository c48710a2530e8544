"""`katchi demo`: the main job on one computer, told live, checked at the end."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from katchi.cli import help
from katchi.cli.speech import LANGUAGE, _, say, say_json, tell
from katchi.consult.acts import PAPER_SIZE_MAX
from katchi.demo.forecast import Forecast, Forecasting
from katchi.demo.scene import CAPITALS
from katchi.demo.stage import Stage
from katchi.demo.story import Outcome, Story, Told
from katchi.errors import Malformed, NotFound

app = App(
    name="demo",
    help=_("Two or three nodes on this computer consult while the link is cut; checks itself.")
    + "\n\n"
    + _("Example: katchi demo --headless --allies KOR,USA"),
)
RUN_FILE = Path("katchi-demo.html")


@app.default
def demo(
    *,
    headless: Annotated[bool, Parameter(negative="", help=_("In this terminal only, at full speed, without pages."))] = False,
    out: Annotated[Path, Parameter(help=_("The file that shows the run to people who install nothing."))] = RUN_FILE,
    stay: Annotated[float | None, Parameter(help=_("End so many seconds after the story; on Ctrl-C if not given."))] = None,
    paper: Annotated[
        list[Path] | None, Parameter(negative="", help=_("A document to attach, to 64 MiB; may be given again."))
    ] = None,
    allies: Annotated[str, Parameter(help=_("The allies, separated by commas; the first one opens."))] = "KOR,USA",
    keep: Annotated[Path | None, Parameter(help=_("Keep the nodes' directories here; a new directory."))] = None,
    json: Annotated[
        bool, Parameter(name="--json", negative="", help=_("Answer with one JSON object, progress on stderr."))
    ] = False,
) -> int:
    names = [name.strip() for name in allies.split(",") if name.strip()]
    if not 2 <= len({name.casefold() for name in names}) == len(names) <= 4:
        raise Malformed("the demo is for two to four allies of different names", hint="For example --allies azure,birch,cedar.")
    for path in paper or []:
        if not path.is_file():
            raise NotFound("there is no file {path}", hint="Name a document to attach.", path=str(path))
        if path.stat().st_size > PAPER_SIZE_MAX:
            raise Malformed("{path} is over 64 MiB", hint="A paper is at most 64 MiB.", path=str(path))
    directory = keep or Path(tempfile.mkdtemp(prefix="katchi-demo-"))
    directory.mkdir(parents=True, exist_ok=True)
    teller = _Quiet() if json else _Console(names)

    def close(outcome: Outcome) -> None:
        if json:
            say_json(msgspec.to_builtins(outcome))
        else:
            teller.close(outcome)
        forecast = forecasting.found(LANGUAGE)
        if forecast is not None:
            (tell if json else say)(_forecast_said(forecast))
        sys.stdout.flush()

    try:
        with Forecasting() as forecasting, Stage(directory, names) as stage:
            if headless:
                outcome = Story(stage, teller.told, LANGUAGE).run(paper or [])
                close(outcome)
            else:
                from katchi.demo.performance import perform

                outcome = perform(
                    stage, teller.told, close, tell if json else say, LANGUAGE, papers=paper or [], out=out, stay_s=stay
                )
    finally:
        if keep is None:
            shutil.rmtree(directory, ignore_errors=True)
    return 0 if outcome.is_good else 1


def _forecast_said(forecast: Forecast) -> str:
    share = forecast.probability if forecast.exact is None else forecast.exact
    line = _("{hours:g} hours: {p:.1%} that both governments have consulted").format(hours=forecast.hours, p=share)
    if forecast.change is not None and forecast.points is not None:
        line += _("; best change: {change} ({points:+.1f} points)").format(change=forecast.change, points=forecast.points)
    return line + _(". Notional: katchi sweep scenarios/reference.toml")


class _Quiet:
    """Progress on stderr, for those who read the JSON."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def told(self, told: Told) -> None:
        """Say one step."""
        line = told.said(_)
        tell(f"{time.monotonic() - self._began:6.1f} s  {told.ally + ' ' if told.ally else ''}{line}")

    def close(self, outcome: Outcome) -> None:
        """Say what it came to."""


class _Console:
    """The story as it happens, well set, in the reader's language."""

    def __init__(self, allies: list[str]) -> None:
        from rich.console import Console

        self._console = Console(highlight=False, file=sys.stdout)
        self._began = time.monotonic()
        self._style = dict(zip(allies, ("bold cyan", "bold yellow", "bold magenta", "bold green"), strict=False))
        self._name_width = max(help.columns(self._name(ally)) for ally in allies)
        self._console.rule("[reverse bold] EXERCISE · 훈련 [/]  katchi", style="dim")

    def _name(self, ally: str) -> str:
        english, korean = CAPITALS.get(ally, (ally, ally))
        return korean if LANGUAGE == "ko" else english

    def told(self, told: Told) -> None:
        """Say one step."""
        from rich.text import Text

        name = "·" if told.ally is None else self._name(told.ally)
        stamp = f"{time.monotonic() - self._began:6.1f} s  " + " " * (self._name_width - help.columns(name))
        indent = help.columns(stamp) + help.columns(name) + 2
        room = self._console.width - indent
        lines = [(line, "") for line in help.wrapped(told.said(_), room)]
        lines += [(line, "italic dim") for line in help.wrapped(f"“{told.detail}”" if told.detail else "", room)]
        step = Text.assemble((stamp, "dim"), (name, self._style.get(told.ally or "", "")))
        for number, (line, style) in enumerate(lines):
            step.append(("\n" + " " * indent if number else "  ") + line, style)
        self._console.print(step, soft_wrap=True)

    def close(self, outcome: Outcome) -> None:
        """Say what it came to, check by check."""
        from rich.table import Table

        table = Table(show_header=False, box=None, padding=(0, 2))
        yes, no = "[green]✓[/]", "[bold red]✗[/]"
        counts = ", ".join(f"{self._name(ally)} {n}" for ally, n in outcome.entries.items())
        checks = (
            (outcome.outcome == "agreed", _("All signed the same words."), ""),
            (outcome.lost == 0, _("No acknowledged entry was lost."), counts),
            (outcome.crossed > 0, _("The messages that crossed are shown as crossed."), str(outcome.crossed)),
            (outcome.records_equal, _("Every node holds the same record."), ""),
            (
                outcome.audit == "ok",
                _("Every store verifies; the changed copy was refused."),
                "{ally} {seq}".format(**outcome.flipped),
            ),
        )
        for held, what, figure in checks:
            table.add_row(yes if held else no, what, f"[dim]{figure}[/]")
        for paper in outcome.papers:
            table.add_row(
                yes, _("The paper arrived whole: {name}").format(name=paper["name"]), f"[dim]{paper['sha256'][:16]}…[/]"
            )
        self._console.rule(style="dim")
        self._console.print(table)
