"""What is written twice is written alike: pages made from code, help in README.md, and commands in all docs."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest
from command_lines import command_lines, fault_of

from katchi.consult.stances import NEXT
from katchi.vocabulary import Kind, Stance, Status

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "tools" / "generate_docs.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["generate_docs"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["docs/glossary.md", "docs/consultation.md", "docs/spec/scenario.schema.json", "README.md"])
def test_a_page_made_from_code_is_as_the_code_is(tool, page):
    assert (ROOT / page).read_text(encoding="utf-8") == tool.pages()[ROOT / page], "run tools/generate_docs.py"


def test_a_help_block_is_replaced_by_what_the_command_prints(tool):
    page = "before\n<!-- katchi link --help -->\n```text\nold\n```\nafter\n```\nkept\n```\n"
    made = tool.with_help(page)
    assert made.startswith("before\n<!-- katchi link --help -->\n```text\nUsage: katchi link COMMAND\n")
    assert made.endswith("\n```\nafter\n```\nkept\n```\n") and "old" not in made


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_that_a_page_shows_exists(page):
    lines = list(command_lines(page.read_text(encoding="utf-8")))
    assert [fault for line in lines if (fault := fault_of(line))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_local_link_of_a_page_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_a_command_that_does_not_exist_is_named_wherever_it_stands():
    text = (
        "Run `katchi node unmake x`.\n```sh\nKATCHI_LANG=ko katchi frobnicate &\n"
        "katchi room list --all && katchi node show x\nkatchi consultation \\\n  open --now\n```\n"
    )
    faults = [fault for line in command_lines(text) if (fault := fault_of(line))]
    assert [fault.split(" in: ")[0] for fault in faults] == [
        "no command 'unmake'",
        "no command 'frobnicate'",
        "no option --all of room list",
        "no option --now of consultation open",
    ]


def test_two_allies_see_the_same_status_whichever_of_two_crossing_acts_arrives_first(tool):
    for start in tool.STARTS:
        talks = tool.Talks(start.history)
        for one in talks.open_to("azure"):
            for other in talks.open_to("birch"):
                assert talks.after_crossing(one, other) in Status  # asserts inside that all orders came to the same


def test_signatures_that_cross_agree_and_a_signature_is_not_undone_by_what_crosses_it(tool):
    talks = tool.Talks(tool.STARTS[-1].history)
    assert talks.after_crossing(Kind.WORDS_SIGNED, Kind.WORDS_SIGNED) is Status.AGREED
    for other in (Kind.POSITION_STATED, Kind.WORDS_PROPOSED, Kind.ENDED, Kind.COULD_NOT_CONSULT):
        assert talks.after_crossing(Kind.WORDS_SIGNED, other) is Status.PARTLY_SIGNED


def test_the_stance_diagram_and_its_table_hold_every_pair_of_next_and_no_other(tool):
    page = tool.consultation()
    arrows = re.findall(r"^    (\w+) --> (\w+): (.+)$", page, re.MULTILINE)
    assert len(arrows) == len(NEXT)
    rows = [line for line in page.split("## Joint status")[0].splitlines() if line.startswith("| **")]
    assert len(rows) == len(Stance)
    assert sum(cell.strip() not in ("", "·") for row in rows for cell in row.split("|")[2:]) == len(NEXT)


def test_every_status_is_explained(tool):
    assert set(tool.WHEN) == set(Status)
