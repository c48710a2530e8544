"""Every page, for everybody: axe finds nothing, none is wider than a telephone, and a Korean page is Korean."""

from __future__ import annotations

import re
from functools import cache
from typing import Final, NamedTuple

import pytest
from alliance import Alliance, Seated
from babel.messages.pofile import read_po
from playwright.sync_api import Page
from tour import DATA, consulted, tour

from katchi.language import LOCALE_DIR, Language
from katchi.vocabulary import WORDS

TELEPHONE: Final = {"width": 390, "height": 844}
SHOWN: Final = """() => {
  const foreign = (node) => node.parentElement.closest("[lang]")?.lang !== "ko";
  const skipped = (node) => node.parentElement.closest("script, style, noscript, code, pre, kbd, .hash, textarea, [name=room]");
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [document.title.split(" · ")[0]];
  while (walker.nextNode()) if (!foreign(walker.currentNode) && !skipped(walker.currentNode)) found.push(walker.currentNode.data);
  for (const name of ["aria-label", "title", "alt", "placeholder", "data-on", "data-off", "data-kept", "data-lost"])
    for (const element of document.querySelectorAll(`[${name}]:not(code *, [lang=en] *)`)) found.push(element.getAttribute(name));
  return found.map((text) => text.replace(/\\s+/g, " ").trim()).filter(Boolean);
}"""
COMMAND: Final = re.compile(r"`[^`]*`|katchi( [a-z]+)*")  # the same in every language
ONE_WORD: Final = re.compile(r"[A-Za-z]{4,}")
TWO_WORDS: Final = re.compile(r"[A-Za-z]{3,} [A-Za-z]{2,}")


@pytest.fixture(scope="module")
def whole(nodes_of_module: Alliance) -> str:
    return consulted(nodes_of_module)


class Beyond(NamedTuple):
    """What of a page lies beyond a telephone's edge."""

    width: int  # px
    tables: list[str]


def beyond_a_telephone(page: Page) -> Beyond:
    """Return by how many pixels a page is wider than a telephone, and the tables of which it shows no more than a part."""
    before = page.viewport_size
    page.set_viewport_size(TELEPHONE)
    width, tables = page.evaluate(
        "() => [document.documentElement.scrollWidth - innerWidth,"
        " [...document.querySelectorAll('.scroll')].filter((one) => one.scrollWidth > one.clientWidth)"
        ".map((one) => one.innerText.slice(0, 60))]"
    )
    page.set_viewport_size(before or TELEPHONE)
    return Beyond(width, tables)


def width_beyond(page: Page) -> int:
    """Return by how many pixels a page is wider than a telephone."""
    return beyond_a_telephone(page).width


@cache
def english() -> tuple[frozenset[str], list[re.Pattern[str]]]:
    """Return what the catalogue and the vocabulary say otherwise in Korean: as it stands, and with places to fill."""
    with (LOCALE_DIR / "ko" / "LC_MESSAGES" / "katchi.po").open("rb") as file:
        messages = [str(message.id) for message in read_po(file) if message.id and message.id != message.string]
    plain = {text for text in messages if "{" not in text} | {word.en for word in WORDS.values() if word.en != word.ko}
    filled = [re.split(r"\{[^}]*\}", text) for text in messages if "{" in text]
    patterns = [re.compile(".+?".join(map(re.escape, parts))) for parts in filled if re.search(r"[A-Za-z]{2}", "".join(parts))]
    return frozenset(text for text in plain if re.search(r"[A-Za-z]{2}", text)), patterns


@cache
def is_english(shown: str) -> bool:
    """Return whether a text of a Korean page is English."""
    text = COMMAND.sub("", shown)
    if any(one in text for one in DATA):
        return False
    if TWO_WORDS.search(text) or ONE_WORD.fullmatch(text):
        return True
    plain, filled = english()
    return text in plain or text.strip(" .:·") in plain or any(pattern.fullmatch(text) for pattern in filled)


def english_on(page: Page) -> list[str]:
    """Return the texts of a Korean page that are English."""
    return [shown for shown in page.evaluate(SHOWN) if is_english(shown)]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_on_every_page_axe_finds_nothing_and_none_is_wider_than_a_telephone_and_a_korean_one_is_korean(
    alliance: Alliance, seated: Seated, whole: str, axe, witness, language: Language
):
    witness.expect("status of 4")
    seat = seated(alliance, "USA", language)
    found: list[tuple[str, object]] = []
    for name in tour(alliance, seat, whole):
        found += [(name, violation) for violation in axe(seat.page)]
        beyond = beyond_a_telephone(seat.page)
        if beyond.width:
            found.append((name, f"{beyond.width} pixels wider than a telephone"))
        found += [(name, f"a column lies beyond a telephone's edge: {table}") for table in beyond.tables]
        if language == "ko":
            found += [(name, f"in English: {text}") for text in english_on(seat.page)]
    assert not found, "\n".join(f"{name}: {what}" for name, what in found)


def test_axe_finds_nothing_on_a_duty_screen_on_which_nothing_waits(new_alliance: Alliance, seated: Seated, axe):
    languages: tuple[Language, ...] = ("en", "ko")
    for language in languages:
        seat = seated(new_alliance, "USA", language)
        assert axe(seat.page) == []
        assert width_beyond(seat.page) == 0


def test_the_walk_would_see_english_where_it_stands(page: Page):
    shown = "<p>Needs you</p><p lang='en'>Needs them</p><p title='Show this list'>협의</p><p>Nowhere in any catalogue</p>"
    page.set_content(f"<html lang='ko'><title>협의</title>{shown}")
    assert set(english_on(page)) == {"Needs you", "Show this list", "Nowhere in any catalogue"}
