"""Scenarios on the API: added, shown, run, followed, answered, removed; errors as problems."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import httpx
import pytest
from browsing import address_of
from scenarios import RUNS_S_MAX, SMALL, UNFIT

from katchi.demo.stage import Stage


@pytest.fixture(scope="module")
def script(alone: Stage) -> Iterator[httpx.Client]:
    token = json.loads((alone.nodes["KOR"] / "control.json").read_text())["token"]
    with httpx.Client(base_url=address_of(alone, "KOR"), headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def run(script: httpx.Client) -> dict:
    """A run that is done."""
    assert script.put("/api/scenarios/by-script", content=SMALL.encode()).status_code == 201
    answer = script.post("/api/scenarios/by-script/runs", json={"runs": 1000, "seed": 7, "by": "Park"})
    assert answer.status_code == 202, answer.text
    found, deadline = answer.json(), time.monotonic() + RUNS_S_MAX
    while found["state"] != "done":
        assert found["state"] in ("waiting", "running") and time.monotonic() < deadline, found
        time.sleep(0.2)
        found = script.get(f"/api/scenarios/by-script/runs/{found['id']}").json()
    return dict(found)


def test_all_scenarios_are_listed_with_what_they_ask(script: httpx.Client, run: dict):
    found = {one["name"]: one for one in script.get("/api/scenarios").json()}
    assert found["reference"]["questions"][0]["by_s"] == 21_600 and not found["reference"]["own"]
    assert found["by-script"]["own"] and found["by-script"]["last"]["id"] == run["id"] and found["by-script"]["fault"] == ""
    assert script.get("/api/scenarios", headers={"Accept-Language": "ko"}).json()[0]["title"] != found["by-script"]["title"]


def test_a_run_says_who_asked_how_far_it_is_and_its_first_figures(run: dict):
    assert (run["by"], run["runs"], run["seed"], run["notional"]) == ("duty, Park", 1000, 7, True)
    (headline,) = run["headlines"]
    low, high = headline["interval"]
    assert headline["question"] == "answered" and low < headline["probability"] < high and headline["exact"] is not None


def test_its_answer_is_what_the_command_line_says(script: httpx.Client, run: dict):
    answer = script.get(f"/api/scenarios/by-script/runs/{run['id']}/answer")
    assert answer.headers["content-type"].startswith("application/json")
    said = answer.json()
    assert said["manifest"]["file"] == "by-script.toml" and said["manifest"]["scenario"] == run["digest"]
    assert said["questions"]["answered"]["probability"] == run["headlines"][0]["probability"]
    assert len(said["curves"]["answered"]["times_s"]) > 10


def test_a_scenario_is_shown_with_its_answers(script: httpx.Client, run: dict):
    found = script.get("/api/scenarios/by-script").json()
    assert [one["id"] for one in found["answers"]] == [run["id"]] and found["lacking"] is None
    assert [one["name"] for one in found["outline"]["told"]["ko"]["sections"]] == ["questions", "network", "sources"]


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "error"),
    [
        ("GET", "/api/scenarios/none", {}, 404, "NotFound"),
        ("GET", "/api/scenarios/by-script/runs/0000000000000000", {}, 404, "NotFound"),
        ("GET", "/api/scenarios/reference/runs/{run}", {}, 404, "NotFound"),
        ("PUT", "/api/scenarios/by-script", {"content": SMALL.encode()}, 409, "Refused"),
        ("PUT", "/api/scenarios/unfit", {"content": UNFIT.encode()}, 400, "Malformed"),
        ("PUT", "/api/scenarios/big", {"content": b"#" * 300_000}, 413, "TooLarge"),
        ("DELETE", "/api/scenarios/reference", {}, 409, "Refused"),
        ("POST", "/api/scenarios/by-script/runs", {"json": {"runs": 1}}, 400, "Malformed"),
        ("POST", "/api/scenarios/by-script/runs", {"json": {"rounds": 1000}}, 400, "Malformed"),
    ],
)
def test_what_cannot_be_done_is_a_problem(script, run, method, path, sent, status, error):
    answer = script.request(method, path.format(run=run["id"]), **sent)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert answer.json()["error"] == error and answer.json()["detail"]


def test_a_file_that_does_not_fit_is_a_problem_that_names_the_line(script: httpx.Client):
    said = script.put("/api/scenarios/unfit", content=UNFIT.encode()).json()
    assert said["detail"] == "unfit.toml:4: '5 minutes' is not a time" and "units" in said["hint"]


def test_a_run_and_a_scenario_are_removed(script: httpx.Client):
    assert script.put("/api/scenarios/passing-script", content=SMALL.encode()).status_code == 201
    begun = script.post("/api/scenarios/passing-script/runs", json={"runs": 1_000_000}).json()
    assert script.delete(f"/api/scenarios/passing-script/runs/{begun['id']}").status_code == 204
    assert script.delete("/api/scenarios/passing-script").status_code == 204
    assert script.get("/api/scenarios/passing-script").status_code == 404
