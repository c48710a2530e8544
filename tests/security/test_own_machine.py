"""What lies on the node's own disk and on loopback: who may read it, and what is not taken for what it is not."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading

import apsw
import msgspec
import pytest
from attacker import sent

from katchi.cli import speech
from katchi.cli.record import audit, export, verify
from katchi.consult import rules
from katchi.errors import KatchiError, LinkFailed, Malformed, NotFound, NotTrusted, RecordBroken, Refused
from katchi.link import frames as f
from katchi.record.bundle import MAGIC
from katchi.serve.control import NONCE_SIZE, Address, ControlClient, Request
from katchi.serve.directory import NodeDirectory
from katchi.serve.office import Office
from katchi.testing.builders import an_entry

SECRETS = ("keys.pem", "tls-key.pem")


@pytest.fixture
def node(tmp_path):
    return NodeDirectory.create(tmp_path / "kor", ally="KOR", mode="exercise")


def write(node, text="a consultation"):
    with Office(node.path) as office:
        return office.submit(rules.Open(subject=text))[0]


# Files.


def test_files_that_hold_secrets_are_for_their_owner_alone(node):
    assert node.path.stat().st_mode & 0o777 == 0o700
    for name in (*SECRETS, "record.sqlite", "lock"):
        assert (node.path / name).stat().st_mode & 0o077 == 0, name


def test_a_keys_file_that_others_may_read(node):
    for mode in (0o640, 0o604, 0o660):
        (node.path / "keys.pem").chmod(mode)
        with pytest.raises(Refused, match="can be read or written by others"):
            write(node)
        with pytest.raises(Refused, match="can be read or written by others"):
            export(node.path, out=node.path / "out.katchi")
    (node.path / "keys.pem").chmod(0o600)
    assert write(node).digest


def test_a_key_is_in_no_error_log_or_output(node, tmp_path):
    """Every command, right and wrong, with whole and broken key files: no line of a key is ever printed."""
    pems = [line for name in SECRETS for line in (node.path / name).read_bytes().splitlines() if b"-----" not in line]
    out = str(tmp_path / "out")
    commands = [
        ["node", "show", "DIR"],
        ["node", "invite", "DIR", "--out", out],
        ["node", "init", "DIR", "--ally", "KOR"],
        ["node", "pair", "DIR", "KEYS"],
        ["record", "audit", "KEYS"],
        ["record", "verify", "KEYS", "--trust", "00"],
        ["record", "export", "DIR", "--out", out],
        ["room", "list", "--node", "DIR", "--json"],
        ["consultation", "open", "--subject", "x", "--node", "DIR"],
    ]
    broken = tmp_path / "broken"
    shutil.copytree(node.path, broken)
    for name in SECRETS:
        (broken / name).write_bytes((broken / name).read_bytes()[:200])
    commands += [[word.replace("DIR", str(broken)) for word in commands[number]] for number in (1, 6, 8)]
    said = b""
    for command in commands:
        words = [word.replace("DIR", str(node.path)).replace("KEYS", str(node.path / "keys.pem")) for word in command]
        done = subprocess.run(
            [sys.executable, "-m", "katchi.cli", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        said += done.stdout
    assert b"keys.pem" in said and len(said) > 1000
    for line in pems:
        for piece in (line[i : i + 16] for i in range(0, max(len(line) - 16, 1), 8)):
            assert piece not in said
    assert pems and b"Traceback" not in said


# The command line's door.


@pytest.fixture
def served(node):
    process = subprocess.Popen(
        [sys.executable, "-m", "katchi.cli", "node", "serve", str(node.path), "--link-port", "0", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout.readline()
    while not node.control_path.exists():
        process.stdout.readline()
    yield node
    process.terminate()
    process.wait(10)
    process.stdout.close()


def test_control_token_wrong(served):
    address = msgspec.json.decode(served.control_path.read_bytes(), type=Address)
    forged = msgspec.structs.replace(address, token="0" * 64)
    with pytest.raises(OSError, match="is not the node"):
        ControlClient(forged)
    for token in ("0" * 64, "", address.token[:-1]):
        with socket.create_connection(("127.0.0.1", address.port), timeout=10) as plain:
            plain.sendall(bytes(NONCE_SIZE))
            file = plain.makefile("rb")
            file.read(32)
            data = msgspec.msgpack.encode(Request(token, command=rules.Open(subject="by a stranger")))
            plain.sendall(len(data).to_bytes(4, "big") + data)
            answer = msgspec.msgpack.decode(file.read(int.from_bytes(file.read(4), "big")))
            file.close()
        assert answer["failure"]["error"] == "NotTrusted" and answer["written"] is None
        assert address.token not in str(answer)
    with Office(served.path) as office:
        assert office.ask("consultations") == []


def test_control_file_mode_0600(served):
    assert served.control_path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("rubbish", [b"\xff" * 64, b"\x91" * 200_000, (2**32 - 1).to_bytes(4, "big"), b""])
def test_rubbish_on_the_control_port_ends_nothing(served, rubbish):
    address = msgspec.json.decode(served.control_path.read_bytes(), type=Address)
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", address.port), timeout=10) as plain:
            plain.sendall(bytes(NONCE_SIZE) + len(rubbish).to_bytes(4, "big") + rubbish)
    with Office(served.path) as office:
        for question in ({"question": "held"}, {"question": "held", "as_of": []}, {"question": "resolve", "id": {}}):
            with pytest.raises(KatchiError):
                office.ask(**question)
        assert office.submit(rules.Open(subject="still here"))[0].digest


def test_a_stranger_on_the_port_of_a_dead_node_cannot_answer_for_it(node):
    """Found: it could have told an officer "kept". It is not asked, and hears no token that is of use."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer():
            peer, _ = listening.accept()
            with peer:
                heard.append(peer.recv(4096))
                peer.sendall(bytes(32))
                heard.append(peer.recv(4096))

        thread = threading.Thread(target=answer)
        thread.start()
        token = "ab" * 32
        node.control_path.write_bytes(msgspec.json.encode(Address(listening.getsockname()[1], token, os.getpid())))
        with Office(node.path) as office:
            assert not office.is_running
            assert office.submit(rules.Open(subject="alone"))[0].place == "KOR 0/1"
        thread.join(10)
    assert token.encode() not in b"".join(heard) and len(heard[0]) == NONCE_SIZE and heard[1] == b""


