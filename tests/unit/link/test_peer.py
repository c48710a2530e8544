"""One side of the link: whom it refuses, what it sends when, and what it never sends."""

from __future__ import annotations

import msgspec
import pytest
from small_node import SmallNode

from katchi.errors import LinkFailed
from katchi.link import frames as f
from katchi.link.flight import REWIND_AFTER_US_MIN
from katchi.link.holdings import PaperWanted
from katchi.link.peer import HAVE_EVERY_US, HAVE_FOLLOWS_US, PING_EVERY_US, Peer
from katchi.link.relay import RELAY_AFTER_US
from katchi.record.charter import Room
from katchi.record.entry import Entry
from katchi.testing.builders import NOON, SECOND, Ally, a_chain, a_room, an_ally, an_entry
from katchi.vocabulary import Precedence

AZURE, BIRCH, CEDAR = an_ally("azure"), an_ally("birch"), an_ally("cedar")
ROOM = a_room(AZURE, BIRCH)
THREE = a_room(AZURE, BIRCH, CEDAR, title="three")
ELSEWHERE = a_room(AZURE, CEDAR, title="elsewhere")


def hello_of(party: Ally, /, **fields: object) -> f.Hello:
    return msgspec.structs.replace(SmallNode(party).peer(AZURE).connected(NOON), **fields)


def linked(*rooms: Room, hello: f.Hello | None = None, **us: tuple) -> tuple[SmallNode, Peer]:
    """Azure's node with its link to birch up, its first frames sent."""
    node = SmallNode(AZURE, *rooms)
    peer = node.peer(BIRCH, **us)
    peer.connected(NOON)
    peer.greeted(hello or hello_of(BIRCH), NOON)
    peer.pump(NOON)
    return node, peer


def nothing(room: Room) -> f.Have:
    return f.Have(room.id, ())


def held(room: Room, *heads: Entry, covered: int = 0, **confirmed: int) -> f.Have:
    """Birch's `have`: the chains that end in these entries."""
    told = tuple(sorted(confirmed.items()))
    return f.Have(room.id, tuple(f.Head(e.header.ally, e.header.epoch, e.header.seq + 1, e.digest, covered, told) for e in heads))


def sent(frames: list[f.Frame], kind: type) -> list:
    return [frame for frame in frames if isinstance(frame, kind)]


def headers(frames: list[f.Frame]) -> list[bytes]:
    return [item.header for frame in sent(frames, f.Entries) for item in frame.entries]


# Hello.


@pytest.mark.parametrize(
    ("hello", "why"),
    [
        (hello_of(an_ally("birch", "live")), "mode live"),
        (hello_of(BIRCH, mode="live"), "mode live"),
        (hello_of(CEDAR), "another identity"),
        (hello_of(BIRCH, ally="cedar"), "another identity"),
        (hello_of(an_ally("birch", serial=1)), "another identity"),
        (hello_of(BIRCH, versions=(7, 6)), "no common version"),
    ],
    ids=["live-node", "mode", "ally", "name", "key", "version"],
)
def test_a_hello_of_another_mode_ally_or_identity_or_without_a_common_version_is_refused(hello, why):
    node = SmallNode(AZURE, ROOM)
    peer = node.peer(BIRCH)
    peer.connected(NOON)
    with pytest.raises(LinkFailed, match=why):
        peer.greeted(hello, NOON)
    assert not peer.is_up and peer.pump(NOON) == []


def test_the_highest_common_version_and_only_features_of_both_are_used():
    _, peer = linked(ROOM, hello=hello_of(BIRCH, versions=(0, 2, 9), features=(f.PAPERS, "later")), versions=(3, 2, 1, 0))
    assert (peer.version, peer.features) == (2, {f.PAPERS})


def test_nothing_is_sent_before_the_peer_has_said_hello_nor_after_the_bearer_is_gone():
    node = SmallNode(AZURE, ROOM)
    node.keep(ROOM, a_chain(ROOM, AZURE, 2))
    peer = node.peer(BIRCH)
    peer.connected(NOON)
    assert peer.pump(NOON + 60 * SECOND) == []
    peer.greeted(hello_of(BIRCH), NOON)
    assert peer.pump(NOON)
    peer.disconnected(NOON)
    assert peer.pump(NOON + 60 * SECOND) == []


