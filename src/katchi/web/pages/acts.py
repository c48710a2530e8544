"""The acts of a consultation: one page with one form for each. The rules decide whether it is open now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler

from katchi.consult import rules
from katchi.consult.consultation import Consultation
from katchi.errors import Malformed, NotFound, Refused
from katchi.node.state import State
from katchi.node.views.consultation import ConsultationView, consultation_view
from katchi.node.views.sides import SideView, side_views
from katchi.serve.questions import Asked
from katchi.vocabulary import Kind, Precedence
from katchi.web.forms import PAPERS_SIZE_MAX, Blank, Place, send, show, submit_form
from katchi.web.front import Front
from katchi.web.sheet import Sheet
from katchi.web.visit import Visit

HOME_ZONE = {"KOR": "Asia/Seoul", "USA": "America/New_York"}  # in which times are typed, unless another is chosen


class ActForm(NamedTuple):
    """One act, and how its form is read."""

    slug: str  # as the command line names it
    kind: Kind
    read: Callable[[Sheet, int, dict[str, Any]], rules.ConsultationCommand]
    takes_papers: bool = False

    @property
    def template(self) -> str:
        """Its page."""
        return f"acts/{self.slug}.html"


def _acknowledge(sheet: Sheet, _: int, said: dict[str, Any]) -> rules.Acknowledge:
    return rules.Acknowledge(text=sheet.optional("text"), **said)


def _state_position(sheet: Sheet, _: int, said: dict[str, Any]) -> rules.StatePosition:
    return rules.StatePosition(text=sheet.text("text"), papers=sheet.kept_papers, **said)


def _propose_words(sheet: Sheet, _: int, said: dict[str, Any]) -> rules.ProposeWords:
    return rules.ProposeWords(words={tongue: text for tongue in ("ko", "en") if (text := sheet.text(tongue))}, **said)


def _sign_words(sheet: Sheet, _: int, said: dict[str, Any]) -> rules.SignWords:
    proposal = sheet.digest("proposal")
    if proposal is None:  # never "the only one there is": what is signed is what was shown
        raise Malformed("no words are chosen", hint="Choose the words to sign.", field="proposal")
    return rules.SignWords(proposal=proposal, **said)


def _end(sheet: Sheet, _: int, said: dict[str, Any]) -> rules.End:
    return rules.End(reason=sheet.text("reason"), **said)


def _could_not_consult(sheet: Sheet, _: int, said: dict[str, Any]) -> rules.CouldNotConsult:
    return rules.CouldNotConsult(effort=sheet.text("effort"), reason=sheet.text("reason"), **said)


def _record_decision(sheet: Sheet, now: int, said: dict[str, Any]) -> rules.RecordDecision:
    return rules.RecordDecision(
        question=sheet.text("question"),
        options=sheet.lines("options"),
        outcome=sheet.text("outcome"),
        owner=sheet.text("owner"),
        reason=sheet.text("reason"),
        deadline=sheet.time("deadline", now),
        follow_up=sheet.optional("follow_up"),
        **said,
    )


ACTS = (
    ActForm("acknowledge", Kind.ACKNOWLEDGED, _acknowledge),
    ActForm("state-position", Kind.POSITION_STATED, _state_position, takes_papers=True),
    ActForm("propose-words", Kind.WORDS_PROPOSED, _propose_words),
    ActForm("sign-words", Kind.WORDS_SIGNED, _sign_words),
    ActForm("record-decision", Kind.DECISION_RECORDED, _record_decision),
    ActForm("end", Kind.ENDED, _end),
    ActForm("could-not-consult", Kind.COULD_NOT_CONSULT, _could_not_consult),
)


def found_consultation(state: State, text: str) -> Consultation:
    """Return a consultation by its id in an address.

    Raises:
        NotFound: none here goes by it.
    """
    try:
        found = state.consultation(bytes.fromhex(text))
    except ValueError:
        found = None
    if found is None:
        raise NotFound("no consultation here goes by that id", hint="`katchi consultation list` shows all.")
    return found


def usual_marking(front: Front) -> str:
    """Return what an entry is marked with unless its writer says otherwise."""
    return front.service.driver.machine.settings.usual_marking


def usual_zone(front: Front) -> str:
    """Return the zone in which this government's officers type times, unless they choose another."""
    return HOME_ZONE.get(front.ally, "UTC")


