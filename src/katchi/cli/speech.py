"""How the command line speaks: its language, its errors, its JSON, its times."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from katchi import language
from katchi.errors import KatchiError, Malformed, Sentence
from katchi.vocabulary import WORDS, word

LANGUAGE = language.chosen()
_ = language.translator(LANGUAGE)
# What an ally wrote moves no cursor, rewrites no line and turns none round: C0, C1 and direction controls.
_CONTROLS = {*range(32), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)} - {ord("\n"), ord("\t")}
_UNSHOWN = dict.fromkeys(_CONTROLS, "\N{REPLACEMENT CHARACTER}")


def said(token: str) -> str:
    """Return what people read for a token: of the vocabulary, or a reason why something does not verify."""
    return word(token, LANGUAGE) if token in WORDS else language.translator(LANGUAGE)(token)


def spoken(text: Sentence | str) -> str:
    """Return a sentence in the language spoken here; names and places are the same in any."""
    return text.said(_in_a_sentence) if isinstance(text, Sentence) else text


def say(text: str = "") -> None:
    """Print a line on stdout."""
    sys.stdout.write(text.translate(_UNSHOWN) + "\n")


def tell(text: str) -> None:
    """Print a line on stderr: progress, and what is not the answer."""
    sys.stderr.write(text.translate(_UNSHOWN) + "\n")
    sys.stderr.flush()


def say_json(value: Any) -> None:
    """Print the answer as one JSON value; digests as hex."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value, order="deterministic"), indent=2).decode() + "\n")


def _in_a_sentence(text: str) -> str:
    """Return a sentence of the catalogue, or words of the vocabulary inside one, in the language spoken here."""
    if LANGUAGE == "en" or (found := language.translator(LANGUAGE)(text)) != text:
        return text if LANGUAGE == "en" else found
    korean = {known.en: known.ko for known in WORDS.values()}
    return ", ".join(korean.get(part, part) for part in text.split(", "))


def said_error(error: KatchiError) -> tuple[str, str]:
    """Return what happened and what to do next, in the language spoken here."""
    return error.said(_in_a_sentence)


def error_said(error: KatchiError) -> dict[str, Any]:
    """Return an error for a program, in the language spoken here."""
    message, hint = said_error(error)
    said = {"error": type(error).__name__, "message": message, "hint": hint, "exit_status": error.exit_status}
    others = [dict(zip(("message", "hint"), said_error(other), strict=True)) for other in _others(error)]
    return {**said, "others": others} if others else said


def tell_error(error: KatchiError, *, as_json: bool) -> None:
    """Print an error on stderr: what happened, and what to do next."""
    if as_json:
        sys.stderr.write(msgspec.json.encode(error_said(error)).decode() + "\n")
        return
    for one in (error, *_others(error)):
        message, hint = said_error(one)
        sys.stderr.write(_("katchi: {message}").format(message=message) + "\n")
        if hint:
            sys.stderr.write(f"  {hint}\n")


def _others(error: KatchiError) -> Sequence[KatchiError]:
    """Return what else is wrong with the same input."""
    return error.others if isinstance(error, Malformed) else ()


def clock(time: int | None, *, with_date: bool = True) -> str:
    """Return a time for a terminal: in UTC, to the second."""
    if time is None:
        return "-"
    return datetime.fromtimestamp(time / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ" if with_date else "%H:%M:%SZ")
