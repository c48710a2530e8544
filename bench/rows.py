"""One figure and what it stands beside; the table, and build/bench.json."""

from __future__ import annotations

from pathlib import Path

import msgspec

OUT = Path("build/bench.json")


class Row(msgspec.Struct, kw_only=True):
    """A figure. `ratio` is value / beside_value; null where nothing stands beside it."""

    name: str
    value: float
    unit: str
    beside: str | None = None
    beside_value: float | None = None
    ratio: float | None = None


def row(name: str, value: float, unit: str, beside: str | None = None, beside_value: float | None = None) -> Row:
    """Return a row, its ratio computed."""
    value = float(value)  # NumPy's are no JSON
    ratio = round(value / beside_value, 3) if beside_value else None
    rounded = round(beside_value, 3) if beside_value is not None else None
    return Row(name=name, value=round(value, 3), unit=unit, beside=beside, beside_value=rounded, ratio=ratio)


def write(rows: list[Row]) -> None:
    """Print the table and write build/bench.json; rows of other runs stay, those of the same name are replaced."""
    OUT.parent.mkdir(exist_ok=True)
    held = msgspec.json.decode(OUT.read_bytes(), type=list[Row]) if OUT.exists() else []
    names = {one.name for one in rows}
    kept = [one for one in held if one.name not in names] + rows
    OUT.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n")
    for one in rows:
        beside = one.beside or ""
        if one.beside_value is not None:
            beside += f": {one.beside_value:,.1f}   ratio {one.ratio}"
        print(f"{one.name:78} {one.value:12,.1f} {one.unit:10} {beside}")
