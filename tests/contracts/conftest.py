"""Two councils sharing a framework that charges for poor information, one apart, two providers on it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import pytest

from marketplace.platform.actor import Actor
from marketplace.settings import Settings
from tests.laid import Start, the_richest
from tests.world import frameworks, people, providers


@dataclass
class Place:
    """Who is there. `lead`, `other` and `partner` are contract managers of the framework's commissioners."""

    framework_id: UUID
    admin: Actor
    lead: Actor
    other: Actor
    partner: Actor
    apart: Actor
    manager: Actor
    coordinator: Actor
    rival: Actor

    @property
    def provider_id(self) -> UUID:
        assert self.manager.provider_id is not None
        return self.manager.provider_id

    @property
    def here(self) -> tuple[UUID, UUID]:
        """The contract as actions are asked for it."""
        return self.framework_id, self.provider_id


HOUR = 6_001  # pence, so that rounding shows


async def two_councils_and_a_rate(database: Settings) -> Place:
    admin = await people.council(database, "Northgate Council")
    partner = await people.council(database, "Southmere Council")
    apart = await people.council(database, "Eastham Council")
    framework_id = await frameworks.open_framework(
        admin, partners=[partner], answers={"settings.contracts.hour_pence": HOUR}
    )
    manager = await people.provider_org(database, "Kindly Care Ltd")
    rival = await people.provider_org(database, "Rival Care Ltd")
    for each in (manager, rival):
        await providers.in_good_order(each)
        await frameworks.admitted(admin, each, framework_id, ["A", "C"])
    return Place(
        framework_id,
        admin,
        await people.person_in(admin, "contract_manager", "Cora Manager"),
        await people.person_in(admin, "contract_manager", "Otto Manager"),
        await people.person_in(partner, "contract_manager"),
        await people.person_in(apart, "contract_manager"),
        manager,
        await people.person_in(manager, "coordinator"),
        rival,
    )


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start | None:
    return the_richest(request, place=two_councils_and_a_rate)


@pytest.fixture
def place(laid: Place) -> Place:
    return laid
