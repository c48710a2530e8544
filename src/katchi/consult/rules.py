"""Our own rules for our own acts: `decide` turns an officer's command into acts, or refuses it.

It refuses only our own commands; what an ally's entry does is never refused (consultation.evolve).
It changes nothing, owns no clock, and knows no state that approves, orders or releases anything.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from katchi.consult import acts
from katchi.consult.consultation import Consultation
from katchi.consult.stances import Counts, agreed_words, open_from, stance_after
from katchi.errors import Faults, Malformed, Refused
from katchi.record.entry import Entry
from katchi.vocabulary import Form, Kind, Precedence, word


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What every command says: who acts, and how soon it must be handled."""

    post: str | None = None  # None means the first post of this node's order
    by: str | None = None
    precedence: Precedence = Precedence.ROUTINE
    marking: str | None = None  # None means what fits the mode of this node


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


class RecordDecision(Command, frozen=True, kw_only=True, tag="record-decision"):
    """Record what this ally decided, nationally and outside this system, after consulting; it moves no stance."""

    consultation: bytes
    question: str
    options: tuple[str, ...] = ()
    outcome: str
    owner: str
    reason: str
    deadline: int | None = None  # microseconds UTC
    follow_up: str | None = None


ConsultationCommand = Acknowledge | StatePosition | ProposeWords | SignWords | End | CouldNotConsult | RecordDecision

