"""Scenarios on the pages: listed, shown, added, run beside the node, told in both languages, removed."""

from __future__ import annotations

import re
from html import unescape

import pytest
from browsing import Browser, Reading, browser_at, errors_of
from scenarios import SMALL, UNFIT, add, ran, send, wait

from katchi.demo.stage import Stage
from katchi.web.simulations import WAITING_MAX

SHIPPED = ("ambiguous-seismic-event", "bearer-lost", "hotline-check", "reference", "shift-handover")
ORDER = ("answer", "curve", "held", "hangs", "sources", "network", "manifest")
LONG = {"runs": "1000000"}


@pytest.fixture(scope="module")
def officer(alone: Stage):
    browser = browser_at(alone, "KOR", name="Kim")
    assert add(browser, "short").status_code == 303
    yield browser
    assert send(browser, "/scenarios/short/remove").status_code == 303  # these tests may go on in another turn
    browser.close()


@pytest.fixture(scope="module")
def result(officer: Browser) -> str:
    """The path of one answer that is there."""
    return ran(officer, "short", seed=7)


def parts_of(page: str) -> list[str]:
    return re.findall(r'<section class="panel part" id="([a-z]+)"', page)


def test_the_navigation_leads_to_all_scenarios_that_come_with_katchi(officer: Browser):
    assert "/scenarios" in officer.read("/").links
    page = officer.read("/scenarios")
    assert {f"/scenarios/{name}" for name in SHIPPED} <= set(page.links)
    assert "Six hours: has the alliance consulted?" in page.text and "both governments have consulted · by 6 h" in page.text


def test_the_list_speaks_korean(alone: Stage):
    browser = browser_at(alone, "KOR", language="ko")
    page = browser.read("/scenarios")
    assert "여섯 시간: 동맹은 협의를 마쳤는가?" in page.text and "6시간 이내" in page.text
    browser.close()


def test_a_scenario_is_shown_with_its_network_its_sources_and_what_it_asks(officer: Browser):
    text = officer.get("/scenarios/bearer-lost").text
    assert parts_of(text) == ["questions", "network", "sources", "varied"]
    assert '<svg xmlns="http://www.w3.org/2000/svg"' in text and "? guess" in text and "NOTIONAL" in text
    assert "The main line goes dead" in unescape(text)


def test_an_answer_is_told_in_the_order_in_which_it_is_asked(officer: Browser, result: str):
    text = officer.get(result).text
    assert parts_of(text) == list(ORDER)
    assert "NOTIONAL" in text and "exact" in text and "published: a table" in text and "seed 7" in text
    assert text.count("<svg ") >= 5


def test_no_drawing_has_a_style_a_script_or_an_address(officer: Browser, result: str):
    drawings = "".join(re.findall(r"<svg .*?</svg>", officer.get(result).text, re.S))
    assert drawings
    assert not re.search(r"<(script|style|image|foreignObject|a)\b|\s(style|on[a-z]+)=|href=\"[^#]|url\((?!#)", drawings)


def test_an_answer_is_told_in_korean_too(alone: Stage, result: str):
    browser = browser_at(alone, "KOR", language="ko")
    page = browser.read(result)
    assert "기한 안에 끝날 확률" in page.text and "짧은 교환" in page.text and "회신함" in page.text
    browser.close()


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_report_is_a_file_to_keep_and_no_page_of_this_node(officer: Browser, result: str, language: str):
    answer = officer.get(f"{result}/report/{language}")
    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''short.{language}.html"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert f'<html lang="{language}">' in answer.text and "<script" not in answer.text
    assert officer.get(f"{result}/report/de").status_code == 404


def test_the_list_and_the_scenarios_page_show_the_last_answer(officer: Browser, result: str):
    shown = officer.read(result).text
    probability = re.search(r"by 1 h ([\d.]+%)", shown)
    assert probability
    for path in ("/scenarios", "/scenarios/short"):
        assert probability[1] in officer.read(path).text, path
    assert result in officer.read("/scenarios/short").links


def test_the_same_file_runs_and_seed_are_not_played_twice(officer: Browser, result: str):
    before = officer.read(result).text
    assert send(officer, "/scenarios/short/runs", runs="1,000", seed="7").headers["location"] == result
    assert Reading(officer.get(result).text).text.split("took")[1] == before.split("took")[1]


def test_an_answer_to_an_earlier_file_says_so(officer: Browser, alone: Stage, result: str):
    file = alone.nodes["KOR"] / "scenarios" / "short.toml"
    file.write_text(SMALL.replace("20 min", "25 min"), encoding="utf-8")
    try:
        assert "has changed since" in officer.read(result).text
        assert "of an earlier file" in officer.read("/scenarios/short").text
    finally:
        file.write_text(SMALL, encoding="utf-8")
    assert "has changed since" not in officer.read(result).text


