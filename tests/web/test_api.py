"""The API as a script and a browser meet it: every address, who may call it, and how it says no.

Two real nodes serve, paired over a relay; a script has the node's token, an officer has a cookie.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import httpx
import msgspec
import pytest

from katchi import __version__
from katchi.consult.acts import PAPER_SIZE_MAX
from katchi.demo.stage import Stage
from katchi.record.suite import SHIPPED
from katchi.record.unbundle import verify_bundle
from katchi.web.api import acts
from katchi.web.app import BODY_SIZE_MAX

HANGUL = re.compile("[가-힣]")
PROBLEM = "application/problem+json"
NOBODY = "0" * 64


class Caller(NamedTuple):
    """Someone who calls an ally's API."""

    http: httpx.Client

    def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """Call it; a body is sent as JSON."""
        content = {"json": body} if body is not None else {}
        return self.http.request(method, path, **content, **more)

    def good(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Call it, and return its answer, which is good."""
        answer = self(method, path, body, **more)
        assert answer.is_success, answer.text
        return answer.json()


class Allies(NamedTuple):
    """Two nodes with a shared room."""

    stage: Stage
    fingerprints: dict[str, str]
    room: str
    callers: list[httpx.Client]

    def origin(self, ally: str) -> str:
        """Where its pages are; by number, since not every resolver knows names under localhost."""
        return f"http://127.0.0.1:{urlsplit(self.stage.pages[ally]).port}"

    def client(self, ally: str, **headers: str) -> httpx.Client:
        made = httpx.Client(base_url=self.origin(ally), headers=headers, timeout=30)
        self.callers.append(made)
        return made

    def token(self, ally: str) -> str:
        return str(json.loads((self.stage.nodes[ally] / "control.json").read_text())["token"])

    def script(self, ally: str, **headers: str) -> Caller:
        return Caller(self.client(ally, Authorization=f"Bearer {self.token(ally)}", **headers))

    def officer(self, ally: str, **headers: str) -> Caller:
        """An officer who signed in at the first post as Park, without the token that forms carry."""
        link = self.stage.ask(ally, "sign-in-link", name="Park")["url"]
        client = self.client(ally, **headers)
        assert client.get(urlsplit(link).path).status_code == 303
        return Caller(client)

    def signed_in(self, ally: str) -> Caller:
        """An officer whose requests carry it."""
        officer = self.officer(ally)
        officer.http.headers["X-CSRF-Token"] = officer.good("GET", "/api/node")["session"]["csrf_token"]
        return officer

    def opened(self, subject: str, ally: str = "KOR") -> str:
        """A consultation that both nodes hold; its id."""
        id = self.script(ally).good("POST", "/api/consultations", {"subject": subject})["consultation"]
        self.wait(lambda: all(id in self.ids(one) for one in ("KOR", "USA")))
        return str(id)

    def ids(self, ally: str) -> list[str]:
        return [one["id"] for one in self.script(ally).good("GET", "/api/consultations?limit=1000")["consultations"]]

    def wait(self, condition: Any) -> None:
        self.stage.wait("the allies hold it", condition)


@pytest.fixture(scope="module")
def allies(tmp_path_factory) -> Iterator[Allies]:
    with Stage(tmp_path_factory.mktemp("api"), ("KOR", "USA")) as stage:
        fingerprints = stage.make()
        stage.start()
        found = Allies(stage, fingerprints, "", [])
        room = found.script("KOR").good("POST", "/api/rooms", {"title": "Consultative group"})
        assert room["members"] == ["KOR", "USA"] and room["missing"] == ["USA"]
        for ally in ("KOR", "USA"):  # signed by itself: all its members are paired
            stage.wait("the room is in force", lambda: not _room_of(stage.ask(ally, "rooms"), room["id"]).get("missing", ["?"]))  # noqa: B023
        yield found._replace(room=room["id"])
        for caller in found.callers:
            caller.close()


def _room_of(rooms: list[dict[str, Any]], id: str) -> dict[str, Any]:
    return next((room for room in rooms if room["id"] == id), {})


@pytest.fixture(scope="module")
def script(allies) -> Caller:
    return allies.script("KOR")


@pytest.fixture(scope="module")
def talk(allies) -> str:
    """A consultation that KOR opened."""
    return allies.opened("An invented event")


@pytest.fixture(scope="module")
def schema(allies) -> dict[str, Any]:
    return allies.client("KOR").get("/schema/openapi.json").json()


def problem_of(answer: httpx.Response, status: int, error: str) -> dict[str, Any]:
    """Return the problem that an answer is, having looked that it is a whole one."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    said = answer.json()
    assert (said["status"], said["error"]) == (status, error)
    assert said["type"].startswith("/schema#") and said["title"] and said["detail"] and said["hint"]
    assert "Traceback" not in answer.text and ".py" not in answer.text
    return said


# Every address.

READS = {
    "/api/node": "/api/node",
    "/api/link": "/api/link",
    "/api/duty": "/api/duty?limit=5",
    "/api/rooms": "/api/rooms",
    "/api/rooms/{id}/papers/{root}": "/api/rooms/{room}/papers/{root}?name=notes.txt",
    "/api/rooms/{id}/record": "/api/rooms/{room}/record?ally=USA&start=0&limit=2",
    "/api/rooms/{id}/verified": "/api/rooms/{room}/verified?ally=KOR",
    "/api/rooms/{id}/moments": "/api/rooms/{room}/moments?limit=3",
    "/api/rooms/{id}/as-of": "/api/rooms/{room}/as-of?at=9000000000000000",
    "/api/rooms/{id}/held": "/api/rooms/{room}/held?at=9000000000000000&seen_by=USA",
    "/api/export": "/api/export?room={room}",
    "/api/consultations": "/api/consultations?room={room}&limit=1000&open=true",
    "/api/consultations/{id}": "/api/consultations/{talk}?limit=1",
    "/api/scenarios": "/api/scenarios",
    "/api/scenarios/{name}": "/api/scenarios/hotline-check",
}
IN_ITS_OWN_FILE = {  # test_api_scenarios.py
    *("PUT /api/scenarios/{name}", "DELETE /api/scenarios/{name}", "POST /api/scenarios/{name}/runs"),
    *("GET /api/scenarios/{name}/runs/{run}", "DELETE /api/scenarios/{name}/runs/{run}"),
    "GET /api/scenarios/{name}/runs/{run}/answer",
}
ACTS = {  # in the order in which they are open; `as` says who acts
    "acknowledge": {"as": "USA", "text": "On it."},
    "state-position": {"as": "USA", "text": "We assess an earthquake."},
    "propose-words": {"as": "KOR", "words": {"en": "Both assess an earthquake.", "ko": "양측은 지진으로 평가한다."}},
    "sign-words": {"as": "USA"},
    "record-decision": {
        "as": "USA", "question": "Whether to tell the press", "options": ["now", "later"], "outcome": "later", "owner": "Desk",
        "reason": "Not yet certain", "deadline": 4_000_000_000_000_000, "follow_up": "Look again at noon",
    },
    "read": {"as": "KOR"},
    "end": {"as": "KOR", "reason": "Words proposed."},
    "could-not-consult": {"as": "USA", "effort": "Three calls", "reason": "No answer"},
}  # fmt: skip


def test_every_address_of_the_api_is_called_here(schema):
    acts = {f"POST /api/consultations/{{id}}/{act}" for act in ACTS}
    others = {"POST /api/rooms", "POST /api/rooms/{id}/join", "PUT /api/rooms/{id}/papers", "POST /api/consultations"}
    called = {f"GET {path}" for path in READS} | acts | others | IN_ITS_OWN_FILE
    assert {f"{m.upper()} {path}" for path, ms in schema["paths"].items() if path.startswith("/api") for m in ms} == called


@pytest.mark.parametrize("who", ["script", "officer"])
@pytest.mark.parametrize("path", READS)
def test_what_may_be_read_is_answered_to_the_nodes_owner_and_to_an_officer(allies, talk, who, path):
    caller = getattr(allies, who)("KOR")
    root = _kept(allies, talk)["root"]
    answer = caller("GET", READS[path].format(room=allies.room, talk=talk, root=root))
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store" and answer.headers["x-content-type-options"] == "nosniff"
    assert answer.content if path in ("/api/export", "/api/rooms/{id}/papers/{root}") else answer.json() is not None


def _kept(allies: Allies, talk: str) -> dict[str, Any]:
    """A paper that an entry names."""
    script = allies.script("KOR")
    paper = script.good("PUT", f"/api/rooms/{allies.room}/papers?name=notes.txt", content=b"notes")
    body = {"text": "See the notes.", "papers": [paper]}
    script.good("POST", f"/api/consultations/{talk}/state-position", body)
    return dict(paper)


def test_views_are_those_of_the_command_line(allies, talk, script):
    def asked(question: str, **arguments: Any) -> Any:
        return allies.stage.offices["KOR"].ask(question, **arguments)

    allies.wait(lambda: all(chain["confirmed"].get("USA") for chain in asked("rooms")[0]["chains"] if chain["ally"] == "KOR"))
    at = 9_000_000_000_000_000
    pairs = [
        ("/api/rooms", lambda: asked("rooms")),
        (f"/api/consultations/{talk}", lambda: asked("consultation", id=talk)),
        (f"/api/consultations?room={allies.room}", lambda: asked("consultation_page", room=allies.room)),
        (f"/api/rooms/{allies.room}/record?ally=KOR&start=0", lambda: asked("record", room=allies.room, ally="KOR", start=0)),
        (f"/api/rooms/{allies.room}/held?at={at}", lambda: asked("held", room=allies.room, as_of=at)),
        (f"/api/rooms/{allies.room}/as-of?at={at}", lambda: asked("as_of", room=allies.room, as_of=at)),
    ]
    for path, question in pairs:
        allies.wait(lambda path=path, question=question: script.good("GET", path) == question())  # receipts may come between


def test_every_act_is_kept_and_says_where_all_stand(allies):
    talk = allies.opened("For every act")
    scripts = {"KOR": allies.script("KOR"), "USA": allies.script("USA")}
    for act, fields in ACTS.items():
        body = {name: value for name, value in fields.items() if name != "as"}
        if act == "read":
            _read_all(allies, talk)
            continue
        if act == "could-not-consult":
            talk = allies.opened("Nobody answers", ally="USA")
        told = scripts[fields["as"]].good("POST", f"/api/consultations/{talk[:12]}/{act}", body)
        assert re.fullmatch(fields["as"] + r" 0/\d+", told["kept"]) and told["consultation"] == talk
        assert told.keys() == {"kept", "entry", "consultation", "status", "stances"}
        for ally, caller in scripts.items():
            allies.wait(lambda c=caller, t=talk, e=told["entry"]: any(x["id"] == e for x in _timeline(c, t)))
            view = caller.good("GET", f"/api/consultations/{talk}")
            assert view["stances"] == told["stances"], (act, ally)
        if act == "record-decision":
            entry = next(x for x in _timeline(scripts["KOR"], talk) if x["id"] == told["entry"])
            assert entry["body"] == {"by": None, **{name: fields[name] for name in entry["body"] if name != "by"}}


def _timeline(caller: Caller, talk: str) -> list[dict[str, Any]]:
    return list(caller.good("GET", f"/api/consultations/{talk}")["timeline"])


def _read_all(allies: Allies, talk: str) -> None:
    """What an officer was shown is noted as read; what came since is not."""
    script = allies.script("KOR")
    unread = script.good("GET", f"/api/consultations/{talk}")["unread"]
    theirs = [x["id"] for x in _timeline(script, talk) if x["ally"] == "USA" and not x["kind"].startswith("receipt")]
    assert unread >= 2
    first = script.good("POST", f"/api/consultations/{talk}/read", {"messages": theirs[:1], "by": "Kim"})
    assert first["id"] == talk and first["unread"] in (unread, unread - 1)
    assert script.good("POST", f"/api/consultations/{talk}/read", {"messages": theirs})["unread"] == 0


def test_a_signature_names_its_words_by_the_beginning_of_their_id(allies):
    talk, script = allies.opened("Two proposals"), allies.script("KOR")
    proposals = [
        script.good("POST", f"/api/consultations/{talk}/propose-words", {"words": {"en": text}})["entry"]
        for text in ("one", "two")
    ]
    problem_of(script("POST", f"/api/consultations/{talk}/sign-words", {}), 409, "Refused")
    script.good("POST", f"/api/consultations/{talk}/sign-words", {"proposal": proposals[1][:10]})
    view = script.good("GET", f"/api/consultations/{talk}")
    assert {p["id"]: p["signed_by"] for p in view["proposals"]} == {proposals[0]: [], proposals[1]: ["KOR"]}


def test_a_room_is_founded_with_paired_allies_alone(allies, script):
    problem_of(script("POST", "/api/rooms", {"title": "With a stranger", "allies": ["FRA"]}), 404, "NotFound")
    problem_of(script("POST", "/api/rooms", {"title": "With nobody", "allies": []}), 400, "Malformed")
    problem_of(script("POST", "/api/rooms", {"title": "x", "hash": "md5"}), 400, "Malformed")
    problem_of(script("POST", f"/api/rooms/{NOBODY}/join"), 404, "NotFound")
    assert script.good("POST", f"/api/rooms/{allies.room[:10]}/join")["id"] == allies.room  # signed long ago: nothing more to do
    problem_of(script("POST", "/api/consultations", {"subject": "In which room?", "room": NOBODY}), 404, "NotFound")


def test_a_paper_goes_in_and_comes_out_on_both_sides_as_an_attachment_that_opens_nothing(allies, script):
    data = bytes(range(256)) * 700  # three chunks
    paper = script.good("PUT", f"/api/rooms/{allies.room[:8]}/papers?name={quote('보고서 <1>.html')}", content=data)
    assert (paper["name"], paper["size"]) == ("보고서 <1>.html", len(data))
    path = f"/api/rooms/{allies.room}/papers/{paper['root']}?name={quote(paper['name'])}"
    problem_of(script("GET", path), 404, "NotFound")  # no entry names it yet
    opened = script.good("POST", "/api/consultations", {"subject": "With a paper", "room": allies.room, "papers": [paper]})
    allies.wait(lambda: allies.script("USA")("GET", path).status_code == 200)
    for ally in ("KOR", "USA"):
        answer = allies.script(ally)("GET", path)
        assert answer.content == data and answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{quote(paper['name'], safe='')}"
        assert answer.headers["x-content-type-options"] == "nosniff" and "sandbox" in answer.headers["content-security-policy"]
    (entry, *_) = _timeline(script, opened["consultation"])
    assert entry["body"]["papers"] == [paper]
    problem_of(script("GET", f"/api/rooms/{allies.room}/papers/{NOBODY}"), 404, "NotFound")
    problem_of(script("GET", f"/api/rooms/{allies.room}/papers/xyz"), 404, "NotFound")


def test_a_paper_that_is_not_kept_whole_is_not_named_by_an_act(allies, script):
    paper = {"name": "gone.txt", "size": 5, "root": NOBODY}
    said = problem_of(
        script("POST", "/api/consultations", {"subject": "x", "room": allies.room, "papers": [paper]}), 409, "Refused"
    )
    assert "gone.txt" in said["detail"]


def test_an_export_verifies_by_itself(allies, script):
    answer = script("GET", "/api/export")
    assert answer.headers["content-disposition"] == 'attachment; filename="KOR.katchi"'
    report = verify_bundle(BytesIO(answer.content), {bytes.fromhex(f) for f in allies.fingerprints.values()}, SHIPPED)
    assert allies.room in {room.room.hex() for room in report.rooms} and not any(room.findings for room in report.rooms)


def test_the_list_is_walked_page_by_page(allies, script):
    for n in range(3):
        script.good("POST", "/api/consultations", {"subject": f"Page {n}", "room": allies.room})
    ids, before = [], ""
    while True:
        page = script.good("GET", f"/api/consultations?limit=2{before}")
        ids += [one["id"] for one in page["consultations"]]
        if page["next"] is None:
            break
        before = f"&before={page['next']}"
    assert ids == allies.ids("KOR") and len(set(ids)) == len(ids) >= 3


# Who may call it.


@pytest.mark.parametrize("path", READS)
def test_nobody_reads_without_signing_in(allies, talk, path):
    answer = allies.client("KOR").get(READS[path].format(room=allies.room, talk=talk, root=NOBODY))
    problem_of(answer, 401, "SignedOut")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "given",
    ["Bearer", "Bearer " + NOBODY, "Basic " + NOBODY, "{token}", "Bearer {token}0", "Bearer 토큰", "bearer\t{token} {token}"],
)
def test_a_token_that_is_not_the_nodes_opens_nothing_even_with_a_session(allies, given):
    officer = allies.signed_in("KOR")
    header = given.format(token=allies.token("KOR")).encode()
    problem_of(officer("GET", "/api/node", headers=[(b"Authorization", header)]), 401, "SignedOut")
    before = allies.ids("KOR")
    problem_of(officer("POST", "/api/consultations", {"subject": "x"}, headers=[(b"Authorization", header)]), 401, "SignedOut")
    assert allies.ids("KOR") == before


