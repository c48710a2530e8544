"""Programs that tests start and Python does not bring: found here, installed by tools/."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

CHROMIUM: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NODE_MAJOR_MIN: Final = 20


def chromium() -> Path | None:
    """Return the browser on PATH that pages are tested in, None where there is none."""
    return next((Path(found) for name in CHROMIUM if (found := shutil.which(name))), None)


def node(major_min: int = NODE_MAJOR_MIN) -> Path | None:
    """Return a Node.js of at least `major_min` that runs: the one on PATH, or else the one inside Playwright's wheel."""
    on_path, playwright = shutil.which("node"), importlib.util.find_spec("playwright")
    candidates = [Path(on_path)] if on_path else []
    if playwright is not None and playwright.origin is not None:
        candidates.append(Path(playwright.origin).with_name("driver") / "node")
    return next((candidate for candidate in candidates if candidate.is_file() and _major(candidate) >= major_min), None)


def _major(node: Path) -> int:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)\.", told)
    return int(version[1]) if version else 0
