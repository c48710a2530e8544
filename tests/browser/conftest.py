"""Pages as people meet them: Debian's Chromium, driven by Playwright, one browser a worker.

A page may ask nothing of any host but the test's own servers (`own_servers`), and may log no error: a test in
which one does fails at its end, unless it said so before (`witness.expect`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple
from weakref import WeakSet

import pytest
from alliance import LOCALES, Alliance, Seat, Seated, founded
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from witness import Witness

from katchi.language import Language
from katchi.testing import programs

ROOT: Final = Path(__file__).resolve().parents[2]
AXE: Final = ROOT / "node_modules" / "axe-core" / "axe.min.js"
SCREENS: Final = ROOT / "build" / "screens"
SIZES: Final = ((1280, 900), (390, 844))

FLAGS: Final = [
    "--disable-audio-output",  # the bell rings for nobody; without a sound device a page can wait long for one
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1",
]


class Violation(NamedTuple):
    """One rule of accessibility that a page breaks."""

    rule: str
    impact: str
    help: str
    where: tuple[str, ...]  # CSS selectors


def unavailable(reason: str) -> None:
    """Skip on somebody's own machine; in CI nothing may be skipped."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def at_work(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Playwright leaves its loop marked as running in this thread between two calls: only its own tests may see that."""
    asyncio._set_running_loop(loop)
    try:
        yield
    finally:
        asyncio._set_running_loop(None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The worker's one browser; tests open their pages by `page` or `visit`."""
    program, node = programs.chromium(), programs.node()
    if program is None or node is None:
        missing = "no Node.js that runs" if program else "no Chromium on PATH"
        unavailable(f"{missing}. On Debian, as root: apt-get install chromium fonts-noto-cjk libatomic1")
    os.environ["PLAYWRIGHT_NODEJS_PATH"] = str(node)
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    playwright = sync_playwright().start()
    loop = asyncio.get_running_loop()
    with at_work(loop):
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS + as_root)
    yield browser
    with at_work(loop):
        browser.close()
        playwright.stop()


@pytest.fixture
def own_servers() -> set[str]:
    """The servers, as host:port, that this test's pages may ask: a fixture that starts one adds it."""
    return set()


@pytest.fixture
def witness(own_servers: set[str]) -> Iterator[Witness]:
    witness = Witness(own_servers)
    yield witness
    assert witness.faults == []


@pytest.fixture
def visit(browser: Browser, witness: Witness) -> Iterator[Callable[..., Page]]:
    """Return a function that makes a page of somebody's own, with options of Playwright's `new_context`."""
    with at_work(browser._loop), ExitStack() as contexts:

        def visit(**options: Any) -> Page:
            width, height = SIZES[0]
            usual = {"viewport": {"width": width, "height": height}, "timezone_id": "UTC", "reduced_motion": "reduce"}
            context = browser.new_context(**usual | options)
            contexts.callback(context.close)
            witness.watch(context)
            return context.new_page()

        yield visit


@pytest.fixture
def page(visit: Callable[..., Page]) -> Page:
    return visit()


@pytest.fixture(scope="module")
def nodes_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alliance]:
    with founded(tmp_path_factory.mktemp("alliance")) as alliance:
        yield alliance


@pytest.fixture
def alliance(nodes_of_module: Alliance, own_servers: set[str]) -> Alliance:
    """Two nodes with pages that the tests of a module share: each opens consultations of its own."""
    own_servers |= nodes_of_module.servers
    return nodes_of_module


@pytest.fixture
def new_alliance(tmp_path: Path, own_servers: set[str]) -> Iterator[Alliance]:
    """Two nodes with pages of which this test alone knows what they hold."""
    with founded(tmp_path) as alliance:
        own_servers |= alliance.servers
        yield alliance


@pytest.fixture
def seated(visit: Callable[..., Page]) -> Seated:
    """Return a function that signs an officer in at an ally's node, in a browser of their own."""

    def seated(alliance: Alliance, ally: str, language: Language = "en", *, scripts: bool = True, **options: Any) -> Seat:
        page = visit(locale=LOCALES[language], java_script_enabled=scripts, **options)
        return Seat(alliance, ally, page, has_scripts=scripts).sign_in()

    return seated


@pytest.fixture(scope="session")
def axe() -> Callable[[Page], list[Violation]]:
    """Return a function that says what axe-core finds on a page as it stands."""
    source = AXE.read_text(encoding="utf-8")
    knows: WeakSet[BrowserContext] = WeakSet()  # each page loaded there has axe already: it is sent once, not with every page

    def axe(page: Page) -> list[Violation]:
        if page.context not in knows:
            knows.add(page.context)
            page.context.add_init_script(source)
            page.evaluate(source)
        elif not page.evaluate("() => 'axe' in window"):
            page.evaluate(source)
        found = page.evaluate("() => axe.run({ resultTypes: ['violations'] }).then((found) => found.violations)")
        return [
            Violation(
                violation["id"],
                violation["impact"],
                violation["help"],
                tuple(" ".join(node["target"]) for node in violation["nodes"]),
            )
            for violation in found
        ]

    return axe


@pytest.fixture(scope="session")
def screens() -> Callable[..., list[Path]]:
    """Return a function that takes a page in both sizes, into build/screens/NAME-LANG-WIDTH.png."""

    def screens(page: Page, name: str, *, whole: bool = False) -> list[Path]:
        before, taken = page.viewport_size, []
        lang = page.locator("html").get_attribute("lang")
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            page.evaluate("() => document.fonts.ready.then(() => null)")
            taken.append(SCREENS / f"{name}-{lang}-{width}.png")
            page.screenshot(path=taken[-1], full_page=whole)
        if before is not None:
            page.set_viewport_size(before)
        return taken

    return screens
