"""A node of the previous version keeps a recorded decision as of an unknown kind, and nobody's stance moves there either."""

from __future__ import annotations

from test_previous_version import Alliance, processes, soon

from katchi.consult import rules

__all__ = ["processes"]  # a fixture


def test_the_previous_version_keeps_a_decision_as_of_an_unknown_kind_and_sees_the_same_stances(tmp_path, processes):
    alliance = Alliance(tmp_path, processes, present_dials=True)
    present, previous = alliance.present, alliance.previous
    room = present.found("USA")
    soon("the room is in force on both sides", lambda: alliance.in_force(room))
    consultation = present.open()
    soon("the opening is there", lambda: previous.stand(consultation)["status"] == "awaiting")
    previous.act("state", consultation, "USA assesses.")
    soon("the position is here", lambda: present.stand(consultation)["stances"]["USA"] == "position-stated")
    before = present.stand(consultation)

    entry = present.give(
        rules.RecordDecision(
            consultation=bytes.fromhex(consultation), question="whether", outcome="yes", owner="the director", reason="alike"
        )
    )
    soon("the previous version keeps it", lambda: previous.do("show")["flags"].get(entry))
    assert previous.do("show")["flags"][entry][1] == "decision.recorded"
    soon("the records are equal and confirmed", lambda: alliance.is_equal(room))
    for node in (present, previous):
        stand = node.stand(consultation)
        assert (stand["status"], stand["stances"]) == (before["status"], before["stances"])
    (decision,) = present.ask("consultation", id=consultation)["decisions"]
    assert (decision["id"], decision["positions"]) == (entry, {"USA": "USA assesses."})
