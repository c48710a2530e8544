"""docs/threats.md names a test for every claim, and each of them exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
THREATS = (ROOT / "docs" / "threats.md").read_text(encoding="utf-8")
NAMED = re.compile(r"(test_\w+\.py)::(test_\w+)")


def names_in(file: str) -> set[str]:
    """The names of all tests in the files of that name."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "tests").rglob(file)]
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_test_that_the_document_names_exists():
    named = NAMED.findall(THREATS)
    assert len(named) > 80
    assert [f"{file}::{test}" for file, test in named if test not in names_in(file)] == []


def test_every_row_of_a_table_names_a_test_or_says_that_it_can_be_done():
    rows = [line for line in THREATS.splitlines() if line.startswith("| ") and not re.match(r"\| (it|what) .*\| test \|", line)]
    assert len(rows) > 70
    assert [row for row in rows if not NAMED.search(row) and "*can*" not in row] == []


def test_every_test_of_an_administrator_is_in_the_document():
    assert {test for test in names_in("test_own_administrator.py") if test.startswith("test_")} <= {
        test for _, test in NAMED.findall(THREATS)
    }


def test_what_is_not_protected_against_is_said():
    rest = THREATS.split("## What katchi does not protect against")[1]
    for admitted in (
        "compromised endpoint",
        "Traffic",
        "not encrypted",
        "quantum",
        "TLS 1.3",
        "sealing",
        "not compared",
        "collude",
    ):
        assert admitted in rest
