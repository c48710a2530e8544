"""What is wrong with a command line, in katchi's own words and both languages."""

from __future__ import annotations

from cyclopts import exceptions as misuse

from katchi.errors import Malformed

HINT = "`katchi {command} --help` shows how it is used."
HINT_FIRST = "`katchi --help` shows all commands."


def explained(error: misuse.CycloptsError) -> Malformed:
    """Return what is wrong, and where to read how it is right."""
    command = " ".join(error.command_chain or ())
    match error:
        case misuse.UnknownCommandError():
            return unknown_command((error.unused_tokens or error.root_input_tokens or ["?"])[0], command)
        case misuse.UnknownOptionError():
            return Malformed(
                "there is no option '{word}'", hint=HINT, word=error.token.keyword or error.token.value, command=command
            )
        case misuse.MissingArgumentError() if _has_name_only(error):
            return Malformed("{name} needs a value", hint=HINT, name=_name(error), command=command)
        case misuse.MissingArgumentError():
            return Malformed("{name} is missing", hint=HINT, name=_name(error), command=command)
        case misuse.RepeatArgumentError():
            return Malformed("{name} is given twice", hint=HINT, name=_name(error), command=command)
        case misuse.CoercionError():
            return _unreadable(error, command)
        case misuse.UnusedCliTokensError():
            word = (error.unused_tokens or ["?"])[0]
            return Malformed("'{word}' is one word too many", hint=HINT, word=word, command=command)
    return Malformed("the command line cannot be read", hint=HINT if command else HINT_FIRST, command=command)


def unknown_command(word: str, chain: str) -> Malformed:
    """Return that no command goes by `word`."""
    return Malformed("there is no command '{word}'", hint=HINT if chain else HINT_FIRST, word=word, command=chain)


def _unreadable(error: misuse.CoercionError, command: str) -> Malformed:
    value = error.token.value if error.token is not None else ""
    choices = error.argument.get_choices() if error.argument is not None else None
    if choices:
        return Malformed(
            "{name} cannot be '{value}'",
            hint="One of: {choices}.",
            name=_name(error),
            value=value,
            choices=", ".join(choices),
            command=command,
        )
    return Malformed("{name} cannot be '{value}'", hint=HINT, name=_name(error), value=value, command=command)


def _has_name_only(error: misuse.MissingArgumentError) -> bool:
    """Return whether an option was given and its value was not."""
    return error.keyword is not None or bool(error.argument and any(token.keyword for token in error.argument.tokens))


def _name(error: misuse.CycloptsError) -> str:
    """Return the option or argument that an error is about, as it is typed."""
    if error.argument is None:
        return "?"
    name = error.argument.name
    return name if name.startswith("--") else name.upper()
