"""Makes one HTML file of an export: it carries the bundle, verify.js and page.js, and verifies itself without a network.

Nothing is verified here: the mode shown at first and the names beside the fields are read from the
file as it claims, and the script replaces both by what it verified, or says that it does not hold. No
resource comes from outside, and the page's own policy allows by their hashes its style and two scripts:
ours, and a library that is the very file of its package.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from katchi.errors import Malformed, RecordBroken
from katchi.language import Language, translator
from katchi.record.bundle import MAGIC, CharterItem
from katchi.record.canonical import decode_struct
from katchi.record.charter import Charter
from katchi.record.fields import STATEMENT_SIZE_MAX
from katchi.record.unbundle import bundle_items
from katchi.vocabulary import WORDS, Precedence

HERE = Path(__file__).parent
SCRIPTS = ("verify.js", "page.js")
CURVE = "vendor/noble-ed25519.mjs"  # laid there by build_assets.py
GIVEN = "globalThis.ed25519 = { Point };\n"  # inline modules cannot import each other: all that verify.js takes of it
_CARRIED = re.compile(rb'<script type="text/plain" id="bundle">([A-Za-z0-9+/=]*)</script>')


def _(text: str) -> str:
    """Mark a string for the catalogue; it is translated where it is shown."""
    return text


# The fields of bodies, where the text does not say what it is.
FIELDS: Mapping[str, str] = {
    "citing": _("citing"),
    "effort": _("effort"),
    "reason": _("reason"),
    "question": _("question"),
    "options": _("option"),
    "outcome": _("outcome"),
    "owner": _("seen to by"),
    "follow_up": _("follow-up"),
    "post": _("post"),
    "name": _("paper"),
}
# Why something does not hold, for people; a reason that is not here is shown as its token alone.
REASONS: Mapping[str, str] = {
    "file-broken": _("the bytes are not those that the exporter signed, or not an export"),
    "not-trusted": _("a key is not the one whose fingerprint was given"),
    "not-checked": _("this browser cannot check it: open the page in a newer one"),
    "manifest-not-a-member": _("the exporter is no member of a room in it"),
    "manifest-heads": _("the exporter signed other heads than the entries make"),
    "signature-invalid": _("a signature is over anything else, or by another key"),
    "signature-missing": _("a signature is missing"),
    "body-digest-mismatch": _("the body is not the one that was signed"),
    "prev-missing": _("the entry before it is not there"),
    "prev-mismatch": _("it follows another entry than it says"),
    "fork-pair": _("two entries are signed for this place"),
    "fork-alleged": _("it states to have seen another entry at that place"),
    "checkpoint-inconsistent": _("its root is not the one that the entries make"),
    "checkpoint-head-not-length": _("its head is not the entry at that length"),
    "countersignature-other-history": _("it vouches for another history than this one"),
    "countersignature-two-histories": _("it vouches for two histories: proof that its signer did not tell the truth"),
    "export-tail-withheld": _("someone vouched for, or has seen, more than is here"),
    "paper-root-mismatch": _("the bytes here are not those of the paper"),
    "not-held-here": _("seen by its author, not come here"),
}


def record_page(bundle: bytes, *, trust: Mapping[str, str] | None = None, language: Language = "en") -> bytes:
    """Return the page that carries `bundle`.

    Args:
        bundle: an export file (record/bundle.py).
        trust: fingerprints by ally to stand in the fields at first, for a reader who got them from you in another way.
        language: the language shown first; the page has both.
    Raises:
        RecordBroken: not an export.
        Malformed: there is no room in it.
        Unverified: a charter in it cannot be read.
    """
    charters = tuple(_charters(bundle))
    if not charters:
        raise Malformed("the export holds no room", hint="Export again with `katchi record export`.")
    style, curve, script = _text("record.css"), _text(CURVE) + GIVEN, "".join(_text(name) for name in SCRIPTS)
    policy = (
        f"default-src 'none'; script-src '{_hash(curve)}' '{_hash(script)}'; style-src '{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    )
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    page = environment.get_template("record.html").render(
        _=str,
        korean=translator("ko"),
        language=language,
        policy=Markup(policy),  # noqa: S704  made of hashes alone
        style=Markup(style),  # noqa: S704  our own file
        curve=Markup(curve),  # noqa: S704  our own file, as its package has it
        script=Markup(script),  # noqa: S704  our own files
        words=_json(_words()),
        forms=Markup(_text("forms.json")),  # noqa: S704  our own file
        bundle=base64.b64encode(bundle).decode(),
        mode=charters[0].mode,
        members=sorted({member.identity.ally for charter in charters for member in charter.members}),
        trust={ally: fingerprint.strip() for ally, fingerprint in (trust or {}).items()},
    )
    return page.encode()


def bundle_in(path: Path) -> BinaryIO:
    """Return the export in a file, at its start: the file itself, or what the page carries that it is.

    Raises:
        RecordBroken: a page without an export that can be read.
    """
    file = path.open("rb")
    if file.read(len(MAGIC)) == MAGIC or not (carried := _CARRIED.search(path.read_bytes())):
        file.seek(0)
        return file
    file.close()
    try:
        return io.BytesIO(base64.b64decode(carried[1], validate=True))
    except ValueError:
        raise RecordBroken("the page's export cannot be read", hint="Ask its exporter for the file again.") from None


def _charters(bundle: bytes) -> Iterator[Charter]:
    for item in bundle_items(io.BytesIO(bundle)):
        if isinstance(item, CharterItem):
            yield decode_struct(item.statement, Charter, size_max=STATEMENT_SIZE_MAX)


def _words() -> dict[str, object]:
    """Return what the script says, by token or English sentence, in both languages."""
    korean = translator("ko")
    words: dict[str, object] = {token: {"en": word.en, "ko": word.ko} for token, word in WORDS.items()}
    words |= {str(one.value): words[one.name.lower()] for one in Precedence}
    agreed = _("agreed, as far as it can be checked here")
    words["agreed"] = {"en": agreed, "ko": korean(agreed)}
    words |= {name: {"en": label, "ko": korean(label)} for name, label in FIELDS.items() if name not in WORDS}
    tokens = re.findall(r'"([a-z]+(?:-[a-z0-9]+)+)"', _text("verify.js") + _text("forms.json"))
    words |= {token: {"en": token, "ko": korean(token)} for token in tokens if token not in words}  # reasons without a sentence
    words |= {reason: {"en": sentence, "ko": korean(sentence)} for reason, sentence in REASONS.items() if reason not in WORDS}
    return words


def _json(value: object) -> Markup:
    """Return JSON that can stand inside a script element."""
    return Markup(msgspec.json.encode(value).decode().replace("<", "\\u003c"))  # noqa: S704  no "<" is left in it


def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
