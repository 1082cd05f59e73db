"""People of councils and providers by name, and the two front doors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from marketplace.platform.actor import Actor, Role
from marketplace.settings import Settings
from tests.world.people import council, person_in, provider_org

Person = Callable[[str, Role], Awaitable[Actor]]
COUNCILS = {"Northgate", "Southmere", "Eastham"}


@pytest.fixture
def person(database: Settings) -> Person:
    """`await person("Northgate", "finance")`: somebody in that organisation, which is made when first named."""
    keepers: dict[str, Actor] = {}

    async def make(organisation: str, role: Role) -> Actor:
        if organisation not in keepers:
            register = council if organisation in COUNCILS else provider_org
            keepers[organisation] = await register(database, organisation)
        keeper = keepers[organisation]
        return keeper if role == keeper.role else await person_in(keeper, role)

    return make
