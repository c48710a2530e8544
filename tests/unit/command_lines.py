"""Finds the katchi command lines that a text shows, and says what is wrong with one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache

from katchi.cli import help as help_pages
from katchi.cli.__main__ import application

QUOTED = re.compile(r"`(katchi [^`\\]+)`")  # a label such as "katchi entry 1\\n" is no command
SHOWN = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*(katchi .+)$")
BETWEEN = re.compile(r" &+ | &$| \| |; ")


def command_lines(text: str) -> Iterator[str]:
    """Yield what stands in backticks, or in a fenced block as a command of its own, and begins with katchi."""
    is_fenced, unfinished = False, ""
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            is_fenced, unfinished = not is_fenced, ""
        elif not is_fenced:
            yield from QUOTED.findall(line)
        else:
            whole = unfinished + line.strip()
            unfinished = whole[:-1] if whole.endswith("\\") else ""
            commands = [] if unfinished else BETWEEN.split(whole.split("  #")[0].rstrip())
            yield from (shown[1] for command in commands if (shown := SHOWN.match(command.strip())))


@cache
def fault_of(line: str) -> str | None:
    """Return why a command line names no existing command or option; None if it does."""
    words = shlex.split(re.split(r" [|>]|;|&&", line)[0])[1:]
    named = [word for word in words if word not in (*help_pages.FLAGS, "--version")]
    chain, apps, rest = application().parse_commands(named)
    command = apps[-1]
    if command.default_command is None:
        if rest and not _is_placeholder(rest[0]):
            return f"no command '{rest[0]}' in: {line}"
        return None
    options = {name for argument in command.assemble_argument_collection() for name in argument.names}
    unknown = [word for word in rest if word.startswith("--") and word.split("=")[0] not in options]
    return f"no option {unknown[0]} of {' '.join(chain)} in: {line}" if unknown else None


def _is_placeholder(word: str) -> bool:
    """Return whether a word stands for any command, such as COMMAND or {command}."""
    return word.isupper() or word.startswith("{") or not word.isascii() or word == "..."
