"""What must hold of a simulated alliance: while things break, and after it healed and had quiet time.

Each checker is a claim: it returns nothing, or raises CheckFailed with the seed that shows it broken.
They judge the stores and machines from outside, by the record's own rules; a chain that a planted
fault forked, or a node that was restored, is exempt only from the claims that such a fault ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from katchi.consult.acts import Delivered, Read, body_as
from katchi.consult.consultation import begun, evolve
from katchi.consult.stances import joint_status
from katchi.link import frames as f
from katchi.node.audit import StoreReport, audit_store, read
from katchi.node.batch import CHUNK_SIZE, Batch, Kept
from katchi.node.machine import Machine
from katchi.node.state import State
from katchi.node.views.consultation import counting
from katchi.record import growth
from katchi.record.chain import Chain
from katchi.record.vouching import spread
from katchi.testing.alliance import SimulatedAlliance
from katchi.testing.cheap import SUITES
from katchi.vocabulary import MESSAGES, Kind, Status

QUIET_S = 70  # longer than the slowest rewind


class CheckFailed(AssertionError):
    """A claim does not hold; the seed replays it."""

    def __init__(self, alliance: SimulatedAlliance, claim: str, detail: str) -> None:
        self.seed, self.claim, self.detail = alliance.seed, claim, detail
        super().__init__(f"{claim}: {detail} (katchi faults run --from {alliance.seed} --seeds 1)")


Checker = Callable[[SimulatedAlliance], None]


# While things break.


def watch(alliance: SimulatedAlliance) -> None:
    """Check from now on, at every frame and every batch, what must hold at all times."""
    alliance.on_frame.append(lambda sender, _receiver, frame: national_rooms_stay_home(alliance, sender, frame))
    alliance.on_batch.append(lambda ally, batch: entries_are_countersigned_only_if_held(alliance, ally, batch))


def national_rooms_stay_home(alliance: SimulatedAlliance, sender: str, frame: bytes) -> None:
    """No frame holds a national room's id, title or entry digest."""
    for secret in alliance.secrets:
        if secret in frame:
            raise CheckFailed(alliance, "a national room never leaves its node", f"{secret!r} in a frame of {sender}")


def entries_are_countersigned_only_if_held(alliance: SimulatedAlliance, ally: str, batch: Batch) -> None:
    """A node that countersigns a chain to a length holds that many of its entries durably."""
    for statement in batch.statements:
        if statement.by != ally or statement.ally == ally:
            continue
        held = sum(kept.entry.header.ally == statement.ally for kept in alliance.store(ally).entries(statement.room))
        if held < statement.length:
            detail = f"{ally} countersigned {statement.length} of {statement.ally} and holds {held}"
            raise CheckFailed(alliance, "a countersignature is a promise kept", detail)


def histories_agree(alliance: SimulatedAlliance) -> None:
    """No two stores hold different entries for one place, each holds what its entries follow, and an author holds its own."""
    places: dict[tuple[str, int, int], bytes] = {}
    for name in alliance.parties:
        store = alliance.store(name)
        for kept in store.entries(alliance.room):
            header = kept.entry.header
            place = (header.ally, header.epoch, header.seq)
            if places.setdefault(place, kept.entry.digest) != kept.entry.digest and header.ally not in alliance.forked:
                raise CheckFailed(alliance, "all stores hold one history", f"two entries at {kept.entry.place}")
            if header.seq > 0 and store.entry(header.prev) is None:
                raise CheckFailed(alliance, "a chain has no gaps", f"{name} lacks what {kept.entry.place} follows")
            author = alliance.store(header.ally)
            if author.entry(kept.entry.digest) is None and header.ally not in alliance.forked | alliance.restored:
                raise CheckFailed(alliance, "no peer holds what its author lost", f"{name} holds {kept.entry.place}")


def acknowledged_entries_are_kept(alliance: SimulatedAlliance) -> None:
    """Whatever an officer was told is kept lies in its author's store."""
    for name, digest in acknowledged(alliance):
        if alliance.store(name).entry(digest) is None:
            raise CheckFailed(alliance, "what an officer was told is kept, is kept", f"{name} lost {digest.hex()[:12]}")


# After healing and quiet time.


def acknowledged_entries_reach_all_members(alliance: SimulatedAlliance) -> None:
    """Whatever an officer was told is kept lies, with its body, in every member's store."""
    for name, digest in acknowledged(alliance):
        kept = alliance.store(name).entry(digest)
        room = kept.entry.header.room if kept else alliance.room
        for member in members(alliance, room):
            held = alliance.store(member).entry(digest)
            if held is None or held.entry.body is None:
                raise CheckFailed(alliance, "what was acknowledged reaches every member", f"{member} lacks {digest.hex()[:12]}")


