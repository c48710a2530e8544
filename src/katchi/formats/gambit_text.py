"""What Gambit's .efg and .nfg text have in common: tokens with their lines, quoted labels, exact numbers, limits.

White space and commas part tokens; a label stands in double quotes, where backslash and quote are written with a
backslash before them. Numbers are integers, decimals (with an exponent if need be) or fractions, and stay exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple, NoReturn

from katchi.errors import Malformed, Parameter, Refused

BYTES_MAX = 16_000_000
NUMBER_LENGTH_MAX = 400
EXPONENT_MAX = 300
LABEL_LENGTH_MAX = 10_000

_TOKEN = re.compile(r'[\s,]+|(?P<text>"(?:[^"\\]|\\.)*")|(?P<brace>[{}])|(?P<word>[^\s,{}"]+)|(?P<open>")', re.DOTALL)
_NUMBER = re.compile(r"[+-]?(?:\d+/\d+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
_ESCAPED = re.compile(r'\\(["\\])')


class Token(NamedTuple):
    """A piece of the text."""

    kind: str  # text, brace, word, or end
    value: str
    line: int


class Cursor:
    """Goes through the tokens of one file, and says where something is wrong."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        if len(text) > BYTES_MAX:
            raise Refused(
                "{file}: {size} characters where {size_max} are allowed",
                hint="Games of this size are beyond these solvers. Make the game coarser.",
                file=file,
                size=len(text),
                size_max=BYTES_MAX,
            )
        self._tokens = self._read(text)
        self.now = next(self._tokens)

    def _read(self, text: str) -> Iterator[Token]:
        line = 1
        for match in _TOKEN.finditer(text):
            piece, kind = match[0], match.lastgroup
            if kind == "open":
                self._wrong("{place}: a label that begins here never ends", hint='Close it with ".', line=line)
            if kind is not None:
                yield Token(kind, _ESCAPED.sub(r"\1", piece[1:-1]) if kind == "text" else piece, line)
            line += piece.count("\n")
        while True:
            yield Token("end", "", line)

    def place(self, line: int | None = None) -> str:
        """Return file:line, of the token now if not given."""
        return f"{self.file}:{self.now.line if line is None else line}"

    def _wrong(self, what: str, *, hint: str, line: int | None = None, **parameters: Parameter) -> NoReturn:
        """Raise what is wrong, with the place where it stands."""
        raise Malformed(what, hint=hint, field="", place=self.place(line), **parameters)

    def take(self) -> Token:
        """Return the token now, and go on."""
        taken, self.now = self.now, next(self._tokens)
        return taken

    def at_brace(self, brace: str) -> bool:
        """Return whether a brace comes now."""
        return self.now.kind == "brace" and self.now.value == brace

    def at_text(self) -> bool:
        """Return whether a quoted label comes now."""
        return self.now.kind == "text"

    def at_end(self) -> bool:
        """Return whether nothing comes any more."""
        return self.now.kind == "end"

    def brace(self, brace: str) -> None:
        """Take a brace."""
        if not self.at_brace(brace):
            self._wrong(
                "{place}: {brace} is expected, not {found}",
                hint="Look for a brace or a count that is missing before it.",
                brace=brace,
                found=self.shown(),
            )
        self.take()

    def text(self) -> str:
        """Take a quoted label."""
        if not self.at_text():
            self._wrong('{place}: a label in "quotes" is expected, not {found}', hint='Write "" for none.', found=self.shown())
        if len(self.now.value) > LABEL_LENGTH_MAX:
            self._wrong("{place}: a label of {size} letters", hint="Shorten it.", size=len(self.now.value))
        return self.take().value

    def word(self) -> str:
        """Take a bare word."""
        if self.now.kind != "word":
            self._wrong(
                "{place}: a word is expected, not {found}", hint="Compare with a file that Gambit wrote.", found=self.shown()
            )
        return self.take().value

    def texts(self) -> tuple[str, ...]:
        """Take labels in braces."""
        self.brace("{")
        found = []
        while self.at_text():
            found.append(self.text())
        self.brace("}")
        return tuple(found)

    def integer(self) -> int:
        """Take a whole number of at least 0."""
        if self.now.kind != "word" or not re.fullmatch(r"\d{1,9}", self.now.value, re.ASCII):
            self._wrong(
                "{place}: a whole number is expected, not {found}",
                hint="Numbers of players, information sets and outcomes count from 1; 0 stands for none.",
                found=self.shown(),
            )
        return int(self.take().value)

    def at_number(self) -> bool:
        """Return whether a number comes now."""
        return self.now.kind == "word" and _NUMBER.fullmatch(self.now.value) is not None

    def number(self) -> Fraction:
        """Take a number, exactly as it is written."""
        word = self.now.value
        if not self.at_number() or len(word) > NUMBER_LENGTH_MAX or not word.isascii():
            self._wrong(
                "{place}: a number is expected, not {found}",
                hint="Write it as 3, -1/2 or 0.25; NaN and infinity are no payoffs.",
                found=self.shown(),
            )
        _, _, exponent = word.lower().partition("e")
        if exponent and abs(int(exponent)) > EXPONENT_MAX:
            self._wrong("{place}: {found} is too large or too small", hint="Choose another unit.", found=self.shown())
        if re.search(r"/0+$", word):
            self._wrong("{place}: {found} divides by 0", hint="Write a number.", found=self.shown())
        return Fraction(self.take().value)

    def shown(self) -> str:
        """Return the token now as an error quotes it."""
        quoted = f'"{self.now.value}"' if self.now.kind == "text" else self.now.value
        return (quoted[:40] + "…" if len(quoted) > 40 else quoted) or "…"


def quoted(text: str) -> str:
    """Return a label as it is written in a file."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def written(number: Fraction) -> str:
    """Return a number as it is written in a file: whole or as a fraction."""
    return str(number.numerator) if number.denominator == 1 else f"{number.numerator}/{number.denominator}"