@pytest.mark.parametrize(
    ("field", "typed"), [("runs", "999"), ("runs", "1000001"), ("runs", "many"), ("seed", "-1"), ("seed", "")]
)
def test_a_number_that_cannot_be_played_comes_back_beside_its_field(officer: Browser, field: str, typed: str):
    answer = send(officer, "/scenarios/short/runs", **{"runs": "1000", "seed": "1", field: typed})
    assert answer.status_code == 400
    assert [name for name, _said in errors_of(answer)] == [field]
    assert f'value="{typed}"' in answer.text


def test_a_file_that_does_not_fit_is_named_by_line_rule_and_fix_and_is_not_kept(officer: Browser, alone: Stage):
    for answer in (add(officer, "unfit", UNFIT), add(officer, "", UNFIT, as_file="unfit.toml")):
        assert answer.status_code == 400
        ((field, said),) = errors_of(answer)
        assert (field, said) == ("source", "unfit.toml:4: '5 minutes' is not a time")
        assert "Write a number and one of the units" in unescape(answer.text)
    assert "takes = &#34;5 minutes&#34;" in add(officer, "unfit", UNFIT).text  # what was pasted comes back
    assert not (alone.nodes["KOR"] / "scenarios" / "unfit.toml").exists()


def test_a_file_is_kept_byte_for_byte_under_its_own_name(officer: Browser, alone: Stage):
    assert add(officer, "", SMALL, as_file="from-a-file.toml").headers["location"] == "/scenarios/from-a-file"
    held = alone.nodes["KOR"] / "scenarios"
    assert (held / "from-a-file.toml").read_text(encoding="utf-8") == SMALL
    assert sorted(one.suffix for one in held.iterdir()) == [".toml"] * len(list(held.iterdir()))
    answer = officer.get("/scenarios/from-a-file/file")
    assert answer.text == SMALL and answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize("name", ["short", "SHORT", "reference"])
def test_no_scenario_takes_the_place_of_another(officer: Browser, alone: Stage, name: str):
    answer = add(officer, name, SMALL.replace("1 h", "2 h"))
    assert answer.status_code == 409 and "Nothing was overwritten" in answer.text
    assert (alone.nodes["KOR"] / "scenarios" / "short.toml").read_text(encoding="utf-8") == SMALL


def test_what_was_added_is_removed_once_that_is_confirmed_and_its_answers_with_it(officer: Browser, alone: Stage):
    assert add(officer, "passing").status_code == 303
    path = ran(officer, "passing")
    kept = alone.nodes["KOR"] / "simulations" / path.rsplit("/", 1)[1]
    assert kept.is_dir()
    assert "cannot be undone" in officer.read("/scenarios/passing/remove").text
    assert kept.is_dir()
    assert send(officer, "/scenarios/passing/remove").headers["location"] == "/scenarios"
    assert officer.get("/scenarios/passing").status_code == 404
    assert not kept.exists() and not (alone.nodes["KOR"] / "scenarios" / "passing.toml").exists()


def test_what_comes_with_katchi_is_not_removed(officer: Browser):
    assert send(officer, "/scenarios/reference/remove").status_code == 409
    assert officer.get("/scenarios/reference").status_code == 200


def test_a_file_laid_in_the_folder_by_hand_that_does_not_fit_is_shown_with_its_fault(officer: Browser, alone: Stage):
    file = alone.nodes["KOR"] / "scenarios" / "by-hand.toml"
    file.write_text(UNFIT, encoding="utf-8")
    try:
        assert "by-hand.toml:4: '5 minutes' is not a time" in officer.read("/scenarios").text
        page = officer.get("/scenarios/by-hand")
        assert errors_of(page)[0][1].startswith("by-hand.toml:4") and "[stages.write]" in page.text
    finally:
        file.unlink()


def test_a_run_shows_how_far_it_is_and_can_be_cancelled_and_more_than_a_few_are_not_taken(officer: Browser):
    paths = [
        send(officer, "/scenarios/reference/runs", **LONG, seed=str(seed)).headers["location"] for seed in range(WAITING_MAX + 1)
    ]
    try:
        page = wait(officer, paths[0], 'aria-current="step"')
        assert "<progress" in page and 'http-equiv="refresh"' in page
        assert "1 before it" in officer.read(paths[1]).text
        refused = send(officer, "/scenarios/hotline-check/runs", **LONG, seed="1")
        assert refused.status_code == 409 and "no more are taken" in refused.text
    finally:
        for path in reversed(paths):
            assert send(officer, f"{path}/cancel").headers["location"] == "/scenarios/reference"
    for path in paths:
        page = wait(officer, path, "was cancelled")
        assert 'http-equiv="refresh"' not in page
    assert "1,000,000 runs" not in officer.read("/scenarios/reference").text


def test_an_answer_can_be_deleted(officer: Browser):
    path = ran(officer, "short", seed=8)
    assert send(officer, f"{path}/remove").headers["location"] == "/scenarios/short"
    assert officer.get(path).status_code == 404