def test_a_new_connection_begins_anew():
    node, peer = linked(ROOM)
    node.keep(ROOM, a_chain(ROOM, AZURE, 2))
    peer.had(nothing(ROOM), NOON)
    first = peer.pump(NOON)
    peer.connected(NOON)
    peer.greeted(hello_of(BIRCH), NOON)
    peer.pump(NOON)
    peer.had(nothing(ROOM), NOON)
    assert headers(peer.pump(NOON)) == headers(first) != []


# Have.


def test_a_room_is_announced_at_once_even_when_it_is_empty_and_when_it_comes_in_force_later():
    node, peer = linked()
    node.rooms[ROOM.id] = ROOM
    assert sent(peer.pump(NOON), f.Have) == [nothing(ROOM)]
    assert sent(peer.pump(NOON), f.Have) == []


def test_no_entry_is_sent_before_the_peer_has_said_what_it_holds():
    node, peer = linked(ROOM)
    node.keep(ROOM, chain := a_chain(ROOM, AZURE, 3))
    assert headers(peer.pump(NOON)) == []
    peer.had(held(ROOM, chain[0]), NOON)
    assert headers(peer.pump(NOON)) == [entry.header_bytes for entry in chain[1:]]
    assert headers(peer.pump(NOON)) == [], "nothing is sent twice while the bearer keeps its bytes"


def test_have_acknowledges_so_that_no_silence_brings_it_again():
    node, peer = linked(ROOM)
    node.keep(ROOM, chain := a_chain(ROOM, AZURE, 3))
    peer.had(nothing(ROOM), NOON)
    peer.pump(NOON)
    assert peer.waiting(ROOM.id) == 3
    peer.had(held(ROOM, chain[-1]), NOON + SECOND)
    assert peer.waiting(ROOM.id) == 0
    assert headers(peer.pump(NOON + 60 * SECOND)) == []


def test_what_was_sent_and_not_acknowledged_is_sent_again_after_a_silence():
    node, peer = linked(ROOM)
    node.keep(ROOM, chain := a_chain(ROOM, AZURE, 3))
    peer.had(held(ROOM, chain[0]), NOON)
    first = headers(peer.pump(NOON))
    assert headers(peer.pump(NOON + REWIND_AFTER_US_MIN - 1)) == []
    again = peer.pump(NOON + REWIND_AFTER_US_MIN)
    assert headers(again) == first == [entry.header_bytes for entry in chain[1:]]
    assert sent(again, f.Have), "the peer may be waiting for our own `have`"
    assert peer.next_wakeup() <= NOON + 3 * REWIND_AFTER_US_MIN


def test_a_peer_that_went_back_to_an_earlier_state_is_sent_what_it_lost_even_if_it_countersigned_it():
    node, peer = linked(ROOM)
    node.keep(ROOM, chain := a_chain(ROOM, AZURE, 3))
    node.confirm(ROOM, "azure", "birch")
    peer.had(held(ROOM, chain[0]), NOON)
    assert headers(peer.pump(NOON)) == [entry.header_bytes for entry in chain[1:]]


def test_a_peer_that_is_ahead_of_us_is_sent_nothing_of_that_chain():
    node, peer = linked(ROOM)
    chain = a_chain(ROOM, BIRCH, 5)
    node.keep(ROOM, chain[:2])
    peer.had(held(ROOM, chain[-1]), NOON)
    assert headers(peer.pump(NOON)) == []


def test_the_peers_own_tail_is_given_back_to_it_at_once():
    node, peer = linked(ROOM)
    node.keep(ROOM, chain := a_chain(ROOM, BIRCH, 3), at=NOON)
    peer.had(held(ROOM, chain[0]), NOON)
    assert headers(peer.pump(NOON)) == [entry.header_bytes for entry in chain[1:]]


def test_a_first_change_is_told_at_once_and_what_follows_it_closely_is_told_together():
    node, peer = linked(ROOM)
    told = NOON + SECOND
    for count, at in ((1, told), (2, told + 1000), (3, told + 4000)):
        node.keep(ROOM, a_chain(ROOM, BIRCH, count)[-1:])
        peer.changed(ROOM.id)
        haves = sent(peer.pump(at), f.Have)
        assert [have.heads[0].length for have in haves] == ([1] if at == told else [])
    assert peer.next_wakeup() == told + HAVE_EVERY_US
    (have,) = sent(peer.pump(told + HAVE_EVERY_US), f.Have)
    assert have.heads[0].length == 3
    assert sent(peer.pump(told + 2 * HAVE_EVERY_US), f.Have) == []
    assert peer.next_wakeup() > told + SECOND, "nothing is left to tell"


