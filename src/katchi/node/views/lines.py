"""What an entry says, in one line of text.

Nothing here is stored or sent, and nothing is decided.
"""

from __future__ import annotations

from katchi.consult.acts import read_body
from katchi.record.entry import Entry

TEXTS = ("subject", "text", "words", "outcome", "reason")  # the field of a body that says most, by any kind
LINE_LENGTH_MAX = 160


def text_of(entry: Entry) -> str:
    """Return what an entry's body says; empty while it is awaited, once it is destroyed, and where it says nothing."""
    body = read_body(entry.header.kind, entry.body)[0] if entry.body is not None else None
    texts = (getattr(body, name, None) for name in TEXTS)
    found = next((text for text in texts if text), "")
    return " / ".join(map(str, found.values())) if isinstance(found, dict) else str(found)


def line_of(entry: Entry) -> str:
    """Return the beginning of what an entry says, without line breaks."""
    text = " ".join(text_of(entry)[: 4 * LINE_LENGTH_MAX].split())
    return text if len(text) <= LINE_LENGTH_MAX else text[: LINE_LENGTH_MAX - 1].rstrip() + "…"
