"""The words of katchi: one table for entry kinds, stances, forms, precedence and marks, in both languages.

Code, command line, API, pages and docs take their words from here; a test compares them. No word
here approves, orders or releases anything, and none may be added that does: a test refuses them.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final, NamedTuple


class Word(NamedTuple):
    """One token and what people read for it."""

    en: str
    ko: str
    meaning: str = ""  # for the glossary, where the English word does not say it


class Kind(StrEnum):
    """What an entry says: the `kind` of its header."""

    CHAIN_OPENED = "chain.opened"
    REPAIR_ACCEPTED = "repair.accepted"
    CONSULTATION_OPENED = "consultation.opened"
    ACKNOWLEDGED = "consultation.acknowledged"
    POSITION_STATED = "position.stated"
    WORDS_PROPOSED = "words.proposed"
    WORDS_SIGNED = "words.signed"
    ENDED = "consultation.ended"
    COULD_NOT_CONSULT = "consultation.could-not-consult"
    DECISION_RECORDED = "decision.recorded"
    DELIVERED = "receipt.delivered"
    READ = "receipt.read"
    ESCALATED = "escalation.raised"


# Addressed to the other members' posts on duty: these get receipts; a receipt is never receipted.
MESSAGES: Final = frozenset(
    {
        Kind.CONSULTATION_OPENED,
        Kind.ACKNOWLEDGED,
        Kind.POSITION_STATED,
        Kind.WORDS_PROPOSED,
        Kind.WORDS_SIGNED,
        Kind.ENDED,
        Kind.COULD_NOT_CONSULT,
        Kind.DECISION_RECORDED,
    }
)
# Get a checkpoint in the same batch, since they bind their author (RECORD.md rule 4).
BINDING: Final = frozenset({Kind.CHAIN_OPENED, Kind.REPAIR_ACCEPTED, Kind.CONSULTATION_OPENED, Kind.WORDS_SIGNED})


class Stance(StrEnum):
    """Where one ally stands in a consultation: only its own acts move it."""

    UNANSWERED = "unanswered"
    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"
    POSITION_STATED = "position-stated"
    WORDS_PROPOSED = "words-proposed"
    WORDS_SIGNED = "words-signed"
    ENDED = "ended"
    COULD_NOT_CONSULT = "could-not-consult"


class Status(StrEnum):
    """The joint status: a pure function of all allies' stances, set by none."""

    AWAITING = "awaiting"
    UNDER_WAY = "under-way"
    POSITIONS_STATED = "positions-stated"
    WORDS_PROPOSED = "words-proposed"
    PARTLY_SIGNED = "partly-signed"
    AGREED = "agreed"
    COULD_NOT_CONSULT = "could-not-consult"
    ENDED = "ended"


class Form(StrEnum):
    """NATO's three named forms of consultation (nato.int, topic 49187)."""

    EXCHANGE = "exchange-of-views"
    NOTICE = "notice-of-decision"
    CONSENSUS = "towards-consensus"


class Precedence(IntEnum):
    """How soon a message must be handled; the link sends the higher first."""

    ROUTINE = 0
    PRIORITY = 1
    IMMEDIATE = 2
    FLASH = 3


class Flag(StrEnum):
    """How an entry that verifies leaves the rules: it is kept, and shown with this mark."""

    UNKNOWN_KIND = "unknown-kind"
    BODY_MALFORMED = "body-malformed"
    BODY_NOT_NFC = "body-not-nfc"
    SEES_GOES_BACK = "sees-goes-back"
    CLOCK_WENT_BACK = "clock-went-back"
    EPOCH_NOT_OPENED = "epoch-not-opened"
    ABOUT_MISSING = "about-missing"
    STANCE_FORBIDS = "stance-forbids"
    PROPOSAL_UNKNOWN = "proposal-unknown"


class Receipt(StrEnum):
    """The five facts about a message, each with its own time."""

    SENT = "sent"
    RECEIVED = "received"
    DELIVERED = "delivered"
    READ = "read"
    ANSWERED = "answered"


