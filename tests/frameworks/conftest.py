"""People of two councils and two providers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import uuid4

import asyncpg
import pytest

from marketplace.platform.actor import Actor, OrganisationKind, Role

Person = Callable[[str, Role], Awaitable[Actor]]
COUNCILS = {"Northgate", "Southmere", "Eastham"}


@pytest.fixture
def person(migrator: asyncpg.Connection) -> Person:
    """`await person("Northgate", "finance")`: somebody in that organisation, which is made when first named."""
    organisations: dict[str, object] = {}

    async def make(organisation: str, role: Role) -> Actor:
        kind: OrganisationKind = "commissioner" if organisation in COUNCILS else "provider"
        if organisation not in organisations:
            organisations[organisation] = await migrator.fetchval(
                "INSERT INTO organisation (kind, name, short_name) VALUES ($1, $2, $2) RETURNING id", kind, organisation
            )
            if kind == "provider":
                await migrator.execute(
                    "INSERT INTO provider (id, legal_name) VALUES ($1, $2)", organisations[organisation], organisation
                )
        name = f"{role.replace('_', ' ').title()} of {organisation}"
        person_id = await migrator.fetchval(
            "INSERT INTO person (name, email) VALUES ($1, $2) RETURNING id", name, f"{uuid4().hex}@example.org"
        )
        await migrator.execute(
            "INSERT INTO membership (person_id, organisation_id, role) VALUES ($1, $2, $3)",
            person_id, organisations[organisation], role,
        )  # fmt: skip
        return Actor(person_id, name, role, organisations[organisation], organisation, kind)  # type: ignore[arg-type]

    return make
