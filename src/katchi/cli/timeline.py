"""`katchi consultation list` and `show`: how all consultations stand, and one whole with its timeline."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter, validators

from katchi.cli.options import ByOption, ConsultationArgument, JsonOption, NodeOption, PostOption
from katchi.cli.speech import _, clock, said, say, say_json
from katchi.node.commands import MarkRead
from katchi.serve.office import Office
from katchi.vocabulary import MESSAGES, Precedence

PAGE_LENGTH = 500  # asked for at once
LIST_LENGTH = 50  # shown if nothing else is asked for


def list_(
    *,
    node: NodeOption,
    everything: Annotated[bool, Parameter(name="--all", negative="", help=_("All of them, however many."))] = False,
    limit: Annotated[int, Parameter(validator=validators.Number(gte=1), help=_("At most so many."))] = LIST_LENGTH,
    json: JsonOption = False,
) -> None:
    consultations: list[dict[str, Any]] = []
    with Office(node) as office:
        after: str | None = None
        while everything or len(consultations) < limit:
            wanted = PAGE_LENGTH if everything else min(PAGE_LENGTH, limit - len(consultations))
            page = office.ask("consultation_page", before=after, limit=wanted)
            consultations += page["consultations"]
            after = page["next"]
            if after is None:
                break
    if json:
        say_json(consultations)
        return
    for one in consultations:
        stances = "  ".join(f"{ally}: {said(stance)}" for ally, stance in one["stances"].items())
        unread = _("  {n} unread").format(n=one["unread"]) if one["unread"] else ""
        say(f"{one['id'][:12]}  {said(one['status'])}  {clock(one['opened_at'])}  {one['subject']}{unread}")
        say(f"              {stances}")
    if after is not None:
        say(_("There are more: --limit N, or --all."))


def show(
    consultation: ConsultationArgument,
    /,
    *,
    node: NodeOption,
    post: PostOption = None,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    with Office(node) as office:
        view = office.ask("consultation", id=consultation, all=True)
        if office.is_running and view["unread"]:
            own = office.directory.identity.identity.ally
            messages = [bytes.fromhex(e["id"]) for e in view["timeline"] if e["ally"] != own and e["kind"] in MESSAGES]
            office.submit(MarkRead(consultation=bytes.fromhex(view["id"]), messages=tuple(messages), post=post, by=by))
    if json:
        say_json(view)
        return
    _say_consultation(view)


def _say_consultation(view: dict[str, Any]) -> None:
    say(view["subject"])
    say(f"{said(view['status'])}  ·  {said(view['form'])}  ·  {said(Precedence(view['precedence']).name.lower())}")
    say(_("id {id}").format(id=view["id"]))
    if view["due"]:
        say(_("due by {time}").format(time=clock(view["due"])))
    if view["citing"]:
        say(_("citing: {words}").format(words=view["citing"]))
    for ally, stance in view["stances"].items():
        say(f"  {ally:8} {said(stance)}")
    for proposal in view["proposals"]:
        say(
            _("Words proposed by {ally} ({id}), signed by: {signed}").format(
                ally=proposal["by"], id=proposal["id"][:12], signed=", ".join(proposal["signed_by"]) or "-"
            )
        )
        for tongue, text in proposal["words"].items():
            say(f"  [{tongue}] {text}")
        for ally in proposal["unconfirmed"]:
            say("  " + said("agreed here; not yet confirmed that {ally} holds it").format(ally=ally))
    for decision in view["decisions"]:
        _say_decision(decision)
    for entry in view["timeline"]:
        _say_entry(entry)


def _say_decision(decision: dict[str, Any]) -> None:
    """Say what an ally recorded as decided, and what each side held as far as that ally had seen it."""
    ally = decision["ally"]
    say(_("Decision recorded by {ally} at {time} ({id})").format(ally=ally, time=clock(decision["at"]), id=decision["id"][:12]))
    say("  " + _("question: {text}").format(text=decision["question"]))
    for option in decision["options"]:
        say("  " + _("option: {text}").format(text=option))
    say("  " + _("outcome: {text}").format(text=decision["outcome"]))
    say("  " + _("reason: {text}").format(text=decision["reason"]))
    say("  " + _("owner: {name}").format(name=decision["owner"]))
    if decision["deadline"]:
        say("  " + _("due by {time}").format(time=clock(decision["deadline"])))
    if decision["follow_up"]:
        say("  " + _("follow-up: {text}").format(text=decision["follow_up"]))
    say("  " + _("each side, as {ally} states to have seen it:").format(ally=ally))
    for one, stance in {ally: None, **decision["consulted"]}.items():
        height = "/".join(map(str, decision["seen"].get(one, ())))
        say(f"    {one:8} {height:6} {said(stance) if stance else ''}".rstrip())
        if one in decision["positions"]:
            say("      " + (decision["positions"][one] or _("its position is not held here")))
        if one in decision["lacking"]:
            say("      " + _("not all that it had seen of {ally} is here").format(ally=one))


def _say_entry(entry: dict[str, Any]) -> None:
    marks = [said("crossed")] * bool(entry["crossed"]) + [said(flag) for flag in entry["flags"]]
    strength = (
        _("confirmed by {allies}").format(allies=", ".join(entry["confirmed_by"]))
        if entry["confirmed_by"]
        else (_("covered") if entry["covered"] else _("signed"))
    )
    body = entry["body"] or {}
    text = next((body[name] for name in ("subject", "text", "outcome", "reason") if body.get(name)), "")
    line = f"{clock(entry['at'])}  {entry['place']:12} {said(entry['kind'])}  [{strength}]"
    say(line + "".join(f"  <{mark}>" for mark in marks))
    if text:
        say(f"      {text}")
    for paper in body.get("papers") or []:
        say("      " + _("paper: {name}, {size} bytes").format(name=paper["name"], size=paper["size"]))
    for receipt in entry["receipts"]:
        facts = [
            f"{said(name)} {clock(receipt[name], with_date=False)}"
            for name in ("sent", "received", "delivered", "read", "answered")
            if receipt[name]
        ]
        if facts:
            say(f"      {receipt['ally']}: " + ", ".join(facts))
