"""How two nodes greet each other: what each says of itself in `hello`, and what both then speak.

Another mode, ally or identity than was paired is refused here, before a frame of any room is read.
"""

from __future__ import annotations

import msgspec

from katchi import __version__
from katchi.errors import LinkRefused
from katchi.link import frames as f
from katchi.record.fields import FORMAT, Mode


class Us(msgspec.Struct, frozen=True):
    """What our hello says of this node."""

    mode: Mode
    ally: str
    fingerprint: bytes
    versions: tuple[int, ...] = f.VERSIONS
    features: tuple[str, ...] = f.FEATURES


def hello_of(us: Us, now: int) -> f.Hello:
    """Return the first frame that we send on a bearer that came up."""
    return f.Hello(
        versions=us.versions,
        features=us.features,
        reads=(FORMAT,),
        software=f"katchi {__version__}",
        mode=us.mode,
        ally=us.ally,
        identity=us.fingerprint,
        now=now,
    )


def agreed(us: Us, ally: str, fingerprint: bytes, hello: f.Hello) -> tuple[int, frozenset[str]]:
    """Return the version and the features that both sides speak.

    Raises:
        LinkRefused: another mode, ally or identity than was paired, or no version in common.
    """
    if hello.mode != us.mode:
        raise LinkRefused(
            "{ally}'s node is of mode {mode}, this one is not",
            hint="A node is live or exercise for life: pair the right one.",
            ally=ally,
            mode=hello.mode,
            reason="other-mode",
        )
    if (hello.ally, hello.identity) != (ally, fingerprint):
        raise LinkRefused(
            "the node that answers for {ally} has another identity than was paired",
            hint="Compare fingerprints again: `katchi node show DIR` on both sides.",
            ally=ally,
            reason="other-identity",
        )
    common = [version for version in us.versions if version in hello.versions]
    if not common:
        raise LinkRefused(
            "{ally}'s node and this one speak no common version of the link",
            hint="Update the older node.",
            ally=ally,
            reason="no-common-version",
        )
    return max(common), frozenset(us.features) & frozenset(hello.features)
