"""Consultations: their list, one whole, and the form that opens one."""

from __future__ import annotations

from typing import Any, NamedTuple

from litestar import Request, Response, get, post

from katchi.consult import rules
from katchi.consult.stances import open_from
from katchi.errors import KatchiError, NotFound
from katchi.node.commands import MarkRead
from katchi.node.views.consultation import ConsultationView, consultation_page, consultation_view
from katchi.node.views.sides import SideView, side_views
from katchi.record.charter import Room
from katchi.serve.questions import Asked
from katchi.vocabulary import MESSAGES, Form, Kind, Precedence, Stance, Status
from katchi.web.forms import PAPERS_SIZE_MAX, Blank, Place, send, show, submit_form
from katchi.web.pages.acts import ACTS, found_consultation, signable, usual_marking, usual_zone
from katchi.web.sheet import Sheet
from katchi.web.visit import Visit

DONE = frozenset({Status.ENDED, Status.COULD_NOT_CONSULT, Status.AGREED})  # a clock that has run out calls nobody any more
FORM_OF_NEW = "/consultations/new"


class RoomChoice(NamedTuple):
    """A room in which a consultation can be opened."""

    id: str
    title: str
    members: list[str]
    is_national: bool


# The list.


@get("/consultations")
async def consultations(visit: Visit, before: str | None = None, show_all: bool = False) -> Response[Any]:
    """All consultations, or the open ones; newest first."""
    after = _id_of(before) if before else None
    page = await visit.front.ask(lambda asked: consultation_page(asked.state, before=after, open_only=not show_all))
    return visit.page("consultations.html", page=page, show_all=show_all, is_first=before is None, done=DONE)


# One whole.


class Whole(NamedTuple):
    """A consultation as its page shows it."""

    view: ConsultationView
    sides: list[SideView]
    room: Room


@get("/consultations/{consultation:str}")
async def consultation(visit: Visit, consultation: str, before: str | None = None, receipts: bool = False) -> Response[Any]:
    """One consultation whole. Who opens its page has read the messages that it shows."""
    earlier_than = _id_of(before) if before else None
    whole = await visit.front.ask(lambda asked: _whole(asked, consultation, earlier_than))
    new: list[str] = []
    unnoted: KatchiError | None = None
    if whole.view.unread and is_opened_by_a_person(visit.request):
        new = await visit.front.ask(lambda asked: _unread(asked, whole.view))
        try:
            await _note_read(visit, whole.view)
            whole = await visit.front.ask(lambda asked: _whole(asked, consultation, earlier_than))
        except KatchiError as error:  # what it says can be read all the same
            unnoted = error
    view = whole.view
    own = next(side for side in whole.sides if side.ally == visit.front.ally)
    open_kinds = open_from(Stance(own.stance))
    to_sign = signable(view, own) if Kind.WORDS_SIGNED in open_kinds else []
    return visit.page(
        "consultation.html",
        view=view,
        sides=whole.sides,
        room=whole.room,
        entries={entry.id: entry for entry in view.timeline},
        acts=[act for act in ACTS if act.kind in open_kinds and (act.kind is not Kind.WORDS_SIGNED or to_sign)],
        to_sign=to_sign,
        new=[entry for entry in view.timeline if entry.id in new],
        unnoted=unnoted.said(visit.speech.in_a_sentence) if unnoted else None,
        messages=MESSAGES,
        receipts=receipts,
        is_done=view.status in DONE,
        is_newest=before is None,
    )


def is_opened_by_a_person(request: Request[Any, Any, Any]) -> bool:
    """Return whether somebody went to this page: not a live update of it, not a browser that fetches it ahead."""
    headers = request.headers
    is_ahead = "prefetch" in headers.get("sec-purpose", "") + headers.get("purpose", "")
    is_page = headers.get("sec-fetch-dest", "document") == "document"
    return request.method == "GET" and "hx-request" not in headers and is_page and not is_ahead


def _whole(asked: Asked, text: str, before: bytes | None) -> Whole:
    found = found_consultation(asked.state, text)
    view = consultation_view(asked.state, found, before=before)
    return Whole(view, side_views(asked.state, found), asked.state.rooms.now[found.room])


def _unread(asked: Asked, view: ConsultationView) -> list[str]:
    return [message.hex() for message in asked.state.desk.unread(bytes.fromhex(view.id))]


async def _note_read(visit: Visit, view: ConsultationView) -> None:
    """Note the messages that the page shows as read at the officer's post, as `katchi consultation show` does."""
    theirs = [bytes.fromhex(e.id) for e in view.timeline if e.ally != visit.front.ally and e.kind in MESSAGES]
    command = MarkRead(consultation=bytes.fromhex(view.id), messages=tuple(theirs), post=visit.who.post, by=visit.who.name)
    await visit.front.submit(command)


def _id_of(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise NotFound("no entry here goes by that id", hint="The list leads to all consultations.") from None


# A new one.


@get(FORM_OF_NEW)
async def new(visit: Visit) -> Response[Any]:
    """The form that opens a consultation."""
    return show(visit, await _blank_of_new(visit))


@post("/consultations", request_max_body_size=PAPERS_SIZE_MAX)
async def open_(visit: Visit) -> Response[Any]:
    """Open a consultation."""

    async def act(sheet: Sheet) -> str:
        command = rules.Open(
            subject=sheet.text("subject"),
            room=sheet.digest("room"),
            form=sheet.form,
            due=sheet.time("due", visit.front.clock()),
            citing=sheet.optional("citing"),
            papers=sheet.kept_papers,
            precedence=sheet.precedence,
            marking=sheet.text("marking"),
            post=visit.who.post,
            by=visit.who.name,
        )
        written = await submit_form(visit, sheet, command)
        return f"/consultations/{(written.digest or b'').hex()}"

    async def place(sheet: Sheet) -> Place:
        room = sheet.digest("room")
        return await visit.front.ask(lambda asked: _place(asked, room))

    return await send(visit, await _blank_of_new(visit), act, place=place)


async def _blank_of_new(visit: Visit) -> Blank:
    rooms = await visit.front.ask(_rooms)
    shared = [room for room in rooms if not room.is_national]
    usual = {
        "form": Form.EXCHANGE.value,
        "precedence": Precedence.PRIORITY.name.lower(),
        "marking": usual_marking(visit.front),
        "due_zone": usual_zone(visit.front),
        "room": (shared or rooms)[0].id if rooms else "",
    }
    return Blank(FORM_OF_NEW, "consultation_new.html", usual, {"rooms": rooms, "forms": list(Form)})


def _rooms(asked: Asked) -> list[RoomChoice]:
    """The rooms in force, shared ones first."""
    rooms = sorted(asked.state.rooms.now.values(), key=lambda room: (room.is_national, room.charter.founded, room.id))
    return [RoomChoice(r.id.hex(), r.title, list(r.members), r.is_national) for r in rooms if not r.missing]


def _place(asked: Asked, room: bytes | None) -> Place:
    found = asked.state.rooms.get(room) if room is not None else None
    if found is None:
        raise NotFound("no room here goes by that id", hint="`katchi room list` shows all rooms.", field="room")
    return Place(found.id, found.hash)


HANDLERS = (consultations, new, open_, consultation)