def test_one_nodes_token_does_not_open_the_others(allies):
    caller = Caller(allies.client("USA", Authorization=f"Bearer {allies.token('KOR')}"))
    problem_of(caller("GET", "/api/node"), 401, "SignedOut")


def test_the_nodes_token_opens_the_api_alone_and_no_page(allies):
    script = allies.script("KOR")
    for method, path in (
        ("GET", "/"),
        ("GET", "/rooms"),
        ("GET", "/link"),
        ("GET", "/export"),
        ("POST", "/rooms"),
        ("POST", "/audit"),
    ):
        answer = script(method, path)
        assert answer.status_code == 401 and answer.headers["content-type"].startswith("text/html"), path


def test_the_token_lies_in_a_file_that_its_owner_alone_can_read(allies):
    assert (allies.stage.nodes["KOR"] / "control.json").stat().st_mode & 0o077 == 0


def test_a_session_changes_nothing_without_its_token_and_acts_as_its_own_post(allies):
    officer = allies.officer("KOR")
    before = allies.ids("KOR")
    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": NOBODY}):
        problem_of(officer("POST", "/api/consultations", {"subject": "x"}, headers=headers), 403, "Forged")
        form = {"content-type": "application/x-www-form-urlencoded"} | headers
        problem_of(officer("POST", "/api/consultations", content=b"csrf=x", headers=form), 403, "Forged")
    assert allies.ids("KOR") == before
    officer.http.headers["X-CSRF-Token"] = officer.good("GET", "/api/node")["session"]["csrf_token"]
    opened = officer.good("POST", "/api/consultations", {"subject": "By Park", "room": allies.room})
    (entry, *_) = _timeline(officer, opened["consultation"])
    assert (entry["post"], entry["body"]["by"]) == ("duty", "Park")


