"""The duty screen: what needs us, what waits for them, how the links stand, what is open.

Each part shows its beginning, in the order in which it is to be handled, and says how much there is,
so that the screen costs the same after a million entries. Nothing here is stored or sent, and nothing
is decided. Digests are hex, times microseconds UTC by our own clock unless another is named.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from katchi.consult.acts import Delivered, Escalated, read_body
from katchi.consult.consultation import Consultation
from katchi.consult.duty import OnDesk
from katchi.link.peer import Peer
from katchi.node.docket import Waiting, waiting_of
from katchi.node.state import State
from katchi.node.views.consultation import ConsultationSummary, consultation_summary, open_consultations
from katchi.node.views.lines import line_of
from katchi.node.views.link import LinkView, link_views
from katchi.node.views.receipts import received_at, sent_at
from katchi.record.entry import Entry
from katchi.vocabulary import Kind

LIMIT = 25  # rows of each part


class NeedsYou(msgspec.Struct, kw_only=True):
    """A message from an ally that no one here has read."""

    message: str
    consultation: str
    room: str
    subject: str
    ally: str  # from whom
    kind: str
    precedence: int
    since: int  # when it came
    post: str  # that it lies before now
    due: int | None  # of the consultation, by its opener's clock
    escalates_at: int | None  # when it goes to the next post; null before the last
    line: str  # how it begins


class WaitingFor(msgspec.Struct, kw_only=True):
    """A message of ours that one ally has not read, by what it told us."""

    message: str
    consultation: str
    room: str
    subject: str
    ally: str  # who has not read it
    kind: str
    precedence: int
    at: int
    sent: int | None  # by our journal
    received: int | None  # when their countersignature over it came
    delivered: int | None  # by their clock, as they state it
    post: str | None  # of theirs that it lies before, as they state it
    escalated: int | None  # when it last went to their next post, by their clock; when it will is theirs to set, and not told
    due: int | None  # of the consultation, by its opener's clock
    line: str


class SideLine(msgspec.Struct, kw_only=True):
    """The latest that one side said in a consultation."""

    kind: str
    at: int  # its author's clock
    text: str
    entry: str


class OpenLine(msgspec.Struct, kw_only=True):
    """A consultation that some member has not ended."""

    summary: ConsultationSummary
    latest: dict[str, SideLine | None]  # by ally; null: it has said nothing


class DutyView(msgspec.Struct, kw_only=True):
    """All parts of the duty screen."""

    now: int
    needs: list[NeedsYou]  # by precedence, then by age
    needs_total: int
    waiting: list[WaitingFor]  # by precedence, then by age
    waiting_total: int  # messages of ours that some ally has not read
    links: list[LinkView]
    open: list[OpenLine]  # newest first
    open_total: int


def duty_view(state: State, peers: Mapping[str, Peer], now: int, *, limit: int = LIMIT) -> DutyView:
    """Return the duty screen at `now`, with at most `limit` rows a part."""
    return DutyView(
        now=now,
        needs=needs_you(state, limit),
        needs_total=len(state.desk),
        waiting=waiting_for(state, limit),
        waiting_total=state.docket.waiting.total,
        links=link_views(state, dict(peers)),
        open=[_open_line(state, one) for one in open_consultations(state, list(state.rooms.now), None, limit)],
        open_total=state.docket.open.total,
    )


def needs_you(state: State, limit: int = LIMIT) -> list[NeedsYou]:
    """Return the messages that no one here has read: the most urgent first, then the oldest."""
    rows = []
    for on_desk in state.desk.most_urgent(limit):
        entry, consultation = state.entry(on_desk.message), state.consultation(on_desk.opening)
        if entry is not None:
            rows.append(_needs(state, on_desk, entry, consultation))
    return rows


def _needs(state: State, on_desk: OnDesk, entry: Entry, consultation: Consultation | None) -> NeedsYou:
    terms = consultation.terms if consultation is not None else None
    return NeedsYou(
        message=on_desk.message.hex(),
        consultation=on_desk.opening.hex(),
        room=on_desk.room.hex(),
        subject=terms.subject if terms else "",
        ally=entry.header.ally,
        kind=entry.header.kind,
        precedence=on_desk.precedence,
        since=on_desk.delivered_at,
        post=on_desk.post(state.settings.duty),
        due=terms.due if terms else None,
        escalates_at=on_desk.due_at(state.settings.duty),
        line=line_of(entry),
    )


def waiting_for(state: State, limit: int = LIMIT) -> list[WaitingFor]:
    """Return our messages that some ally has not read, a row for each ally: the most urgent first, then the oldest."""
    lines = [waiting_of(value) for _, value in state.docket.waiting.first(limit)]
    receipts = {line.opening: _Receipts(state, line.opening) for line in lines}
    rows = [row for line in lines for row in _waiting(state, line, receipts[line.opening])]
    return rows[:limit]


class _Receipts:
    """What allies stated of where our messages of one consultation lie with them."""

    def __init__(self, state: State, opening: bytes) -> None:
        self.delivered: dict[tuple[str, bytes], int] = {}
        self.post: dict[tuple[str, bytes], str] = {}
        self.escalated: dict[tuple[str, bytes], int] = {}
        for kept in state.store.about(opening, (Kind.DELIVERED, Kind.ESCALATED)):
            header = kept.entry.header
            if header.ally == state.own.ally:
                continue
            body = read_body(header.kind, kept.entry.body)[0] if kept.entry.body is not None else None
            if isinstance(body, Delivered):
                for message in body.entries:
                    self.delivered.setdefault((header.ally, message), header.at)
                    self.post.setdefault((header.ally, message), body.post)
            elif isinstance(body, Escalated):
                self.post[header.ally, body.entry] = body.to_post
                self.escalated[header.ally, body.entry] = header.at


def _waiting(state: State, line: Waiting, receipts: _Receipts) -> list[WaitingFor]:
    entry, consultation = state.entry(line.message), state.consultation(line.opening)
    if entry is None:
        return []
    header, terms = entry.header, consultation.terms if consultation is not None else None
    return [
        WaitingFor(
            message=line.message.hex(),
            consultation=line.opening.hex(),
            room=line.room.hex(),
            subject=terms.subject if terms is not None else "",
            ally=ally,
            kind=header.kind,
            precedence=header.precedence,
            at=header.at,
            sent=sent_at(state, entry, ally),
            received=received_at(state, entry, ally),
            delivered=receipts.delivered.get((ally, line.message)),
            post=receipts.post.get((ally, line.message)),
            escalated=receipts.escalated.get((ally, line.message)),
            due=terms.due if terms is not None else None,
            line=line_of(entry),
        )
        for ally in line.allies
    ]


def _open_line(state: State, consultation: Consultation) -> OpenLine:
    latest: dict[str, SideLine | None] = {}
    for ally, standing in consultation.standings.items():
        entry = state.entry(standing.last[2])
        latest[ally] = (
            SideLine(kind=entry.header.kind, at=entry.header.at, text=line_of(entry), entry=entry.digest.hex())
            if entry is not None
            else None
        )
    return OpenLine(summary=consultation_summary(state, consultation), latest=latest)
