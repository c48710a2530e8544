"""Write what is written twice: the glossary, the consultation's diagram and tables, and help in README.md.

    python tools/generate_docs.py           rewrite docs/glossary.md, docs/consultation.md, README.md's help and the
                                            scenario file's JSON Schema
    python tools/generate_docs.py check     name what differs from the code; exit 1

The glossary comes from vocabulary.WORDS; the stance diagram and its table from consult.stances.NEXT and MOVES_NONE; the
crossing tables from the fold itself, run in both orders. A fenced block that follows a line such as
`<!-- katchi --help -->` is what that command prints.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from katchi.consult.consultation import Consultation, begun, evolve, folded
from katchi.consult.stances import MOVES_NONE, NEXT, joint_status
from katchi.record.entry import Entry
from katchi.testing.builders import a_room, an_ally, an_entry
from katchi.vocabulary import WORDS, Kind, Stance, Status, word

ROOT = Path(__file__).resolve().parents[1]
GENERATED = "<!-- Written by tools/generate_docs.py: change the code it comes from, then run it. -->\n"
HELP = re.compile(r"(<!-- (katchi[^>]*--help) -->\n```[a-z]*\n)(.*?)(```)", re.DOTALL)

AZURE, BIRCH = an_ally("azure"), an_ally("birch")
ROOM = a_room(AZURE, BIRCH)


class Start(NamedTuple):
    """A point from which both allies may act without seeing the other's act."""

    title: str
    remark: str
    history: Sequence[tuple[str, Kind]]  # who did what, in order


STARTS = (
    Start(
        "Just opened",
        "azure has opened, and birch has not answered. As soon as birch has answered in any way, every member has spoken; "
        "until then birch is awaited, whatever azure does.",
        (("azure", Kind.CONSULTATION_OPENED),),
    ),
    Start(
        "Both positions stated",
        "No words are proposed yet, so nothing can be signed. Whoever ends its own part, or could not consult, "
        "closes nothing for the other: its proposal stands.",
        (
            ("azure", Kind.CONSULTATION_OPENED),
            ("birch", Kind.ACKNOWLEDGED),
            ("azure", Kind.POSITION_STATED),
            ("birch", Kind.POSITION_STATED),
        ),
    ),
    Start(
        "Words proposed by azure",
        "Signing is of the words that azure proposed, by entries that their authors' checkpoints cover. "
        "Two signatures that cross agree the words; a new position or proposal that crosses a signature takes nothing back.",
        (
            ("azure", Kind.CONSULTATION_OPENED),
            ("birch", Kind.ACKNOWLEDGED),
            ("azure", Kind.POSITION_STATED),
            ("birch", Kind.POSITION_STATED),
            ("azure", Kind.WORDS_PROPOSED),
        ),
    ),
)


class Talks:
    """One consultation of azure and birch as it is written, entry by entry."""

    def __init__(self, history: Sequence[tuple[str, Kind]]) -> None:
        self.entries: list[Entry] = []
        for ally, kind in history:
            self.entries.append(self.act(ally, kind))

    def act(self, ally: str, kind: Kind) -> Entry:
        """Return the entry by which `ally` does this after the history; it is not added."""
        own = [entry for entry in self.entries if entry.header.ally == ally]
        about: tuple[bytes, ...] = ()
        if kind is not Kind.CONSULTATION_OPENED:
            about = (self.entries[0].digest, self.proposal) if kind is Kind.WORDS_SIGNED else (self.entries[0].digest,)
        member = AZURE if ally == AZURE.name else BIRCH
        return an_entry(ROOM, member, len(own), own[-1].digest if own else None, kind=kind, about=about)

    @property
    def proposal(self) -> bytes:
        """The words that were proposed first, or a digest that stands for none."""
        proposals = (entry.digest for entry in self.entries if entry.header.kind == Kind.WORDS_PROPOSED)
        return next(proposals, bytes(32))

    @property
    def state(self) -> Consultation:
        """The consultation folded over the history."""
        state = begun(self.entries[0], ROOM.members)
        for entry in self.entries:
            state, _ = evolve(state, entry)
        return state

    def open_to(self, ally: str) -> list[Kind]:
        """Return what is open to an ally after the history, in the order of NEXT."""
        stance = self.state.standings[ally].stance
        kinds = [kind for at, kind in NEXT if at is stance and kind is not Kind.CONSULTATION_OPENED]
        return [kind for kind in kinds if kind is not Kind.WORDS_SIGNED or any(self.proposal)]

    def after_crossing(self, azure: Kind, birch: Kind) -> Status:
        """Return the joint status once both acts, which did not see each other, have arrived everywhere.

        Folds them in both orders, and from the start in any order: all must come to the same.
        """
        acts = [self.act("azure", azure), self.act("birch", birch)]
        statuses = set()
        for order in (acts, acts[::-1]):
            state = self.state
            for entry in order:
                state, flag = evolve(state, entry)
                assert flag is None, "only acts that are open to their authors cross here"
            statuses.add(_status(state))
            statuses.add(_status(folded(self.entries[0], ROOM.members, [*order, *reversed(self.entries)]).consultation))
        (status,) = statuses
        return status


def _status(state: Consultation) -> Status:
    return joint_status(state.standings, state.proposals, lambda ally, signature: True)  # every entry here is covered