@pytest.mark.parametrize(("field", "value"), [("post", "principal"), ("by", "Somebody else")])
def test_a_session_does_not_act_for_another_post_or_officer(allies, field, value):
    said = problem_of(allies.signed_in("KOR")("POST", "/api/consultations", {"subject": "x", field: value}), 400, "Malformed")
    assert said["field"] == field


def test_the_nodes_owner_says_who_acts(allies, script):
    body = {
        "subject": "By its owner",
        "room": allies.room,
        "post": "deputy",
        "by": "Kim",
        "precedence": "flash",
        "marking": "TEST",
    }
    (entry, *_) = _timeline(script, script.good("POST", "/api/consultations", body)["consultation"])
    assert (entry["post"], entry["body"]["by"], entry["precedence"], entry["marking"]) == ("deputy", "Kim", 3, "TEST")
    problem_of(script("POST", "/api/consultations", {"subject": "x", "room": allies.room, "post": "chef"}), 404, "NotFound")


def test_who_asks_is_told(allies, script):
    told = script.good("GET", "/api/node")
    assert (told["ally"], told["mode"], told["version"], told["session"]) == ("KOR", "exercise", __version__, None)
    assert told["fingerprint"] == allies.fingerprints["KOR"] and told["posts"] == ["duty", "deputy", "principal"]
    session = allies.officer("KOR").good("GET", "/api/node")["session"]
    assert (session["post"], session["name"]) == ("duty", "Park")


