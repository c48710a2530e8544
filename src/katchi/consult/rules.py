"""Our own rules for our own acts: `decide` turns an officer's command into acts, or refuses it.

It refuses only our own commands; what an ally's entry does is never refused (consultation.evolve).
It changes nothing, owns no clock, and knows no state that approves, orders or releases anything.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from katchi.consult import acts
from katchi.consult.consultation import Consultation
from katchi.consult.stances import NEXT, Counts, agreed_words
from katchi.errors import Malformed, Refused
from katchi.record.entry import Entry
from katchi.vocabulary import Form, Kind, Precedence, word


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What every command says: who acts, and how soon it must be handled."""

    post: str | None = None  # None means the first post of this node's order
    by: str | None = None
    precedence: Precedence = Precedence.ROUTINE
    marking: str = "UNCLASSIFIED"


class Open(Command, frozen=True, kw_only=True, tag="open"):
    """Open a consultation in a room; None means the node's only shared room, else its national one."""

    subject: str
    room: bytes | None = None
    form: Form = Form.EXCHANGE
    due: int | None = None  # microseconds UTC
    citing: str | None = None
    papers: tuple[acts.Paper, ...] = ()


class Acknowledge(Command, frozen=True, kw_only=True, tag="acknowledge"):
    """Take up a consultation that another ally opened."""

    consultation: bytes
    text: str | None = None


class StatePosition(Command, frozen=True, kw_only=True, tag="state-position"):
    """State where this ally stands, in its own words."""

    consultation: bytes
    text: str
    papers: tuple[acts.Paper, ...] = ()


class ProposeWords(Command, frozen=True, kw_only=True, tag="propose-words"):
    """Propose words for all members to sign."""

    consultation: bytes
    words: dict[str, str]


class SignWords(Command, frozen=True, kw_only=True, tag="sign-words"):
    """Sign proposed words; irrevocable. None means the only proposal there is."""

    consultation: bytes
    proposal: bytes | None = None


class End(Command, frozen=True, kw_only=True, tag="end"):
    """End this ally's own part."""

    consultation: bytes
    reason: str


class CouldNotConsult(Command, frozen=True, kw_only=True, tag="could-not-consult"):
    """Record that consultation was not possible, with the effort made and the reason."""

    consultation: bytes
    effort: str
    reason: str


ConsultationCommand = Acknowledge | StatePosition | ProposeWords | SignWords | End | CouldNotConsult

KIND_OF: dict[type[Command], Kind] = {
    Open: Kind.CONSULTATION_OPENED,
    Acknowledge: Kind.ACKNOWLEDGED,
    StatePosition: Kind.POSITION_STATED,
    ProposeWords: Kind.WORDS_PROPOSED,
    SignWords: Kind.WORDS_SIGNED,
    End: Kind.ENDED,
    CouldNotConsult: Kind.COULD_NOT_CONSULT,
}


class Act(msgspec.Struct, frozen=True):
    """An entry to be: all but its place in the chain."""

    kind: Kind
    about: tuple[bytes, ...]
    body: acts.Body
    command: Command


Held = Callable[[bytes], Entry | None]


def decide_open(command: Open, *, now: int) -> Act:
    """Return the opening act that `command` causes, or raise. Any ally may open; nobody is asked."""
    if not command.subject.strip():
        raise Malformed("a consultation needs a subject", hint='Say in a few words what it is about: --subject "...".')
    if command.due is not None and command.due <= now:
        raise Malformed("the consultation would be due before it is opened", hint="Give a later --due, or leave it out.")
    body = acts.Opened(
        by=command.by,
        subject=command.subject.strip(),
        form=command.form,
        due=command.due,
        citing=command.citing,
        papers=command.papers,
    )
    return Act(Kind.CONSULTATION_OPENED, (), body, command)


def decide(state: Consultation, own: str, command: ConsultationCommand, held: Held, is_frozen: bool) -> Act:
    """Return our own act that `command` causes in `state`, or raise. Changes nothing.

    Args:
        own: our ally id.
        held: finds an entry by digest.
        is_frozen: whether our own chain has a fork that is not settled.
    Raises:
        Refused: our stance does not allow it now; the hint says what is open to us.
        Malformed: a text that must be there is empty.
    """
    kind = KIND_OF[type(command)]
    stance = state.standings[own].stance
    if (stance, kind) not in NEXT:
        open_to_us = ", ".join(word(k) for s, k in NEXT if s is stance) or "nothing more"
        raise Refused(
            "{ally} stands at '{stance}' in this consultation, so '{act}' is not open to it",
            hint="Open to it now: {open}. `katchi consultation show ID` shows where all stand.",
            ally=own,
            stance=word(stance),
            act=word(kind),
            open=open_to_us,
        )
    about: tuple[bytes, ...] = (state.opening,)
    body: acts.Body
    match command:
        case Acknowledge():
            body = acts.Acknowledged(by=command.by, text=command.text)
        case StatePosition():
            _require_text(command.text, "a position")
            body = acts.PositionStated(by=command.by, text=command.text, papers=command.papers)
        case ProposeWords():
            for text in command.words.values() or ("",):
                _require_text(text, "a proposal")
            body = acts.WordsProposed(by=command.by, words=command.words)
        case SignWords():
            about = (state.opening, _proposal_to_sign(state, own, command, held, is_frozen))
            body = acts.WordsSigned(by=command.by)
        case End():
            _require_text(command.reason, "the reason")
            body = acts.Ended(by=command.by, reason=command.reason)
        case CouldNotConsult():
            _require_text(command.effort, "the effort made")
            _require_text(command.reason, "the reason")
            body = acts.CouldNotConsult(by=command.by, effort=command.effort, reason=command.reason)
    return Act(kind, about, body, command)


def _require_text(text: str, what: str) -> None:
    if not text.strip():
        raise Malformed("{what} cannot be empty", hint="Write it out in a sentence.", what=what)


def _proposal_to_sign(state: Consultation, own: str, command: SignWords, held: Held, is_frozen: bool) -> bytes:
    see = "`katchi consultation show ID` lists the words proposed."
    proposal = command.proposal
    if proposal is None:
        if len(state.proposals) != 1:
            raise Refused(
                "{n} proposals stand in this consultation", hint="Name one with --proposal. " + see, n=len(state.proposals)
            )
        proposal = next(iter(state.proposals))
    if proposal not in state.proposals:
        raise Refused("these are not the words proposed in this consultation", hint=see)
    if any(s.proposal == proposal for s in state.standings[own].signatures):
        raise Refused(
            "{ally} has already signed these words", hint="A signature cannot be withdrawn or repeated. " + see, ally=own
        )
    if is_frozen:
        raise Refused(
            "{ally}'s own chain has a fork that is not settled, so its signature would not count",
            hint="Run `katchi record audit DIR`, settle the fork, then sign.",
            ally=own,
        )
    entry = held(proposal)
    proposed = acts.body_as(entry.header.kind, entry.body, acts.WordsProposed) if entry else None
    if proposed is None:
        raise Refused("the text of these words has not arrived yet", hint="Wait until the link has brought it. " + see)
    for text in proposed.words.values():
        if "[" in text or "]" in text:
            raise Refused(
                "these words still hold [brackets]: they are not settled",
                hint="Propose words without brackets with `katchi consultation propose-words`.",
            )
    return proposal


def is_agreed(state: Consultation, counts: Counts) -> bool:
    """Return whether every member signed the same words, by entries that count."""
    return bool(agreed_words(state.standings, state.proposals, counts))
