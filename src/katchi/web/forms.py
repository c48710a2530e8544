"""How a form is opened, sent, and shown again with what was typed in it.

A form is known by the path at which it is opened: its draft is kept under that path. What is sent once
is written once; what is refused comes back whole, with the error beside the field at fault.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from litestar import Response

from katchi.consult.rules import ConsultationCommand, Open
from katchi.errors import KatchiError, Malformed
from katchi.node.commands import Consider, Written
from katchi.web.papers import keep_paper
from katchi.web.sent import AlreadySent
from katchi.web.sheet import PAPERS_MAX, Sheet, kept_papers, too_many_papers
from katchi.web.visit import Visit

RoomOf = Callable[[Sheet], Awaitable["Place"]]
PAPERS_SIZE_MAX = 260 * 1024 * 1024  # bytes of one request: four papers of 64 MiB


class Blank(NamedTuple):
    """A form to be filled in."""

    path: str  # where it is opened, and under which its draft is kept
    template: str
    usual: Mapping[str, str]  # what its fields hold before anything is typed
    shown: Mapping[str, Any]  # what else its page shows
    chosen: Mapping[str, str] = {}  # what was chosen on the way here: it stands before what a draft holds


class Place(NamedTuple):
    """The room to which the papers of a form go."""

    room: bytes
    hash: str


def show(
    visit: Visit, blank: Blank, sheet: Sheet | None = None, *, errors: Sequence[KatchiError] = (), is_open: bool = True
) -> Response[Any]:
    """Return the page of a form: as it was sent, else with its draft, else as it usually is.

    Args:
        sheet: what was sent, if it comes back.
        errors: what is wrong with it; the first one's status is the page's.
        is_open: whether it may be sent now.
    """
    drafts, officer = visit.front.drafts, visit.who
    draft = drafts.of(officer, blank.path)
    values = {**blank.usual, **(sheet.values if sheet is not None else {**draft, **blank.chosen})}
    try:
        papers = kept_papers(values)
    except KatchiError:  # not named by us: they are left out, and can be attached again
        papers = {}
    return visit.page(
        blank.template,
        status=errors[0].http_status if errors else 200,
        form_path=blank.path,
        values=values,
        kept_papers=papers,
        errors=[_said(visit, each) for error in errors for each in _in_turn(error, sheet)],
        ticket=drafts.ticket(officer, blank.path),
        number=visit.front.sent.new_number(),
        has_draft=bool(draft) and sheet is None,
        is_open=is_open,
        **blank.shown,
    )


def _in_turn(error: KatchiError, sheet: Sheet | None) -> Sequence[KatchiError]:
    """Return all that an error tells of, in the order in which the fields stand on the page."""
    order = list(sheet.values) if sheet is not None else []
    each = error.each if isinstance(error, Malformed) else (error,)
    return sorted(each, key=lambda one: order.index(one.field) if one.field in order else len(order))


def _said(visit: Visit, error: KatchiError) -> dict[str, str]:
    message, hint = error.said(visit.speech.in_a_sentence)
    if not error.message.startswith("{") or error.message.startswith("{what}"):  # what is quoted stays as it was typed
        message = message[:1].upper() + message[1:]
    return {"field": error.field, "message": message, "hint": hint}


async def send(
    visit: Visit, blank: Blank, act: Callable[[Sheet], Awaitable[str]], *, place: RoomOf | None = None
) -> Response[Any]:
    """Do what a form says, once; go to the page that shows it. Or show the form again.

    Args:
        act: gives the command, and returns the path of that page.
        place: says to which room the form's papers go, where it takes any.
    """
    front, officer, sheet = visit.front, visit.who, Sheet(await visit.fields())

    async def write() -> str:
        if place is not None:
            await _keep_papers(visit, sheet, place)
        return await act(sheet)

    try:
        path = await front.sent.once(sheet.number, sheet.content, write)
    except AlreadySent as error:
        if error.is_same:
            return visit.error(error, template="sent.html", where=error.path)
        return show(visit, blank, sheet, errors=[error])
    except KatchiError as error:
        _keep_draft(visit, blank, sheet)
        return show(visit, blank, sheet, errors=[error])
    finally:
        await sheet.close()
    front.drafts.drop(officer, blank.path)
    return visit.to(path)


async def submit_form(visit: Visit, sheet: Sheet, command: Open | ConsultationCommand) -> Written:
    """Give the node the command that a form was read into.

    Raises:
        Malformed: something is wrong with it: all that could not be read, and all that the rules do not take.
    """
    if sheet.faults:
        with sheet.faults:
            await visit.front.submit(Consider(act=command))  # its unread fields stand as left out
        sheet.faults.require_none()
    return await visit.front.submit(command)


async def _keep_papers(visit: Visit, sheet: Sheet, place: RoomOf) -> None:
    """Keep the files that were sent, and name them in the form beside those that it named already."""
    papers = sheet.kept_papers
    if len(papers) + len(sheet.files) > PAPERS_MAX:
        raise too_many_papers()
    if sheet.files:
        to = await place(sheet)
        for file in sheet.files:
            papers = (*papers, await keep_paper(visit.front, to.room, to.hash, file.filename, file.file))
            sheet.note_kept(papers)


def _keep_draft(visit: Visit, blank: Blank, sheet: Sheet) -> None:
    drafts = visit.front.drafts
    try:
        drafts.keep(drafts.ticket(visit.who, blank.path), sheet.values)
    except KatchiError:  # too long for a draft: it stands in the form that comes back
        return
