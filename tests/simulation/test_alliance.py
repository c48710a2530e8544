"""Whole alliances under random outages, from seeds: nothing is lost, all agree, and a seed replays exactly."""

from __future__ import annotations

import subprocess
import sys

import pytest

from katchi.consult import rules
from katchi.link import frames as f
from katchi.rehearse.wire import Weather
from katchi.testing.alliance import SimulatedAlliance
from katchi.testing.checkers import check_at_all_times, check_in_the_end, the_link_falls_quiet, watch
from katchi.testing.faults import run_seed, run_seeds

STEPS = 40


@pytest.mark.parametrize("seed", range(10))  # by hundreds: `make faults`
def test_allies_hold_equal_records_after_any_outage_heals(seed):
    alliance = SimulatedAlliance.of_seed(seed)
    watch(alliance)
    for _ in range(4):
        alliance.swarm(steps=STEPS // 4)
        check_at_all_times(alliance)
    alliance.heal()
    alliance.settle()
    check_in_the_end(alliance)


def test_one_seed_has_one_transcript():
    runs = [run_seed(7), run_seed(7)]
    assert runs[0] == runs[1]
    assert runs[0].failure is None
    assert run_seed(9).transcript != runs[0].transcript


def test_a_seed_replays_exactly_in_another_process_with_another_hash_seed():
    program = "from katchi.testing.faults import run_seed; print(run_seed(5).transcript)"
    runs = [
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONPATH": "src", "PYTHONHASHSEED": seed}, capture_output=True, text=True
        )
        for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout != ""


def test_the_result_does_not_depend_on_the_number_of_processes():
    def without_time(summary):
        return {name: getattr(summary, name) for name in summary.__struct_fields__ if name != "seconds"}

    assert without_time(run_seeds(20, 3, processes=1)) == without_time(run_seeds(20, 3, processes=2))


def test_progress_is_told_seed_by_seed_in_order():
    told = []
    summary = run_seeds(30, 3, told.append, processes=1)
    assert [result.seed for result in told] == [30, 31, 32]
    assert summary.lost == 0
    assert summary.planted == summary.detected
    assert summary.failures == ()


def test_a_failing_seed_says_how_to_replay_it():
    alliance = SimulatedAlliance(["azure", "birch"], seed=77)
    watch(alliance)
    alliance.secrets.append(b"hello")
    with pytest.raises(AssertionError, match="katchi faults run --from 77 --seeds 1"):
        alliance.world.restart("azure")
        alliance.run(10)


@pytest.mark.parametrize("lost", [f.Have, f.CharterFrame, f.Entries, f.Statements])
@pytest.mark.parametrize("nth", range(4))
def test_a_bearer_that_loses_a_frame_stalls_nothing(lost, nth):
    alliance = SimulatedAlliance(["azure", "birch"], seed=nth, room=False)
    seen = []

    def lose(sender, _receiver, data):
        if sender == "azure" and isinstance(f.read_frame(data), lost):
            seen.append(data)
            return None if len(seen) == nth + 1 else data
        return data

    alliance.world.tamper = lose
    alliance.found_room()
    alliance.act("azure", rules.Open(subject="a line that loses", room=alliance.room))
    alliance.settle()
    check_in_the_end(alliance)


def test_a_first_have_that_is_lost_is_told_again():
    alliance = SimulatedAlliance(["azure", "birch"], seed=1)
    wire = alliance.world.wire("azure", "birch")
    alliance.world.cut(wire)
    opening = alliance.act("birch", rules.Open(subject="said while cut off", room=alliance.room)).digest
    lost = []

    def lose(sender, _receiver, data):
        is_lost = sender == "azure" and not lost and isinstance(f.read_frame(data), f.Have)
        lost.extend([data] if is_lost else [])
        return None if is_lost else data

    alliance.world.tamper = lose
    alliance.world.mend(wire)
    alliance.run(20)
    assert lost
    assert alliance.machine("azure").consultation(opening).opener == "birch"


@pytest.mark.parametrize("seed", range(4))
def test_frames_that_overtake_each_other_stall_nothing(seed):
    alliance = SimulatedAlliance(["azure", "birch"], seed=seed)
    alliance.world.weather = Weather(reorder=0.5, repetition=0.3)
    alliance.swarm(20)
    alliance.heal()
    alliance.settle()
    check_in_the_end(alliance)


@pytest.mark.parametrize("jump_s", [-86_400, 86_400])
def test_a_clock_set_back_or_forth_while_a_frame_is_lost_holds_nothing_up(jump_s):
    alliance = SimulatedAlliance(["azure", "birch", "cedar"], seed=3)
    alliance.world.cut(alliance.world.wire("azure", "cedar"))
    alliance.run(5)
    alliance.world.tamper = lambda _sender, _receiver, data: None if isinstance(f.read_frame(data), f.Entries) else data
    opening = alliance.act("azure", rules.Open(subject="what time is it", room=alliance.room)).digest
    alliance.run(0.2)
    for name in ("azure", "birch"):
        alliance.world.stations[name].clock_offset_us += jump_s * 1_000_000
    alliance.run(5)
    alliance.world.tamper = None
    alliance.run(30)
    assert alliance.machine("cedar").consultation(opening).opener == "azure"
    alliance.act("cedar", rules.Acknowledge(consultation=opening))
    alliance.run(30)
    assert alliance.machine("azure").consultation(opening).standings["cedar"].stance == "acknowledged"
    alliance.settle()
    the_link_falls_quiet(alliance)


@pytest.mark.parametrize("author", ["azure", "delta"])
def test_bodies_and_papers_travel_along_a_line_of_allies(author):
    names = ["azure", "birch", "cedar", "delta"]
    alliance = SimulatedAlliance(names, seed=2)
    line = {("delta", "cedar"), ("azure", "cedar"), ("azure", "birch")}
    for wire in alliance.world.wires:
        if wire.ends not in line and wire.ends[::-1] not in line:
            alliance.world.cut(wire)
    opening = alliance.act(author, rules.Open(subject="along the line", room=alliance.room)).digest
    alliance.attach(author, opening)
    alliance.world.weather = Weather(bytes_per_s=60_000)
    for _ in range(60):
        alliance.act(author, rules.StatePosition(consultation=opening, text="x" * 12_000))
    alliance.run(120)
    alliance.settle()
    check_in_the_end(alliance)


def test_what_a_full_disk_did_not_take_is_not_shown():
    alliance = SimulatedAlliance(["azure", "birch"], seed=4)
    alliance.store("birch").is_full = True
    opening = alliance.act("azure", rules.Open(subject="arrives at a full disk", room=alliance.room)).digest
    alliance.run(1)
    assert alliance.store("birch").entry(opening) is None
    assert alliance.machine("birch").state.consultation(opening) is None
    alliance.store("birch").is_full = False
    alliance.settle()
    check_in_the_end(alliance)


def test_a_full_disk_tells_the_officer_and_loses_nothing_that_was_told():
    alliance = SimulatedAlliance(["azure", "birch"], seed=4)
    alliance.store("azure").is_full = True
    (answer,) = alliance.world.submit("azure", rules.Open(subject="no space", room=alliance.room))
    assert isinstance(answer, Exception)
    alliance.act("birch", rules.Open(subject="arrives at a full disk", room=alliance.room))
    alliance.run(20)
    alliance.store("azure").is_full = False
    alliance.settle()
    check_in_the_end(alliance)


def test_a_chunk_that_is_lost_is_asked_for_again_though_the_next_ones_come():
    alliance = SimulatedAlliance(["azure", "birch"], seed=2)
    opening = alliance.act("azure", rules.Open(subject="see the annex", room=alliance.room)).digest
    long, lost = [], []

    def lose(_sender, _receiver, data):
        frame = f.read_frame(data)
        if isinstance(frame, f.WantPaper) and frame.count > 1:
            long.append(frame.root)
        is_lost = not lost and isinstance(frame, f.ChunkFrame) and frame.root in long
        lost.extend([frame] if is_lost else [])
        return None if is_lost else data

    alliance.world.tamper = lose
    while not lost:
        alliance.attach("azure", opening)
        alliance.run(10)
    alliance.settle()
    check_in_the_end(alliance)
