"""Consultations: their list, one whole, and every act in one."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post
from litestar.params import QueryParameter
from msgspec import Meta

from katchi.consult import rules
from katchi.node.commands import MarkRead
from katchi.node.views.consultation import ConsultationPage, ConsultationSummary, ConsultationView, consultation_summary
from katchi.serve import questions
from katchi.serve.questions import Asked
from katchi.web.api import acts
from katchi.web.api.acts import Done, Hex
from katchi.web.api.asking import Limit, ask, opening_id, room_id
from katchi.web.api.body import Seated, read_body, seat_of
from katchi.web.visit import Visit

MESSAGES_MAX = 10_000


class Reading(Seated, frozen=True, kw_only=True):
    """What an officer has read."""

    messages: Annotated[
        tuple[Hex, ...],
        Meta(
            description="The ids of the entries that were shown; those that lie unread here are noted as read.",
            max_length=MESSAGES_MAX,
        ),
    ]


@get("/api/consultations")
async def list_consultations(
    visit: Visit,
    room: Annotated[str | None, QueryParameter(description="Only those of this room: its id, or its beginning.")] = None,
    before: Annotated[str | None, QueryParameter(description="The page after this one: `next` of the page before.")] = None,
    limit: Limit = None,
    open_only: Annotated[
        bool | None, QueryParameter(name="open", description="Only those that some member has not ended.")
    ] = None,
) -> ConsultationPage:
    """Show consultations, newest first."""
    found: ConsultationPage = await ask(
        visit, questions.consultation_page, room=room, before=before, limit=limit, open_only=open_only
    )
    return found


@post("/api/consultations", takes=acts.Opening)
async def open_consultation(visit: Visit) -> Done:
    """Open a consultation; any ally may, and nobody is asked.

    Keep its papers first, with `PUT /api/rooms/{id}/papers`.
    """
    body = await read_body(visit, acts.Opening)
    return await _do(visit, body.as_command(*seat_of(visit, body), room=await room_id(visit, body.room)))


@get("/api/consultations/{id:str}")
async def show_consultation(
    visit: Visit,
    id: str,
    before: Annotated[str | None, QueryParameter(description="Only entries before this one: the first one shown.")] = None,
    limit: Limit = None,
) -> ConsultationView:
    """Show a consultation: stances, words, the newest entries of its timeline with their receipts.

    Nothing is noted as read: `POST /api/consultations/{id}/read` does that.
    """
    found: ConsultationView = await ask(visit, questions.consultation, id=id, before=before, limit=limit)
    return found


@post("/api/consultations/{id:str}/acknowledge", takes=acts.Acknowledgement)
async def acknowledge(visit: Visit, id: str) -> Done:
    """Take up a consultation that an ally opened."""
    return await _act(visit, id, acts.Acknowledgement)


@post("/api/consultations/{id:str}/state-position", takes=acts.Position)
async def state_position(visit: Visit, id: str) -> Done:
    """State this government's position, in its own words."""
    return await _act(visit, id, acts.Position)


@post("/api/consultations/{id:str}/propose-words", takes=acts.Proposal)
async def propose_words(visit: Visit, id: str) -> Done:
    """Propose words for all to sign; [brackets] mark what is not settled."""
    return await _act(visit, id, acts.Proposal)


@post("/api/consultations/{id:str}/sign-words", takes=acts.Signing)
async def sign_words(visit: Visit, id: str) -> Done:
    """Sign proposed words. A signature is never withdrawn."""
    body = await read_body(visit, acts.Signing)
    opening = await opening_id(visit, id)
    proposal = None
    if body.proposal is not None:
        proposal = bytes.fromhex(await ask(visit, questions.resolve, id=opening.hex(), proposal=body.proposal))
    return await _do(visit, body.as_command(*seat_of(visit, body), consultation=opening, proposal=proposal))


@post("/api/consultations/{id:str}/end", takes=acts.Ending)
async def end(visit: Visit, id: str) -> Done:
    """End this government's own part; the others' parts go on."""
    return await _act(visit, id, acts.Ending)


@post("/api/consultations/{id:str}/could-not-consult", takes=acts.Impossibility)
async def could_not_consult(visit: Visit, id: str) -> Done:
    """Record that consultation was not possible: what was tried, and why it failed."""
    return await _act(visit, id, acts.Impossibility)


@post("/api/consultations/{id:str}/record-decision", takes=acts.Decision)
async def record_decision(visit: Visit, id: str) -> Done:
    """Record what this government decided, by itself and elsewhere, after consulting. It moves nobody's stance."""
    return await _act(visit, id, acts.Decision)


@post("/api/consultations/{id:str}/read", status_code=200, takes=Reading)
async def read(visit: Visit, id: str) -> ConsultationSummary:
    """Note that an officer has read these messages; answers with the consultation's line of the list."""
    body = await read_body(visit, Reading)
    post, by = seat_of(visit, body)
    opening = await opening_id(visit, id)
    messages = tuple(map(bytes.fromhex, body.messages))
    await visit.front.submit(MarkRead(consultation=opening, messages=messages, post=post, by=by))
    return await _summary(visit, opening)


async def _act(visit: Visit, id: str, shape: type[acts.Act]) -> Done:
    body = await read_body(visit, shape)
    return await _do(visit, body.as_command(*seat_of(visit, body), consultation=await opening_id(visit, id)))


async def _do(visit: Visit, command: rules.Open | rules.ConsultationCommand) -> Done:
    """Give a command; return what was kept, and how the consultation stands."""
    written = await visit.front.submit(command)
    entry = written.digest or b""
    opening = entry if isinstance(command, rules.Open) else command.consultation
    summary = await _summary(visit, opening)
    return Done(
        kept=written.place,
        entry=entry.hex(),
        consultation=opening.hex(),
        status=summary.status,
        stances=summary.stances,
    )


async def _summary(visit: Visit, opening: bytes) -> ConsultationSummary:
    def summary(asked: Asked) -> ConsultationSummary:
        consultation = asked.state.consultation(opening)
        assert consultation is not None  # it was acted in
        return consultation_summary(asked.state, consultation)

    return await visit.front.ask(summary)


HANDLERS = (
    list_consultations,
    open_consultation,
    show_consultation,
    acknowledge,
    state_position,
    propose_words,
    sign_words,
    end,
    could_not_consult,
    record_decision,
    read,
)
