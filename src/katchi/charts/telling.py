"""What is told of a scenario, as values: sections of blocks in one language, ready to be laid out and nothing else.

The report and the node's pages lay out the same sections. A value here is text, which a template escapes, or a drawing that
charts/figure.py made. Nothing is imported here that computes or draws.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from katchi.language import Language

# What `katchi sweep --into` writes to a folder.
ANSWER, TOLD = "answer.json", "told.json"
REPORT = "report.{language}.html"

SHRINKS_MAX = 1_400  # px: to the width of a desk's page, letters keep more than four fifths of their size

Tone = Literal["", "quiet", "notice"]
Layout = Literal["", "curves", "whole"]


class Drawn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One chart, SVG: drawn for a desk and for a telephone, or once for both."""

    caption: str
    wide: str
    width: float  # px, of `wide`
    narrow: str = ""

    @property
    def shrinks(self) -> bool:
        """Whether it can still be read when a page that is a little narrower makes it fit."""
        return self.width <= SHRINKS_MAX


class Cell(msgspec.Struct, frozen=True, omit_defaults=True):
    """What stands in one place of a table."""

    text: str
    is_guess: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One question answered."""

    asked: str
    deadline: str
    probability: str
    interval: str
    runs: str
    exact: str  # "" if there is none
    without_exact: str  # why
    facts: tuple[tuple[str, str], ...]


class Paragraph(msgspec.Struct, frozen=True, tag="paragraph", omit_defaults=True):
    """Sentences."""

    text: str
    tone: Tone = ""


class Answers(msgspec.Struct, frozen=True, tag="answers"):
    """Each question, with its answer."""

    answers: tuple[Answer, ...]


class Figures(msgspec.Struct, frozen=True, tag="figures", omit_defaults=True):
    """Charts side by side."""

    drawn: tuple[Drawn, ...]
    layout: Layout = ""


class Table(msgspec.Struct, frozen=True, kw_only=True, tag="table"):
    """Rows under their heads."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


class Points(msgspec.Struct, frozen=True, tag="points"):
    """Sentences, each on a line of its own; the last is the one that matters."""

    lines: tuple[str, ...]


class Facts(msgspec.Struct, frozen=True, tag="facts"):
    """Names, each with its value."""

    pairs: tuple[tuple[str, str], ...]


Block = Paragraph | Answers | Figures | Table | Points | Facts


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One part of what is told."""

    name: str  # of letters and hyphens, the same in every language
    title: str
    blocks: tuple[Block, ...]


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """All of it in one language."""

    language: Language
    title: str
    about: str
    sections: tuple[Section, ...]


class Tellings(msgspec.Struct, frozen=True, kw_only=True):
    """What is told, in both languages."""

    en: Telling
    ko: Telling

    def of(self, language: Language) -> Telling:
        """Return it in one."""
        return self.ko if language == "ko" else self.en


def row(*texts: str) -> tuple[Cell, ...]:
    """Return a row of a table that guesses nothing."""
    return tuple(Cell(text) for text in texts)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a scenario asks."""

    name: str
    title: dict[str, str]  # by language; what the file calls it, else its name
    by_s: float


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """What a scenario file says, before anything is computed from it: `katchi scenario show --json`."""

    file: str
    digest: str  # SHA-256
    questions: tuple[Question, ...]
    told: Tellings
