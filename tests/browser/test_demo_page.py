"""The demo's own page: it plays by itself, waits for nobody's install, and hands over the nodes; its file needs no server."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, expect
from test_accessible import english_on, width_beyond

from katchi.demo.scene import CAPITALS, Scene, Side
from katchi.demo.show.file import write_file
from katchi.demo.show.server import Show
from katchi.demo.story import Told

STORY_S_MAX: Final = 60
BRISK: Final = "import katchi.demo.performance as p; p.STEP_S = 0.05; from katchi.cli.__main__ import main; main()"


def scene(number: int, *, is_cut: bool = False) -> Scene:
    """One picture, as the stage would give it."""
    told = (
        Told("KOR", "states its position, not knowing the other's.")
        if number
        else Told(None, "The link is cut: every byte is dropped, and nobody is told.")
    )
    sides = tuple(
        Side(
            ally=ally,
            names=CAPITALS[ally],
            stance="position-stated",
            status="under-way",
            entries=7 + number,
            unread=1,
            waiting=number if is_cut else 0,
            up=not is_cut,
            phrase="0463 6783 0907 1121",
            latest="position.stated",
            text="우리는 아직 확인하지 못하였다.",
            receipts=("sent", "received"),
            crossed=1,
        )
        for ally in ("KOR", "USA")
    )
    return Scene(number=number, at_s=number * 1.5, told=told, sides=sides, is_cut=is_cut)


SCENES: Final = [scene(number, is_cut=number == 1) for number in range(4)]


@pytest.fixture
def show(own_servers: set[str]) -> Iterator[Show]:
    show = Show("en")
    own_servers.add(re.sub(r"https?://|/$", "", show.address))
    yield show
    show.close()


@pytest.fixture
def file(tmp_path: Path, own_servers: set[str]) -> Path:
    own_servers.add("")  # a file's address has no host
    path = tmp_path / "katchi-demo.html"
    write_file(path, SCENES, "en")
    return path


def shown(page: Page) -> list[int]:
    """Return which scenes can be seen."""
    return [i for i, one in enumerate(page.locator(".scene").all()) if one.is_visible()]


def reads(page: Page, language: str) -> None:
    """The page is in one language, and in no other."""
    expect(page.locator(f"h1 [lang={language}]")).to_be_visible()
    expect(page.locator(f"h1 [lang={'en' if language == 'ko' else 'ko'}]")).to_be_hidden()


def test_each_scene_is_shown_as_it_comes_and_the_slider_goes_back_to_any(show: Show, page: Page):
    show.add(SCENES[0])
    page.goto(show.address)
    expect(page.locator(".scene")).to_have_count(1)
    for count, one in enumerate(SCENES[1:], start=2):
        show.add(one)
        expect(page.locator(".scene")).to_have_count(count)
        assert shown(page) == [count - 1]
    page.locator("#slider").press("ArrowLeft")
    assert shown(page) == [len(SCENES) - 2]
    show.add(scene(4))
    expect(page.locator(".scene")).to_have_count(5)
    assert shown(page) == [len(SCENES) - 2]  # who looks back is not torn away
    page.locator("#slider").fill("0")
    assert shown(page) == [0]
    page.locator("#slider").press("End")
    assert shown(page) == [4]


def test_the_page_speaks_both_languages_and_no_other_words_fits_a_telephone_and_axe_finds_nothing(
    show: Show, page: Page, axe, screens
):
    for one in SCENES[:2]:
        show.add(one)
    page.goto(show.address)
    expect(page.locator(".scene.cut.shown")).to_be_visible()
    for name, language in (("English", "en"), ("한국어", "ko")):
        page.get_by_role("button", name=name).click()
        reads(page, language)
        assert axe(page) == []
        assert width_beyond(page) == 0
        assert language == "en" or list(english_on(page)) == []
        screens(page, "demo", whole=True)


def test_without_scripts_all_scenes_are_shown_and_the_turn_comes(show: Show, visit):
    page = visit(java_script_enabled=False)
    for one in SCENES:
        show.add(one)
    page.goto(show.address)
    assert shown(page) == [0, 1, 2, 3]
    expect(page.locator("#turn")).to_be_hidden()
    show.hand_over({"KOR": "http://kor.localhost:1/sign-in/x"})
    page.reload()
    expect(page.locator("#turn a")).to_have_text("KOR · http://kor.localhost:1")


def test_the_file_of_a_run_plays_from_the_disk_and_asks_for_nothing(file: Path, visit, axe):
    page = visit(offline=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    assert shown(page) == [0]
    page.locator("#slider").press("ArrowRight")
    assert shown(page) == [1]
    page.locator("#play").click()
    expect(page.locator(".scene").nth(2)).to_be_visible()
    for name, language in (("한국어", "ko"), ("English", "en")):
        page.get_by_role("button", name=name).click()
        reads(page, language)
        assert axe(page) == []
        assert width_beyond(page) == 0
    assert asked == [file.as_uri()]


def test_the_file_of_a_run_shows_all_scenes_without_scripts(file: Path, visit):
    page = visit(java_script_enabled=False)
    page.goto(file.as_uri())
    assert shown(page) == [0, 1, 2, 3]


def test_the_demo_plays_the_story_to_its_end_and_hands_over_both_nodes(page: Page, own_servers: set[str], tmp_path: Path, visit):
    words = [sys.executable, "-c", BRISK, "demo", "--out", str(tmp_path / "run.html"), "--stay", "60"]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True) as demo:
        assert demo.stdout is not None
        try:
            address = next(found[1] for line in demo.stdout if (found := re.search(r"The story plays at http://(\S+)/", line)))
            own_servers.add(address)
            page.goto(f"http://{address}/")
            expect(page.locator("#turn")).to_be_visible(timeout=STORY_S_MAX * 1000)
            assert page.locator(".scene").count() > 15
            assert page.locator(".scene.cut").count() > 1
            for link in page.locator("#links a").all():
                href = link.get_attribute("href") or ""
                own_servers.add(href.split("/")[2])
                officer = visit()
                officer.goto(href)
                expect(officer.get_by_role("heading", level=1)).to_have_text("Duty")
                expect(officer.locator("#open ~ ul .row, .row")).not_to_have_count(0)
        finally:
            demo.terminate()
        assert demo.wait(20) is not None
    assert (tmp_path / "run.html").stat().st_size > 10_000
