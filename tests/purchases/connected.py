"""The world of money on its way: a family that bought, cards at localstripe, accounts and transfers as recorded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from marketplace.settings import Settings
from tests.laid import Start, the_richest
from tests.purchases.test_money_back import charging
from tests.world import packages
from tests.world.bought import with_cards
from tests.world.localstripe import LocalStripe, localstripe
from tests.world.recorded_connect import RecordedConnect, recorded_connect


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start | None:
    return the_richest(request, case=charging)


@pytest.fixture
def case(laid: packages.Case) -> packages.Case:
    return laid


@pytest.fixture(scope="module")
def local() -> Iterator[LocalStripe]:
    with localstripe() as there:
        yield there


@pytest.fixture
def connect(local: LocalStripe) -> Iterator[RecordedConnect]:
    with recorded_connect(local.behind) as running:
        yield running


@pytest.fixture
def cards(database: Settings, connect: RecordedConnect) -> Settings:
    return with_cards(database, connect.url)
