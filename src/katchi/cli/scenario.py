"""`katchi scenario`: check a scenario file before anything is played, swept or solved from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from katchi.charts.telling import Block, Paragraph, Table, Telling
from katchi.cli import chronicle, fitting
from katchi.cli.options import JsonOption
from katchi.cli.speech import LANGUAGE, _, error_said, say, say_json, tell_error
from katchi.errors import KatchiError, Malformed, NotFound, os_reason
from katchi.exercise.scenario import Scenario
from katchi.formats.scenario import read
from katchi.formats.scenario.schema import schema as scenario_schema

FileArgument = Annotated[Path, Parameter(help=_("The scenario file (TOML)."))]

app = App(name="scenario", help=_("Scenario files: a consultation process as stages, and the questions asked of it."))
app.command(chronicle.from_timeline, name="from-timeline", help=chronicle.HELP)
app.command(fitting.fit_scenario, name="fit", help=fitting.HELP)


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
    sources = Counter(part.source or "none" for part in scenario.parts.values())
    if json:
        say_json(
            {
                "file": str(file),
                "digest": scenario.digest,
                "title": msgspec.to_builtins(scenario.title),
                **counts,
                "sources": dict(sources),
            }
        )
        return
    say(
        _("{file} is sound: {stages} stages, {posts} posts, {bearers} bearers, {questions} questions").format(file=file, **counts)
    )
    named = {"played": _("played"), "published": _("published"), "guess": _("guess"), "none": _("no source")}
    say("  " + ", ".join(f"{named[source]}: {n}" for source, n in sorted(sources.items())))


@app.command(
    name="show",
    help=_("Show what a scenario file says: what it asks, what it assumes and from where, what is varied.")
    + "\n\n"
    + _("Of several files the JSON is a list; where one does not fit, its error stands in its place.")
    + "\n\n"
    + _("Example: katchi scenario show scenarios/reference.toml"),
)
def show(*files: FileArgument, json: JsonOption = False) -> int:
    from katchi.charts.outline import outline

    if not files:
        raise Malformed("no scenario file is named", hint="Example: katchi scenario show scenarios/reference.toml")
    if len(files) == 1:
        found = outline(opened(files[0]), str(files[0]))
        say_json(found) if json else _say(found.told.of(LANGUAGE))
        return 0
    status, answers = 0, []
    for file in files:
        try:
            one = outline(opened(file), str(file))
        except KatchiError as error:  # the others are shown all the same
            status = status or error.exit_status
            answers.append({"file": str(file), **error_said(error)})
            if not json:
                tell_error(error, as_json=False)
            continue
        answers.append(msgspec.to_builtins(one))
        if not json:
            _say(one.told.of(LANGUAGE))
            say()
    if json:
        say_json(answers)
    return status


def _say(told: Telling) -> None:
    for line in (told.title, told.about):
        if line:
            say(line)
    for section in told.sections:
        say()
        say(section.title)
        for block in section.blocks:
            for line in _lines(block):
                say("  " + line)


def _lines(block: Block) -> Iterator[str]:
    """Yield a part of what is told, line by line; what is drawn stays in the pages and reports."""
    if isinstance(block, Paragraph):
        yield block.text
    elif isinstance(block, Table):
        yield f"{block.caption}:"
        for row in block.rows:
            yield "  " + " · ".join(cell.text for cell in row if cell.text)


@app.command(
    name="schema",
    help=_("Print the JSON Schema of scenario files, for editors that check while one writes.")
    + "\n\n"
    + _("Example: katchi scenario schema --out scenario.schema.json"),
)
def schema(
    *,
    out: Annotated[Path | None, Parameter(help=_("Write it to this file."))] = None,
    json: JsonOption = False,
) -> None:
    text = msgspec.json.format(msgspec.json.encode(scenario_schema()), indent=2).decode() + "\n"
    if out is None:
        say(text.rstrip())
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise NotFound(
            "cannot write {path}: {error}", hint="Name a file that can be written.", path=str(out), error=os_reason(error)
        ) from None
    if json:
        say_json({"file": str(out)})
    else:
        say(_("The schema is written: {file}").format(file=out))
