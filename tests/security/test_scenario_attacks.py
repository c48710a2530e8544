"""Attacks through scenarios: names that lead elsewhere, runs that other sites or a flood ask for, words that would be a page."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from katchi.demo.stage import Stage
from katchi.web.shelf import SIZE_MAX
from katchi.web.simulations import WAITING_MAX

BAD_WORDS = "</title></svg><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}"
HOSTILE = f"""\
title = '''{BAD_WORDS}'''
about = '''{BAD_WORDS}'''
deadline = "1 h"

[stages.write]
title = '''{BAD_WORDS}'''
takes = {{ exponential = "20 min" }}
source = '''published: {BAD_WORDS}'''

[questions.written]
title = '''{BAD_WORDS}'''
stage = "write"
"""


class Seat:
    """An officer's browser at one node."""

    def __init__(self, stage: Stage) -> None:
        self.host = stage.pages["KOR"].removeprefix("http://")
        base = f"http://127.0.0.1:{self.host.rsplit(':', 1)[1]}"
        self.client = httpx.Client(base_url=base, headers={"Host": self.host}, trust_env=False, timeout=60)
        answer = self.client.get("/sign-in/" + stage.sign_in_link("KOR").rsplit("/", 1)[1])
        name, value = answer.headers["set-cookie"].split(";")[0].split("=", 1)
        self.client.headers["Cookie"] = f"{name}={value}"
        found = re.search(r'data-form-token="([0-9a-f]+)"', self.client.get("/keys").text)
        assert found
        self.token = found[1]

    def send(self, path: str, *, headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
        return self.client.post(path, data={"csrf": self.token, **fields}, headers=headers)


@pytest.fixture(scope="module")
def stage(tmp_path_factory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("scenario-attacks"), ["KOR"]) as stage:
        stage.make()
        stage.start()
        yield stage


@pytest.fixture(scope="module")
def seat(stage: Stage) -> Iterator[Seat]:
    seat = Seat(stage)
    yield seat
    seat.client.close()


def runs_of(seat: Seat, name: str) -> int:
    return len(set(re.findall(rf"/scenarios/{name}/results/[0-9a-f]+", seat.client.get(f"/scenarios/{name}").text)))


ELSEWHERE = [
    "..%2Fweb.sqlite",
    "%2e%2e%2fnode",
    "reference%00",
    "reference.toml",
    "reference%2F..%2Freference",
    "%2Fetc%2Fpasswd",
]


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_name_that_leads_to_another_file_is_nobodys(seat: Seat, name: str):
    for path in (f"/scenarios/{name}", f"/scenarios/{name}/file", f"/scenarios/reference/results/{name}"):
        assert seat.client.get(path).status_code in (400, 404), path
    assert seat.client.get("/api/scenarios/" + name).status_code in (400, 404)


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "a/b", ".hidden", "a b", "가", "-x", "x" * 65, "x\x00", "x.toml"])
def test_a_scenario_is_kept_under_no_name_that_leads_elsewhere(stage: Stage, seat: Seat, name: str):
    before = sorted(path for path in stage.directory.rglob("*") if path.is_file() and "sqlite" not in path.name)
    answer = seat.send("/scenarios", name=name, source='deadline = "1 h"\n[stages.a]\ntakes = "1 s"\n')
    assert answer.status_code == 400
    assert sorted(path for path in stage.directory.rglob("*") if path.is_file() and "sqlite" not in path.name) == before


def test_a_link_in_the_folder_leads_to_no_other_file(stage: Stage, seat: Seat):
    folder = stage.nodes["KOR"] / "scenarios"
    folder.mkdir(exist_ok=True)
    (folder / "linked.toml").symlink_to(stage.nodes["KOR"] / "control.json")  # holds the node's token
    try:
        assert seat.client.get("/scenarios/linked/file").status_code == 404
    finally:
        (folder / "linked.toml").unlink()


def test_a_page_of_another_site_starts_no_run(seat: Seat):
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert seat.send("/scenarios/reference/runs", headers=headers, runs="1000", seed="1").status_code == 403
        assert seat.send("/scenarios", headers=headers, name="x", source="x").status_code == 403
    answer = seat.client.post("/scenarios/reference/runs", data={"runs": "1000", "seed": "1"})
    assert answer.status_code == 403
    assert seat.client.post("/api/scenarios/reference/runs", json={"runs": 1000}).status_code == 403
    assert runs_of(seat, "reference") == 0


def test_nobody_sees_or_runs_a_scenario_without_signing_in(seat: Seat):
    with httpx.Client(base_url=seat.client.base_url, headers={"Host": seat.host}, trust_env=False) as stranger:
        for path in ("/scenarios", "/scenarios/reference", "/scenarios/reference/file", "/api/scenarios"):
            answer = stranger.get(path)
            assert answer.status_code == 401 and "azure" not in answer.text, path
        assert stranger.post("/scenarios/reference/runs", data={"runs": "1000"}).status_code == 401


def test_a_flood_of_runs_is_one_process_and_a_few_that_wait(seat: Seat):
    answers = [seat.send("/scenarios/reference/runs", runs="1000000", seed=str(seed)) for seed in range(20)]
    begun = [answer.headers["location"] for answer in answers if answer.status_code == 303]
    try:
        assert WAITING_MAX <= len(begun) <= WAITING_MAX + 1
        assert {answer.status_code for answer in answers[WAITING_MAX + 1 :]} == {409}
        assert sweeps() <= 1
        assert seat.client.get("/health").json()["status"] == "well"
    finally:
        for path in begun:
            seat.send(f"{path}/cancel")


def sweeps() -> int:
    """Return how many processes play a scenario of this test's node: by the folder in which they work."""
    found = 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found += "scenario-attacks" in str((process / "cwd").readlink())
    return found


def test_words_of_a_scenario_stay_words_on_every_page(seat: Seat):
    assert seat.send("/scenarios", name="hostile", source=HOSTILE).status_code == 303
    for path in ("/scenarios", "/scenarios/hostile"):
        text = seat.client.get(path).text
        assert (
            "alert(1)" in text and "<script>alert" not in text and "<img" not in text and "49" not in text.split("{{")[0][-9:]
        ), path
    begun = seat.send("/scenarios/hostile/runs", runs="1000", seed="1").headers["location"]
    deadline = time.monotonic() + 180
    while 'id="run"' in (text := seat.client.get(begun).text) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert "alert(1)" in text and "<script>alert" not in text and "<img" not in text
    report = seat.client.get(f"{begun}/report/en").text
    assert "<script" not in report and "<img" not in report
    assert seat.send("/scenarios/hostile/remove").status_code == 303


@pytest.mark.parametrize(
    "source",
    [
        "x = " + "[" * 100_000,
        "a." * 50_000 + "b = 1",
        "x = '" + "y" * 200_000,
        "\x00\x01",
        "[stages.a]\ntakes = '1 s'\ncopies = 999999999\n",
    ],
    ids=["nested", "dotted", "unended", "binary", "copies"],
)
def test_a_file_made_to_break_what_reads_it_is_refused_and_the_node_goes_on(seat: Seat, source: str):
    answer = seat.send("/scenarios", name="bomb", source=source)
    assert answer.status_code == 400
    assert seat.client.get("/health").json()["status"] == "well"


def test_a_file_that_is_too_large_is_refused_before_it_is_read(seat: Seat):
    assert seat.send("/scenarios", name="large", source="x" * (SIZE_MAX + 1)).status_code == 400
    assert seat.send("/scenarios", name="large", source="x" * (3 * SIZE_MAX)).status_code == 413
    assert seat.client.get("/scenarios/large").status_code == 404
