"""What scripted officers write on their own nodes, and when it has arrived on the others'.

An act is written once its author's node holds what it answers: the consultation, or the words to be signed. Until then it
waits, and is written when the link brings that. Whoever writes first opens the consultation, if none is open anywhere. What a
node refuses is not written; the rehearsal says so and goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from katchi.consult import rules
from katchi.consult.stances import stance_after
from katchi.errors import KatchiError, Sentence
from katchi.node.batch import Batch
from katchi.node.commands import MarkRead, NodeCommand
from katchi.node.machine import Machine
from katchi.rehearse.casting import Role
from katchi.rehearse.watching import Step, Watch
from katchi.rehearse.world import REPAIRED_IN_S, SECOND, World
from katchi.vocabulary import Kind

Then = Callable[["Letter | None"], None]


class Letter(msgspec.Struct, frozen=True):
    """One act that was written."""

    digest: bytes
    author: str
    role: Role


class Script(msgspec.Struct, frozen=True):
    """What the consultation is called, and by when it is due."""

    subject: str
    due: int  # microseconds UTC


class _Pending(msgspec.Struct, frozen=True):
    """An act that cannot be written yet."""

    role: Role
    spent: Step
    then: Then


class _Awaited(msgspec.Struct):
    """Something that goes on once everything here has arrived."""

    missing: set[tuple[str, bytes]]  # (ally, digest)
    then: Callable[[], None]


class Letters:
    """All acts of one rehearsal."""

    def __init__(self, world: World, script: Script, watch: Watch) -> None:
        self.world, self.script, self.watch = world, script, watch
        self.refused = 0
        self.written: dict[bytes, Letter] = {}
        self._openings: list[bytes] = []  # in the order in which they were written, wherever
        self._proposals: list[tuple[bytes, bytes]] = []  # (words, the consultation)
        self._held: dict[str, set[bytes]] = {ally: set() for ally in world.allies}
        self._pending: dict[str, list[_Pending]] = {ally: [] for ally in world.allies}
        self._awaited: list[_Awaited] = []
        self._is_pinging = False
        world.on_batch = self._kept

    @property
    def is_settled(self) -> bool:
        """Whether nothing waits to be written or to arrive."""
        return not self._awaited and not any(self._pending.values())

    # Writing.

    def write(self, ally: str, role: Role, spent: Step, then: Then) -> None:
        """Let `ally` write what a role writes, now or once it can.

        Args:
            ally: its author.
            role: what is written.
            spent: the step to note, but for what was written.
            then: told the letter, or None if nothing is to arrive.
        """
        missing = self._missing(ally, role)
        if missing:
            self._pending[ally].append(_Pending(role, spent, then))
            self.watch.note(msgspec.structs.replace(spent, what="waits", ally=ally, of=missing))
            return
        commands = self._commands(ally, role)
        self._ping()
        answers = self.world.submit(ally, *commands)
        kinds, letter = [], None
        for command, answer in zip(commands, answers, strict=True):
            if isinstance(answer, KatchiError):
                self.refused += 1
                self.watch.note(msgspec.structs.replace(spent, what="refused", ally=ally, why=Sentence.of(answer)))
                continue
            kind = rules.KIND_OF.get(type(command), Kind.READ)  # type: ignore[arg-type]
            kinds.append(kind.value)
            if kind is not Kind.READ and answer.digest is not None:
                letter = self._wrote(Letter(answer.digest, ally, role), kind, command)
        if kinds:
            self.watch.note(msgspec.structs.replace(spent, what="wrote", ally=ally, kinds=tuple(kinds)))
        elif not commands:
            self.watch.note(msgspec.structs.replace(spent, ally=ally))
        then(letter)

    def _ping(self) -> None:
        """Let the nodes ping each other now, and while anything is to arrive: so they find out what was lost."""
        if not self._is_pinging:
            self._is_pinging = True
            self.world.ping_for(REPAIRED_IN_S)
            self.world.at(self.world.now + int(REPAIRED_IN_S * SECOND), self._pinged)

    def _pinged(self) -> None:
        self._is_pinging = False
        if not self.is_settled:
            self._ping()

    def _wrote(self, letter: Letter, kind: Kind, command: NodeCommand) -> Letter:
        self.written[letter.digest] = letter
        self._held[letter.author].add(letter.digest)
        if kind is Kind.CONSULTATION_OPENED:
            self._openings.append(letter.digest)
        elif kind is Kind.WORDS_PROPOSED and isinstance(command, rules.ProposeWords):
            self._proposals.append((letter.digest, command.consultation))
        return letter

    def _missing(self, ally: str, role: Role) -> str:
        """What must arrive before a role can be written: "opening", "words", or nothing."""
        if self._openings and self._opening(ally) is None and role.act != "open":
            return "opening"
        if role.act == "sign-words" and self._proposals and self._proposals[-1][0] not in self._held[ally]:
            return "words"
        return ""

    def _opening(self, ally: str) -> bytes | None:
        """The consultation that an ally writes in: the first opened of those that its node holds."""
        return next((opening for opening in self._openings if opening in self._held[ally]), None)

    def _commands(self, ally: str, role: Role) -> Sequence[NodeCommand]:
        opening = self._opening(ally)
        if opening is not None:
            command = self._command(ally, role, opening)
            return () if command is None else (command,)
        script = self.script
        open_it = rules.Open(subject=script.subject, due=max(script.due, self.world.now + 1), post=role.post)
        return (open_it,)

    def _command(self, ally: str, role: Role, opening: bytes) -> NodeCommand | None:
        """Return what an officer does; None: there is nothing to do."""
        post = role.post
        match role.act:
            case "acknowledge":
                stance = self._machine(ally).consultation(opening).standings[ally].stance
                if stance_after(stance, Kind.ACKNOWLEDGED) is not None:
                    return rules.Acknowledge(consultation=opening, post=post, text=role.text("en"))
                if not role.is_sent:  # it has answered: whoever takes up more only reads it
                    unread = tuple(self._machine(ally).state.desk.unread(opening))
                    return MarkRead(consultation=opening, messages=unread, post=post) if unread else None
            case "propose-words":
                return rules.ProposeWords(consultation=opening, words=role.words, post=post)
            case "sign-words":
                proposal, of = self._proposals[-1] if self._proposals else (None, opening)
                return rules.SignWords(consultation=of, proposal=proposal, post=post)
            case "end":
                return rules.End(consultation=opening, reason=role.text("en"), post=post)
        return rules.StatePosition(consultation=opening, text=role.text("en"), post=post)

    def _machine(self, ally: str) -> Machine:
        machine = self.world.stations[ally].machine
        assert machine is not None, "no node stops in a rehearsal"
        return machine

    def read(self, ally: str, letters: Sequence[Letter], post: str | None) -> None:
        """Let an officer read those letters that lie unread before the post."""
        opening, desk = self._opening(ally), self._machine(ally).state.desk
        unread = tuple(letter.digest for letter in letters if letter.digest in desk)
        if opening is not None and unread:
            self.world.submit(ally, MarkRead(consultation=opening, messages=unread, post=post))

    # Arriving.

    def when_held(self, letters: Sequence[Letter], allies: Sequence[str], then: Callable[[], None]) -> None:
        """Call `then` once every one of these allies' nodes holds every letter."""
        missing = {(ally, letter.digest) for ally in allies for letter in letters if letter.digest not in self._held[ally]}
        if missing:
            self._awaited.append(_Awaited(missing, then))
        else:
            then()

    def _kept(self, ally: str, batch: Batch) -> None:
        """A batch is durable at `ally`'s node. What follows from it happens when the node has told of it."""
        digests = [kept.entry.digest for kept in batch.entries if kept.entry.body is not None]
        digests += [body.digest for body in batch.bodies]
        arrived = [digest for digest in digests if digest in self.written and digest not in self._held[ally]]
        if arrived:
            self.world.at(self.world.now, partial(self._arrived, ally, arrived))

    def _arrived(self, ally: str, digests: Sequence[bytes]) -> None:
        for digest in digests:
            self._held[ally].add(digest)
        for letter in (self.written[digest] for digest in digests):
            role = letter.role
            self.watch.note(Step(at_s=0, what="held", ally=ally, of=letter.author, stage=role.name, copy=role.copy))
        pending, self._pending[ally] = self._pending[ally], []
        for one in pending:
            if self._missing(ally, one.role):
                self._pending[ally].append(one)
            else:
                self.write(ally, one.role, one.spent, one.then)
        going_on = []
        for awaited in self._awaited:
            awaited.missing -= {(ally, digest) for digest in digests}
            if not awaited.missing:
                going_on.append(awaited)
        self._awaited = [awaited for awaited in self._awaited if awaited.missing]
        for awaited in going_on:
            awaited.then()
