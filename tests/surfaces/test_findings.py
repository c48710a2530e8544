"""What `record audit` and `record verify` tell people: what is broken apart from what proves an ally wrong, in both languages."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from katchi import errors
from katchi.consult import rules
from katchi.record.bundle import CheckpointItem, EntryItem, charter_item, write_bundle
from katchi.serve.directory import NodeDirectory
from katchi.serve.office import Office
from katchi.testing.builders import NOON, a_chain, a_checkpoint, a_room, an_ally

SUITE = "ed25519+mldsa65"


def katchi(*words: object, language: str = "en") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KATCHI_LANG": language, "PYTHONUTF8": "1"}
    return subprocess.run(
        [sys.executable, "-m", "katchi.cli", *map(str, words)], capture_output=True, text=True, env=environment, check=False
    )


@pytest.fixture(scope="module")
def forked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[str]]:
    """An export of a fork, the same with a checkpoint that fits nothing, and how to trust both."""
    folder = tmp_path_factory.mktemp("exports")
    azure, birch = (an_ally(name, suite=SUITE) for name in ("azure", "birch"))
    room = a_room(azure, birch)
    chain = a_chain(room, azure, 3)
    rival = a_chain(room, azure, 1, after=chain[0], body={"by": None, "text": "another history"})
    unlike = a_checkpoint(room, azure, [*chain[:2], *a_chain(room, azure, 1, after=chain[1], body={"by": None, "text": "never"})])
    entries = [EntryItem(header=e.header_bytes, signature=e.signature, salt=e.salt, body=e.body) for e in (*chain, *rival)]
    wrong = CheckpointItem(room=room.id, statement=unlike.statement, signatures=unlike.signatures)
    for name, more in (("proof", []), ("both", [wrong])):
        out = io.BytesIO()
        write_bundle(out, [charter_item(room.signed), *entries, *more], azure.known, azure.signer, at=NOON)
        (folder / name).write_bytes(out.getvalue())
    trust = [word for ally in (azure, birch) for word in ("--trust", ally.fingerprint.hex())]
    return folder / "proof", folder / "both", trust


def test_what_is_sound_and_proves_an_ally_wrong_is_told_apart_from_what_is_broken(forked):
    proof, both, trust = forked
    told = katchi("record", "verify", proof, *trust)
    assert told.returncode == errors.RecordBroken.exit_status
    assert "PROVEN  azure 0/1" in told.stderr and "BROKEN" not in told.stderr
    assert told.stderr.splitlines()[-1] == "What is held here is itself sound. Proven against azure: keep it as evidence."
    said = json.loads(katchi("record", "verify", proof, *trust, "--json").stdout)
    assert (said["sound"], said["intact"], said["proven_against"]) == (False, True, ["azure"])
    told = katchi("record", "verify", both, *trust)
    assert "PROVEN  azure 0/1" in told.stderr and "BROKEN  checkpoint of azure to 3" in told.stderr
    assert "itself sound" not in told.stderr and "Keep this copy as it is" in told.stderr


def test_a_finding_and_its_place_are_told_in_korean(forked):
    _, both, trust = forked
    told = katchi("record", "verify", both, *trust, language="ko")
    assert told.returncode == errors.RecordBroken.exit_status
    assert "훼손  azure 측 기록 사슬의 3까지의 점검 서명  (" in told.stderr and "입증  azure 0/1  (" in told.stderr
    assert "checkpoint of" not in told.stderr


def test_a_changed_row_of_a_store_is_named_in_korean_by_its_place(tmp_path):
    node = tmp_path / "node"
    NodeDirectory.create(node, ally="KOR", mode="exercise")
    with Office(node) as office:
        office.submit(rules.Open(subject="to be covered"))
    connection = apsw.Connection(str(node / "record.sqlite"))
    connection.execute("UPDATE statement SET arrived_at = arrived_at + 1")
    connection.close()
    told = katchi("record", "audit", node, language="ko")
    assert told.returncode == errors.RecordBroken.exit_status
    assert "훼손  KOR 측 기록 사슬의 2까지의 점검 서명  (" in told.stderr
    assert json.loads(katchi("record", "audit", node, "--json").stdout)["intact"] is False
