"""`katchi officer`: who sits at this node's screens."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from katchi.cli.options import JsonOption, NodeArgument
from katchi.cli.speech import _, said, say, say_json, tell
from katchi.errors import LinkFailed
from katchi.serve.office import Office

app = App(name="officer", help=_("Sign officers in to this node's pages."))


@app.command(
    name="link",
    help=_("Print a link that signs an officer in to the running node's pages: once, within 15 minutes.")
    + "\n\n"
    + _("Example: katchi officer link seoul --post duty"),
)
def link(
    directory: NodeArgument,
    /,
    *,
    post: Annotated[str | None, Parameter(help=_("The post that the officer holds; this node's first if not given."))] = None,
    name: Annotated[str | None, Parameter(help=_("The officer's name, to stand in what is written."))] = None,
    json: JsonOption = False,
) -> None:
    with Office(directory) as office:
        if not office.is_running:
            raise LinkFailed(
                "the node in {path} is not running", hint="Start it first: `katchi node serve {path}`.", path=str(directory)
            )
        made = office.ask("sign-in-link", post=post, name=name)
    if json:
        say_json(made)
        return
    say(made["url"])
    tell(_("Signs in once, within 15 minutes, at post {post}. Give it to nobody else.").format(post=said(made["post"])))