WORDS: Final[dict[str, Word]] = {
    Kind.CHAIN_OPENED: Word(
        "chain opened", "기록 사슬 개시", "an ally's first entry in a room, or the first after a restore or repair"
    ),
    Kind.REPAIR_ACCEPTED: Word("repair accepted", "복구 수락", "another member accepts how a fork was settled"),
    Kind.CONSULTATION_OPENED: Word("consultation opened", "협의 개시"),
    Kind.ACKNOWLEDGED: Word("acknowledged", "접수 확인", "the consultation is taken up; no view is given yet"),
    Kind.POSITION_STATED: Word("position stated", "입장 표명"),
    Kind.WORDS_PROPOSED: Word("words proposed", "문안 제의"),
    Kind.WORDS_SIGNED: Word("words signed", "문안 서명", "irrevocable; new words are a new proposal"),
    Kind.ENDED: Word("ended", "종료", "this ally ends its own part"),
    Kind.COULD_NOT_CONSULT: Word("could not consult", "협의 불가", "with the effort that was made, and the reason"),
    Kind.DECISION_RECORDED: Word(
        "decision recorded", "결정 기록", "what this ally says it decided, nationally and outside; it moves no stance"
    ),
    Kind.DELIVERED: Word("delivered", "전달", "laid before the post on duty"),
    Kind.READ: Word("read", "열람"),
    Kind.ESCALATED: Word("escalation raised", "상급 직위 통보", "an unread message goes to the next post"),
    Stance.UNANSWERED: Word("unanswered", "무응답"),
    Stance.OPENED: Word("opened", "개시함"),
    Stance.ACKNOWLEDGED: Word("acknowledged", "접수 확인"),
    Stance.POSITION_STATED: Word("position stated", "입장 표명"),
    Stance.WORDS_PROPOSED: Word("words proposed", "문안 제의"),
    Stance.WORDS_SIGNED: Word("words signed", "문안 서명"),
    Stance.ENDED: Word("ended", "종료"),
    Stance.COULD_NOT_CONSULT: Word("could not consult", "협의 불가"),
    Status.AWAITING: Word("awaiting an answer", "응답 대기", "some member has not answered"),
    Status.UNDER_WAY: Word("under way", "협의 중", "every member has answered"),
    Status.POSITIONS_STATED: Word("positions stated", "입장 교환 완료", "every member has stated its position"),
    Status.WORDS_PROPOSED: Word("words proposed", "문안 제의됨"),
    Status.PARTLY_SIGNED: Word("signed in part", "일부 서명", "some members have signed the same words"),
    Status.AGREED: Word("agreed", "합의", "every member signed the same words, each covered by its author's checkpoint"),
    Form.EXCHANGE: Word("exchange of views", "의견 교환"),
    Form.NOTICE: Word("notice of a decision already taken", "기결정 사항 통보"),
    Form.CONSENSUS: Word("discussion towards consensus", "합의 도출 협의"),
    "routine": Word("routine", "보통"),
    "priority": Word("priority", "지급"),
    "immediate": Word("immediate", "긴급"),
    "flash": Word("flash", "초긴급"),
    "live": Word("LIVE", "실제"),
    "exercise": Word("EXERCISE", "훈련"),
    Flag.UNKNOWN_KIND: Word("of an unknown kind", "알 수 없는 종류"),
    Flag.BODY_MALFORMED: Word("body cannot be read", "본문 판독 불가"),
    Flag.BODY_NOT_NFC: Word("text not in normal form", "정규화되지 않은 본문"),
    Flag.SEES_GOES_BACK: Word("states to have seen less than before", "열람 범위 축소 진술"),
    Flag.CLOCK_WENT_BACK: Word("its author's clock went back", "작성자 시계 역행"),
    Flag.EPOCH_NOT_OPENED: Word("begins an epoch without opening it", "개시 기재 없는 새 시기"),
    Flag.ABOUT_MISSING: Word("does not say what it is about", "대상 없음"),
    Flag.STANCE_FORBIDS: Word("outside the rules from where its author stood", "당시 단계의 규칙을 벗어남"),
    Flag.PROPOSAL_UNKNOWN: Word("signs words that were not proposed in this consultation", "이 협의에 없는 문안에 서명"),
    Receipt.SENT: Word("sent", "발신", "put on the link, by our own journal"),
    Receipt.RECEIVED: Word("received", "수신", "within the height that the ally countersigned"),
    Receipt.DELIVERED: Word("delivered", "전달", "laid before the post on duty"),
    Receipt.READ: Word("read", "열람"),
    Receipt.ANSWERED: Word("answered", "회신"),
    "ally": Word("ally", "동맹국", "a government that runs a node"),
    "post": Word("post", "근무 직위", "a seat on duty that officers hold in shifts; messages go to posts"),
    "founded": Word("founded", "개설", "why a chain was opened: its author founded or joined the room"),
    "restored": Word("restored", "복원", "why a chain was opened anew: after a restore"),
    "repaired": Word("repaired", "복구", "why a chain was opened anew: a fork was settled"),
    "duty": Word("duty", "당직", "the first post of a new node: a message lies before it first"),
    "deputy": Word("deputy", "부책임", "the second post of a new node"),
    "principal": Word("principal", "책임", "the last post of a new node"),
    "room": Word("room", "협의실", "a record shared by named allies, founded by a charter that all sign"),
    "charter": Word("charter", "협의실 헌장", "members, mode, hash and keys of a room; its digest is the room's id"),
    "entry": Word("entry", "기재", "one statement by one ally: header and body"),
    "chain": Word("chain", "기록 사슬", "an ally's entries in a room"),
    "checkpoint": Word("checkpoint", "점검 서명", "an ally's signed head, by all signatures of its suite"),
    "countersignature": Word("countersignature", "부서", "a peer's signature under a checkpoint that it recomputed"),
    "fork": Word("fork", "기록 분기", "two entries that one ally signed for one place"),
    "epoch": Word("epoch", "시기", "a run of a chain between restores or repairs"),
    "bearer": Word("bearer", "통신 수단", "one way between two nodes"),
    "link": Word("link", "통신 연결", "all bearers between two nodes together"),
    "precedence": Word("precedence", "우선순위"),
    "marking": Word("marking", "관리 표시"),
    "consultation": Word("consultation", "협의", "opened by any ally, in one of three forms, with a clock"),
    "stance": Word("stance", "단계", "where one ally stands in a consultation"),
    "commitment": Word("commitment", "공약", "one sentence of a declaration that a consultation rests on"),
    "paper": Word("paper", "문서", "an attached document, named by its size and digest"),
    "crossed": Word("crossed", "엇갈림", "two messages of which neither author had seen the other's"),
    "rehearsal": Word("rehearsal", "예행", "scripted officers play a scenario on real nodes, in simulated time"),
    "inject": Word("inject", "상황 부여", "one scripted event of a scenario"),
    "outside the rules": Word("outside the rules", "규칙 밖"),
    "agreed here; not yet confirmed that {ally} holds it": Word(
        "agreed here; not yet confirmed that {ally} holds it", "이곳에서는 합의됨; {ally} 측의 보유는 아직 확인되지 않음"
    ),
    "national room": Word("national room", "자국 기록실", "a room of one member: never put on any link"),
    "node": Word("node", "노드", "the computer that holds one ally's record"),
    "audit": Word("audit", "감사", "every stored row, digest, signature and root recomputed"),
    "pairing": Word("pairing", "상호 등록", "two nodes exchange invitations and people compare digits"),
    "invitation": Word("invitation", "초청장", "the file by which one node is paired with another"),
    "phrase": Word("digits", "대조 숫자", "16 digits that people compare by voice"),
    "not compared": Word("digits not compared", "대조 숫자 미확인"),
    "own arrival times": Word("by its own arrival times", "자체 수신 시각 기준"),
    "its own statement": Word("by its own statement", "해당국 진술 기준"),
    "fingerprint": Word("fingerprint", "지문", "64 hex digits that stand for an ally's keys"),
}


def word(token: str, language: str = "en") -> str:
    """Return what people read for `token` in `language` ("en" or "ko"); the token itself if unknown."""
    found = WORDS.get(token)
    if found is None:
        return token
    return found.ko if language == "ko" else found.en