def glossary() -> str:
    """Return docs/glossary.md."""
    rows = [f"| {_code(token)} | {one.en} | {one.ko} | {one.meaning} |" for token, one in WORDS.items()]
    return "\n".join(
        [
            "# Glossary",
            "",
            GENERATED,
            "Every word that katchi shows, in both languages, from `vocabulary.py`. Code, command line, entry kinds and docs "
            "use these and no others; none of them approves, orders or releases anything.",
            "",
            "| token | English | 한국어 | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def consultation() -> str:
    """Return docs/consultation.md."""
    return "\n".join(
        [
            "# What can happen next in a consultation",
            "",
            GENERATED,
            "## Stances",
            "",
            "Each ally has a stance of its own, and only its own acts move it: nobody can answer, agree or end for another. "
            "An act that has no arrow from where its author stands is outside the rules: our own node refuses it to our "
            "officers, and an ally's is kept, marked, and moves nothing.",
            "",
            "```mermaid",
            "stateDiagram-v2",
            f"    [*] --> {_state(Stance.UNANSWERED)}",
            *(f"    {_state(at)} --> {_state(to)}: {word(kind)}" for (at, kind), to in NEXT.items()),
            "```",
            "",
            "| from | " + " | ".join(word(kind) for kind in _kinds()) + " |",
            "|---|" + "---|" * len(_kinds()),
            *(
                f"| **{word(stance)}** | " + " | ".join(_stance(NEXT.get((stance, kind))) for kind in _kinds()) + " |"
                for stance in Stance
            ),
            "",
            "Open from every stance, and moving none: "
            + ", ".join(f"**{word(kind)}**" for kind in Kind if kind in MOVES_NONE)
            + ". It states what its author decided nationally and outside this system, after consulting. It answers nothing, and "
            "every stance and the joint status are with it what they are without; shown beside it is what its author states to "
            "have seen of each side by then.",
            "",
            "## Joint status",
            "",
            "The joint status is a function of all stances and signatures, set by no one. Words are agreed once every member "
            "has signed the same ones, and stay agreed whatever is said after.",
            "",
            "| status | 한국어 | when |",
            "|---|---|---|",
            *(f"| {word(status)} | {word(status, 'ko')} | {_when(status)} |" for status in Status),
            "",
            "## Messages that cross",
            "",
            "Two messages have crossed if neither author had seen the other's; both are kept, and shown as crossed. "
            "Since an ally's acts move its own stance alone, the joint status after both is the same whichever arrives first: "
            "each cell below was computed by folding the two in both orders.",
            *(line for start in STARTS for line in _crossings(start)),
            "",
        ]
    )


def _crossings(start: Start) -> list[str]:
    talks = Talks(start.history)
    azure, birch = talks.open_to("azure"), talks.open_to("birch")
    return [
        "",
        f"### {start.title}",
        "",
        start.remark,
        "",
        "| azure ↓ · birch → | " + " | ".join(word(kind) for kind in birch) + " |",
        "|---|" + "---|" * len(birch),
        *(
            f"| **{word(one)}** | " + " | ".join(word(talks.after_crossing(one, other)) for other in birch) + " |"
            for one in azure
        ),
    ]


WHEN: Mapping[Status, str] = {
    Status.AWAITING: "some member has not answered",
    Status.UNDER_WAY: "every member has answered, and nothing of what follows holds",
    Status.POSITIONS_STATED: "every member stands at a stated position, and no words are proposed",
    Status.WORDS_PROPOSED: "words are proposed, and nobody has signed any",
    Status.PARTLY_SIGNED: "some member has signed words that not every member has signed",
    Status.AGREED: "every member has signed the same words, each by an entry that its author's checkpoint covers",
    Status.COULD_NOT_CONSULT: "every member could not consult",
    Status.ENDED: "every member has ended its part or could not consult, and one at least has ended it",
}


def _when(status: Status) -> str:
    return WHEN[status]


def _kinds() -> list[Kind]:
    return list(dict.fromkeys(kind for _, kind in NEXT))


def _state(stance: Stance) -> str:
    return stance.value.replace("-", "_")


def _stance(stance: Stance | None) -> str:
    return word(stance) if stance else "·"


def _code(token: str) -> str:
    return f"`{token}`" if " " not in token else token


def help_of(command: str) -> str:
    """Return what a command such as `katchi ... --help` prints, in English, 80 columns wide."""
    environment = {name: value for name, value in os.environ.items() if name not in ("LANGUAGE", "COLUMNS")}
    environment |= {"KATCHI_LANG": "en", "COLUMNS": "80"}
    words = [sys.executable, "-m", "katchi.cli", *command.split()[1:]]
    return subprocess.run(words, capture_output=True, text=True, check=True, env=environment).stdout


def with_help(text: str) -> str:
    """Return a page with every marked help block as its command prints it now."""
    return HELP.sub(lambda block: block[1] + help_of(block[2]) + block[4], text)


def pages() -> dict[Path, str]:
    """Return every page that is made from code, as it should be."""
    readme = ROOT / "README.md"
    return {
        ROOT / "docs" / "glossary.md": glossary(),
        ROOT / "docs" / "consultation.md": consultation(),
        ROOT / "docs" / "spec" / "scenario.schema.json": help_of("katchi scenario schema"),
        readme: with_help(readme.read_text(encoding="utf-8")),
    }


def main(words: Sequence[str]) -> int:
    """Write or check all pages."""
    if list(words) not in ([], ["check"]):
        sys.stderr.write(__doc__ or "")
        return 2
    is_checking = bool(words)
    behind = {path: text for path, text in pages().items() if not path.exists() or path.read_text(encoding="utf-8") != text}
    for path, text in behind.items():
        sys.stdout.write(f"{path.relative_to(ROOT)} {'differs from the code' if is_checking else 'is written anew'}\n")
        if not is_checking:
            path.write_text(text, encoding="utf-8")
    return 1 if is_checking and behind else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