def test_a_clock_set_back_does_not_keep_a_change_from_being_told():
    node, peer = linked(ROOM)
    node.keep(ROOM, a_chain(ROOM, BIRCH, 1))
    peer.changed(ROOM.id)
    back = NOON - 3600 * SECOND
    peer.pump(back)
    assert sent(peer.pump(back + HAVE_EVERY_US), f.Have)


def test_a_have_that_waits_moves_no_deadline_of_what_is_sent_again():
    node, peer = linked(ROOM)
    node.keep(ROOM, chain := a_chain(ROOM, AZURE, 2))
    peer.had(nothing(ROOM), NOON)
    assert headers(peer.pump(NOON)) == [entry.header_bytes for entry in chain]
    silent = NOON + REWIND_AFTER_US_MIN
    for at in range(NOON + 1000, silent, 500_000):
        peer.changed(ROOM.id)
        assert headers(peer.pump(at)) == []
    assert headers(peer.pump(silent)) == [entry.header_bytes for entry in chain]


def test_what_a_peer_brought_is_not_sent_back_to_it_while_its_have_is_on_its_way():
    node, peer = linked(ROOM)
    chain = a_chain(ROOM, BIRCH, 3)
    node.keep(ROOM, chain[:1])
    peer.had(held(ROOM, chain[0]), NOON)
    node.keep(ROOM, chain[1:])
    peer.brought(ROOM.id, "birch", 0, 3, NOON)
    peer.changed(ROOM.id)
    assert headers(peer.pump(NOON)) == []
    peer.had(held(ROOM, chain[1]), NOON)
    assert headers(peer.pump(NOON)) == [chain[2].header_bytes], "what it says it holds counts for more"


def test_a_checkpoint_follows_the_last_entry_that_it_covers_also_when_more_entries_wait():
    node, peer = linked(ROOM)
    chain = a_chain(ROOM, AZURE, 5)
    node.keep(ROOM, chain[:3])
    node.cover(ROOM, AZURE)
    node.keep(ROOM, chain[3:])
    peer.had(nothing(ROOM), NOON)
    frames = [frame for frame in peer.pump(NOON) if isinstance(frame, f.Entries | f.Statements)]
    assert [len(frame.entries) if isinstance(frame, f.Entries) else "checkpoint" for frame in frames] == [3, "checkpoint", 2]


def test_what_a_peer_brought_is_given_back_to_it_if_no_have_of_it_follows():
    """What comes with an ally's signature need not come from a node that still holds it."""
    node, peer = linked(ROOM)
    chain = a_chain(ROOM, BIRCH, 3)
    peer.had(nothing(ROOM), NOON)
    node.keep(ROOM, chain)
    peer.brought(ROOM.id, "birch", 0, 3, NOON)
    assert headers(peer.pump(NOON + HAVE_FOLLOWS_US - 1)) == []
    assert peer.next_wakeup() == NOON + HAVE_FOLLOWS_US
    assert headers(peer.pump(NOON + HAVE_FOLLOWS_US)) == [entry.header_bytes for entry in chain]


# How much, in which order.


def test_no_more_than_the_window_is_in_flight_and_the_rest_follows_as_it_lands():
    node, peer = linked(ROOM)
    chain = a_chain(ROOM, AZURE, 60, body={"by": None, "text": "x" * 60_000})
    node.keep(ROOM, chain)
    peer.features = frozenset()
    peer.had(nothing(ROOM), NOON)
    came: list[bytes] = []
    for round_ in range(20):
        frames = sent(peer.pump(NOON + round_), f.Entries)
        size = sum(len(f.write_frame(frame)) for frame in frames)
        assert size <= 1024 * 1024 + f.RUN_BYTES_MAX or round_, "one second's worth at first, and at most one frame more"
        assert size <= 4 * 1024 * 1024 + f.RUN_BYTES_MAX
        assert all(len(f.write_frame(frame)) <= f.RUN_BYTES_MAX + 4096 for frame in frames)
        if not frames:
            break
        came += headers(frames)
        assert headers(peer.pump(NOON + round_)) == []
        peer.had(held(ROOM, chain[len(came) - 1]), NOON + round_ + SECOND)
    assert came == [entry.header_bytes for entry in chain]


