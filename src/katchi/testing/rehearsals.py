"""What tests give to rehearsals: signatures that cost a microsecond, so that hundreds are played in seconds."""

from __future__ import annotations

from katchi.rehearse.founding import Ports
from katchi.store.memory import MemoryStore
from katchi.testing.cheap import SUITES, CheapSigner, CheapSuite

PORTS = Ports(
    suite=CheapSuite.token,
    suites=SUITES,
    signer_of=lambda ally: CheapSigner(f"rehearsal {ally}".encode()),
    new_store=MemoryStore,
    copy_of=lambda store: MemoryStore(store.snapshot()),
)
