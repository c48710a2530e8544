"""What an officer filled into a form: its texts, times and papers, as commands take them.

A field that cannot be read is an error that names the field; what was typed stays as it was typed, so
that the form can come back with all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import msgspec
from litestar.datastructures import FormMultiDict, UploadFile

from katchi.consult.acts import Paper
from katchi.errors import Faults, KatchiError, Malformed
from katchi.serve.clock import time_of
from katchi.vocabulary import Form, Precedence
from katchi.web.speech import ZONES

NOT_SAID = frozenset({"csrf", "draft", "number", "back"})  # what a form carries beside what it says
KEPT_PAPER = "paper-"  # name of a field that names a paper kept before: paper-0, paper-1 ...
PAPERS_MAX = 16


class Sheet:
    """One form as it was sent: `values` holds every text that was typed, `faults` what of it could not be read."""

    def __init__(self, fields: FormMultiDict) -> None:
        self.values: dict[str, str] = {}
        self.files: list[UploadFile] = []
        self.faults = Faults()
        for name, value in fields.items():  # in the order of the page; `multi_items` has none
            if isinstance(value, UploadFile):
                self.files.append(value)
            elif isinstance(value, str):
                self.values[name] = value.replace("\r\n", "\n")  # browsers send a text's line breaks as CR LF

    @property
    def number(self) -> str:
        """What makes the form good once."""
        return self.values.get("number", "")

    @property
    def content(self) -> bytes:
        """A digest of what the form says."""
        said = sorted((name, text) for name, text in self.values.items() if name not in NOT_SAID)
        files = [(file.filename, file.file.seek(0, 2)) for file in self.files]
        return sha256(msgspec.msgpack.encode((said, files))).digest()

    def text(self, name: str) -> str:
        """Return a text as it was typed, without white space around it; the rules say whether it may be empty."""
        return self.values.get(name, "").strip()

    def optional(self, name: str) -> str | None:
        """Return a text that may be left out: None if it was."""
        return self.text(name) or None

    def lines(self, name: str) -> tuple[str, ...]:
        """Return the lines of a text that are not empty."""
        return tuple(line.strip() for line in self.text(name).split("\n") if line.strip())

    def time(self, name: str, now: int) -> int | None:
        """Return a time that may be left out; one without a zone is in the zone chosen beside it. None if it is no time."""
        typed = self.text(name)
        if not typed:
            return None
        zone = next((zone.zone for zone in ZONES if zone.zone.key == self.values.get(f"{name}_zone")), None)
        with self.faults:
            try:
                return time_of(typed, now=now, zone=zone)
            except KatchiError as error:
                error.field = name
                raise
        return None

    @property
    def precedence(self) -> Precedence:
        """How soon it must be handled: one of the four, else a fault."""
        with self.faults:
            try:
                return Precedence[self.values.get("precedence", "").upper()]
            except KeyError:
                raise _not_a_choice("precedence") from None
        return Precedence.ROUTINE

    @property
    def form(self) -> Form:
        """In which form to consult: one of the three, else a fault."""
        with self.faults:
            try:
                return Form(self.values.get("form", ""))
            except ValueError:
                raise _not_a_choice("form") from None
        return Form.EXCHANGE

    def digest(self, name: str) -> bytes | None:
        """Return an id that was chosen; None if none was.

        Raises:
            Malformed: it is not an id.
        """
        try:
            return bytes.fromhex(self.text(name)) or None
        except ValueError:
            raise _not_a_choice(name) from None

    # Papers that were kept before the form came back: their names stand in it, ticked.

    @property
    def kept_papers(self) -> tuple[Paper, ...]:
        """The papers that an earlier attempt has kept, and that are still ticked.

        Raises:
            Malformed: one is not named as we name it.
        """
        return tuple(kept_papers(self.values).values())

    def note_kept(self, papers: tuple[Paper, ...]) -> None:
        """Name the papers that are kept in the form, so that it comes back with them."""
        for name in [name for name in self.values if name.startswith(KEPT_PAPER)]:
            del self.values[name]
        for number, paper in enumerate(papers):
            self.values[f"{KEPT_PAPER}{number}"] = f"{paper.root.hex()} {paper.size} {paper.name}"

    async def close(self) -> None:
        """Let go of the files that were sent."""
        for file in self.files:
            await file.close()


def kept_papers(values: Mapping[str, str]) -> dict[str, Paper]:
    """Return the papers that a form, or its draft, names as kept, by the names of their fields.

    Raises:
        Malformed: one is not named as we name it.
    """
    names = sorted((name for name in values if name.startswith(KEPT_PAPER)), key=lambda name: (len(name), name))
    return {name: _kept_paper(values[name]) for name in names}


def too_many_papers() -> Malformed:
    """Return the error that a form has more papers than one act may name."""
    return Malformed(
        "one act names at most {limit} papers", hint="Attach the others to another act.", field="papers", limit=PAPERS_MAX
    )


def _kept_paper(text: str) -> Paper:
    root, _, rest = text.partition(" ")
    size, _, name = rest.partition(" ")
    try:
        return msgspec.convert({"root": bytes.fromhex(root), "size": int(size), "name": name}, Paper, builtin_types=(bytes,))
    except (ValueError, msgspec.ValidationError):
        raise Malformed("a paper of this form is not named as it must be", hint="Attach it again.", field="papers") from None


def _not_a_choice(field: str) -> Malformed:
    return Malformed("that is not one of the choices", hint="Choose one of those shown.", field=field)
