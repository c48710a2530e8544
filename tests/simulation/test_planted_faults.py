"""Every planted fault is found, named, and leaves an alliance of which every claim holds again."""

from __future__ import annotations

import pytest

from katchi.consult import rules
from katchi.errors import Refused
from katchi.link import frames as f
from katchi.node import commands as cmd
from katchi.node.notices import Told
from katchi.record.chain import Chain
from katchi.record.checkpoint import Countersignature, sign
from katchi.record.growth import accepted, grown, repaired
from katchi.store.memory import MemoryStore
from katchi.testing import planted as faults
from katchi.testing import planting
from katchi.testing.alliance import SimulatedAlliance
from katchi.testing.builders import a_chain, a_room, an_ally, an_entry
from katchi.testing.checkers import CheckFailed, check_in_the_end, openings, status, watch
from katchi.vocabulary import Kind, Status


def an_alliance(seed):
    alliance = SimulatedAlliance(["azure", "birch", "cedar"], seed=seed)
    watch(alliance)
    alliance.act("azure", rules.Open(subject="a rumour", room=alliance.room))
    alliance.run(5)
    alliance.act("birch", rules.Acknowledge(consultation=openings(alliance)[0]))
    alliance.settle()
    return alliance


def named_by(fault, seed):
    alliance = an_alliance(seed)
    how = fault(alliance)
    alliance.settle()
    check_in_the_end(alliance)
    return how


SEEDS = pytest.mark.parametrize("seed", [1, 2])


@SEEDS
def test_a_fork_is_shown_on_both_sides_and_counts_for_nothing_until_all_accept_its_repair(seed):
    assert named_by(faults.a_fork, seed) == "notice: fork"


@SEEDS
def test_an_entry_replayed_into_another_room_is_refused_by_name(seed):
    assert named_by(faults.a_replay_into_another_room, seed) == "notice: refused replay-other-room"


@SEEDS
def test_an_entry_of_another_mode_is_refused_by_name(seed):
    assert named_by(faults.a_replay_into_another_mode, seed) == "notice: refused replay-other-mode"


@SEEDS
def test_a_header_moved_to_another_epoch_is_refused_by_its_signature(seed):
    assert named_by(faults.a_replay_into_another_epoch, seed) == "notice: refused signature-invalid"


@SEEDS
def test_a_withheld_tail_is_given_away_by_what_the_liar_states_to_have_seen(seed):
    assert named_by(faults.a_withheld_tail, seed) == "audit: export-tail-withheld"


@SEEDS
def test_a_flipped_bit_on_the_way_is_refused_and_sent_again(seed):
    assert named_by(faults.a_flipped_bit_in_a_frame, seed).startswith("notice: refused")


@SEEDS
def test_a_flipped_bit_in_a_row_is_named_by_the_audit(seed):
    assert named_by(faults.a_flipped_bit_in_a_row, seed) == "audit: body-digest-mismatch"


@pytest.mark.parametrize("seed", range(4))
def test_an_old_backup_loses_nothing_that_a_peer_holds_and_is_no_fork(seed):
    assert named_by(faults.an_old_backup, seed) == "entry: chain.opened, restored"


@SEEDS
def test_a_rolled_back_machine_shows_as_its_own_fork_and_is_repaired(seed):
    assert named_by(faults.a_rolled_back_machine, seed) == "notice: fork"


@SEEDS
def test_a_peer_that_countersigns_two_histories_is_proved_a_liar(seed):
    assert named_by(faults.a_lying_peer, seed) == "notice: lie countersignature-two-histories"


@SEEDS
def test_an_entry_by_a_stranger_is_refused_and_the_link_goes_on(seed):
    assert named_by(faults.a_stranger, seed) == "notice: refused not-a-member"


@SEEDS
def test_an_unknown_kind_is_kept_and_marked_and_stops_nothing(seed):
    assert named_by(faults.an_unknown_kind, seed) == "flag: unknown-kind"


@SEEDS
def test_a_sees_that_goes_back_is_kept_and_marked_and_stops_nothing(seed):
    assert named_by(faults.a_sees_that_goes_back, seed) == "flag: sees-goes-back"


def test_a_flash_message_overtakes_what_waits_on_a_slow_wire():  # by more seeds: `make faults`
    assert named_by(faults.a_slow_wire, 1) == "overtaken: bodies awaited"


@pytest.mark.parametrize("seed", range(4))
def test_what_was_read_before_a_restore_is_not_unread_after_it(seed):
    alliance = an_alliance(seed)
    backup = alliance.store("azure").snapshot()
    opening = alliance.act("birch", rules.Open(subject="read me", room=alliance.room)).digest
    alliance.run(5)
    alliance.act("azure", cmd.MarkRead(consultation=opening, messages=(opening,)))
    alliance.run(10)
    alliance.world.crash("azure")
    alliance.world.restart("azure", store=MemoryStore(backup), was_restored=True)
    alliance.run(20)
    assert opening not in alliance.machine("azure").state.desk


