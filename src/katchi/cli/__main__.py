"""The command `katchi`: nouns as sub-commands, each in a file of its own that is read only when used."""

from __future__ import annotations

import os
import sys

from cyclopts import App, CycloptsError
from cyclopts import exceptions as misuse

from katchi import __version__
from katchi.cli.speech import _, tell_error
from katchi.errors import KatchiError, Malformed

NOUNS = {
    "node": _("Make, pair, show and run this government's node."),
    "room": _("Rooms: records that named allies share."),
    "consultation": _("Open a consultation, answer, state positions, agree words."),
    "record": _("Audit, export, verify and read the record."),
    "link": _("How the link to each ally stands."),
    "demo": _("Two or three nodes on this computer consult while the link is cut; checks itself."),
    "faults": _("Simulated alliances under random and planted faults, by seed."),
}


def application() -> App:
    """Return the command line."""
    app = App(
        name="katchi",
        help=_("Allies consult on one record that neither can alter and no outage can lose.")
        + "\n\n"
        + _("Example: katchi demo --headless"),
        version=__version__,
        help_formatter="plain",
        help_format="plaintext",
        result_action="return_value",
    )
    for noun, purpose in NOUNS.items():
        app.command(f"katchi.cli.{noun}:app", name=noun, help=purpose)
    return app


def main() -> None:
    """Run the command line; end with the exit status of what happened."""
    words = sys.argv[1:]
    as_json = "--json" in words
    try:
        status = application()(words, exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except CycloptsError as error:
        tell_error(_misuse(error), as_json=as_json)
        status = Malformed.exit_status
    except KatchiError as error:
        tell_error(error, as_json=as_json)
        status = error.exit_status
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    sys.exit(status if isinstance(status, int) else 0)


def _misuse(error: CycloptsError) -> Malformed:
    """Say in katchi's own words what is wrong with a command line."""
    hint = "`katchi {command} --help` shows how it is used."
    chain = " ".join(error.command_chain or ())
    if isinstance(error, misuse.UnknownCommandError):
        return Malformed("there is no command '{word}'", hint=hint, word=_word(error), command=chain)
    if isinstance(error, misuse.UnknownOptionError):
        return Malformed("there is no option '{word}'", hint=hint, word=_word(error), command=chain)
    if isinstance(error, misuse.MissingArgumentError):
        name = error.argument.name if error.argument is not None else "?"
        return Malformed("{name} is missing", hint=hint, name=name, command=chain)
    return Malformed("{error}", hint=hint, error=str(error).strip().splitlines()[-1], command=chain)


def _word(error: CycloptsError) -> str:
    return (error.unused_tokens or error.root_input_tokens or ["?"])[0]


if __name__ == "__main__":
    main()