def test_another_sites_page_changes_nothing_even_with_the_token(allies):
    before = allies.ids("KOR")
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        for caller in (allies.script("KOR"), allies.signed_in("KOR")):
            problem_of(caller("POST", "/api/consultations", {"subject": "x"}, headers=headers), 403, "Forged")
    assert allies.ids("KOR") == before


def test_no_answer_lets_another_site_read_it(allies, script):
    answer = script("GET", "/api/node", headers={"Origin": "http://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "kor.localhost:1", "", "usa.localhost"])
def test_a_name_that_points_here_by_another_sites_dns_is_not_answered(allies, script, host):
    assert script("GET", "/api/node", headers={"Host": host}).status_code == 421


def test_health_and_schema_need_nobody_signed_in(allies):
    client = allies.client("KOR")
    assert client.get("/health").json() == {"status": "well", "mode": "exercise"}
    for path in ("/schema", "/schema/", "/schema/openapi.json"):
        assert client.get(path).status_code == 200
    assert client.get("/schema/redoc").status_code == 404


# How it says no.

WRONG = [  # body, what it says of it, the field
    (b"{", "not JSON", None),
    (b"[]", "not one JSON object", None),
    (b'"subject"', "not one JSON object", None),
    (b'{"subject": "\xff"}', "not JSON", None),
    (b"\xef\xbb\xbf{}", "not JSON", None),
    (b"[" * 100_000, "not", None),
    (b'{"subject":' + b"[" * 100_000, "cannot be", "subject"),
    (b"{}", "'subject' is missing", "subject"),
    (b"", "'subject' is missing", "subject"),
    (b'{"subject": 5}', "'subject' cannot be that", "subject"),
    (b'{"subject": null}', "'subject' cannot be that", "subject"),
    (b'{"subject": "x", "approved": true}', "no field 'approved'", "approved"),
    (b'{"subject": "x", "due": "5"}', "'due' cannot be that", "due"),
    (b'{"subject": "x", "due": 99999999999999999999}', "'due' cannot be that", "due"),
    (b'{"subject": "x", "due": 1}', "due before it is opened", "due"),
    (b'{"subject": "x", "form": "order"}', "'form' cannot be that", "form"),
    (b'{"subject": "x", "precedence": 3}', "'precedence' cannot be that", "precedence"),
    (b'{"subject": "x", "room": "ab"}', "too short", None),
    (b'{"subject": "x", "papers": [{"name": "a", "size": 1}]}', "'papers[0].root' is missing", "papers[0].root"),
    (b'{"subject": "x", "papers": [{"name": "a", "size": 1, "root": "zz"}]}', "cannot be that", "papers[0].root"),
    (b'{"subject": "x", "papers": [{"name": "a", "size": 1, "root": "", "x": 1}]}', "cannot be", "papers[0].root"),
    (b'{"subject": " "}', "needs a subject", "subject"),
    (b'{"subject": "a\\u0000b"}', "control characters", None),
    (b'{"subject": "\\ud800"}', "", None),
    (b'{"subject": "x", "marking": "\\uac00"}', "", None),
]


@pytest.mark.parametrize(("body", "what", "field"), WRONG, ids=range(len(WRONG)))
def test_what_cannot_be_read_is_named_in_both_languages_and_writes_nothing(allies, script, body, what, field):
    before = allies.ids("KOR")
    path = "/api/consultations"
    said = problem_of(script("POST", path, content=body), 400, "Malformed")
    assert what in said["detail"]
    if field is not None:
        assert said["field"] == field
    answer = script("POST", path, content=body, headers={"Accept-Language": "ko-KR,ko;q=0.9"})
    korean = problem_of(answer, 400, "Malformed")
    assert HANGUL.search(korean["title"]) and HANGUL.search(korean["detail"]) and HANGUL.search(korean["hint"])
    assert answer.headers["content-language"] == "ko"
    assert not HANGUL.search(said["title"] + said["hint"])
    assert allies.ids("KOR") == before


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/api", 404, "NotFound"),
        ("GET", "/api/nothing", 404, "NotFound"),
        ("DELETE", "/api/rooms", 405, "WrongMethod"),
        ("GET", "/api/consultations/{talk}/end", 405, "WrongMethod"),
        ("GET", "/api/consultations?limit=many", 400, "Malformed"),
        ("GET", "/api/consultations?limit=0", 400, "Malformed"),
        ("GET", "/api/consultations?opened=true", 400, "Malformed"),
        ("GET", "/api/consultations?open=perhaps", 400, "Malformed"),
        ("GET", "/api/consultations?before=zzzz", 404, "NotFound"),
        ("GET", "/api/consultations/abc", 400, "Malformed"),
        ("GET", "/api/consultations/" + NOBODY, 404, "NotFound"),
        ("GET", "/api/consultations/%00%00%00%00", 404, "NotFound"),
        ("GET", "/api/consultations/{talk}?before=xyz", 400, "Malformed"),
        ("GET", "/api/rooms/" + NOBODY + "/record", 404, "NotFound"),
        ("GET", "/api/rooms/{room}/record?ally=FRA", 404, "NotFound"),
        ("GET", "/api/rooms/{room}/record?start=-1", 400, "Malformed"),
        ("GET", "/api/rooms/{room}/record?branch=9", 404, "NotFound"),
        ("GET", "/api/rooms/{room}/held?seen_by=FRA", 404, "NotFound"),
        ("GET", "/api/rooms/{room}/as-of?at=99999999999999999999", 400, "Malformed"),
        ("GET", "/api/export?room=" + NOBODY, 404, "NotFound"),
        ("PUT", "/api/rooms/{room}/papers", 400, "Malformed"),
        ("PUT", "/api/rooms/{room}/papers?name=", 400, "Malformed"),
        ("POST", "/api/consultations/" + NOBODY + "/end", 400, "Malformed"),
        ("POST", "/api/consultations/{talk}/read", 400, "Malformed"),
        ("POST", "/api/consultations/{talk}/acknowledge", 409, "Refused"),
    ],
)
def test_every_other_no_is_a_problem_in_both_languages_too(allies, talk, script, method, path, status, error):
    path = path.format(talk=talk, room=allies.room)
    english = problem_of(script(method, path), status, error)
    korean = problem_of(script(method, path, headers={"Accept-Language": "ko"}), status, error)
    assert HANGUL.search(korean["title"]) and HANGUL.search(korean["detail"]) and not HANGUL.search(english["detail"])
    if status == 405:
        assert "POST" in script(method, path).headers["allow"]