def with_a_flash(count: int) -> list[Entry]:
    chain: list[Entry] = []
    body = {"by": None, "text": "x" * 20_000}
    for seq in range(count):
        precedence = Precedence.FLASH if seq == count - 1 else Precedence.PRIORITY
        chain.append(
            an_entry(ROOM, AZURE, seq, chain[-1].digest if chain else None, body=body, precedence=int(precedence)),
        )
    return chain


def test_with_late_bodies_a_flash_entry_goes_whole_before_the_bodies_of_what_it_follows():
    node, peer = linked(ROOM)
    node.keep(ROOM, chain := with_a_flash(100))
    peer.had(nothing(ROOM), NOON)
    items = [item for frame in sent(peer.pump(NOON), f.Entries) for item in frame.entries]
    assert [item.header for item in items] == [entry.header_bytes for entry in chain], "headers in their order, all at once"
    assert [item for item in items if item.body is not None] == [items[-1]]
    assert items[-1].body == chain[-1].body


@pytest.mark.parametrize("count", [3, 100])
def test_bodies_go_with_their_headers_where_little_waits_or_the_peer_has_no_late_bodies(count):
    node, peer = linked(ROOM, hello=hello_of(BIRCH, features=() if count == 100 else f.FEATURES))
    node.keep(ROOM, with_a_flash(count))
    peer.had(nothing(ROOM), NOON)
    items = [item for frame in sent(peer.pump(NOON), f.Entries) for item in frame.entries]
    assert items and all(item.body is not None for item in items)


def test_entries_go_before_statements_and_chunks_of_papers_come_last():
    node, peer = linked(ROOM)
    node.keep(ROOM, a_chain(ROOM, AZURE, 2))
    node.cover(ROOM, AZURE)
    root = b"r" * 32
    node.papers[ROOM.id, root] = b"l" * 32, [b"chunk"]
    node.wanted_papers = [PaperWanted(ROOM.id, b"w" * 32, 10, "birch", 0, False)]
    peer.asked(f.WantPaper(ROOM.id, root, 0, 1))
    peer.had(nothing(ROOM), NOON)
    assert [type(frame) for frame in peer.pump(NOON)] == [f.Entries, f.Statements, f.WantPaper, f.ChunkFrame]


# What is never sent.


def test_nothing_of_a_room_that_is_not_shared_is_ever_in_a_frame():
    node, peer = linked(ROOM, ELSEWHERE)
    secret = a_chain(ELSEWHERE, AZURE, 3)
    node.keep(ELSEWHERE, secret)
    node.cover(ELSEWHERE, AZURE)
    node.keep(ROOM, a_chain(ROOM, AZURE, 1))
    node.papers[ELSEWHERE.id, b"r" * 32] = b"l" * 32, [b"chunk"]
    peer.had(nothing(ELSEWHERE), NOON)
    peer.had(nothing(ROOM), NOON)
    peer.changed(ELSEWHERE.id)
    peer.asked(f.WantBodies(ELSEWHERE.id, (secret[0].digest,)))
    peer.asked(f.WantBodies(ROOM.id, (secret[0].digest,)))
    peer.asked(f.WantPaper(ELSEWHERE.id, b"r" * 32, 0, 1))
    frames = peer.pump(NOON) + peer.pump(NOON + 60 * SECOND)
    said = b"".join(map(f.write_frame, frames))
    assert ROOM.id in said
    for hidden in (ELSEWHERE.id, b"elsewhere", b"cedar", b"chunk", *(entry.digest for entry in secret)):
        assert hidden not in said


def test_a_room_is_not_named_to_a_member_before_its_charter_is_in_force():
    proposed = a_room(AZURE, BIRCH, title="proposed")
    proposed.signed.signatures.pop("birch")
    node, peer = linked(proposed)
    node.keep(proposed, a_chain(proposed, AZURE, 1))
    peer.had(nothing(proposed), NOON)
    peer.charters_changed()
    assert [type(frame) for frame in peer.pump(NOON)] == [f.CharterFrame]


# Relay and statements.


def test_a_third_members_entry_is_relayed_only_when_it_has_had_time_to_come_by_itself():
    node, peer = linked(THREE)
    node.keep(THREE, chain := a_chain(THREE, CEDAR, 2), at=NOON)
    peer.had(nothing(THREE), NOON)
    assert headers(peer.pump(NOON + RELAY_AFTER_US - 1)) == []
    assert headers(peer.pump(NOON + RELAY_AFTER_US)) == [entry.header_bytes for entry in chain]


