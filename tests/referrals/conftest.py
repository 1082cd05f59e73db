"""A borough with three providers on lot C, for the tests of referrals."""

from __future__ import annotations

import pytest

from marketplace.settings import Settings
from tests.world import referrals


@pytest.fixture
async def world(database: Settings) -> referrals.World:
    return await referrals.borough(database)
