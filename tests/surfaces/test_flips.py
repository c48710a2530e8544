"""One flipped bit anywhere is found: in any row of a node's store by the audit, in any byte of an export by verify.

The node is small and real: never paired, its national room alone, with a consultation and a paper.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from katchi.cli.papers import keep_papers, named_papers
from katchi.cli.record import audit, export, verify
from katchi.consult import rules
from katchi.errors import KatchiError, Malformed, RecordBroken
from katchi.node.audit import read
from katchi.record.bundle import MAGIC
from katchi.record.suite import SHIPPED, Ed25519MlDsa65, Verifier
from katchi.record.unbundle import verify_bundle
from katchi.serve.directory import NodeDirectory
from katchi.serve.office import Office
from katchi.store.rows import name_of
from katchi.store.schema import CHUNK, ENTRY, STATEMENT, Table

SMALL = 100  # bytes: every byte of such a column is flipped, in larger ones each 37th
STEP = 37


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> NodeDirectory:
    """The node, not to be changed."""
    directory = tmp_path_factory.mktemp("made")
    node = NodeDirectory.create(directory / "kor", ally="KOR", mode="exercise")
    paper = directory / "paper.txt"
    paper.write_bytes(b"a small paper of two lines\n" * 20)
    with Office(node.path) as office:
        room = bytes.fromhex(office.ask("resolve", of="room", id=None))
        command = rules.Open(subject="one consultation", papers=named_papers(office, room, [paper]))
        keep_papers(office, room, command, [paper])
        opening = office.submit(command)[0].digest or b""
        office.submit(rules.StatePosition(consultation=opening, text="입장"))
    return node


@pytest.fixture
def node(made: NodeDirectory, tmp_path: Path) -> NodeDirectory:
    """A copy of it."""
    shutil.copytree(made.path, tmp_path / "kor")
    return NodeDirectory(tmp_path / "kor")


def audited(node: NodeDirectory, capsys: pytest.CaptureFixture[str]) -> tuple[int, set[str]]:
    """The exit status of an audit, and the places that it names."""
    capsys.readouterr()
    try:
        status = audit(node.path, json=True)
    except KatchiError as error:
        return error.exit_status, {str(error)}
    return status, {finding["where"] for finding in msgspec.json.decode(capsys.readouterr().out)["findings"]}


def flips_of(cell: Any) -> Iterator[Any]:
    """What one flipped bit makes of a cell, byte by byte."""
    if isinstance(cell, int):
        yield from (cell ^ 1 << bit for bit in (0, 9, 33))
    elif cell is not None:
        data = cell.encode() if isinstance(cell, str) else cell
        for at in range(0, len(data), 1 if len(data) <= SMALL else STEP):
            yield data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]


@pytest.mark.parametrize("table", [ENTRY, STATEMENT, CHUNK], ids=lambda table: table.name)
def test_any_byte_flipped_in_any_row_is_found_and_named_by_the_audit(
    node: NodeDirectory, table: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audited(node, capsys) == (0, set())
    connection = apsw.Connection(str(node.store_path))
    rows = list(connection.execute(table.select))
    flipped = 0
    for row in rows:
        for column, cell in zip((*table.columns, "check"), row, strict=True):
            mark = "CAST(? AS TEXT)" if column in table.texts else "?"
            for change in flips_of(cell):
                try:
                    connection.execute(f'UPDATE {table.name} SET "{column}" = {mark} WHERE {table.key} = ?', (change, row[0]))
                except apsw.ConstraintError:  # another row is there: in the file itself the integrity check finds it
                    continue
                status, named = audited(node, capsys)
                key = change if column == table.key else row[0]
                changed = next(connection.execute(f"{table.select_bytes} WHERE {table.key} = ?", (key,)))
                connection.execute(f'UPDATE {table.name} SET "{column}" = ? WHERE {table.key} = ?', (cell, key))
                flipped += 1
                assert status == RecordBroken.exit_status, f"{table.name}.{column} made {change!r}"
                names = {name_of(table, row), name_of(table, tuple(changed))}
                assert named & names or column in ("ally", "by", "room", "root", "idx", "epoch", "length", "header"), (
                    column,
                    named,
                )
                assert named
    connection.close()
    assert flipped > 50
    assert audited(node, capsys) == (0, set())


# The export.


@pytest.fixture
def exported(node: NodeDirectory, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Path, str]:
    """An export of a node that was never paired, and the fingerprint to verify it by."""
    out = tmp_path / "kor.katchi"
    export(node.path, out=out)
    fingerprint = node.own().fingerprint.hex()
    assert verify(out, trust=[fingerprint]) == 0
    capsys.readouterr()
    return out, fingerprint


def is_refused(file: Path, fingerprint: str) -> bool:
    try:
        return verify(file, trust=[fingerprint]) != 0
    except KatchiError as error:
        return error.exit_status != 0


def test_an_export_of_a_node_that_was_never_paired_holds_its_national_room(
    exported: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    out, fingerprint = exported
    assert verify(out, trust=[fingerprint], json=True) == 0
    said = msgspec.json.decode(capsys.readouterr().out)
    (room,) = said["rooms"]
    assert room["title"] == "KOR national" and room["chains"]["KOR"]["said"] == "only KOR's word"
    assert [paper["names"] for paper in room["papers"]] == [["paper.txt"]] and room["papers"][0]["sha256"]


class Remembering:
    """The real suite, which verifies the same signature over the same bytes once: 26,000 files differ in one bit each."""

    token = Ed25519MlDsa65.token

    def __init__(self) -> None:
        self._verifiers: dict[tuple[bytes, ...], _Remembered] = {}

    def load(self, keys: Sequence[bytes]) -> Verifier:
        """See Suite.load."""
        if tuple(keys) not in self._verifiers:
            self._verifiers[tuple(keys)] = _Remembered(SHIPPED[self.token].load(keys))
        return self._verifiers[tuple(keys)]


class _Remembered:
    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self._held: set[tuple[bytes, tuple[bytes, ...] | bytes]] = set()

    def entry(self, message: bytes, signature: bytes) -> None:
        if (message, signature) not in self._held:
            self._verifier.entry(message, signature)
            self._held.add((message, signature))

    def full(self, message: bytes, signatures: Sequence[bytes]) -> None:
        if (message, tuple(signatures)) not in self._held:
            self._verifier.full(message, signatures)
            self._held.add((message, tuple(signatures)))


@pytest.mark.parametrize("part", range(4))
def test_any_bit_flipped_in_an_export_is_refused(exported: tuple[Path, str], part: int) -> None:
    out, fingerprint = exported
    whole, suites = out.read_bytes(), {Remembering.token: Remembering()}
    assert 8_000 < len(whole) < 40_000

    def holds(data: bytes) -> bool:
        try:
            return verify_bundle(io.BytesIO(data), [bytes.fromhex(fingerprint)], suites, read=read).is_sound
        except KatchiError:
            return False

    assert holds(whole)
    for at in range(part, len(whole), 4):
        assert not holds(whole[:at] + bytes([whole[at] ^ 1 << (at // 4) % 8]) + whole[at + 1 :]), f"byte {at} of {len(whole)}"


def test_the_command_refuses_any_flipped_bit_by_its_exit_status(exported: tuple[Path, str], tmp_path: Path) -> None:
    out, fingerprint = exported
    whole = out.read_bytes()
    changed = tmp_path / "changed.katchi"
    for at in range(0, len(whole), 97):
        changed.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        assert is_refused(changed, fingerprint), f"byte {at} of {len(whole)}"


def test_an_export_has_no_slack_bytes(exported: tuple[Path, str], tmp_path: Path) -> None:
    out, fingerprint = exported
    whole = out.read_bytes()
    changed = tmp_path / "changed.katchi"
    for data in (whole + b"\x00", whole + whole, whole[:-1], whole[1:], whole[: len(MAGIC)], b""):
        changed.write_bytes(data)
        with pytest.raises(RecordBroken):
            verify(changed, trust=[fingerprint])
    for at in range(len(MAGIC), len(whole), 211):  # a byte put in, or taken out, within
        for data in (whole[:at] + b"\x00" + whole[at:], whole[:at] + whole[at + 1 :]):
            changed.write_bytes(data)
            assert is_refused(changed, fingerprint)
    with pytest.raises(Malformed):
        verify(out, trust=[fingerprint[:-1]])
