"""Draws the story: one page in both languages, live from the demo, or as a file with all of it inside."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from katchi import __version__
from katchi.demo.scene import RECEIPTS, Scene, Side
from katchi.language import Language, translator
from katchi.vocabulary import WORDS, word

HERE = Path(__file__).parent
LANGUAGES: tuple[Language, ...] = ("en", "ko")


@cache
def _environment() -> Environment:
    loader = FileSystemLoader(HERE)
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.globals |= {"languages": LANGUAGES, "receipts": RECEIPTS, "version": __version__, "both": both, "name_of": name_of}
    made.globals["_"] = str  # marks what the catalogue holds; `both` says it
    return made


def both(text: str, **values: Any) -> list[tuple[Language, str]]:
    """Return a string of the catalogue, or a token of the vocabulary, in both languages."""
    said = {tongue: word(text, tongue) if text in WORDS else translator(tongue)(text) for tongue in LANGUAGES}
    return [(tongue, words.format(**values)) for tongue, words in said.items()]


def name_of(side: Side) -> list[tuple[Language, str]]:
    """Return where a side sits, in both languages."""
    return list(zip(LANGUAGES, side.names, strict=True))


def scene_part(scene: Scene) -> str:
    """Return one scene as HTML."""
    words = both(scene.told.what, **scene.told.values)
    actor = next((side for side in scene.sides if side.ally == scene.told.ally), None)
    return _environment().get_template("scene.html").render(scene=scene, words=words, actor=actor)


def show_page(scenes: Sequence[Scene], language: Language, *, nonce: str, links: Mapping[str, str] | None, is_live: bool) -> str:
    """Return the page: with what has been played so far, and the links of whose turn it is then.

    Args:
        nonce: of the style and script inside; a file has none.
        links: ally: where to sign in, once the story has ended; None before, and in a file.
        is_live: whether more comes over `/events`.
    """
    values = {"scenes": [scene_part(scene) for scene in scenes], "language": language, "nonce": nonce, "links": links or {}}
    inside = {name: (HERE / f"show.{end}").read_text(encoding="utf-8") for name, end in (("style", "css"), ("script", "js"))}
    hashes = {f"{name}_hash": _source(text) for name, text in inside.items()}
    return _environment().get_template("show.html").render(**values, **inside, **hashes, is_live=is_live)


def _source(text: str) -> str:
    """Return how a content security policy names a style or script by its digest."""
    return f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'"
