"""The demo with its page: the story played at a reader's pace, then the visitors' turn on the same nodes."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from katchi.cli.speech import _
from katchi.demo.scene import Scenes
from katchi.demo.show.file import write_file
from katchi.demo.show.server import Show
from katchi.demo.stage import Stage
from katchi.demo.story import Outcome, Story, Tell, Told
from katchi.language import Language

STEP_S = 2.6  # to read a step: the whole story stays under a minute


def perform(
    stage: Stage,
    mirror: Tell,
    close: Callable[[Outcome], None],
    say: Callable[[str], None],
    language: Language,
    *,
    papers: Sequence[Path],
    out: Path,
    stay_s: float | None,
) -> Outcome:
    """Play the story on a page and in the console, write it to `out`, and keep the nodes up until told to end."""
    show, scenes = Show(language), Scenes(stage)
    began = time.monotonic()

    def told(step: Told) -> None:
        mirror(step)
        show.add(scenes.take(step, time.monotonic() - began))
        time.sleep(STEP_S)

    try:
        with _terminated_as_interrupted():
            say(_("The story plays at {url}").format(url=show.address))
            _open_browser(show.address)
            outcome = Story(stage, told, language).run(papers)
            close(outcome)
            write_file(out, scenes.taken, language)
            say(_("The run as one file, for people who install nothing: {path}").format(path=out))
            stage.start_nodes()
            show.hand_over({ally: stage.sign_in_link(ally) for ally in stage.allies})
            _say_links(say, {ally: stage.sign_in_link(ally) for ally in stage.allies}, stay_s)
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait(stay_s)
    finally:
        show.close()
    return outcome


def _say_links(say: Callable[[str], None], links: dict[str, str], stay_s: float | None) -> None:
    say("")
    say(_("Your turn: both nodes stay up. Each link signs you in once:"))
    for ally, link in links.items():
        say(f"  {ally}  {link}")
    say(_("Ctrl-C ends it.") if stay_s is None else _("It ends in {s:.0f} s.").format(s=stay_s))


def _open_browser(address: str) -> None:
    """Open the page where there is a desktop to open it on."""
    has_desktop = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if has_desktop and sys.stderr.isatty():
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(address)


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM end what is inside as Ctrl-C does, so that every process that was started is ended."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
