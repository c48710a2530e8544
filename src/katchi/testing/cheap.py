"""The signatures of rehearsals, which simulated alliances use too: see rehearse/cheap.py."""

from __future__ import annotations

from katchi.rehearse.cheap import SUITES, CheapSigner, CheapSuite

__all__ = ["SUITES", "CheapSigner", "CheapSuite"]