# Live and exercise, and two allies, never share a directory.


@pytest.mark.parametrize(
    ("ally", "mode"), [("KOR", "live"), ("USA", "exercise"), ("KOR", "exercise")], ids=["mode", "ally", "twin"]
)
def test_a_store_swapped_in_from_another_node(node, tmp_path, ally, mode):
    other = NodeDirectory.create(tmp_path / "other", ally=ally, mode=mode)
    shutil.copy(other.store_path, node.store_path)
    with pytest.raises(Refused, match="the store in"):
        write(node)
    with node.locked(), pytest.raises(Refused, match="the store in"):
        node.machine()
    if (ally, mode) != ("KOR", "exercise"):  # a twin's store can still be looked at
        with Office(node.path) as office, pytest.raises(Refused, match="the store in"):
            office.ask("rooms")
        with pytest.raises(Refused, match="the store in"):
            audit(node.path)


@pytest.mark.parametrize("name", ["keys.pem", "identity.cbor"])
@pytest.mark.parametrize(
    ("ally", "mode"), [("KOR", "live"), ("USA", "exercise"), ("KOR", "exercise")], ids=["mode", "ally", "twin"]
)
def test_keys_or_identity_swapped_in_from_another_node(node, tmp_path, name, ally, mode):
    other = NodeDirectory.create(tmp_path / "other", ally=ally, mode=mode)
    shutil.copy(other.path / name, node.path / name)
    with pytest.raises(Refused):
        write(node)
    with pytest.raises(Refused):
        export(node.path, out=tmp_path / "out.katchi")
    assert not (tmp_path / "out.katchi").exists()


@pytest.mark.parametrize(("before", "after"), [('mode = "exercise"', 'mode = "live"'), ('ally = "KOR"', 'ally = "USA"')])
def test_settings_edited_to_the_other_mode_or_ally(node, before, after):
    path = node.path / "settings.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
    with pytest.raises(Refused, match=r"settings\.toml says") as refused:
        write(node)
    assert "for life" in refused.value.hint
    with Office(node.path) as office, pytest.raises(Refused, match=r"settings\.toml says"):
        office.ask("rooms")


