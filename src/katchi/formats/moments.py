"""When something was, from what somebody noted of its time: a date and a time by the clock on a wall, its zone, and UTC.

The local time is what somebody wrote down, so it stands; `t_utc` decides only where the local clock cannot: at an hour that came
twice, or never. Of what disagrees, is missing or is known to the day only a remark is made; what says no time at all is refused.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

from katchi.errors import Malformed, Sentence

_LOCAL = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{1,2}:\d{2}(?::\d{2})?))?")
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})")


class Noted(NamedTuple):
    """What somebody wrote of a time; what nobody wrote is empty."""

    t_local: str  # a date and a time, or a date alone
    tz: str  # the zone of that clock, such as Asia/Seoul, +09:00 or UTC
    t_utc: str
    place: str  # file:line, for what is said of it
    has_utc: bool  # whether t_utc is written beside others: only then is it missed here


class Moment(NamedTuple):
    """When something was: at once, or some time between two, UTC."""

    earliest: datetime
    latest: datetime


def moment_of(noted: Noted) -> tuple[Moment, list[Sentence]]:
    """Return when it was, and what a reader should know of how that was found.

    Raises:
        Malformed: no time, no zone, or a time that never was; the message begins with the place.
    """
    utc = _utc(noted)
    if not noted.t_local:
        if utc is None:
            raise Malformed(
                "{place}: there is no time", hint="Write t_local, such as 2026-01-31 14:32, or t_utc.", place=noted.place
            )
        return Moment(utc, utc), []
    day, at = _local(noted)
    if not noted.tz:
        if utc is None:
            raise Malformed(
                "{place}: nobody says of which zone this time is", hint="Write tz, such as Asia/Seoul, +09:00 or UTC.",
                place=noted.place,
            )  # fmt: skip
        return Moment(utc, utc), []
    zone = _zone(noted.tz, noted.place)
    if at is None:
        return _on_day(day, zone, utc)
    moment, remark = _at(noted, datetime.combine(day, at), zone, utc)
    return Moment(moment, moment), [] if remark is None else [remark]


def _local(noted: Noted) -> tuple[date, time | None]:
    """Return the date and the time that `t_local` says; no time where it says the date alone."""
    found = _LOCAL.fullmatch(noted.t_local)
    try:
        if found is not None:
            return date.fromisoformat(found[1]), time.fromisoformat(found[2].zfill(5)) if found[2] else None
    except ValueError:
        pass
    raise Malformed(
        "{place}: '{value}' is no time", hint="Write 2026-01-31 14:32, or 2026-01-31 where only the day is known.",
        place=noted.place, value=noted.t_local[:60],
    )  # fmt: skip


def _utc(noted: Noted) -> datetime | None:
    """Return what `t_utc` says; None if it says nothing, or only a day."""
    written = noted.t_utc
    if not written or len(written) <= len("2026-01-31"):
        return None
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        raise Malformed(
            "{place}: '{value}' is no time", hint="Write t_utc as 2026-01-31T05:32Z, or leave it empty.", place=noted.place,
            value=written[:60],
        ) from None  # fmt: skip
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _on_day(day: date, zone: tzinfo, utc: datetime | None) -> tuple[Moment, list[Sentence]]:
    first = datetime.combine(day, time(), zone).astimezone(UTC)
    last = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
    if utc is not None and first <= utc < last:
        return Moment(utc, utc), []
    remarks = [] if utc is None else [Sentence("t_utc is not on the day of t_local: that day is taken")]
    return Moment(first, last), [*remarks, Sentence("only the day is known: it may be at any time of it")]


def _at(noted: Noted, local: datetime, zone: tzinfo, utc: datetime | None) -> tuple[datetime, Sentence | None]:
    """Return the moment at which the clocks of a zone show a time, and what to remark on, if anything."""
    tz = noted.tz
    ways = [local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    possible = sorted({way for way in ways if way.astimezone(zone).replace(tzinfo=None) == local})
    if not possible:
        if utc is None:
            raise Malformed(
                "{place}: {value} never came in {tz}: clocks were put forward over it",
                hint="Look up the time again, or write t_utc beside it.",
                place=noted.place,
                value=str(local),
                tz=tz,
            )
        return utc, Sentence("{value} never came in {tz}, clocks were put forward: t_utc is taken", value=str(local), tz=tz)
    if utc in possible:
        return utc, None
    first, here = possible[0], {"tz": tz, "local": _shown(possible[0])}
    if len(possible) > 1:
        said = Sentence("{value} came twice in {tz}: the first is taken, unless t_utc says which", value=str(local), tz=tz)
        return first, said
    if utc is not None:
        return first, Sentence("t_utc says {utc}, but t_local in {tz} is {local}: that is taken", utc=_shown(utc), **here)
    return first, Sentence("t_utc is missing: t_local in {tz} is {local}", **here) if noted.has_utc else None


def _zone(name: str, place: str) -> tzinfo:
    if name in ("UTC", "Z", "GMT"):
        return UTC
    if offset := _OFFSET.fullmatch(name):
        ahead = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        if ahead < timedelta(hours=24):
            return timezone(ahead if offset[1] == "+" else -ahead)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Malformed(
            "{place}: '{value}' is no time zone", hint="Write its name in the IANA database, such as Asia/Seoul, or +09:00.",
            place=place, value=name[:60],
        ) from None  # fmt: skip


def _shown(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
