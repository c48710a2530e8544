"""Why a node reads no more from its peer: a last frame to it, and what that frame says to people there.

Reasons are tokens of docs/spec/link.md; one that is not known here is shown as it came, with its detail.
"""

from __future__ import annotations

from katchi.errors import KatchiError, LinkFailed, LinkRefused
from katchi.link import frames as f

DETAIL_LENGTH_MAX = 300


def last_frame(error: KatchiError) -> bytes | None:
    """Return what the peer is told before the bearer is closed for `error`; None if it is told nothing."""
    if not isinstance(error, LinkRefused) or error.parameters["reason"] == "hello-missing":
        return None  # whoever says no hello hears nothing
    return f.write_frame(f.Fault(str(error.parameters["reason"]), str(error)[:DETAIL_LENGTH_MAX]))


def told(ally: str, fault: f.Fault) -> LinkFailed:
    """Return what `ally`'s last frame tells us, in words."""
    hint = "Ask {ally}'s secretariat; the link is tried again by itself."
    match fault.reason:
        case "other-mode":
            message = "{ally}'s node refuses the link: it is of another mode than this one"
            hint = "A node is live or exercise for life: pair the right one."
        case "other-identity":
            message = "{ally}'s node refuses the link: this node has another identity than was paired there"
            hint = "Compare fingerprints again: `katchi node show DIR` on both sides."
        case "no-common-version":
            message = "{ally}'s node refuses the link: it speaks no version of it that this node speaks"
            hint = "Update the older node."
        case "day-limit":
            message = "{ally}'s node reads no more from us today: we sent more bytes than it takes in a day"
            hint = "What waits here is kept, and sent tomorrow (UTC). {ally} can raise bytes_a_day_max in its settings.toml."
        case "frame-malformed":
            message = "{ally}'s node could not read a frame of ours"
            hint = "The link is tried again by itself. If it goes on, compare versions with `katchi link status`."
        case _:
            message = "{ally}'s node reads no more from us: {reason} {detail}"
    return LinkFailed(message, hint=hint, ally=ally, reason=fault.reason, detail=fault.detail)
