"""Consultations as folds: any order gives the same view, own acts move own stances alone, agreed needs every signature."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from katchi.consult import rules
from katchi.consult.consultation import begun, evolve, folded
from katchi.consult.crossing import crossed_pairs, in_causal_order
from katchi.consult.rules import decide, is_agreed
from katchi.consult.stances import MOVES_NONE, NEXT, Standing, joint_status
from katchi.errors import Refused
from katchi.record.entry import Seen
from katchi.testing.builders import NOON, a_room, an_ally, an_entry
from katchi.vocabulary import MESSAGES, Kind, Stance

ALLIES = tuple(an_ally(name) for name in ("azure", "birch", "cedar"))
NAMES = tuple(ally.name for ally in ALLIES)
ROOM = a_room(*ALLIES)
OPENING = an_entry(
    ROOM, ALLIES[0], 1, bytes(32), kind=Kind.CONSULTATION_OPENED, body={"by": None, "subject": "s", "form": "exchange-of-views"}
)
KINDS = sorted([*MESSAGES, Kind.DELIVERED, Kind.READ, "weather.reported"])


@st.composite
def histories(draw):
    """Draw every ally's acts in one consultation, each ally's in its own order: lawful, lawless and unknown ones."""
    entries = [OPENING]
    proposals = [bytes(32)]
    for number, (ally, kind) in enumerate(
        draw(st.lists(st.tuples(st.sampled_from(ALLIES), st.sampled_from(KINDS)), max_size=24))
    ):
        about = [OPENING.digest]
        if kind == Kind.WORDS_SIGNED and draw(st.integers(0, 9)):
            about.append(draw(st.sampled_from(proposals)))
        epoch = draw(st.integers(0, 1)) if number > 12 else 0
        seen = draw(st.sampled_from(entries))
        sees = () if seen.header.ally == ally.name else (Seen(seen.header.ally, seen.header.epoch, seen.header.seq, seen.digest),)
        entry = an_entry(ROOM, ally, number + 2, bytes(32), kind=kind, epoch=epoch, about=about, sees=sees)
        if kind == Kind.WORDS_PROPOSED:
            proposals.append(entry.digest)
        entries.append(entry)
    return entries


def in_chain_order(entries):
    return sorted(entries, key=lambda e: (e.header.ally, e.header.epoch, e.header.seq, e.digest))


@given(histories(), st.randoms(use_true_random=False))
def test_any_order_of_arrival_and_any_repetition_gives_the_same_view(entries, chance):
    expected = folded(OPENING, NAMES, entries)
    shuffled = entries + chance.choices(entries, k=5)
    chance.shuffle(shuffled)
    assert folded(OPENING, NAMES, shuffled) == expected
    assert {frozenset(pair) for pair in crossed_pairs(set_of(shuffled))} == {frozenset(pair) for pair in crossed_pairs(entries)}
    assert in_causal_order(set_of(shuffled)) == in_causal_order(entries)


def set_of(entries):
    return list({entry.digest: entry for entry in entries}.values())


@given(histories(), st.randoms(use_true_random=False))
def test_any_interleaving_of_chains_evolves_to_the_same_view(entries, chance):
    queues = {name: [e for e in in_chain_order(entries) if e.header.ally == name] for name in NAMES}
    state = begun(OPENING, NAMES)
    while any(queues.values()):
        name = chance.choice([name for name, queue in queues.items() if queue])
        state, _ = evolve(state, queues[name].pop(0))
    assert state == folded(OPENING, NAMES, entries).consultation


@given(histories(), st.sampled_from(NAMES))
def test_no_allys_act_changes_anothers_stance(entries, silent):
    heard = folded(OPENING, NAMES, entries).consultation.standings
    without = folded(OPENING, NAMES, [e for e in entries if e.header.ally != silent or e is OPENING]).consultation.standings
    assert {name: heard[name] for name in NAMES if name != silent} == {name: without[name] for name in NAMES if name != silent}


@given(histories())
def test_decisions_recorded_change_no_stance_no_status_and_no_flag_of_any_other_act(entries):
    decisions = {entry.digest for entry in entries if entry.header.kind == Kind.DECISION_RECORDED}
    heard = folded(OPENING, NAMES, entries)
    without = folded(OPENING, NAMES, [entry for entry in entries if entry.digest not in decisions])
    for name in NAMES:
        one, other = heard.consultation.standings[name], without.consultation.standings[name]
        assert (one.stance, one.signatures) == (other.stance, other.signatures)
    assert heard.flags == without.flags

    def status(view):
        return joint_status(view.consultation.standings, view.consultation.proposals, lambda *_: True)

    assert status(heard) is status(without)


@given(histories(), st.sets(st.integers(0, 26)))
def test_agreed_is_shown_if_and_only_if_every_member_signed_the_same_words(entries, uncovered):
    state = folded(OPENING, NAMES, entries).consultation

    def counts(_ally, signature):
        return signature.seq not in uncovered

    assert is_agreed(state, counts) == oracle(entries, uncovered)


def oracle(entries, uncovered):
    """Say again, from the entries alone, whether all three signed one proposal by entries that count."""
    proposed = {e.digest for e in entries if e.header.kind == Kind.WORDS_PROPOSED}
    signed = {
        (e.header.ally, e.header.about[1])
        for e in entries
        if e.header.kind == Kind.WORDS_SIGNED and len(e.header.about) > 1 and e.header.seq not in uncovered
    }
    return any(all((name, words) in signed for name in NAMES) for words in proposed)


@given(histories())
def test_every_act_is_taken_and_what_leaves_the_rules_moves_no_stance(entries):
    view = folded(OPENING, NAMES, entries)
    for digest, flags in view.flags.items():
        assert flags
        assert digest in {entry.digest for entry in entries}


COMMANDS = {
    Kind.ACKNOWLEDGED: rules.Acknowledge(consultation=OPENING.digest),
    Kind.POSITION_STATED: rules.StatePosition(consultation=OPENING.digest, text="we think"),
    Kind.WORDS_PROPOSED: rules.ProposeWords(consultation=OPENING.digest, words={"en": "words"}),
    Kind.WORDS_SIGNED: rules.SignWords(consultation=OPENING.digest),
    Kind.ENDED: rules.End(consultation=OPENING.digest, reason="done"),
    Kind.COULD_NOT_CONSULT: rules.CouldNotConsult(consultation=OPENING.digest, effort="calls", reason="silence"),
    Kind.DECISION_RECORDED: rules.RecordDecision(
        consultation=OPENING.digest,
        question="whether",
        outcome="yes",
        owner="the director",
        reason="all agree",
        deadline=NOON + 1,
    ),
}
WORDS = an_entry(
    ROOM, ALLIES[1], 5, bytes(32), kind=Kind.WORDS_PROPOSED, about=(OPENING.digest,), body={"by": None, "words": {"en": "we go"}}
)


@pytest.mark.parametrize(("stance", "kind"), list(product(Stance, COMMANDS)))
def test_decide_refuses_exactly_what_is_neither_in_next_nor_open_from_everywhere(stance, kind):
    state, _ = evolve(begun(OPENING, NAMES), WORDS)
    state.standings["azure"] = Standing(stance)

    def held(digest):
        return WORDS if digest == WORDS.digest else None

    if (stance, kind) in NEXT or kind in MOVES_NONE:
        act = decide(state, "azure", COMMANDS[kind], held, is_frozen=False, now=NOON)
        assert act.kind is kind
    else:
        with pytest.raises(Refused, match="is not open to it") as refused:
            decide(state, "azure", COMMANDS[kind], held, is_frozen=False, now=NOON)
        assert "Open to it now" in refused.value.hint


@pytest.mark.parametrize("stance", list(Stance))
@settings(max_examples=5)
@given(others=st.lists(st.sampled_from(list(Stance)), min_size=2, max_size=2))
def test_what_we_may_do_depends_on_our_own_stance_alone(stance, others):
    state, _ = evolve(begun(OPENING, NAMES), WORDS)
    state.standings.update(azure=Standing(stance), birch=Standing(others[0]), cedar=Standing(others[1]))
    for kind, command in COMMANDS.items():
        try:
            decide(state, "azure", command, lambda _digest: WORDS, is_frozen=False, now=NOON)
        except Refused:
            assert (stance, kind) not in NEXT and kind not in MOVES_NONE
        else:
            assert (stance, kind) in NEXT or kind in MOVES_NONE
