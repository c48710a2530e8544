"""`katchi scenario`: check a scenario file before anything is played, swept or solved from it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from katchi.cli.options import JsonOption
from katchi.cli.speech import _, say, say_json
from katchi.errors import NotFound, os_reason
from katchi.formats.scenario import Scenario, read

FileArgument = Annotated[Path, Parameter(help=_("The scenario file (TOML)."))]

app = App(name="scenario", help=_("Scenario files: a consultation process as stages, and the questions asked of it."))


def opened(path: Path) -> Scenario:
    """Return what a scenario file says.

    Raises:
        NotFound: it cannot be read.
        MalformedAt: it breaks a rule; the message begins with file:line.
    """
    try:
        source = path.read_bytes()
    except OSError as error:
        raise NotFound(
            "cannot read {path}: {error}", hint="Name a scenario file.", path=str(path), error=os_reason(error)
        ) from None
    return read(source, str(path))


@app.command(
    name="check",
    help=_("Read a scenario file and say what it holds; name file, line and fix of what does not fit.")
    + "\n\n"
    + _("Example: katchi scenario check scenarios/reference.toml"),
)
def check(file: FileArgument, /, *, json: JsonOption = False) -> None:
    scenario = opened(file)
    network = scenario.network
    counts = {
        "stages": len(network.stages),
        "posts": len(network.posts),
        "bearers": len(network.bearers),
        "questions": len(network.questions),
    }
    sources = Counter(source.split(":")[0].strip() or "none" for source in scenario.sources.values())
    if json:
        say_json({"file": str(file), "digest": scenario.digest, "title": scenario.title, **counts, "sources": dict(sources)})
        return
    say(
        _("{file} is sound: {stages} stages, {posts} posts, {bearers} bearers, {questions} questions").format(file=file, **counts)
    )
    named = {"played": _("played"), "published": _("published"), "guess": _("guess"), "none": _("no source")}
    say("  " + ", ".join(f"{named[source]}: {n}" for source, n in sorted(sources.items())))