class Sight(NamedTuple):
    """What an officer sees beside the form of an act."""

    view: ConsultationView
    sides: list[SideView]
    room: Place
    refusal: Refused | None  # why the act is not open now


def _sight(asked: Asked, text: str, act: ActForm) -> Sight:
    state = asked.state
    found = found_consultation(state, text)
    room = state.rooms.now[found.room]
    refusal = None
    try:
        rules.require_open(found, state.own.ally, act.kind)
    except Refused as error:
        refusal = error
    return Sight(consultation_view(state, found, limit=1), side_views(state, found), Place(room.id, room.hash), refusal)


def _blank(visit: Visit, act: ActForm, sight: Sight) -> Blank:
    view = sight.view
    precedence = Precedence.ROUTINE if act.kind is Kind.ENDED else Precedence(view.precedence)
    own = next(side for side in sight.sides if side.ally == visit.front.ally)
    settled = signable(view, own)
    usual = {
        "precedence": precedence.name.lower(),
        "marking": usual_marking(visit.front),
        "deadline_zone": usual_zone(visit.front),
    }
    chosen = visit.request.query_params.get("proposal", settled[0] if len(settled) == 1 else "")
    shown = {"view": view, "sides": sight.sides, "own": own, "settled": settled, "act": act}
    return Blank(f"/consultations/{view.id}/{act.slug}", act.template, usual, shown, {"proposal": chosen} if chosen else {})


def signable(view: ConsultationView, own: SideView) -> list[str]:
    """Return the proposals that our side has not signed and could: their text is here, and holds no [brackets]."""
    return [
        one.id
        for one in view.proposals
        if one.words and one.id not in own.signed and not any("[" in text or "]" in text for text in one.words.values())
    ]


async def _open(visit: Visit, consultation: str, act: ActForm) -> Response[Any]:
    sight = await visit.front.ask(lambda asked: _sight(asked, consultation, act))
    errors = [sight.refusal] if sight.refusal else []
    return show(visit, _blank(visit, act, sight), errors=errors, is_open=not errors)


async def _send(visit: Visit, consultation: str, act: ActForm) -> Response[Any]:
    sight = await visit.front.ask(lambda asked: _sight(asked, consultation, act))
    path = f"/consultations/{sight.view.id}"

    async def write(sheet: Sheet) -> str:
        said = {
            "consultation": bytes.fromhex(sight.view.id),
            "precedence": sheet.precedence,
            "marking": sheet.text("marking"),
            "post": visit.who.post,
            "by": visit.who.name,
        }
        await submit_form(visit, sheet, act.read(sheet, visit.front.clock(), said))
        return path

    async def place(_: Sheet) -> Place:
        if sight.refusal is not None:
            raise sight.refusal
        return sight.room

    return await send(visit, _blank(visit, act, sight), write, place=place if act.takes_papers else None)


def _handlers(act: ActForm) -> Iterator[HTTPRouteHandler]:
    """The two handlers of one act: its page, and what its form sends."""
    path = f"/consultations/{{consultation:str}}/{act.slug}"

    async def opened(visit: Visit, consultation: str) -> Response[Any]:
        """The form of one act in a consultation."""
        return await _open(visit, consultation, act)

    async def sent(visit: Visit, consultation: str) -> Response[Any]:
        """Do one act in a consultation."""
        return await _send(visit, consultation, act)

    yield get(path)(opened)
    yield post(path, request_max_body_size=PAPERS_SIZE_MAX)(sent) if act.takes_papers else post(path)(sent)


HANDLERS = tuple(handler for act in ACTS for handler in _handlers(act))
