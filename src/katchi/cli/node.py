"""`katchi node`: make, invite, pair, show, serve."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from katchi.cli.options import JsonOption, NodeArgument
from katchi.cli.speech import _, clock, said, said_error, say, say_json, spoken, tell
from katchi.errors import KatchiError, Malformed, os_reason
from katchi.node.commands import Pair
from katchi.node.notices import Notice, Told
from katchi.record.identity import phrase
from katchi.record.suite import SHIPPED
from katchi.serve.clock import now_us
from katchi.serve.directory import NodeDirectory
from katchi.serve.invitation import compared, paired, read_invitation, write_invitation
from katchi.serve.office import Office
from katchi.vocabulary import Precedence

PORT_MAX = 65_535

app = App(name="node", help=_("Make, pair, show and run this government's node."))


@app.command(
    name="init",
    help=_("Make a node: keys, store, national room. Asks nothing.")
    + "\n\n"
    + _("Example: katchi node init seoul --ally KOR --exercise"),
)
def init(
    directory: NodeArgument,
    /,
    *,
    ally: Annotated[str, Parameter(help=_("This government's id: 1 to 32 letters, digits or hyphens."))],
    exercise: Annotated[bool, Parameter(negative="", help=_("An exercise node, for life; without it, a live one."))] = False,
    json: JsonOption = False,
) -> None:
    made = NodeDirectory.create(directory, ally=ally, mode="exercise" if exercise else "live")
    own = made.own()
    if json:
        say_json({"ally": ally, "mode": own.mode, "directory": str(directory), "fingerprint": own.fingerprint.hex()})
        return
    say(own.fingerprint.hex())
    say(_("{ally}: a node of mode {mode} is made in {path}.").format(ally=ally, mode=said(own.mode), path=directory))
    say(_("Next: katchi node invite {path} --out {ally}.invitation").format(path=directory, ally=ally))


@app.command(
    name="invite",
    help=_("Write an invitation for an ally to a file, and show the digits to read aloud.")
    + "\n\n"
    + _("Example: katchi node invite seoul --out KOR.invitation --address node.example:20700"),
)
def invite(
    directory: NodeArgument,
    /,
    *,
    out: Annotated[Path, Parameter(help=_("The file to write."))],
    address: Annotated[str | None, Parameter(help=_("HOST:PORT at which the ally reaches this node."))] = None,
    json: JsonOption = False,
) -> None:
    node = NodeDirectory.open(directory)
    try:
        write_invitation(out, node.invitation(address=address))
    except OSError as error:
        raise Malformed(
            "cannot write {path}: {error}", hint="Name a file that can be written.", path=str(out), error=os_reason(error)
        ) from None
    own = node.own()
    if json:
        say_json(
            {"ally": own.ally, "mode": own.mode, "file": str(out), "phrase": phrase(own), "fingerprint": own.fingerprint.hex()}
        )
        return
    say(_("Invitation of {ally} ({mode}): {path}").format(ally=own.ally, mode=said(own.mode), path=out))
    say(_("Read these digits to the ally's officer by telephone: {digits}").format(digits=phrase(own)))


@app.command(
    name="pair",
    help=_("Pair with an ally, by its invitation and the digits that its officer reads to you.")
    + "\n\n"
    + _('Example: katchi node pair seoul USA.invitation --phrase "1234 5678 9012 3456"'),
)
def pair(
    directory: NodeArgument,
    file: Annotated[Path, Parameter(help=_("The ally's invitation."))],
    /,
    *,
    phrase_said: Annotated[
        str | None, Parameter(name="--phrase", help=_("The 16 digits, or all 64 hex digits of the fingerprint (the strong way)."))
    ] = None,
    address: Annotated[str | None, Parameter(help=_("HOST:PORT of the ally's node, if not as in its invitation."))] = None,
    json: JsonOption = False,
) -> None:
    invitation, ally = read_invitation(file, SHIPPED)
    if phrase_said is None and sys.stdin.isatty() and not json:
        phrase_said = input(_("Digits that {ally}'s officer reads to you: ").format(ally=ally.ally)).strip() or None
    how = compared(ally, phrase_said)
    with Office(directory) as office:
        office.submit(Pair(ally=paired(invitation, how, now=now_us(), address=address)))
        own = office.directory.own()
    if json:
        say_json({"ally": ally.ally, "compared": how, "fingerprint": ally.fingerprint.hex(), "phrase": phrase(ally)})
        return
    say(_("{ally} is paired ({how}).").format(ally=ally.ally, how=said(how)))
    if how == "not compared":
        tell(
            _("Nobody has compared the digits yet. {ally}'s officer must read you: {digits}").format(
                ally=ally.ally, digits=phrase(ally)
            )
        )
    say(_("Read to them: {digits}").format(digits=phrase(own)))


@app.command(
    name="show",
    help=_("Show this node's fingerprint, digits, and paired allies.") + "\n\n" + _("Example: katchi node show seoul"),
)
def show(directory: NodeArgument, /, *, json: JsonOption = False) -> None:
    node = NodeDirectory.open(directory)
    own = node.own()
    with Office(directory) as office:
        links = office.ask("link")
        is_running = office.is_running
    if json:
        say_json(
            {
                "fingerprint": own.fingerprint.hex(),
                "phrase": phrase(own),
                "ally": own.ally,
                "mode": own.mode,
                "running": is_running,
                "allies": [{"ally": link["ally"], "compared": link["compared"], "address": link["address"]} for link in links],
            }
        )
        return
    say(own.fingerprint.hex())
    say(phrase(own))
    say(f"{own.ally}  {said(own.mode)}  {clock(own.identity.at)}")
    say(_("running") if is_running else _("not running"))
    for link in links:
        say(_("paired with {ally}: {how}").format(ally=link["ally"], how=said(link["compared"])))


_TOLD = {
    Told.MESSAGE: _("message"),
    Told.ESCALATED: _("escalated"),
    Told.REFUSED: _("refused"),
    Told.FORK: _("fork"),
    Told.LIE: _("lie"),
    Told.PAPER: _("paper"),
    Told.ROOM: _("room"),
    Told.LINK_UP: _("link-up"),
    Told.LINK_DOWN: _("link-down"),
}
_ROOM = {"charter": _("charter"), "in force": _("in force")}


def _detail(notice: Notice) -> str:
    """Return what a notice says beyond its kind, in the language spoken here."""
    if notice.words is not None:
        return (f"{said(notice.reason)}: " if notice.reason else "") + spoken(notice.words)
    return _ROOM.get(notice.detail, notice.detail) if notice.told is Told.ROOM else said(notice.detail) if notice.detail else ""


@app.command(
    name="serve",
    help=_("Run the node: answer allies, keep the links, take commands. Ends on Ctrl-C.")
    + "\n\n"
    + _("Example: katchi node serve seoul --link-port 20700"),
)
def serve(
    directory: NodeArgument,
    /,
    *,
    port: Annotated[int | None, Parameter(help=_("The port of the pages, on this computer alone; 0 takes any free one."))] = None,
    link_port: Annotated[int | None, Parameter(help=_("The port on which allies reach this node; 0 takes any free one."))] = None,
    host: Annotated[str, Parameter(help=_("The address to listen on."))] = "127.0.0.1",
    json: JsonOption = False,
) -> None:
    from katchi.serve.service import Service
    from katchi.web.server import WebServer

    node = NodeDirectory.open(directory)
    for number in (port, link_port):
        if number is not None and not 0 <= number <= PORT_MAX:
            raise Malformed("{port} is not a port", hint="A number from 0 to {most}.", port=number, most=PORT_MAX)
    with node.locked():
        own = node.own()

        def ready(bound: int) -> None:
            if json:
                say_json({"ally": own.ally, "mode": own.mode, "link_port": bound, "port": web.port, "pages": web.front.origin})
            else:
                say(
                    _("{ally} {mode}: the link listens on {host}:{port}").format(
                        ally=own.ally, mode=said(own.mode), host=host, port=bound
                    )
                )
                say(_("Pages: {url}  (sign in: katchi officer link {path})").format(url=web.front.origin, path=directory))
            sys.stdout.flush()

        def noticed(notice: Notice) -> None:
            tell(f"{clock(now_us())} {own.ally} {_TOLD[notice.told]} {notice.ally} {_detail(notice)}".rstrip())
            if notice.told is Told.MESSAGE and notice.precedence >= Precedence.IMMEDIATE and sys.stderr.isatty():
                sys.stderr.write("\a")

        def link_failed(ally: str, error: KatchiError) -> None:
            what = said_error(error)[0]
            tell(_("{time} {own} link {ally}: {what}").format(time=clock(now_us()), own=own.ally, ally=ally, what=what))

        service = Service(node, on_notice=noticed, on_link=link_failed)
        web = WebServer(service, node, port=node.port if port is None else port)
        bound_to = node.link_port if link_port is None else link_port
        asyncio.run(service.run(link_port=bound_to, host=host, on_ready=ready, doors=[web]))
