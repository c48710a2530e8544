"""Every error that katchi shows, split by who is at fault.

    KatchiError
    ├── Malformed        the input cannot be read: fix it and try again
    ├── Refused          the rules do not allow this act now; nothing was written
    ├── NotFound         nothing here goes by that name
    ├── NotTrusted       a key, fingerprint or phrase is not the one expected
    ├── Unverified       a signed thing does not hold; `reason` is a token of docs/spec/record.md
    ├── RecordBroken     what is stored does not verify any more
    ├── StoreFailed      the disk did not take it: nothing of it was kept
    ├── NodeBusy         another process holds this node's directory
    └── LinkFailed       the ally's node did not answer, or not as agreed

A message is a template and its parameters, so that one error reads in the language of whoever
sees it. It says what happened and where; `hint` says what still holds and what to type next.
"""

from __future__ import annotations

from collections.abc import Callable

Parameter = str | int | float | None
SPOKEN = frozenset({"what", "stance", "act", "open"})  # parameters in katchi's own words, not quoted from the input


class KatchiError(Exception):
    """Base of all errors that are shown to people.

    Args:
        message: English template, a key of the catalogue, with {named} parameters.
        hint: English template of what to do next, with the same parameters.
        parameters: values quoted from the input; never a secret.
    """

    exit_status = 1
    http_status = 500

    def __init__(self, message: str, *, hint: str = "", **parameters: Parameter) -> None:
        self.message, self.hint_template, self.parameters = message, hint, parameters
        super().__init__(message.format(**parameters))

    @property
    def hint(self) -> str:
        """What to do next, in English."""
        return self.hint_template.format(**self.parameters)

    def said(self, translate: Callable[[str], str]) -> tuple[str, str]:
        """Return the message and its hint in the language of `translate`."""
        hint = translate(self.hint_template) if self.hint_template else ""
        values = {name: translate(v) if name in SPOKEN and isinstance(v, str) else v for name, v in self.parameters.items()}
        return translate(self.message).format(**values), hint.format(**values)


class Malformed(KatchiError):
    """The input cannot be read as what it should be."""

    exit_status, http_status = 2, 400


class Refused(KatchiError):
    """Our own rules do not allow this act now. Nothing was written."""

    exit_status, http_status = 3, 409


class NotFound(KatchiError):
    """Nothing here goes by that name."""

    exit_status, http_status = 4, 404


class NotTrusted(KatchiError):
    """A key, fingerprint or pairing phrase is not the one that people compared."""

    exit_status, http_status = 6, 403


class Unverified(KatchiError):
    """A signed object does not hold.

    Args:
        reason: the name of the failure, as docs/spec/record.md lists it.
    """

    exit_status, http_status = 5, 422

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        super().__init__(
            "does not verify ({reason}) {detail}",
            hint="docs/spec/record.md says what {reason} means. Nothing of it was taken over.",
            reason=reason,
            detail=detail,
        )


class RecordBroken(KatchiError):
    """What is stored or exported does not verify."""

    exit_status, http_status = 5, 502


class StoreFailed(KatchiError):
    """The disk did not take a batch; nothing of it was kept."""

    exit_status, http_status = 7, 507


class NodeBusy(KatchiError):
    """Another process holds this node's directory."""

    exit_status, http_status = 8, 423


class LinkFailed(KatchiError):
    """An ally's node, or our own running one, did not answer, or not as agreed."""

    exit_status, http_status = 9, 502
