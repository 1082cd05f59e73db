"""A borough with one provider and its two workers, and a package that is awarded or ready for its visits."""

from __future__ import annotations

import pytest

from marketplace.settings import Settings
from tests.world import packages, referrals


@pytest.fixture
async def world(database: Settings) -> referrals.World:
    return await referrals.borough(database, provider_names=("Alder Care",))


@pytest.fixture
async def case(world: referrals.World) -> packages.Case:
    """Awarded today, starting tomorrow, nothing set up."""
    return await packages.awarded(world)


@pytest.fixture
async def ready(case: packages.Case) -> packages.Case:
    """The same with its plan signed: visits may be planned."""
    await packages.signed_plan(case)
    return case
