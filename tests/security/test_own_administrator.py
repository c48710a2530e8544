"""One government's own administrator: holds its keys, its disk and its clock. What that can do, and what not.

docs/threats.md answers the question; every sentence of that answer is a test here. What *can* be done
is tested too: a threat that is admitted must be real, or the document has become false.
"""

from __future__ import annotations

import io

import msgspec
import pytest
from attacker import Node, exchange, sent

from katchi.consult import rules
from katchi.link import frames as f
from katchi.node.audit import audit_store, read
from katchi.node.batch import Batch
from katchi.node.exporting import items_of
from katchi.node.notices import Told
from katchi.record.bundle import EntryItem, write_bundle
from katchi.record.canonical import encode
from katchi.record.entry import decode_header
from katchi.record.fork import verified_fork
from katchi.record.suite import SHIPPED
from katchi.record.unbundle import verify_bundle
from katchi.store.memory import MemoryStore
from katchi.testing.builders import NOON, a_chain, a_kept, an_entry


@pytest.fixture
def both(azure, birch, room):
    """azure's and birch's nodes, level, with one consultation that azure opened and birch acknowledged."""
    nodes = Node(azure, birch), Node(birch, azure)
    exchange(*nodes)
    nodes[1].take("azure", f.CharterFrame(room.signed))
    exchange(*nodes)
    opening = nodes[0].do(rules.Open(subject="as it was", room=room.id)).digest
    exchange(*nodes)
    nodes[1].do(rules.Acknowledge(consultation=opening))
    exchange(*nodes)
    return nodes


def said_of(node, ally, room):
    """How far others vouch for an ally's chain, by an audit of this node."""
    report = audit_store(node.store, SHIPPED, holder=node.ally.name)
    (found,) = [one for one in report.rooms if one.room == room]
    return report, next(chain for chain in found.chains if chain.ally == ally)


def went_back(node, snapshot):
    """The node's store is put back to what it was, with nothing noted: as a rolled-back virtual machine."""
    node.store = MemoryStore(snapshot)
    node.restart()


def position(node, opening, text):
    return node.do(rules.StatePosition(consultation=opening, text=text))


def opening_in(node, room):
    return next(iter(node.store.openings(room))).entry.digest


def test_an_administrator_can_rewrite_an_unconfirmed_tail(both, room):
    """Until a peer has countersigned, only its author's word stands: the audit says so, and cannot tell."""
    node, _ = both
    before, opening = node.store.snapshot(), opening_in(node, room.id)
    position(node, opening, "what was said")
    went_back(node, before)
    position(node, opening, "what is now said to have been said")
    report, chain = said_of(node, "azure", room.id)
    assert report.is_sound
    assert chain.confirmed["birch"] < chain.length and chain.said.endswith("beyond that, only azure's word")


def test_an_administrator_can_rewrite_a_whole_national_room(azure):
    node = Node(azure)
    first = node.store.snapshot()
    node.do(rules.Open(subject="what was decided", room=node.national))
    went_back(node, first)
    node.do(rules.Open(subject="what suits us better", room=node.national))
    report, chain = said_of(node, "azure", node.national)
    assert report.is_sound and chain.said == "only azure's word"


def test_an_administrator_can_lie_about_its_clock_and_not_about_ours(both, room):
    node, other = both
    opening = opening_in(node, room.id)
    node.now -= 30 * 86_400_000_000
    written = node.machine.submit(rules.StatePosition(consultation=opening, text="long ago"), node.now)
    node.keep()
    exchange(node, other)
    kept = other.store.entry(written.digest)
    assert kept.entry.header.at < NOON < kept.arrived_at
    assert "clock-went-back" in kept.flags


def test_an_administrator_can_refuse_to_send_and_holds_nobody_up(both, room):
    node, other = both
    position(node, opening_in(node, room.id), "never sent")
    assert position(other, opening_in(other, room.id), "we go on").digest
    assert other.machine.state.chain(room.id, "azure").length < node.machine.state.chain(room.id, "azure").length


def test_an_administrator_cannot_disown_what_is_countersigned(both, azure, room):
    """A history rewritten below a countersignature is a fork: two signed headers, which prove it to anyone."""
    node, other = both
    before, opening = node.store.snapshot(), opening_in(node, room.id)
    position(node, opening, "what was said")
    exchange(node, other)
    assert (
        other.machine.state.chain(room.id, "azure").newest.confirmed["birch"] == node.machine.state.chain(room.id, "azure").length
    )
    went_back(node, before)
    position(node, opening, "what is now said to have been said")
    rewritten = node.store.run(room.id, "azure", 0, 0, 100, 100)
    other.take("azure", sent(room.id, [kept.entry for kept in rewritten]))
    assert any(notice.told is Told.FORK and notice.ally == "azure" for notice in other.notices)
    report, chain = said_of(other, "azure", room.id)
    assert not report.is_sound
    one, two = verified_fork(room, chain.forks[0].proof)
    assert (one.ally, one.epoch, one.seq) == (two.ally, two.epoch, two.seq) and azure.fingerprint == room.members[
        "azure"
    ].fingerprint
    said = {kept.entry.body for kept in other.store.entries(room.id)}
    assert sum(b"said" in body for body in said) == 2  # both are kept