def records_are_equal(alliance: SimulatedAlliance) -> None:
    """All members hold the same entries and bodies, the same charter, and the same newest statements."""
    first, *others = alliance.parties
    for other in others:
        for what, view in (("entries", _entries), ("charter", _charter), ("statements", _statements), ("papers", _papers)):
            one, two = view(alliance, first), view(alliance, other)
            if one != two:
                detail = f"{first} and {other}: {_first_difference(one, two)}"
                raise CheckFailed(alliance, f"all members hold the same {what}", detail)


def views_are_equal(alliance: SimulatedAlliance) -> None:
    """Every consultation looks the same to all members: stances, proposals, joint status."""
    first, *others = alliance.parties
    for opening in openings(alliance):
        expected = alliance.machine(first).consultation(opening), status(alliance.machine(first), opening)
        for other in others:
            machine = alliance.machine(other)
            if (machine.consultation(opening), status(machine, opening)) != expected:
                detail = f"{first} and {other} on {opening.hex()[:12]}"
                raise CheckFailed(alliance, "all members see the same consultation", detail)


def all_is_covered_and_confirmed(alliance: SimulatedAlliance) -> None:
    """Every chain is covered by its author and confirmed by every peer to its end, as every member knows."""
    for name in alliance.parties:
        for ally in alliance.parties:
            chain = alliance.machine(name).state.chain(alliance.room, ally)
            if chain.is_frozen:
                continue
            for branch in chain.branches:
                peers = {by: branch.confirmed.get(by, 0) for by in alliance.parties if by != ally}
                is_tip = branch is chain.newest
                is_covered = branch.covered >= branch.length or (not is_tip and ally in alliance.forked)
                if not is_covered or (is_tip and any(length < branch.length for length in peers.values())):
                    so_far = f"covered to {branch.covered}, confirmed {peers}"
                    said = f"{name} holds {ally} epoch {branch.epoch} to {branch.length}, {so_far}"
                    raise CheckFailed(alliance, "every entry is covered and confirmed in the end", said)


def every_message_is_delivered_once(alliance: SimulatedAlliance) -> None:
    """Each message has a receipt of delivery by each other member; a receipt is written once, and none is receipted."""
    store = alliance.store(next(iter(alliance.parties)))
    receipts: dict[tuple[str, Kind, bytes], int] = {}
    messages: dict[bytes, str] = {}
    for kept in store.entries(alliance.room):
        header = kept.entry.header
        if header.kind in MESSAGES and kept.opening is not None:
            messages[kept.entry.digest] = header.ally
        receipt = body_as(header.kind, kept.entry.body, Delivered) or body_as(header.kind, kept.entry.body, Read)
        for digest in receipt.entries if receipt else ():
            key = (header.ally, Kind(header.kind), digest)
            receipts[key] = receipts.get(key, 0) + 1
    for (by, kind, digest), count in receipts.items():
        if messages.get(digest, by) == by:
            raise CheckFailed(alliance, "a receipt is for another's message only", f"{by} receipted {digest.hex()[:12]}")
        if count > 1 and by not in alliance.restored:
            raise CheckFailed(alliance, "a receipt is written once", f"{count} of {kind} of {digest.hex()[:12]} by {by}")
    for digest, author in messages.items():
        for by in alliance.parties:
            if by != author and (by, Kind.DELIVERED, digest) not in receipts:
                raise CheckFailed(alliance, "every message is delivered", f"{digest.hex()[:12]} of {author} not at {by}")


def nothing_is_doubled(alliance: SimulatedAlliance) -> None:
    """A store holds an entry once, in one place, and each place of a branch once."""
    for name in alliance.parties:
        store = alliance.store(name)
        held = list(store.entries(alliance.room))
        if len({kept.entry.digest for kept in held}) != len(held):
            raise CheckFailed(alliance, "an entry is kept once", f"{name} keeps one twice")
        if len({(k.entry.header.ally, k.branch, k.entry.header.seq) for k in held}) != len(held):
            raise CheckFailed(alliance, "a place is taken once", f"{name} keeps two at one place of one branch")


