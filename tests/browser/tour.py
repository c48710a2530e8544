"""A walk over every page that a node has, in the states that an officer meets: full, empty, refused, with errors."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from alliance import Alliance, Seat
from playwright.sync_api import expect

from katchi.consult import rules
from katchi.consult.acts import Paper
from katchi.node.commands import KeepChunk
from katchi.record import merkle
from katchi.serve.clock import now_us
from katchi.vocabulary import Precedence
from katchi.web.pages.acts import ACTS

HOUR_US = 3_600_000_000
DATA = frozenset({"USGS ComCat", "Consultative group", "KOR national", "USA national", "EXERCISE"})  # typed in English
DATA |= {"azure", "birch", "kernel", "numba", "numpy", "python", "scipy"}  # of a scenario, and of the manifest of an answer
SUBJECT, POSITION, REASON = "지진 사건에 관한 협의", "우리는 아직 확인하지 못하였다.", "양측이 문안에 서명하였다."
NOT_ASCII = "훈련"  # no marking
WORDS = {"ko": "동맹국들은 협의하였다.", "en": "협의하였다 (en)"}


def consulted(alliance: Alliance) -> str:
    """Leave a consultation that has all that one can have: papers, crossing, words, brackets, decisions; return its id."""
    room, data = bytes.fromhex(alliance.room), b"00:30:01 P 0.93\n" * 40
    paper = Paper("waveform.txt", len(data), merkle.root_of_leaves("sha256", [merkle.leaf("sha256", data)]))
    alliance.stage.submit("KOR", KeepChunk(room=room, root=paper.root, index=0, data=data))
    opened = alliance.opens("KOR", SUBJECT, citing="모든 노력을 다한다", due=now_us() + HOUR_US, papers=(paper,))
    alliance.says("USA", rules.Acknowledge, opened)
    alliance.cut()
    for ally in alliance.stage.allies:
        alliance.says(ally, rules.StatePosition, opened, text=POSITION)
    alliance.heal()
    alliance.stage.wait("the positions have crossed", lambda: alliance.view("USA", opened)["crossed"])
    bracketed = {tongue: f"{text} [아직]" for tongue, text in WORDS.items()}
    for words in (bracketed, WORDS):
        proposal = alliance.says("KOR", rules.ProposeWords, opened, words=words).digest or b""
    for ally in alliance.stage.allies:
        alliance.stage.wait("the words are there", lambda ally=ally: len(alliance.view(ally, opened)["proposals"]) == 2)
        alliance.says(ally, rules.SignWords, opened, proposal=proposal)
    decision = {"question": SUBJECT, "options": ("하나", "둘"), "outcome": "하나", "owner": "대변인실", "reason": REASON}
    alliance.says("USA", rules.RecordDecision, opened, **decision, deadline=now_us() + HOUR_US, follow_up=REASON)
    alliance.stage.wait("all is agreed", lambda: alliance.view("USA", opened)["status"] == "agreed")
    return opened


def tour(alliance: Alliance, seat: Seat, whole: str) -> Iterator[str]:
    """Go from page to page of one node; yield the name of each while it is shown."""
    page, room = seat.page, f"/rooms/{alliance.room}"
    late = {"citing": "모든 노력을 다한다", "due": now_us() + 2_000_000}
    fresh = f"/consultations/{alliance.opens('KOR', SUBJECT, Precedence.FLASH, **late)}"
    alliance.says("KOR", rules.ProposeWords, fresh.removeprefix("/consultations/"), words=WORDS)
    own = alliance.opens(seat.ally, SUBJECT)
    seat.goes("/")
    yield "duty, full"
    answer = yield from _run(seat)
    for name, path in (
        ("keys", "/keys"),
        ("open consultations", "/consultations"),
        ("all consultations", "/consultations?show_all=true"),
        ("consultation, new", fresh),
        ("consultation, read", fresh),
        ("consultation, whole", f"/consultations/{whole}"),
        ("consultation, with receipts", f"/consultations/{whole}?receipts=true"),
        ("consultation, ours", f"/consultations/{own}"),
        ("form of a new consultation", "/consultations/new"),
    ):
        seat.goes(path)
        yield name
    seat.sends(due="없는 시각")
    expect(page.locator("#errors")).to_be_visible()
    yield "form of a new consultation, with errors"
    for act in ACTS:
        seat.goes(f"{fresh}/{act.slug}")
        yield f"form of {act.slug}"
        if not page.locator("#errors").count():
            seat.sends(marking=NOT_ASCII)
            expect(page.locator("#errors")).to_be_visible()
            yield f"form of {act.slug}, with errors"
    seat.goes(f"/consultations/{whole}/acknowledge")
    yield "form of an act that is not open"
    seat.goes(f"{fresh}/acknowledge")
    number = page.locator("[name=number]").input_value()
    seat.sends(marking="EXERCISE")
    expect(page.locator("#timeline")).to_be_visible()
    seat.goes(f"{fresh}/state-position")
    page.locator("[name=number]").evaluate("(field, number) => { field.value = number; }", number)
    seat.sends(text=POSITION, marking="EXERCISE")
    yield "form sent twice, with other words"
    seat.goes(f"{fresh}/state-position")
    number = page.locator("[name=number]").input_value()
    seat.sends(text=POSITION, marking="EXERCISE")
    expect(page.locator("#timeline")).to_be_visible()
    seat.goes(f"{fresh}/state-position")
    page.locator("[name=number]").evaluate("(field, number) => { field.value = number; }", number)
    seat.sends(text=POSITION, marking="EXERCISE")
    yield "form sent twice"
    for name, path in (
        ("rooms", "/rooms"),
        ("record of a room", room),
        ("record of a room, verified", f"{room}?verify=true"),
        ("record of a room, an ally's", f"{room}?ally=KOR&start=0"),
        ("as of a time", f"{room}/as-of"),
        ("as of a time, earlier", f"{room}/as-of?tick=4"),
        ("as of a time, with an error", f"{room}/as-of?at=없는+시각"),
        ("scenarios", "/scenarios"),
        ("scenario", "/scenarios/shift-handover"),
        ("scenario that stays", "/scenarios/shift-handover/remove"),
        ("no such scenario", "/scenarios/none"),
        ("link", "/link"),
        ("export", "/export"),
        ("interface", "/schema"),
        ("no such page", "/nowhere"),
        ("no such consultation", "/consultations/00"),
        ("sign-in link that is no good", "/sign-in/0"),
    ):
        seat.goes(path)
        yield name
    seat.goes("/rooms")
    page.locator("#title").fill(" ")
    page.locator("form[action='/rooms'] button").click()
    yield "rooms, with an error"
    yield from _scenarios(seat, answer)
    seat.goes("/export")
    page.locator("form[action='/audit'] button").click()
    expect(page.locator("#live .mark")).to_be_visible(timeout=20_000)
    yield "export, audited"
    page.locator("form[action='/sign-out'] button").click()
    yield "signed out"


def _run(seat: Seat) -> Generator[str, None, str]:
    """Ask for a run, which goes on while the other pages are looked at; return where its answer will be."""
    page = seat.page
    seat.goes("/scenarios/hotline-check")
    page.locator("#runs").fill("1")
    page.locator("form[action$='/runs'] button").click()
    yield "scenario, with an error"
    page.locator("#runs").fill("1000")
    page.locator("form[action$='/runs'] button").click()
    yield "run under way"
    return page.url.removeprefix(seat.address)


def _scenarios(seat: Seat, answer: str) -> Iterator[str]:
    """Go over the pages of scenarios that show what an officer did."""
    page = seat.page
    seat.goes("/scenarios")
    page.locator("#name").fill("없는 이름")
    page.locator("#source").fill("x")
    page.locator("form[enctype] button").click()
    yield "scenarios, with an error"
    seat.goes(answer)
    expect(page.locator("#answer")).to_be_visible(timeout=180_000)
    yield "answer of a run"
    page.locator("form[action$='/remove'] button").click()
    page.locator("#runs").fill("1000000")
    page.locator("form[action$='/runs'] button").click()
    expect(page.locator("#run")).to_be_visible()
    address = page.url
    page.locator("form[action$='/cancel'] button").click()
    page.goto(address)
    yield "run cancelled"
