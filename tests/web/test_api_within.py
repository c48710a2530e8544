"""The API within its process: a fault that nobody foresaw, what the schema leaves out, why a link was given up.

The node is a real one, in this process; it serves no port, and its clock and faults are ours.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
from litestar.routes import HTTPRoute

from katchi.errors import KatchiError, LinkFailed, StoreFailed
from katchi.node.views.link import Ended, LinkView
from katchi.serve.control import failure_of
from katchi.serve.directory import NodeDirectory
from katchi.serve.service import Service
from katchi.web.api import problem
from katchi.web.api.link import said
from katchi.web.app import application
from katchi.web.front import Front
from katchi.web.speech import speech

# Litestar 3 will want dependencies and parameters marked as such; constraints.txt holds 2.
pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")
PORT = 30700
HANGUL = re.compile("[가-힣]")

Story = Callable[[httpx.AsyncClient, Front], Awaitable[None]]


@pytest.fixture
def within(tmp_path) -> Iterator[Callable[[Story], None]]:
    """Runs a story with a node whose driver runs, and a script that calls it."""

    def run(story: Story) -> None:
        asyncio.run(_run(story))

    async def _run(story: Story) -> None:
        directory = NodeDirectory.create(tmp_path / "seoul", ally="KOR", mode="exercise")
        with directory.locked():
            service = Service(directory)
            front = Front(service, directory)
            driving = asyncio.create_task(service.driver.run())
            transport = httpx.ASGITransport(application(front, PORT))
            headers = {"Authorization": f"Bearer {service._control._token}"}
            async with httpx.AsyncClient(transport=transport, base_url=f"http://127.0.0.1:{PORT}", headers=headers) as call:
                try:
                    await story(call, front)
                finally:
                    driving.cancel()
                    await asyncio.gather(driving, return_exceptions=True)
                    front.close()
                    service._store.close()

    yield run


def test_a_fault_that_nobody_foresaw_is_logged_and_told_without_its_trace(within, monkeypatch, capsys):
    async def story(call: httpx.AsyncClient, front: Front) -> None:
        async def fails(_: Any) -> Any:
            raise RuntimeError("secret words of a fault")

        monkeypatch.setattr(front, "ask", fails)
        for language, hangul in (("en", False), ("ko", True)):
            answer = await call.get("/api/rooms", headers={"Accept-Language": language})
            assert (answer.status_code, answer.headers["content-type"]) == (500, problem.MEDIA_TYPE)
            assert "secret" not in answer.text and "Traceback" not in answer.text and ".py" not in answer.text
            assert answer.json()["error"] == "KatchiError" and bool(HANGUL.search(answer.json()["detail"])) is hangul

    within(story)
    assert "secret words of a fault" in capsys.readouterr().err


def test_a_disk_that_does_not_take_it_is_told_as_such(within, monkeypatch):
    async def story(call: httpx.AsyncClient, front: Front) -> None:
        async def fails(_: Any) -> Any:
            raise StoreFailed("the disk is full", hint="Make room on it; nothing was kept.")

        monkeypatch.setattr(front, "submit", fails)
        answer = await call.post("/api/consultations", json={"subject": "x"})
        assert answer.json() | {"status": 507, "error": "StoreFailed"} == answer.json()

    within(story)


def test_the_schema_lists_every_route_of_pages_and_api_but_files_and_itself(within):
    async def story(call: httpx.AsyncClient, front: Front) -> None:
        listed = (await call.get("/schema/openapi.json")).json()["paths"]
        app = application(front, PORT)._app  # type: ignore[attr-defined]
        routes = {
            (route.path_format, method.lower())
            for route in app.routes
            if isinstance(route, HTTPRoute)
            for method in route.route_handler_map
            if method != "OPTIONS"
        }
        told = {(path, method) for path, methods in listed.items() for method in methods}
        left_out = {path for path, _ in routes - told}
        assert told <= routes
        assert all(path.startswith(("/static", "/schema")) for path in left_out), left_out

    within(story)


def test_a_paper_that_has_not_arrived_whole_says_so(within, monkeypatch):
    async def story(call: httpx.AsyncClient, front: Front) -> None:
        from katchi.web.pages import papers
        from katchi.web.papers import HeldPaper

        monkeypatch.setattr(papers, "held_paper", lambda *_: HeldPaper(1, 3))
        room = (await call.get("/api/rooms")).json()[0]["id"]
        answer = await call.get(f"/api/rooms/{room}/papers/{'0' * 64}")
        assert (answer.status_code, answer.json()["error"]) == (409, "PaperAwaited")
        assert "1 of 3" in answer.json()["detail"]

    within(story)


def every_error(cls: type[KatchiError] = KatchiError) -> Iterator[type[KatchiError]]:
    for kind in cls.__subclasses__():
        yield kind
        yield from every_error(kind)


@pytest.mark.parametrize("cls", sorted({cls for cls in every_error() if cls.__module__.startswith("katchi.")}, key=str))
def test_every_class_of_error_has_a_title_in_both_languages_and_a_status_of_its_own(cls):
    titled = next(one for one in cls.__mro__ if one in problem.TITLES)
    assert titled is not KatchiError or cls.http_status == 500, "name it in problem.TITLES"
    title = problem.TITLES[titled]
    assert HANGUL.search(speech("ko").translate(title)) and not HANGUL.search(title)
    assert 400 <= cls.http_status < 600


def test_why_a_link_was_given_up_is_said_in_the_language_of_the_request():
    failure = failure_of(LinkFailed("cannot reach {ally}", hint="Look at `katchi link status`.", ally="USA"))
    for language in ("en", "ko"):
        view = LinkView(
            ally="USA",
            up=False,
            ended=Ended(failure.error, failure.message, failure.hint, failure.parameters),
            compared="phrase",
            address=None,
            version=None,
            features=[],
            delay_ms=None,
            skew_ms=None,
            heard_at=None,
            waiting=0,
            equal_to={},
        )
        (told,) = said([view], speech(language))
        assert told.ended is not None and "{" not in told.ended.message and "USA" in told.ended.message
