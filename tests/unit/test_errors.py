"""What people are told is a template and its parameters, so it reads in either language, wherever it was made."""

from __future__ import annotations

import errno
import os
import re

import pytest

from katchi import language
from katchi.errors import OS_REASONS, KatchiError, NotFound, Sentence, StoreFailed, Unverified, os_reason
from katchi.node.notices import refused
from katchi.record.report import Finding
from katchi.record.vouching import Vouched
from katchi.serve.control import error_of, failure_of

KOREAN = language.translator("ko")
HANGUL, LATIN = re.compile("[가-힣]"), re.compile("[a-z]{3,}")


@pytest.mark.parametrize("number", sorted(OS_REASONS), ids=errno.errorcode.get)
def test_what_the_system_refuses_is_said_in_korean_too(number):
    error = OSError(number, os.strerror(number))
    said = NotFound("cannot read {path}: {error}", path="/가", error=os_reason(error)).said(KOREAN)[0]
    assert HANGUL.search(said) and not LATIN.search(said), said
    assert os_reason(error) in OS_REASONS.values()


def test_what_the_system_says_of_an_error_that_we_do_not_know_is_quoted():
    assert os_reason(OSError(errno.EXDEV, "Invalid cross-device link")) == "Invalid cross-device link"
    assert os_reason(TimeoutError()) == "TimeoutError"


def test_why_something_does_not_verify_is_said_in_korean_with_its_values():
    error = Unverified("fork-limit", "{place}: {n} branches of an epoch are kept, not more", place="KOR 0/7", n=5)
    assert str(error) == "does not verify (fork-limit) KOR 0/7: 5 branches of an epoch are kept, not more"
    message, hint = error.said(KOREAN)
    assert "KOR 0/7" in message and "5" in message and not LATIN.search(message)
    assert "fork-limit" in hint  # the token is what the specification lists


def test_an_error_of_the_running_node_is_said_in_the_language_of_the_one_who_asked():
    error = Unverified("not-a-member", "{ally} is no member of the room", ally="{JPN}")
    told = error_of(failure_of(error))
    assert isinstance(told, Unverified)
    assert (str(told), told.said(KOREAN)) == (str(error), error.said(KOREAN))
    assert "{JPN}" in told.said(KOREAN)[0]


def test_a_finding_is_said_in_korean_where_and_what():
    where = Vouched("KOR", 0, 7, b"", b"", "USA").where
    finding = Finding(where, "fork-pair", Sentence("it is there twice"))
    assert finding.where == Vouched("KOR", 1, 7, b"r", b"h", "USA").where == "countersignature of KOR to 7 by USA"
    for text in (finding.where, finding.what):
        assert HANGUL.search(text.said(KOREAN)) and not LATIN.search(text.said(KOREAN))


@pytest.mark.parametrize(
    "error",
    [
        Unverified("signature-invalid", "the Ed25519 signature does not hold"),
        StoreFailed("cannot make {path}: {error}", path="x", error="No space left on device"),
    ],
)
def test_a_notice_of_a_refusal_has_its_words_in_any_language(error: KatchiError):
    notice = refused("USA", None, error)
    assert str(notice.words) in notice.detail
    assert HANGUL.search(notice.words.said(KOREAN))
