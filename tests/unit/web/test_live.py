"""The stream of changes: it misses nothing, and ends with the session that asked for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from katchi.web.live import Live, Now
from katchi.web.local import open_local
from katchi.web.sessions import IDLE_US_MAX, SESSION_US_MAX, Sessions


def a_live() -> Live:
    return Live(lambda: Now(unread=0, highest=-1, rings=0, at=0))


def test_a_change_while_an_event_is_on_its_way_is_told_all_the_same():
    async def story() -> list[bytes]:
        live, heard = a_live(), []
        stream = live.stream("duty", None, is_open=lambda: True)
        heard += [await anext(stream), await anext(stream)]
        live._tell()  # nobody waits at this moment
        async with asyncio.timeout(5):
            heard.append(await anext(stream))
        await stream.aclose()
        return heard

    retry, first, second = asyncio.run(story())
    assert (retry, first.split()[0], second.split()[0]) == (b"retry: 2000\n\n", b"id:", b"id:")
    assert first.split()[1] != second.split()[1]


def test_a_stream_ends_once_its_session_has_and_its_post_counts_as_unmanned():
    async def story() -> tuple[int, list[bytes], int]:
        live, is_open = a_live(), [True]
        stream = live.stream("duty", live._id, is_open=lambda: is_open[0])
        await anext(stream)
        manned = live.posts["duty"]
        rest = asyncio.ensure_future(anext(stream, b""))
        await asyncio.sleep(0)
        is_open[0] = False
        live.look_again()
        async with asyncio.timeout(5):
            return manned, [await rest], live.posts["duty"]

    assert asyncio.run(story()) == (1, [b""], 0)


def test_a_session_that_is_only_listened_to_grows_old_all_the_same(tmp_path: Path):
    now = [0]
    sessions = Sessions(open_local(tmp_path / "web.sqlite"), lambda: now[0])
    officer = sessions.officer(sessions.sign_in(sessions.new_link("duty", None)))
    for now[0] in range(0, IDLE_US_MAX + 1, IDLE_US_MAX // 10):
        assert sessions.is_open(officer)
    now[0] = IDLE_US_MAX + 1
    assert not sessions.is_open(officer)
    assert SESSION_US_MAX > IDLE_US_MAX