def folds_are_reproducible(alliance: SimulatedAlliance) -> None:
    """Folding every consultation from the start gives the state that was kept up as its entries came."""
    for name in alliance.running:
        state = alliance.machine(name).state
        for opening in {**dict.fromkeys(openings(alliance)), **state.consultations.now}:
            if state.fold(opening) != state.consultation(opening):
                raise CheckFailed(alliance, "a view folded anew is the view shown", f"{name} on {opening.hex()[:12]}")


def chains_are_reproducible(alliance: SimulatedAlliance) -> None:
    """Growing every chain anew from a store's entries gives the branches that the node holds."""
    for name in alliance.parties:
        for room in alliance.machine(name).state.rooms.now:
            for ally, anew in regrown(alliance, name, room).items():
                held = alliance.machine(name).state.chain(room, ally)
                if _shape(anew) != _shape(held):
                    raise CheckFailed(alliance, "a chain grown anew is the chain held", f"{ally}'s chain at {name}")


def memory_comes_back(alliance: SimulatedAlliance) -> None:
    """What a node holds in memory is what it would load from its store."""
    for name in alliance.running:
        machine = alliance.machine(name)
        state = machine.state
        loaded = State(machine.settings, machine.own, state.suites, alliance.store(name))
        held = {part: getattr(state, part).now for part in ("chains", "unreceipted", "awaited", "allies")} | {"desk": state.desk}
        anew = {part: getattr(loaded, part).now for part in ("chains", "unreceipted", "awaited", "allies")} | {
            "desk": loaded.desk
        }
        for part in held:
            if held[part] != anew[part]:
                raise CheckFailed(alliance, "memory comes back from the store", f"{name}'s {part} would differ after a restart")


def stores_audit_clean(alliance: SimulatedAlliance) -> None:
    """Every store passes the audit that operators run."""
    for name in alliance.parties:
        report = audited(alliance, name)
        found = [one for room in report.rooms for one in room.findings] + list(report.findings)
        findings = [one for one in found if one.reason != "countersignature-two-histories" or one.against not in alliance.liars]
        if findings:
            raise CheckFailed(alliance, "every store audits clean", f"{len(findings)} at {name}, such as {findings[0]}")


def stances_move_by_own_acts_alone(alliance: SimulatedAlliance) -> None:
    """An ally's standing is the fold of its own acts and nobody else's."""
    for name in alliance.parties:
        state = alliance.machine(name).state
        for opening in openings(alliance):
            shown = state.consultation(opening)
            entry = state.entry(opening)
            assert shown is not None
            assert entry is not None
            acts = {act.digest: act for act in state.consultation_entries(opening)}.values()
            for ally in alliance.parties:
                alone = begun(entry, alliance.parties)
                own = [act for act in acts if act.header.ally == ally]
                for act in sorted(own, key=lambda e: (e.header.epoch, e.header.seq, e.digest)):
                    alone, _ = evolve(alone, act)
                if alone.standings[ally] != shown.standings[ally]:
                    raise CheckFailed(alliance, "only its own acts move an ally's stance", f"{ally}'s at {name}")


def the_link_falls_quiet(alliance: SimulatedAlliance) -> None:
    """Nothing but pings is sent once everybody holds everything. Lets time pass."""
    noise: list[str] = []

    def listen(sender: str, receiver: str, data: bytes) -> None:
        frame = f.read_frame(data)
        if not isinstance(frame, f.Ping):
            noise.append(f"{sender} to {receiver}: {type(frame).__name__}")

    alliance.on_frame.append(listen)
    alliance.run(QUIET_S)
    alliance.on_frame.remove(listen)
    if noise:
        raise CheckFailed(alliance, "the link falls quiet", f"{len(noise)} frames, such as {noise[:12]}")


AT_ALL_TIMES: tuple[Checker, ...] = (
    histories_agree,
    acknowledged_entries_are_kept,
    nothing_is_doubled,
    folds_are_reproducible,
    memory_comes_back,
)
IN_THE_END: tuple[Checker, ...] = (
    histories_agree,
    acknowledged_entries_are_kept,
    acknowledged_entries_reach_all_members,
    records_are_equal,
    views_are_equal,
    all_is_covered_and_confirmed,
    every_message_is_delivered_once,
    nothing_is_doubled,
    folds_are_reproducible,
    chains_are_reproducible,
    memory_comes_back,
    stores_audit_clean,
    stances_move_by_own_acts_alone,
    the_link_falls_quiet,
)


def check_at_all_times(alliance: SimulatedAlliance) -> None:
    """Raise CheckFailed unless all safety claims hold now."""
    for checker in AT_ALL_TIMES:
        checker(alliance)


