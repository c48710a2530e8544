"""What a browser that was never here loads for its first page, in bytes as sent; in Chromium, if there is one."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from bench.rows import Row, row
from bench.site import Site, filled, served
from katchi.testing import programs

SIZE = 1_000
AIM_KB = 300.0
LOADED = re.compile(r'<(?:link rel="(?:stylesheet|icon)"|script)[^>]*?(?:href|src)="([^"]+)"')
LANGUAGES = {"en": "English", "ko": "Korean"}


def _without_fonts(site: Site, language: str) -> float:
    """KB of the page, and of each style sheet, script and icon that it names."""
    page = site.get("/", **{"Accept-Language": language, "Accept-Encoding": "gzip, br"})
    names = LOADED.findall(page.body.decode())
    assert len(names) >= 4, names
    return sum(len(found.body) for found in (page, *(site.get(urljoin("/", name)) for name in names))) / 1000


def _with_fonts(site: Site, language: str) -> tuple[float, int] | None:
    """KB of all that Chromium loads, and how many fonts; None where there is no Chromium."""
    program, node = programs.chromium(), programs.node()
    if program is None or node is None:
        return None
    from playwright.sync_api import sync_playwright

    os.environ["PLAYWRIGHT_NODEJS_PATH"] = str(node)
    sizes: dict[str, int] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        context = browser.new_context(locale=language, viewport={"width": 1280, "height": 900})
        name, _, value = site.cookie.partition("=")
        origin = f"http://127.0.0.1:{site.port}"
        context.add_cookies([{"name": name, "value": value, "url": origin}])
        page = context.new_page()
        answers: list = []
        page.on("response", lambda answer: answers.append(answer))
        page.goto(origin, wait_until="load")
        page.evaluate("() => document.fonts.ready.then(() => null)")
        for answer in answers:
            if not answer.url.endswith("/events"):
                sizes.setdefault(answer.url, len(answer.body()))
        browser.close()
    fonts = sum(urlsplit(url).path.endswith(".woff2") for url in sizes)
    return sum(sizes.values()) / 1000, fonts


def rows() -> list[Row]:
    """Measure the duty page in both languages."""
    found: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        held = filled(Path(name), SIZE)
        with served(held.path) as site:
            for language, said in LANGUAGES.items():
                found.append(row(f"first page, {said}, without fonts", _without_fonts(site, language), "KB", "aim", AIM_KB))
                if (whole := _with_fonts(site, language)) is not None:
                    found.append(row(f"first page, {said}, with its {whole[1]} fonts", whole[0], "KB"))
    return found


if __name__ == "__main__":
    for one in rows():
        print(f"{one.name:60} {one.value:9.2f} {one.unit}")
