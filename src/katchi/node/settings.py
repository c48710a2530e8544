"""What one government sets for its own node. Nothing here is agreed with anyone."""

from __future__ import annotations

from typing import Literal

import msgspec

from katchi.consult.duty import Duty
from katchi.record.fields import Mode

SECOND = 1_000_000


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A node's own settings; mode and ally are for life."""

    ally: str
    mode: Mode
    duty: Duty = Duty()
    join: Literal["paired", "ask"] = "paired"  # sign a charter of allies we have all paired with, or let an officer
    checkpoint_every_us: int = 50_000  # entries that bind no one are covered this much later, at most
    receipt_every_us: int = 50_000  # the first message is receipted at once, those that follow it this much later, at most
    journal_every_us: int = SECOND  # what was sent when is kept this much later, at most
    bytes_a_day_max: int = 8 * 1024**3  # read from one ally; beyond it the link to it is closed

    @property
    def usual_marking(self) -> str:
        """The marking of what is written without one."""
        return "EXERCISE" if self.mode == "exercise" else "UNCLASSIFIED"


class PairedAlly(msgspec.Struct, frozen=True, kw_only=True):
    """An ally whose invitation people here took, and how they compared it."""

    identity: bytes  # canonical bytes
    identity_signatures: tuple[bytes, ...]
    contact: bytes
    contact_signatures: tuple[bytes, ...]
    certificate: bytes  # DER
    compared: Literal["phrase", "fingerprint", "not compared"]
    paired_at: int
    address: str | None = None  # where we reach it, if not as its contact says
