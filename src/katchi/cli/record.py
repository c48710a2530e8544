"""`katchi record`: audit, export, verify, show."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from katchi.cli.options import JsonOption, NodeArgument, NodeOption
from katchi.cli.speech import LANGUAGE, _, clock, said, say, say_json, spoken, tell
from katchi.errors import KatchiError, Malformed, NotFound, RecordBroken, os_reason
from katchi.node.audit import audit_store, read
from katchi.node.commands import AcceptRepair
from katchi.node.exporting import items_of
from katchi.node.state import State
from katchi.offline.page import bundle_in, record_page
from katchi.record.bundle import write_bundle
from katchi.record.report import ChainReport, Finding, RoomReport
from katchi.record.suite import SHIPPED
from katchi.record.unbundle import verify_bundle
from katchi.serve.clock import now_us, time_of
from katchi.serve.directory import NodeDirectory
from katchi.serve.office import Office
from katchi.store.cores import checking
from katchi.store.fsck import verify_rows
from katchi.store.reader import SqliteReader

BYTES_AN_ENTRY = 1_000  # about; in an export, with a short body

app = App(name="record", help=_("Audit, export, verify and read the record."))


@app.command(
    name="audit",
    help=_("Recompute every row, digest, signature and root of a node's store; name whatever does not hold.")
    + "\n\n"
    + _("Exit status 5 also if the store is sound and what it holds proves an ally wrong: the last line tells the two apart.")
    + "\n\n"
    + _("Example: katchi record audit seoul"),
)
def audit(directory: NodeArgument, /, *, json: JsonOption = False) -> int:
    node = NodeDirectory.open(directory)
    reader = node.reader()
    try:
        reader.connection.execute("BEGIN")  # one moment of a store that a node may be writing
        rows = [Finding(row.where, "row-broken", row.what) for row in verify_rows(reader)]
        with checking(_size(reader), SHIPPED) as check:
            report = audit_store(reader, SHIPPED, holder=node.identity.identity.ally, check=check)
    finally:
        reader.close()
    findings = rows + list(report.findings) + [finding for room in report.rooms for finding in room.findings]
    findings = list({(finding.where, finding.reason): finding for finding in findings}.values())
    if json:
        say_json(
            {**_verdict(findings), "findings": [_plain(f) for f in findings], "rooms": [_room(room) for room in report.rooms]}
        )
    else:
        _say_rooms(report.rooms)
        _say_findings(findings)
    return RecordBroken.exit_status if findings else 0


def _size(reader: SqliteReader) -> int:
    """How many entries an audit has before it, as far as a damaged store can say."""
    try:
        return reader.entries_written
    except KatchiError:
        return 0


@app.command(
    name="export",
    help=_("Write rooms to one file that verifies by itself: the shared ones, else the national one.")
    + "\n\n"
    + _("Example: katchi record export seoul --out seoul.katchi"),
)
def export(
    directory: NodeArgument,
    /,
    *,
    out: Annotated[Path, Parameter(help=_("The file to write; if it ends in .html, a page that checks itself in a browser."))],
    room: Annotated[str | None, Parameter(help=_("One room only, by its id."))] = None,
    json: JsonOption = False,
) -> None:
    node = NodeDirectory.open(directory)
    reader = node.reader()
    try:
        reader.connection.execute("BEGIN")  # one moment of a store that a node may be writing
        state = State(node.settings(), node.own(), SHIPPED, reader)
        rooms = [one for one in state.rooms.now.values() if not one.missing]
        if room is not None:
            rooms = [one for one in rooms if one.id.hex().startswith(room.lower())]
            if not rooms:
                raise NotFound("no room here goes by '{id}'", hint="`katchi room list` shows all.", id=room)
        else:
            rooms = [one for one in rooms if not one.is_national] or rooms
        draft = out.with_name(out.name + ".part")
        try:
            with draft.open("wb") as file:
                write_bundle(file, items_of(reader, rooms), node.own(), node.signer(), at=now_us())
            if out.suffix == ".html":
                draft.write_bytes(record_page(draft.read_bytes(), language=LANGUAGE))
            draft.replace(out)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise Malformed(
                "cannot write {path}: {error}", hint="Name a file that can be written.", path=str(out), error=os_reason(error)
            ) from None
    finally:
        reader.close()
    size = out.stat().st_size
    if json:
        say_json({"file": str(out), "bytes": size, "rooms": [one.id.hex() for one in rooms]})
    else:
        say(_("{path}: {n} rooms, {size} bytes").format(path=out, n=len(rooms), size=size))


@app.command(
    name="verify",
    help=_("Verify an exported file, taking no key on its word: give the fingerprint of every member.")
    + "\n\n"
    + _("Example: katchi record verify seoul.katchi --trust 9f2c... --trust 41ab..."),
)
def verify(
    file: Annotated[Path, Parameter(help=_("The exported file, or the page that carries it."))],
    /,
    *,
    trust: Annotated[list[str], Parameter(negative="", help=_("A member's fingerprint, 64 hex digits; once for each member."))],
    json: JsonOption = False,
) -> int:
    trusted = {_fingerprint(text) for text in trust}
    try:
        with bundle_in(file) as bundle, checking(file.stat().st_size // BYTES_AN_ENTRY, SHIPPED) as check:
            report = verify_bundle(bundle, trusted, SHIPPED, read=read, check=check)
    except OSError as error:
        raise NotFound(
            "cannot read {path}: {error}", hint="Name an exported file.", path=str(file), error=os_reason(error)
        ) from None
    findings = [finding for room in report.rooms for finding in room.findings]
    if json:
        say_json(
            {
                **_verdict(findings),
                "exporter": report.manifest.exporter,
                "findings": [_plain(f) for f in findings],
                "rooms": [_room(room) for room in report.rooms],
            }
        )
    else:
        say(_("exported by {ally} at {time}").format(ally=report.manifest.exporter, time=clock(report.manifest.at)))
        _say_rooms(report.rooms)
        _say_findings(findings)
    return RecordBroken.exit_status if findings else 0


def _fingerprint(text: str) -> bytes:
    plain = text.replace(" ", "").lower()
    try:
        found = bytes.fromhex(plain)
    except ValueError:
        found = b""
    if len(found) != 32:
        raise Malformed(
            "'{text}' is not a fingerprint", hint="64 hex digits, as `katchi node show DIR` prints them first.", text=text
        )
    return found


@app.command(
    name="show",
    help=_("Show what a side held at a time: our own node by arrival, an ally by its own statements.")
    + "\n\n"
    + _("Example: katchi record show --as-of 2026-01-31T14:32+09:00 --seen-by KOR --node washington"),
)
def show(
    *,
    node: NodeOption,
    as_of: Annotated[
        str | None, Parameter(allow_leading_hyphen=True, help=_("A time with its zone, or -10m; now if not given."))
    ] = None,
    seen_by: Annotated[str | None, Parameter(help=_("The ally; ourselves if not given."))] = None,
    room: Annotated[str | None, Parameter(help=_("The room; the only shared one, else the national one, if not given."))] = None,
    json: JsonOption = False,
) -> None:
    now = now_us()
    with Office(node) as office:
        view = office.ask("held", room=room, seen_by=seen_by, as_of=time_of(as_of, now=now) if as_of else now)
    if json:
        say_json(view)
        return
    say(_("{ally} at {time}, {by}:").format(ally=view["ally"], time=clock(view["as_of"]), by=said(view["by"])))
    for entry in view["entries"]:
        say(f"  {clock(entry['at'])}  {entry['place']:12} {said(entry['kind'])}  {entry['text']}")
    for line in view["contradicted"]:
        say("  " + _("contradicted: {line}").format(line=line))


@app.command(
    name="accept-repair",
    help=_("Accept how an ally settled the fork of its own chain, so that what it signed since counts again.")
    + "\n\n"
    + _("Example: katchi record accept-repair USA --node seoul"),
)
def accept_repair(
    ally: Annotated[str, Parameter(help=_("The ally whose chain forked."))],
    /,
    *,
    node: NodeOption,
    room: Annotated[str | None, Parameter(help=_("The room; the only shared one if not given."))] = None,
    by: Annotated[str | None, Parameter(help=_("The officer's name."))] = None,
    json: JsonOption = False,
) -> None:
    with Office(node) as office:
        room_id = bytes.fromhex(office.ask("resolve", of="room", id=room))
        (written,) = office.submit(AcceptRepair(room=room_id, ally=ally, by=by))
    if json:
        say_json({"kept": written.place, "entry": (written.digest or b"").hex()})
    else:
        say(_("kept: {place}").format(place=written.place))


def _verdict(findings: list[Finding]) -> dict[str, Any]:
    """Whether there is no finding, whether all that is held is intact, and against which allies it is proof."""
    proofs = [finding for finding in findings if finding.is_proof]
    return {"sound": not findings, "intact": proofs == findings, "proven_against": sorted({str(f.against) for f in proofs})}


def _plain(finding: Finding) -> dict[str, Any]:
    where, what = spoken(finding.where), spoken(finding.what)
    return {"where": where, "reason": finding.reason, "what": what, "against": finding.against}


def _room(room: RoomReport) -> dict[str, Any]:
    return {
        "room": room.room.hex(),
        "title": room.title,
        "mode": room.mode,
        "heads_digest": room.heads_digest.hex(),
        "entries": room.counts,
        "chains": {
            chain.ally: {
                "length": chain.length,
                "covered": chain.covered,
                "confirmed": dict(chain.confirmed),
                "lacking": list(chain.lacking),
                "forks": [f"{chain.ally} {fork.epoch}/{fork.seq}" for fork in chain.forks],
                "said": chain.said,
            }
            for chain in room.chains
        },
        "papers": [
            {
                "root": paper.root.hex(),
                "names": list(paper.names),
                "size": paper.size,
                "sha256": paper.sha256.hex() if paper.sha256 else None,
            }
            for paper in room.papers
        ],
        "allegations": [_plain(f) for f in room.allegations],
        "marks": [_plain(f) for f in room.marks],
    }


def _say_rooms(rooms: tuple[RoomReport, ...]) -> None:
    for room in rooms:
        say(f"{room.title}  {room.room.hex()[:12]}  {said(room.mode)}")
        for chain in room.chains:
            say("  " + _("{ally}: {n} entries; {said}").format(ally=chain.ally, n=chain.entries, said=_vouched_for(chain)))
            for fork in chain.forks:
                say("  " + _("FORK: two entries are signed for {place}").format(place=f"{chain.ally} {fork.epoch}/{fork.seq}"))
        for paper in room.papers:
            say("  " + _("paper: {name}, {size} bytes").format(name=", ".join(paper.names), size=paper.size))
        for allegation in room.allegations:
            say("  " + _("allegation: {where}: {what}").format(where=spoken(allegation.where), what=spoken(allegation.what)))
        for mark in room.marks:
            what = spoken(mark.what) if said(mark.reason) == mark.reason else said(mark.reason)
            say("  " + _("outside the rules: {where}: {what}").format(where=spoken(mark.where), what=what))


def _vouched_for(chain: ChainReport) -> str:
    """Return how far others vouch for a chain: `ChainReport.said` in the language spoken here."""
    held = {by: length for by, length in sorted(chain.confirmed.items()) if length}
    if not chain.length:
        return _("no entries")
    if not held:
        return _("only {ally}'s word").format(ally=chain.ally)
    confirmed = ", ".join(_("confirmed by {ally} to {n}").format(ally=by, n=length) for by, length in held.items())
    if max(held.values()) >= chain.length:
        return confirmed
    return _("{confirmed}; beyond that, only {ally}'s word").format(confirmed=confirmed, ally=chain.ally)


def _reason(token: str) -> str:
    """Return a reason by its token, and in words where these are others."""
    return token if said(token) == token else f"{token}: {said(token)}"


def _say_findings(findings: list[Finding]) -> None:
    verdict = _verdict(findings)
    for finding in findings:
        line = _("PROVEN  {where}  ({reason}) {what}") if finding.is_proof else _("BROKEN  {where}  ({reason}) {what}")
        tell(line.format(where=spoken(finding.where), reason=_reason(finding.reason), what=spoken(finding.what)))
    if verdict["proven_against"] and verdict["intact"]:
        said_of = ", ".join(verdict["proven_against"])
        tell(_("What is held here is itself sound. Proven against {allies}: keep it as evidence.").format(allies=said_of))
    elif findings:
        tell(_("Keep this copy as it is, and audit the allies' copies: what verifies there is the record."))
    else:
        say(_("Every row, digest, signature and root holds."))
    sys.stdout.flush()
