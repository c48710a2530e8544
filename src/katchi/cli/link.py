"""`katchi link`: how the link to each ally stands."""

from __future__ import annotations

import msgspec
from cyclopts import App

from katchi.cli.options import JsonOption, NodeOption
from katchi.cli.speech import _, clock, said, said_error, say, say_json, tell
from katchi.serve.control import Failure, error_of
from katchi.serve.office import Office

app = App(name="link", help=_("How the link to each ally stands."))


@app.command(name="status", help=_("Show the link to each paired ally.") + "\n\n" + _("Example: katchi link status --node seoul"))
def status(*, node: NodeOption, json: JsonOption = False) -> None:
    with Office(node) as office:
        links = office.ask("link")
        is_running = office.is_running
    for link in links:
        if link["ended"] is not None:
            message, hint = said_error(error_of(msgspec.convert(link["ended"], Failure)))
            link["ended"] = {"message": message, "hint": hint}
    if json:
        say_json(links)
        return
    if not is_running:
        tell(_("The node is not running: `katchi node serve {path}`.").format(path=node))
    for link in links:
        state = _("up") if link["up"] else _("down")
        details = [_("{n} entries wait").format(n=link["waiting"])]
        if link["delay_ms"] is not None:
            details.append(_("delay {ms:.0f} ms").format(ms=link["delay_ms"]))
        if link["skew_ms"] is not None:
            details.append(_("their clock {ms:+.0f} ms").format(ms=link["skew_ms"]))
        details.append(_("last heard {time}").format(time=clock(link["heard_at"])))
        if link["compared"] == "not compared":
            details.append(said("not compared"))
        say(f"{link['ally']}  {state}  " + ", ".join(details))
        if link["ended"] is not None:
            say(f"    {link['ended']['message']}")
            say(f"    {link['ended']['hint']}")
        for room, length in link["equal_to"].items():
            say("    " + _("{room}: confirmed to hold our entries to {n}").format(room=room[:12], n=length))
