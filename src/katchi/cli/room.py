"""`katchi room`: found, join, list."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import App, Parameter

from katchi.cli.options import JsonOption, NodeOption
from katchi.cli.speech import _, said, say, say_json
from katchi.errors import Refused
from katchi.node.commands import FoundRoom, JoinRoom
from katchi.serve.office import Office

app = App(name="room", help=_("Rooms: records that named allies share."))


@app.command(
    name="found",
    help=_("Found a room with paired allies; it is in force once all have signed its charter.")
    + "\n\n"
    + _('Example: katchi room found --with USA --title "Consultative group" --node seoul'),
)
def found(
    *,
    node: NodeOption,
    allies: Annotated[
        list[str] | None, Parameter(name="--with", negative="", help=_("The other members; all paired allies if not given."))
    ] = None,
    title: Annotated[str, Parameter(help=_("What the room is called."))] = "",
    hash: Annotated[Literal["sha256", "sha384"], Parameter(help=_("The room's hash."))] = "sha256",
    json: JsonOption = False,
) -> None:
    with Office(node) as office:
        paired = [link["ally"] for link in office.ask("link")]
        members = [name for group in allies or paired for name in group.split(",") if name]
        if not members:
            raise Refused(
                "no ally is paired with this node, so there is none to found a room with",
                hint="Exchange invitations first: `katchi node invite`, `katchi node pair`.",
            )
        (written,) = office.submit(FoundRoom(title=title or " · ".join(members), allies=tuple(members), hash=hash))
        room = next(room for room in office.ask("rooms") if room["id"] == (written.room or b"").hex())
    if json:
        say_json(room)
        return
    say(room["id"])
    if room["missing"]:
        say(_("Founded; in force once these have signed: {allies}").format(allies=", ".join(room["missing"])))


@app.command(
    name="join",
    help=_('Sign the charter of a room that an ally proposed (where settings.toml says join = "ask").')
    + "\n\n"
    + _("Example: katchi room join 3fa9c1 --node seoul"),
)
def join(
    room: Annotated[str, Parameter(help=_("The room's id, or its beginning."))], /, *, node: NodeOption, json: JsonOption = False
) -> None:
    with Office(node) as office:
        room_id = office.ask("resolve", of="room", id=room)
        office.submit(JoinRoom(room=bytes.fromhex(room_id)))
        joined = next(one for one in office.ask("rooms") if one["id"] == room_id)
    if json:
        say_json(joined)
    else:
        say(_("Signed: {title}").format(title=joined["title"]))


@app.command(name="list", help=_("Show all rooms.") + "\n\n" + _("Example: katchi room list --node seoul"))
def list_(*, node: NodeOption, json: JsonOption = False) -> None:
    with Office(node) as office:
        rooms = office.ask("rooms")
    if json:
        say_json(rooms)
        return
    for room in rooms:
        kind = said("national room") if room["national"] else ", ".join(room["members"])
        say(f"{room['id'][:12]}  {room['title']}  ({kind}; {said(room['mode'])})")
        if room["missing"]:
            say("    " + _("not in force: {allies} has not signed").format(allies=", ".join(room["missing"])))
            continue
        for chain in room["chains"]:
            confirmed = ", ".join(f"{by} {length}" for by, length in sorted(chain["confirmed"].items())) or "-"
            say(
                "    "
                + _("{ally}: {length} entries, covered to {covered}, confirmed by {confirmed}").format(
                    ally=chain["ally"], length=chain["length"], covered=chain["covered"], confirmed=confirmed
                )
            )
            for fork in chain["forks"]:
                say("    " + _("FORK: two entries are signed for {place}").format(place=fork))
        if not room["national"]:
            say("    " + _("record phrase: {digits}").format(digits=room["phrase"]))
