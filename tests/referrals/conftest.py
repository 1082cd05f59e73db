"""A borough with three providers on lot C, for the tests of referrals."""

from __future__ import annotations

import pytest

from tests.laid import Start, the_richest
from tests.world import referrals


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start | None:
    return the_richest(request, world=referrals.borough)


@pytest.fixture
def world(laid: referrals.World) -> referrals.World:
    return laid
