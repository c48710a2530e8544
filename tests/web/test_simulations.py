"""Runs beside the node: what the node's process loads for them, what is kept of them, and what is missing without the extra."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scenarios import RUNS_S_MAX, SMALL

from katchi.errors import Refused
from katchi.web import simulations
from katchi.web.simulations import Simulations

HEAVY = ("numpy", "numba", "scipy", "altair", "vl_convert", "pyarrow", "katchi.simulate", "katchi.formats", "katchi.network")
SERVED = """
import asyncio, json, re, sys, time
from pathlib import Path
import httpx
from katchi.serve.directory import NodeDirectory
from katchi.serve.service import Service
from katchi.web.server import WebServer

def use(web, link, source):
    with httpx.Client(base_url=f"http://127.0.0.1:{web.port}", timeout=60, trust_env=False) as browser:
        browser.get("/sign-in/" + link)
        token = re.search(r'data-form-token="([0-9a-f]+)"', browser.get("/keys").text)[1]
        shown = []
        browser.post("/scenarios", data={"csrf": token, "name": "short", "source": source})
        for path in ("/scenarios", "/scenarios/short", "/scenarios/reference"):
            shown.append(browser.get(path).status_code)
        path = browser.post("/scenarios/short/runs", data={"csrf": token, "runs": "1000", "seed": "1"}).headers["location"]
        deadline = time.monotonic() + 180
        while 'id="answer"' not in (page := browser.get(path).text) and time.monotonic() < deadline:
            time.sleep(0.2)
        shown.append('id="answer"' in page)
        shown += [browser.get(path + "/report/ko").status_code]
        web.front.simulations._needed = ("no_such_package",)
        lacking = browser.get("/scenarios/short").text
        shown.append("no_such_package is not installed" in lacking and "katchi[simulate]" in lacking)
        shown.append(browser.post("/scenarios/short/runs", data={"csrf": token, "runs": "1000", "seed": "2"}).status_code)
        return shown

async def main(path, source):
    node = NodeDirectory.create(Path(path), ally="KOR", mode="exercise")
    with node.locked():
        service = Service(node)
        web = WebServer(service, node, port=0)
        running = asyncio.create_task(service.run(link_port=0, host="127.0.0.1", on_ready=lambda port: None, doors=[web]))
        while not web.port or not web.front.origin:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        link = web.front.sessions.new_link("duty", None)
        shown = await asyncio.to_thread(use, web, link, source)
        service.end()
        await running
    print(json.dumps({"shown": shown, "loaded": sorted(sys.modules)}))

asyncio.run(main(sys.argv[1], sys.argv[2]))
"""


def test_a_node_that_served_scenarios_a_run_and_its_answer_has_loaded_nothing_that_computes_or_draws(tmp_path: Path):
    words = [sys.executable, "-c", SERVED, str(tmp_path / "node"), SMALL]
    done = subprocess.run(
        words, capture_output=True, timeout=RUNS_S_MAX + 60, check=False, env=os.environ | {"KATCHI_LANG": "en"}
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["shown"] == [200, 200, 200, True, 200, True, 409]
    assert [name for name in found["loaded"] if name.startswith(HEAVY)] == []


class Played:
    """Simulations in a folder, on a clock of their own."""

    def __init__(self, folder: Path) -> None:
        self.told = 0
        self.now = 0
        self.simulations = Simulations(folder, self._changed, self._clock)

    def _changed(self) -> None:
        self.told += 1

    def _clock(self) -> int:
        self.now += 1
        return self.now

    async def process(self) -> int:
        """Return the process that plays, once there is one."""
        while (found := self.simulations._process) is None:  # noqa: ASYNC110  nobody is told
            await asyncio.sleep(0.01)
        return found.pid

    async def ended(self) -> None:
        """Wait until nothing is under way, and the process of what was cancelled is gone."""
        deadline = time.monotonic() + RUNS_S_MAX
        while self.simulations.under_way or self.simulations._running:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


def test_answers_are_kept_over_a_restart_and_the_oldest_go_when_there_are_too_many(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(simulations, "KEPT_MAX", 1)
    (tmp_path / ".half.new").mkdir()

    async def played() -> list[str]:
        here = Played(tmp_path)
        runs = [here.simulations.begin("short", SMALL.encode(), runs=1000, seed=seed, by="duty") for seed in (1, 2)]
        await here.ended()
        assert here.told >= 4
        return [run.id for run in runs]

    _first, second = asyncio.run(played())
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [second]
    again = Simulations(tmp_path, lambda: None, lambda: 0)
    (kept,) = again.of("short")
    assert (kept.id, kept.state) == (second, "done") and again.told(kept).ko.title == "짧은 교환"


def test_a_run_that_fails_says_why_and_leaves_nothing(tmp_path: Path):
    async def failed() -> str:
        here = Played(tmp_path)
        run = here.simulations.begin("short", b"[stages.x]\n", runs=1000, seed=1, by="duty")
        await here.ended()
        found = here.simulations.named("short", run.id)
        assert found.state == "failed"
        return found.failure

    assert asyncio.run(failed()).startswith("short.toml:1:")
    assert list(tmp_path.iterdir()) == []


def test_the_process_of_a_run_is_in_a_group_of_its_own_with_the_lowest_priority_and_dies_with_it(tmp_path: Path):
    async def cancelled() -> int:
        here = Played(tmp_path)
        run = here.simulations.begin("short", SMALL.encode(), runs=1_000_000, seed=1, by="duty")
        pid = await here.process()
        assert os.getpgid(pid) == pid != os.getpgid(0)
        assert os.getpriority(os.PRIO_PROCESS, pid) == 19
        here.simulations.cancel(run)
        await here.ended()
        assert here.simulations.named("short", run.id).state == "cancelled"
        return pid

    pid = asyncio.run(cancelled())
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)
    assert list(tmp_path.iterdir()) == []


def test_a_node_that_ends_ends_its_run(tmp_path: Path):
    async def ended() -> int:
        here = Played(tmp_path)
        here.simulations.begin("short", SMALL.encode(), runs=1_000_000, seed=1, by="duty")
        pid = await here.process()
        here.simulations.end()
        await asyncio.sleep(0.5)
        return pid

    with pytest.raises(ProcessLookupError):
        os.killpg(asyncio.run(ended()), 0)


def test_nothing_is_played_where_a_package_is_not_installed(tmp_path: Path):
    lacking = Simulations(tmp_path, lambda: None, lambda: 0, needed=("json", "no_such_package"))
    assert lacking.lacking == "no_such_package"
    with pytest.raises(Refused, match="no_such_package is not installed") as refused:
        lacking.begin("short", SMALL.encode(), runs=1000, seed=1, by="duty")
    assert "katchi[simulate]" in refused.value.hint
