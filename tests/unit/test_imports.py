"""Arrows point inward: which package may import which (DESIGN section 3), read from the sources alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "katchi"
WORDS = {"errors", "vocabulary"}

# package: the other packages of katchi that it may import
PURE = {
    "errors": set(),
    "vocabulary": set(),
    "record": WORDS,
    "consult": WORDS | {"record"},
    "link": WORDS | {"record"},
    "node": WORDS | {"record", "consult", "link"},
    "network": WORDS,
    "exercise": WORDS | {"network"},
    "rehearse": WORDS | {"record", "consult", "link", "node", "network", "exercise"},
    "simulate": WORDS | {"network", "exercise"},
}
STUDY = {"rehearse", "network", "exercise", "simulate"}
INSIDE = set(PURE) - STUDY
SHELL = {
    "language": set(),
    "bearer": WORDS | {"record"},
    "store": WORDS | {"record", "consult", "node"},
    "serve": INSIDE | {"store", "bearer"},
    "offline": WORDS | {"language", "record"},
    "formats": WORDS | {"network", "exercise", "simulate"},
    "charts": WORDS | {"language", "network", "exercise", "simulate"},
    "web": INSIDE | {"language", "serve", "charts"},  # of charts the values alone: PAGES_TAKE
    "cli": INSIDE | STUDY | {"language", "store", "serve", "offline", "web", "demo", "formats", "charts"},
    "demo": INSIDE | {"language", "store", "serve", "cli"},
    "testing": INSIDE | {"network", "rehearse", "store", "bearer", "serve"},
}
PAGES_TAKE = {"katchi.charts.telling"}  # what is told, as values; what computes and draws runs outside the node
MAY_USE_TESTING = {"cli/faults.py", "demo/stage.py"}

# What pure code may take from outside: values, algorithms, no clock, chance, disk or network.
OUTSIDE = {
    "__future__", "array", "bisect", "cbor2", "collections", "dataclasses", "enum", "functools", "hashlib", "heapq", "itertools",
    "math", "msgspec", "operator", "re", "string", "typing", "unicodedata",
}  # fmt: skip
OUTSIDE_OF = {
    "errors": OUTSIDE | {"errno"},  # the numbers by which a system names its reasons
    "record": OUTSIDE | {"cryptography", "nacl"},  # verifies signatures; the signer is a port
    "rehearse": OUTSIDE | {"random"},  # `Random(seed)` only, below
    "network": OUTSIDE | {"numpy"},
    "simulate": OUTSIDE | {"concurrent", "fractions", "numpy", "scipy"},  # threads change no answer: test_runs.py
}
OUTSIDE_IN = {  # imported only where it is used
    "network/kernel.py": {"numba"},
    "simulate/table.py": {"io", "pyarrow"},  # a file in memory
}
DOES_IO = {"open", "print", "input", "exec", "eval", "__import__"}


class Import(NamedTuple):
    """One import, and where it stands."""

    file: str
    line: int
    package: str
    target: str  # such as katchi.record or os.path

    @property
    def inside(self) -> str | None:
        """The package of katchi that is imported, None for one from outside."""
        parts = self.target.split(".")
        return parts[1] if parts[0] == "katchi" and len(parts) > 1 else None


def imports_of(tree: ast.Module, file: str) -> Iterator[Import]:
    first, _, rest = file.partition("/")
    package = first if rest else first.removesuffix(".py")
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                targets = [alias.name for alias in names]
            case ast.ImportFrom(module="katchi", names=names):
                targets = [f"katchi.{alias.name}" for alias in names if alias.name != "__version__"]
            case ast.ImportFrom(module=str(module), level=0):
                targets = [module]
            case ast.ImportFrom():
                targets = ["(relative)"]
            case _:
                continue
        yield from (Import(file, node.lineno, package, target) for target in targets)


def outward(found: Import) -> str | None:
    """Return what is wrong with an import, None if nothing is."""
    place = f"{found.file}:{found.line}: {found.package} imports {found.target}"
    inside = found.inside
    if inside == found.package:
        return None
    if inside == "testing":
        return None if found.file in MAY_USE_TESTING else place
    if inside is not None:
        return None if inside in {**PURE, **SHELL}.get(found.package, set()) else place
    allowed = OUTSIDE_OF.get(found.package, OUTSIDE) | OUTSIDE_IN.get(found.file, set())
    if found.package in PURE and found.target.split(".")[0] not in allowed:
        return place
    return None


SOURCES = {path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in SOURCE.rglob("*.py")}


def test_every_import_points_inward():
    assert [fault for file, tree in SOURCES.items() for found in imports_of(tree, file) if (fault := outward(found))] == []


def test_every_package_has_its_place_in_the_table():
    packages = {file.split("/")[0].removesuffix(".py") for file in SOURCES} - {"__init__"}
    assert packages <= set(PURE) | set(SHELL)


def test_pages_take_of_charts_what_is_told_and_nothing_that_draws():
    found = [one for file, tree in SOURCES.items() if file.startswith("web/") for one in imports_of(tree, file)]
    assert {one.target for one in found if one.inside == "charts"} == PAGES_TAKE
    inside = {one.inside for one in imports_of(SOURCES["charts/telling.py"], "charts/telling.py")}
    assert inside <= {None, "language"}


def test_pure_code_opens_no_file_and_prints_nothing():
    pure = ((file, tree) for file, tree in SOURCES.items() if file.split("/")[0] in PURE)
    calls = [
        f"{file}:{node.lineno}: {node.func.id}"
        for file, tree in pure
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in DOES_IO
    ]
    assert calls == []


def test_a_rehearsal_draws_from_its_seed_alone():
    drawn = {
        node.attr
        for file, tree in SOURCES.items()
        if file.startswith("rehearse/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "random"
    }
    assert drawn <= {"Random"}


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("record/entry.py", "from katchi.consult import stances"),
        ("consult/rules.py", "from katchi.node.state import State"),
        ("consult/rules.py", "import katchi.link.frames"),
        ("node/machine.py", "from katchi.store.sqlite import SqliteStore"),
        ("node/machine.py", "import time"),
        ("link/peer.py", "from random import Random"),
        ("record/chain.py", "from pathlib import Path"),
        ("store/sqlite.py", "from katchi import serve"),
        ("serve/driver.py", "from katchi.testing import disk"),
        ("record/chain.py", "from . import entry"),
        ("network/model.py", "import numba"),
        ("network/kernel.py", "from katchi.simulate import exact"),
    ],
)
def test_an_outward_import_is_named(file, line):
    (found,) = imports_of(ast.parse(line), file)
    assert outward(found).startswith(f"{file}:1: ")
