"""An export as a page, opened from a file in a real browser without a network: it verifies itself, or says that it does not hold.

The browser is Debian's Chromium. On a user's machine without it these tests are skipped; in CI they fail.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from katchi.cli import record as cli
from katchi.consult import rules
from katchi.errors import RecordBroken
from katchi.offline.page import bundle_in, record_page
from katchi.record import bundle as b
from katchi.record.charter import SignedCharter, verified_charter
from katchi.record.entry import decode_header
from katchi.record.identity import KnownAlly
from katchi.record.suite import SHIPPED
from katchi.serve.directory import NodeDirectory
from katchi.serve.office import Office
from katchi.testing import programs
from katchi.testing.builders import NOON, Ally, a_chain, a_checkpoint, a_countersignature, a_room, an_ally, an_entry
from katchi.vocabulary import Kind

VECTORS = Path(__file__).resolve().parents[2] / "docs" / "spec" / "vectors"
VENDOR = Path(__file__).resolve().parents[2] / "src" / "katchi" / "offline" / "vendor"
SUITE = "ed25519+mldsa65"
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script> \u202e합의"


def missing(what: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"CI has no {what}")
    pytest.skip(f"{what} is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright")
    path, node = programs.chromium(), programs.node()
    if path is None or node is None:
        missing("chromium" if path is None else "node")
    os.environ["PLAYWRIGHT_NODEJS_PATH"] = str(node)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield opened
        opened.close()


class Shown:
    """A page opened from a file, and everything that it asked for."""

    def __init__(self, browser: Any, path: Path, *, width: int = 1280, scripts: bool = True) -> None:
        context = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=scripts, offline=True)
        self.page, self.asked, self.errors = context.new_page(), [], []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(path.as_uri())
        if scripts:
            self.settle()

    def settle(self) -> None:
        self.page.wait_for_function("!['unchecked', 'checking'].includes(document.body.dataset.state)")

    @property
    def state(self) -> tuple[str, str]:
        return tuple(self.page.evaluate("[document.body.dataset.state, document.body.dataset.mode]"))

    def text(self, selector: str = "main") -> str:
        return self.page.locator(selector).first.inner_text()


@pytest.fixture
def shown(browser: Any, tmp_path: Path) -> Iterator[Any]:
    opened: list[Shown] = []

    def show(data: bytes, **options: Any) -> Shown:
        path = tmp_path / f"record {len(opened)}.html"
        path.write_bytes(data)
        opened.append(Shown(browser, path, **options))
        return opened[-1]

    yield show
    for one in opened:
        assert one.asked == [one.page.url], "it asked for something beside itself"
        assert not one.errors
        one.page.context.close()


def members(mode: str) -> tuple[Ally, Ally]:
    return an_ally("azure", mode, suite=SUITE), an_ally("birch", mode, suite=SUITE)  # type: ignore[arg-type]


def an_export(mode: str = "exercise") -> bytes:
    azure, birch = members(mode)
    room = a_room(azure, birch)
    chain = a_chain(room, azure, 2)
    chain.append(an_entry(room, azure, 2, chain[1].digest, kind=Kind.POSITION_STATED, body={"by": "Kim", "text": HOSTILE}))
    whole = a_checkpoint(room, azure, chain)
    counter = a_countersignature(room, birch, "azure", chain[:2], a_checkpoint(room, azure, chain[:2]))
    out = io.BytesIO()
    items: list[b.Item] = [b.charter_item(room.signed)]
    items += [b.EntryItem(header=e.header_bytes, signature=e.signature, salt=e.salt, body=e.body) for e in chain]
    items.append(b.CheckpointItem(room=room.id, statement=whole.statement, signatures=whole.signatures))
    items.append(b.CountersignatureItem(room=room.id, statement=counter.statement, signatures=counter.signatures))
    b.write_bundle(out, items, azure.known, azure.signer, at=NOON)
    return out.getvalue()


EXPORT = an_export()
PRINTS = {ally.name: ally.fingerprint.hex() for ally in members("exercise")}


# In the browser.


@pytest.mark.parametrize(
    ("language", "said"), [("en", "under keys that nobody has compared"), ("ko", "열쇠는 아무도 대조하지 않았습니다")]
)
def test_it_verifies_itself_offline_and_takes_no_key_on_its_own_word(shown, language, said):
    one = shown(record_page(EXPORT, language=language))
    assert one.state == ("uncompared", "exercise")
    assert said in one.text("h1:visible")
    assert re.findall(r"EXERCISE|훈련|LIVE", one.text(".strip:visible")) == ["EXERCISE", "훈련"]
    assert one.page.locator("li[data-state=holds]").count() == 5
    assert one.page.locator("li[data-state=unchecked]:visible").count() == 1
    assert one.page.locator(".entry").count() == 3


def test_why_a_chain_was_opened_and_at_which_post_is_said_in_words(shown):
    azure, _birch = members("exercise")
    room = a_room(azure, _birch)
    identity = {"statement": azure.identity.statement, "signatures": list(azure.identity.signatures)}
    body = {"by": None, "identity": identity, "reason": "founded", "reads": [1], "branches": [], "old_signatures": None}
    first = an_entry(room, azure, kind=Kind.CHAIN_OPENED, body=body)
    out = io.BytesIO()
    item = b.EntryItem(header=first.header_bytes, signature=first.signature, salt=first.salt, body=first.body)
    b.write_bundle(out, [b.charter_item(room.signed), item], azure.known, azure.signer, at=NOON)
    text = shown(record_page(out.getvalue(), language="ko")).text(".entry")
    assert "기록 사슬 개시 개설" in text and "당직" in text
    assert "founded" not in text and "duty" not in text


def test_it_draws_the_timeline_from_the_verified_bytes_alone(shown):
    one = shown(record_page(EXPORT))
    first, _, last = one.page.locator(".entry").all()
    assert re.sub(r"\s+", " ", first.inner_text()).startswith("2026-01-01 00:00:00Z azure message.sent routine")
    assert "covered (Ed25519)" in first.inner_text() and "confirmed by birch (Ed25519)" in first.inner_text()
    assert "only azure's word" in last.inner_text() and "position stated" in last.inner_text() and "Kim" in last.inner_text()
    assert re.search(r"\d{4} \d{4} \d{4}", one.text(".phrase"))


def test_what_an_ally_wrote_is_text_and_turns_nothing_round(shown):
    one = shown(record_page(EXPORT))
    assert "<img src=x" in one.text(".entry:last-child") and "\ufffd합의" in one.text(".entry:last-child")
    assert one.page.locator("main img, main script").count() == 0
    assert "owned" not in one.page.title()


def test_a_field_that_no_form_knows_does_not_stop_the_page(shown):
    azure, birch = members("exercise")
    room, out = a_room(azure, birch), io.BytesIO()
    e = an_entry(room, azure, kind=Kind.POSITION_STATED, body={"by": None, "text": "one", "form": {"x": {}}, "status": []})
    item = b.EntryItem(header=e.header_bytes, signature=e.signature, salt=e.salt, body=e.body)
    b.write_bundle(out, [b.charter_item(room.signed), item], azure.known, azure.signer, at=NOON)
    one = shown(record_page(out.getvalue()))
    assert one.state[0] == "uncompared" and one.text(".entry .text") == "one"


def test_what_it_takes_from_others_is_the_file_of_their_package_with_its_licence_beside():
    library = VENDOR / "noble-ed25519.mjs"
    page = record_page(EXPORT).decode()
    script = re.search(r'<script type="module">(/\*! noble-ed25519.*?)</script>', page, re.DOTALL)[1]
    assert script.startswith(library.read_text(encoding="utf-8"))
    assert script.removeprefix(library.read_text(encoding="utf-8")).count("\n") == 1
    assert "MIT" in (VENDOR / "LICENSE-noble-ed25519.txt").read_text(encoding="utf-8")


def test_a_library_that_was_changed_does_not_run(shown):
    one = shown(record_page(EXPORT).replace(b"5KB JS implementation", b"6KB JS implementation"))
    assert one.state == ("failed", "unknown")


def test_a_script_that_is_not_the_pages_own_does_not_run(shown):
    added = b"<script>document.title = 'owned'</script></body>"
    one = shown(record_page(EXPORT).replace(b"</body>", added))
    assert one.page.title() != "owned" and one.state[0] == "uncompared"


def test_the_language_can_be_changed_in_the_page(shown):
    one = shown(record_page(EXPORT, language="en"))
    assert "What was checked here" in one.text()
    one.page.locator("label[for=ko]").click()
    assert "이곳에서 확인한 것" in one.text() and "What was checked here" not in one.text()


def test_fingerprints_that_a_reader_gives_are_compared_and_another_one_fails(shown):
    one = shown(record_page(EXPORT))
    for ally, fingerprint in PRINTS.items():
        spaced = " ".join(fingerprint[i : i + 8] for i in range(0, 64, 8)).upper()
        one.page.locator(f"input[name={ally}]").fill(spaced)
    one.page.wait_for_function("document.body.dataset.state === 'holds'")
    assert "under the fingerprints that you gave" in one.text("h1:visible")
    one.page.locator("input[name=birch]").fill("0" * 64)
    one.page.wait_for_function("document.body.dataset.state === 'failed'")
    assert "birch" in one.text("#failure") and "not-trusted" in one.text("#failure")
    assert one.page.locator(".entry").count() == 0


def test_fingerprints_may_be_given_with_the_page(shown):
    assert shown(record_page(EXPORT, trust=PRINTS)).state == ("holds", "exercise")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_one_changed_bit_is_a_clear_failure_with_its_reason_and_place(shown, language):
    data = bytearray(EXPORT)
    data[data.index(b"azure 1")] ^= 1  # in a body
    one = shown(record_page(bytes(data), language=language))
    assert one.state == ("failed", "unknown")
    assert "MODE NOT VERIFIED" in one.text(".strip:visible")
    failure = one.text("#failure")
    assert "file-broken" in failure and "body-digest-mismatch" in failure and "azure 0/1" in failure
    assert ("does not hold" if language == "en" else "맞지 않습니다") in one.text("h1:visible")
    assert one.page.locator(".entry").count() == 0


def test_a_file_that_is_cut_says_where_it_ends(shown):
    one = shown(with_another(EXPORT[:-100]))
    assert one.state == ("failed", "unknown") and re.search(r"item \d+, byte \d+", one.text("#failure"))


def with_another(data: bytes) -> bytes:
    """The page of EXPORT with other bytes in it."""
    return record_page(EXPORT).replace(base64.b64encode(EXPORT), base64.b64encode(data))


def test_without_scripts_it_says_that_nothing_was_checked_and_how_to_check(shown):
    one = shown(record_page(EXPORT), scripts=False)
    assert "Nothing of this file was checked" in one.text("h1:visible")
    assert "katchi record verify" in one.text("pre:visible")
    assert one.page.locator(".entry").count() == 0


def test_a_live_record_is_told_from_an_exercise_by_word_pattern_and_colour(shown):
    one, other = shown(record_page(an_export("live"))), shown(record_page(EXPORT))
    assert one.state == ("uncompared", "live")
    assert re.findall(r"EXERCISE|훈련|LIVE|실제", one.text(".strip:visible")) == ["LIVE", "실제"]
    style = "strip => [getComputedStyle(strip).backgroundColor, getComputedStyle(strip).backgroundImage]"
    looks = [page.page.locator(".strip:visible").evaluate(style) for page in (one, other)]
    assert looks[0][0] != looks[1][0] and looks[0][1] != looks[1][1]


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_a_telephone_and_a_desk(shown, width):
    one = shown(record_page(EXPORT, language="ko"), width=width)
    assert one.page.evaluate("document.documentElement.scrollWidth") <= width


def test_words_agreed_by_signatures_that_it_cannot_check_in_full_are_said_to_be_so(shown):
    given = json.loads((VECTORS / "good-agreed.json").read_text(encoding="utf-8"))["input"]
    charter = json.loads((VECTORS / "good-charter.json").read_text(encoding="utf-8"))["input"]
    azure, _ = members("exercise")
    by_ally = {ally: tuple(map(bytes.fromhex, each)) for ally, each in charter["signatures"].items()}
    items: list[b.Item] = [b.CharterItem(statement=bytes.fromhex(charter["statement"]), signatures=by_ally)]
    for entry in given["entries"]:
        items.append(b.EntryItem(**{name: bytes.fromhex(entry[name]) for name in ("header", "signature", "salt", "body")}))
    room = decode_header(items[1].header).room
    for one in given["checkpoints"]:
        signatures = tuple(map(bytes.fromhex, one["signatures"]))
        items.append(b.CheckpointItem(room=room, statement=bytes.fromhex(one["statement"]), signatures=signatures))
    out = io.BytesIO()
    b.write_bundle(out, items, charter_member(items[0], "azure"), azure.signer, at=NOON)
    one = shown(record_page(out.getvalue()))
    assert one.page.locator(".status:not(:empty)").all_inner_texts() == ["agreed, as far as it can be checked here"]


def charter_member(item: b.CharterItem, ally: str) -> KnownAlly:
    return verified_charter(SignedCharter(item.statement, item.signatures), SHIPPED).members[ally]


# By the command line.


@pytest.fixture
def node(tmp_path: Path) -> NodeDirectory:
    made = NodeDirectory.create(tmp_path / "kor", ally="KOR", mode="exercise")
    with Office(made.path) as office:
        office.submit(rules.Open(subject="one consultation"))
    return made


def test_an_export_named_html_is_the_page_and_verifies_as_the_file_does(node, tmp_path, shown, capsys):
    page, plain = tmp_path / "kor.html", tmp_path / "kor.katchi"
    cli.export(node.path, out=page)
    cli.export(node.path, out=plain)
    assert page.read_bytes().startswith(b"<!doctype html>") and plain.read_bytes().startswith(b.MAGIC)
    for file in (page, plain):
        assert cli.verify(file, trust=[node.own().fingerprint.hex()]) == 0
    one = shown(page.read_bytes())
    assert one.state == ("uncompared", "exercise") and "one consultation" in one.text(".timeline")


def test_a_page_whose_export_was_changed_is_refused_by_the_command_too(node, tmp_path):
    page = tmp_path / "kor.html"
    cli.export(node.path, out=page)
    with bundle_in(page) as file:
        data = bytearray(file.read())
    data[len(data) // 2] ^= 1
    page.write_bytes(page.read_bytes().replace(base64.b64encode(bundle_in(page).read()), base64.b64encode(data)))
    with pytest.raises(RecordBroken):
        cli.verify(page, trust=[node.own().fingerprint.hex()])


def test_a_file_that_is_no_export_makes_no_page():
    with pytest.raises(RecordBroken):
        record_page(b"something else")
