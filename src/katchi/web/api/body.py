"""Reading what was sent: one JSON object of a known shape, or an error that names the field.

Nothing is guessed: a field that the shape does not have is refused, and so is "5" for 5.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from katchi.errors import Malformed
from katchi.web.visit import Visit

Shape = TypeVar("Shape", bound=msgspec.Struct)
SEE_FIELDS = "`/schema` lists the fields that it takes."
_FIELD = re.compile(r"Object (missing required|contains unknown) field `(.*?)`(?: - at `\$\.?(.*)`)?\Z", re.DOTALL)
_AT = re.compile(r"(.*) - at `\$\.?(.*)`\Z", re.DOTALL)


class Seated(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who acts."""

    post: Annotated[
        str | None, Meta(description="The post that acts: with the node's own token alone. Its first post if not given.")
    ] = None
    by: Annotated[str | None, Meta(description="The officer's name: with the node's own token alone.")] = None


def seat_of(visit: Visit, body: Seated) -> tuple[str | None, str | None]:
    """Return the post and the officer that act: those of the session, else (with the node's token) as the body says.

    Raises:
        Malformed: a session cannot act for another post or officer.
    """
    officer = visit.officer
    if officer is None:  # the door has seen the node's own token
        return body.post, body.by
    for name, given, held in (("post", body.post, officer.post), ("by", body.by, officer.name)):
        if given not in (None, held):
            raise Malformed(
                "your session says who acts: '{name}' cannot be '{given}'",
                hint="Leave '{name}' out, or sign in at that post.",
                name=name,
                given=given,
                field=name,
            )
    return officer.post, officer.name


async def read_body(visit: Visit, shape: type[Shape]) -> Shape:
    """Return what was sent; nothing at all stands for an empty object.

    Raises:
        Malformed: it is not JSON, or not of that shape.
    """
    return read_as(await visit.request.body(), shape)


def read_as(data: bytes, shape: type[Shape]) -> Shape:
    """Return JSON as a shape.

    Raises:
        Malformed: it is not JSON, or not of that shape.
    """
    try:
        return msgspec.json.decode(data or b"{}", type=shape)
    except msgspec.ValidationError as error:
        raise _misfit(str(error), shape) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed("the body is not JSON: {error}", hint="Send one JSON object in UTF-8.", error=str(error)) from None


def _misfit(said: str, shape: type[Any]) -> Malformed:
    if found := _FIELD.match(said):
        name = f"{found[3]}.{found[2]}" if found[3] else found[2]
        if found[1] == "missing required":
            return Malformed("the field '{name}' is missing", hint=SEE_FIELDS, name=name, field=name)
        if found[3]:
            return Malformed("there is no field '{name}' here", hint=SEE_FIELDS, name=name, field=name)
        fields = ", ".join(shape.__struct_fields__)
        return Malformed(
            "there is no field '{name}' here", hint="Its fields are: {fields}.", name=name, fields=fields, field=name
        )
    if found := _AT.match(said):
        return Malformed(
            "the field '{name}' cannot be that: {error}", hint=SEE_FIELDS, name=found[2], error=found[1], field=found[2]
        )
    return Malformed("the body is not one JSON object", hint=SEE_FIELDS)
