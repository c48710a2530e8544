"""Papers by form: kept with bounded memory, named by the act, given out whole and as a download only."""

from __future__ import annotations

import hashlib
import os
import re

import pytest
from browsing import Reading, errors_of

from katchi.consult.acts import PAPER_SIZE_MAX

MIB = 1024 * 1024
NEW = "/consultations/new"


def paper_links(browser, path: str) -> list[str]:
    return sorted({link for link in browser.read(path).links if link.startswith("/papers/")})


def test_papers_are_kept_named_and_given_out_as_they_were(desk):
    files = [("파형 분석.pdf", os.urandom(200_001)), ("empty.txt", b""), ("../../etc/passwd", b"\0" * 65536)]
    fields = desk.read(NEW).fields | {"subject": "With papers"}
    path = desk.press("/consultations", fields, files=files).headers["location"]
    given = {}
    for link in paper_links(desk, path):
        answer = desk.get(link)
        name = re.search(r"filename\*=UTF-8''(\S+)", answer.headers["content-disposition"])[1]
        given[name] = answer.content
        assert answer.headers["content-disposition"].startswith("attachment; ")
        assert answer.headers["content-type"].split(";")[0] == "application/octet-stream"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert int(answer.headers["content-length"]) == len(answer.content)
    assert given == {"%ED%8C%8C%ED%98%95%20%EB%B6%84%EC%84%9D.pdf": files[0][1], "empty.txt": b"", "passwd": files[2][1]}


@pytest.mark.parametrize("size", [12 * MIB, PAPER_SIZE_MAX])
def test_a_large_paper_is_taken_whole(desk, alone, size):
    data = os.urandom(MIB) * (size // MIB)
    fields = desk.read(NEW).fields | {"subject": f"{size} bytes"}
    answer = desk.press("/consultations", fields, files=[("large.bin", data)])
    assert answer.status_code == 303, errors_of(answer)
    (link,) = paper_links(desk, answer.headers["location"])
    with desk.client.stream("GET", link) as given:
        digest = hashlib.sha256()
        for part in given.iter_bytes():
            digest.update(part)
    assert digest.digest() == hashlib.sha256(data).digest()


def test_a_paper_over_64_mib_is_refused_beside_its_field_and_the_text_stays(desk):
    fields = desk.read(NEW).fields | {"subject": "Too large"}
    answer = desk.press("/consultations", fields, files=[("large.bin", bytes(65 * MIB))])
    assert answer.status_code == 400
    assert errors_of(answer) == [("papers", f"large.bin has {65 * MIB} bytes, and a paper at most {PAPER_SIZE_MAX}")]
    assert Reading(answer.text).fields["subject"] == "Too large"


def test_where_no_papers_go_a_large_request_is_refused(desk):
    fields = desk.read(NEW).fields
    answer = desk.client.post("/sign-out", data={"csrf": fields["csrf"]}, files={"x": b"0" * MIB})
    assert answer.status_code == 413


def test_a_paper_stays_with_a_form_that_comes_back_and_need_not_be_chosen_again(desk):
    fields = desk.read(NEW).fields | {"subject": "", "due": ""}
    answer = desk.press("/consultations", fields, files=[("once.txt", b"chosen once")])
    assert errors_of(answer)[0][0] == "subject"
    page = Reading(answer.text)
    assert "once.txt" in page.text
    path = desk.press("/consultations", page.fields | {"subject": "Named now"}).headers["location"]
    (link,) = paper_links(desk, path)
    assert desk.get(link).content == b"chosen once"


def test_a_paper_that_was_unticked_is_not_named(desk):
    answer = desk.press("/consultations", desk.read(NEW).fields | {"subject": ""}, files=[("not.txt", b"not this one")])
    fields = {name: text for name, text in Reading(answer.text).fields.items() if not name.startswith("paper-")}
    path = desk.press("/consultations", fields | {"subject": "Without"}).headers["location"]
    assert paper_links(desk, path) == []


@pytest.mark.parametrize("named", ["nonsense", "00" * 32 + " 5 forged.txt", "zz 1 x"])
def test_a_paper_that_is_not_kept_here_cannot_be_named(desk, named):
    answer = desk.press("/consultations", desk.read(NEW).fields | {"subject": "Forged", "paper-0": named})
    assert [field for field, _ in errors_of(answer)] == ["papers"]


def test_a_paper_that_no_entry_names_is_not_given_out(desk, alone):
    answer = desk.press("/consultations", desk.read(NEW).fields | {"subject": ""}, files=[("unnamed.txt", b"unnamed as yet")])
    root = Reading(answer.text).fields["paper-0"].split()[0]
    (room,) = [room["id"] for room in alone.ask("KOR", "rooms")]
    assert desk.get(f"/papers/{room}/{root}").status_code == 404


def test_a_paper_reaches_the_ally_and_is_awaited_until_it_is_whole(pair):
    data = os.urandom(MIB) * 40
    fields = pair.kor.read(NEW).fields | {"subject": "A paper for both"}
    path = pair.kor.press("/consultations", fields, files=[("both.bin", data)]).headers["location"]
    pair.wait("USA", path, lambda view: True)
    (link,) = paper_links(pair.usa, path)
    awaited = pair.usa.get(link)
    assert awaited.status_code == 409
    assert re.search(r"Paper awaited: \d+ of 640 chunks are here", awaited.text)
    pair.stage.wait("the paper is whole", lambda: pair.usa.get(link).status_code == 200)
    assert pair.usa.get(link).content == data
