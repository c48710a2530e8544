"""Help for people at a terminal: one page for each command, in two columns, as wide as the terminal allows.

We lay pages out ourselves, since Korean letters take two columns each and the reader's language is
ours to choose. The first page is drawn without loading the library that reads the command line.
"""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from katchi.cli.speech import _, said

if TYPE_CHECKING:
    from cyclopts import App
    from cyclopts.argument import Argument

FLAGS = ("--help", "-h")
GLUE = "\N{NO-BREAK SPACE}"  # keeps words on one line until the page is laid out
LABEL_WIDTH_MAX, PAGE_WIDTH_MIN, PAGE_WIDTH_MAX = 24, 48, 100
METAVARS = {
    "ALLY": _("ALLY"),
    "CONSULTATION": _("CONSULTATION"),
    "DIRECTORY": _("DIRECTORY"),
    "FILE": _("FILE"),
    "ROOM": _("ROOM"),
}  # others are shown by their English name


class Section(NamedTuple):
    """A heading and its rows: what is typed, and what it does."""

    heading: str
    rows: Sequence[tuple[str, str]]


def overview(nouns: Mapping[str, str], purpose: str) -> str:
    """Return the first page."""
    others = [(", ".join(reversed(FLAGS)), _("Show this help.")), ("--version", _("Show the version."))]
    sections = [Section(_("Commands"), list(nouns.items())), Section(_("Options"), others)]
    return _page("katchi " + _("COMMAND"), purpose, sections)


def page_of(app: App, chain: Sequence[str]) -> str:
    """Return the page of the command that `chain` leads to."""
    words = ["katchi", *chain]
    commands = [(name, (app[name].help or "").split("\n\n")[0]) for name in app if not name.startswith("-")]
    if app.default_command is None:
        last = _("`{command} COMMAND --help` shows its options and an example.").format(command=" ".join(words))
        return _page(" ".join([*words, _("COMMAND")]), app.help + "\n\n" + last, [Section(_("Commands"), commands)])
    arguments = [argument for argument in app.assemble_argument_collection() if argument.show]
    places = [argument for argument in arguments if argument.index is not None]
    required = [argument for argument in arguments if argument.index is None and argument.required]
    optional = [argument for argument in arguments if argument.index is None and not argument.required]
    options = [(_label(argument), _meaning(argument)) for argument in required + optional]
    options.append((", ".join(reversed(FLAGS)), _("Show this help.")))
    usage = [*words, *map(_label, places + required), *([_("[OPTIONS]")] if optional else [])]
    sections = [
        Section(_("Arguments"), [(_label(argument), _meaning(argument)) for argument in places]),
        Section(_("Options"), options),
    ]
    return _page(" ".join(usage), app.help, sections)


def _label(argument: Argument) -> str:
    """Return what is typed for an argument, such as `--node PATH`."""
    if argument.index is not None:
        name = argument.name.lstrip("-").upper()
        return METAVARS.get(name, name)
    kind = str(argument.hint)
    if argument.hint is bool:
        value = ""
    elif argument.get_choices():
        value = " " + _("WORD")
    elif Path.__name__ in kind:
        value = " " + _("PATH")
    else:
        value = " " + (_("N") if "int" in kind or "float" in kind else _("TEXT"))
    return ", ".join(name for name in argument.names if name not in argument.negatives) + value


def _meaning(argument: Argument) -> str:
    """Return what an argument means, with its choices and default."""
    parts = [argument.parameter.help or ""]
    if choices := argument.get_choices():
        parts.append(_("One of: {choices}.").format(choices=", ".join(map(_choice, choices))))
    default = argument.field_info.default
    if argument.required and argument.index is None:
        parts.append(_("[required]"))
    elif isinstance(default, str | int) and default not in ("", False):
        parts.append(_("[default: {value}]").format(value=default).replace(" ", GLUE))
    return " ".join(parts)


def _choice(token: str) -> str:
    """Return a token as it is typed, with its Korean word where that is another."""
    word = said(token)
    return token if word.isascii() else f"{token}({word})"


def _page(usage: str, text: str, sections: Iterable[Section]) -> str:
    width = min(max(shutil.get_terminal_size((80, 24)).columns, PAGE_WIDTH_MIN), PAGE_WIDTH_MAX)
    first, *middle, last = ["", *text.split("\n\n")] if "\n\n" not in text else text.split("\n\n")
    opening = _("Usage: {usage}").format(usage=usage)
    lines = [*wrapped(opening, width, indent=7), ""]
    for paragraph in [first, *middle] if first else [last]:
        lines += [*wrapped(paragraph, width), ""]
    for section in sections:
        if section.rows:
            lines += [section.heading + ":", *_columns(section.rows, width), ""]
    if first:
        lines += _example(last, width)
    return "\n".join(lines).rstrip().replace(GLUE, " ")


def _columns(rows: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    """Yield rows in two columns; a label too long for the first stands on a line of its own."""
    left = min(max(columns(label) for label, _meaning in rows), LABEL_WIDTH_MAX) + 4
    for label, meaning in rows:
        lines = list(wrapped(meaning, width - left))
        padding = left - 2 - columns(label)
        if padding >= 2 and lines:
            yield "  " + label + " " * padding + lines.pop(0)
        else:
            yield "  " + label
        yield from (" " * left + line for line in lines)


def _example(text: str, width: int) -> Iterator[str]:
    """Yield an example that can be copied as it stands: it is broken before options only."""
    heading, separator, command = text.partition(": katchi ")
    if not separator:
        yield from wrapped(text, width)
        return
    yield heading + ":"
    line = "  katchi"
    for number, part in enumerate(command.split(" --")):
        piece = (" --" if number else " ") + part
        if columns(line + piece) > width - 2 and number:
            yield line + " \\"
            line = "     "
        line += piece
    yield line


def columns(text: str) -> int:
    """Return how many columns of a terminal `text` takes: two for each Korean letter."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text
    )


def wrapped(text: str, width: int, indent: int = 0) -> Iterator[str]:
    """Yield lines of whole words, at most `width` columns wide; lines after the first are indented."""
    line = ""
    for word in text.split(" "):
        if line.strip() and columns(line) + 1 + columns(word) > width:
            yield line
            line = " " * indent + word
        else:
            line = f"{line} {word}" if line.strip() else line + word
    if line:
        yield line
