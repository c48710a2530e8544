"""The story as one file, for people who install nothing: it fetches nothing, and runs only its own script."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from katchi.demo.scene import Scene
from katchi.demo.show.page import show_page
from katchi.language import Language


def write_file(path: Path, scenes: Sequence[Scene], language: Language) -> None:
    """Write the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(show_page(scenes, language, nonce="", links=None, is_live=False), encoding="utf-8")
