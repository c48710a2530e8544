"""The main job on the pages themselves: two officers consult while the link is cut, and end with one record."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from alliance import LIVE_MS_MAX, Alliance, Seat, Seated
from playwright.sync_api import expect

from katchi.demo.story import CITING, POSITIONS, WORDS
from katchi.language import Language


class Said(NamedTuple):
    """What the officers type."""

    subject: str
    citing: str
    positions: tuple[str, str]
    question: str
    options: str
    outcome: str
    reason: str
    owner: str
    end: str


SAID: Final[dict[Language, Said]] = {
    "en": Said(
        "Seismic event of 9 September 2016, 00:30:01Z, magnitude 5.3 (USGS ComCat)",
        CITING,
        (POSITIONS[0], POSITIONS[1]),
        "Do we say in public what we read in the waveform?",
        "Say nothing yet\nSay time and magnitude alone\nSay all",
        "We publish time and magnitude, and say that both governments consult.",
        "Depth and type are not settled between us.",
        "Spokesperson's office",
        "The words are signed by both sides.",
    ),
    "ko": Said(
        "2016년 9월 9일 00:30:01Z 지진 사건, 규모 5.3 (USGS ComCat)",
        "협의를 위하여 모든 노력을 다한다",
        (
            "우리는 파형을 폭발로 판독하였으나 깊이와 종류는 확정되지 않았다.",
            "우리 관측소들은 시각과 규모에 동의한다. 폭발일 수 있다고 보며 두 번째 출처를 기다린다.",
        ),
        "파형에서 판독한 내용을 공개할 것인가?",
        "아직 아무것도 밝히지 않는다\n시각과 규모만 밝힌다\n모두 밝힌다",
        "시각과 규모를 공표하고 두 정부가 협의하고 있음을 밝힌다.",
        "깊이와 종류는 양측 사이에 확정되지 않았다.",
        "대변인실",
        "양측이 문안에 서명하였다.",
    ),
}


class Pictures:
    """Takes pictures where there are scripts: whole pages, and what fits the screen of those that the documents show."""

    def __init__(self, screens: Callable[..., list[Path]], *, takes: bool) -> None:
        self._screens, self._takes = screens, takes

    def take(self, seat: Seat, name: str) -> None:
        if self._takes:
            seat.page.evaluate("() => { document.activeElement?.blur(); scrollTo(0, 0); }")
            self._screens(seat.page, f"{name}-whole", whole=True)
            if name in ("duty", "consultation", "as-of"):
                self._screens(seat.page, name)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_two_officers_consult_while_the_link_is_cut_and_end_with_one_record(
    new_alliance: Alliance, seated: Seated, screens, tmp_path, witness, language: Language, scripts: bool
):
    witness.expect("status of 400")  # of the form with an error
    alliance, said, pictures = new_alliance, SAID[language], Pictures(screens, takes=scripts)
    seoul, washington = (seated(alliance, ally, language, scripts=scripts) for ally in ("KOR", "USA"))
    pictures.take(washington, "duty-empty")

    path = opened(seoul, said, tmp_path)
    if scripts:  # by itself, on a screen that nobody touched
        washington.sees("#needs ~ ul .row", text=said.subject, within_ms=LIVE_MS_MAX)
        expect(washington.page).to_have_title(re.compile(r"^\(1\) "))
    washington.sees("#needs ~ ul .row", text=said.subject).click()
    washington.acts("acknowledge")
    expect(washington.page.get_by_role("heading", level=1)).to_have_text(said.subject)
    seoul.sees(".stance-acknowledged")

    alliance.cut()
    for seat, position in zip((seoul, washington), said.positions, strict=True):
        seat.acts("state-position", text=position)
        expect(seat.page.locator(".stance-position-stated")).to_have_count(1)  # the other's has not come
    seoul.goes("/link")
    seoul.sees(".mark.bad")
    pictures.take(seoul, "link")
    alliance.heal()
    washington.goes("/")
    washington.sees("#needs ~ ul .row", text=said.subject)
    pictures.take(washington, "duty")
    for seat in (seoul, washington):
        seat.goes(path)
        seat.sees(".column:not(.ours) .stance-position-stated")
        seat.sees("#timeline ~ ol .mark.crossed")

    seoul.acts("propose-words", **WORDS)
    washington.goes(path)
    washington.sees("#words ~ .proposal").scroll_into_view_if_needed()
    for seat in (seoul, washington):
        seat.acts("sign-words")
    for seat in (seoul, washington):
        seat.sees(".proposal.agreed")
        seat.sees(".proposal:not(:has(.notice))")  # each has confirmed that it holds the other's signature
    seoul.goes("/")
    pictures.take(seoul, "duty-agreed")
    washington.goes(path)
    pictures.take(washington, "consultation")

    decides(seoul, said)
    washington.sees("#decisions ~ .decision", text=said.outcome)
    for seat in (seoul, washington):
        seat.acts("end", reason=said.end)
    for seat in (seoul, washington):
        seat.sees(".column.ours .stance-ended")
        seat.sees(".column:not(.ours) .stance-ended")
    pictures.take(seoul, "consultation-ended")
    same_phrase(alliance, seoul, washington)
    if scripts:
        the_rest(alliance, seoul, pictures, language)


def opened(seat: Seat, said: Said, tmp_path: Path) -> str:
    """Open the consultation with all that a form takes; return its path."""
    paper = tmp_path / "waveform.txt"
    paper.write_text("00:30:01 P 0.93\n" * 40, encoding="utf-8")
    seat.follows("a[href='/consultations/new']")
    seat.sends(
        subject=said.subject,
        form="towards-consensus",
        due="+2h",
        citing=said.citing,
        papers=str(paper),
        precedence="immediate",
    )
    expect(seat.page.locator(".papers a").first).to_have_text("waveform.txt")
    expect(seat.page.locator(".head b[data-due]")).to_be_visible()
    return seat.page.url.removeprefix(seat.address)


def decides(seat: Seat, said: Said) -> None:
    seat.goes(seat.page.url.removeprefix(seat.address))
    seat.goes("/consultations?show_all=true")
    seat.follows("a.row")
    seat.acts(
        "record-decision",
        question=said.question,
        options=said.options,
        outcome=said.outcome,
        reason=said.reason,
        owner=said.owner,
        deadline="+1d",
    )


def same_phrase(alliance: Alliance, *seats: Seat) -> None:
    """Both officers can read the same digits to each other, once the last receipts have gone over."""

    def phrases() -> list[str]:
        for seat in seats:
            seat.goes(f"/rooms/{alliance.room}")
        return [seat.page.locator(".phrase").inner_text() for seat in seats]

    alliance.stage.wait("both read the same phrase", lambda: len(set(phrases())) == 1)


def the_rest(alliance: Alliance, seat: Seat, pictures: Pictures, language: Language) -> None:
    """Pictures of the pages that the story does not need."""
    seat.goes(f"/rooms/{alliance.room}?verify=true")
    pictures.take(seat, "record")
    for path, name in (
        ("/rooms", "rooms"),
        (f"/rooms/{alliance.room}/as-of", "as-of"),
        ("/export", "export"),
        ("/consultations?show_all=true", "consultations"),
        ("/keys", "keys"),
        ("/consultations/new", "form"),
    ):
        seat.goes(path)
        pictures.take(seat, name)
    seat.sends(subject=SAID[language].subject, due="2016-13-09")
    expect(seat.page.locator("#errors")).to_be_focused()
    pictures.take(seat, "form-errors")
