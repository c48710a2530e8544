"""One ally's side of the link, without I/O: what to send it next, given what it says it holds.

Nothing is sent twice while a bearer keeps its bytes, and everything again until the peer holds it:
`have` frames acknowledge, silence rewinds. What is in flight is bounded, so a slow peer pushes back
and nothing is dropped. Entries go before bodies that can wait, bodies before papers. Accepting what
arrives is the node's work; here is only who holds what.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence

from katchi.errors import KatchiError
from katchi.link import frames as f
from katchi.link.flight import SECOND, Flight
from katchi.link.greeting import Us, agreed, hello_of
from katchi.link.holdings import Holdings
from katchi.link.relay import Relay
from katchi.link.requests import Requests
from katchi.link.tally import Tally
from katchi.record.chain import Chain
from katchi.record.entry import Entry
from katchi.vocabulary import Precedence

PING_EVERY_US = 4 * SECOND
HAVE_EVERY_US = 5_000  # the first `have` goes at once; what changes within this is told together
HAVE_FOLLOWS_US = 250_000  # a peer's `have` follows what it sends; if none does, it may have lost what it sent
STATEMENTS_A_FRAME = 64  # of each kind: a frame of 32 members' countersignatures would be too large

BranchKey = tuple[bytes, str, int]  # room, ally, branch


class Peer:
    """The link to one ally over whatever bearer is up."""

    def __init__(self, us: Us, ally: str, fingerprint: bytes, holdings: Holdings) -> None:
        self._us, self.ally, self._fingerprint, self._holdings = us, ally, fingerprint, holdings
        self.skew_us: int | None = None
        self.delay_us: int | None = None
        self.heard_at: int | None = None
        self.ended: KatchiError | None = None  # why the last connection was closed, where a node refused to go on
        self.disconnected(0)

    def disconnected(self, now: int) -> None:
        """Forget what a bearer carried: the next hello begins anew."""
        self.is_up = False
        self.version = 0
        self.features: frozenset[str] = frozenset()
        self._theirs: dict[bytes, dict[str, tuple[f.Head, ...]]] = {}
        self._sent: dict[Hashable, int] = {}
        self._held: dict[Hashable, int] = {}  # they hold this branch to this length
        self._brought: dict[BranchKey, int] = {}  # they sent us this branch to this length, after their last `have`
        self._brought_at = now
        self._assumed: set[BranchKey] = set()  # of these branches, because theirs is longer
        self._told: dict[tuple[BranchKey, str], int] = {}  # statements sent: by whom, to what length
        self._dirty: set[bytes] = set()
        self._announced: set[bytes] = set()  # rooms of which our `have` has gone out
        self._told_at: int | None = None  # when one last did
        self._charters_dirty = False
        self._is_stale = True  # something changed since we last looked what to send
        self._relay = Relay()
        self._flight = Flight(now)
        self._requests = Requests(self._holdings, self.ally)
        self._pinged_at = now
        self._their_ping: tuple[int, int] | None = None
        self._said, self._taken = Tally(), Tally()
        self._said_at = now

    # What comes in.

    def connected(self, now: int) -> f.Hello:
        """Return our first frame on a bearer that came up."""
        self.disconnected(now)
        return hello_of(self._us, now)

    def greeted(self, hello: f.Hello, now: int) -> None:
        """Take the peer's hello: the link is up.

        Raises:
            LinkRefused: another mode, ally or identity than was paired, or no version in common.
        """
        self.version, self.features = agreed(self._us, self.ally, self._fingerprint, hello)
        self.is_up, self.ended = True, None
        self.skew_us = hello.now - now
        self._charters_dirty = self._is_stale = True
        self._dirty.update(self._holdings.rooms_with(self.ally))

    def had(self, have: f.Have, now: int) -> None:
        """Take what the peer says it holds of a room."""
        if have.room not in set(self._holdings.rooms_with(self.ally)):
            return
        heads: dict[str, tuple[f.Head, ...]] = {}
        for head in have.heads:
            heads[head.ally] = (*heads.get(head.ally, ()), head)
        self._theirs[have.room] = heads
        self._is_stale = True
        self._taken.note(have)
        self._brought = {key: length for key, length in self._brought.items() if key[0] != have.room}
        for ally, chain in self._holdings.chains(have.room).items():
            for index in range(len(chain.branches)):
                key = (have.room, ally, index)
                self._note_held(key, chain, heads.get(ally, ()))
                self._note_told(key, chain, heads.get(ally, ()), now)
        self._flight.landed(self._held, now)

    def pinged(self, ping: f.Ping, now: int) -> None:
        """Take the peer's clock: its delay and skew are shown to people, never used by a rule."""
        self._their_ping = (ping.now, now)
        if ping.echo is not None and now >= ping.echo + ping.held_us:
            self.delay_us = (now - ping.echo - ping.held_us) // 2
            self.skew_us = ping.now + self.delay_us - now
        has_come = ping.echo is not None and ping.echo > self._said_at  # what we said last; or it never will
        if has_come and ping.taken is not None and ping.taken != self._said.digest():
            self._dirty.update(self._holdings.rooms_with(self.ally))
            self._charters_dirty = self._is_stale = True

    def took(self, frame: f.CharterFrame) -> None:
        """Note that a charter was taken over, or was known."""
        self._taken.note(frame)

    def asked(self, want: f.WantBodies | f.WantPaper) -> None:
        """Queue what the peer asks for."""
        self._requests.queue(want)

    def came(self, kind: str, digest: bytes, index: int, now: int) -> None:
        """Note that a body, leaves or a chunk that we asked for has come."""
        if self._requests.came(kind, digest, index):
            self._flight.progressed(now)
        self._is_stale = True

    def brought(self, room: bytes, ally: str, branch: int, length: int, now: int) -> None:
        """Note that the peer sent us this branch to that length: what it sends it holds, though its `have` is still to come."""
        key = (room, ally, branch)
        self._brought[key] = max(self._brought.get(key, 0), length)
        self._brought_at = now

    def changed(self, room: bytes) -> None:
        """Note that our durable holding of a room has changed: the peer will be told."""
        self._dirty.add(room)
        self._is_stale = True

    def charters_changed(self) -> None:
        """Note that a charter or its signatures changed."""
        self._charters_dirty = self._is_stale = True

    # What goes out.

    def next_wakeup(self, *, with_ping: bool = True) -> int | None:
        """Return when `pump` should be called though nothing happened, microseconds UTC.

        Args:
            with_ping: the next ping counts too; without it, None if nothing else is to come.
        """
        due = [self._pinged_at + PING_EVERY_US] if with_ping else []
        if self._relay.due_at is not None:
            due.append(self._relay.due_at)
        if self._brought:
            due.append(self._brought_at + HAVE_FOLLOWS_US)
        if self._dirty and self._told_at is not None:
            due.append(self._told_at + HAVE_EVERY_US)
        if self._is_waiting:
            due.append(self._flight.silent_at)
        return min(due, default=None)

    def pump(self, now: int) -> list[f.Frame]:
        """Return the next frames to send, about half a MiB at most; call again once they are sent."""
        if not self.is_up:
            return []
        self._pinged_at, self._said_at = min(self._pinged_at, now), min(self._said_at, now)
        self._told_at = None if self._told_at is None else min(self._told_at, now)
        self._flight.clock_is(now)
        if self._brought and not 0 <= now - self._brought_at < HAVE_FOLLOWS_US:
            self._brought.clear()
            self._is_stale = True
        if self._is_waiting and now >= self._flight.silent_at:
            self._rewind(now)
        shared = set(self._holdings.rooms_with(self.ally))
        is_due = now >= self._pinged_at + PING_EVERY_US or self._relay.is_due(now)
        told = self._rooms_to_tell(shared, now)
        if not (self._is_stale or is_due or told):
            return list(self._requests.serve(shared)) if self._requests.is_asked else []
        self._is_stale = False
        self._relay.begin()
        out: list[f.Frame] = []
        if self._charters_dirty:
            self._charters_dirty = False
            out += self._say([f.CharterFrame(charter) for charter in self._holdings.charters_with(self.ally)], now)
        if now >= self._pinged_at + PING_EVERY_US:
            self._pinged_at = now
            echo, arrived = self._their_ping or (None, now)
            out.append(f.Ping(now, echo, max(now - arrived, 0), self._taken.digest()))
        out += self._say([self._have(room) for room in sorted(told)], now)
        for room in self._theirs:
            chains = self._holdings.chains(room)
            out += self._entries(
                room, chains, now, to_covered=True
            )  # a checkpoint right after its last entry costs least to read
            out += self._statements(room, chains, now)
            out += self._entries(room, chains, now)
            for frame in self._requests.wants(room, self.features):
                self._flight.waits_from(now)
                out.append(frame)
        out += self._requests.serve(shared)
        return out

    def sent(self, room: bytes, ally: str, branch: int) -> int:
        """Return the length of a branch that was put on the link, or that the peer holds."""
        return self._sent.get((room, ally, branch), 0)

    def waiting(self, room: bytes) -> int:
        """Return how many of our own entries of a room the peer is not known to hold."""
        chain = self._holdings.chains(room).get(self._us.ally) or Chain(room, self._us.ally)
        return sum(
            branch.length - max(self._held.get((room, self._us.ally, index), branch.confirmed.get(self.ally, 0)), branch.start)
            for index, branch in enumerate(chain.branches)
        )

    @property
    def _is_waiting(self) -> bool:
        return not self._flight.is_empty or bool(self._told) or self._requests.is_waiting

    def _rooms_to_tell(self, shared: set[bytes], now: int) -> set[bytes]:
        """The rooms of which a `have` goes out now: new ones at once, the others when the last is a moment ago."""
        told = shared - self._announced
        if self._dirty and (self._told_at is None or now >= self._told_at + HAVE_EVERY_US):
            told |= shared & self._dirty
            self._dirty.clear()
        if told:
            self._announced |= told
            self._told_at = now
        return told

    def _reached(self, key: BranchKey) -> int:
        """The length to which a branch was sent to the peer, or came from it."""
        return max(self._sent.get(key, 0), self._brought.get(key, 0))

    def _say(self, frames: Sequence[f.Have | f.CharterFrame], now: int) -> Sequence[f.Have | f.CharterFrame]:
        for frame in frames:
            self._said.note(frame)
            self._said_at = now
        return frames

    def _have(self, room: bytes) -> f.Have:
        return f.Have(
            room,
            tuple(
                f.Head(ally, branch.epoch, branch.length, branch.head, branch.covered, tuple(sorted(branch.confirmed.items())))
                for ally, chain in sorted(self._holdings.chains(room).items())
                for branch in chain.branches
            ),
        )

    def _length_held(self, chain: Chain, index: int, heads: tuple[f.Head, ...]) -> tuple[int, bool]:
        """How much of a branch's path the peer says it holds now; True if that is assumed.

        What it once countersigned does not count: it may have been restored from before.
        """
        branch = chain.branches[index]
        held, is_ahead = 0, False
        for head in heads:
            if head.head == branch.head:
                return branch.length, False
            found = self._holdings.locate(head.head)
            if found is not None and found[:2] == (chain.room, chain.ally):
                held = max(held, min(chain.common_length(index, found[2]), head.length))
            elif head.epoch == branch.epoch and head.length > branch.length and not _is_forked(chain, head.epoch):
                is_ahead = True  # until its entries show that they are of another history
        return (branch.length, True) if is_ahead else (held, False)

    def _note_held(self, key: BranchKey, chain: Chain, heads: tuple[f.Head, ...]) -> None:
        length, is_assumed = self._length_held(chain, key[2], heads)
        if key in self._assumed and not is_assumed:
            self._sent[key] = length  # a fork: what they hold beyond it is another history
        (self._assumed.add if is_assumed else self._assumed.discard)(key)
        self._held[key] = length
        self._sent[key] = max(self._sent.get(key, 0), length)

    def _note_told(self, key: BranchKey, chain: Chain, heads: tuple[f.Head, ...], now: int) -> None:
        theirs = _matching(heads, chain, key[2])
        if theirs is None:
            return
        confirmed = dict(theirs.confirmed)
        for by, length in [(by, length) for (told, by), length in self._told.items() if told == key]:
            if (theirs.covered if by == chain.ally else confirmed.get(by, 0)) >= length:
                del self._told[key, by]
                self._flight.progressed(now)

    def _rewind(self, now: int) -> None:
        self._sent = dict(self._held)
        self._brought.clear()
        self._told.clear()
        self._requests.forget()
        self._flight.rewound(now)
        self._dirty.update(self._holdings.rooms_with(self.ally))
        self._is_stale = True

    def _entries(self, room: bytes, chains: Mapping[str, Chain], now: int, *, to_covered: bool = False) -> Iterator[f.Frame]:
        for ally, chain in chains.items():
            is_third = ally not in (self._us.ally, self.ally)
            if is_third and not self._relay.is_old(self._holdings.grown_at(room, ally), now):
                continue
            for index, branch in enumerate(chain.branches):
                key = (room, ally, index)
                if key not in self._sent or key in self._assumed:
                    self._note_held(key, chain, self._theirs[room].get(ally, ()))
                start, end = max(self._reached(key), branch.start), branch.covered if to_covered else branch.length
                while start < end and self._flight.has_room:
                    run = self._holdings.run(room, ally, index, start, end, 256)
                    frame, size = self._frame_of(room, run, branch.length - start)
                    start += len(frame.entries)
                    self._flight.sent(key, start, size, now)
                    self._sent[key] = start
                    yield frame

    def _frame_of(self, room: bytes, run: list[Entry], waiting: int) -> tuple[f.Entries, int]:
        """A frame of entries: all bodies with them, unless more waits than the peer takes in a second."""
        size_mean = sum(entry.header.size + 450 for entry in run) // len(run)
        late = f.LATE_BODIES in self.features and size_mean * waiting > self._flight.window
        items: list[f.EntryItem] = []
        size = 0
        for entry in run:
            salt, body = entry.salt, entry.body
            if late and entry.header.precedence < Precedence.IMMEDIATE:
                salt = body = None
            item_size = len(entry.header_bytes) + 110 + len(body or b"")
            if items and size + item_size > f.RUN_BYTES_MAX:
                break
            items.append(f.EntryItem(entry.header_bytes, entry.signature, salt, body))
            size += item_size
        return f.Entries(room, tuple(items)), size

    def _statements(self, room: bytes, chains: Mapping[str, Chain], now: int) -> Iterator[f.Frame]:
        checkpoints, countersignatures = [], []
        for ally, chain in chains.items():
            for index, branch in enumerate(chain.branches):
                key = (room, ally, index)
                theirs = _matching(self._theirs[room].get(ally, ()), chain, index)
                confirmed = dict(theirs.confirmed) if theirs else {}
                covered = theirs.covered if theirs else 0
                if branch.covered > branch.start and self._is_news(key, ally, branch.covered, covered, now):
                    signed = self._holdings.checkpoint(room, ally, index)
                    checkpoints += [signed] if signed else []
                for by, length in branch.confirmed.items():
                    is_of_branch = length > branch.start  # below it, another branch's statement vouches for the shared part
                    if by != self.ally and is_of_branch and self._is_news(key, by, length, confirmed.get(by, 0), now):
                        signed = self._holdings.countersignature(room, ally, index, by)
                        countersignatures += [signed] if signed else []
        for start in range(0, max(len(checkpoints), len(countersignatures)), STATEMENTS_A_FRAME):
            end = start + STATEMENTS_A_FRAME
            yield f.Statements(room, tuple(checkpoints[start:end]), tuple(countersignatures[start:end]))

    def _is_news(self, key: BranchKey, by: str, length: int, held: int, now: int) -> bool:
        """Whether to send `by`'s statement about a branch to `length`; if so, note that it is sent."""
        if length <= max(held, self._told.get((key, by), 0)) or self._reached(key) < length:
            return False
        if by not in (self._us.ally, self.ally) and not self._relay.is_held_up((key, by), length, held, now):
            return False
        if not self._told:
            self._flight.waits_from(now)
        self._told[key, by] = length
        return True


def _matching(heads: tuple[f.Head, ...], chain: Chain, index: int) -> f.Head | None:
    """The peer's head of a branch: by its digest, else by its epoch."""
    branch = chain.branches[index]
    same = [head for head in heads if head.head == branch.head]
    return next(iter(same), next((head for head in heads if head.epoch == branch.epoch), None))


def _is_forked(chain: Chain, epoch: int) -> bool:
    """Whether an epoch is known to have several histories: a head that is not known may be of any of them."""
    return any(fork.epoch == epoch for fork in chain.forks)
