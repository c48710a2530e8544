"""Build hook: compiles the gettext catalogues (locale/*/LC_MESSAGES/*.po) that the package carries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface[Any]):
    """Compiles each .po beside itself; the .mo goes into the wheel, never into git."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Run before the files of a build are gathered, editable or not."""
        for source in Path(self.root, "src/katchi/locale").glob("*/LC_MESSAGES/*.po"):
            with source.open("rb") as po, source.with_suffix(".mo").open("wb") as mo:
                write_mo(mo, read_po(po, locale=source.parts[-3]))
        build_data["artifacts"].append("src/katchi/locale/*/LC_MESSAGES/*.mo")
