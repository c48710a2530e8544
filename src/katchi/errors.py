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
        └── LinkRefused  we read no more from it, and tell it why

A message is a template and its parameters, so that one error reads in the language of whoever
sees it. It says what happened and where; `hint` says what still holds and what to type next.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping

Parameter = str | int | float | None
Translate = Callable[[str], str]
# Parameters in katchi's own words, not quoted from the input; "error" and "reason" where the catalogue has them.
SPOKEN = frozenset({"what", "stance", "act", "open", "error", "reason"})


def sayable(text: str) -> str:
    """Return `text`: it is shown to people, so the catalogue has it (tools/catalogue.py)."""
    return text


OS_REASONS: Mapping[int, str] = {
    errno.EACCES: sayable("Permission denied"),
    errno.EPERM: sayable("Operation not permitted"),
    errno.EADDRINUSE: sayable("Address already in use"),
    errno.EADDRNOTAVAIL: sayable("Cannot assign requested address"),
    errno.ECONNREFUSED: sayable("Connection refused"),
    errno.ECONNRESET: sayable("Connection reset by peer"),
    errno.ECONNABORTED: sayable("Connection aborted"),
    errno.EPIPE: sayable("Broken pipe"),
    errno.EDQUOT: sayable("Disk quota exceeded"),
    errno.EEXIST: sayable("File exists"),
    errno.EHOSTUNREACH: sayable("No route to host"),
    errno.ENETUNREACH: sayable("Network is unreachable"),
    errno.EIO: sayable("Input/output error"),
    errno.EISDIR: sayable("Is a directory"),
    errno.ENOTDIR: sayable("Not a directory"),
    errno.ENOTEMPTY: sayable("Directory not empty"),
    errno.EMFILE: sayable("Too many open files"),
    errno.ENAMETOOLONG: sayable("File name too long"),
    errno.ENOENT: sayable("No such file or directory"),
    errno.ENOSPC: sayable("No space left on device"),
    errno.EROFS: sayable("Read-only file system"),
    errno.ETIMEDOUT: sayable("Connection timed out"),
}

# Numbered as each libc likes, so known by their words.
RESOLVER_REASONS = (sayable("Name or service not known"), sayable("Temporary failure in name resolution"))


def os_reason(error: OSError) -> str:
    """Return why the system refused: in words that the catalogue has, else in the system's own."""
    return OS_REASONS.get(error.errno or 0) or error.strerror or type(error).__name__


class Sentence:
    """A template of the catalogue and its parameters: what is said, in whatever language it is shown."""

    __slots__ = ("parameters", "template")

    def __init__(self, template: str, /, **parameters: Parameter) -> None:
        self.template, self.parameters = template, parameters

    @classmethod
    def of(cls, error: KatchiError) -> Sentence:
        """Return what an error says happened."""
        return error.detail if isinstance(error, Unverified) else cls(error.message, **error.parameters)

    def __str__(self) -> str:
        return self.template.format(**self.parameters)

    def __repr__(self) -> str:
        return f"Sentence({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, Sentence | str) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))

    def said(self, translate: Translate) -> str:
        """Return it in the language of `translate`."""
        return translate(self.template).format(**_spoken(self.parameters, translate))


def _spoken(parameters: Mapping[str, Parameter], translate: Translate) -> dict[str, Parameter]:
    return {name: translate(value) if name in SPOKEN and isinstance(value, str) else value for name, value in parameters.items()}


class KatchiError(Exception):
    """Base of all errors that are shown to people.

    Args:
        message: English template, a key of the catalogue, with {named} parameters.
        hint: English template of what to do next, with the same parameters.
        field: name of the field of a command or form that is at fault, where one is; no part of the text.
        parameters: values quoted from the input; never a secret.
    """

    exit_status = 1
    http_status = 500

    def __init__(self, message: str, *, hint: str = "", field: str = "", **parameters: Parameter) -> None:
        self.message, self.hint_template, self.field, self.parameters = message, hint, field, parameters
        super().__init__(message.format(**parameters))

    @property
    def hint(self) -> str:
        """What to do next, in English."""
        return self.hint_template.format(**self.parameters)

    def said(self, translate: Translate) -> tuple[str, str]:
        """Return the message and its hint in the language of `translate`."""
        hint = translate(self.hint_template) if self.hint_template else ""
        values = _spoken(self.parameters, translate)
        return translate(self.message).format(**values), hint.format(**values)


class Malformed(KatchiError):
    """The input cannot be read as what it should be; `others` is what else is wrong with it."""

    exit_status, http_status = 2, 400
    others: tuple[Malformed, ...] = ()

    @property
    def each(self) -> tuple[Malformed, ...]:
        """Everything that is wrong, in the order of the fields."""
        return (self, *self.others)


class Faults:
    """Gathers what is wrong with an input, so that whoever gave it is told of all at once: `with faults:` around each check."""

    def __init__(self) -> None:
        self._found: list[Malformed] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        if not isinstance(error, Malformed):
            return False
        self._found += error.each
        return True

    def require_none(self) -> None:
        """Raise the first with all others, if there is any.

        Raises:
            Malformed: something is wrong.
        """
        first = {(error.field, error.message): error for error in reversed(self._found)}  # one fault is told once
        if first:
            error, *others = reversed(first.values())
            error.others = tuple(others)
            raise error


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
        detail: English template of what does not hold, with {named} parameters.
    """

    exit_status, http_status = 5, 422

    def __init__(self, reason: str, detail: str = "", **parameters: Parameter) -> None:
        self.reason, self.detail = reason, Sentence(detail, **parameters)
        super().__init__(
            "does not verify ({reason}) {detail}",
            hint="docs/spec/record.md says what {reason} means. Nothing of it was taken over.",
            reason=reason,
            detail=str(self.detail),
        )

    def said(self, translate: Translate) -> tuple[str, str]:
        """Return the message and its hint in the language of `translate`."""
        message, hint = translate(self.message), translate(self.hint_template)
        detail = self.detail.said(translate) if self.detail.template else ""
        return message.format(reason=translate(self.reason), detail=detail), hint.format(reason=self.reason)


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


class LinkRefused(LinkFailed):
    """We read no more from an ally's node; the parameter `reason`, a token of docs/spec/link.md, is told to it."""
