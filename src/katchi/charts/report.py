"""The report of a simulation: one HTML file in both languages, without script and without anything from outside.

Its own policy allows its one style sheet by hash, and nothing else. The language is switched by a link within the page. Every
sentence of a file's author stands where Jinja2 escapes it, or in a drawing that did. What was told gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from katchi.charts.speech import speech
from katchi.charts.telling import Tellings
from katchi.language import Language

HERE = Path(__file__).parent
LANGUAGES: tuple[Language, Language] = ("en", "ko")


def report(told: Tellings, *, language: Language = "en") -> str:
    """Return the report as one HTML file.

    Args:
        told: what it tells (charts/sections.py).
        language: the one shown first; both are in it.
    """
    style = (HERE / "report.css").read_text(encoding="utf-8")
    policy = f"default-src 'none'; style-src '{_hash(style)}'; base-uri 'none'; form-action 'none'"
    ordered = sorted(LANGUAGES, key=lambda one: one == language)  # the one shown first stands last: report.css
    return _template().render(
        language=language,
        policy=Markup(policy),  # noqa: S704  made of a hash alone
        style=Markup(style),  # noqa: S704  our own file
        telling=[told.of(one) for one in ordered],
        translate={one: speech(one).translate for one in LANGUAGES},
        titles=list(dict.fromkeys(told.of(one).title for one in LANGUAGES)),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["drawing"] = Markup  # charts/figure.py made it, and escaped what it was given
    return environment.get_template("report.html")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
