"""`katchi consultation`: the acts of a consultation. How it stands is shown by timeline.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from katchi.cli import timeline
from katchi.cli.options import (
    ByOption,
    ConsultationArgument,
    JsonOption,
    MarkingOption,
    NodeOption,
    PostOption,
    PrecedenceOption,
)
from katchi.cli.papers import keep_papers, named_papers
from katchi.cli.speech import _, said, say, say_json
from katchi.consult import rules
from katchi.errors import Malformed
from katchi.serve.clock import now_us, time_of
from katchi.serve.office import Office
from katchi.vocabulary import Form, Precedence

app = App(name="consultation", help=_("Open a consultation, answer, state positions, agree words."))

PaperOption = Annotated[
    list[Path] | None, Parameter(name="--paper", negative="", help=_("A document to attach, to 64 MiB; may be given again."))
]
FormWord = Literal["exchange-of-views", "notice-of-decision", "towards-consensus"]


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
    marking: MarkingOption = None,
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
            papers=named_papers(office, room_id, paper or []),
            precedence=Precedence[precedence.upper()],
            marking=marking,
            post=post,
            by=by,
        )
        keep_papers(office, room_id, command, paper or [])
        _done(office, command, json)


app.command(
    name="list", help=_("Show consultations, newest first.") + "\n\n" + _("Example: katchi consultation list --node seoul")
)(timeline.list_)
app.command(
    name="show",
    help=_("Show a consultation whole: stances, words, timeline with receipts. A running node notes its messages as read.")
    + "\n\n"
    + _("Example: katchi consultation show 3fa9c1 --node seoul"),
)(timeline.show)


@app.command(
    name="acknowledge",
    help=_("Take up a consultation that an ally opened.")
    + "\n\n"
    + _("Example: katchi consultation acknowledge 3fa9c1 --node washington"),
)
def acknowledge(
    consultation: ConsultationArgument,
    /,
    *,
    node: NodeOption,
    text: Annotated[str | None, Parameter(help=_("A word with it, if any."))] = None,
    precedence: PrecedenceOption = "priority",
    marking: MarkingOption = None,
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
    consultation: ConsultationArgument,
    /,
    *,
    text: Annotated[str, Parameter(help=_("The position."))],
    node: NodeOption,
    paper: PaperOption = None,
    precedence: PrecedenceOption = "priority",
    marking: MarkingOption = None,
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
            papers=named_papers(office, room, paper or []),
            precedence=Precedence[precedence.upper()],
            marking=marking,
            post=post,
            by=by,
        )
        keep_papers(office, room, command, paper or [])
        _done(office, command, json)


@app.command(
    name="propose-words",
    help=_("Propose words for all to sign; [brackets] mark what is not settled.")
    + "\n\n"
    + _('Example: katchi consultation propose-words 3fa9c1 --en "Both sides ..." --ko "양측은 ..." --node seoul'),
)
def propose_words(
    consultation: ConsultationArgument,
    /,
    *,
    node: NodeOption,
    en: Annotated[str | None, Parameter(help=_("The words in English."))] = None,
    ko: Annotated[str | None, Parameter(help=_("The words in Korean."))] = None,
    precedence: PrecedenceOption = "priority",
    marking: MarkingOption = None,
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
    consultation: ConsultationArgument,
    /,
    *,
    node: NodeOption,
    proposal: Annotated[
        str | None, Parameter(help=_("Which words, by their id; not needed where there is one proposal."))
    ] = None,
    precedence: PrecedenceOption = "priority",
    marking: MarkingOption = None,
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
    consultation: ConsultationArgument,
    /,
    *,
    reason: Annotated[str, Parameter(help=_("Why it ends."))],
    node: NodeOption,
    precedence: PrecedenceOption = "routine",
    marking: MarkingOption = None,
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
    consultation: ConsultationArgument,
    /,
    *,
    effort: Annotated[str, Parameter(help=_("What was tried."))],
    reason: Annotated[str, Parameter(help=_("Why it was not possible."))],
    node: NodeOption,
    precedence: PrecedenceOption = "priority",
    marking: MarkingOption = None,
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


@app.command(
    name="record-decision",
    help=_("Record what this government decided, by itself and elsewhere, after consulting. It moves nobody's stance.")
    + "\n\n"
    + _(
        'Example: katchi consultation record-decision 3fa9c1 --question "Whether to raise the watch" '
        '--outcome "The watch is raised" --owner "Director of the watch" --reason "Both sides assess alike" --node seoul'
    ),
)
def record_decision(
    consultation: ConsultationArgument,
    /,
    *,
    question: Annotated[str, Parameter(help=_("What was to be decided."))],
    outcome: Annotated[str, Parameter(help=_("What was decided."))],
    owner: Annotated[str, Parameter(help=_("Who sees to it, to 200 letters."))],
    reason: Annotated[str, Parameter(help=_("Why it was decided so."))],
    node: NodeOption,
    option: Annotated[
        list[str] | None,
        Parameter(name="--option", negative="", help=_("One of up to 16 options that were weighed; may be given again.")),
    ] = None,
    due: Annotated[str | None, Parameter(allow_leading_hyphen=True, help=_("By when: a time with its zone, or +2h."))] = None,
    follow_up: Annotated[str | None, Parameter(help=_("What is to follow."))] = None,
    precedence: PrecedenceOption = "priority",
    marking: MarkingOption = None,
    post: PostOption = None,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    with Office(node) as office:
        command = rules.RecordDecision(
            consultation=_opening(office, consultation),
            question=question,
            options=tuple(option or ()),
            outcome=outcome,
            owner=owner,
            reason=reason,
            deadline=time_of(due, now=now_us()) if due else None,
            follow_up=follow_up,
            precedence=Precedence[precedence.upper()],
            marking=marking,
            post=post,
            by=by,
        )
        _done(office, command, json)


def _opening(office: Office, beginning: str) -> bytes:
    return bytes.fromhex(office.ask("resolve", id=beginning))


def _done(office: Office, command: rules.Open | rules.ConsultationCommand, json: bool) -> None:
    """Give the command; say what was kept, and how the consultation stands."""
    (written,) = office.submit(command)
    entry = (written.digest or b"").hex()
    opening = entry if isinstance(command, rules.Open) else command.consultation.hex()
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