def test_a_repair_that_only_some_accept_settles_nothing():
    alliance = an_alliance(3)
    name, _ = planting.goes_back(alliance, was_restored=False, writes_first=True)
    alliance.forked.add(name)
    alliance.run(30)
    one, other = (n for n in alliance.parties if n != name)
    opening, words = planting.words_proposed(alliance, one)
    for signer in (one, other):
        alliance.act(signer, rules.SignWords(consultation=opening, proposal=words))
    alliance.act(name, rules.StatePosition(consultation=opening, text="we repaired our chain"))
    alliance.run(10)
    alliance.act(one, cmd.AcceptRepair(room=alliance.room, ally=name))
    alliance.run(10)
    with pytest.raises(Refused, match="fork that is not settled"):
        alliance.act(name, rules.SignWords(consultation=opening, proposal=words))
    alliance.act(other, cmd.AcceptRepair(room=alliance.room, ally=name))
    alliance.run(10)
    alliance.act(name, rules.SignWords(consultation=opening, proposal=words))
    alliance.run(10)
    assert {status(alliance.machine(n), opening) for n in alliance.parties} == {Status.AGREED}


def test_a_repair_cannot_be_accepted_before_there_is_one():
    alliance = an_alliance(4)
    with pytest.raises(Refused, match="no fork in this room that it has repaired"):
        alliance.act("azure", cmd.AcceptRepair(room=alliance.room, ally="birch"))


def test_an_epoch_that_goes_down_is_kept_once():
    alliance = an_alliance(5)
    room = alliance.machine("birch").state.rooms.now[alliance.room]
    newest = alliance.machine("azure").state.chain(room.id, "azure").newest
    party = alliance.parties["azure"]
    above = an_entry(
        room, party, newest.length, newest.head, kind=Kind.READ, epoch=7, body={"by": None, "entries": [], "post": "duty"}
    )
    below = an_entry(
        room, party, newest.length + 1, above.digest, kind=Kind.READ, epoch=3, body={"by": None, "entries": [], "post": "duty"}
    )
    frame = f.write_frame(
        f.Entries(room.id, tuple(f.EntryItem(e.header_bytes, e.signature, e.salt, e.body) for e in (above, below)))
    )
    for _ in range(3):
        alliance.world.deliver("azure", "birch", frame)
        alliance.run(5)
    held = [kept.entry.digest for kept in alliance.store("birch").entries(room.id)]
    assert held.count(below.digest) == 1
    assert len(alliance.machine("birch").state.chain(room.id, "azure").branches) == 3
    alliance.settle()
    for name in alliance.parties:
        assert alliance.store(name).entry(below.digest) is not None


@pytest.mark.parametrize("behind", [0, 1, 3])
def test_a_countersignature_over_another_root_is_refused_and_an_audit_says_no_more_than_who_lied(behind):
    alliance = an_alliance(8)
    alliance.liars.add("birch")
    state = alliance.machine("azure").state
    room, liar = state.rooms.now[alliance.room], alliance.parties["birch"]
    chain = state.chain(room.id, "azure")
    length = chain.length - behind
    lie = Countersignature(
        mode=room.mode,
        room=room.id,
        ally="azure",
        epoch=0,
        length=length,
        root=bytes(32),
        head=state.path_digests(chain, 0, length - 1, length)[0],
        checkpoint=bytes(32),
        by="birch",
        by_identity=liar.fingerprint,
        since=0,
        lacking=0,
        at=alliance.world.now,
    )
    signed = sign(room, lie, liar.fingerprint, liar.signer)
    alliance.world.deliver("birch", "cedar", f.write_frame(f.Statements(room.id, (), (signed,))))
    alliance.run(5)
    told = [notice for notice in alliance.machine("cedar").notices if notice.told in (Told.REFUSED, Told.LIE)]
    assert any("countersignature-" in notice.detail for notice in told)
    alliance.settle()
    check_in_the_end(alliance)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_forks_a_repair_settles_the_one_that_it_names_whatever_came_first(order):
    room, azure = a_room(), an_ally("azure")
    first = a_chain(room, azure, 3)
    opened = an_entry(room, azure, 3, first[2].digest, epoch=5, kind=Kind.CHAIN_OPENED)
    later = [opened, an_entry(room, azure, 4, opened.digest, epoch=5)]
    forks = [
        an_entry(room, azure, 2, first[1].digest, body={"text": "other"}),
        an_entry(room, azure, 4, opened.digest, epoch=5, body={"text": "other"}),
    ]
    chain, places = Chain(room.id, "azure", others=1), {}
    for entry in [*first, *later, *(forks[i] for i in order)]:
        digests = {place: digest for digest, place in places.items()}

        def at(branch, seq, chain=chain, digests=digests):
            return digests[chain.branch_at(branch, seq), seq]

        def leaves(branch, length, at=at):
            return [at(branch, seq) for seq in range(length)]

        grew = grown(chain, entry, room.hash, places.get, leaves, at)
        chain, places[entry.digest] = grew.chain, (grew.branch, entry.header.seq)
    assert [(fork.epoch, fork.seq) for fork in chain.forks] == [(0, 2), (5, 4)]
    heads = [(0, 2, first[2].digest), (0, 2, forks[0].digest)]
    settled = accepted(repaired(chain, opened.digest, 5, heads, places.get), opened.digest, "birch")
    assert settled.counts(0, 2)
    assert not settled.counts(5, 4)