def test_the_language_chosen_in_the_browser_comes_before_what_it_accepts(allies, script):
    answer = script("GET", "/api/nothing", headers={"Cookie": "katchi-language=ko", "Accept-Language": "en"})
    assert HANGUL.search(answer.json()["detail"])


def test_a_body_over_the_limit_is_refused_before_it_is_read(allies, script):
    problem_of(script("POST", "/api/consultations", content=b" " * (BODY_SIZE_MAX + 1)), 413, "TooLarge")
    pieces = (b" " * 65536 for _ in range(BODY_SIZE_MAX // 65536 + 1))  # of no stated length
    problem_of(script("POST", "/api/consultations", content=pieces), 413, "TooLarge")
    assert script("POST", "/api/consultations", content=b" " * (BODY_SIZE_MAX - 2) + b"{}").status_code == 400
    port = urlsplit(allies.origin("KOR")).port
    call = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    call.putrequest("PUT", f"/api/rooms/{allies.room}/papers?name=large")
    call.putheader("Authorization", f"Bearer {allies.token('KOR')}")
    call.putheader("Content-Length", str(PAPER_SIZE_MAX + 1))
    call.endheaders()
    answer = call.getresponse()
    assert (answer.status, answer.getheader("content-type")) == (413, PROBLEM)
    call.close()


def test_a_script_that_hangs_up_in_the_middle_of_a_paper_leaves_nothing_behind(allies, script):
    port = urlsplit(allies.origin("KOR")).port
    with socket.create_connection(("127.0.0.1", port)) as call:
        head = f"PUT /api/rooms/{allies.room}/papers?name=half HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        head += f"Authorization: Bearer {allies.token('KOR')}\r\nContent-Length: 100000\r\n\r\n"
        call.sendall(head.encode() + b"x" * 50_000)
    assert script.good("GET", "/api/node")["ally"] == "KOR"
    assert b"Traceback" not in (allies.stage.directory / "KOR.log").read_bytes()


def test_a_refusal_says_what_is_open_instead(allies, talk):
    said = problem_of(allies.script("KOR")("POST", f"/api/consultations/{talk}/acknowledge"), 409, "Refused")
    assert "not open" in said["detail"] and "Open to it now" in said["hint"]


# What it is.


def test_the_schema_is_whole(schema):
    assert schema["openapi"].startswith("3.1") and schema["info"] | {"title": "katchi", "version": __version__} == schema["info"]
    shapes = schema["components"]["schemas"]
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(schema)))
    assert named <= shapes.keys()
    assert schema["components"]["securitySchemes"].keys() == {"token", "session", "csrf"}
    ids = []
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            place = f"{method} {path}"
            ids.append(operation["operationId"])
            assert operation["summary"], place
            assert operation["security"] and "default" in operation["responses"], place
            if path.startswith("/api"):
                wrong = operation["responses"]["default"]["content"][PROBLEM]["schema"]["$ref"]
                assert wrong.endswith("/Problem") and {"token": []} in operation["security"], place
                assert method == "get" or {"session": [], "csrf": []} in operation["security"], place
    assert len(ids) == len(set(ids))


