"""Two councils sharing a framework, one apart, two providers on it: all made through the actions people use."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import pytest

from marketplace.frameworks.queries import pack_of
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask
from marketplace.policy.pack import Pack
from marketplace.settings import Settings
from tests.laid import Start, the_richest
from tests.world import frameworks, people, providers


@dataclass
class Place:
    """Who is there. `lead` and `partner` are contract managers of the framework's commissioners, `apart` of another."""

    framework_id: UUID
    pack: Pack
    lead: Actor
    partner: Actor
    apart: Actor
    manager: Actor
    coordinator: Actor
    rival: Actor

    @property
    def provider_id(self) -> UUID:
        assert self.manager.provider_id is not None
        return self.manager.provider_id


async def two_councils_sharing(database: Settings) -> Place:
    admin = await people.council(database, "Northgate Council")
    partner = await people.council(database, "Southmere Council")
    apart = await people.council(database, "Eastham Council")
    framework_id = await frameworks.open_framework(admin, partners=[partner])
    manager = await people.provider_org(database, "Kindly Care Ltd")
    rival = await people.provider_org(database, "Rival Care Ltd")
    for each in (manager, rival):
        await providers.in_good_order(each)
        await frameworks.admitted(admin, each, framework_id, ["A", "C"])
    return Place(
        framework_id,
        await ask(admin, pack_of, framework_id),
        await people.person_in(admin, "contract_manager"),
        await people.person_in(partner, "contract_manager"),
        await people.person_in(apart, "contract_manager"),
        manager,
        await people.person_in(manager, "coordinator"),
        rival,
    )


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start | None:
    return the_richest(request, place=two_councils_sharing)


@pytest.fixture
def place(laid: Place) -> Place:
    return laid
