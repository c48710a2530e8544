"""Scenarios in a browser: one is added, run and read, in both languages and both sizes, with scripts and without."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
from alliance import Alliance, Seat, Seated
from playwright.sync_api import expect
from test_accessible import width_beyond

from katchi.language import Language

RAN_MS_MAX: Final = 180_000.0  # on a busy machine; alone it is ten seconds
SMALL: Final = """\
title = { en = "A short exchange", ko = "짧은 교환" }
deadline = "1 h"

[stages.write]
title = { en = "it is written", ko = "작성" }
takes = { exponential = "20 min" }
source = "guess"

[stages.answer]
title = { en = "it is answered", ko = "회신" }
takes = { exponential = "15 min" }
after = ["write"]
source = "published: a table"

[questions.answered]
title = { en = "it is answered", ko = "회신함" }
stage = "answer"
"""
UNFIT: Final = '[stages.write]\ntakes = "5 minutes"\n'
PARTS: Final = ["answer", "curve", "held", "changes", "hangs", "sources", "network", "manifest", "game"]


def adds(seat: Seat, name: str, source: str) -> None:
    """Type a scenario into the form of the list, and send it."""
    seat.goes("/scenarios")
    seat.page.locator("#name").fill(name)
    seat.page.locator("#source").fill(source)
    seat.page.locator("form[enctype] button").click()


def asks_for_a_run(seat: Seat, *, runs: int, seed: int) -> None:
    seat.page.locator("#runs").fill(str(runs))
    seat.page.locator("#seed").fill(str(seed))
    seat.page.locator("form[action$='/runs'] button").click()
    expect(seat.page.locator("#run progress")).to_be_visible()


def test_an_officer_goes_by_keys_to_a_scenario_runs_it_and_what_was_found_is_read_in_both_languages(
    alliance: Alliance, seated: Seated, axe, screens, tmp_path: Path
):
    seats: dict[Language, Seat] = {language: seated(alliance, "KOR", language) for language in ("en", "ko")}
    first = seats["en"].page
    with first.expect_navigation(url="**/scenarios"):
        first.keyboard.press("s")
    while first.evaluate("() => document.activeElement.id") != "s-reference":
        first.keyboard.press("j")
    with first.expect_navigation(url="**/scenarios/reference"):
        first.keyboard.press("Enter")

    def seen(name: str, *, whole: bool = False) -> None:
        for seat in seats.values():
            assert axe(seat.page) == [] and width_beyond(seat.page) == 0
            screens(seat.page, name, whole=whole)

    seats["ko"].goes("/scenarios/reference")
    seen("scenario", whole=True)
    asks_for_a_run(seats["en"], runs=20_000, seed=7)
    seats["ko"].goes(first.url.removeprefix(seats["en"].address))
    seen("scenario-run")
    for language, seat in seats.items():
        expect(seat.page.locator("#answer")).to_be_visible(timeout=RAN_MS_MAX)  # by itself
        assert seat.page.locator("section.part[id]").evaluate_all("(parts) => parts.map((part) => part.id)") == PARTS
        expect(seat.page.locator(".mark.notional").first).to_be_visible()
        with seat.page.expect_download() as saved:
            seat.page.locator(f"a[href$='/report/{language}']").click()
        saved.value.save_as(tmp_path / "report.html")
        assert f'<html lang="{language}">' in (tmp_path / "report.html").read_text(encoding="utf-8")
        seat.page.evaluate("() => { document.activeElement?.blur(); scrollTo(0, 0); }")
    seen("scenario-answer")
    seen("scenario-answer-whole", whole=True)
    for seat in seats.values():
        seat.goes("/scenarios")
    seen("scenarios", whole=True)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_no_drawing_of_an_answer_or_a_scenario_is_cut_off_on_a_desk(alliance: Alliance, seated: Seated, language: Language):
    seat = seated(alliance, "KOR", language)
    for name in ("reference", "shift-handover"):
        seat.goes(f"/scenarios/{name}")
        cut = "(drawn) => drawn.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.ariaLabel)"
        assert seat.page.locator(".drawn:visible").evaluate_all(cut) == []


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_letters_of_every_drawing_are_those_of_the_page(alliance: Alliance, seated: Seated, language: Language):
    seat = seated(alliance, "KOR", language)
    seat.goes("/scenarios/shift-handover")
    svg = seat.page.locator("#network svg").first
    assert svg.get_attribute("lang") == language
    words = svg.locator("text").all_text_contents()
    assert bool(re.search("[가-힣]", "".join(words))) == (language == "ko")
    boxes = svg.locator("text").evaluate_all(
        "(texts) => texts.filter((text) => text.textContent.trim()).map((text) => text.getBBox().width)"
    )
    assert boxes and all(width > 0 for width in boxes)
    families = svg.evaluate("(svg) => getComputedStyle(svg).fontFamily")
    loaded = seat.page.evaluate("() => [...document.fonts].filter((face) => face.status === 'loaded').map((face) => face.family)")
    wanted = "Noto Sans KR Variable" if language == "ko" else "Public Sans Variable"
    assert wanted in families and any(wanted in face for face in loaded)


def test_without_scripts_a_run_is_followed_and_read_all_the_same(alliance: Alliance, seated: Seated):
    seat = seated(alliance, "USA", scripts=False)
    adds(seat, "plain", SMALL)
    expect(seat.page.locator("h1")).to_have_text("A short exchange")
    asks_for_a_run(seat, runs=1000, seed=4)
    expect(seat.page.locator("#answer")).to_be_visible(timeout=RAN_MS_MAX)  # the page asks again by itself
    assert seat.page.locator("section.part svg").count() > 4
    seat.page.locator("form[action$='/remove'] button").click()
    seat.page.locator("a[href$='/remove']").click()
    seat.page.locator("form[action$='/remove'] button").click()
    expect(seat.page.locator("#s-reference")).to_be_visible()
    assert seat.page.locator("#s-plain").count() == 0


def test_a_run_that_is_cancelled_is_gone(alliance: Alliance, seated: Seated):
    seat = seated(alliance, "USA")
    seat.goes("/scenarios/reference")
    asks_for_a_run(seat, runs=1_000_000, seed=5)
    seat.page.locator("form[action$='/cancel'] button").click()
    expect(seat.page.locator("#run-title")).to_be_visible()
    assert seat.page.locator("a.row[href*='/results/']").count() == 0


def test_news_leaves_a_page_with_an_error_as_full_as_it_was(new_alliance: Alliance, seated: Seated, witness):
    witness.expect("status of 400")
    seat = seated(new_alliance, "USA")
    seat.goes("/scenarios/reference")
    seat.page.locator("#runs").fill("1")
    seat.page.locator("form[action$='/runs'] button").click()
    expect(seat.page.locator("#errors")).to_be_focused()
    with seat.page.expect_response("**/scenarios/reference"):
        new_alliance.opens("KOR", "something else")
    expect(seat.page).to_have_title(re.compile(r"^\(1\) "))
    expect(seat.page.locator("#live")).to_contain_text("None yet")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_file_that_does_not_fit_comes_back_with_its_line_and_the_summary_leads_to_it(
    alliance: Alliance, seated: Seated, axe, witness, language: Language
):
    witness.expect("status of 400")
    seat = seated(alliance, "KOR", language)
    adds(seat, "unfit", UNFIT)
    summary = seat.page.locator("#errors")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("unfit.toml:2")
    summary.locator("a").click()
    expect(seat.page.locator("#source")).to_be_focused()
    expect(seat.page.locator("#source")).to_have_value(UNFIT)
    assert axe(seat.page) == [] and width_beyond(seat.page) == 0
