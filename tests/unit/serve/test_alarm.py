"""The alarm tells the world outside that something waits, and never what it says."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from katchi.errors import Malformed
from katchi.node.notices import Notice, Told
from katchi.serve.alarm import APART_S, Alarm, Ways, ways_of
from katchi.vocabulary import Precedence


class Clock:
    now = 1_000_000

    def __call__(self) -> int:
        return self.now


def rung(tmp_path, *notices: Notice, manned: bool = True, clock: Clock | None = None) -> list[str]:
    """What a command was told, once for each time that the alarm rang."""
    out = tmp_path / "rung"
    write = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + '\\n')"
    ways = Ways(command=(sys.executable, "-c", write, str(out)))

    async def run() -> None:
        alarm = Alarm(ways, "KOR", "exercise", "duty", lambda _: manned, clock or Clock())
        for notice in notices:
            alarm.noticed(notice)
        while alarm._under_way:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    asyncio.run(run())
    return out.read_text().splitlines() if out.exists() else []


def message(precedence: Precedence) -> Notice:
    return Notice(Told.MESSAGE, "USA", b"room", "what the message says", precedence)


def test_it_rings_for_a_flash_message_and_says_nothing_of_its_content(tmp_path):
    assert rung(tmp_path, message(Precedence.FLASH)) == ["[EXERCISE] KOR: a flash message waits for post duty"]


def test_a_routine_message_rings_only_while_no_screen_is_open(tmp_path):
    assert rung(tmp_path, message(Precedence.ROUTINE), manned=True) == []
    assert len(rung(tmp_path, message(Precedence.ROUTINE), manned=False)) == 1


def test_an_escalation_rings_for_the_post_that_it_went_to(tmp_path):
    assert "post deputy" in rung(tmp_path, Notice(Told.ESCALATED, "KOR", b"room", "deputy", Precedence.ROUTINE))[0]


def test_a_burst_of_messages_rings_once_also_when_the_clock_jumps_back(tmp_path):
    clock = Clock()
    assert len(rung(tmp_path, *[message(Precedence.FLASH)] * 20, clock=clock)) == 1
    assert APART_S > 1


def test_a_link_that_comes_up_rings_nobody(tmp_path):
    assert rung(tmp_path, Notice(Told.LINK_UP, "USA", None, "", Precedence.FLASH), manned=False) == []


def test_the_webhook_is_given_post_and_precedence_and_no_content():
    posted: list[bytes] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    async def run() -> None:
        ways = Ways(webhook=f"http://127.0.0.1:{server.server_address[1]}/")
        alarm = Alarm(ways, "KOR", "live", "duty", lambda _: True, Clock())
        alarm.noticed(message(Precedence.IMMEDIATE))
        while alarm._under_way:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    asyncio.run(run())
    server.shutdown()
    server.server_close()
    told = json.loads(posted[0])
    assert told["post"] == "duty" and told["precedence"] == "immediate" and b"what the message says" not in posted[0]


def test_a_way_that_fails_is_logged_and_stops_nothing(tmp_path, capfd):
    async def run() -> None:
        alarm = Alarm(Ways(command=(str(tmp_path / "absent"),)), "KOR", "live", "duty", lambda _: True, Clock())
        alarm.noticed(message(Precedence.FLASH))
        while alarm._under_way:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    asyncio.run(run())
    assert "alarm: command failed" in capfd.readouterr().err


@pytest.mark.parametrize("alarm", [{"command": "one word"}, {"pager": 1}, {"webhook": "ftp://x"}])
def test_settings_that_are_not_an_alarm_are_refused_and_say_what_may_stand_there(alarm):
    with pytest.raises(Malformed) as refused:
        ways_of({"alarm": alarm})
    assert refused.value.hint
