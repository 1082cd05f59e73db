"""A borough with one provider and its two workers, and a package that is awarded or ready for its visits."""

from __future__ import annotations

import pytest

from marketplace.settings import Settings
from tests.laid import Start, the_richest
from tests.world import packages, referrals


async def one_provider(settings: Settings) -> referrals.World:
    return await referrals.borough(settings, provider_names=("Alder Care",))


async def just_awarded(settings: Settings) -> packages.Case:
    return await packages.awarded(await one_provider(settings))


async def planned(settings: Settings) -> packages.Case:
    case = await just_awarded(settings)
    await packages.signed_plan(case)
    return case


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start | None:
    return the_richest(request, ready=planned, case=just_awarded, world=one_provider)


@pytest.fixture
def world(laid: packages.Case | referrals.World) -> referrals.World:
    return laid.world if isinstance(laid, packages.Case) else laid


@pytest.fixture
def case(laid: packages.Case) -> packages.Case:
    """Awarded today, starting tomorrow, nothing set up."""
    return laid


@pytest.fixture
def ready(laid: packages.Case) -> packages.Case:
    """The same with its plan signed: visits may be planned."""
    return laid
