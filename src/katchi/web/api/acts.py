"""What an officer's act takes on the API, act by act, and the command of the rules that it becomes.

Fields are those of the command line: ids and digests hex, times microseconds UTC, precedence and form
by their words. No rule stands here: what an act may be is for `consult/rules.py` to say.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from katchi.consult import rules
from katchi.consult.acts import Paper
from katchi.record.fields import Time
from katchi.vocabulary import Form, Precedence
from katchi.web.api.body import Seated

PrecedenceWord = Literal["routine", "priority", "immediate", "flash"]
Hex = Annotated[str, Meta(pattern="^([0-9a-f]{2}){32,48}$")]


class AttachedPaper(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A document that is kept in the room: what `PUT /api/rooms/{id}/papers` answers."""

    name: Annotated[str, Meta(description="What the document is called.", min_length=1, max_length=255)]
    size: Annotated[int, Meta(description="Bytes.", ge=0)]
    root: Annotated[Hex, Meta(description="RFC 9162 root over its 64 KiB chunks, by the room's hash.")]


Papers = Annotated[tuple[AttachedPaper, ...], Meta(description="Documents, each kept in the room before.")]


class Act(Seated, frozen=True, kw_only=True):
    """What every act takes."""

    command: ClassVar[type[rules.Command]]
    precedence: Annotated[PrecedenceWord, Meta(description="How soon it must be handled.")] = "priority"
    marking: Annotated[str | None, Meta(description="The handling marking, ASCII; what fits the mode if not given.")] = None

    def as_command(self, post: str | None, by: str | None, **resolved: Any) -> Any:
        """Return the command of the rules, with the ids that were resolved."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in self.__struct_fields__}
        fields |= {"precedence": Precedence[self.precedence.upper()], "post": post, "by": by}
        if "papers" in fields:
            fields["papers"] = tuple(Paper(one.name, one.size, bytes.fromhex(one.root)) for one in fields["papers"])
        return self.command(**fields | resolved)


class Opening(Act, frozen=True, kw_only=True):
    """What opens a consultation."""

    command = rules.Open
    subject: Annotated[str, Meta(description="What it is about.", examples=["Seismic event of 00:30Z"])]
    room: Annotated[
        str | None,
        Meta(description="The room's id, or its beginning; the only shared one, else the national one, if not given."),
    ] = None
    form: Annotated[Form, Meta(description="In which form to consult.", examples=["exchange-of-views"])] = Form.EXCHANGE
    due: Annotated[Time | None, Meta(description="By when: microseconds UTC.")] = None
    citing: Annotated[str | None, Meta(description="The commitment it rests on, by its words.")] = None
    papers: Papers = ()


class Acknowledgement(Act, frozen=True, kw_only=True):
    """What takes a consultation up."""

    command = rules.Acknowledge
    text: Annotated[str | None, Meta(description="A word with it, if any.", examples=["On it."])] = None


class Position(Act, frozen=True, kw_only=True):
    """This government's position."""

    command = rules.StatePosition
    text: Annotated[str, Meta(description="The position, in its own words.", examples=["We assess ..."])]
    papers: Papers = ()


class Proposal(Act, frozen=True, kw_only=True):
    """Words for all to sign."""

    command = rules.ProposeWords
    words: Annotated[
        dict[str, str],
        Meta(
            description="The words by language; [brackets] mark what is not settled.",
            examples=[{"en": "Both sides ...", "ko": "양측은 ..."}],
        ),
    ]


class Signing(Act, frozen=True, kw_only=True):
    """Which words are signed."""

    command = rules.SignWords
    proposal: Annotated[
        str | None, Meta(description="The words' id, or its beginning; not needed where there is one proposal.")
    ] = None


class Ending(Act, frozen=True, kw_only=True):
    """Why this government's own part ends."""

    command = rules.End
    reason: Annotated[str, Meta(description="Why it ends.", examples=["Words agreed."])]
    precedence: Annotated[PrecedenceWord, Meta(description="How soon it must be handled.")] = "routine"


class Impossibility(Act, frozen=True, kw_only=True):
    """Why consultation was not possible."""

    command = rules.CouldNotConsult
    effort: Annotated[str, Meta(description="What was tried.", examples=["Three calls"])]
    reason: Annotated[str, Meta(description="Why it was not possible.", examples=["No answer"])]


class Decision(Act, frozen=True, kw_only=True):
    """What this government decided, by itself and elsewhere."""

    command = rules.RecordDecision
    question: Annotated[str, Meta(description="What was to be decided.", examples=["Whether to raise the watch"])]
    options: Annotated[tuple[str, ...], Meta(description="Up to 16 options that were weighed.")] = ()
    outcome: Annotated[str, Meta(description="What was decided.", examples=["The watch is raised"])]
    owner: Annotated[str, Meta(description="Who sees to it, to 200 letters.", examples=["Director of the watch"])]
    reason: Annotated[str, Meta(description="Why it was decided so.", examples=["Both sides assess alike"])]
    deadline: Annotated[Time | None, Meta(description="By when: microseconds UTC.")] = None
    follow_up: Annotated[str | None, Meta(description="What is to follow.")] = None


class Done(msgspec.Struct, kw_only=True):
    """What an act came to, once it is durable."""

    kept: Annotated[str, Meta(description="The entry's place in our chain.")]
    entry: Annotated[str, Meta(description="The entry's digest.")]
    consultation: Annotated[str, Meta(description="The consultation's id: the digest of its opening.")]
    status: Annotated[str, Meta(description="The joint status.")]
    stances: Annotated[dict[str, str], Meta(description="Where each ally stands.")]
