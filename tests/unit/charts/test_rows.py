"""A process drawn as a network fits a page: what is wide goes on in rows, and every way is found again."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from katchi.charts.layers import Box, placed
from katchi.charts.network import network
from katchi.charts.rows import FOLDS_ABOVE, ROW_MAX, in_rows
from katchi.formats.scenario import read
from katchi.language import Language

SCENARIOS: Final = sorted((Path(__file__).resolve().parents[3] / "scenarios").glob("*.toml"))
NUMBER: Final = re.compile(r'<circle[^>]*/><text[^>]*font-weight="650"[^>]*>(\d+)</text>')
BOX, MARGIN, GAP = 176.0, 12.0, 40.0


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_no_drawing_is_wider_than_a_page_and_each_way_that_leaves_a_row_comes_into_another(file: Path, language: Language):
    figure = network(read(file.read_bytes(), file.name), language)
    assert figure is not None and figure.width <= FOLDS_ABOVE
    numbers = Counter(NUMBER.findall(figure.body))
    assert all(n >= 2 for number, n in numbers.items() if number != "1") and numbers["1"] != 2  # the legend shows a 1
    assert not re.search(r"\.(try|pause)\d", figure.body)


def test_a_chain_of_many_layers_is_folded_into_rows_about_alike():
    names = [f"s{i}" for i in range(14)]
    layout = placed([Box(name, 60.0) for name in names], list(pairwise(names)))
    rows = in_rows(layout, dict.fromkeys(names, 60.0), [GAP] * 14, box=BOX, margin=MARGIN)
    counts = [end - first for first, end in pairwise([*rows.firsts, 14])]
    assert rows.width <= ROW_MAX and len(counts) > 1 and max(counts) - min(counts) <= 1
    places = [rows.at(layout.layer[name], layout.top[name]) for name in names]
    assert len({(place.x, place.y) for place in places}) == 14 and max(place.y for place in places) + 60 <= rows.height


def test_a_process_that_fits_is_drawn_in_one_row():
    layout = placed([Box("a", 60.0), Box("b", 60.0)], [("a", "b")])
    rows = in_rows(layout, {"a": 60.0, "b": 60.0}, [GAP, GAP], box=BOX, margin=MARGIN)
    assert rows.firsts == (0,) and rows.width == 2 * BOX + GAP + 2 * MARGIN
