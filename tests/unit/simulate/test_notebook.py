"""The example notebook runs as it stands, cell by cell."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
NOTEBOOK = ROOT / "docs" / "notebooks" / "six-hours.ipynb"


def test_every_cell_of_the_notebook_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    names: dict[str, object] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    said = capsys.readouterr().out
    assert "exact 0.8322264980" in said
    assert "p = 0.65: q* = 0.7692, attained 0.8322" in said
    assert all(not cell.get("outputs") for cell in cells), "clear the outputs: they would rot"
