"""In which language a page speaks, and how it says words, times and numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_timedelta
from babel.numbers import format_decimal
from markupsafe import Markup, escape

from katchi.language import Language, translator
from katchi.vocabulary import WORDS, word

# What an ally wrote rewrites no line and turns none round: C0, C1 and direction controls, but for line feed and tab.
_CONTROLS = {*range(32), *range(0x7F, 0xA0), *range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
_UNSHOWN = dict.fromkeys(_CONTROLS - {ord("\n"), ord("\t")}, "\N{REPLACEMENT CHARACTER}")
_BRACKETS = re.compile(r"(\[[^\[\]]*\]|[\[\]])")

LANGUAGES: Mapping[Language, str] = {"en": "English", "ko": "한국어"}
LANGUAGE_COOKIE = "katchi-language"


class Zone:
    """A place whose time is shown: its name, its short name on a clock, and its time zone."""

    def __init__(self, name: str, short: str, key: str) -> None:
        self.name, self.short, self.zone = name, short, ZoneInfo(key)


def _(text: str) -> str:
    """Mark a string for the catalogue; it is translated where it is shown."""
    return text


ZONES = (Zone(_("Seoul"), _("KST"), "Asia/Seoul"), Zone(_("Washington"), _("ET"), "America/New_York"), Zone("UTC", "UTC", "UTC"))


def language_of(cookie: str | None, accept: str) -> Language:
    """Return the language of a request: the switch's cookie, else the browser's first that we speak, else English."""
    for language in LANGUAGES:
        if cookie == language:
            return language
    wanted: list[tuple[float, Language]] = []
    for part in accept.lower().split(",")[:20]:
        tag, _, weight = part.strip().partition(";q=")
        for language in LANGUAGES:
            if tag.split("-")[0] == language:
                wanted.append((-_weight(weight), language))
    return min(wanted, key=lambda one: one[0])[1] if wanted and wanted[0][0] < 0 else "en"


def _weight(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0


class Speech:
    """One language: how everything on a page is said."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.translate = translator(language)

    def said(self, token: str) -> str:
        """Return what people read for a token of the vocabulary; else the catalogue's words for it."""
        return word(token, self.language) if token in WORDS else self.translate(token)

    def in_a_sentence(self, text: str) -> str:
        """Return the catalogue's words for a sentence, or for words of the vocabulary that stand inside one."""
        found = self.translate(text)
        if self.language == "en" or found != text:
            return found
        korean = {known.en: known.ko for known in WORDS.values()}
        return ", ".join(korean.get(part, part) for part in text.split(", "))

    def clock(self, at: int, zone: Zone, *, seconds: bool = True) -> str:
        """Return the time of day of `at` (microseconds UTC) in a zone."""
        return _moment(at).astimezone(zone.zone).strftime("%H:%M:%S" if seconds else "%H:%M")

    def date(self, at: int, zone: Zone) -> str:
        """Return the date of `at` in a zone, as this language writes it."""
        return _written(_moment(at).astimezone(zone.zone).date(), self.language)

    def day_shift(self, at: int, zone: Zone) -> int:
        """Return by how many days the date in a zone differs from that in UTC."""
        return (_moment(at).astimezone(zone.zone).date() - _moment(at).date()).days

    def moment(self, at: int) -> str:
        """Return date and time of `at` in UTC: both languages write it alike."""
        return f"{_moment(at):%Y-%m-%d %H:%M:%SZ}"

    def span(self, us: int) -> str:
        """Return a length of time in words: "3 minutes", "3분"."""
        seconds = abs(us) // 1_000_000
        return format_timedelta(seconds, granularity="second", threshold=1.5, locale=self.language)

    def countdown(self, us: int) -> str:
        """Return a length of time as a clock that runs: "1:59:40", with days before it where there are any."""
        hours, rest = divmod(abs(us) // 1_000_000, 3600)
        days, hours = divmod(hours, 24)
        return (f"{days}{self.translate('d')} " if days else "") + f"{hours}:{rest // 60:02}:{rest % 60:02}"

    def typed(self, at: int, key: str) -> str:
        """Return a time as people type it in a form, in the zone of that key."""
        zone = next((zone.zone for zone in ZONES if zone.zone.key == key), ZONES[-1].zone)
        return _moment(at).astimezone(zone).strftime("%Y-%m-%d %H:%M")

    def number(self, value: float) -> str:
        """Return a number as this language writes it."""
        return format_decimal(value, locale=self.language)

    def size(self, size: int) -> str:
        """Return a number of bytes as people read it."""
        for unit, factor in (("MiB", 1024 * 1024), ("KiB", 1024)):
            if size >= factor:
                return f"{format_decimal(round(size / factor, 1), locale=self.language)} {unit}"
        return f"{size} B"


def plain(text: str) -> str:
    """Return what an ally wrote, so that it can turn no line round and hide nothing: direction controls are shown."""
    return text.translate(_UNSHOWN)


def bracketed(text: str) -> Markup:
    """Return words proposed, as `plain` does, with all that stands in [brackets] marked as not settled."""
    parts = _BRACKETS.split(plain(text))
    marked = [Markup('<mark class="bracket">{}</mark>').format(part) if i % 2 else escape(part) for i, part in enumerate(parts)]
    return Markup("").join(marked)


def commands(text: str) -> Markup:
    """Return what to do next, with the `commands` in it set as such."""
    parts = text.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(part) if i % 2 else escape(part) for i, part in enumerate(parts))


@lru_cache(maxsize=512)
def _written(day: date, language: Language) -> str:
    return format_date(day, "medium", locale=language)


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1_000_000, UTC)


def iso(at: int) -> str:
    """Return a time for a machine: ISO 8601 in UTC."""
    return _moment(at).isoformat().replace("+00:00", "Z")


@cache
def speech(language: Language) -> Speech:
    """Return the speech of a language."""
    return Speech(language)
