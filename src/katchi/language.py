"""Korean and English: which one to speak, and how a string is said in it.

English strings are the keys. Catalogues lie in locale/ and are compiled when katchi is installed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Literal

Language = Literal["en", "ko"]
LOCALE_DIR = Path(__file__).parent / "locale"


def chosen(environment: Mapping[str, str] = os.environ) -> Language:
    """Return the language of a terminal: KATCHI_LANG, else as gettext looks it up, else English."""
    for name in ("KATCHI_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = environment.get(name, "")
        if value:
            return "ko" if value.lower().startswith("ko") else "en"
    return "en"


@cache
def translator(language: Language) -> Callable[[str], str]:
    """Return the function that says an English string in `language`."""
    if language == "en":  # the keys are the English strings
        return str
    import gettext

    return gettext.translation("katchi", LOCALE_DIR, [language], fallback=True).gettext
