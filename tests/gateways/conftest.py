"""A small world for sending: a team with a brand, gateway, sender, rates and quota."""

from __future__ import annotations

import pytest

from tests.gateways.world import World, world_make


@pytest.fixture
def world(db: None) -> World:
    return world_make()