def test_a_third_members_entry_that_came_by_itself_is_not_relayed():
    node, peer = linked(THREE)
    node.keep(THREE, chain := a_chain(THREE, CEDAR, 2), at=NOON)
    peer.had(nothing(THREE), NOON)
    peer.had(held(THREE, chain[-1]), NOON + SECOND)
    assert headers(peer.pump(NOON + RELAY_AFTER_US)) == []


def test_a_checkpoint_goes_only_once_its_entries_have_gone_and_once():
    node, peer = linked(ROOM)
    node.keep(ROOM, chain := a_chain(ROOM, AZURE, 40, body={"by": None, "text": "x" * 60_000}))
    node.cover(ROOM, AZURE)
    peer.features = frozenset()
    peer.had(nothing(ROOM), NOON)
    first = peer.pump(NOON)
    assert headers(first) and not sent(first, f.Statements)
    peer.had(held(ROOM, chain[len(headers(first)) - 1]), NOON)
    rest = peer.pump(NOON)
    assert [len(frame.checkpoints) for frame in sent(rest, f.Statements)] == [1]
    assert sent(peer.pump(NOON), f.Statements) == []
    peer.had(held(ROOM, chain[-1], covered=len(chain)), NOON)
    assert sent(peer.pump(NOON + 60 * SECOND), f.Statements) == []


def test_a_statement_that_is_not_acknowledged_is_sent_again_after_a_silence():
    node, peer = linked(ROOM)
    node.keep(ROOM, chain := a_chain(ROOM, AZURE, 1))
    node.cover(ROOM, AZURE)
    peer.had(held(ROOM, chain[-1]), NOON)
    assert sent(peer.pump(NOON), f.Statements)
    assert sent(peer.pump(NOON + REWIND_AFTER_US_MIN), f.Statements)


def test_a_peers_own_countersignature_is_not_sent_back_to_it_but_a_third_members_is_sent():
    node, peer = linked(THREE)
    node.keep(THREE, chain := a_chain(THREE, AZURE, 1))
    node.confirm(THREE, "azure", "birch")
    peer.had(held(THREE, chain[-1]), NOON)
    assert sent(peer.pump(NOON), f.Statements) == []
    node.confirm(THREE, "azure", "cedar")
    peer.changed(THREE.id)
    assert sent(peer.pump(NOON), f.Statements) == [], "it should come by itself"
    assert [len(frame.countersignatures) for frame in sent(peer.pump(NOON + RELAY_AFTER_US), f.Statements)] == [1]


def test_the_statements_of_the_largest_room_go_in_frames_that_a_peer_reads():
    members = [AZURE, BIRCH, *(an_ally(f"member-{number}") for number in range(30))]
    room = a_room(*members, title="all")
    node, peer = linked(room)
    heads = []
    for member in members:
        node.keep(room, a_chain(room, member, 1))
        heads += node.run(room.id, member.name, 0, 0, 1, 1)
        for other in members:
            if other is not member:
                node.confirm(room, member.name, other.name)
    peer.had(held(room, *heads), NOON)
    frames = sent(peer.pump(NOON) + peer.pump(NOON + RELAY_AFTER_US), f.Statements)
    assert sum(len(frame.countersignatures) for frame in frames) == 31 * 31
    assert all(f.read_frame(f.write_frame(frame)) == frame for frame in frames)


# Time.


def test_a_ping_goes_every_four_seconds_and_says_how_long_the_peers_was_held():
    _, peer = linked(ROOM)
    peer.pinged(f.Ping(NOON - 7 * SECOND, None, 0), NOON + SECOND)
    assert sent(peer.pump(NOON + PING_EVERY_US - 1), f.Ping) == []
    (ping,) = sent(peer.pump(NOON + PING_EVERY_US), f.Ping)
    assert (ping.now, ping.echo, ping.held_us) == (NOON + PING_EVERY_US, NOON - 7 * SECOND, 3 * SECOND)
    assert peer.next_wakeup() == NOON + 2 * PING_EVERY_US


def test_delay_and_skew_are_measured_from_an_echo_and_a_clock_that_went_back_gives_none():
    _, peer = linked(ROOM)
    peer.pinged(f.Ping(NOON + 100 * SECOND, NOON + 9 * SECOND, SECOND), NOON + 5 * SECOND)
    assert peer.delay_us is None
    peer.pinged(f.Ping(NOON + 100 * SECOND, NOON, SECOND), NOON + 3 * SECOND)
    assert (peer.delay_us, peer.skew_us) == (SECOND, 98 * SECOND)