def test_what_the_schema_says_of_a_body_is_what_is_taken(schema):
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body is None:
                continue
            shape = schema["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]
            assert shape["additionalProperties"] is False, path
            assert set(shape.get("required", ())) <= body.get("example", {}).keys() | {"messages"}, path
            assert body.get("example", {}).keys() <= shape["properties"].keys(), path


def test_answers_are_of_the_shapes_that_the_schema_gives_them(schema, allies, talk, script):
    for path in READS:
        content = schema["paths"][path]["get"]["responses"]["200"]["content"]
        if "application/json" not in content:
            continue
        answer = script.good("GET", READS[path].format(room=allies.room, talk=talk, root=NOBODY))
        shape = content["application/json"]["schema"]
        one, shape = (answer[0], shape["items"]) if isinstance(answer, list) else (answer, shape)
        properties = schema["components"]["schemas"][shape["$ref"].rpartition("/")[2]]["properties"]
        assert one.keys() == properties.keys(), path


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_schema_is_a_page_of_ours_too_which_loads_nothing_from_elsewhere(allies, schema, language):
    page = allies.client("KOR").get("/schema", headers={"Accept-Language": language})
    assert page.headers["content-type"].startswith("text/html")
    text = page.text
    for path, methods in schema["paths"].items():
        assert f"<code>{path}</code>" in text
        for operation in methods.values() if path.startswith("/api") else ():
            assert f'id="{operation["operationId"]}"' in text
    assert set(re.findall(r'(?:src|href)="([a-z]+:)', text)) == set()
    links = set(re.findall(r'href="#([^"]+)"', text))
    assert links <= set(re.findall(r'id="([^"]+)"', text))
    assert 'EXERCISE <span lang="ko">훈련</span>' in text
    assert bool(HANGUL.search(re.search("<h2 id=.who.>(.*?)</h2>", text)[1])) == (language == "ko")


def test_a_problem_names_a_part_of_that_page(allies, script):
    said = script("GET", "/api/nothing").json()
    page = allies.client("KOR").get("/schema").text
    assert f'id="{said["type"].removeprefix("/schema#")}"' in page


def test_docs_api_md_names_addresses_that_exist(schema):
    page = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    paths = [re.sub(r"\{\w+\}", "[^/ ]+", path) for path in schema["paths"]]
    named = re.findall(r"(?<=[\s`/0-9a-z])(/api/[a-z0-9/{}$_-]*[a-z}$A-Z])", page)
    assert named
    assert [one for one in named if not any(re.fullmatch(path, one) for path in paths)] == []


def test_the_example_of_a_body_is_taken(schema):
    for shape in (acts.Opening, acts.Position, acts.Proposal, acts.Ending, acts.Impossibility, acts.Decision):
        example = schema["components"]["schemas"][shape.__name__]
        fields = {name: field["examples"][0] for name, field in example["properties"].items() if field.get("examples")}
        assert msgspec.convert(fields, shape)


SPELLINGS = [
    *("//api/node", "/api//node", "/api/node/", "/api%2Fnode", "/%61pi/node", "/API/node", "/api/node;x=/health"),
    *("/schema/../api/node", "/static/../api/node", "/schema/%2e%2e/api/node", "/health/../api/rooms"),
    *("/api/node?/health", "/api/node%00/health"),
]


@pytest.mark.parametrize("path", SPELLINGS)
def test_no_spelling_of_an_address_goes_round_signing_in(allies, path):
    call = http.client.HTTPConnection("127.0.0.1", urlsplit(allies.origin("KOR")).port, timeout=10)
    call.putrequest("GET", path)
    call.endheaders()
    answer = call.getresponse()
    said = answer.read()
    assert answer.status in (400, 401, 404), (answer.status, said)
    assert b"fingerprint" not in said and b"heads" not in said
    call.close()
