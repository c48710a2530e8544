"""The key file: whole or not there, for its owner alone, and good for signing once read again."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from katchi.errors import Malformed, NotFound, Refused
from katchi.record.suite import SHIPPED
from katchi.serve.keys import FileSigner


def test_keys_read_again_sign_what_the_public_keys_verify(tmp_path: Path):
    made = FileSigner.create(tmp_path / "keys.pem")
    read = FileSigner.load(tmp_path / "keys.pem")
    assert read.public_keys == made.public_keys
    verifier = SHIPPED["ed25519+mldsa65"].load(made.public_keys)
    verifier.full(b"message", read.full(b"message"))
    verifier.entry(b"message", read.entry(b"message"))


def test_the_key_file_is_for_its_owner_alone_and_nothing_else_is_left(tmp_path: Path):
    FileSigner.create(tmp_path / "keys.pem")
    assert [path.name for path in tmp_path.iterdir()] == ["keys.pem"]
    assert (tmp_path / "keys.pem").stat().st_mode & 0o777 == 0o600


def test_keys_are_never_overwritten(tmp_path: Path):
    made = FileSigner.create(tmp_path / "keys.pem")
    with pytest.raises(Refused, match="never overwritten"):
        FileSigner.create(tmp_path / "keys.pem")
    assert FileSigner.load(tmp_path / "keys.pem").public_keys == made.public_keys
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_keys_that_others_may_read_or_write_are_refused_and_the_hint_says_what_to_type(tmp_path: Path, mode: int):
    path = tmp_path / "keys.pem"
    FileSigner.create(path)
    path.chmod(mode)
    with pytest.raises(Refused) as refused:
        FileSigner.load(path)
    assert f"chmod 600 {path}" in refused.value.hint


def test_a_missing_key_file_is_not_found(tmp_path: Path):
    with pytest.raises(NotFound, match="no key file"):
        FileSigner.load(tmp_path / "keys.pem")


def test_what_is_not_both_keys_in_order_is_malformed_and_never_quoted(tmp_path: Path):
    path = tmp_path / "keys.pem"
    FileSigner.create(path)
    whole = path.read_bytes()
    only_first = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    second = whole[whole.index(b"-----BEGIN", 10) :]
    for data in (b"", b"secret words", only_first, only_first * 2, second + only_first, whole[: len(whole) // 2]):
        path.write_bytes(data)
        with pytest.raises(Malformed, match="does not hold") as malformed:
            FileSigner.load(path)
        assert "secret words" not in str(malformed.value) + malformed.value.hint