def test_a_charter_that_is_refused_is_named_and_the_link_goes_on():
    alliance = an_alliance(6)
    signed = alliance.machine("azure").state.rooms.now[alliance.room].signed
    broken = type(signed)(signed.statement[:-1] + b"\x00", signed.signatures)
    drops = alliance.world.wire("azure", "birch").session
    alliance.world.deliver("azure", "birch", f.write_frame(f.CharterFrame(broken)))
    alliance.run(10)
    assert any(notice.told is Told.REFUSED for notice in alliance.machine("birch").notices)
    assert alliance.world.wire("azure", "birch").session == drops


def test_a_fault_that_nobody_names_is_red():
    alliance = an_alliance(7)
    with pytest.raises(CheckFailed, match="a planted fault is named"):
        planting.require_notice(alliance, "azure", Told.LIE, "countersignature-two-histories")


def test_every_planted_fault_has_a_test_of_its_own_above():
    tested = [name for name in globals() if name.startswith("test_")]
    assert len(faults.FAULTS) == 14
    assert len(tested) > len(faults.FAULTS)


def test_two_forged_branches_do_not_shut_out_their_authors_own_entries():
    alliance = SimulatedAlliance(["azure", "birch"], seed=1)
    newest = planting.some_entry(alliance, "azure", newest=True)
    world = alliance.world
    world.tamper = lambda sender, _to, data: (
        None if sender == "birch" and isinstance(f.read_frame(data), f.Entries) else data
    )  # so that azure goes on before it learns of them
    for by in ("one", "two"):
        body = {"by": by, "entries": [], "post": "duty"}
        planting.deliver(alliance, "azure", "birch", planting.entry_after(alliance, "azure", newest, kind=Kind.READ, body=body))
    opening = alliance.act("azure", rules.Open(subject="our own", room=alliance.room)).digest
    alliance.run(5)
    world.tamper = None
    alliance.run(120)
    assert alliance.store("birch").entry(opening) is not None


def test_long_forged_branches_that_an_ally_passes_on_do_not_hold_back_the_authors_own_entries():
    alliance = SimulatedAlliance(["azure", "birch", "cedar"], seed=2)
    newest = planting.some_entry(alliance, "azure", newest=True)
    world = alliance.world
    world.tamper = lambda sender, _to, data: None if isinstance(f.read_frame(data), f.Entries) else data
    for number in range(4):  # more than azure takes from others; each is longer than its own
        entry = newest
        for step in range(6):
            body = {"by": f"{number} {step}", "entries": [], "post": "duty"}
            entry = planting.entry_after(alliance, "azure", entry, kind=Kind.READ, body=body)
            planting.deliver(alliance, "cedar", "birch", entry)
    opening = alliance.act("azure", rules.Open(subject="our own", room=alliance.room)).digest
    world.tamper = None
    alliance.run(240)
    for name in alliance.parties:
        assert alliance.store(name).entry(opening) is not None, name


def test_a_forged_signing_that_no_checkpoint_covers_is_not_agreed_after_the_repair():
    alliance = SimulatedAlliance(["azure", "birch"], seed=1)
    opening, words = planting.words_proposed(alliance, "azure")
    newest = planting.some_entry(alliance, "azure", newest=True)
    alliance.forked.add("azure")
    about = (opening, words)
    forged = planting.entry_at(alliance, "azure", newest, kind=Kind.WORDS_SIGNED, body={"by": None}, about=about)
    planting.deliver(alliance, "azure", "birch", forged)
    alliance.run(10)
    alliance.act("birch", rules.SignWords(consultation=opening, proposal=words))
    alliance.run(5)
    planting.repair(alliance, "azure", opening)
    assert status(alliance.machine("birch"), opening) is not Status.AGREED
