"""A borough with three providers on lot C, and a family of it that has a direct payment."""

from __future__ import annotations

import pytest

from tests.laid import Start, the_richest
from tests.world import purchases


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start | None:
    return the_richest(request, bought=purchases.bought, buyers=purchases.buyers, home=purchases.household)


@pytest.fixture
def home(laid: purchases.Household) -> purchases.Household:
    return laid


@pytest.fixture
def buyers(laid: purchases.Household) -> purchases.Household:
    return laid


@pytest.fixture
def bought(laid: purchases.Bought) -> purchases.Bought:
    return laid
