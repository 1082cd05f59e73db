"""A borough with one provider whose package runs, a finance officer, and a day in the middle of a billing period."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.world import packages, people
from tests.world.billing import period_of
from tests.world.referrals import borough


@pytest.fixture
async def world(settings, database):
    return await borough(settings, provider_names=("Alder Care",))


@pytest.fixture
async def case(world):
    return await packages.set_up(world)


@pytest.fixture
async def finance(world):
    return await people.person_in(world.admin, "finance", "Finn Ance")


@pytest.fixture
async def first_day(case):
    """A day in the middle of the first billing period in which the package runs."""
    return (await period_of(case, (await case.package()).starts_on)).first_day + timedelta(days=30)
