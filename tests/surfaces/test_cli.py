"""The command line as its users meet it: what is right is answered, what is wrong is refused in words, in both languages.

Commands run in this process where the language may be ours, and as processes of their own where the
environment chooses it, or a node serves. A refused command leaves the node as it was.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from katchi import errors
from katchi.cli import speech
from katchi.cli.__main__ import NOUNS, application, main
from katchi.consult import rules
from katchi.consult.acts import PAPER_SIZE_MAX
from katchi.serve.directory import NodeDirectory
from katchi.serve.office import Office

HANGUL = re.compile("[가-힣]")
WAIT_S = 30.0


class Ran(NamedTuple):
    """What a command came to."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def katchi(monkeypatch, capsys):
    """Runs a command line in this process."""

    def run(*words: object) -> Ran:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["katchi", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Ran(ended.value.code, captured.out, captured.err)

    return run


def width(line: str) -> int:
    """Return how many columns a line of English and Korean takes."""
    return len(line) + len(HANGUL.findall(line))


def as_process(*words: object, **environment: str) -> Ran:
    """Run a command line as a process of its own."""
    unset = ("KATCHI_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG", "KATCHI_NODE", "KATCHI_OFFICER", "COLUMNS")
    inherited = {name: value for name, value in os.environ.items() if name not in unset}
    done = subprocess.run(
        [sys.executable, "-m", "katchi.cli", *map(str, words)],
        capture_output=True,
        text=True,
        env=inherited | environment,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


SCENARIO = Path(__file__).resolve().parents[2] / "scenarios" / "reference.toml"


class Desk(NamedTuple):
    """A node that is not running, with one consultation in its national room, and files to err with."""

    node: Path
    other: Path  # another ally's node, not paired
    consultation: str
    files: Path

    @property
    def record(self) -> dict[str, object]:
        """All that the node holds, and the names of its files."""
        (room,) = Office(self.node).ask("rooms")
        names = sorted(p.name for p in self.node.iterdir() if not p.name.endswith(("-wal", "-shm")))
        return {"room": room, "consultations": Office(self.node).ask("consultations"), "files": names}


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Desk:
    base = tmp_path_factory.mktemp("desk")
    for name, ally in (("seoul", "KOR"), ("washington", "USA")):
        NodeDirectory.create(base / name, ally=ally, mode="exercise")
    with Office(base / "seoul") as office:
        (written,) = office.submit(rules.Open(subject="An invented event"))
    files = base / "files"
    files.mkdir()
    (files / "text").write_text("neither an invitation nor an export")
    (files / "pennies.nfg").write_text('NFG 1 R "pennies" { "one" "two" } { 2 2 } 1 -1 -1 1 -1 1 1 -1\n')
    (files / "measured.csv").write_text("stage,seconds\nstudy,2710\nstudy,1985\n")
    table = "t_local,tz,kind,from,to,statement,source\n2026-03-02 09:00,UTC,notify,azure,birch,an invented event,log\n"
    (files / "chronicle").mkdir()
    (files / "chronicle" / "chronicle.csv").write_text(table + "2026-03-02 09:10,UTC,reply,birch,azure,noted,log\n")
    with (files / "large").open("wb") as large:
        large.truncate(PAPER_SIZE_MAX + 1)
    assert as_process("node", "invite", base / "washington", "--out", files / "USA.invitation").status == 0
    return Desk(base / "seoul", base / "washington", written.digest.hex(), files)


# What is right.

ALONE = {  # good input for commands that need no ally; {} are filled from the desk
    "node init": "node init {new}/busan --ally KOR --exercise",
    "node invite": "node invite {node} --out {new}/KOR.invitation --address node.example:20700",
    "node show": "node show {node}",
    "room list": "room list --node {node}",
    "consultation open": "consultation open --subject another --form towards-consensus --due +2h --node {node}",
    "consultation list": "consultation list --node {node}",
    "consultation show": "consultation show {id} --node {node}",
    "consultation state-position": "consultation state-position {id} --text ours --node {node} --precedence flash",
    "consultation propose-words": "consultation propose-words {id} --en ours --ko 우리말 --node {node}",
    "consultation end": "consultation end {own} --reason done --node {node}",
    "consultation could-not-consult": "consultation could-not-consult {own} --effort calls --reason none --node {node}",
    "consultation record-decision": (
        "consultation record-decision {id} --question whether --option go --option wait --outcome go --owner director"
        " --reason alike --due +2h --follow-up look --node {node}"
    ),
    "record audit": "record audit {node}",
    "record export": "record export {node} --out {new}/seoul.katchi",
    "record show": "record show --node {node} --as-of -1s",
    "link status": "link status --node {node}",
    "faults run": "faults run --seeds 1 --processes 1",
    "game solve": "game solve {game}",
    "scenario check": "scenario check {scenario}",
    "scenario schema": "scenario schema",
    "scenario show": "scenario show {scenario}",
    "scenario from-timeline": "scenario from-timeline {files}/chronicle/chronicle.csv",
    "scenario fit": "scenario fit {scenario} --from {files}",
    "improve": "improve {scenario} --runs 2000 --seed 7",
    "sensitivity": "sensitivity {scenario} --samples 16 --seed 7",
    "sweep": "sweep {scenario} --runs 2000 --seed 7",
    "rehearse": "rehearse {scenario} --seed 7",
}
WITH_AN_ALLY = {  # run by the demo, and by the story of two nodes, below
    "demo",
    "node pair", "node serve", "officer link",
    "room found", "room join", "consultation acknowledge", "consultation sign-words", "record verify",
}  # fmt: skip
ELSEWHERE = {"record accept-repair"}  # test_durability.py: after a real fork


def commands() -> Iterator[str]:
    app = application()
    for noun in NOUNS:
        if app[noun].default_command is not None:
            yield noun
        yield from (f"{noun} {name}" for name in app[noun] if not name.startswith("-"))


def test_every_command_is_run_with_good_input_by_some_test():
    assert set(commands()) == ALONE.keys() | WITH_AN_ALLY | ELSEWHERE


@pytest.mark.parametrize("command", ALONE)
def test_good_input_is_answered_on_stdout_and_with_json_in_one_json_value(katchi, desk, tmp_path, command):
    with Office(desk.node) as office:
        (own,) = office.submit(rules.Open(subject="for this test"))
    fields = {"node": desk.node, "id": desk.consultation, "own": own.digest.hex(), "new": tmp_path}
    fields |= {"game": desk.files / "pennies.nfg", "scenario": SCENARIO, "files": desk.files}
    line = ALONE[command].format(**fields).split()
    told = katchi(*line, "--json")
    assert (told.status, told.err) == (0, "") if command != "faults run" else told.status == 0
    assert told.json is not None
    if command not in ("node init", "consultation end", "consultation could-not-consult"):  # once only
        plain = katchi(*line)
        assert plain.status == 0 and (plain.out or command == "link status")


@pytest.mark.parametrize("words", [[], *([*command.split()] for command in commands()), *([noun] for noun in NOUNS)])
def test_help_is_shown_in_both_languages_at_80_columns_with_an_example(katchi, words):
    pages = [katchi(*words, "--help"), as_process(*words, "--help", LANG="ko_KR.UTF-8")]
    for page in pages:
        assert page.status == 0 and page.err == ""
        assert all(width(line) <= 80 for line in page.out.splitlines()), page.out
    english, korean = (page.out for page in pages)
    assert english.startswith("Usage: katchi") and korean.startswith("사용법: katchi")
    if " ".join(words) in {*commands(), ""}:
        assert "Example:\n  katchi " in english and "예:\n  katchi " in korean
        assert english.rsplit("\n\n", 1)[1].startswith("Example:")  # the page ends with it
    told = [line for line in korean.splitlines() if "katchi" not in line]
    in_english = [line for line in told if re.search(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}", line)]
    assert not in_english, "English sentences on a Korean page"


def test_in_korean_too_all_meanings_begin_in_one_column():
    page = as_process("consultation", "open", "--help", LANG="ko_KR.UTF-8").out
    rows = page.split("옵션:\n")[1].split("\n\n")[0].splitlines()
    begins = {width(re.match(r"(  -\S.*?  +|  +)\S", row)[1]) for row in rows}
    assert len(rows) > 12 and len(begins) == 1


def test_a_narrow_terminal_breaks_no_word_and_a_wide_one_makes_no_long_lines(monkeypatch, katchi):
    pages = {}
    for columns in (20, 60, 300):
        monkeypatch.setenv("COLUMNS", str(columns))
        pages[columns] = katchi("record", "verify", "--help").out
    narrow, wide = ("".join(pages[columns].replace("\\", "").split()) for columns in (20, 300))
    assert narrow == wide
    assert max(map(width, pages[60].splitlines()[:-2])) <= 60 and max(map(width, pages[300].splitlines())) <= 100


def test_an_example_can_be_copied_as_it_stands_where_it_takes_two_lines(katchi):
    page = katchi("consultation", "open", "--help").out
    example = page.split("Example:\n")[1]
    assert "\\\n" in example
    words = subprocess.run(["sh", "-c", example.replace("katchi", "printf '%s|'")], capture_output=True, text=True, check=True)
    assert words.stdout == "consultation|open|--subject|Seismic event of 00:30Z|--form|exchange-of-views|--node|seoul|"


def test_the_first_page_loads_neither_rich_nor_the_library_of_the_command_line():
    program = "import sys; sys.argv = ['katchi', '--help']; from katchi.cli.__main__ import run; run(['--help']); " + (
        "print(sorted({'rich', 'cyclopts', 'cbor2', 'cryptography', 'gettext', 'babel', 'apsw'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_commands_page_loads_no_rich(katchi):
    program = "import sys; from katchi.cli.__main__ import run; run(['node', 'pair', '--help']); print('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_the_version_is_one_line(katchi):
    assert re.fullmatch(r"katchi \S+\n", katchi("--version").out)


def test_options_after_two_hyphens_are_words_and_not_a_cry_for_help(katchi, desk):
    told = katchi("consultation", "show", "--node", desk.node, "--", "--help")
    assert told.status == errors.NotFound.exit_status and "'--help'" in told.err


# What is wrong.

DECISION = "consultation record-decision {id} --question x --owner x --node {node}"
BAD = {  # what is wrong: (words, the error's class)
    "missing directory": ("consultation list --node {none}", errors.NotFound),
    "not a node": ("node show {files}", errors.NotFound),
    "a file as a directory": ("record audit {files}/text", errors.NotFound),
    "wrong id": ("consultation show ffffffff --node {node}", errors.NotFound),
    "short id": ("consultation show ab --node {node}", errors.Malformed),
    "wrong room": ("consultation open --subject x --room ffffffff --node {node}", errors.NotFound),
    "wrong room of a record": ("record export {node} --out {none} --room ffffffff", errors.NotFound),
    "not a time": ("consultation open --subject x --due tomorrow --node {node}", errors.Malformed),
    "time without its zone": ("consultation open --subject x --due 2027-01-31T14:32 --node {node}", errors.Malformed),
    "due before it opens": ("consultation open --subject x --due -1h --node {node}", errors.Malformed),
    "not a time to show": ("record show --as-of noon --node {node}", errors.Malformed),
    "not a member": ("record show --seen-by USA --node {node}", errors.NotFound),
    "neither phrase nor fingerprint": ("node pair {node} {files}/USA.invitation --phrase 1234", errors.Malformed),
    "wrong phrase": ("node pair {node} {files}/USA.invitation --phrase 1234123412341234", errors.NotTrusted),
    "wrong fingerprint of an invitation": ("node pair {node} {files}/USA.invitation --phrase {zeros}", errors.NotTrusted),
    "not an invitation": ("node pair {node} {files}/text", errors.Malformed),
    "missing invitation": ("node pair {node} {none}", errors.NotFound),
    "not a fingerprint": ("record verify {files}/text --trust 9f2c", errors.Malformed),
    "not an export": ("record verify {files}/text --trust {zeros}", errors.RecordBroken),
    "missing export": ("record verify {none} --trust {zeros}", errors.NotFound),
    "unknown noun": ("consult", errors.Malformed),
    "unknown command": ("node unmake {node}", errors.Malformed),
    "unknown command of help": ("node unmake --help", errors.Malformed),
    "unknown option": ("room list --node {node} --all", errors.Malformed),
    "missing option": ("consultation open --node {node}", errors.Malformed),
    "missing argument": ("node show", errors.Malformed),
    "missing value": ("room list --node", errors.Malformed),
    "a word too many": ("node show {node} {node}", errors.Malformed),
    "not one of the choices": ("consultation open --subject x --form order --node {node}", errors.Malformed),
    "not a precedence": ("consultation open --subject x --precedence now --node {node}", errors.Malformed),
    "not a number": ("node serve {node} --link-port http", errors.Malformed),
    "not a port": ("node serve {node} --link-port 99999", errors.Malformed),
    "paper too large": ("consultation open --subject x --paper {files}/large --node {node}", errors.Malformed),
    "missing paper": ("consultation open --subject x --paper {none} --node {node}", errors.NotFound),
    "a directory as a paper": ("consultation open --subject x --paper {files} --node {node}", errors.NotFound),
    "marking not in ASCII": ("consultation open --subject x --marking 비밀 --node {node}", errors.Malformed),
    "no such post": ("consultation open --subject x --post nobody --node {node}", errors.NotFound),
    "control characters": ("consultation state-position {id} --text a\x1b[2Jb --node {node}", errors.Malformed),
    "empty text": ("consultation state-position {id} --text= --node {node}", errors.Malformed),
    "decision with an empty outcome": (DECISION + " --outcome= --reason x", errors.Malformed),
    "decision with an empty option": (DECISION + " --outcome x --reason x --option=", errors.Malformed),
    "decision without its reason": (DECISION + " --outcome x", errors.Malformed),
    "decision of too many options": (DECISION + " --outcome x --reason x" + 17 * " --option x", errors.Malformed),
    "decision due in the past": (DECISION + " --outcome x --reason x --due -1h", errors.Malformed),
    "decision about nothing known": (
        "consultation record-decision ffffffff --question x --outcome x --owner x --reason x --node {node}",
        errors.NotFound,
    ),
    "no words": ("consultation propose-words {id} --node {node}", errors.Malformed),
    "act that is not open": ("consultation acknowledge {id} --node {node}", errors.Refused),
    "nothing to sign": ("consultation sign-words {id} --node {node}", errors.Refused),
    "sign-in to a node that is not running": ("officer link {node}", errors.LinkFailed),
    "not a game": ("game solve {files}/text", errors.Malformed),
    "missing scenario": ("scenario check {none}", errors.NotFound),
    "not a scenario": ("sweep {files}/text", errors.Malformed),
    "nothing to rehearse": ("rehearse {files}/text", errors.Malformed),
    "no fork": ("record accept-repair USA --node {node}", errors.Refused),
    "room with a stranger": ("room found --with PRK --node {node}", errors.NotFound),
    "room with nobody": ("room found --node {node}", errors.Refused),
    "no such charter": ("room join ffffffff --node {node}", errors.NotFound),
    "directory not empty": ("node init {files} --ally KOR", errors.Refused),
    "made twice": ("node init {node} --ally KOR", errors.Refused),
    "bad characters in an ally id": ("node init {none} --ally K_R", errors.Malformed),
    "ally id too long": ("node init {none} --ally {zeros}", errors.Malformed),
    "directory that cannot be made": ("node init {files}/text/node --ally KOR", errors.StoreFailed),
    "invitation that cannot be written": ("node invite {node} --out {none}/x/y", errors.Malformed),
    "invitation over a directory": ("node invite {node} --out {files}", errors.Malformed),
    "export that cannot be written": ("record export {node} --out {none}/x/y", errors.Malformed),
    "demo of one ally": ("demo --headless --allies KOR", errors.Malformed),
    "demo with a missing paper": ("demo --headless --paper {none}", errors.NotFound),
}


def filled(line: str, desk: Desk, none: Path) -> list[str]:
    fields = {"node": desk.node, "files": desk.files, "id": desk.consultation, "zeros": "0" * 64, "none": none}
    return [word.format(**fields) for word in line.split(" ")]


@pytest.mark.parametrize("fault", BAD)
def test_bad_input_is_refused_in_words_in_both_languages_and_changes_nothing(katchi, desk, tmp_path, monkeypatch, fault):
    line, kind = BAD[fault]
    words = filled(line, desk, tmp_path / "none")
    before = desk.record
    english = katchi(*words)
    monkeypatch.setattr(speech, "LANGUAGE", "ko")
    monkeypatch.setattr(speech, "_", speech.language.translator("ko"))
    korean = katchi(*words)
    for told in (english, korean):
        assert told.status == kind.exit_status
        assert told.out == ""
        message, hint = told.err.split("\n")[:2]
        assert message.startswith("katchi: ") and len(message) > 12
        assert hint.startswith("  ") and hint.strip(), "an error says what to do next"
        assert "{" not in message + hint and "Traceback" not in told.err
    assert not HANGUL.search(english.err.replace("비밀", "")) and all(map(HANGUL.search, korean.err.splitlines()[:1]))
    assert desk.record == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", ["wrong id", "not a time", "unknown option", "wrong phrase"])
def test_with_json_an_error_is_one_json_object_on_stderr(katchi, desk, tmp_path, fault):
    line, kind = BAD[fault]
    told = katchi(*filled(line, desk, tmp_path / "none"), "--json")
    said = json.loads(told.err)
    assert (told.out, told.status) == ("", kind.exit_status)
    assert (said["error"], said["exit_status"]) == (kind.__name__, kind.exit_status) and said["message"] and said["hint"]


@pytest.mark.parametrize("environment", [{"LANG": "ko_KR.UTF-8"}, {"KATCHI_LANG": "ko", "LANG": "en_US.UTF-8"}, {"LANG": "C"}])
def test_the_environment_chooses_the_language(desk, tmp_path, environment):
    speaks_korean = "ko" in "".join(environment.values())
    told = as_process(*filled("consultation show ab --node {node}", desk, tmp_path), PYTHONUTF8="1", **environment)
    assert (told.status, told.out) == (2, "")
    assert bool(HANGUL.search(told.err)) is speaks_korean


def test_two_consultations_that_an_id_may_mean_are_both_kept_apart(katchi, tmp_path):
    node = tmp_path / "node"
    NodeDirectory.create(node, ally="KOR", mode="exercise")
    beginnings: list[str] = []
    with Office(node) as office:
        while len(set(beginnings)) == len(beginnings):  # 65,536 beginnings of four digits: a few hundred are enough
            written = office.submit(*(rules.Open(subject="one of many") for _ in range(200)))
            beginnings += [one.digest.hex()[:4] for one in written]
    twice = next(one for one in beginnings if beginnings.count(one) > 1)
    told = katchi("consultation", "show", twice, "--node", node)
    assert (told.status, told.out) == (errors.Refused.exit_status, "")
    assert f"'{twice}' is the beginning of {beginnings.count(twice)} ids" in told.err


def test_the_list_shows_the_newest_fifty_and_says_that_there_are_more(katchi, tmp_path):
    node = tmp_path / "node"
    NodeDirectory.create(node, ally="KOR", mode="exercise")
    with Office(node) as office:
        written = office.submit(*(rules.Open(subject=f"matter {number}") for number in range(60)))
    ids = [one.digest.hex() for one in written][::-1]

    def listed(*words):
        return [one["id"] for one in katchi("consultation", "list", "--node", node, "--json", *words).json]

    assert (listed(), listed("--all"), listed("--limit", "3")) == (ids[:50], ids, ids[:3])
    assert "--all" in katchi("consultation", "list", "--node", node).out
    assert "--all" not in katchi("consultation", "list", "--node", node, "--limit", "60").out
    assert katchi("consultation", "list", "--node", node, "--limit", "0").status == errors.Malformed.exit_status


def test_a_node_that_another_process_writes_is_busy_to_commands_and_open_to_questions(katchi, desk):
    before = desk.record
    with NodeDirectory.open(desk.node).locked():
        refused = katchi("consultation", "open", "--subject", "x", "--node", desk.node)
        asked = katchi("consultation", "list", "--node", desk.node, "--json")
    assert (refused.status, refused.out) == (errors.NodeBusy.exit_status, "")
    assert "another process is writing" in refused.err and "--node" in refused.err
    assert asked.status == 0 and desk.record == before


def test_an_audit_of_a_flipped_byte_names_the_entry_and_ends_with_its_status(katchi, tmp_path):
    node = tmp_path / "node"
    NodeDirectory.create(node, ally="KOR", mode="exercise")
    with Office(node) as office:
        office.submit(rules.Open(subject="to be flipped"))
    store = node / "record.sqlite"
    data = store.read_bytes()
    assert data.count(b"to be flipped")
    store.write_bytes(data.replace(b"to be flipped", b"to be Flipped"))
    told = katchi("record", "audit", node, "--json")
    assert told.status == errors.RecordBroken.exit_status and told.json["sound"] is False
    assert any(finding["where"] == "KOR 0/1" for finding in told.json["findings"])


# Two nodes.


def test_the_demo_answers_with_one_json_object_and_tells_its_steps_in_korean_beside_it():
    told = as_process("demo", "--headless", "--json", KATCHI_LANG="ko", PYTHONUTF8="1")
    assert told.status == 0, told.err
    assert {name: told.json[name] for name in ("outcome", "lost", "records_equal", "audit")} == {
        "outcome": "agreed",
        "lost": 0,
        "records_equal": True,
        "audit": "ok",
    }
    assert set(told.json) == {
        "outcome", "entries", "cut_s", "lost", "crossed", "papers", "records_equal", "flipped", "audit"
    }  # fmt: skip
    steps = told.err.splitlines()
    assert len(steps) > 15 and all(map(HANGUL.search, steps))
    assert "6시간" in steps[-1] and "83.2%" in steps[-1] and "+11." in steps[-1]  # what the reference scenario says of it


class Nodes:
    """Seoul and Washington, each served by a process of its own."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.processes: list[subprocess.Popen[str]] = []

    def serve(self, name: str) -> None:
        words = ("node", "serve", self.base / name, "--link-port", "0", "--port", "0", "--json")
        process = subprocess.Popen(
            [sys.executable, "-m", "katchi.cli", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.processes.append(process)
        ready = ""
        while not ready.endswith("}\n"):
            line = process.stdout.readline()
            assert line, f"{name} ended before it was ready"
            ready += line
        self.port = json.loads(ready)["link_port"]

    def end(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            assert process.wait(WAIT_S) is not None
            process.stdout.close()


@pytest.fixture
def nodes(tmp_path) -> Iterator[Nodes]:
    made = Nodes(tmp_path)
    yield made
    made.end()


def until(what, *, seconds: float = WAIT_S):
    deadline = time.monotonic() + seconds
    while not (value := what()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return value


def test_two_nodes_pair_found_a_room_consult_and_agree_by_commands_alone(katchi, nodes):
    base = nodes.base
    seoul, washington = base / "seoul", base / "washington"

    def answer(*words: object):
        told = katchi(*words, "--json")
        assert told.status == 0, told.err
        return told.json

    for node, ally in ((seoul, "KOR"), (washington, "USA")):
        answer("node", "init", node, "--ally", ally, "--exercise")
    settings = washington / "settings.toml"
    lines = [line for line in settings.read_text().splitlines() if not line.startswith("join")]
    settings.write_text("\n".join(['join = "ask"', *lines]) + "\n")

    nodes.serve("washington")
    address = f"127.0.0.1:{nodes.port}"
    hers = answer("node", "invite", washington, "--out", base / "USA.invitation", "--address", address)
    ours = answer("node", "invite", seoul, "--out", base / "KOR.invitation", "--address", "")
    assert answer("node", "pair", seoul, base / "USA.invitation", "--phrase", hers["phrase"])["compared"] == "phrase"
    assert (
        answer("node", "pair", washington, base / "KOR.invitation", "--phrase", ours["fingerprint"])["compared"] == "fingerprint"
    )
    nodes.serve("seoul")
    link = answer("officer", "link", seoul, "--post", "deputy")
    assert link["post"] == "deputy" and link["url"].startswith("http://kor.localhost:")
    assert katchi("officer", "link", seoul).out.splitlines()[0] != link["url"]

    room = answer("room", "found", "--with", "USA", "--title", "Consultative group", "--node", seoul)
    assert room["missing"] == ["USA"]
    until(lambda: any(one["id"] == room["id"] for one in answer("room", "list", "--node", washington)))
    assert answer("room", "join", room["id"][:8], "--node", washington)["missing"] == []
    until(lambda: all(not one["missing"] for one in answer("room", "list", "--node", seoul)))

    opened = answer("consultation", "open", "--subject", "An invented event", "--form", "towards-consensus", "--node", seoul)
    id = opened["consultation"]
    assert opened["status"] == "awaiting"
    until(lambda: answer("consultation", "list", "--node", washington))
    assert answer("consultation", "acknowledge", id[:8], "--node", washington)["status"] == "under-way"
    until(lambda: answer("consultation", "show", id, "--node", seoul)["status"] == "under-way")
    words = answer("consultation", "propose-words", id, "--en", "We agree.", "--ko", "합의한다.", "--node", seoul)["entry"]
    assert answer("consultation", "sign-words", id, "--node", seoul)["status"] == "partly-signed"
    until(lambda: any(one["words"] for one in answer("consultation", "show", id, "--node", washington)["proposals"]))
    signed = ("consultation", "sign-words", id, "--proposal", words[:12], "--node", washington)
    assert answer(*signed)["status"] == "agreed"
    assert katchi(*signed).status == errors.Refused.exit_status  # once only
    until(lambda: answer("consultation", "show", id, "--node", seoul)["status"] == "agreed")
    answer("consultation", "state-position", id, "--text", "We go on.", "--node", washington)
    until(lambda: answer("consultation", "show", id, "--node", seoul)["stances"]["USA"] == "position-stated")
    recorded = answer(
        *("consultation", "record-decision", id, "--question", "Whether to go on", "--option", "Go on", "--option", "Wait"),
        *("--outcome", "Seoul goes on", "--owner", "The director", "--reason", "Words agreed", "--node", seoul),
    )
    assert recorded["status"] == "agreed" and recorded["stances"] == {"KOR": "words-signed", "USA": "position-stated"}
    until(lambda: answer("consultation", "show", id, "--node", washington)["decisions"])
    (decision,) = answer("consultation", "show", id, "--node", washington)["decisions"]
    assert (decision["id"], decision["outcome"], decision["options"]) == (recorded["entry"], "Seoul goes on", ["Go on", "Wait"])
    assert (decision["consulted"], decision["positions"]) == ({"USA": "position-stated"}, {"USA": "We go on."})
    assert decision["lacking"] == [] and decision["seen"].keys() == {"USA"}
    until(lambda: all(link["waiting"] == 0 for link in answer("link", "status", "--node", seoul)))

    korean = as_process("consultation", "show", id, "--node", seoul, KATCHI_LANG="ko", PYTHONUTF8="1")
    assert korean.status == 0 and "합의  ·  합의 도출 협의" in korean.out and "문안 서명" in korean.out
    assert re.search(r"KOR 측 결정 기록, .*\n  사안: Whether to go on\n  대안: Go on\n  대안: Wait\n", korean.out)
    english = katchi("consultation", "show", id, "--node", seoul).out
    assert re.search(
        r"each side, as KOR states to have seen it:\n    KOR\n    USA +0/\d+ +position stated\n +We go on\.", english
    )

    answer("record", "export", seoul, "--out", base / "seoul.katchi")
    trust = ("--trust", ours["fingerprint"], "--trust", hers["fingerprint"])
    assert answer("record", "verify", base / "seoul.katchi", *trust)["sound"] is True
    alone = katchi("record", "verify", base / "seoul.katchi", *trust[:2])
    assert (alone.status, alone.out) == (errors.NotTrusted.exit_status, "")
    assert all(answer("record", "audit", node)["sound"] for node in (seoul, washington))


@pytest.mark.parametrize("words", ["--subject ' '", "--subject x --due 2020-01-01T00:00Z", "--subject x --post nobody"])
def test_an_act_that_is_refused_keeps_nothing_of_its_papers(desk, words, katchi):
    paper = desk.files / "plan.txt"
    paper.write_text("a plan that is sent nowhere")
    told = katchi("consultation", "open", *shlex.split(words), "--paper", paper, "--node", desk.node)
    assert told.status != 0
    reader = NodeDirectory.open(desk.node).reader()
    assert reader.connection.execute("SELECT count(*) FROM chunk").fetchall() == [(0,)]
    reader.close()
