"""`katchi consultation`: the acts of a consultation, and how it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from katchi.cli.options import ByOption, JsonOption, MarkingOption, NodeOption, PostOption, PrecedenceOption
from katchi.cli.papers import keep_papers
from katchi.cli.speech import _, clock, said, say, say_json, time_of
from katchi.consult import rules
from katchi.errors import Malformed
from katchi.node.commands import MarkRead
from katchi.serve.clock import now_us
from katchi.serve.office import Office
from katchi.vocabulary import MESSAGES, Form, Precedence

app = App(name="consultation", help=_("Open a consultation, answer, state positions, agree words."))

Id = Annotated[str, Parameter(help=_("The consultation's id, or its beginning."))]
PaperOption = Annotated[
    list[Path] | None, Parameter(name="--paper", negative="", help=_("A document to attach, to 64 MiB; may be given again."))
]
FormWord = Literal["exchange-of-views", "notice-of-decision", "towards-consensus"]
DEFAULT_MARKING = "UNCLASSIFIED"


@app.command(
    name="open",
    help=_("Open a consultation; any ally may, and nobody is asked.")
    + "\n\n"
    + _('Example: katchi consultation open --subject "Seismic event of 00:30Z" --form exchange-of-views --node seoul'),
)
def open_(
    *,
    subject: Annotated[str, Parameter(help=_("What it is about."))],
    node: NodeOption,
    room: Annotated[str | None, Parameter(help=_("The room; the only shared one, else the national one, if not given."))] = None,
    form: Annotated[FormWord, Parameter(help=_("In which form to consult."))] = "exchange-of-views",
    due: Annotated[str | None, Parameter(allow_leading_hyphen=True, help=_("By when: a time with its zone, or +2h."))] = None,
    citing: Annotated[str | None, Parameter(help=_("The commitment it rests on, by its words."))] = None,
    paper: PaperOption = None,
    precedence: PrecedenceOption = "priority",
    marking: MarkingOption = DEFAULT_MARKING,
    post: PostOption = None,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    with Office(node) as office:
        room_id = bytes.fromhex(office.ask("resolve", of="room", id=room))
        command = rules.Open(
            subject=subject,
            room=room_id,
            form=Form(form),
            due=time_of(due, now=now_us()) if due else None,
            citing=citing,
            papers=keep_papers(office, room_id, paper or []),
            precedence=Precedence[precedence.upper()],
            marking=marking,
            post=post,
            by=by,
        )
        _done(office, command, json)


@app.command(name="list", help=_("Show all consultations.") + "\n\n" + _("Example: katchi consultation list --node seoul"))
def list_(*, node: NodeOption, json: JsonOption = False) -> None:
    with Office(node) as office:
        consultations = office.ask("consultations")
    if json:
        say_json(consultations)
        return
    for one in consultations:
        stances = "  ".join(f"{ally}: {said(stance)}" for ally, stance in one["stances"].items())
        unread = _("  {n} unread").format(n=one["unread"]) if one["unread"] else ""
        say(f"{one['id'][:12]}  {said(one['status'])}  {clock(one['opened_at'])}  {one['subject']}{unread}")
        say(f"              {stances}")


@app.command(
    name="show",
    help=_("Show a consultation whole: stances, words, timeline with receipts. A running node notes its messages as read.")
    + "\n\n"
    + _("Example: katchi consultation show 3fa9c1 --node seoul"),
)
def show(
    consultation: Id,
    /,
    *,
    node: NodeOption,
    post: PostOption = None,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    with Office(node) as office:
        view = office.ask("consultation", id=consultation)
        if office.is_running and view["unread"]:
            own = office.directory.identity.identity.ally
            messages = [bytes.fromhex(e["id"]) for e in view["timeline"] if e["ally"] != own and e["kind"] in MESSAGES]
            office.submit(MarkRead(consultation=bytes.fromhex(view["id"]), messages=tuple(messages), post=post, by=by))
    if json:
        say_json(view)
        return
    _say_consultation(view)


def _say_consultation(view: dict[str, Any]) -> None:
    say(view["subject"])
    say(f"{said(view['status'])}  ·  {said(view['form'])}  ·  {said(Precedence(view['precedence']).name.lower())}")
    say(_("id {id}").format(id=view["id"]))
    if view["due"]:
        say(_("due by {time}").format(time=clock(view["due"])))
    if view["citing"]:
        say(_("citing: {words}").format(words=view["citing"]))
    for ally, stance in view["stances"].items():
        say(f"  {ally:8} {said(stance)}")
    for proposal in view["proposals"]:
        say(
            _("Words proposed by {ally} ({id}), signed by: {signed}").format(
                ally=proposal["by"], id=proposal["id"][:12], signed=", ".join(proposal["signed_by"]) or "-"
            )
        )
        for tongue, text in proposal["words"].items():
            say(f"  [{tongue}] {text}")
        for ally in proposal["unconfirmed"]:
            say("  " + said("agreed here; not yet confirmed that {ally} holds it").format(ally=ally))
    for entry in view["timeline"]:
        _say_entry(entry)


def _say_entry(entry: dict[str, Any]) -> None:
    marks = [said("crossed")] * bool(entry["crossed"]) + [said(flag) for flag in entry["flags"]]
    strength = (
        _("confirmed by {allies}").format(allies=", ".join(entry["confirmed_by"]))
        if entry["confirmed_by"]
        else (_("covered") if entry["covered"] else _("signed"))
    )
    body = entry["body"] or {}
    text = next((body[name] for name in ("subject", "text", "reason") if body.get(name)), "")
    line = f"{clock(entry['at'])}  {entry['place']:12} {said(entry['kind'])}  [{strength}]"
    say(line + "".join(f"  <{mark}>" for mark in marks))
    if text:
        say(f"      {text}")
    for paper in body.get("papers") or []:
        say("      " + _("paper: {name}, {size} bytes").format(name=paper["name"], size=paper["size"]))
    for receipt in entry["receipts"]:
        facts = [
            f"{said(name)} {clock(receipt[name], with_date=False)}"
            for name in ("sent", "received", "delivered", "read", "answered")
            if receipt[name]
        ]
        if facts:
            say(f"      {receipt['ally']}: " + ", ".join(facts))


@app.command(
    name="acknowledge",
    help=_("Take up a consultation that an ally opened.")
    + "\n\n"
    + _("Example: katchi consultation acknowledge 3fa9c1 --node washington"),
)
def acknowledge(
    consultation: Id,
    /,
    *,
    node: NodeOption,
    text: Annotated[str | None, Parameter(help=_("A word with it, if any."))] = None,
    precedence: PrecedenceOption = "priority",
    marking: MarkingOption = DEFAULT_MARKING,
    post: PostOption = None,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    with Office(node) as office:
        command = rules.Acknowledge(
            consultation=_opening(office, consultation),
            text=text,
            precedence=Precedence[precedence.upper()],
            marking=marking,
            post=post,
            by=by,
        )
        _done(office, command, json)


@app.command(
    name="state-position",
    help=_("State this government's position, in its own words.")
    + "\n\n"
    + _('Example: katchi consultation state-position 3fa9c1 --text "We assess ..." --node seoul'),
)
def state_position(
    consultation: Id,
    /,
    *,
    text: Annotated[str, Parameter(help=_("The position."))],
    node: NodeOption,
    paper: PaperOption = None,
    precedence: PrecedenceOption = "priority",
    marking: MarkingOption = DEFAULT_MARKING,
    post: PostOption = None,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    with Office(node) as office:
        opening = _opening(office, consultation)
        room = bytes.fromhex(office.ask("consultation", id=opening.hex())["room"]) if paper else b""
        command = rules.StatePosition(
            consultation=opening,
            text=text,
            papers=keep_papers(office, room, paper or []),
            precedence=Precedence[precedence.upper()],
            marking=marking,
            post=post,
            by=by,
        )
        _done(office, command, json)


@app.command(
    name="propose-words",
    help=_("Propose words for all to sign; [brackets] mark what is not settled.")
    + "\n\n"
    + _('Example: katchi consultation propose-words 3fa9c1 --en "Both sides ..." --ko "양측은 ..." --node seoul'),
)
def propose_words(
    consultation: Id,
    /,
    *,
    node: NodeOption,
    en: Annotated[str | None, Parameter(help=_("The words in English."))] = None,
    ko: Annotated[str | None, Parameter(help=_("The words in Korean."))] = None,
    precedence: PrecedenceOption = "priority",
    marking: MarkingOption = DEFAULT_MARKING,
    post: PostOption = None,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    words = {tongue: text for tongue, text in (("en", en), ("ko", ko)) if text}
    if not words:
        raise Malformed("there are no words to propose", hint="Give them with --en, --ko or both.")
    with Office(node) as office:
        command = rules.ProposeWords(
            consultation=_opening(office, consultation),
            words=words,
            precedence=Precedence[precedence.upper()],
            marking=marking,
            post=post,
            by=by,
        )
        _done(office, command, json)


@app.command(
    name="sign-words",
    help=_("Sign proposed words. A signature is never withdrawn.")
    + "\n\n"
    + _("Example: katchi consultation sign-words 3fa9c1 --node seoul"),
)
def sign_words(
    consultation: Id,
    /,
    *,
    node: NodeOption,
    proposal: Annotated[
        str | None, Parameter(help=_("Which words, by their id; not needed where there is one proposal."))
    ] = None,
    precedence: PrecedenceOption = "priority",
    marking: MarkingOption = DEFAULT_MARKING,
    post: PostOption = None,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    with Office(node) as office:
        opening = _opening(office, consultation)
        chosen = bytes.fromhex(office.ask("resolve", id=opening.hex(), proposal=proposal)) if proposal else None
        command = rules.SignWords(
            consultation=opening, proposal=chosen, precedence=Precedence[precedence.upper()], marking=marking, post=post, by=by
        )
        _done(office, command, json)


@app.command(
    name="end",
    help=_("End this government's own part; the others' parts go on.")
    + "\n\n"
    + _('Example: katchi consultation end 3fa9c1 --reason "Words agreed." --node seoul'),
)
def end(
    consultation: Id,
    /,
    *,
    reason: Annotated[str, Parameter(help=_("Why it ends."))],
    node: NodeOption,
    precedence: PrecedenceOption = "routine",
    marking: MarkingOption = DEFAULT_MARKING,
    post: PostOption = None,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    with Office(node) as office:
        command = rules.End(
            consultation=_opening(office, consultation),
            reason=reason,
            precedence=Precedence[precedence.upper()],
            marking=marking,
            post=post,
            by=by,
        )
        _done(office, command, json)


@app.command(
    name="could-not-consult",
    help=_("Record that consultation was not possible: what was tried, and why it failed.")
    + "\n\n"
    + _('Example: katchi consultation could-not-consult 3fa9c1 --effort "Three calls" --reason "No answer" --node seoul'),
)
def could_not_consult(
    consultation: Id,
    /,
    *,
    effort: Annotated[str, Parameter(help=_("What was tried."))],
    reason: Annotated[str, Parameter(help=_("Why it was not possible."))],
    node: NodeOption,
    precedence: PrecedenceOption = "priority",
    marking: MarkingOption = DEFAULT_MARKING,
    post: PostOption = None,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    with Office(node) as office:
        command = rules.CouldNotConsult(
            consultation=_opening(office, consultation),
            effort=effort,
            reason=reason,
            precedence=Precedence[precedence.upper()],
            marking=marking,
            post=post,
            by=by,
        )
        _done(office, command, json)


def _opening(office: Office, beginning: str) -> bytes:
    return bytes.fromhex(office.ask("resolve", id=beginning))


def _done(office: Office, command: rules.Command, json: bool) -> None:
    """Give the command; say what was kept, and how the consultation stands."""
    (written,) = office.submit(command)  # type: ignore[arg-type]
    entry = (written.digest or b"").hex()
    opening = entry if isinstance(command, rules.Open) else command.consultation.hex()  # type: ignore[attr-defined]
    view = office.ask("consultation", id=opening)
    if json:
        said_json = {
            "kept": written.place,
            "entry": entry,
            "consultation": opening,
            "status": view["status"],
            "stances": view["stances"],
        }
        say_json(said_json)
        return
    say(opening)
    say(_("kept: {place}  ·  {status}").format(place=written.place, status=said(view["status"])))
    if not office.is_running and len(view["stances"]) > 1:
        say(_("The node is not running: it goes on the link once `katchi node serve` does."))