def check_in_the_end(alliance: SimulatedAlliance) -> None:
    """Raise CheckFailed unless all claims hold of an alliance that healed and had quiet time."""
    for checker in IN_THE_END:
        checker(alliance)


# What the claims are about.


def acknowledged(alliance: SimulatedAlliance) -> Iterator[tuple[str, bytes]]:
    """Yield (author, entry digest) of all that officers were told is kept, but what a planted fault took."""
    for name, station in alliance.world.stations.items():
        for written in station.acknowledged:
            if written.place and written.digest is not None and written.digest not in alliance.given_up:
                yield name, written.digest


def audited(alliance: SimulatedAlliance, name: str) -> StoreReport:
    """Return what the audit that operators run says of a node's store."""
    return audit_store(alliance.store(name), SUITES, holder=name)


def members(alliance: SimulatedAlliance, room: bytes) -> list[str]:
    """Return the members of a room."""
    return [name for name in alliance.parties if room == alliance.room or room == alliance.national[name]]


def openings(alliance: SimulatedAlliance) -> list[bytes]:
    """Return the openings of all consultations of the shared room."""
    first = alliance.store(next(iter(alliance.parties)))
    return [kept.entry.digest for kept in first.entries(alliance.room) if kept.opening == kept.entry.digest]


def status(machine: Machine, opening: bytes) -> Status:
    """Return the joint status of a consultation as one node sees it."""
    state = machine.consultation(opening)

    return joint_status(state.standings, state.proposals, counting(machine.state, state.room))


def regrown(alliance: SimulatedAlliance, name: str, room_id: bytes) -> dict[str, Chain]:
    """Return the chains that a store's entries make, in their order of arrival."""
    room = alliance.machine(name).state.rooms.now[room_id]
    chains: dict[str, Chain] = {}
    digests: dict[tuple[str, int, int], bytes] = {}
    places: dict[bytes, tuple[int, int]] = {}
    for kept in alliance.store(name).entries(room_id):
        header = kept.entry.header
        chain = chains.get(header.ally) or Chain(room_id, header.ally, others=len(room.members) - 1)

        def at(branch: int, seq: int, chain: Chain = chain) -> bytes:
            return digests[chain.ally, chain.branch_at(branch, seq), seq]

        def leaves(branch: int, length: int, at: growth.EntryAt = at) -> list[bytes]:
            return [at(branch, seq) for seq in range(length)]

        grown = growth.grown(chain, kept.entry, room.hash, places.get, leaves, at)
        chains[header.ally] = grown.chain
        digests[header.ally, grown.branch, header.seq] = kept.entry.digest
        places[kept.entry.digest] = grown.branch, header.seq
    return chains


def _shape(chain: Chain) -> object:
    branches = [(b.epoch, b.start, b.parent, b.length, b.head, b.frontier, b.sees, b.at) for b in chain.branches]
    return branches, chain.forks


def _entries(alliance: SimulatedAlliance, name: str) -> dict[bytes, object]:
    held: Iterator[Kept] = alliance.store(name).entries(alliance.room)
    return {kept.entry.digest: (kept.entry.place, kept.entry.signature, kept.entry.salt, kept.entry.body) for kept in held}


def _charter(alliance: SimulatedAlliance, name: str) -> object:
    return {signed.statement: signed.signatures for signed in alliance.store(name).charters() if len(signed.signatures) > 1}


def _statements(alliance: SimulatedAlliance, name: str) -> dict[object, object]:
    state = alliance.machine(name).state
    return {
        (ally, branch.epoch, branch.head): (branch.covered, dict(sorted(branch.confirmed.items())))
        for ally in alliance.parties
        for branch in spread(state.chain(alliance.room, ally)).branches
    }


def _papers(alliance: SimulatedAlliance, name: str) -> dict[bytes, object]:
    store = alliance.store(name)
    papers = [paper for kept in store.entries(alliance.room) for paper in read(kept.entry.header, kept.entry.body).papers]
    held = {paper.root: list(store.chunk_indexes(alliance.room, paper.root)) for paper in papers}
    return {paper.root: held[paper.root] == list(range(-(-paper.size // CHUNK_SIZE))) or name for paper in papers}


def _first_difference(one: object, two: object) -> str:
    if not isinstance(one, dict) or not isinstance(two, dict):
        return "they differ"
    keys = [key for key in {**one, **two} if one.get(key) != two.get(key)]
    key = keys[0]
    return f"{len(keys)} differ, such as {key!r}: {one.get(key)!r} and {two.get(key)!r}"[:600]
