"""Who is attacked, and by whom: fixtures for tests/security; attacker.py has what they are made of."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from attacker import Node, a_real_ally

from katchi.consult import rules
from katchi.link import frames as f
from katchi.record.charter import Room
from katchi.testing.builders import Ally, a_room


@pytest.fixture(scope="session")
def azure() -> Ally:
    """The ally that is attacked."""
    return a_real_ally("azure")


@pytest.fixture(scope="session")
def birch() -> Ally:
    """A paired ally whose node is in the attacker's hands."""
    return a_real_ally("birch")


@pytest.fixture(scope="session")
def cedar() -> Ally:
    """Another ally."""
    return a_real_ally("cedar")


@pytest.fixture(scope="session")
def room(azure: Ally, birch: Ally) -> Room:
    """The room of azure and birch."""
    return a_room(azure, birch)


@pytest.fixture
def attacked(azure: Ally, birch: Ally, room: Room) -> SimpleNamespace:
    """azure's node with birch's on the link, in a room of both (`room`) and with a secret of its own."""
    node = Node(azure, birch)
    node.greet(birch)
    node.take("birch", f.CharterFrame(room.signed))
    secret = node.do(rules.Open(subject="a secret of azure", room=node.national))
    return SimpleNamespace(node=node, room=room, secret=secret.digest)