KIND_OF: dict[type[Command], Kind] = {
    Open: Kind.CONSULTATION_OPENED,
    Acknowledge: Kind.ACKNOWLEDGED,
    StatePosition: Kind.POSITION_STATED,
    ProposeWords: Kind.WORDS_PROPOSED,
    SignWords: Kind.WORDS_SIGNED,
    End: Kind.ENDED,
    CouldNotConsult: Kind.COULD_NOT_CONSULT,
    RecordDecision: Kind.DECISION_RECORDED,
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
    faults = Faults()
    with faults:
        if not command.subject.strip():
            raise Malformed("a consultation needs a subject", hint="Say in a few words what it is about.", field="subject")
        _require_fit(command.subject, "the subject", "subject", acts.SUBJECT_LENGTH_MAX)
    with faults:
        _require_fit(command.citing, "the commitment cited", "citing")
    with faults:
        if command.due is not None and command.due <= now:
            raise Malformed(
                "the consultation would be due before it is opened", hint="Give a later time, or leave it out.", field="due"
            )
    faults.require_none()
    body = acts.Opened(
        by=command.by,
        subject=command.subject.strip(),
        form=command.form,
        due=command.due,
        citing=command.citing,
        papers=command.papers,
    )
    return Act(Kind.CONSULTATION_OPENED, (), body, command)


def decide(state: Consultation, own: str, command: ConsultationCommand, held: Held, is_frozen: bool, *, now: int) -> Act:
    """Return our own act that `command` causes in `state`, or raise. Changes nothing.

    Args:
        own: our ally id.
        held: finds an entry by digest.
        is_frozen: whether our own chain has a fork that is not settled.
    Raises:
        Refused: our stance does not allow it now; the hint says what is open to us.
        Malformed: a text that must be there is empty, or a deadline has passed; it names every field that is wrong.
    """
    kind = KIND_OF[type(command)]
    require_open(state, own, kind)
    faults = Faults()
    about: tuple[bytes, ...] = (state.opening,)
    body: acts.Body
    match command:
        case Acknowledge():
            _require_fit(command.text, "the text", "text")
            body = acts.Acknowledged(by=command.by, text=command.text)
        case StatePosition():
            _require_text(command.text, "a position", "text")
            body = acts.PositionStated(by=command.by, text=command.text, papers=command.papers)
        case ProposeWords():
            for tongue, text in command.words.items() or (("en", ""),):
                with faults:
                    _require_text(text, "a proposal", tongue)
            faults.require_none()
            body = acts.WordsProposed(by=command.by, words=command.words)
        case SignWords():
            about = (state.opening, _proposal_to_sign(state, own, command, held, is_frozen))
            body = acts.WordsSigned(by=command.by)
        case End():
            _require_text(command.reason, "the reason", "reason")
            body = acts.Ended(by=command.by, reason=command.reason)
        case CouldNotConsult():
            with faults:
                _require_text(command.effort, "the effort made", "effort")
            with faults:
                _require_text(command.reason, "the reason", "reason")
            faults.require_none()
            body = acts.CouldNotConsult(by=command.by, effort=command.effort, reason=command.reason)
        case RecordDecision():
            body = _decision(command, now)
    return Act(kind, about, body, command)


def _decision(command: RecordDecision, now: int) -> acts.DecisionRecorded:
    faults = Faults()
    with faults:
        _require_text(command.question, "the question", "question")
    with faults:
        if len(command.options) > acts.OPTIONS_MAX:
            raise Malformed(
                "{n} options are named where {limit} fit",
                hint="Name those that were weighed in the end.",
                field="options",
                n=len(command.options),
                limit=acts.OPTIONS_MAX,
            )
        for option in command.options:
            _require_text(option, "an option", "options")
    with faults:
        _require_text(command.outcome, "the outcome", "outcome")
    with faults:
        _require_text(command.owner, "the owner", "owner", acts.OWNER_LENGTH_MAX)
    with faults:
        _require_text(command.reason, "the reason", "reason")
    with faults:
        if command.follow_up is not None:
            _require_text(command.follow_up, "the follow-up", "follow_up")
    with faults:
        if command.deadline is not None and command.deadline <= now:
            raise Malformed(
                "the deadline of this decision has passed", hint="Give a later time, or leave it out.", field="deadline"
            )
    faults.require_none()
    return acts.DecisionRecorded(
        by=command.by,
        question=command.question,
        options=command.options,
        outcome=command.outcome,
        owner=command.owner,
        reason=command.reason,
        deadline=command.deadline,
        follow_up=command.follow_up,
    )


def require_open(state: Consultation, own: str, kind: Kind) -> None:
    """Refuse an act that our own stance does not leave open.

    Raises:
        Refused: the hint says what is open to us.
    """
    stance = state.standings[own].stance
    if stance_after(stance, kind) is None:
        raise Refused(
            "{ally} stands at '{stance}' in this consultation, so '{act}' is not open to it",
            hint="Open to it now: {open}. `katchi consultation show ID` shows where all stand.",
            ally=own,
            stance=word(stance),
            act=word(kind),
            open=", ".join(map(word, open_from(stance))),
        )


def _require_text(text: str, what: str, field: str, limit: int = acts.TEXT_LENGTH_MAX) -> None:
    if not text.strip():
        raise Malformed("{what} cannot be empty", hint="Write it out in a sentence.", field=field, what=what)
    _require_fit(text, what, field, limit)


def _require_fit(text: str | None, what: str, field: str, limit: int = acts.TEXT_LENGTH_MAX) -> None:
    length = acts.length_of(text) if text is not None else 0
    if length > limit:
        raise Malformed(
            "{what} has {length} letters where {limit} fit",
            hint="Shorten it, or attach it as a paper.",
            field=field,
            what=what,
            length=length,
            limit=limit,
        )


def _proposal_to_sign(state: Consultation, own: str, command: SignWords, held: Held, is_frozen: bool) -> bytes:
    see = "`katchi consultation show ID` lists the words proposed."
    proposal = command.proposal
    if proposal is None:
        if len(state.proposals) != 1:
            raise Refused(
                "{n} proposals stand in this consultation",
                hint="Name the one to sign. " + see,
                field="proposal",
                n=len(state.proposals),
            )
        proposal = next(iter(state.proposals))
    if proposal not in state.proposals:
        raise Refused("these are not the words proposed in this consultation", hint=see, field="proposal")
    if any(s.proposal == proposal for s in state.standings[own].signatures):
        raise Refused(
            "{ally} has already signed these words",
            hint="A signature cannot be withdrawn or repeated. " + see,
            field="proposal",
            ally=own,
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
        raise Refused(
            "the text of these words has not arrived yet", hint="Wait until the link has brought it. " + see, field="proposal"
        )
    for text in proposed.words.values():
        if "[" in text or "]" in text:
            raise Refused(
                "these words still hold [brackets]: they are not settled",
                hint="Propose words without brackets with `katchi consultation propose-words`.",
                field="proposal",
            )
    return proposal


def is_agreed(state: Consultation, counts: Counts) -> bool:
    """Return whether every member signed the same words, by entries that count."""
    return bool(agreed_words(state.standings, state.proposals, counts))
