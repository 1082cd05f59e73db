"""A borough with one provider whose package runs, a finance officer, and a day in the middle of a billing period."""

from __future__ import annotations

from datetime import timedelta

import pytest

from marketplace.settings import Settings
from tests.laid import Start, the_richest
from tests.world import packages, people
from tests.world.billing import period_of
from tests.world.referrals import World, borough


async def one_provider(settings: Settings) -> World:
    return await borough(settings, provider_names=("Alder Care",))


async def running_package(settings: Settings) -> packages.Case:
    return await packages.set_up(await one_provider(settings))


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start | None:
    return the_richest(request, case=running_package, world=one_provider)


@pytest.fixture
def world(laid: packages.Case | World) -> World:
    return laid.world if isinstance(laid, packages.Case) else laid


@pytest.fixture
def case(laid: packages.Case) -> packages.Case:
    return laid


@pytest.fixture
async def finance(world):
    return await people.person_in(world.admin, "finance", "Finn Ance")


@pytest.fixture
async def first_day(case):
    """A day in the middle of the first billing period in which the package runs."""
    return (await period_of(case, (await case.package()).starts_on)).first_day + timedelta(days=30)
