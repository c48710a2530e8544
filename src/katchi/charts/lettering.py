"""Given text made fit to be drawn: cleaned of what turns lines round or cannot stand in XML, measured, broken into lines.

No font is asked: widths are by kind of letter and rather too wide, so a drawing is the same wherever it is made.
"""

from __future__ import annotations

import unicodedata

# C0, C1 and direction controls, surrogates, and what XML does not know: shown, never obeyed.
_CONTROLS = {*range(32), *range(0x7F, 0xA0), *range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
_CONTROLS |= {0x061C, 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)}
_SHOWN = dict.fromkeys(_CONTROLS - {ord("\n"), ord("\t"), ord("\r")}, "\N{REPLACEMENT CHARACTER}")
NARROW_LETTERS, BROAD_LETTERS = frozenset("fijlrtI.,;:'|!()[]/- ·"), frozenset("mwMW@%—")
MORE = "…"


def clean(text: str) -> str:
    """Return given text on one line, with every control character shown as one that it is not."""
    return " ".join(text.translate(_SHOWN).split())


def width(text: str, size: float) -> float:
    """Return about how wide a line of text is, in pixels at a font size in pixels."""
    return size * sum(map(_em, text))


def _em(letter: str) -> float:
    if letter in NARROW_LETTERS:
        return 0.34
    if letter in BROAD_LETTERS:
        return 0.9
    if unicodedata.east_asian_width(letter) in "WF":
        return 0.96
    return 0.68 if letter.isupper() else 0.58


def shortened(text: str, space: float, size: float) -> str:
    """Return as much of a line as there is space for, with an ellipsis where it is cut."""
    if width(text, size) <= space:
        return text
    kept = text
    while kept and width(kept + MORE, size) > space:
        kept = kept[:-1]
    return kept.rstrip() + MORE


def broken(text: str, space: float, size: float, lines_max: int = 2) -> list[str]:
    """Return a text as lines that fit, broken between words where there are any; the last is cut if it is too long."""
    lines: list[str] = []
    words = clean(text).split(" ")
    while words and len(lines) < lines_max - 1:
        line = words.pop(0)
        while words and width(f"{line} {words[0]}", size) <= space:
            line = f"{line} {words.pop(0)}"
        if width(line, size) > space:  # one long word
            fits = len(shortened(line, space, size)) - 1
            words.insert(0, line[max(fits, 1) :])
            line = line[: max(fits, 1)]
        lines.append(line)
    if words:
        lines.append(shortened(" ".join(words), space, size))
    return lines
