"""Field types shared by the signed objects, with the limits of format 1 (constants of the format)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from katchi.record.canonical import INT_MAX

FORMAT = 1
HEADER_SIZE_MAX = 4 * 1024
BODY_SIZE_MAX = 64 * 1024
STATEMENT_SIZE_MAX = 256 * 1024
CHUNK_SIZE = 64 * 1024  # of a paper: its Merkle leaf; only the last may be shorter
MEMBERS_MAX = 32
ABOUT_MAX = 8

Format = Annotated[int, Meta(ge=1, le=1)]
Mode = Literal["live", "exercise"]
AllyId = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9-]{1,32}\Z")]
Token = Annotated[str, Meta(pattern=r"\A[a-z0-9.-]{1,48}\Z")]
SuiteToken = Annotated[str, Meta(pattern=r"\A[a-z0-9.+-]{1,48}\Z")]
Count = Annotated[int, Meta(ge=0, le=INT_MAX)]
Time = Annotated[int, Meta(ge=0, le=INT_MAX)]  # microseconds UTC
Digest = Annotated[bytes, Meta(min_length=32, max_length=48)]
Fingerprint = Annotated[bytes, Meta(min_length=32, max_length=32)]
Nonce = Annotated[bytes, Meta(min_length=32, max_length=32)]
Marking = Annotated[str, Meta(pattern=r"\A[ -~]{0,128}\Z")]
Title = Annotated[str, Meta(max_length=200)]
Key = Annotated[bytes, Meta(min_length=32, max_length=16 * 1024)]