def test_a_command_that_was_refused_leaves_the_directory_free(node):
    path = node.path / "settings.toml"
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole.replace("exercise", "live", 1), encoding="utf-8")
    office = Office(node.path)
    with pytest.raises(Refused):
        office.submit(rules.Open(subject="x"))
    path.write_text(whole, encoding="utf-8")
    assert write(node).digest  # although that office was never closed


# Damage.


def damaged(data, kind):
    return {
        "empty": b"",
        "magic-alone": data[:16],
        "half": data[: len(data) // 2],
        "a-page-short": data[:-8192],
        "a-byte-short": data[:-1],
        "garbage": bytes(range(256)) * 64,
        "zeros": bytes(len(data)),
        "garbage-inside": data[:8192] + b"\xa5" * 8192 + data[16384:],
    }[kind]


@pytest.mark.parametrize(
    "kind", ["empty", "magic-alone", "half", "a-page-short", "a-byte-short", "garbage", "zeros", "garbage-inside"]
)
def test_an_audit_of_a_damaged_store_never_says_that_all_is_well(node, kind):
    for number in range(5):
        write(node, f"consultation {number}")
    with Office(node.path) as office:
        office.submit(rules.Open(subject="last"))
    assert audit(node.path) == 0
    node.store_path.write_bytes(damaged(node.store_path.read_bytes(), kind))
    status = None
    try:
        status = audit(node.path)
    except KatchiError as error:
        assert error.hint
        status = error.exit_status
    assert status


def test_an_audit_of_a_store_whose_last_entries_were_deleted(node):
    for number in range(3):
        write(node, f"consultation {number}")
    connection = apsw.Connection(str(node.store_path))
    connection.execute("DELETE FROM entry WHERE no = (SELECT max(no) FROM entry)")
    connection.close()
    assert audit(node.path) == RecordBroken.exit_status


def test_an_export_truncated_or_lengthened_anywhere(node, tmp_path, capsys):
    write(node)
    out, fingerprint = tmp_path / "out.katchi", node.own().fingerprint.hex()
    export(node.path, out=out)
    whole = out.read_bytes()
    assert whole.startswith(MAGIC) and verify(out, trust=[fingerprint]) == 0
    for keep in [*range(0, 64), *range(64, len(whole), 97), len(whole) - 1]:
        out.write_bytes(whole[:keep])
        with pytest.raises(RecordBroken):
            verify(out, trust=[fingerprint])
    for more in (b"\x00", whole, MAGIC):
        out.write_bytes(whole + more)
        with pytest.raises(RecordBroken):
            verify(out, trust=[fingerprint])
    capsys.readouterr()


def test_an_export_by_someone_whose_fingerprint_was_not_given(node, tmp_path):
    export(node.path, out=tmp_path / "out.katchi")
    with pytest.raises(NotTrusted) as refused:
        verify(tmp_path / "out.katchi", trust=["00" * 32])
    assert "never believed because a file holds it" in refused.value.hint
    with pytest.raises(NotFound):
        verify(tmp_path / "absent", trust=["00" * 32])
    with pytest.raises(Malformed):
        verify(tmp_path / "out.katchi", trust=["KOR"])


# The terminal.


def test_an_allys_words_cannot_rewrite_the_terminal(attacked, birch, capsys):
    """Escape codes, carriage returns and direction marks in a subject, a title or a fault are shown as marks."""
    evil = "\x1b[2J\x1b]0;title\x07agreed\r\x9b1A\u202edetsurt\u2066"
    node, room = attacked.node, attacked.room
    body = {"by": None, "subject": evil, "form": "exchange-of-views", "due": None, "citing": None, "papers": []}
    entry = an_entry(room, birch, kind="consultation.opened", body=body)
    node.take("birch", sent(room.id, [entry]))
    assert node.machine.state.consultation(entry.digest).terms.subject == evil  # kept as signed
    speech.say(evil + "\n\tsecond line")
    speech.tell(evil)
    out, err = capsys.readouterr()
    for text in (out, err):
        assert not set(text) & set("\x1b\x07\r\x9b\u202e\u2066") and "agreed" in text
    assert out.endswith("\n\tsecond line\n")


def test_a_link_failure_says_nothing_that_the_ally_did_not_say(attacked):
    with pytest.raises(LinkFailed) as failed:
        attacked.node.take("birch", f.Fault("full", "{ally.__class__} {0} %s"))
    assert "{ally.__class__} {0} %s" in str(failed.value) and attacked.node.ally.fingerprint.hex() not in str(failed.value)
