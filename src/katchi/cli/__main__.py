"""The command `katchi`: nouns as sub-commands, each in a file of its own that is read only when used."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from katchi import __version__
from katchi.cli import help
from katchi.cli.speech import _, say, tell_error
from katchi.errors import KatchiError

if TYPE_CHECKING:
    from cyclopts import App

PURPOSE = (
    _("Allies consult on one record that neither can alter and no outage can lose.")
    + "\n\n"
    + _("Example: katchi demo --headless")
)
NOUNS = {
    "node": _("Make, pair, show and run this government's node."),
    "room": _("Rooms: records that named allies share."),
    "consultation": _("Open a consultation, answer, state positions, agree words."),
    "record": _("Audit, export, verify and read the record."),
    "link": _("How the link to each ally stands."),
    "officer": _("Sign officers in to this node's pages."),
    "scenario": _("Scenario files: a consultation process as stages, and the questions asked of it."),
    "sweep": _(
        "Play a scenario's process many times from one seed: how likely each question is answered in time, and what holds it up."
    ),
    "rehearse": _("Scripted officers play a scenario on real nodes; a transcript says what each ally could see at each step."),
    "improve": _("Rank the changes that a scenario names by what each gains, with the same chance in all."),
    "sensitivity": _("What a scenario's first question hangs on: Sobol indices and swings of its uncertain inputs."),
    "game": _("Decisions that interact: what is stable, how stable, and over which ranges."),
    "demo": _("Two or three nodes on this computer consult while the link is cut; checks itself."),
    "faults": _("Simulated alliances under random and planted faults, by seed."),
}


def application() -> App:
    """Return the command line. Help and version are our own (`run`)."""
    from cyclopts import App

    app = App(name="katchi", help=PURPOSE, help_flags=[], version_flags=[], result_action="return_value")
    for noun in NOUNS:
        app.command(f"katchi.cli.{noun}:app", name=noun)
    return app


def main() -> None:
    """Run the command line; end with the exit status of what happened."""
    words = sys.argv[1:]
    # For matrices of a few dozen rows a second thread costs five times what it saves; and no answer hangs on the cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        status = run(words)
        sys.stdout.flush()
    except KatchiError as error:
        tell_error(error, as_json="--json" in words)
        status = error.exit_status
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    sys.exit(status)


def run(words: Sequence[str]) -> int:
    """Do what the words say, or show the help or the version that they ask for; return the exit status.

    Raises:
        KatchiError: it could not be done, or the words are no command.
    """
    options = words[: words.index("--")] if "--" in words else words
    if "--version" in options:
        say(f"katchi {__version__}")
        return 0
    named = [word for word in words if word not in help.FLAGS]
    asks_help = any(flag in options for flag in help.FLAGS)
    if not named:
        say(help.overview(NOUNS, PURPOSE))
        return 0
    return _run_command(words, named, asks_help=asks_help)


def _run_command(words: Sequence[str], named: Sequence[str], *, asks_help: bool) -> int:
    from cyclopts import CycloptsError

    from katchi.cli import misuse

    app = application()
    chain, apps, rest = app.parse_commands(list(named))
    command = apps[-1]
    if command.default_command is None and rest:
        raise misuse.unknown_command(rest[0], " ".join(chain))
    if command.default_command is None or asks_help:
        say(help.page_of(command, chain))
        return 0
    try:
        status = app(list(words), exit_on_error=False, print_error=False)
    except CycloptsError as error:
        raise misuse.explained(error) from None
    return status if isinstance(status, int) else 0


if __name__ == "__main__":
    main()