def test_an_administrator_cannot_hide_a_fork_once_shown(both, room):
    """Its own node learns the other branch back from the peer, whatever store it is started from."""
    node, other = both
    before, opening = node.store.snapshot(), opening_in(node, room.id)
    position(node, opening, "one")
    exchange(node, other)
    went_back(node, before)
    position(node, opening, "two")
    exchange(node, other)
    for one in both:
        assert one.machine.state.chain(room.id, "azure").is_frozen
    went_back(node, before)
    exchange(node, other)
    assert node.machine.state.chain(room.id, "azure").is_frozen
    assert other.machine.state.chain(room.id, "azure").is_frozen


def test_an_administrator_cannot_forge_the_other_ally(both, azure, birch, room):
    """An entry put into its own store under the other's name is named by any audit."""
    node, _ = both
    chain = node.machine.state.chain(room.id, "birch").newest
    forged = an_entry(room, birch, chain.length, chain.head)
    own = an_entry(room, azure, chain.length, chain.head)
    forged = msgspec.structs.replace(forged, signature=own.signature)
    node.store.append(Batch(entries=[msgspec.structs.replace(a_kept(forged), via="birch")]))
    report, _ = said_of(node, "birch", room.id)
    assert "signature-invalid" in {finding.reason for one in report.rooms for finding in one.findings}


def an_export(node, room, keep=lambda item: True):
    out = io.BytesIO()
    items = [item for item in items_of(node.store, [room]) if keep(item)]
    write_bundle(out, items, node.ally.known, node.ally.signer, at=NOON)
    out.seek(0)
    return verify_bundle(out, [member.fingerprint for member in room.members.values()], SHIPPED, read=read)


def test_an_administrator_cannot_export_less_of_its_own_chain_than_the_other_has_seen(both, room):
    """A withheld tail: signed well by its exporter, and contradicted by what the other states to have seen."""
    node, other = both
    position(node, opening_in(node, room.id), "an embarrassing position")
    exchange(node, other)
    position(other, opening_in(other, room.id), "we have seen yours")
    exchange(node, other)
    assert an_export(node, room).is_sound
    last = node.machine.state.chain(room.id, "azure").newest.head

    def without_the_last(item):
        if not isinstance(item, EntryItem):
            return True
        header = decode_header(item.header)
        return header.ally != "azure" or header.seq < node.machine.state.chain(room.id, "azure").length - 1

    report = an_export(node, room, without_the_last)
    findings = [finding for one in report.rooms for finding in one.findings]
    assert {finding.reason for finding in findings} == {"export-tail-withheld"} and last
    assert {finding.against for finding in findings} == {"azure"}


def test_an_administrator_cannot_export_another_record_than_the_others_unnoticed(both, room):
    position(both[0], opening_in(both[0], room.id), "not sent yet")
    ours, theirs = (an_export(one, room).rooms[0] for one in both)
    assert ours.heads_digest != theirs.heads_digest
    exchange(*both)
    ours, theirs = (an_export(one, room).rooms[0] for one in both)
    assert ours.heads_digest == theirs.heads_digest


def test_an_administrator_cannot_put_words_under_a_signature_that_was_given(both, room):
    """Signed words name their proposal by its digest: other words are another proposal."""
    node, other = both
    opening = opening_in(node, room.id)
    proposal = node.do(rules.ProposeWords(consultation=opening, words={"en": "these words"})).digest
    exchange(*both)
    for one in both:
        one.do(rules.SignWords(consultation=opening))
    exchange(*both)
    entry = node.store.entry(proposal).entry
    forged = encode({"by": None, "words": {"en": "those words"}})
    report = audit_store(replaced(node.store, entry, forged), SHIPPED, holder="azure")
    assert "body-digest-mismatch" in {finding.reason for one in report.rooms for finding in one.findings}
    assert audit_store(other.store, SHIPPED, holder="birch").is_sound


def replaced(store, entry, body):
    """A copy of a store in which one body is another; memory rows carry no checks, as if those were recomputed."""
    snapshot = store.snapshot()
    kept = snapshot.kept[entry.digest]
    snapshot.kept[entry.digest] = msgspec.structs.replace(kept, entry=msgspec.structs.replace(entry, body=body))
    return MemoryStore(snapshot)


def test_a_thief_of_keys_who_speaks_as_an_ally_forks_its_chain(both, azure, room):
    """With keys.pem a thief can sign; as soon as the ally writes too, both histories meet at its peer."""
    node, other = both
    chain = node.machine.state.chain(room.id, "azure").newest
    opening = opening_in(node, room.id)
    (stolen,) = a_chain(room, azure, 1, after=node.store.run(room.id, "azure", 0, chain.length - 1, chain.length, 1)[0].entry)
    other.take("azure", sent(room.id, [stolen]))
    assert other.machine.state.chain(room.id, "azure").length == chain.length + 1  # taken for azure's
    position(node, opening, "by azure itself")
    exchange(*both)
    assert node.machine.state.chain(room.id, "azure").is_frozen and other.machine.state.chain(room.id, "azure").is_frozen
